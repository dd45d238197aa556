"""The base class of convolutions and pools: a window that slides over a map."""

from collections.abc import Sequence
from typing import Any, ClassVar

from archdsl.ops.base import Op, OpError, Shape, image, sides, window
from archdsl.ops.index_sets import Positions, Window
from archdsl.ops.receptive_field import ReceptiveField, through


class Sliding(Op):
    """An op with a sliding window. (H, W, C) -> (H', W', filters)."""

    kernel_field: ClassVar[str] = "kernel"
    """The name of its argument for the size of the window."""
    upward: ClassVar[bool] = False
    """Whether it is transposed."""

    def geometry(self) -> tuple[tuple[int, int], tuple[int, int], Any, tuple[int, int]]:
        """The kernel, stride, padding and dilation of the window."""
        raise NotImplementedError

    def sides_of_output(self, height: int, width: int) -> tuple[int, int]:
        """The height and width of the output for those of the input."""
        return window((height, width), *self.geometry(), self.kernel_field)

    def channels_of_output(self, channels: int) -> int:
        """The number of output channels for a number of input channels."""
        return channels

    def channels_read(self, needed: int, taken: int, given: int) -> int:
        """The input channels that some output channels are computed from.

        Args:
            needed: the set of output channels.
            taken: number of input channels.
            given: number of output channels.
        """
        return needed

    def output(self, *inputs: Shape) -> Shape:
        height, width, channels = image(inputs[0], self.name)
        _, stride, _, dilation = self.geometry()
        if stride != (1, 1) and dilation != (1, 1):
            fact = "Keras does not support `stride` and `dilation` in the same convolution"
            raise OpError(fact, "dilation", "remove one of them")
        return (*self.sides_of_output(height, width), self.channels_of_output(channels))

    def sliding_windows(self, x: Shape, y: Shape) -> tuple[Window, Window]:
        kernel, stride, padding, dilation = self.geometry()
        found = []
        for axis in (0, 1):
            if padding == "same":
                wide, narrow = (y[axis], x[axis]) if self.upward else (x[axis], y[axis])
                reach = (kernel[axis] - 1) * dilation[axis] + 1
                before = max((narrow - 1) * stride[axis] + reach - wide, 0) // 2
            else:
                before = sides(padding)[axis][0]
            found.append(Window(x[axis], y[axis], kernel[axis], stride[axis], dilation[axis], before, self.upward))
        return found[0], found[1]

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        return through(self.sliding_windows(inputs[0], self.output(*inputs)))

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        rows, columns = self.sliding_windows(inputs[0], output)
        channels = self.channels_read(needed[-1], inputs[0][-1], output[-1])
        return ((rows.read(needed[0]), columns.read(needed[1]), channels),)
