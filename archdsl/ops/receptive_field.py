"""Receptive fields of ops, axis by axis."""

from typing import Literal, NamedTuple, TypeAlias

from archdsl.ops.index_sets import Window


class Reach(NamedTuple):
    """Along an axis, output position `o` depends on the input positions `first(o)` to `last(o)`.

    `step = 2, low = -1, high = 1` is a window of three with stride 2 that starts one position before the map. `over` is
    a divisor for maps that become larger: `over = 2` alone repeats each position twice.
    """

    step: int = 1
    low: int = 0
    high: int = 0
    over: int = 1

    def first(self, place: int) -> int:
        """The first position of the input."""
        return (place * self.step + self.low) // self.over

    def last(self, place: int) -> int:
        """The last position of the input."""
        return (place * self.step + self.high) // self.over


ReceptiveField: TypeAlias = tuple[Reach, ...] | Literal["place", "whole"]
"""Each axis of a map; or `place`, one position each without a map layout; or `whole`, all of the input."""

POINTWISE: ReceptiveField = ()
"""The same position only, for any shape."""


def through(windows: tuple[Window, ...]) -> ReceptiveField:
    """The receptive field of sliding windows."""
    return tuple(
        Reach(1, one.before - one.reach + one.stride, one.before, one.stride)
        if one.upward
        else Reach(one.stride, -one.before, one.reach - 1 - one.before)
        for one in windows
    )


def scaled(x: int, y: int, interpolation: str) -> Reach:
    """One axis of a map that is resized from `x` to `y` positions, with half-pixel centers as in TensorFlow."""
    if interpolation == "nearest":
        return Reach(2 * x, x, x, 2 * y)
    # The center of output o is at ((2 o + 1) x - y) / 2y in the input; the window is symmetric around it.
    more = {"bilinear": 0, "bicubic": 1, "lanczos3": 2, "lanczos5": 4}[interpolation] * 2 * y
    return Reach(2 * x, x - y - more, x - y + 2 * y - 1 + more, 2 * y)
