"""Ops that merge several tensors into one."""

from collections.abc import Sequence
from typing import ClassVar

from archdsl.ops.base import Call, Example, Op, OpError, SavedForBackward, Shape, Traits, broadcast_conflict, show
from archdsl.ops.index_sets import ALL, Positions
from archdsl.ops.receptive_field import POINTWISE

_TWO = ((4, 4, 6), (4, 4, 6))


class Merge(Op, kind="merge"):
    """Base class of the merges. The inputs are the paths in order, then the shortcut.

    With `shortcut_first`, the shortcut comes before the paths. With `shortcut_last`, it must not come first.
    """

    many = True
    depends_on = POINTWISE
    shortcut_first: ClassVar[bool] = False
    shortcut_last: ClassVar[bool] = False

    def broadcasted(self, inputs: Sequence[Shape]) -> Shape:
        """The shape of the output if the inputs are broadcast."""
        if pair := broadcast_conflict(inputs):
            hint = "make their axes equal; only an axis of size 1 is broadcast"
            raise OpError(f"merge '{self.name}' cannot broadcast {show(pair[0])} over {show(pair[1])}", hint=hint)
        rank = max(map(len, inputs))
        aligned = ((1,) * (rank - len(x)) + x for x in inputs)
        return tuple(map(max, zip(*aligned, strict=True)))


class Elementwise(Merge):
    """Base class of the merges that broadcast only on request.

    Args:
        broadcast: whether to broadcast axes of size 1, as `multiply` does; otherwise the shapes must be equal.
    """

    traits = Traits(elementwise=True)
    broadcast: bool = False
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _TWO, _TWO[0]),
        Example({}, (*_TWO, _TWO[0]), _TWO[0]),
        Example({"broadcast": True}, ((4, 4, 1), (6,), _TWO[0]), _TWO[0]),
    )

    def output(self, *inputs: Shape) -> Shape:
        if self.broadcast:
            return self.broadcasted(inputs)
        if len(set(inputs)) > 1:
            hint = "give all parts the same shape"
            hint += ", or broadcast them with `broadcast: true`" if not broadcast_conflict(inputs) else ""
            raise OpError(f"merge '{self.name}' needs equal shapes", hint=hint)
        return inputs[0]

    def keras(self) -> Call:
        return Call(self.keras_layer)  # Keras always broadcasts


class Add(Elementwise, name="add", layer="layers.Add"):
    """Element-wise sum of the inputs. Equal shapes -> the same shape. Keras `Add`; He et al. 2015."""

    traits = Traits(elementwise=True, shifts=True, values="same_sign")
    sign = "+"


class Average(Elementwise, name="average", layer="layers.Average"):
    """Element-wise average of the inputs. Equal shapes -> the same shape. Keras `Average`."""

    traits = Traits(elementwise=True, shifts=True, values="between")
    sign = "ø"


class Maximum(Elementwise, name="maximum", layer="layers.Maximum"):
    """Element-wise maximum of the inputs. Equal shapes -> the same shape. Keras `Maximum`; Goodfellow et al. 2013."""

    traits = Traits(elementwise=True, values="between")
    sign = "max"
    saved = SavedForBackward(inputs=True)


class Minimum(Elementwise, name="minimum", layer="layers.Minimum"):
    """Element-wise minimum of the inputs. Equal shapes -> the same shape. Keras `Minimum`."""

    traits = Traits(elementwise=True, values="between")
    sign = "min"
    saved = SavedForBackward(inputs=True)


class Subtract(Elementwise, name="subtract", layer="layers.Subtract"):
    """Element-wise difference: the first input minus the second. Equal shapes -> the same shape. Keras `Subtract`."""

    traits = Traits(elementwise=True, shifts=True)
    sign = "−"
    shortcut_last = True
    examples = (Example({}, _TWO, _TWO[0]), Example({"broadcast": True}, ((4, 4, 6), (6,)), (4, 4, 6)))

    def output(self, *inputs: Shape) -> Shape:
        if len(inputs) != 2:
            raise OpError(f"merge 'subtract' expects two inputs, got {len(inputs)}")
        return super().output(*inputs)


class Multiply(Merge, name="multiply", layer="layers.Multiply"):
    """Element-wise product of the inputs. Shapes equal except for axes of size 1 -> the largest of each axis.

    Keras `Multiply`; Hu et al. 2018. Axes of size 1 are broadcast: (1, 1, C) or (C,) scales the channels of (H, W, C),
    and (H, W, 1) its positions.
    """

    traits = Traits(elementwise=True, stretches=True, values="same_sign")
    sign = "×"
    saved = SavedForBackward(inputs=True)
    broadcast: ClassVar[bool] = True
    examples = (
        Example({}, _TWO, _TWO[0]),
        Example({}, ((6,), (4, 4, 6)), (4, 4, 6)),
        Example({}, ((4, 4, 6), (1, 1, 6)), (4, 4, 6)),
        Example({}, ((4, 4, 1), (4, 4, 6)), (4, 4, 6)),
        Example({}, ((4, 1), (1, 6)), (4, 6)),
    )

    def output(self, *inputs: Shape) -> Shape:
        return self.broadcasted(inputs)


class Concat(Merge, name="concat", layer="layers.Concatenate"):
    """Concatenates the inputs along the channel axis. Shapes equal except for the channels -> (H, W, sum of C).

    Keras `Concatenate`; Szegedy et al. 2014, Huang et al. 2017.
    """

    traits = Traits(shifts=True, values="between")
    sign = "C"
    shortcut_first = True
    examples = (Example({}, ((4, 4, 6), (4, 4, 2)), (4, 4, 8)), Example({}, ((3,), (2,), (1,)), (6,)))

    def output(self, *inputs: Shape) -> Shape:
        if len({x[:-1] for x in inputs}) > 1 or not inputs[0]:
            hint = "give all parts the same height and width"
            raise OpError("merge 'concat' needs shapes that are equal except for the channels", hint=hint)
        return (*inputs[0][:-1], sum(x[-1] for x in inputs))

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        found, start = [], 0
        for x in inputs:
            found.append((*needed[:-1], ALL if needed[-1] == ALL else needed[-1] >> start))
            start += x[-1]
        return found
