"""What one place of an op's output sees of its input, axis by axis: the rule behind receptive fields."""

from typing import Literal, NamedTuple, TypeAlias

from archdsl.ops.index_sets import Window


class Taps(NamedTuple):
    """Along one axis: the place `o` of the output sees the places `first(o)` to `last(o)` of the input.

    With `step = 2, low = -1, high = 1` it is a window of three that moves by two and begins one before the map;
    `over` divides, for maps that become larger: `over = 2` alone gives each place twice.
    """

    step: int = 1
    low: int = 0
    high: int = 0
    over: int = 1

    def first(self, place: int) -> int:
        """The first place of the input that is seen."""
        return (place * self.step + self.low) // self.over

    def last(self, place: int) -> int:
        """The last one."""
        return (place * self.step + self.high) // self.over


Sight: TypeAlias = tuple[Taps, Taps] | Literal["place", "whole"]
"""Rows and columns of a map. `place`: one place each, which no longer lie as a map. `whole`: all that there is."""

HERE: Sight = (Taps(), Taps())
"""Its own place alone, whatever the shape is."""


def through(windows: tuple[Window, Window]) -> Sight:
    """What is seen through windows that slide over a map."""
    rows, columns = (
        Taps(1, one.before - one.reach + one.stride, one.before, one.stride)
        if one.upward
        else Taps(one.stride, -one.before, one.reach - 1 - one.before)
        for one in windows
    )
    return rows, columns


def scaled(x: int, y: int, interpolation: str) -> Taps:
    """One axis of a map that is brought from `x` places to `y`, with centres as TensorFlow has them."""
    if interpolation == "nearest":
        return Taps(2 * x, x, x, 2 * y)
    # The centre of a place lies at ((2 o + 1) x - y) / 2y of the input; as many places are seen on both sides.
    more = {"bilinear": 0, "bicubic": 1, "lanczos3": 2, "lanczos5": 4}[interpolation] * 2 * y
    return Taps(2 * x, x - y - more, x - y + 2 * y - 1 + more, 2 * y)
