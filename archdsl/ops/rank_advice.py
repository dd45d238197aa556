"""Advice for inputs with too few or too many axes: the step before the op that changes them."""

import math
from collections.abc import Sequence

_NAMES = "d h w c"


def advice(x: tuple[int, ...], ranks: Sequence[int], tokens: bool = False) -> str:
    """The help line for an input of the wrong rank, with what each step makes of the values.

    Args:
        x: shape of the input.
        ranks: the numbers of axes besides the channels that the op takes; 0 for a vector.
        tokens: whether a vector is a token, not a sequence of values.
    """
    rank, least, most = len(x) - 1, min(ranks), max(ranks)
    if most == 0:
        pool = "" if rank > 3 or rank < 1 else ", or `global_average_pool` for the mean of all positions"
        return f"add `flatten` before it for a vector of all values{pool}"
    if rank > most > 1:
        *more, _ = names = [*"abn"[: max(0, rank - 3)], *_NAMES.split()[-min(rank, 3) - 1 :]]
        kept, moved = " ".join(more[-most:]), " ".join([*more[:-most], names[-1]])
        pattern = f"{' '.join(names)} -> {kept} ({moved})"
        return f'add `rearrange: "{pattern}"` before it to move {_words(rank - most)} into the channels'
    if rank > most or (rank < 1 and tokens):
        places = math.prod(x[:-1])
        return _reshape([-1, x[-1] if x else 1]) + (
            f" for a sequence of {places:,} positions" if places > 1 else " for a single token"
        )
    if rank == 1 and least == 2:
        side = math.isqrt(x[0])
        sides = (side, side) if side * side == x[0] else (x[0], 1)
        return f"{_reshape([*sides, x[1]])} for a map of {sides[0]}x{sides[1]}"
    if least > 1:
        return f"{_reshape([1, 1, math.prod(x)])} for a map of 1x1"
    values = math.prod(x)
    side = math.isqrt(values)
    image = f", or `[{side}, {side}, 1]` for a map" if 2 in ranks and side * side == values > 1 else ""
    return f"{_reshape([values, 1])} for a sequence{image}"


def _reshape(shape: Sequence[int]) -> str:
    return f"add `reshape: {{shape: [{', '.join(map(str, shape))}]}}` before it"


def _words(axes: int) -> str:
    return "the first axis" if axes == 1 else f"the first {axes} axes"
