"""Networks that differ in an argument, or the variants of one file, beside one another: what each of them costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archdsl.analysis.measures import Measures
from archdsl.text import byte_size, columns, markdown_table


@dataclass(frozen=True, slots=True)
class SweepRow:
    """One network: what was chosen for it, by name, and what it counts to."""

    chosen: Mapping[str, Any]
    measures: Measures


_COUNTS: dict[str, tuple[str, Callable[[Measures], int]]] = {
    "parameters": ("parameters", lambda measures: measures.totals.parameters),
    "trainable": ("trainable", lambda measures: measures.totals.trainable),
    "macs": ("MACs", lambda measures: measures.totals.macs),
    "activations": ("activations", lambda measures: measures.activations),
}
"""What is counted for one image: its name in data, its title in a table, and the number."""

_BYTES: dict[str, tuple[str, Callable[[Measures], int]]] = {
    "weight_bytes": ("weights", lambda measures: measures.weight_bytes),
    "peak_bytes": ("in inference", lambda measures: measures.peak_bytes),
    "kept_bytes": ("in training", lambda measures: measures.kept_bytes),
}
"""What takes memory: weights, activations at once in inference, and activations that training keeps."""


def to_data(rows: Sequence[SweepRow]) -> list[dict[str, Any]]:
    """The rows as plain data; memory is in bytes."""
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
    """The rows as a table, and what its memory is for."""
    lines = _lines(rows)
    numbers = [at for at in range(len(lines[0])) if at >= len(rows[0].chosen) or _is_numeric(rows, at)]
    measures = rows[0].measures
    memory = "memory: weights; activations at once in inference; those that training keeps"
    return f"{columns(lines, numbers)}\n{memory} (batch {measures.batch}, {measures.precision})\n"


def to_markdown(rows: Sequence[SweepRow]) -> str:
    """The rows as a table of Markdown."""
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
    """Whether what was chosen in a column is a number in each row."""
    return all(isinstance(list(row.chosen.values())[at], int | float) for row in rows)
