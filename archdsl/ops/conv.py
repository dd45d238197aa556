"""Convolutions."""

import math
from typing import Annotated, Any, ClassVar

from pydantic import Field, WrapValidator

from archdsl.ops.base import Example, OpError, SavedForBackward, Shape, Traits, listed_rank, per_axis, per_stride, times
from archdsl.ops.field_types import ConvPadding, Count, PerAxis, Pixels, either
from archdsl.ops.index_sets import ALL, LONGEST, divided, interval, smeared, spread
from archdsl.ops.sliding import Geometry, Sliding
from archdsl.ops.weights import Biased, Constraint, Kernel, KernelInitializer, Regularizer

_MORE = {"kernel_initializer": {"truncated_normal": {"stddev": 0.02}}, "kernel_regularizer": {"l2": 1e-4}}
_BIAS = {"bias_initializer": {"constant": 0.1}, "bias_regularizer": "l1", "bias_constraint": "non_neg"}


class _Conv(Sliding, Biased, kind="conv"):
    """Base class of the convolutions.

    Args:
        kernel: size of the convolution window: one number, or one per axis.
        stride: stride of the convolution: one number, or one per axis.
        padding: `valid` for no padding, `same` for zero padding to an output of size ceil(input / stride), or the
            number of zeros on each side: one number, or one pair per axis, such as [[top, bottom], [left, right]].
            `conv` on sequences also has `causal`: zeros only before the sequence, so that no output depends on later
            inputs.
        dilation: dilation rate: one number, or one per axis.
        norm: normalization applied to the output: `batch`, `layer`, ..., or `none`.
        activation: activation applied after the normalization, or `none`.
    """

    keras_positional = ("filters", "kernel")
    keras_words = {
        "strides": "stride",
        "padding": "padding",
        "depth_multiplier": "multiplier",
        "output_padding": "output_padding",
        "dilation_rate": "dilation",
        "groups": "groups",
        "activation": "activation",
        "use_bias": "bias",
    }
    causal: ClassVar[bool] = False
    """Whether its layer in Keras has `padding: causal`."""
    pad_with = "zero_pad"
    saved = SavedForBackward(inputs=True)
    traits = Traits(filters=True)

    kernel: PerAxis
    stride: PerAxis = 1
    padding: ConvPadding = "valid"
    dilation: PerAxis = 1
    norm: Any = "none"
    activation: Any = "none"

    def geometry(self, rank: int) -> Geometry:
        kernel, dilation = per_axis(self.kernel, rank, "kernel"), per_axis(self.dilation, rank, "dilation")
        found = Geometry(kernel, per_axis(self.stride, rank, "stride"), self.padding, dilation)
        if self.padding != "causal":
            return found
        if rank != 1:
            raise OpError("`padding: causal` expects a sequence (T, C)", "padding")
        before = dilation[0] * (kernel[0] - 1)
        if not self.causal:
            hint = f"use `padding: [[{before}, 0]]`" if self.pad_with else ""
            raise OpError(f"`{self.name}` does not support `padding: causal`", "padding", hint)
        return found._replace(padding=((before, 0),))

    def window_label(self, rank: int, more: str = "") -> str:
        """` 3×3, 64 /2`, the second part of a label."""
        kernel, stride, *_ = self.geometry(rank)
        return f" {times(kernel)}{more}{per_stride(stride)}"

    def label(self) -> str:
        return self.label_of_rank(listed_rank(self))

    def channels_read(self, needed: int, taken: int, given: int) -> int:
        return ALL


