"""Ops that merge several tensors into one."""

from collections.abc import Sequence
from typing import ClassVar

from archdsl.ops.base import Example, Op, OpError, SavedForBackward, Shape, Traits, show
from archdsl.ops.index_sets import ALL, Positions
from archdsl.ops.receptive_field import POINTWISE

_TWO = ((4, 4, 6), (4, 4, 6))


class Merge(Op, kind="merge"):
    """Base class of the merges, which expect equal shapes. The inputs are the paths in order, then the shortcut."""

    many = True
    traits = Traits(elementwise=True)
    depends_on = POINTWISE
    sign: ClassVar[str] = ""
    """The symbol that pictures show for it."""
    shortcut_first: ClassVar[bool] = False
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _TWO, _TWO[0]), Example({}, (*_TWO, _TWO[0]), _TWO[0]))

    def output(self, *inputs: Shape) -> Shape:
        if len(set(inputs)) > 1:
            raise OpError(f"merge '{self.name}' needs equal shapes", hint="give all parts the same shape")
        return inputs[0]


class Add(Merge, name="add", layer="layers.Add"):
    """Element-wise sum of the inputs. Equal shapes -> the same shape. Keras `Add`; He et al. 2015."""

    traits = Traits(elementwise=True, shifts=True, values="same_sign")
    sign = "+"


class Average(Merge, name="average", layer="layers.Average"):
    """Element-wise average of the inputs. Equal shapes -> the same shape. Keras `Average`."""

    traits = Traits(elementwise=True, shifts=True, values="between")
    sign = "ø"


class Maximum(Merge, name="maximum", layer="layers.Maximum"):
    """Element-wise maximum of the inputs. Equal shapes -> the same shape. Keras `Maximum`; Goodfellow et al. 2013."""

    traits = Traits(elementwise=True, values="between")
    sign = "max"
    saved = SavedForBackward(inputs=True)


class Minimum(Merge, name="minimum", layer="layers.Minimum"):
    """Element-wise minimum of the inputs. Equal shapes -> the same shape. Keras `Minimum`."""

    traits = Traits(elementwise=True, values="between")
    sign = "min"
    saved = SavedForBackward(inputs=True)


class Subtract(Merge, name="subtract", layer="layers.Subtract"):
    """Element-wise difference: the first input minus the second. Equal shapes -> the same shape. Keras `Subtract`."""

    traits = Traits(elementwise=True, shifts=True)
    sign = "−"
    examples = (Example({}, _TWO, _TWO[0]),)

    def output(self, *inputs: Shape) -> Shape:
        if len(inputs) != 2:
            raise OpError(f"merge 'subtract' expects two inputs, got {len(inputs)}")
        return super().output(*inputs)


class Multiply(Merge, name="multiply", layer="layers.Multiply"):
    """Element-wise product of the inputs. Equal shapes, or (C,) or (1, 1, C) with (H, W, C) -> the largest shape.

    Keras `Multiply`; Hu et al. 2018. Inputs of shape (C,) and (1, 1, C) are broadcast over (H, W, C).
    """

    traits = Traits(elementwise=True, stretches=True, values="same_sign")
    sign = "×"
    saved = SavedForBackward(inputs=True)
    examples = (
        Example({}, _TWO, _TWO[0]),
        Example({}, ((6,), (4, 4, 6)), (4, 4, 6)),
        Example({}, ((4, 4, 6), (1, 1, 6)), (4, 4, 6)),
    )

    def output(self, *inputs: Shape) -> Shape:
        largest = max(inputs, key=lambda x: (len(x), x))
        small = {largest, largest[-1:], (1,) * (len(largest) - 1) + largest[-1:]}
        if not small.issuperset(inputs):
            hint = "only (C,) and (1, 1, C) are broadcast over (H, W, C)"
            raise OpError(f"merge 'multiply' cannot broadcast {show(min(inputs))} over {show(largest)}", hint=hint)
        return largest


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
