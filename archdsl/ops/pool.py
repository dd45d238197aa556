"""Pooling."""

import math
from collections.abc import Sequence
from typing import Any

from archdsl.ops.base import Counts, Example, Op, OpError, SavedForBackward, Shape, Traits, image, per_stride, times
from archdsl.ops.field_types import Flag, Padding, Pair
from archdsl.ops.index_sets import ALL, Positions
from archdsl.ops.receptive_field import Reach, ReceptiveField
from archdsl.ops.sliding import Sliding


class _Pool(Sliding, kind="pool"):
    """A window that slides over a map, each channel by itself.

    Args:
        size: height and width of the window.
        stride: how far the window moves; without it, as far as it is large.
        padding: `same`, `valid`, a number of pixels, or [[top, bottom], [left, right]].
    """

    kernel_field = "size"
    keras_positional = ("size",)
    keras_words = {"strides": "stride", "padding": "padding"}
    traits = Traits(values="between")

    size: Pair = (2, 2)
    stride: Pair | None = None
    padding: Padding = "valid"

    def geometry(self) -> tuple[tuple[int, int], tuple[int, int], Any, tuple[int, int]]:
        return self.size, self.stride or self.size, self.padding, (1, 1)

    def label(self) -> str:
        return f"{super().label()} {times(self.size)}{per_stride(self.stride or self.size)}"


class MaxPool(_Pool, name="max_pool", layer="layers.MaxPooling2D"):
    """The largest number of each window. (H, W, C) -> (H', W', C). Keras `MaxPooling2D`.

    A number as `padding` pads with minus infinity, as torch does.
    """

    pad_with = "lowest_pad"
    saved = SavedForBackward(inputs=True, output=True)
    examples = (
        Example({}, ((9, 8, 3),), (4, 4, 3)),
        Example({"size": 3, "stride": 2, "padding": "same"}, ((9, 8, 3),), (5, 4, 3)),
        Example({"size": [1, 2], "stride": [2, 1]}, ((9, 8, 3),), (5, 7, 3)),
    )


class AveragePool(_Pool, name="average_pool", layer="layers.AveragePooling2D"):
    """The mean of each window. (H, W, C) -> (H', W', C). Keras `AveragePooling2D`.

    Args:
        padding: `same` or `valid`; a number of pixels is an error, for torch and Keras average differently then.
    """

    examples = (
        Example({"size": [2, 3]}, ((9, 8, 3),), (4, 2, 3)),
        Example({"size": 3, "stride": 1, "padding": "same"}, ((9, 8, 3),), (9, 8, 3)),
    )

    def output(self, *inputs: Shape) -> Shape:
        if self.padding not in ("same", "valid"):
            hint = "`same` averages over the pixels that are there; `zero_pad` before it counts zeros in"
            raise OpError("torch and Keras average differently over a padded border", "padding", hint)
        return super().output(*inputs)


class _WholeMapPool(Op, kind="pool"):
    """A pool that reads each channel's whole map."""

    traits = Traits(values="between")

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        return ((ALL, ALL, needed[-1]),)


class _GlobalPool(_WholeMapPool):
    """All of a map to one number a channel.

    Args:
        keepdims: whether the output is (1, 1, C).
    """

    traits = Traits(values="between", pools_map=True)

    keepdims: Flag = False

    examples = (Example({}, ((5, 4, 3),), (3,)), Example({"keepdims": True}, ((5, 4, 3),), (1, 1, 3)))

    def output(self, *inputs: Shape) -> Shape:
        *_, channels = image(inputs[0], self.name)
        return (1, 1, channels) if self.keepdims else (channels,)


class GlobalAveragePool(_GlobalPool, name="global_average_pool", layer="layers.GlobalAveragePooling2D"):
    """The mean of each channel. (H, W, C) -> (C,), or (1, 1, C) with `keepdims`.

    Keras `GlobalAveragePooling2D`; Lin et al. 2013.
    """

    def fvcore(self, *inputs: Shape) -> Counts:
        # With `keepdims`, as gates take it, it is torch's `mean`, of which fvcore counts nothing.
        return Counts(0 if self.keepdims else math.prod(inputs[0]))


class GlobalMaxPool(_GlobalPool, name="global_max_pool", layer="layers.GlobalMaxPooling2D"):
    """The largest number of each channel. (H, W, C) -> (C,), or (1, 1, C) with `keepdims`.

    Keras `GlobalMaxPooling2D`.
    """

    saved = SavedForBackward(inputs=True, output=True)


class _AdaptivePool(_WholeMapPool):
    """Windows as large as the output asks for.

    Args:
        size: height and width of the output.
    """

    size: Pair

    examples = (Example({"size": 2}, ((9, 8, 3),), (2, 2, 3)), Example({"size": [3, 1]}, ((9, 8, 3),), (3, 1, 3)))

    def output(self, *inputs: Shape) -> Shape:
        *_, channels = image(inputs[0], self.name)
        return *self.size, channels

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        rows, columns = (Reach(x, 0, x - 1, y) for x, y in zip(inputs[0], self.size, strict=False))
        return rows, columns

    def label(self) -> str:
        return f"{super().label()} to {times(self.size)}"


class AdaptiveAveragePool(_AdaptivePool, name="adaptive_average_pool", layer="layers.AdaptiveAveragePooling2D"):
    """The mean of each of some windows that cover the map. (H, W, C) -> (size, size, C).

    Keras `AdaptiveAveragePooling2D`; torch has it too.
    """

    def fvcore(self, *inputs: Shape) -> Counts:
        return Counts(math.prod(inputs[0]))


class AdaptiveMaxPool(_AdaptivePool, name="adaptive_max_pool", layer="CoveringMaxPooling2D"):
    """The largest number of each of some windows that cover the map. (H, W, C) -> (size, size, C).

    Keras `AdaptiveMaxPooling2D`; torch has it too. The layer is archdsl's own: where a side is 1, that of Keras 3.15
    also pools over one pixel more than there are, and its gradient is wrong.
    """

    saved = SavedForBackward(inputs=True, output=True)
