"""Convolutions."""

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, WrapValidator

from archdsl.ops.base import Example, OpError, SavedForBackward, Shape, Traits, per_stride, times
from archdsl.ops.field_types import Count, Padding, Pair, Pixels, either, pair
from archdsl.ops.index_sets import ALL, LONGEST, divided, interval, smeared, spread
from archdsl.ops.sliding import Sliding
from archdsl.ops.weights import Biased, Constraint, Kernel, KernelInitializer, Regularizer

_MORE = {"kernel_initializer": {"truncated_normal": {"stddev": 0.02}}, "kernel_regularizer": {"l2": 1e-4}}
_BIAS = {"bias_initializer": {"constant": 0.1}, "bias_regularizer": "l1", "bias_constraint": "non_neg"}


class _Conv(Sliding, Biased, kind="conv"):
    """Base class of the convolutions.

    Args:
        kernel: height and width of the convolution window.
        stride: stride of the convolution along height and width.
        padding: `valid` for no padding, `same` for zero padding to an output of size ceil(input / stride), or the
            number of zeros on each side: one number, or [[top, bottom], [left, right]].
        dilation: dilation rate along height and width.
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
    pad_with = "zero_pad"
    saved = SavedForBackward(inputs=True)
    traits = Traits(filters=True)

    kernel: Pair
    stride: Pair = (1, 1)
    padding: Padding = "valid"
    dilation: Pair = (1, 1)
    norm: Any = "none"
    activation: Any = "none"

    def geometry(self) -> tuple[tuple[int, int], tuple[int, int], Any, tuple[int, int]]:
        return self.kernel, self.stride, self.padding, self.dilation

    def channels_read(self, needed: int, taken: int, given: int) -> int:
        return ALL


class Conv(_Conv, Kernel, name="conv", layer="layers.Conv2D"):
    """2D convolution. (H, W, C) -> (H', W', filters). Keras `Conv2D`; LeCun et al. 1989.

    Args:
        filters: number of filters (the number of output channels).
        groups: number of groups the channels are split into; each group is convolved separately.
    """

    traits = Traits(filters=True, linear=True)

    filters: Count
    groups: Count = 1

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"filters": 8, "kernel": 3}, ((9, 7, 4),), (7, 5, 8)),
        Example({"filters": 8, "kernel": [1, 3], "stride": 2, "padding": "same"}, ((9, 7, 4),), (5, 4, 8)),
        Example({"filters": 6, "kernel": 3, "dilation": 2, "bias": False}, ((9, 8, 2),), (5, 4, 6)),
        Example({"filters": 6, "kernel": 1, "stride": [2, 1]}, ((9, 8, 2),), (5, 8, 6)),
        Example({"filters": 6, "kernel": 3, "groups": 2}, ((9, 8, 4),), (7, 6, 6)),
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
        return {"kernel": (*self.kernel, x[2] // self.groups, self.filters), "bias": (self.filters,)}

    def channels_read(self, needed: int, taken: int, given: int) -> int:
        if needed == ALL or max(taken, given) > LONGEST:
            return ALL
        per_group = taken // self.groups
        chosen = divided(needed, given, given // self.groups) & interval(0, self.groups)
        return smeared(spread(chosen, per_group), per_group, 1)

    def plainer_step(self, x: Shape) -> str:
        if self.groups == 1 or self.groups != x[-1]:
            return ""
        height, width = self.kernel
        more = "" if self.filters == self.groups else f", multiplier: {self.filters // self.groups}"
        return f"depthwise_conv: {{kernel: {height if height == width else [height, width]}{more}}}"

    def label(self) -> str:
        groups = f", {self.groups} groups" if self.groups > 1 else ""
        return f"Conv {times(self.kernel)}, {self.filters}{groups}{per_stride(self.stride)}"


class _Depthwise(_Conv):
    """Base class of the convolutions that filter each channel separately.

    Args:
        multiplier: number of depthwise filters for each input channel.
        depthwise_initializer: initializer for the depthwise kernel.
        depthwise_regularizer: regularizer for the depthwise kernel.
        depthwise_constraint: constraint on the depthwise kernel.
    """

    multiplier: Count = 1
    depthwise_initializer: KernelInitializer = "glorot_uniform"
    depthwise_regularizer: Regularizer = None
    depthwise_constraint: Constraint = None

    def sides_of_output(self, height: int, width: int) -> tuple[int, int]:
        found = super().sides_of_output(height, width)
        if self.stride[0] != self.stride[1]:
            fact = f"`{self.name}` requires the same stride along height and width, got {list(self.stride)}"
            raise OpError(fact, "stride", "use one number, such as `stride: 2`")
        return found


class DepthwiseConv(_Depthwise, name="depthwise_conv", layer="layers.DepthwiseConv2D"):
    """2D convolution of each channel separately. (H, W, C) -> (H', W', C * multiplier).

    Keras `DepthwiseConv2D`; Sifre 2014.
    """

    examples = (
        Example({"kernel": 3}, ((9, 7, 4),), (7, 5, 4)),
        Example({"kernel": 3, "stride": 2, "padding": "same", "multiplier": 2}, ((9, 7, 3),), (5, 4, 6)),
        Example({"kernel": 2, "dilation": 3, "bias": False}, ((9, 9, 3),), (6, 6, 3)),
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
        return {"kernel": (*self.kernel, x[2], self.multiplier), "bias": (x[2] * self.multiplier,)}

    def channels_read(self, needed: int, taken: int, given: int) -> int:
        return ALL if needed == ALL or max(taken, given) > LONGEST else divided(needed, given, self.multiplier)

    def label(self) -> str:
        return f"Depthwise conv {times(self.kernel)}{per_stride(self.stride)}"


class SeparableConv(_Depthwise, name="separable_conv", layer="layers.SeparableConv2D"):
    """2D depthwise convolution followed by a 1x1 convolution. (H, W, C) -> (H', W', filters).

    Keras `SeparableConv2D`; Chollet 2017 (Xception). There is no normalization or activation between the two.

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
            "depthwise_kernel": (*self.kernel, x[2], self.multiplier),
            "pointwise_kernel": (1, 1, x[2] * self.multiplier, self.filters),
            "bias": (self.filters,),
        }

    def activations(self, *inputs: Shape) -> int:
        return self.workspace(*inputs) + super().activations(*inputs)

    def workspace(self, *inputs: Shape) -> int:
        # The output of the depthwise convolution, which is the input of the 1x1 convolution.
        height, width, _ = self.output(*inputs)
        return height * width * inputs[0][2] * self.multiplier

    def saved_for_backward(self, *inputs: Shape) -> SavedForBackward:
        return SavedForBackward(inputs=True, workspace=self.workspace(*inputs))

    def label(self) -> str:
        return f"Separable conv {times(self.kernel)}, {self.filters}{per_stride(self.stride)}"


