"""Pooling."""

import math
from collections.abc import Sequence
from typing import ClassVar

from archdsl.ops.base import (
    Call,
    Counts,
    Example,
    Flag,
    Kind,
    Op,
    OpError,
    Padding,
    Pair,
    SavedForBackward,
    Shape,
    Traits,
    image,
    per_stride,
    sliding,
    times,
    window,
)
from archdsl.ops.index_sets import ALL, Positions, Window
from archdsl.ops.receptive_field import Reach, ReceptiveField, through


class _Pool(Op):
    """A window that slides over a map, each channel by itself.

    Args:
        size: height and width of the window.
        stride: how far the window moves; without it, as far as it is large.
        padding: `same`, `valid`, a number of pixels, or [[top, bottom], [left, right]].
    """

    kind: ClassVar[Kind] = "pool"
    layer: ClassVar[str] = ""
    traits: ClassVar[Traits] = Traits(values="between")

    size: Pair = (2, 2)
    stride: Pair | None = None
    padding: Padding = "valid"

    def output(self, *inputs: Shape) -> Shape:
        height, width, channels = image(inputs[0], self.name)
        return (*window((height, width), self.size, self.stride or self.size, self.padding, field="size"), channels)

    def sliding_windows(self, x: Shape, y: Shape) -> tuple[Window, Window]:
        return sliding(x, y, self.size, self.stride or self.size, self.padding)

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        return through(self.sliding_windows(inputs[0], self.output(*inputs)))

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        rows, columns = self.sliding_windows(inputs[0], output)
        return ((rows.read(needed[0]), columns.read(needed[1]), needed[-1]),)

    def keras(self) -> Call:
        return self.call(self.layer, "size", strides="stride", padding="padding")

    def label(self) -> str:
        return f"{super().label()} {times(self.size)}{per_stride(self.stride or self.size)}"


class MaxPool(_Pool, name="max_pool"):
    """The largest number of each window. (H, W, C) -> (H', W', C). Keras `MaxPooling2D`.

    A number as `padding` pads with minus infinity, as torch does.
    """

    layer: ClassVar[str] = "layers.MaxPooling2D"
    pad_with: ClassVar[str] = "lowest_pad"
    saved: ClassVar[SavedForBackward] = SavedForBackward(inputs=True, output=True)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((9, 8, 3),), (4, 4, 3)),
        Example({"size": 3, "stride": 2, "padding": "same"}, ((9, 8, 3),), (5, 4, 3)),
        Example({"size": [1, 2], "stride": [2, 1]}, ((9, 8, 3),), (5, 7, 3)),
    )


class AveragePool(_Pool, name="average_pool"):
    """The mean of each window. (H, W, C) -> (H', W', C). Keras `AveragePooling2D`.

    Args:
        padding: `same` or `valid`; a number of pixels is an error, for torch and Keras average differently then.
    """

    layer: ClassVar[str] = "layers.AveragePooling2D"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"size": [2, 3]}, ((9, 8, 3),), (4, 2, 3)),
        Example({"size": 3, "stride": 1, "padding": "same"}, ((9, 8, 3),), (9, 8, 3)),
    )

    def output(self, *inputs: Shape) -> Shape:
        if self.padding not in ("same", "valid"):
            hint = "`same` averages over the pixels that are there; `zero_pad` before it counts zeros in"
            raise OpError("torch and Keras average differently over a padded border", "padding", hint)
        return super().output(*inputs)


class _WholeMapPool(Op):
    """A pool that reads each channel's whole map."""

    kind: ClassVar[Kind] = "pool"
    layer: ClassVar[str] = ""
    traits: ClassVar[Traits] = Traits(values="between")

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        return ((ALL, ALL, needed[-1]),)


class _GlobalPool(_WholeMapPool):
    """All of a map to one number a channel.

    Args:
        keepdims: whether the output is (1, 1, C).
    """

    traits: ClassVar[Traits] = Traits(values="between", pools_map=True)

    keepdims: Flag = False

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((5, 4, 3),), (3,)),
        Example({"keepdims": True}, ((5, 4, 3),), (1, 1, 3)),
    )

    def output(self, *inputs: Shape) -> Shape:
        *_, channels = image(inputs[0], self.name)
        return (1, 1, channels) if self.keepdims else (channels,)

    def keras(self) -> Call:
        return self.call(self.layer, keepdims="keepdims")


class GlobalAveragePool(_GlobalPool, name="global_average_pool"):
    """The mean of each channel. (H, W, C) -> (C,), or (1, 1, C) with `keepdims`.

    Keras `GlobalAveragePooling2D`; Lin et al. 2013.
    """

    layer: ClassVar[str] = "layers.GlobalAveragePooling2D"

    def fvcore(self, *inputs: Shape) -> Counts:
        # With `keepdims`, as gates take it, it is torch's `mean`, of which fvcore counts nothing.
        return Counts(0 if self.keepdims else math.prod(inputs[0]))


class GlobalMaxPool(_GlobalPool, name="global_max_pool"):
    """The largest number of each channel. (H, W, C) -> (C,), or (1, 1, C) with `keepdims`.

    Keras `GlobalMaxPooling2D`.
    """

    layer: ClassVar[str] = "layers.GlobalMaxPooling2D"
    saved: ClassVar[SavedForBackward] = SavedForBackward(inputs=True, output=True)


class _AdaptivePool(_WholeMapPool):
    """Windows as large as the output asks for.

    Args:
        size: height and width of the output.
    """

    size: Pair

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"size": 2}, ((9, 8, 3),), (2, 2, 3)),
        Example({"size": [3, 1]}, ((9, 8, 3),), (3, 1, 3)),
    )

    def output(self, *inputs: Shape) -> Shape:
        *_, channels = image(inputs[0], self.name)
        return *self.size, channels

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        rows, columns = (Reach(x, 0, x - 1, y) for x, y in zip(inputs[0], self.size, strict=False))
        return rows, columns

    def keras(self) -> Call:
        return self.call(self.layer, "size")

    def label(self) -> str:
        return f"{super().label()} to {times(self.size)}"


class AdaptiveAveragePool(_AdaptivePool, name="adaptive_average_pool"):
    """The mean of each of some windows that cover the map. (H, W, C) -> (size, size, C).

    Keras `AdaptiveAveragePooling2D`; torch has it too.
    """

    layer: ClassVar[str] = "layers.AdaptiveAveragePooling2D"

    def fvcore(self, *inputs: Shape) -> Counts:
        return Counts(math.prod(inputs[0]))


class AdaptiveMaxPool(_AdaptivePool, name="adaptive_max_pool"):
    """The largest number of each of some windows that cover the map. (H, W, C) -> (size, size, C).

    Keras `AdaptiveMaxPooling2D`; torch has it too. The layer is archdsl's own: where a side is 1, that of Keras 3.15
    also pools over one pixel more than there are, and its gradient is wrong.
    """

    layer: ClassVar[str] = "CoveringMaxPooling2D"
    saved: ClassVar[SavedForBackward] = SavedForBackward(inputs=True, output=True)
