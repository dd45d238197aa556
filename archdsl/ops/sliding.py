"""The base class of convolutions and pools: a window that slides over a map."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from archdsl.ops.base import Op, OpError, Shape, is_one, lengths, sides, window
from archdsl.ops.index_sets import Positions, Window
from archdsl.ops.receptive_field import ReceptiveField, through


class Geometry(NamedTuple):
    """A window along each axis of a map.

    Args:
        kernel: size of the window.
        stride: stride of the window.
        padding: `same`, `valid`, or the number of pixels on each side.
        dilation: distance between the taps of the window.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Any
    dilation: tuple[int, ...]


class Sliding(Op):
    """An op with a sliding window along each axis except the channels."""

    ranks: ClassVar[tuple[int, ...]] = (1, 2, 3)
    kernel_field: ClassVar[str] = "kernel"
    """The name of its argument for the size of the window."""
    upward: ClassVar[bool] = False
    """Whether it is transposed."""

    def geometry(self, rank: int) -> Geometry:
        """The window for maps with `rank` axes besides the channels.

        Raises:
            OpError: An argument has another number of entries.
        """
        raise NotImplementedError

    def sides_of_output(self, x: Shape) -> Shape:
        """The lengths of the output for those of the input, without the channels."""
        return window(x, *self.geometry(len(x)), self.kernel_field)

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
        x = lengths(inputs[0], self)
        _, stride, _, dilation = self.geometry(len(x))
        if not is_one(stride) and not is_one(dilation):
            fact = "Keras does not support `stride` and `dilation` in the same convolution"
            raise OpError(fact, "dilation", "remove one of them")
        return (*self.sides_of_output(x), self.channels_of_output(inputs[0][-1]))

    def sliding_windows(self, x: Shape, y: Shape) -> tuple[Window, ...]:
        kernel, stride, padding, dilation = self.geometry(len(x) - 1)
        found = []
        for axis in range(len(x) - 1):
            if padding == "same":
                wide, narrow = (y[axis], x[axis]) if self.upward else (x[axis], y[axis])
                reach = (kernel[axis] - 1) * dilation[axis] + 1
                before = max((narrow - 1) * stride[axis] + reach - wide, 0) // 2
            else:
                before = sides(padding, len(x) - 1)[axis][0]
            found.append(Window(x[axis], y[axis], kernel[axis], stride[axis], dilation[axis], before, self.upward))
        return tuple(found)

    def receptive_field(self, *inputs: Shape) -> ReceptiveField:
        return through(self.sliding_windows(inputs[0], self.output(*inputs)))

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        windows = self.sliding_windows(inputs[0], output)
        channels = self.channels_read(needed[-1], inputs[0][-1], output[-1])
        return ((*(one.read(places) for one, places in zip(windows, needed, strict=False)), channels),)
