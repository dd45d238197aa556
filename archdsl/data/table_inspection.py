"""Inspects the columns of a data set that is not images of classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data import roles
from archdsl.data.broken import Faults, listed, reading
from archdsl.data.inspection import WIDTH, searched_facts, shortened
from archdsl.data.ports import Ports
from archdsl.data.sources.base import RawDataset
from archdsl.data.tables import EMPTY, Column, Table
from archdsl.recipe import Data
from archdsl.text import columns as aligned
from archdsl.text import in_line, quantity

EXAMPLES = 3
"""The number of texts that are shown of a column."""

MOST_CLASSES = 50
"""The most classes of a column that are counted in JSON, the most frequent first."""

AT_ONCE = 256
"""The number of masks to read at a time."""


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What is in a column of the training examples.

    Attributes:
        role: `input`, `target`, or empty.
        empty, broken: the numbers of empty cells, and of values that cannot be read.
        facts: further facts, which depend on the kind, as plain data.
        text: these facts in words.
    """

    name: str
    kind: str
    role: str
    empty: int
    broken: int
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableInspection:
    """The results of inspecting a data set that is not images of classes.

    Attributes:
        notes: remarks about the data set, one sentence each.
        broken: what is wrong with the first examples that cannot be read.
    """

    raw: RawDataset
    name: str
    columns: tuple[ColumnFacts, ...]
    notes: tuple[str, ...]
    broken: tuple[str, ...] = ()

    @property
    def examples(self) -> dict[str, int]:
        """The number of examples of each split of the source."""
        splits = {"train": self.raw.train, "validation": self.raw.validation, "test": self.raw.test}
        return {name: len(table) for name, table in splits.items() if table is not None}

    def data(self) -> dict[str, Any]:
        """The results as plain data, for JSON."""
        return {
            "source": self.name,
            "origin": self.raw.origin,
            "looked": [{"place": str(one.path), "found": one.found} for one in self.raw.searched],
            "examples": self.examples,
            "columns": [
                {
                    "name": each.name,
                    "kind": each.kind,
                    "role": each.role or None,
                    "empty": each.empty,
                    "broken": each.broken,
                    **each.facts,
                }
                for each in self.columns
            ],
            "broken": list(self.broken),
            "notes": list(self.notes),
        }


def inspect(raw: RawDataset, data: Data, ports: Ports | None = None) -> TableInspection:
    """Inspect the columns of the training examples.

    Args:
        ports: the inputs and outputs of the network, if it is known.

    Raises:
        ArchError: the recipe names columns that do not exist (ARCH303).
    """
    targets = roles.targets(raw, data, ports)
    inputs = {column for columns in roles.inputs(raw, data, ports).values() for column in columns}
    facts, found = [], list[Faults]()
    for name, column in raw.columns.items():
        role = "target" if name in targets else "input" if name in inputs else ""
        facts.append(_facts(name, column, role, raw.train, found))
    notes = raw.notes
    if raw.test is None:
        notes = (*notes, f"{data.test:.0%} of the examples are held out for testing: the source has no test split")
    return TableInspection(raw, data.source_name, tuple(facts), notes, listed(found))


def _facts(name: str, column: Column, role: str, train: Table, found: list[Faults]) -> ColumnFacts:
    """What is in a column; what is broken is added to `found`."""
    if column.kind == "image":  # reading all of them may take minutes
        shape = " x ".join(map(str, column.shape))
        return ColumnFacts(name, column.kind, role, 0, 0, shape, {"shape": list(column.shape)})
    if column.kind == "mask":
        return _mask_facts(name, column, role, train, found)
    values, of_column = reading(train, name)
    found += of_column
    usable = np.ones(len(values), bool)
    for each in of_column:
        usable[each.rows] = False
    broken = int((~usable).sum())
    empty = _empty(values, column) & usable
    known = values[usable & ~empty]
    text, facts = _described(known, column) if len(known) else ("no values", {})
    return ColumnFacts(name, column.kind, role, int(empty.sum()), broken, text, facts)


def _empty(values: NDArray[Any], column: Column) -> NDArray[np.bool_]:
    empty = np.zeros(len(values), bool)
    if column.kind == "number":
        empty[:] = np.isnan(values.reshape(len(values), -1)).any(axis=1)
    elif column.kind in ("class", "text"):
        empty[:] = values == (EMPTY if column.kind == "class" else "")
    return empty


