"""What every op is: one frozen class with its shape rule, weights, cost, Keras form and look. Imports no framework."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict

from archdsl.ops.field_types import *  # noqa: F403 - packages with ops import them from here
from archdsl.ops.field_types import Sides
from archdsl.ops.index_sets import Positions, Window, at_same_place, everything
from archdsl.ops.receptive_field import ReceptiveField
from archdsl.ops.registry import OPS
from archdsl.ops.value_range import Support, ValueRange, hull, same_sign

# Nowhere in this folder do annotations become strings (`from __future__ import annotations`): Pydantic would evaluate
# each again for every class that inherits it, which makes importing the ops a third slower.

Shape: TypeAlias = tuple[int, ...]
"""The shape of a tensor without its batch axis, channels last: (H, W, C), (C,) or (T, C)."""


class OpError(Exception):
    """A short fact about an op and a shape; the caller adds the file and the line.

    Args:
        field: the argument at fault, where one is.
    """

    def __init__(self, message: str, field: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.field, self.hint = field, hint


class Weight(NamedTuple):
    """The shape of one weight tensor, and whether gradients move it."""

    shape: Shape
    trainable: bool = True

    @property
    def size(self) -> int:
        return math.prod(self.shape)


AliasesInput: TypeAlias = Literal["never", "always", "inference"]
"""When the output of an op is its input's memory, unchanged."""


class Counts(NamedTuple):
    """What an op costs for one image.

    Args:
        macs: multiply-accumulates.
        activations: numbers that it gives to be counted as activations.
    """

    macs: int = 0
    activations: int = 0


class SavedForBackward(NamedTuple):
    """What training saves of an op for its backward pass, because a gradient reads it.

    Args:
        inputs: whether all inputs are read.
        output: whether the output is read.
        workspace: numbers, for one image, that the op makes for itself and reads again.
    """

    inputs: bool = False
    output: bool = False
    workspace: int = 0


class Traits(NamedTuple):
    """What the analyses of a graph go by, so that none of them has to know an op's name. The defaults claim nothing.

    Args:
        filters: each channel of the output is a sum over the input by a kernel of its own, plus a bias.
        linear: and the kernel is the weight itself, between all channels (of a group).
        standardizes: the kernel is normalized first, so that every weight of it reaches the output.
        elementwise: each number of the output depends on those at its position alone.
        shifts: a number added to a channel of all inputs is, times a constant, added to it in the output.
        stretches: an input may be smaller than the output, and is then a gate.
        batch_statistics: in training, each number depends on its channel's at all positions and images.
        drops: in training, a `rate` of the numbers is zero or noise, and the mean square larger.
        keeps_zero: zeros stay zeros.
        values: `between` those of the inputs, or only of the `same_sign`.
        sums_to_one: the output is a distribution.
        flattens: a map becomes one row of numbers.
        pools_map: a whole map becomes one number a channel.
        unread: what to change where it leaves some of its input unread.
    """

    filters: bool = False
    linear: bool = False
    standardizes: bool = False
    elementwise: bool = False
    shifts: bool = False
    stretches: bool = False
    batch_statistics: bool = False
    drops: bool = False
    keeps_zero: bool = False
    values: Literal["any", "between", "same_sign"] = "any"
    sums_to_one: bool = False
    flattens: bool = False
    pools_map: bool = False
    unread: str = "`padding: same`, or a map that the windows cover without rest"


@dataclass(frozen=True, slots=True)
class Call:
    """A constructor call held as data: what stands before the brackets, and what stands in them."""

    target: str
    positional: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)


class Written:
    """Metadata of a field whose value has another form in Keras."""

    def keras(self, value: Any) -> Any:
        """The form in Keras of a validated value, or of what a spec writes, with expressions in it."""
        raise NotImplementedError


class Example(NamedTuple):
    """A case for the tests that run over all ops: fields, the shapes of the inputs, the shape of the output."""

    fields: Mapping[str, Any]
    inputs: tuple[Shape, ...]
    output: Shape


Kind = Literal["conv", "norm", "activation", "dense", "pool", "shape", "dropout", "merge"]
"""What an op is for somebody who looks at a picture; it decides the colour."""


