"""The base class of ops: arguments, shape rule, weights, costs, Keras layer and label. Imports no framework."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict

from archdsl.ops.field_types import *  # noqa: F403 - plugin packages import them from here
from archdsl.ops.field_types import Sides
from archdsl.ops.index_sets import Positions, Window, at_same_place, everything
from archdsl.ops.rank_advice import advice
from archdsl.ops.receptive_field import ReceptiveField
from archdsl.ops.registry import OPS
from archdsl.ops.value_range import Support, ValueRange, hull, same_sign

# No module of this folder uses `from __future__ import annotations`: Pydantic would re-evaluate every annotation in
# each subclass, which makes importing the ops a third slower.

Shape: TypeAlias = tuple[int, ...]
"""The shape of a tensor without its batch axis, channels last: (H, W, C), (C,) or (T, C)."""


DtypeKind: TypeAlias = Literal["float", "int", "bool"]
"""What the values of a tensor are."""

FLOAT = "float32"
"""The dtype of floats. A mixed precision computes them with another one."""

DTYPES: Mapping[str, DtypeKind] = {FLOAT: "float", "int32": "int", "int64": "int", "uint8": "int", "bool": "bool"}
"""The dtypes of tensors, as Keras names them, and their kinds."""

DTYPE_BYTES: Mapping[str, int] = {"int32": 4, "int64": 8, "uint8": 1, "bool": 1}
"""Bytes of a value of each dtype, except floats, whose size depends on the precision."""

KINDS: Mapping[DtypeKind, str] = {"float": "floats", "int": "integers", "bool": "booleans"}
"""The kinds of dtypes in words."""

ANY_DTYPE: tuple[DtypeKind, ...] = ("float", "int", "bool")
"""The kinds that ops accept that move values without computing anything."""


class OpError(Exception):
    """An error about an op and its input shapes; the caller adds the file and the line.

    Args:
        message: the error message.
        field: the argument that is wrong, if any.
        hint: the help line.
        part: the wrong part of a string, as its offset and width.
    """

    def __init__(self, message: str, field: str = "", hint: str = "", part: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.field, self.hint, self.part = field, hint, part


class RankError(OpError):
    """An input has too few axes, or too many."""


class Weight(NamedTuple):
    """The shape of a weight, and whether it is trainable."""

    shape: Shape
    trainable: bool = True

    @property
    def size(self) -> int:
        return math.prod(self.shape)


AliasesInput: TypeAlias = Literal["never", "always", "inference"]
"""When the output of an op is its unchanged input, in the same memory."""


class Counts(NamedTuple):
    """The costs of an op for one image.

    Args:
        macs: number of multiply-accumulates.
        activations: number of output values that count as activations.
    """

    macs: int = 0
    activations: int = 0


class SavedForBackward(NamedTuple):
    """The tensors of an op that training keeps for the backward pass.

    Args:
        inputs: whether the inputs are kept.
        output: whether the output is kept.
        workspace: number of intermediate values kept for one image.
    """

    inputs: bool = False
    output: bool = False
    workspace: int = 0


class Traits(NamedTuple):
    """Properties of an op that the analyses of a graph use, so they need not know its name.

    The defaults make no claim.

    Args:
        filters: each output channel is a weighted sum of the input with its own kernel, plus a bias.
        linear: in addition, the kernel is the weight itself, connecting all channels (of a group).
        standardizes: the kernel is normalized first, so every weight affects the output.
        elementwise: each output value depends only on the input values at its position.
        shifts: a constant added to a channel of all inputs is added to the output, times a constant.
        stretches: an input may be broadcast, and is then a gate.
        batch_statistics: during training, each value depends on its channel at all positions and in all images.
        drops: during training, a fraction `rate` of the values is zero or noise, and the mean square is larger.
        keeps_zero: zeros stay zeros.
        values: output values are `between` the input values, or have only the `same_sign`.
        sums_to_one: the output is a distribution.
        flattens: a feature map becomes a vector.
        pools_map: an entire feature map becomes one value per channel.
        unread: the help line if part of the input is never read.
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
    unread: str = "use `padding: same`, or an input size that the windows cover completely"


