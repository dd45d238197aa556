"""Tables of text cells, and the kinds of their columns."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.readers import files
from archdsl.data.tables import Column, Table, in_memory
from archdsl.errors import ArchError, Problem, fail, nearest
from archdsl.text import in_line, quantity

SHOWN = 10
"""The most bad lines that a message lists."""

MOST_CLASSES = 1_000
"""A column of more different words has texts rather than classes."""

Cells = Mapping[str, Sequence[str]]
"""The text of each cell by column."""


def read_csv(path: Path) -> Cells:
    """Read a CSV file with a header line, in UTF-8. Cells are separated by commas, semicolons or tabs.

    Raises:
        ArchError: it is missing, cannot be read, has no rows, or has lines with too few or too many cells (ARCH302).
    """
    try:
        text = files.content(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        hint = "save it as UTF-8"
        raise fail("ARCH302", f"{path} is not UTF-8 text: byte {error.start:,} is invalid", hint=hint) from None
    try:
        return _columns(path, csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True))
    except csv.Error as error:
        raise fail("ARCH302", f"{path} cannot be read as CSV: {error}") from None


def _delimiter(text: str) -> str:
    """The most frequent of the usual delimiters in the header line."""
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _columns(path: Path, rows: Iterator[list[str]]) -> Cells:
    names = next(rows, [])
    faults = [f"a column has no name: number {number}" for number, name in enumerate(names, 1) if not name.strip()]
    faults += [
        f"two columns have the name `{in_line(name)}`" for name in sorted({n for n in names if names.count(n) > 1})
    ]
    if not names or faults:
        message = f"{path} has no header line with the names of the columns"
        raise ArchError(Problem("ARCH302", message, facts=tuple(faults[:SHOWN])))
    cells: dict[str, list[str]] = {name.strip(): [] for name in names}
    for row in rows:
        if not row:
            continue
        if len(row) != len(names):
            faults.append(f"line {getattr(rows, 'line_num', 0)}: {quantity(len(row), 'cell')}")
            continue
        for column, cell in zip(cells.values(), row, strict=True):
            column.append(cell.strip())
    if faults:
        shown = (*faults[:SHOWN], *([f"... and {len(faults) - SHOWN:,} more"] if len(faults) > SHOWN else []))
        message = f"{path}: {quantity(len(faults), 'line')} without the {len(names)} cells of the header"
        raise ArchError(Problem("ARCH302", message, facts=shown))
    if not next(iter(cells.values())):
        raise fail("ARCH302", f"{path} has no rows below its header line")
    return cells


def typed(cells: Cells, train: Cells, kinds: Mapping[str, str]) -> tuple[dict[str, Column], Table]:
    """Convert cells to columns of numbers, classes or texts.

    Args:
        train: the cells of the training split, which decide the kinds and the classes.
        kinds: the kinds that the recipe gives, by column.

    Raises:
        ArchError: the recipe gives a kind to an unknown column, or calls cells numbers that are not (ARCH303).
    """
    for name, kind in kinds.items():
        if name not in train:
            raise fail("ARCH303", f"unknown column `{name}` in `data.columns`", hint=nearest(name, train))
        wrong = next((cell for cell in train[name] if cell and _number(cell) is None), None)
        if kind == "number" and wrong is not None:
            raise fail("ARCH303", f"`data.columns` calls `{name}` numbers, but a cell is `{in_line(wrong[:40])}`")
    columns = {name: _column(train[name], kinds.get(name)) for name in train}
    return columns, in_memory(**{name: _values(cells[name], column) for name, column in columns.items()})


def _column(cells: Sequence[str], kind: str | None) -> Column:
    """Numbers, if all cells but empty ones are numbers. Otherwise classes, or texts if most cells are different."""
    filled = [cell for cell in cells if cell]
    if kind == "number" or (kind is None and filled and all(_number(cell) is not None for cell in filled)):
        return Column("number")
    classes = tuple(sorted(set(cells), key=lambda cell: (_number(cell) is None, _number(cell) or 0, cell)))
    if kind == "class":
        return Column("class", classes=classes)
    if kind == "text" or len(classes) > MOST_CLASSES or (len(classes) > 20 and 2 * len(classes) > len(cells)):
        return Column("text")
    return Column("class", classes=classes)


def _values(cells: Sequence[str], column: Column) -> NDArray[Any]:
    if column.kind == "text":
        return np.array(cells, object)
    if column.kind == "number":
        numbers = (_number(cell) for cell in cells)
        return np.array([math.nan if number is None else number for number in numbers], np.float64)
    index = {name: number for number, name in enumerate(column.classes)}
    return np.array([index.get(cell, -1) for cell in cells], np.int64)


def _number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
