"""Which positions of its input an op's output depends on, axis by axis."""

from typing import Literal, NamedTuple, TypeAlias

from archdsl.ops.index_sets import Window


class Reach(NamedTuple):
    """Along one axis: position `o` of the output depends on `first(o)` to `last(o)` of the input.

    With `step = 2, low = -1, high = 1` it is a window of three that moves by two and begins one before the map;
    `over` divides, for maps that become larger: `over = 2` alone gives each position twice.
    """

    step: int = 1
    low: int = 0
    high: int = 0
    over: int = 1

    def first(self, place: int) -> int:
        """The first position of the input."""
        return (place * self.step + self.low) // self.over

    def last(self, place: int) -> int:
        """The last one."""
        return (place * self.step + self.high) // self.over


ReceptiveField: TypeAlias = tuple[Reach, Reach] | Literal["place", "whole"]
"""Rows and columns of a map. `place`: one position each, which no longer lie as a map. `whole`: all of the input."""

POINTWISE: ReceptiveField = (Reach(), Reach())
"""Its own position alone, whatever the shape is."""


def through(windows: tuple[Window, Window]) -> ReceptiveField:
    """The receptive field of windows that slide over a map."""
    rows, columns = (
        Reach(1, one.before - one.reach + one.stride, one.before, one.stride)
        if one.upward
        else Reach(one.stride, -one.before, one.reach - 1 - one.before)
        for one in windows
    )
    return rows, columns


def scaled(x: int, y: int, interpolation: str) -> Reach:
    """One axis of a map that is brought from `x` positions to `y`, with centers as TensorFlow has them."""
    if interpolation == "nearest":
        return Reach(2 * x, x, x, 2 * y)
    # The center of a position lies at ((2 o + 1) x - y) / 2y of the input; the window reaches as far to both sides.
    more = {"bilinear": 0, "bicubic": 1, "lanczos3": 2, "lanczos5": 4}[interpolation] * 2 * y
    return Reach(2 * x, x - y - more, x - y + 2 * y - 1 + more, 2 * y)
