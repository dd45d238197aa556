"""Examples that cannot be used. All of them are collected before they are reported or skipped."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from archdsl.data.tables import Reader, Rows, Table
from archdsl.errors import ArchError, Problem, fail
from archdsl.text import quantity

SHOWN = 10
"""The most broken examples that a message lists."""

MOST_SKIPPED = 0.1
"""The largest share of the examples of a split that `broken: skip` leaves out."""

Kind: TypeAlias = Literal["broken", "empty"]
"""Examples that cannot be read, which `data.broken` handles, or that have empty cells, which `data.missing` handles."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with some examples.

    Attributes:
        rows: their rows among those that were read.
        reasons: what is wrong with the first ones, and where, one sentence each.
        hint: how to correct them.
    """

    rows: Rows
    reasons: tuple[str, ...]
    hint: str
    kind: Kind = "broken"


def faults(rows: Rows, reason: Callable[[int], str], hint: str, kind: Kind = "broken") -> Faults:
    """The faults of some rows, with the reasons of the first ones.

    Args:
        reason: what is wrong with a row, and where.
    """
    return Faults(rows, tuple(reason(row) for row in rows[:SHOWN].tolist()), hint, kind)


class BrokenExamples(ArchError):
    """Some of the examples that were read cannot be used.

    Attributes:
        values: the values of all examples; those of the broken ones have no meaning.
    """

    def __init__(self, values: NDArray[Any], *found: Faults) -> None:
        super().__init__(*(Problem("ARCH302", each.reasons[0], hint=each.hint) for each in found))
        self.values, self.faults = values, found

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.values, *self.faults)


Guard: TypeAlias = tuple[Iterable[int], Callable[[int], str], str]
"""Rows that are broken; what is wrong with a row, and where; and how to correct them."""


def guarded(values: NDArray[Any], *guards: Guard) -> Reader:
    """A reader of values that raises `BrokenExamples` when a broken row is read."""
    marked = []
    for broken, reason, hint in guards:
        mask = np.zeros(len(values), bool)
        mask[list(broken)] = True
        marked.append((mask, reason, hint))

    def read(rows: Rows) -> NDArray[Any]:
        found = []
        for mask, reason, hint in marked:
            at = np.flatnonzero(mask[rows])
            reasons = tuple(reason(row) for row in rows[at[:SHOWN]].tolist())
            found.append(Faults(at, reasons, hint))
        return checked(values[rows], found)

    return read


def reading(
    table: Table, column: str, convert: Callable[[NDArray[Any]], NDArray[Any]] = lambda values: values
) -> tuple[NDArray[Any], tuple[Faults, ...]]:
    """The converted values of a column, and what is wrong with some of them."""
    try:
        return convert(table.read(column)), ()
    except BrokenExamples as error:
        return convert(error.values), error.faults


def empty_cells(
    table: Table, column: str, empty: NDArray[np.bool_], known: Sequence[Faults], *, may_be_mean: bool = True
) -> list[Faults]:
    """The faults of the rows whose cell in a column is empty.

    Args:
        known: the faults of rows that need no second reason.
        may_be_mean: whether the recipe can replace empty cells by the mean.
    """
    others = np.array([row for each in known for row in each.rows.tolist()], np.int64)
    rows = np.setdiff1d(np.flatnonzero(empty), others)
    mean = "`missing: mean` or " if may_be_mean else ""
    hint = f"fill {table.empty}, or set {mean}`missing: drop` in `data`"
    return [faults(rows, lambda row: f"{table.places(rows_of(row))[0]}: `{column}` is empty", hint, "empty")]


def rows_of(*rows: int) -> Rows:
    """Some rows as an array."""
    return np.array(rows, np.int64)


def checked(values: NDArray[Any], found: Collection[Faults]) -> NDArray[Any]:
    """The values, if nothing is wrong with them.

    Raises:
        BrokenExamples: something is.
    """
    if any(len(each.rows) for each in found):
        raise BrokenExamples(values, *(each for each in found if len(each.rows)))
    return values


@dataclass
class Screening:
    """Collects the faults of a data set, split by split, and decides which examples are left out.

    Attributes:
        broken, missing: as in the recipe.
        kept: the found faults by split, that the recipe does not leave out.
        left_out: those that it leaves out.
        totals: the number of examples of each split.
        dropped: how many of them are left out, by kind of fault.
    """

    broken: Literal["error", "skip"] | float = "error"
    missing: Literal["error", "mean", "drop"] = "error"
    kept: list[Faults] = field(default_factory=list)
    left_out: list[Faults] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, dict[Kind, int]] = field(default_factory=dict)
    bad: int = 0

    @property
    def leaves_out(self) -> bool:
        """Whether the recipe leaves out any examples."""
        return self.broken != "error" or self.missing == "drop"

    def rows(self, split: str, count: int, found: Sequence[Faults]) -> Rows:
        """The rows of a split that are used.

        Args:
            count: the number of examples of the split.
            found: what is wrong with some of them.
        """
        good, bad = np.ones(count, bool), np.zeros(count, bool)
        before = self.dropped.setdefault(split, {"broken": 0, "empty": 0})
        self.totals[split] = count + sum(before.values())
        # A line that has no cells is broken in all columns.
        different = {(each.rows.tobytes(), each.reasons): each for each in found}.values()
        for each in sorted(different, key=lambda each: each.kind):
            leaves_out = self.missing == "drop" if each.kind == "empty" else self.broken != "error"
            if leaves_out:
                before[each.kind] += int(good[each.rows].sum())
                good[each.rows] = False
                self.left_out.append(each)
            else:
                bad[each.rows] = True
                self.kept.append(each)
        self.bad += int(bad.sum())
        return np.flatnonzero(good)

    def check(self) -> None:
        """Check that the examples can be used that are not left out.

        Raises:
            ArchError: some cannot (ARCH302), or too many are left out (ARCH303).
        """
        if self.kept:
            raise self._error()
        for split, counts in self.dropped.items():
            if sum(counts.values()) and sum(counts.values()) >= self.totals[split]:
                message = f"none of {quantity(self.totals[split], f'{split} example')} can be used"
                raise ArchError(Problem("ARCH303", message, facts=listed(self.left_out), hint=_hint(self.left_out)))
        most = MOST_SKIPPED if isinstance(self.broken, str) else self.broken
        total, broken = self.total, sum(counts["broken"] for counts in self.dropped.values())
        if broken > most * total:
            message = f"{broken:,} of {quantity(total, 'example')} are broken, more than {most:.0%}"
            hint = f"to skip them all the same, set `broken: {_share(broken / total)}` in `data`"
            raise ArchError(Problem("ARCH303", message, facts=listed(self.left_out), hint=hint))

    @property
    def total(self) -> int:
        """The number of all examples."""
        return sum(self.totals.values())

    def _error(self) -> ArchError:
        reasons = listed(self.kept)
        hint = _hint(self.kept)
        if any(each.kind == "broken" for each in self.kept):
            hint += "; or pass `--skip-broken`"
        if len(reasons) == 1:
            return fail("ARCH302", reasons[0], hint=hint)
        message = f"{self.bad:,} of {quantity(self.total, 'example')} cannot be used"
        return ArchError(Problem("ARCH302", message, facts=reasons, hint=hint))

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, in sentences."""
        verbs: Mapping[Kind, str] = {"broken": "skipped {} that cannot be read", "empty": "dropped {} with empty cells"}
        result = []
        for kind, verb in verbs.items():
            counts = {split: each[kind] for split, each in self.dropped.items() if each[kind]}
            if counts:
                of_splits = ", ".join(f"{count:,} of {self.totals[split]:,} {split}" for split, count in counts.items())
                first = next(each for each in self.left_out if each.kind == kind).reasons[0]
                what = verb.format(f"{of_splits} examples")
                result.append(f"{what}, such as {first}")
        return tuple(result)

    @property
    def counts(self) -> dict[str, int]:
        """The number of examples that were left out, by split."""
        return {split: sum(counts.values()) for split, counts in self.dropped.items()}


def listed(found: Sequence[Faults]) -> tuple[str, ...]:
    """The first reasons; the last line counts the others."""
    different = {(each.rows.tobytes(), each.reasons): each for each in found}.values()
    shown = sorted({reason for each in different for reason in each.reasons}, key=_natural)
    hidden = sum(len(each.rows) - len(each.reasons) for each in different) + max(0, len(shown) - SHOWN)
    return (*shown[:SHOWN], *([f"... and {hidden:,} more"] if hidden else []))


def _natural(text: str) -> list[tuple[int, str]]:
    """The key that sorts the line 9 before the line 10."""
    return [(int(part[:18]), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)]


def _hint(found: Sequence[Faults]) -> str:
    hints = dict.fromkeys(each.hint for each in found if each.hint)
    # A column whose empty cells cannot be replaced by the mean has the shorter hint, which is right for all.
    of_empty = min((each.hint for each in found if each.kind == "empty"), key=len, default="")
    others = {each.hint for each in found if each.kind == "broken"}
    return "; ".join(hint for hint in hints if hint == of_empty or hint in others)


def _share(share: float) -> str:
    """A share in two digits, rounded up."""
    return f"{np.ceil(share * 100) / 100:.2f}".rstrip("0")