@dataclass(frozen=True, slots=True)
class Call:
    """A constructor call as data.

    Args:
        target: the class or function to call.
        positional: positional arguments.
        keywords: keyword arguments.
    """

    target: str
    positional: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)


class Written:
    """Metadata of a field whose value is converted for Keras."""

    def keras(self, value: Any) -> Any:
        """Convert a validated value, or a value of a spec with expressions, to its Keras form."""
        raise NotImplementedError


class Example(NamedTuple):
    """An example for tests and documentation: the arguments, the input shapes and the output shape."""

    fields: Mapping[str, Any]
    inputs: tuple[Shape, ...]
    output: Shape


Kind = Literal["conv", "norm", "activation", "dense", "sequence", "pool", "shape", "dropout", "merge"]
"""The kind of an op, which determines its color in pictures."""


class Op(BaseModel):
    """An op. A subclass defines everything there is to know about one op.

    The fields are the arguments in a spec, so no argument may have the name of an attribute of this class.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: ClassVar[str] = ""
    kind: ClassVar[Kind]
    many: ClassVar[bool] = False
    """Whether it merges several inputs into one."""
    sign: ClassVar[str] = ""
    """The symbol that pictures show for it as a `merge`."""
    keras_layer: ClassVar[str] = ""
    """The Keras layer: `layers.Conv2D`, a class in `keras/layers/`, or `package.module.Class`."""
    keras_positional: ClassVar[tuple[str, ...]] = ()
    """The fields passed by position; by default, the required fields."""
    keras_words: ClassVar[Mapping[str, str]] = {}
    """The field for each argument of the layer with another name, in order; other fields follow by their names."""
    takes: ClassVar[tuple[DtypeKind, ...]] = ("float",)
    """The kinds of dtypes that it accepts. Several inputs have the same dtype."""
    without_input: ClassVar[bool] = False
    """Whether it takes no tensor. Its layer is called with any tensor, from which it reads the size of the batch."""
    short: ClassVar[str] = ""
    """The field that a plain value sets: `einsum: "i j -> j i"`."""
    sizes_by_name: ClassVar[str] = ""
    """The field that collects further arguments, whose names the spec chooses: `p: 16`."""
    block_fields: ClassVar[tuple[str, ...]] = ("norm", "activation")
    """The fields that become ops of their own, after it. A field of such a name may also mean something else."""
    tied_layers: ClassVar[Mapping[str, str]] = {}
    """The weights that may belong to another step, each with the layer in `keras/layers/` that takes it."""
    ranks: ClassVar[tuple[int, ...]] = ()
    """The numbers of axes besides the channels that it takes: 1 for (T, C), 2 for (H, W, C), 3 for (D, H, W, C). If
    there are several, Keras has a layer for each."""
    pad_with: ClassVar[str] = ""
    """The op that is inserted before it if `padding` is a number."""
    aliases_input: ClassVar[AliasesInput] = "never"
    """When the output is the unchanged input, in the same memory."""
    depends_on: ClassVar[ReceptiveField] = "whole"
    """The receptive field, if it does not depend on the shapes."""
    saved: ClassVar[SavedForBackward] = SavedForBackward()
    """The tensors kept for the backward pass, if they do not depend on the shapes."""
    traits: ClassVar[Traits] = Traits()
    """The properties that the analyses of a graph use."""
    caption: ClassVar[str] = ""
    """The label in pictures, with fields in braces; by default, the name."""
    examples: ClassVar[tuple[Example, ...]] = ()

    def __init_subclass__(cls, name: str = "", kind: Kind | None = None, layer: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if kind:
            cls.kind = kind
        if layer:
            cls.keras_layer = layer
        if name:
            cls.name = name
            # Ops of other packages are registered by their entry points, so they cannot replace built-in ops.
            if cls.is_own():
                OPS[name] = cls
                return
        # A class of another package may compute anything, even if it inherits from an op of archdsl. So it must declare
        # its own properties; otherwise the analyses make no assumptions.
        if not cls.is_own():
            for fact in ("traits", *ANALYSED):
                owner = next(base for base in cls.__mro__ if fact in vars(base))
                if owner.__module__.startswith("archdsl."):
                    setattr(cls, fact, getattr(Op, fact))

    @classmethod
    def is_own(cls) -> bool:
        """Whether it is a built-in op of archdsl, not an op of another package."""
        return cls.__module__.startswith("archdsl.")

    @classmethod
    def free_names(cls, given: Mapping[str, Any]) -> frozenset[str]:
        """The names of further arguments, for the plain values in the arguments of a step."""
        return frozenset()

    def fits(self, *inputs: Shape) -> None:
        """Check the inputs of an op whose output has the shape of its input.

        Raises:
            OpError: The op does not accept these inputs.
        """

    def output(self, *inputs: Shape) -> Shape:
        """The shape of the output; by default, the shape of the input.

        Raises:
            OpError: The op does not accept these inputs.
        """
        self.fits(*inputs)
        return inputs[0]

    def gives(self, *dtypes: str) -> str:
        """The dtype of the output; by default, that of the (first) input."""
        return dtypes[0]

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        """The weights by their Keras names, in the order of Keras."""
        return {}

    def macs(self, *inputs: Shape) -> int:
        """The number of multiply-accumulates for one image."""
        return 0

    def activations(self, *inputs: Shape) -> int:
        """The number of outputs of convolutions and dense layers for one image, as papers count activations."""
        return 0

    def fvcore(self, *inputs: Shape) -> Counts:
        """The counts of fvcore (and timm) for the corresponding torch op and one image; by default, those of papers."""
        return Counts(self.macs(*inputs), self.activations(*inputs))

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        """The part of the input that an output position depends on at inference; by default, all of it."""
        return self.depends_on

    def sliding_windows(self, x: Shape, y: Shape) -> tuple[Window, ...] | None:
        """The window along each axis from the input `x` to the output `y`; None without a window."""
        return None

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        """The positions of each input that some output positions are computed from.

        Args:
            needed: positions of the output; no axis is empty.
        """
        return at_same_place(needed, inputs) if self.traits.elementwise else everything(inputs)

    def value_range(self, *inputs: ValueRange) -> ValueRange:
        """The range of the output values for the ranges of the input values."""
        if self.traits.values == "any":
            return ValueRange()
        return hull(*inputs) if self.traits.values == "between" else same_sign(*inputs)

    def clips_to(self) -> ValueRange | None:
        """The range that the op clips to, if clipping is all it does."""
        return None

    def nonzero_region(self, support: Support | None, x: Shape) -> Support | None:
        """The nonzero region of the output for that of the (first) input; None for everywhere."""
        return support if self.traits.keeps_zero else None

    def takes_mean_away(self) -> bool:
        """Whether a constant added to a channel of the input has no effect."""
        return False

    def averaging_momentum(self) -> float | None:
        """The share of its moving averages that is left after a training step; None if it has none."""
        return None

    def constant_output(self, x: Shape) -> str:
        """The output for every input of this shape, if it is constant; else empty."""
        return ""

    def plainer_step(self, x: Shape) -> str:
        """A simpler step that computes the same with the same weights; empty if there is none."""
        return ""

    def workspace(self, *inputs: Shape) -> int:
        """The number of temporary values for one image, besides inputs and output."""
        return 0

    def saved_for_backward(self, *inputs: Shape) -> SavedForBackward:
        """The tensors that training keeps for the backward pass."""
        return self.saved

    def keras(self) -> Call:
        """The constructor call of the Keras layer; fields may be values or expressions."""
        if not self.keras_layer:
            raise NotImplementedError(f"the op {self.name!r} has no Keras form")
        fields = type(self).model_fields
        positional = self.keras_positional or [name for name, info in fields.items() if info.is_required()]
        words = {word: name for word, name in self.keras_words.items() if name in fields}
        return self.call(self.keras_layer, *(name for name in positional if name in fields), **words)

    @classmethod
    def marks_padding(cls, fields: Mapping[str, Any]) -> bool:
        """Whether it gives its output a mask, for some fields with values or expressions."""
        return False

    def keras_of(self, inputs: int) -> Call:
        """The constructor call of the Keras layer for a number of input tensors."""
        return self.keras()

    def keras_of_rank(self, rank: int) -> Call:
        """The constructor call for an input with `rank` axes besides the channels."""
        call = self.keras()
        if rank not in self.ranks or rank == 2 or "2D" not in call.target:
            return call
        single = alone if rank == 1 else lambda value: value
        words = {name: single(value) for name, value in call.keywords.items()}
        return Call(call.target.replace("2D", f"{rank}D"), tuple(map(single, call.positional)), words)

    def other_rank(self, x: Shape) -> str:
        """Another step for an input of a rank that the op does not take, for the help line; empty if there is none."""
        return ""

    def label(self) -> str:
        """The label in pictures, such as `Conv 3×3, 64 /2`."""
        return self.caption.format_map(dict(self)) or self.name.replace("_", " ").capitalize()

    def label_of_rank(self, rank: int) -> str:
        """The label for an input with `rank` axes besides the channels."""
        return self.label()

    def call(self, target: str, *positional: str, **keywords: str) -> Call:
        """A call with the fields as arguments; keyword arguments with default values are omitted.

        Args:
            target: the layer: `layers.Conv2D`, a class in `keras/layers/`, or `package.module.Class`.
            positional: fields passed by position.
            keywords: the field for each argument of the layer with another name.
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
        """The value of a field in its Keras form."""
        value = getattr(self, name)
        for item in type(self).model_fields[name].metadata:
            value = item.keras(value) if isinstance(item, Written) else value
        return value