class Op(BaseModel):
    """One operation. A subclass says everything that anybody needs to know of it.

    Its fields are the words of the spec, so that none of them may have the name of something here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: ClassVar[str] = ""
    kind: ClassVar[Kind]
    many: ClassVar[bool] = False
    """Whether it merges several inputs into one."""
    keras_layer: ClassVar[str] = ""
    """Its layer: `layers.Conv2D`, a class of `keras/layers/`, or `package.module.Class`."""
    keras_positional: ClassVar[tuple[str, ...]] = ()
    """The fields that its layer takes by position, of those that it has; the required ones, if it names none."""
    keras_words: ClassVar[Mapping[str, str]] = {}
    """The layer's words for fields, in the order of the call; other fields follow, by their own names."""
    pad_with: ClassVar[str] = ""
    """The op that goes before it where its `padding` is a number."""
    aliases_input: ClassVar[AliasesInput] = "never"
    """When its output is its input's memory, unchanged."""
    depends_on: ClassVar[ReceptiveField] = "whole"
    """Its receptive field, if the shapes do not decide it."""
    saved: ClassVar[SavedForBackward] = SavedForBackward()
    """What its backward pass reads, if the shapes do not decide it."""
    traits: ClassVar[Traits] = Traits()
    """What the analyses of a graph go by."""
    caption: ClassVar[str] = ""
    """What a picture calls it, with fields in braces, if not by its name."""
    examples: ClassVar[tuple[Example, ...]] = ()

    def __init_subclass__(cls, name: str = "", kind: Kind | None = None, layer: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if kind:
            cls.kind = kind
        if layer:
            cls.keras_layer = layer
        if name:
            cls.name = name
            # Ops of other packages come in by their entry points, so that none can take the place of one of these.
            if cls.is_own():
                OPS[name] = cls
                return
        # A class of another package may compute anything, whatever it inherits from an op of archdsl: it says itself
        # what the analyses may go by, and else they assume the least.
        if not cls.is_own():
            for fact in ("traits", *ANALYSED):
                owner = next(base for base in cls.__mro__ if fact in vars(base))
                if owner.__module__.startswith("archdsl."):
                    setattr(cls, fact, getattr(Op, fact))

    @classmethod
    def is_own(cls) -> bool:
        """Whether it is one of archdsl's own, and not of another package."""
        return cls.__module__.startswith("archdsl.")

    def fits(self, *inputs: Shape) -> None:
        """Raises where an op that keeps its input's shape cannot take it.

        Raises:
            OpError: with the values in it.
        """

    def output(self, *inputs: Shape) -> Shape:
        """The shape of the output; that of the input, unless an op has another rule.

        Raises:
            OpError: the op cannot take these inputs.
        """
        self.fits(*inputs)
        return inputs[0]

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        """The weight tensors by Keras's names for them, in Keras's order."""
        return {}

    def macs(self, *inputs: Shape) -> int:
        """Multiply-accumulates for one image."""
        return 0

    def activations(self, *inputs: Shape) -> int:
        """Numbers that convolutions and dense layers give, for one image, as papers count activations."""
        return 0

    def fvcore(self, *inputs: Shape) -> Counts:
        """What fvcore counts of torch's twin of it for one image, and with it timm: as papers, unless it says so."""
        return Counts(self.macs(*inputs), self.activations(*inputs))

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        """What a position of the output depends on in inference; all of the input, if an op does not say it."""
        return self.depends_on

    def sliding_windows(self, x: Shape, y: Shape) -> tuple[Window, Window] | None:
        """How it slides over a map `x` and gives `y`, along rows and along columns; None of an op that does not."""
        return None

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        """The positions of each input that some positions of the output are computed from.

        Args:
            needed: of the output; no axis is empty.
        """
        return at_same_place(needed, inputs) if self.traits.elementwise else everything(inputs)

    def value_range(self, *inputs: ValueRange) -> ValueRange:
        """The range of its output's values, by those of its inputs'."""
        if self.traits.values == "any":
            return ValueRange()
        return hull(*inputs) if self.traits.values == "between" else same_sign(*inputs)

    def clips_to(self) -> ValueRange | None:
        """To what it cuts values off, of an op that changes no others."""
        return None

    def nonzero_region(self, support: Support | None, x: Shape) -> Support | None:
        """Where its output can be other than 0, by where its (first) input can; None for everywhere."""
        return support if self.traits.keeps_zero else None

    def takes_mean_away(self) -> bool:
        """Whether a number that is added to a channel of its input changes nothing."""
        return False

    def constant_output(self, x: Shape) -> str:
        """What it gives for every input of this shape, if that is always the same."""
        return ""

    def plainer_step(self, x: Shape) -> str:
        """A step of another op that computes the same by the same weights, if there is one that says it better."""
        return ""

    def workspace(self, *inputs: Shape) -> int:
        """Numbers, for one image, that it needs while it runs, besides its inputs and its output."""
        return 0

    def saved_for_backward(self, *inputs: Shape) -> SavedForBackward:
        """What training saves of it for its backward pass; nothing of an op that does not say it."""
        return self.saved

    def keras(self) -> Call:
        """The constructor of its Keras layer. Fields pass through as they are: numbers, or expressions."""
        if not self.keras_layer:
            raise NotImplementedError(f"the op {self.name!r} has no Keras form")
        fields = type(self).model_fields
        positional = self.keras_positional or [name for name, info in fields.items() if info.is_required()]
        words = {word: name for word, name in self.keras_words.items() if name in fields}
        return self.call(self.keras_layer, *(name for name in positional if name in fields), **words)

    def label(self) -> str:
        """What a picture calls it, such as `Conv 3×3, 64 /2`."""
        return self.caption.format_map(dict(self)) or self.name.replace("_", " ").capitalize()

    def call(self, target: str, *positional: str, **keywords: str) -> Call:
        """A Call of fields: the positional ones always, the others where they differ from the default.

        Args:
            target: the layer: `layers.Conv2D`, a class of `keras/layers/`, or `package.module.Class`.
            positional: fields that the layer takes by place.
            keywords: the layer's words for fields; a field that is not among them goes by its own name.
        """
        values = {name: self.keras_value(name) for name in type(self).model_fields}
        elsewhere = {*positional, *keywords.values(), "norm"}
        names = {**keywords, **{name: name for name in values if name not in elsewhere}}
        given = {
            key: values[name]
            for key, name in names.items()
            if not same(values[name], type(self).model_fields[name].default)
        }
        return Call(target, tuple(values[name] for name in positional), given)

    def keras_value(self, name: str) -> Any:
        """A field's value as Keras takes it."""
        value = getattr(self, name)
        for item in type(self).model_fields[name].metadata:
            value = item.keras(value) if isinstance(item, Written) else value
        return value


ANALYSED = ("reads", "value_range", "clips_to", "nonzero_region", "takes_mean_away", "constant_output", "plainer_step")
"""The methods by which an op states facts that only hold of what it computes itself."""


def same(value: Any, default: Any) -> bool:
    """Whether a field's value is its default, also where 3 stands for (3, 3)."""
    if isinstance(default, tuple) and len(default) == 2 and type(value) in (int, float):
        value = (value, value)
    plain = tuple(value) if isinstance(value, list) else value
    return type(plain) is type(default) and bool(plain == default)


def image(x: Shape, name: str) -> tuple[int, int, int]:
    """Height, width and channels of a shape that must have them."""
    if len(x) != 3:
        hint = "a conv or pool must stand before `flatten` or a global pool" if len(x) < 3 else ""
        raise OpError(f"`{name}` expects height x width x channels, got {show(x)}", hint=hint)
    return x[0], x[1], x[2]


def window(
    x: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: Any,
    dilation: tuple[int, int] = (1, 1),
    field: str = "kernel",
) -> tuple[int, int]:
    """Height and width behind a sliding window, as TensorFlow counts them.

    Args:
        field: what the op calls its `kernel`.

    Raises:
        OpError: the window is larger than the padded map.
    """
    if padding == "same":
        return -(-x[0] // stride[0]), -(-x[1] // stride[1])
    (top, bottom), (left, right) = sides(padding)
    padded = x[0] + top + bottom, x[1] + left + right
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    if reach[0] > padded[0] or reach[1] > padded[1]:
        raise OpError(
            f"a window of {reach[0]}x{reach[1]} does not fit into a map of {padded[0]}x{padded[1]}",
            "dilation" if kernel[0] <= padded[0] and kernel[1] <= padded[1] else field,
            f"use a smaller `{field}`, `padding: same`, or fewer strides before it",
        )
    return (padded[0] - reach[0]) // stride[0] + 1, (padded[1] - reach[1]) // stride[1] + 1


def sides(padding: Any) -> Sides:
    """Rows above and below, columns left and right, of `valid`, a number, or what is written out."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if isinstance(padding, int):
        return (padding, padding), (padding, padding)
    rows, columns = padding
    return (rows[0], rows[1]), (columns[0], columns[1])


def show(x: Shape) -> str:
    """`8x8x256`; a shape without axes is `a number`."""
    return "x".join(map(str, x)) or "a number"


def times(pair: tuple[int, int]) -> str:
    """`3×3`, for labels."""
    return f"{pair[0]}×{pair[1]}"


def per_stride(stride: tuple[int, int]) -> str:
    """` /2` behind a label where the stride is not 1."""
    if stride == (1, 1):
        return ""
    return f" /{stride[0]}" if stride[0] == stride[1] else f" /{times(stride)}"
