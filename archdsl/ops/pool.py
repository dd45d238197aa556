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
    """Base class of the pools with a sliding window.

    Args:
        size: height and width of the pooling window.
        stride: stride of the window along height and width; defaults to `size`.
        padding: `valid` for no padding, `same` for padding to an output of size ceil(input / stride), or the number of
            pixels on each side: one number, or [[top, bottom], [left, right]].
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
    """Maximum over each window. (H, W, C) -> (H', W', C). Keras `MaxPooling2D`.

    A numeric `padding` pads with minus infinity, as torch does.
    """

    pad_with = "lowest_pad"
    saved = SavedForBackward(inputs=True, output=True)
    examples = (
        Example({}, ((9, 8, 3),), (4, 4, 3)),
        Example({"size": 3, "stride": 2, "padding": "same"}, ((9, 8, 3),), (5, 4, 3)),
        Example({"size": [1, 2], "stride": [2, 1]}, ((9, 8, 3),), (5, 7, 3)),
    )


class AveragePool(_Pool, name="average_pool", layer="layers.AveragePooling2D"):
    """Average over each window. (H, W, C) -> (H', W', C). Keras `AveragePooling2D`.

    Args:
        padding: `valid` or `same`. A number of pixels is an error, because torch counts the padding in the average and
            Keras does not.
    """

    examples = (
        Example({"size": [2, 3]}, ((9, 8, 3),), (4, 2, 3)),
        Example({"size": 3, "stride": 1, "padding": "same"}, ((9, 8, 3),), (9, 8, 3)),
    )

    def output(self, *inputs: Shape) -> Shape:
        if self.padding not in ("same", "valid"):
            hint = "use `padding: same` to average without the padding, or `zero_pad` before it to include zeros"
            raise OpError("`average_pool` does not support a numeric `padding`", "padding", hint)
        return super().output(*inputs)


class _WholeMapPool(Op, kind="pool"):
    """Base class of the pools that read the entire feature map of each channel."""

    traits = Traits(values="between")

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        return ((ALL, ALL, needed[-1]),)


class _GlobalPool(_WholeMapPool):
    """Base class of the global pools.

    Args:
        keepdims: whether to keep height and width as axes of length 1.
    """

    traits = Traits(values="between", pools_map=True)

    keepdims: Flag = False

    examples = (Example({}, ((5, 4, 3),), (3,)), Example({"keepdims": True}, ((5, 4, 3),), (1, 1, 3)))

    def output(self, *inputs: Shape) -> Shape:
        *_, channels = image(inputs[0], self.name)
        return (1, 1, channels) if self.keepdims else (channels,)


class GlobalAveragePool(_GlobalPool, name="global_average_pool", layer="layers.GlobalAveragePooling2D"):
    """Average of each channel. (H, W, C) -> (C,), or (1, 1, C) with `keepdims`.

    Keras `GlobalAveragePooling2D`; Lin et al. 2013.
    """

    def fvcore(self, *inputs: Shape) -> Counts:
        # With `keepdims`, as in gates, timm calls torch's `mean`, which fvcore does not count.
        return Counts(0 if self.keepdims else math.prod(inputs[0]))


class GlobalMaxPool(_GlobalPool, name="global_max_pool", layer="layers.GlobalMaxPooling2D"):
    """Maximum of each channel. (H, W, C) -> (C,), or (1, 1, C) with `keepdims`.

    Keras `GlobalMaxPooling2D`.
    """

    saved = SavedForBackward(inputs=True, output=True)


class _AdaptivePool(_WholeMapPool):
    """Base class of the pools with a fixed output size.

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
    """Average pooling to a fixed output size. (H, W, C) -> (size, size, C).

    Keras `AdaptiveAveragePooling2D`; the same as torch's `AdaptiveAvgPool2d`.
    """

    def fvcore(self, *inputs: Shape) -> Counts:
        return Counts(math.prod(inputs[0]))


class AdaptiveMaxPool(_AdaptivePool, name="adaptive_max_pool", layer="CoveringMaxPooling2D"):
    """Max pooling to a fixed output size. (H, W, C) -> (size, size, C).

    Keras `AdaptiveMaxPooling2D`; the same as torch's `AdaptiveMaxPool2d`. archdsl brings its own layer, because the one
    in Keras 3.15 pools over one pixel too many if a side is 1, and its gradient is wrong.
    """

    saved = SavedForBackward(inputs=True, output=True)
