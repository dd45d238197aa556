"""The windows of convolutions and pools, along rows and columns."""

from __future__ import annotations

from archdsl.analysis.index_sets import Window
from archdsl.ops import Op, Shape
from archdsl.ops.base import sides
from archdsl.ops.conv import Conv, ConvTranspose, DepthwiseConv, SeparableConv
from archdsl.ops.pool import AveragePool, MaxPool

CONVOLUTIONS = (Conv, DepthwiseConv, SeparableConv, ConvTranspose)


def windows(op: Op | None, x: Shape, y: Shape) -> tuple[Window, Window] | None:
    """How an op slides over a map; None where it does not slide.

    Args:
        x: the shape of its input.
        y: the shape of its output.
    """
    if isinstance(op, MaxPool | AveragePool):
        kernel, stride, dilation = op.size, op.stride or op.size, (1, 1)
    elif isinstance(op, CONVOLUTIONS):
        kernel, stride, dilation = op.kernel, op.stride, op.dilation
    else:
        return None
    upward = isinstance(op, ConvTranspose)
    before = [0, 0] if op.padding == "same" else [side[0] for side in sides(op.padding)]
    if op.padding == "same":
        for axis in (0, 1):
            wide, narrow = (y[axis], x[axis]) if upward else (x[axis], y[axis])
            reach = (kernel[axis] - 1) * dilation[axis] + 1
            before[axis] = max((narrow - 1) * stride[axis] + reach - wide, 0) // 2
    rows, columns = (
        Window(x[axis], y[axis], kernel[axis], stride[axis], dilation[axis], before[axis], upward) for axis in (0, 1)
    )
    return rows, columns


def slides(op: Op | None) -> bool:
    """Whether it is a convolution with a window of more than one pixel."""
    return isinstance(op, CONVOLUTIONS) and op.kernel != (1, 1)
