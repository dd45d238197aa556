"""Exact sets of positions along an axis, and the effect of sliding windows on them."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

# How it works. A set is an integer whose bit i tells whether position i is in the set, so unions, shifts and
# intersections of thousands of positions are single integer operations. A stride inserts zeros between the bits; a
# window of k taps is the union of k shifted copies, computed by doubling in log k steps. `ALL` is every position of an
# axis of any length: most tensors are read completely, and those cost nothing.

ALL = -1

LONGEST = 1 << 13
"""The maximum length of an axis for sets with gaps; a longer axis is always read completely, to limit the cost."""

Positions: TypeAlias = tuple[int, ...]
"""The set of positions along each axis of a tensor."""


def clipped(positions: int, length: int) -> int:
    """A set clipped to an axis; `ALL` if it contains the entire axis."""
    if length > LONGEST:
        return ALL if positions else 0
    everything = (1 << length) - 1
    return ALL if positions & everything == everything else positions & everything


def interval(first: int, stop: int) -> int:
    """The positions from `first` to `stop` (exclusive)."""
    return (1 << stop) - (1 << first) if stop > first else 0


def count(positions: int, length: int) -> int:
    """The number of positions in a set."""
    return length if positions == ALL else positions.bit_count()


def shifted(positions: int, by: int) -> int:
    """A shifted set; positions below 0 are dropped, and `ALL` stays `ALL`."""
    return positions << by if by >= 0 else positions >> -by


def spread(positions: int, stride: int) -> int:
    """Each position, multiplied by a stride."""
    if stride == 1 or not positions:
        return positions
    return int(("0" * (stride - 1)).join(f"{positions:b}"), 2)


def gathered(positions: int, stride: int) -> int:
    """Every stride-th position, divided by the stride."""
    return positions if stride == 1 else int(f"{positions:b}"[::-1][::stride][::-1] or "0", 2)


def smeared(positions: int, times: int, step: int, down: bool = False) -> int:
    """The union of a set with its copies shifted by 1, 2, ... `times` - 1 steps up (or down)."""
    done = 1
    while done < times:
        more = min(done, times - done)
        positions |= positions >> more * step if down else positions << more * step
        done += more
    return positions


def mirrored(positions: int, length: int) -> int:
    """Position i becomes position length - 1 - i."""
    return int(f"{positions:0{length}b}"[::-1], 2)


def divided(positions: int, length: int, by: int) -> int:
    """Each position of an axis, divided by a number and rounded down."""
    return gathered(smeared(positions & interval(0, length), by, 1, down=True), by)


def bounded(positions: int, length: int) -> int:
    """A set clipped to an axis, with `ALL` expanded unless the axis is too long."""
    return ALL if length > LONGEST else positions & interval(0, length)


def everything(inputs: Iterable[Sequence[int]]) -> tuple[Positions, ...]:
    """All positions of each input."""
    return tuple((ALL,) * len(x) for x in inputs)


def at_same_place(needed: Positions, inputs: Iterable[Sequence[int]]) -> tuple[Positions, ...]:
    """The same positions of each input; a broadcast input has fewer axes, or axes of length 1."""
    return tuple(tuple(ALL if x[-axis] == 1 else needed[-axis] for axis in range(len(x), 0, -1)) for x in inputs)


class Window(NamedTuple):
    """A window that slides along an axis: output o reads the inputs o * stride + t * dilation - before, t < kernel.

    Args:
        length: length of the axis.
        steps: number of outputs.
        kernel: number of taps.
        stride: stride of the window.
        dilation: distance between taps.
        before: padding before the first position.
        upward: whether it is transposed: *input* i writes to the outputs i * stride + t * dilation - before.
    """

    length: int
    steps: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    upward: bool = False

    @property
    def reach(self) -> int:
        return (self.kernel - 1) * self.dilation + 1

    def read(self, needed: int) -> int:
        """The inputs that some outputs read."""
        if not needed or max(self.length, self.steps) > LONGEST:
            return ALL if needed else 0
        return _read(self, needed)

    def live(self, needed: int, support: tuple[int, int] | None = None) -> int:
        """The taps that read an input that may be nonzero, for any of the needed outputs.

        Args:
            needed: the outputs.
            support: start and end (exclusive) of the inputs that are not padding.
        """
        if not needed:
            return 0
        if max(self.length, self.steps, self.reach) > LONGEST:
            return interval(0, self.kernel)
        return _live(self, needed, support or (0, self.length))

    def products(self, support: tuple[int, int] | None = None) -> int:
        """The number of pairs of an output and a tap that read an input that may be nonzero."""
        first, stop = support or (0, self.length)
        found = 0
        for output in range(self.steps):
            start = output * self.stride - self.before
            low, high = -(-max(0, first - start) // self.dilation), (stop - 1 - start) // self.dilation
            found += max(0, min(high, self.kernel - 1) - low + 1)
        return found

    def unread(self, needed: int) -> float:
        """The fraction of its work for outputs that are not needed."""
        if needed == ALL:
            return 0.0
        if not self.upward:
            return 1 - needed.bit_count() / self.steps
        inputs, lost = interval(0, self.length), interval(0, self.steps) & ~needed
        written = (shifted(spread(inputs, self.stride), t * self.dilation - self.before) for t in range(self.kernel))
        return sum((positions & lost).bit_count() for positions in written) / (self.length * self.kernel)


@lru_cache(4096)
def _read(window: Window, needed: int) -> int:
    outputs = needed & interval(0, window.steps)
    if window.upward:
        written = smeared(outputs << window.before, window.kernel, window.dilation, down=True)
        return clipped(gathered(written, window.stride), window.length)
    positions = smeared(spread(outputs, window.stride), window.kernel, window.dilation)
    return clipped(positions >> window.before, window.length)


@lru_cache(4096)
def _live(window: Window, needed: int, support: tuple[int, int]) -> int:
    """The taps t with t * dilation = input + before - output * stride, or the transposed equation."""
    first, stop = support
    outputs = needed & interval(0, window.steps)
    if window.upward:
        taps = smeared(outputs << window.before >> first * window.stride, stop - first, window.stride, down=True)
    else:
        last = (window.steps - 1) * window.stride
        taps = spread(mirrored(outputs, window.steps), window.stride)
        taps = shifted(smeared(taps, stop - first, 1), first + window.before - last)
    return gathered(taps, window.dilation) & interval(0, window.kernel)
