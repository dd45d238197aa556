"""Convolutions."""

from __future__ import annotations

from typing import Any, ClassVar

from archdsl.ops.base import (
    Call,
    Count,
    Example,
    Flag,
    Kind,
    Op,
    OpError,
    Padding,
    Pair,
    Shape,
    Weight,
    image,
    per_stride,
    times,
    window,
)


class _Conv(Op):
    kind: ClassVar[Kind] = "conv"
    pad_with: ClassVar[str] = "zero_pad"

    kernel: Pair
    stride: Pair = (1, 1)
    padding: Padding = "valid"
    dilation: Pair = (1, 1)
    bias: Flag = True
    norm: Any = "none"
    activation: Any = "none"

    def _window(self, x: Shape) -> tuple[int, int, int]:
        height, width, channels = image(x, self.name)
        if self.stride != (1, 1) and self.dilation != (1, 1):
            raise OpError("Keras does not stride and dilate in one convolution", "dilation", "take one of the two")
        return (*window((height, width), self.kernel, self.stride, self.padding, self.dilation), channels)


class Conv(_Conv, name="conv"):
    """2-D convolution. (H, W, C) -> (H', W', filters). Keras `Conv2D`; LeCun et al. 1989."""

    filters: Count
    groups: Count = 1

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"filters": 8, "kernel": 3}, ((9, 7, 4),), (7, 5, 8)),
        Example({"filters": 8, "kernel": [1, 3], "stride": 2, "padding": "same"}, ((9, 7, 4),), (5, 4, 8)),
        Example({"filters": 6, "kernel": 3, "dilation": 2, "bias": False}, ((9, 8, 2),), (5, 4, 6)),
        Example({"filters": 6, "kernel": 1, "stride": [2, 1]}, ((9, 8, 2),), (5, 8, 6)),
        Example({"filters": 6, "kernel": 3, "groups": 2}, ((9, 8, 4),), (7, 6, 6)),
    )

    def shape(self, *inputs: Shape) -> Shape:
        height, width, channels = self._window(inputs[0])
        for what, number, field in (("channels", channels, "groups"), ("filters", self.filters, "filters")):
            if number % self.groups:
                raise OpError(f"{number} {what} cannot be split into {self.groups} groups", field)
        return height, width, self.filters

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        kernel = Weight((*self.kernel, inputs[0][2] // self.groups, self.filters))
        return {"kernel": kernel} | ({"bias": Weight((self.filters,))} if self.bias else {})

    def macs(self, *inputs: Shape) -> int:
        height, width, _ = self.shape(*inputs)
        return height * width * self.weights(*inputs)["kernel"].size

    def keras(self) -> Call:
        return self.call(
            "layers.Conv2D",
            "filters",
            "kernel",
            strides="stride",
            padding="padding",
            dilation_rate="dilation",
            groups="groups",
            activation="activation",
            use_bias="bias",
        )

    def label(self) -> str:
        groups = f", {self.groups} groups" if self.groups > 1 else ""
        return f"Conv {times(self.kernel)}, {self.filters}{groups}{per_stride(self.stride)}"


class DepthwiseConv(_Conv, name="depthwise_conv"):
    """One filter (or `multiplier` of them) for each channel. (H, W, C) -> (H', W', C * multiplier).

    Keras `DepthwiseConv2D`; Sifre 2014.
    """

    multiplier: Count = 1

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"kernel": 3}, ((9, 7, 4),), (7, 5, 4)),
        Example({"kernel": 3, "stride": 2, "padding": "same", "multiplier": 2}, ((9, 7, 3),), (5, 4, 6)),
        Example({"kernel": 2, "dilation": 3, "bias": False}, ((9, 9, 3),), (6, 6, 3)),
    )

    def shape(self, *inputs: Shape) -> Shape:
        height, width, channels = self._window(inputs[0])
        if self.stride[0] != self.stride[1]:
            raise OpError("TensorFlow strides a depthwise convolution equally along both axes", "stride")
        return height, width, channels * self.multiplier

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        channels = inputs[0][2]
        kernel = Weight((*self.kernel, channels, self.multiplier))
        return {"kernel": kernel} | ({"bias": Weight((channels * self.multiplier,))} if self.bias else {})

    def macs(self, *inputs: Shape) -> int:
        height, width, _ = self.shape(*inputs)
        return height * width * self.weights(*inputs)["kernel"].size

    def keras(self) -> Call:
        return self.call(
            "layers.DepthwiseConv2D",
            "kernel",
            strides="stride",
            padding="padding",
            depth_multiplier="multiplier",
            dilation_rate="dilation",
            activation="activation",
            use_bias="bias",
        )

    def label(self) -> str:
        return f"Depthwise conv {times(self.kernel)}{per_stride(self.stride)}"
