"""Between which numbers all of a tensor's values lie, whatever the input and the weights, as far as that is known."""

from typing import NamedTuple, TypeAlias


class ValueRange(NamedTuple):
    """What is known of a tensor's values.

    Args:
        least: 0 where none is negative; None where nothing is known.
        most: what none goes beyond; None where nothing is known.
    """

    least: float | None = None
    most: float | None = None


Support: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""The rows, and the columns, whose values can be other than 0: the first, and the one after the last."""


def clip(x: ValueRange, to: ValueRange) -> ValueRange:
    """The range of what is cut off below and above."""
    return ValueRange(to.least, min((top for top in (to.most, x.most) if top is not None), default=None))


def same_sign(*inputs: ValueRange) -> ValueRange:
    """The range of what is not negative where no input is."""
    return ValueRange(0.0 if all(x.least == 0 for x in inputs) else None)


def hull(*inputs: ValueRange) -> ValueRange:
    """The range of what always lies between some of the inputs' values."""
    tops = [x.most for x in inputs if x.most is not None]
    return ValueRange(same_sign(*inputs).least, max(tops) if len(tops) == len(inputs) else None)