class Conv(_Conv, Kernel, name="conv", layer="layers.Conv2D"):
    """Convolution. (H, W, C) -> (H', W', filters). Keras `Conv2D`; LeCun et al. 1989.

    On sequences (T, C), it is Keras's `Conv1D`, and on volumes (D, H, W, C), `Conv3D`.

    Args:
        filters: number of filters (the number of output channels).
        groups: number of groups the channels are split into; each group is convolved separately.
    """

    causal = True
    traits = Traits(filters=True, linear=True)

    filters: Count
    groups: Count = 1

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"filters": 8, "kernel": 3}, ((9, 7, 4),), (7, 5, 8)),
        Example({"filters": 8, "kernel": [1, 3], "stride": 2, "padding": "same"}, ((9, 7, 4),), (5, 4, 8)),
        Example({"filters": 6, "kernel": 3, "dilation": 2, "bias": False}, ((9, 8, 2),), (5, 4, 6)),
        Example({"filters": 6, "kernel": 1, "stride": [2, 1]}, ((9, 8, 2),), (5, 8, 6)),
        Example({"filters": 6, "kernel": 3, "groups": 2}, ((9, 8, 4),), (7, 6, 6)),
        Example({"filters": 6, "kernel": 3, "stride": 2, "padding": "same"}, ((9, 4),), (5, 6)),
        Example({"filters": 6, "kernel": 3, "dilation": [2], "padding": "causal", "groups": 2}, ((9, 4),), (9, 6)),
        Example({"filters": 6, "kernel": 3, "stride": 2, "padding": "causal"}, ((8, 4),), (4, 6)),
        Example({"filters": 6, "kernel": [3, 1, 2], "stride": [1, 2, 1]}, ((5, 4, 3, 2),), (3, 2, 2, 6)),
        Example({"filters": 6, "kernel": 1, **_MORE}, ((3, 2, 4),), (3, 2, 6)),
        Example(
            {"filters": 6, "kernel": 1, **_BIAS, "kernel_constraint": "unit_norm", "activity_regularizer": "l2"},
            ((3, 2, 4),),
            (3, 2, 6),
        ),
    )

    def channels_of_output(self, channels: int) -> int:
        for what, number, field in (("channels", channels, "groups"), ("filters", self.filters, "filters")):
            if number % self.groups:
                hint = f"set `groups` to a divisor of {number}, or change the number of {what}"
                raise OpError(f"{number} {what} cannot be split into {self.groups} groups", field, hint)
        return self.filters

    def weight_shapes(self, x: Shape) -> dict[str, Shape]:
        kernel = per_axis(self.kernel, len(x) - 1, "kernel")
        return {"kernel": (*kernel, x[-1] // self.groups, self.filters), "bias": (self.filters,)}

    def channels_read(self, needed: int, taken: int, given: int) -> int:
        if needed == ALL or max(taken, given) > LONGEST:
            return ALL
        per_group = taken // self.groups
        chosen = divided(needed, given, given // self.groups) & interval(0, self.groups)
        return smeared(spread(chosen, per_group), per_group, 1)

    def plainer_step(self, x: Shape) -> str:
        rank, stride = len(x) - 1, per_axis(self.stride, len(x) - 1, "stride")
        same_layer = rank in DepthwiseConv.ranks and self.padding != "causal" and len({*stride}) == 1
        if self.groups == 1 or self.groups != x[-1] or not same_layer:
            return ""
        sides = {*per_axis(self.kernel, rank, "kernel")}
        more = "" if self.filters == self.groups else f", multiplier: {self.filters // self.groups}"
        return f"depthwise_conv: {{kernel: {sides.pop() if len(sides) == 1 else [*self.kernel]}{more}}}"  # type: ignore[misc]

    def label(self) -> str:
        return self.label_of_rank(1) if self.padding == "causal" else super().label()

    def label_of_rank(self, rank: int) -> str:
        groups = f", {self.groups} groups" if self.groups > 1 else ""
        return f"Conv{self.window_label(rank, f', {self.filters}{groups}')}"


class _Depthwise(_Conv):
    """Base class of the convolutions that filter each channel separately.

    Args:
        multiplier: number of depthwise filters for each input channel.
        depthwise_initializer: initializer for the depthwise kernel.
        depthwise_regularizer: regularizer for the depthwise kernel.
        depthwise_constraint: constraint on the depthwise kernel.
    """

    ranks = (1, 2)

    multiplier: Count = 1
    depthwise_initializer: KernelInitializer = "glorot_uniform"
    depthwise_regularizer: Regularizer = None
    depthwise_constraint: Constraint = None

    def sides_of_output(self, x: Shape) -> Shape:
        found, stride = super().sides_of_output(x), self.geometry(len(x)).stride
        if len({*stride}) > 1:
            fact = f"`{self.name}` requires the same stride along height and width, got {list(stride)}"
            raise OpError(fact, "stride", "use one number, such as `stride: 2`")
        return found


class DepthwiseConv(_Depthwise, name="depthwise_conv", layer="layers.DepthwiseConv2D"):
    """Convolution of each channel separately. (H, W, C) -> (H', W', C * multiplier).

    Keras `DepthwiseConv2D`; Sifre 2014. On sequences (T, C), it is Keras's `DepthwiseConv1D`.
    """

    examples = (
        Example({"kernel": 3}, ((9, 7, 4),), (7, 5, 4)),
        Example({"kernel": 3, "stride": 2, "padding": "same", "multiplier": 2}, ((9, 7, 3),), (5, 4, 6)),
        Example({"kernel": 2, "dilation": 3, "bias": False}, ((9, 9, 3),), (6, 6, 3)),
        Example({"kernel": [3], "stride": 2, "padding": "same", "multiplier": 2}, ((9, 4),), (5, 8)),
        Example(
            {
                "kernel": 1,
                **_BIAS,
                "depthwise_initializer": "he_normal",
                "depthwise_regularizer": {"l2": 1e-4},
                "depthwise_constraint": {"max_norm": {"max_value": 2.0, "axis": [0, 1]}},
                "activity_regularizer": "l2",
            },
            ((3, 2, 4),),
            (3, 2, 4),
        ),
    )

    def channels_of_output(self, channels: int) -> int:
        return channels * self.multiplier

    def weight_shapes(self, x: Shape) -> dict[str, Shape]:
        kernel = per_axis(self.kernel, len(x) - 1, "kernel")
        return {"kernel": (*kernel, x[-1], self.multiplier), "bias": (x[-1] * self.multiplier,)}

    def channels_read(self, needed: int, taken: int, given: int) -> int:
        return ALL if needed == ALL or max(taken, given) > LONGEST else divided(needed, given, self.multiplier)

    def other_rank(self, x: Shape) -> str:
        if len(x) != 4:
            return ""
        return f"use `conv` with `filters: {x[-1] * self.multiplier}` and `groups: {x[-1]}`"

    def label_of_rank(self, rank: int) -> str:
        return f"Depthwise conv{self.window_label(rank)}"


class SeparableConv(_Depthwise, name="separable_conv", layer="layers.SeparableConv2D"):
    """Depthwise convolution followed by a 1x1 convolution. (H, W, C) -> (H', W', filters).

    Keras `SeparableConv2D`; Chollet 2017 (Xception). There is no normalization or activation between the two. On
    sequences (T, C), it is Keras's `SeparableConv1D`.

    Args:
        filters: number of filters of the 1x1 convolution (the number of output channels).
        pointwise_initializer: initializer for the kernel of the 1x1 convolution.
        pointwise_regularizer: regularizer for the kernel of the 1x1 convolution.
        pointwise_constraint: constraint on the kernel of the 1x1 convolution.
    """

    filters: Count
    pointwise_initializer: KernelInitializer = "glorot_uniform"
    pointwise_regularizer: Regularizer = None
    pointwise_constraint: Constraint = None

    examples = (
        Example({"filters": 8, "kernel": 3}, ((9, 7, 4),), (7, 5, 8)),
        Example({"filters": 8, "kernel": 3, "stride": 2, "padding": "same", "bias": False}, ((9, 7, 4),), (5, 4, 8)),
        Example({"filters": 5, "kernel": 2, "dilation": 2, "multiplier": 2}, ((9, 7, 4),), (7, 5, 5)),
        Example({"filters": 5, "kernel": 3, "stride": 2, "multiplier": 2}, ((9, 4),), (4, 5)),
        Example(
            {
                "filters": 5,
                "kernel": 1,
                **_BIAS,
                "depthwise_initializer": "he_normal",
                "depthwise_regularizer": "l1",
                "depthwise_constraint": "non_neg",
                "pointwise_initializer": {"variance_scaling": {"scale": 2.0, "mode": "fan_out"}},
                "pointwise_regularizer": {"l1_l2": {"l1": 1e-5, "l2": 1e-4}},
                "pointwise_constraint": "non_neg",
                "activity_regularizer": "l2",
            },
            ((3, 2, 4),),
            (3, 2, 5),
        ),
    )

    def channels_of_output(self, channels: int) -> int:
        return self.filters

    def weight_shapes(self, x: Shape) -> dict[str, Shape]:
        return {
            "depthwise_kernel": (*per_axis(self.kernel, len(x) - 1, "kernel"), x[-1], self.multiplier),
            "pointwise_kernel": (*(1 for _ in x[:-1]), x[-1] * self.multiplier, self.filters),
            "bias": (self.filters,),
        }

    def activations(self, *inputs: Shape) -> int:
        return self.workspace(*inputs) + super().activations(*inputs)

    def workspace(self, *inputs: Shape) -> int:
        # The output of the depthwise convolution, which is the input of the 1x1 convolution.
        return math.prod(self.output(*inputs)[:-1]) * inputs[0][-1] * self.multiplier

    def saved_for_backward(self, *inputs: Shape) -> SavedForBackward:
        return SavedForBackward(inputs=True, workspace=self.workspace(*inputs))

    def label_of_rank(self, rank: int) -> str:
        return f"Separable conv{self.window_label(rank, f', {self.filters}')}"


OutputPadding = Annotated[
    Pixels | Annotated[tuple[Pixels, ...], Field(min_length=1, max_length=3)] | None,
    WrapValidator(either("a number, or a list with one number per axis, such as [height, width]")),
]


class ConvTranspose(_Conv, Kernel, name="conv_transpose", layer="layers.Conv2DTranspose"):
    """Transposed convolution, also called deconvolution. (H, W, C) -> (H', W', filters).

    Keras `Conv2DTranspose`; Zeiler et al. 2010. With `padding: same`, H' = H * stride; with `padding: valid`,
    H' = (H - 1) * stride + max(kernel, stride). For the numeric `padding` of torch's `ConvTranspose2d`, use
    `padding: valid` followed by `crop`. On sequences (T, C), it is Keras's `Conv1DTranspose`, and on volumes
    (D, H, W, C), `Conv3DTranspose`.

    Args:
        filters: number of filters (the number of output channels).
        padding: `valid` or `same`.
        output_padding: number of positions added to the smallest possible output: one number, or one per axis; less
            than `stride`.
    """

    pad_with = ""
    upward = True

    filters: Count
    output_padding: OutputPadding = None

    examples = (
        Example({"filters": 8, "kernel": 2, "stride": 2}, ((4, 5, 3),), (8, 10, 8)),
        Example({"filters": 8, "kernel": [3, 1], "stride": 2}, ((4, 5, 3),), (9, 10, 8)),
        Example({"filters": 6, "kernel": 3, "stride": 2, "padding": "same", "bias": False}, ((4, 5, 3),), (8, 10, 6)),
        Example({"filters": 6, "kernel": 3, "dilation": 2}, ((4, 5, 3),), (8, 9, 6)),
        Example({"filters": 6, "kernel": 3, "stride": 2, "output_padding": [1, 0]}, ((4, 5, 3),), (10, 11, 6)),
        Example({"filters": 6, "kernel": 3, "stride": [2], "padding": "same"}, ((4, 3),), (8, 6)),
        Example({"filters": 6, "kernel": 2, "stride": [1, 2, 2]}, ((4, 5, 2, 3),), (5, 10, 4, 6)),
        Example(
            {"filters": 6, "kernel": 3, "stride": 2, "padding": "same", "output_padding": [1, 1]},
            ((4, 5, 3),),
            (8, 10, 6),
        ),
        Example(
            {"filters": 6, "kernel": 1, **_MORE, **_BIAS, "kernel_constraint": "non_neg", "activity_regularizer": "l2"},
            ((3, 2, 4),),
            (3, 2, 6),
        ),
    )

    def channels_of_output(self, channels: int) -> int:
        return self.filters

    def sides_of_output(self, x: Shape) -> Shape:
        if self.padding not in ("same", "valid"):
            hint = "use `padding: valid`, followed by `crop` with this number as its `border`"
            raise OpError("`conv_transpose` does not support a numeric `padding`", "padding", hint)
        kernel, strides, _, dilations = self.geometry(len(x))
        given = self.output_padding
        more = (None,) * len(x) if given is None else per_axis(given, len(x), "output_padding")
        reaches = [dilation * (side - 1) + 1 for side, dilation in zip(kernel, dilations, strict=True)]
        return tuple(map(self._side, x, strides, reaches, more))

    def _side(self, length: int, stride: int, reach: int, more: int | None) -> int:
        if more is not None and more >= stride:
            raise OpError(f"`output_padding` must be less than the stride {stride}, got {more}", "output_padding")
        if self.padding == "same":
            return length * stride if more is None else (length - 1) * stride + reach % 2 + more
        return (length - 1) * stride + (max(reach, stride) if more is None else reach + more)

    def weight_shapes(self, x: Shape) -> dict[str, Shape]:
        kernel = per_axis(self.kernel, len(x) - 1, "kernel")
        return {"kernel": (*kernel, self.filters, x[-1]), "bias": (self.filters,)}

    def macs(self, *inputs: Shape) -> int:
        return math.prod(inputs[0][:-1]) * self.weights(*inputs)["kernel"].size

    def label_of_rank(self, rank: int) -> str:
        kernel, stride, *_ = self.geometry(rank)
        scale = per_stride(stride).replace("/", "×")
        return f"Transposed conv {times(kernel)}, {self.filters}{scale}"