ANALYSED = ("reads", "value_range", "clips_to", "nonzero_region", "takes_mean_away", "constant_output", "plainer_step")
"""The methods with facts about the computation of an op, which a subclass must not inherit."""


def same(value: Any, default: Any) -> bool:
    """Whether a value equals the default of a field; a list of equal numbers counts as the number."""
    numbers = {value} if type(value) in (int, float) else {*value} if _is_numbers(value) else {}
    if len(numbers) == 1 and type(default) is int and default > 0:
        value = next(iter(numbers))
    if type(value) in (int, float) and isinstance(default, tuple) and len(default) == 2:
        value = (value, value)
    plain = tuple(value) if isinstance(value, list) else value
    return type(plain) is type(default) and bool(plain == default)


def alone(value: Any) -> Any:
    """The entry of a list of one, because some layers for sequences take no list."""
    return value[0] if isinstance(value, list | tuple) and len(value) == 1 else value


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(type(item) is int for item in value)


def per_axis(value: int | tuple[int, ...], rank: int, field: str) -> tuple[int, ...]:
    """The entries of a `PerAxis` value for a map with `rank` axes.

    Raises:
        OpError: The list has another number of entries.
    """
    if isinstance(value, int):
        return (value,) * rank
    if len(value) != rank:
        hint = f"use `{field}: {value[0]}`" if len({*value}) == 1 else ""
        raise OpError(f"`{field}` expects {_entries(rank)}, got {len(value)}", field, hint)
    return tuple(value)


