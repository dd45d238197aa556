"""Pooling."""

import math
from collections.abc import Sequence

from archdsl.ops.base import (
    Counts,
    Example,
    Op,
    OpError,
    SavedForBackward,
    Shape,
    Traits,
    lengths,
    listed_rank,
    per_axis,
    per_stride,
    times,
)
from archdsl.ops.field_types import Flag, Padding, PerAxis
from archdsl.ops.index_sets import ALL, Positions
from archdsl.ops.receptive_field import Reach, ReceptiveField
from archdsl.ops.sliding import Geometry, Sliding


class _Pool(Sliding, kind="pool"):
    """Base class of the pools with a sliding window.

    Args:
        size: size of the pooling window: one number, or one per axis.
        stride: stride of the window: one number, or one per axis; defaults to `size`.
        padding: `valid` for no padding, `same` for padding to an output of size ceil(input / stride), or the number of
            pixels on each side: one number, or one pair per axis, such as [[top, bottom], [left, right]].
    """

    kernel_field = "size"
    keras_positional = ("size",)
    keras_words = {"strides": "stride", "padding": "padding"}
    traits = Traits(values="between")

    size: PerAxis = 2
    stride: PerAxis | None = None
    padding: Padding = "valid"

    def geometry(self, rank: int) -> Geometry:
        size = per_axis(self.size, rank, "size")
        stride = size if self.stride is None else per_axis(self.stride, rank, "stride")
        return Geometry(size, stride, self.padding, (1,) * rank)

    def label(self) -> str:
        return self.label_of_rank(listed_rank(self))

    def label_of_rank(self, rank: int) -> str:
        size, stride, *_ = self.geometry(rank)
        return f"{super().label()} {times(size)}{per_stride(stride)}"


class MaxPool(_Pool, name="max_pool", layer="layers.MaxPooling2D"):
    """Maximum over each window. (H, W, C) -> (H', W', C). Keras `MaxPooling2D`.

    On sequences (T, C), it is Keras's `MaxPooling1D`, and on volumes (D, H, W, C), `MaxPooling3D`. A numeric
    `padding` pads with minus infinity, as torch does.
    """

    pad_with = "lowest_pad"
    saved = SavedForBackward(inputs=True, output=True)
    examples = (
        Example({}, ((9, 8, 3),), (4, 4, 3)),
        Example({"size": 3, "stride": 2, "padding": "same"}, ((9, 8, 3),), (5, 4, 3)),
        Example({"size": [1, 2], "stride": [2, 1]}, ((9, 8, 3),), (5, 7, 3)),
        Example({"size": 3, "padding": "same"}, ((8, 3),), (3, 3)),
        Example({"size": [1, 2, 2], "stride": 2}, ((5, 4, 6, 3),), (3, 2, 3, 3)),
    )


class AveragePool(_Pool, name="average_pool", layer="layers.AveragePooling2D"):
    """Average over each window. (H, W, C) -> (H', W', C). Keras `AveragePooling2D`.

    On sequences (T, C), it is Keras's `AveragePooling1D`, and on volumes (D, H, W, C), `AveragePooling3D`.

    Args:
        padding: `valid` or `same`. A number of pixels is an error, because torch counts the padding in the average and
            Keras does not.
    """

    examples = (
        Example({"size": [2, 3]}, ((9, 8, 3),), (4, 2, 3)),
        Example({"size": 3, "stride": 1, "padding": "same"}, ((9, 8, 3),), (9, 8, 3)),
        Example({"stride": [3], "padding": "same"}, ((8, 3),), (3, 3)),
        Example({"size": [1, 2, 2]}, ((3, 4, 6, 2),), (3, 2, 3, 2)),
    )

    def output(self, *inputs: Shape) -> Shape:
        if self.padding not in ("same", "valid"):
            hint = "use `padding: same` to average without the padding, or `zero_pad` before it to include zeros"
            raise OpError("`average_pool` does not support a numeric `padding`", "padding", hint)
        return super().output(*inputs)


class _WholeMapPool(Op, kind="pool"):
    """Base class of the pools that read the entire feature map of each channel."""

    ranks = (1, 2, 3)
    traits = Traits(values="between")

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        return ((*(ALL for _ in inputs[0][:-1]), needed[-1]),)