OutputPadding = Annotated[
    Annotated[tuple[Pixels, Pixels], BeforeValidator(pair)] | None,
    WrapValidator(either("a number of pixels, or [height, width]")),
]


class ConvTranspose(_Conv, Kernel, name="conv_transpose", layer="layers.Conv2DTranspose"):
    """2D transposed convolution, also called deconvolution. (H, W, C) -> (H', W', filters).

    Keras `Conv2DTranspose`; Zeiler et al. 2010. With `padding: same`, H' = H * stride; with `padding: valid`,
    H' = (H - 1) * stride + max(kernel, stride). For the numeric `padding` of torch's `ConvTranspose2d`, use
    `padding: valid` followed by `crop`.

    Args:
        filters: number of filters (the number of output channels).
        padding: `valid` or `same`.
        output_padding: number of rows and columns added to the smallest possible output; less than `stride`.
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

    def sides_of_output(self, height: int, width: int) -> tuple[int, int]:
        if self.padding not in ("same", "valid"):
            hint = "use `padding: valid`, followed by `crop` with this number as its `border`"
            raise OpError("`conv_transpose` does not support a numeric `padding`", "padding", hint)
        return self._side(height, 0), self._side(width, 1)

    def _side(self, length: int, axis: int) -> int:
        stride, reach = self.stride[axis], self.dilation[axis] * (self.kernel[axis] - 1) + 1
        more = self.output_padding and self.output_padding[axis]
        if more is not None and more >= stride:
            raise OpError(f"`output_padding` must be less than the stride {stride}, got {more}", "output_padding")
        if self.padding == "same":
            return length * stride if more is None else (length - 1) * stride + reach % 2 + more
        return (length - 1) * stride + (max(reach, stride) if more is None else reach + more)

    def weight_shapes(self, x: Shape) -> dict[str, Shape]:
        return {"kernel": (*self.kernel, self.filters, x[2]), "bias": (self.filters,)}

    def macs(self, *inputs: Shape) -> int:
        height, width, _ = inputs[0]
        return height * width * self.weights(*inputs)["kernel"].size

    def label(self) -> str:
        scale = "" if self.stride == (1, 1) else f" ×{self.stride[0]}"
        scale = scale if self.stride[0] == self.stride[1] else f" ×{times(self.stride)}"
        return f"Transposed conv {times(self.kernel)}, {self.filters}{scale}"
