"""Decides whether whole numbers that a network predicts are classes or numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.broken import checked, reading
from archdsl.data.sources.base import RawDataset
from archdsl.data.tables import EMPTY, Column, Table
from archdsl.recipe import TASKS, Data, Train

MOST_CLASSES = 1_000
"""Whole numbers with more different values are no classes."""


def decide(raw: RawDataset, data: Data, train: Train, targets: Sequence[str]) -> RawDataset:
    """Convert targets to the kind that their task or loss requires, if that is possible.

    Whole numbers become classes for a task or loss of classes, and classes whose names are numbers become numbers for
    the task `regression`. Other columns remain as they are.

    Args:
        train: says the tasks and losses of the outputs.
        targets: the columns that the network predicts.
    """
    for name in targets:
        kinds = {_wanted(train, output) for output in _outputs(name, data, train, targets)}
        column = raw.columns[name]
        if column.kind == "number" and not column.shape and kinds & {"class", "two"}:
            raw = _as_classes(raw, name, MOST_CLASSES if "class" in kinds else 2)
        elif column.kind == "class" and "number" in kinds:
            raw = _as_numbers(raw, name)
    return raw


def _outputs(column: str, data: Data, train: Train, targets: Sequence[str]) -> list[str]:
    """The outputs that predict a column; an empty name is any output."""
    if isinstance(data.targets, dict):
        return [output for output, of_output in data.targets.items() if of_output == column]
    named = {output for given in (train.task, train.loss) if isinstance(given, dict) for output in given}
    if column in named or len(targets) > 1:
        return [column]
    return [*named] or [""]


def _wanted(train: Train, output: str) -> str | None:
    """The kind of column that an output predicts: `two` is `class` if there are two; None if anything is possible."""
    if (word := train.task_of(output)) is not None:
        return TASKS[word].target
    loss = train.loss.get(output) if isinstance(train.loss, dict) else train.loss
    if loss is None:
        return None
    return "class" if loss.of_classes else "two" if loss.each else None


def _as_classes(raw: RawDataset, name: str, most: int) -> RawDataset:
    values = _different(raw.train, name)
    if (values % 1).any() or not 2 <= len(values) <= most:
        return raw
    others = [_different(table, name) for table in (raw.validation, raw.test) if table is not None]
    unseen = np.setdiff1d(np.concatenate([values, *others]), values)

    def numbered(found: NDArray[np.float64]) -> NDArray[np.int64]:
        result = np.full(len(found), EMPTY, np.int64)
        for row, value in enumerate((*values, *unseen)):
            result[found == value] = row if row < len(values) else EMPTY - 1 - (row - len(values))
        return result

    names, names_of_unseen = (tuple(f"{value:g}" for value in each) for each in (values, unseen))
    return _replaced(raw, name, Column("class", classes=names, unseen=names_of_unseen), numbered)


def _different(table: Table, name: str) -> NDArray[np.float64]:
    """The different numbers of a column, without those of broken rows."""
    values, found = reading(table, name)
    usable = np.isfinite(values)
    for each in found:
        usable[each.rows] = False
    return np.unique(values[usable])


def _as_numbers(raw: RawDataset, name: str) -> RawDataset:
    column = raw.columns[name]
    try:
        # An empty cell is number -1, the first class that no training example has number -2.
        values = np.array([float(each) for each in (*column.classes, *reversed(column.unseen), "nan")])
    except ValueError:
        return raw
    if not np.isfinite(values[:-1]).all():
        return raw
    return _replaced(raw, name, Column("number"), lambda found: values[found])


def _replaced(
    raw: RawDataset, name: str, column: Column, convert: Callable[[NDArray[Any]], NDArray[Any]]
) -> RawDataset:
    def converted(table: Table) -> Table:
        return table.replaced(name, lambda rows: checked(*reading(table.take(rows), name, convert)))

    validation, test = (None if table is None else converted(table) for table in (raw.validation, raw.test))
    columns = {**raw.columns, name: column}
    return replace(raw, columns=columns, train=converted(raw.train), validation=validation, test=test)
