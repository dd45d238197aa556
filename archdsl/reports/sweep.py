"""The table of `sweep`: the costs of variants, or of networks with different arguments, side by side."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archdsl.analysis.measures import Measures
from archdsl.text import BOLD, CYAN, byte_size, columns, first_fitting, fold, markdown_table, short_count


@dataclass(frozen=True, slots=True)
class SweepRow:
    """One network: the arguments or the variant chosen for it, by name, and its measures."""

    chosen: Mapping[str, Any]
    measures: Measures


_COUNTS: dict[str, tuple[str, Callable[[Measures], int]]] = {
    "parameters": ("parameters", lambda measures: measures.totals.parameters),
    "trainable": ("trainable", lambda measures: measures.totals.trainable),
    "macs": ("MACs", lambda measures: measures.totals.macs),
    "activations": ("activations", lambda measures: measures.activations),
}
"""Counts per image: the key in data, the heading in a table, and the value."""

_BYTES: dict[str, tuple[str, Callable[[Measures], int]]] = {
    "weight_bytes": ("weights", lambda measures: measures.weight_bytes),
    "peak_bytes": ("inference", lambda measures: measures.peak_bytes),
    "kept_bytes": ("training", lambda measures: measures.kept_bytes),
}
"""Memory: weights, peak of the activations in inference, and activations kept in training."""


def to_data(rows: Sequence[SweepRow]) -> list[dict[str, Any]]:
    """Convert the rows to plain data, with memory in bytes."""
    return [
        {
            **row.chosen,
            **{name: number(row.measures) for name, (_, number) in {**_COUNTS, **_BYTES}.items()},
            "batch": row.measures.batch,
            "precision": row.measures.precision,
        }
        for row in rows
    ]


COLORS = {r"\A.*$": BOLD, r"(?<=\n) *\S+(?=  )": CYAN}
"""Colors of the head and of the first column."""

DISPENSABLE = ("trainable", "activations", "weight_bytes", "kept_bytes", "peak_bytes")
"""The columns that are dropped in a narrow terminal, the first one first, after counts are abbreviated."""


def to_text(rows: Sequence[SweepRow], width: int | None = None) -> str:
    """Format the rows as a table, followed by an explanation of the memory columns.

    Args:
        rows: at least one.
        width: the width to fit the table into.
    """
    forms = [_lines(rows), *(_lines(rows, short_count, DISPENSABLE[:count]) for count in range(len(DISPENSABLE) + 1))]
    lines = first_fitting(forms, width)
    numbers = [at for at in range(len(lines[0])) if at >= len(rows[0].chosen) or _is_numeric(rows, at)]
    measures = rows[0].measures
    conditions = f"({measures.precision}, batch size {measures.batch})"
    note = fold(f"memory: weights; activations in inference and training {conditions}", width)
    return "\n".join([columns(lines, numbers), *note]) + "\n"


def to_markdown(rows: Sequence[SweepRow]) -> str:
    """Format the rows as a Markdown table."""
    head, *lines = _lines(rows)
    return markdown_table(head, lines, left=())


def _lines(
    rows: Sequence[SweepRow], count: Callable[[int], str] = "{:,}".format, without: Collection[str] = ()
) -> list[list[str]]:
    """A head and the rows, with counts as `count` writes them."""
    shown = {name: (*column, count) for name, column in _COUNTS.items()}
    shown |= {name: (*column, byte_size) for name, column in _BYTES.items()}
    shown = {name: column for name, column in shown.items() if name not in without}
    lines = [[*rows[0].chosen, *(title for title, _, _ in shown.values())]]
    for row in rows:
        cells = [text(number(row.measures)) for _, number, text in shown.values()]
        lines.append([*map(str, row.chosen.values()), *cells])
    return lines


def _is_numeric(rows: Sequence[SweepRow], at: int) -> bool:
    """Whether every value in a column is a number."""
    return all(isinstance(list(row.chosen.values())[at], int | float) for row in rows)