class _GlobalPool(_WholeMapPool):
    """Base class of the global pools.

    Args:
        keepdims: whether to keep the other axes, with length 1.
    """

    traits = Traits(values="between", pools_map=True)

    keepdims: Flag = False

    examples = (
        Example({}, ((5, 4, 3),), (3,)),
        Example({"keepdims": True}, ((5, 4, 3),), (1, 1, 3)),
        Example({}, ((5, 3),), (3,)),
        Example({"keepdims": True}, ((5, 4, 2, 3),), (1, 1, 1, 3)),
    )

    def output(self, *inputs: Shape) -> Shape:
        x = lengths(inputs[0], self)
        return *(1 for _ in x if self.keepdims), inputs[0][-1]


class GlobalAveragePool(_GlobalPool, name="global_average_pool", layer="layers.GlobalAveragePooling2D"):
    """Average of each channel. (H, W, C) -> (C,), or (1, 1, C) with `keepdims`.

    Keras `GlobalAveragePooling2D`; Lin et al. 2013. On sequences (T, C), it is Keras's `GlobalAveragePooling1D`, and on
    volumes (D, H, W, C), `GlobalAveragePooling3D`.
    """

    def fvcore(self, *inputs: Shape) -> Counts:
        # With `keepdims`, as in gates, timm calls torch's `mean`, which fvcore does not count.
        return Counts(0 if self.keepdims else math.prod(inputs[0]))


class GlobalMaxPool(_GlobalPool, name="global_max_pool", layer="layers.GlobalMaxPooling2D"):
    """Maximum of each channel. (H, W, C) -> (C,), or (1, 1, C) with `keepdims`.

    Keras `GlobalMaxPooling2D`. On sequences (T, C), it is Keras's `GlobalMaxPooling1D`, and on volumes (D, H, W, C),
    `GlobalMaxPooling3D`.
    """

    saved = SavedForBackward(inputs=True, output=True)


class _AdaptivePool(_WholeMapPool):
    """Base class of the pools with a fixed output size.

    Args:
        size: size of the output: one number, or one per axis.
    """

    size: PerAxis

    examples = (
        Example({"size": 2}, ((9, 8, 3),), (2, 2, 3)),
        Example({"size": [3, 1]}, ((9, 8, 3),), (3, 1, 3)),
        Example({"size": [4]}, ((9, 3),), (4, 3)),
        Example({"size": [1, 2, 3]}, ((4, 5, 7, 2),), (1, 2, 3, 2)),
    )

    def output(self, *inputs: Shape) -> Shape:
        x = lengths(inputs[0], self)
        return *per_axis(self.size, len(x), "size"), inputs[0][-1]

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        pairs = zip(lengths(inputs[0], self), self.output(*inputs), strict=False)
        return tuple(Reach(x, 0, x - 1, y) for x, y in pairs)

    def label(self) -> str:
        return self.label_of_rank(listed_rank(self))

    def label_of_rank(self, rank: int) -> str:
        return f"{super().label()} to {times(per_axis(self.size, rank, 'size'))}"


class AdaptiveAveragePool(_AdaptivePool, name="adaptive_average_pool", layer="layers.AdaptiveAveragePooling2D"):
    """Average pooling to a fixed output size. (H, W, C) -> (size, size, C).

    Keras `AdaptiveAveragePooling2D`; the same as torch's `AdaptiveAvgPool2d`. On sequences (T, C), it is Keras's
    `AdaptiveAveragePooling1D`, and on volumes (D, H, W, C), `AdaptiveAveragePooling3D`.
    """

    def fvcore(self, *inputs: Shape) -> Counts:
        return Counts(math.prod(inputs[0]))


class AdaptiveMaxPool(_AdaptivePool, name="adaptive_max_pool", layer="CoveringMaxPooling"):
    """Max pooling to a fixed output size. (H, W, C) -> (size, size, C).

    Keras `AdaptiveMaxPooling2D`; the same as torch's `AdaptiveMaxPool2d`. archdsl brings its own layer, because the one
    in Keras 3.15 pools over one pixel too many if a side is 1, and its gradient is wrong. It takes sequences (T, C) and
    volumes (D, H, W, C), too.
    """

    saved = SavedForBackward(inputs=True, output=True)