def _described(values: NDArray[Any], column: Column) -> tuple[str, dict[str, Any]]:
    """The facts of the usable values of a column, in words and as plain data."""
    if column.kind == "class":
        return _classes(column.classes, np.bincount(values[values >= 0], minlength=len(column.classes)))
    if column.kind == "tags":
        return _classes(column.classes, values.sum(axis=0).astype(np.int64))
    if column.kind == "tokens":
        text = f"{quantity(len(column.classes), 'different token')}, {values.shape[1]:,} a row"
        return text, {"shape": list(values.shape[1:]), "tokens": len(column.classes)}
    if column.kind == "text":
        lengths = [len(each) for each in values.tolist()]
        shown = [in_line(" ".join(each.split()))[:200] for each in dict.fromkeys(values.tolist())][:EXAMPLES]
        quoted = ", ".join(f'"{shortened(each, 24)}"' for each in shown)
        facts = {"least_length": min(lengths), "greatest_length": max(lengths), "examples": shown}
        return f"{min(lengths):,} to {max(lengths):,} characters, such as {quoted}", facts
    numbers = np.asarray(values, np.float64)
    least, greatest, mean, std = (float(each) for each in (numbers.min(), numbers.max(), numbers.mean(), numbers.std()))
    facts = {"least": least, "greatest": greatest, "mean": round(mean, 6), "std": round(std, 6)}
    text = f"{least:.4g} to {greatest:.4g}, mean {mean:.4g}, std {std:.4g}"
    if values.ndim > 1:
        facts["shape"] = list(values.shape[1:])
        text = f"{' x '.join(map(str, values.shape[1:]))}: {text}"
    return text, facts


def _classes(names: Sequence[str], counts: NDArray[np.int64]) -> tuple[str, dict[str, Any]]:
    order = np.argsort(-counts, kind="stable").tolist()
    shown = ", ".join(f"{in_line(names[number])} {counts[number]:,}" for number in order[:5])
    more = ", ..." if len(names) > 5 else ""
    facts = {
        "classes": len(names),
        "counts": [{"name": names[number], "train": int(counts[number])} for number in order[:MOST_CLASSES]],
    }
    return f"{len(names):,} classes: {shown}{more}", facts


def _mask_facts(name: str, column: Column, role: str, train: Table, found: list[Faults]) -> ColumnFacts:
    """The share of pixels of each class."""
    pixels, broken = np.zeros(len(column.classes), np.int64), 0
    for start in range(0, len(train), AT_ONCE):
        masks, of_masks = reading(train.take(np.arange(start, min(start + AT_ONCE, len(train)))), name)
        found += of_masks
        bad = {row for each in of_masks for row in each.rows.tolist()}
        broken += len(bad)
        good = masks[[row for row in range(len(masks)) if row not in bad]]
        pixels += np.bincount(good.reshape(-1), minlength=len(pixels))[: len(pixels)]
    shares = pixels / max(1, int(pixels.sum()))
    shown = ", ".join(
        f"{in_line(each)} {share:.1%}" for each, share in list(zip(column.classes, shares, strict=True))[:5]
    )
    facts = {
        "shape": list(column.shape),
        "pixels": [
            {"name": each, "share": round(float(share), 6)} for each, share in zip(column.classes, shares, strict=True)
        ],
    }
    more = ", ..." if len(column.classes) > 5 else ""
    text = f"{len(column.classes):,} classes: {shown}{more} of the pixels"
    return ColumnFacts(name, column.kind, role, 0, broken, text, facts)


def to_text(inspection: TableInspection) -> str:
    """Format an inspection in lines of at most 80 characters, except for paths and notes."""
    return "\n".join(in_line(line) for line in _lines(inspection)) + "\n\n" + _table(inspection.columns)


def _lines(inspection: TableInspection) -> Iterator[str]:
    raw = inspection.raw
    yield inspection.name
    yield ""
    yield from searched_facts(raw.searched, raw.origin)
    yield f"{'splits':<12}{'   '.join(f'{name} {count:,}' for name, count in inspection.examples.items())}"
    for number, reason in enumerate(inspection.broken):
        yield f"{'' if number else 'broken':<12}{reason}"
    for note in inspection.notes:
        yield f"{'note':<12}{note}"


def _table(facts: Sequence[ColumnFacts]) -> str:
    """One line for each column. Empty cells and broken values have a column if there are any."""
    counted = [name for name in ("empty", "broken") if any(getattr(each, name) for each in facts)]
    rows = [["column", "role", "kind", *counted, "values in the training examples"]]
    for each in facts:
        counts = [f"{getattr(each, name):,}" for name in counted]
        rows.append([shortened(in_line(each.name), 24), each.role, each.kind, *counts, each.text])
    room = WIDTH - sum(2 + max(len(row[at]) for row in rows) for at in range(len(rows[0]) - 1))
    rows = [[*row[:-1], row[-1] if len(row[-1]) <= room else f"{row[-1][: room - 3]}..."] for row in rows]
    return aligned(rows, right=range(3, 3 + len(counted)))
