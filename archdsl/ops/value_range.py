"""Bounds on the values of a tensor that hold for all inputs and weights."""

from typing import NamedTuple, TypeAlias


class ValueRange(NamedTuple):
    """Bounds on the values of a tensor.

    Args:
        least: lower bound: 0 if no value is negative; None if unknown.
        most: upper bound; None if unknown.
    """

    least: float | None = None
    most: float | None = None


Support: TypeAlias = tuple[tuple[int, int], ...]
"""The part of each axis of a map that may be nonzero, as start and end (exclusive)."""


def clip(x: ValueRange, to: ValueRange) -> ValueRange:
    """The range of clipped values."""
    return ValueRange(to.least, min((top for top in (to.most, x.most) if top is not None), default=None))


def same_sign(*inputs: ValueRange) -> ValueRange:
    """The range of values that are non-negative if all inputs are."""
    return ValueRange(0.0 if all(x.least == 0 for x in inputs) else None)


def hull(*inputs: ValueRange) -> ValueRange:
    """The range of values that lie between the input values."""
    tops = [x.most for x in inputs if x.most is not None]
    return ValueRange(same_sign(*inputs).least, max(tops) if len(tops) == len(inputs) else None)
