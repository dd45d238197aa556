"""The table of `sweep`: the costs of variants, or of networks with different arguments, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archdsl.analysis.measures import Measures
from archdsl.text import byte_size, columns, markdown_table


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


def to_text(rows: Sequence[SweepRow]) -> str:
    """Format the rows as a table, followed by an explanation of the memory columns."""
    lines = _lines(rows)
    numbers = [at for at in range(len(lines[0])) if at >= len(rows[0].chosen) or _is_numeric(rows, at)]
    measures = rows[0].measures
    memory = f"memory: weights, and activations in inference and training ({measures.precision}, batch size"
    return f"{columns(lines, numbers)}\n{memory} {measures.batch})\n"


def to_markdown(rows: Sequence[SweepRow]) -> str:
    """Format the rows as a Markdown table."""
    head, *lines = _lines(rows)
    return markdown_table(head, lines, left=())


def _lines(rows: Sequence[SweepRow]) -> list[list[str]]:
    titles = [title for title, _ in (*_COUNTS.values(), *_BYTES.values())]
    lines = [[*rows[0].chosen, *titles]]
    for row in rows:
        counts = [f"{number(row.measures):,}" for _, number in _COUNTS.values()]
        memory = [byte_size(number(row.measures)) for _, number in _BYTES.values()]
        lines.append([*map(str, row.chosen.values()), *counts, *memory])
    return lines


def _is_numeric(rows: Sequence[SweepRow], at: int) -> bool:
    """Whether every value in a column is a number."""
    return all(isinstance(list(row.chosen.values())[at], int | float) for row in rows)
