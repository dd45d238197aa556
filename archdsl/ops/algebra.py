"""Ops on axes with names, in the notation of einops, and products of matrices."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from archdsl.ops import patterns
from archdsl.ops.base import (
    ANY_DTYPE,
    Call,
    Counts,
    Example,
    Op,
    OpError,
    RankError,
    SavedForBackward,
    Shape,
    Traits,
    show,
)
from archdsl.ops.field_types import Size
from archdsl.ops.index_sets import ALL, Positions
from archdsl.ops.patterns import Group, Pattern
from archdsl.ops.receptive_field import POINTWISE, Reach, ReceptiveField
from archdsl.ops.value_range import ValueRange, hull, same_sign

_parsed = lru_cache(256)(patterns.parse)

_MAP = ((4, 6, 8),)


def _checked(check: Callable[[Pattern], None]) -> AfterValidator:
    """A validator of the text of a pattern."""

    def read(text: str) -> str:
        try:
            check(_parsed(text))
        except patterns.PatternError as error:
            context = {"message": str(error), "offset": error.offset, "width": error.width, "hint": error.hint}
            raise PydanticCustomError("pattern", "{message}", context) from None
        return text

    return AfterValidator(read)


RearrangePattern = Annotated[str, Field(strict=True), _checked(patterns.check_rearrange)]
ReducePattern = Annotated[str, Field(strict=True), _checked(patterns.check_reduce)]
EinsumPattern = Annotated[str, Field(strict=True), _checked(patterns.check_einsum)]


class _Axes(Op, kind="shape"):
    """Base class of the ops that split, reorder, reduce and join the axes of one tensor.

    Args:
        sizes: size of an axis that cannot be inferred, by its name in the pattern: `p: 16`.
    """

    sizes_by_name = "sizes"

    sizes: dict[str, Size] = {}

    def where(self) -> tuple[str, str]:
        """The argument with the pattern, and the pattern."""
        raise NotImplementedError

    @classmethod
    def free_names(cls, given: Mapping[str, Any]) -> frozenset[str]:
        texts = (text for text in given.values() if isinstance(text, str))
        return frozenset().union(*map(patterns.names, texts))

    def solved(self, x: Shape) -> tuple[Pattern, dict[str, int]]:
        """The pattern for a shape, without `...`, and the length of each axis.

        Raises:
            OpError: The pattern does not match the shape.
        """
        field, text = self.where()
        pattern = _parsed(text)
        for name in self.sizes:
            if name not in pattern.inputs[0].names:
                hint = f"remove `{name}`, or add it to the pattern"
                raise OpError(f"the pattern has no axis `{name}`", field, hint)
        pattern = pattern.matched([x], field)
        return pattern, pattern.lengths([x], self.sizes, field)

    def output(self, *inputs: Shape) -> Shape:
        pattern, lengths = self.solved(inputs[0])
        return pattern.output.shape(lengths)

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        pattern, lengths = self.solved(inputs[0])
        (*left, last), (*right, channels) = (
            [_names(group) for group in side] or [()] for side in (pattern.inputs[0].groups, pattern.output.groups)
        )
        if left == right:
            return POINTWISE
        if len(left) == len(right) == 2:
            rows, columns = (_reach(x, y, last, channels, lengths) for x, y in zip(left, right, strict=True))
            if rows is not None and columns is not None:
                return rows, columns
        return "place" if last == channels and len(last) == 1 else "whole"

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        pattern, _ = self.solved(inputs[0])
        alone = {_names(group): at for group, at in zip(pattern.output.groups, needed, strict=True)}
        return (tuple(alone.get(_names(group), ALL) for group in pattern.inputs[0].groups),)


def _names(group: Group) -> tuple[str, ...]:
    return tuple(axis.name for axis in group.axes)


def _reach(
    x: tuple[str, ...], y: tuple[str, ...], last: tuple[str, ...], channels: tuple[str, ...], lengths: Mapping[str, int]
) -> Reach | None:
    """The reach along rows or columns, if they exchange their inner axes only with the channels."""
    if x[: len(y)] == y and set(x[len(y) :]) <= set(channels):
        step = math.prod(lengths[name] for name in x[len(y) :])
        return Reach(step, 0, step - 1)
    if y[: len(x)] == x and set(y[len(x) :]) <= set(last):
        return Reach(over=math.prod(lengths[name] for name in y[len(x) :]))
    return None


class Rearrange(_Axes, name="rearrange", layer="Rearrange"):
    """Splits, reorders and joins axes by name, as in einops. (...) -> the axes after `->`. Rogozhnikov 2022.

    A pattern names the axes of the input and of the output, without the batch: `h w c -> (h w) c`. Axes in parentheses
    are one axis of the tensor, the last one varies fastest. `1` is an axis of size 1, and `...` matches any axes.

    Args:
        pattern: axes of the input and the output, separated by `->`.
    """

    short = "pattern"
    takes = ANY_DTYPE
    traits = Traits(values="between")

    pattern: RearrangePattern

    examples = (
        Example({"pattern": "h w c -> (h w) c"}, _MAP, (24, 8)),
        Example({"pattern": "(h p) (w q) c -> (h w) (p q c)", "sizes": {"p": 2, "q": 3}}, _MAP, (4, 48)),
        Example({"pattern": "h w c -> c h w"}, _MAP, (8, 4, 6)),
        Example({"pattern": "(h w) c -> h w c", "sizes": {"h": 2, "w": 3}}, ((6, 5),), (2, 3, 5)),
        Example({"pattern": "(h p) (w p2) c -> h w (c p p2)", "sizes": {"p": 2, "p2": 2}}, _MAP, (2, 3, 32)),
        Example({"pattern": "h w (c p q) -> (h p) (w q) c", "sizes": {"p": 2, "q": 1}}, _MAP, (8, 6, 4)),
        Example({"pattern": "... c -> 1 (...) c"}, _MAP, (1, 24, 8)),
    )

    def where(self) -> tuple[str, str]:
        return "pattern", self.pattern

    def label(self) -> str:
        return f"Rearrange {self.pattern.replace('->', '→')}"

    def keras(self) -> Call:
        return (self._plain_layer() if isinstance(self.pattern, str) else None) or super().keras()

    def _plain_layer(self) -> Call | None:
        """`Permute` or `Reshape`, if one of them is enough."""
        pattern = _parsed(self.pattern)
        left, right = pattern.inputs[0], pattern.output
        if patterns.ELLIPSIS in left.names:
            return None
        if all(len(group.axes) == 1 for side in (left, right) for group in side.groups) and not self.sizes:
            return Call("layers.Permute", (tuple(left.names.index(name) + 1 for name in right.names),))
        if left.names != right.names:
            return None
        shape = [
            1 if not names else self.sizes.get(names[0], -1) if len(names) == 1 else -1
            for names in map(_names, right.groups)
        ]
        return Call("layers.Reshape", (tuple(shape),)) if shape.count(-1) < 2 else None


class Reduce(_Axes, name="reduce", layer="Rearrange"):
    """Reduces axes by name, as in einops. (...) -> the axes after `->`. Rogozhnikov 2022.

    The axes that are not in the output are reduced: `mean: "h w c -> c"` is a global average pool. With groups, it
    pools windows: `max: "(h p) (w q) c -> h w c"` with `p: 2, q: 2`.

    Args:
        mean: pattern of axes to average over.
        sum: pattern of axes to sum over.
        max: pattern of axes to take the maximum over.
        min: pattern of axes to take the minimum over.
    """

    mean: ReducePattern | None = None
    sum: ReducePattern | None = None
    max: ReducePattern | None = None
    min: ReducePattern | None = None

    examples = (
        Example({"mean": "h w c -> c"}, _MAP, (8,)),
        Example({"max": "h w c -> h w 1"}, _MAP, (4, 6, 1)),
        Example({"sum": "t c -> t"}, ((5, 6),), (5,)),
        Example({"min": "(h p) (w 3) c -> h w c", "sizes": {"p": 2}}, _MAP, (2, 2, 8)),
    )

    def where(self) -> tuple[str, str]:
        given = [(name, text) for name in _REDUCTIONS if (text := getattr(self, name)) is not None]
        if len(given) != 1:
            word = "no" if not given else "several"
            raise OpError(f"`reduce` has {word} patterns", "", 'write one, as in `reduce: {mean: "h w c -> c"}`')
        return given[0]

    def value_range(self, *inputs: ValueRange) -> ValueRange:
        return same_sign(*inputs) if self.sum is not None else hull(*inputs)

    def saved_for_backward(self, *inputs: Shape) -> SavedForBackward:
        return SavedForBackward(inputs=self.max is not None or self.min is not None)

    def label(self) -> str:
        name, text = self.where()
        return f"{name.capitalize()} {text.replace('->', '→')}"

    def keras(self) -> Call:
        name = next((name for name in _REDUCTIONS if getattr(self, name) is not None), "mean")
        given = {"sizes": self.sizes} if self.sizes else {}
        return Call("Rearrange", (getattr(self, name),), {**given, "reduction": name})


_REDUCTIONS = ("mean", "sum", "max", "min")


class _Product(Op, kind="dense"):
    """Base class of the products of tensors."""

    many = True
    saved = SavedForBackward(inputs=True)

    def axes(self, *inputs: Shape) -> tuple[Pattern, dict[str, int]]:
        """The axes of the product, and the length of each."""
        raise NotImplementedError

    def output(self, *inputs: Shape) -> Shape:
        pattern, lengths = self.axes(*inputs)
        return pattern.output.shape(lengths)

    def macs(self, *inputs: Shape) -> int:
        # The inputs are contracted from left to right. An axis is summed as soon as nothing else has it.
        pattern, lengths = self.axes(*inputs)
        first, *others = (set(side.names) for side in pattern.inputs)
        if not others:
            return math.prod(lengths[name] for name in first)
        total = 0
        for number, other in enumerate(others, 1):
            first |= other
            total += math.prod(lengths[name] for name in first)
            first &= set(pattern.output.names).union(*others[number:])
        return total

    def activations(self, *inputs: Shape) -> int:
        return math.prod(self.output(*inputs))

    def fvcore(self, *inputs: Shape) -> Counts:
        return Counts(self.macs(*inputs), self.activations(*inputs))

    def value_range(self, *inputs: ValueRange) -> ValueRange:
        return same_sign(*inputs)


class Einsum(_Product, name="einsum", layer="Einsum"):
    """Einstein summation over axes with names. One to three inputs -> the axes after `->`. NumPy's `einsum`.

    A pattern names the axes of each input, without the batch, and the axes of the output. Axes with the same name are
    multiplied position by position, and axes that are not in the output are summed.

    Args:
        pattern: axes of the inputs, separated by commas, and axes of the output after `->`.
    """

    short = "pattern"
    sign = "Σ"

    pattern: EinsumPattern

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"pattern": "t d, d c -> t c"}, ((5, 6), (6, 3)), (5, 3)),
        Example({"pattern": "h w c -> c"}, _MAP, (8,)),
        Example({"pattern": "q h d, k h d -> h q k"}, ((5, 2, 3), (4, 2, 3)), (2, 5, 4)),
        Example({"pattern": "i k, i j k, j k -> i j"}, ((3, 2), (3, 4, 2), (4, 2)), (3, 4)),
        Example({"pattern": "... c, c d -> ... d"}, ((4, 5, 3), (3, 2)), (4, 5, 2)),
    )

    def axes(self, *inputs: Shape) -> tuple[Pattern, dict[str, int]]:
        pattern = _parsed(self.pattern).matched(inputs, "pattern")
        return pattern, pattern.lengths(inputs, {}, "pattern")

    def label(self) -> str:
        return f"Einsum {self.pattern.replace('->', '→')}"


class MatMul(_Product, name="matmul", layer="MatMul"):
    """Matrix product of two inputs. (..., M, K) and (..., K, N) -> (..., M, N). NumPy's `matmul`.

    The axes before the last two must be equal; a matrix without them is used for all. For any other product, use
    `einsum`.
    """

    sign = "@"

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((5, 6), (6, 3)), (5, 3)),
        Example({}, ((4, 5, 6), (4, 6, 3)), (4, 5, 3)),
        Example({}, ((4, 5, 6), (6, 3)), (4, 5, 3)),
    )

    def axes(self, *inputs: Shape) -> tuple[Pattern, dict[str, int]]:
        if len(inputs) != 2:
            hint = "name both in `from`: `from: [left, right]`"
            raise OpError(f"`matmul` takes two inputs, got {len(inputs)}", hint=hint)
        left, right = inputs
        if min(len(left), len(right)) < 2:
            raise RankError(
                f"`matmul` expects matrices, got {show(left)} and {show(right)}", hint=_of_vectors(left, right)
            )
        if left[-1] != right[-2]:
            hint = "swap two axes with `permute` or `rearrange`, or use `einsum`"
            message = f"`matmul` cannot multiply {show(left)} by {show(right)}: {left[-1]} differs from {right[-2]}"
            raise OpError(message, hint=hint)
        outer, other = left[:-2], right[:-2]
        if outer and other and outer != other:
            raise OpError(f"`matmul` needs equal axes before the last two, got {show(left)} and {show(right)}")
        first = [f"b{i}" for i in range(max(len(outer), len(other)))]
        sides = [[*first[: len(outer)], "m", "k"], [*first[: len(other)], "k", "n"]]
        pattern = _parsed(f"{' '.join(sides[0])}, {' '.join(sides[1])} -> {' '.join([*first, 'm', 'n'])}")
        return pattern, pattern.lengths(inputs, {}, "")


def _of_vectors(left: Shape, right: Shape) -> str:
    """The help line for a product with a vector."""
    if not left or not right or left[-1] != (right[-2] if len(right) > 1 else right[-1]):
        return ""
    outer = [f"b{i}" for i in range(max(len(left), len(right)) - 2)]
    rows, columns = ["m"] * (len(left) > 1), ["n"] * (len(right) > 1)
    sides = [*(outer if rows else []), *rows, "k"], [*(outer if columns else []), "k", *columns]
    return f'use `einsum: "{" ".join(sides[0])}, {" ".join(sides[1])} -> {" ".join([*outer, *rows, *columns])}"`'