def _entries(rank: int) -> str:
    """`2 entries, [height, width]`."""
    return f"{'1 entry' if rank == 1 else f'{rank} entries'}, [{', '.join(AXES[rank])}]"


def listed_rank(op: Op) -> int:
    """The rank that the lists of an op with a `PerAxis` argument are for; 2 if it has no lists."""
    return next((len(value) for value in dict(op).values() if isinstance(value, tuple)), 2)


AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
"""The names of the axes besides the channels."""
_SHAPES = {1: "(T, C)", 2: "(H, W, C)", 3: "(D, H, W, C)"}
_MAPS = {1: "sequence", 2: "map", 3: "volume"}


def lengths(x: Shape, op: Op) -> Shape:
    """The lengths of the axes besides the channels, for an op that takes only some `ranks`.

    Raises:
        RankError: The op does not take so many axes.
    """
    if len(x) - 1 in op.ranks:
        return x[:-1]
    known = "height x width x channels"
    if op.ranks != (2,):
        *others, last = (_SHAPES[rank] for rank in op.ranks)
        known = f"{', '.join(others)} or {last}" if others else last
    raise RankError(f"`{op.name}` expects {known}, got {show(x)}", hint=op.other_rank(x) or advice(x, op.ranks))


def image(x: Shape, name: str) -> tuple[int, int, int]:
    """Height, width and channels of a feature map.

    Raises:
        RankError: The shape is not a feature map.
    """
    if len(x) != 3:
        raise RankError(f"`{name}` expects height x width x channels, got {show(x)}", hint=advice(x, (2,)))
    return x[0], x[1], x[2]


def window(
    x: Shape,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: Any,
    dilation: tuple[int, ...] = (),
    field: str = "kernel",
) -> Shape:
    """The lengths of the output of a sliding window, as in TensorFlow.

    Args:
        x: lengths of the input, such as its height and width.
        kernel: size of the window along each axis.
        stride: stride along each axis.
        padding: `same`, `valid`, or the number of pixels on each side.
        dilation: dilation along each axis; 1 if empty.
        field: the name of the argument for `kernel`.

    Raises:
        OpError: The window is larger than the padded map.
    """
    if padding == "same":
        return tuple(-(-length // step) for length, step in zip(x, stride, strict=True))
    padded = tuple(length + sum(edges) for length, edges in zip(x, sides(padding, len(x)), strict=True))
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation or (1,) * len(x), strict=True))
    if any(one > length for one, length in zip(reach, padded, strict=True)):
        raise OpError(
            f"a window of {show(reach)} does not fit into a {_MAPS[len(x)]} of {show(padded)}",
            "dilation" if all(one <= length for one, length in zip(kernel, padded, strict=True)) else field,
            f"use a smaller `{field}`, `padding: same`, or fewer strides before it",
        )
    return tuple((length - one) // step + 1 for length, one, step in zip(padded, reach, stride, strict=True))


def sides(padding: Any, rank: int = 2, field: str = "padding") -> Sides:
    """`((top, bottom), (left, right))` of a `padding`: `valid`, a number, or a pair for each axis.

    Raises:
        OpError: The list has another number of entries.
    """
    if padding == "valid" or isinstance(padding, int):
        edge = 0 if padding == "valid" else padding
        return ((edge, edge),) * rank
    if len(padding) != rank:
        example = {1: "[[before, after]]", 2: "[[top, bottom], [left, right]]"}.get(rank, "three pairs")
        raise OpError(
            f"`{field}` expects {example}, got {len(padding)} {'pair' if len(padding) == 1 else 'pairs'}", field
        )
    return tuple((before, after) for before, after in padding)


def broadcast_conflict(shapes: Iterable[Shape]) -> tuple[Shape, Shape] | None:
    """Two shapes that differ in an axis, aligned at the last, where neither has size 1; the lower rank first."""
    ordered = sorted(shapes, key=len)
    for axis in range(1, len(ordered[-1]) + 1):
        wide = [x for x in ordered if len(x) >= axis and x[-axis] != 1]
        other = next((x for x in wide if x[-axis] != wide[0][-axis]), None)
        if other is not None:
            return wide[0], other
    return None


def show(x: Shape) -> str:
    """`8x8x256`, or `a number` for a shape without axes."""
    return "x".join(map(str, x)) or "a number"


def is_one(value: int | tuple[int, ...] | None) -> bool:
    """Whether a `PerAxis` value is 1 along every axis."""
    return all(side == 1 for side in ((value,) if isinstance(value, int) else value or (1,)))


def times(numbers: tuple[int, ...]) -> str:
    """`3×3`, for labels."""
    return "×".join(map(str, numbers))


def per_stride(stride: tuple[int, ...]) -> str:
    """` /2`, the suffix of a label; empty if the stride is 1."""
    if is_one(stride):
        return ""
    return f" /{stride[0] if len({*stride}) == 1 else times(stride)}"
