"""Tables of text cells, and the kinds of their columns."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.broken import SHOWN, guarded
from archdsl.data.images import RequestedFormat
from archdsl.data.readers import files, structured_cells
from archdsl.data.readers.cell_table import Cells, NumberCells, shown
from archdsl.data.tables import EMPTY, Column, Reader, Table
from archdsl.errors import ArchError, Problem, fail, nearest
from archdsl.recipe.columns import KindOfColumn, argument_of, word_of
from archdsl.text import in_line, quantity

MOST_CLASSES = 1_000
"""A column of more different words has texts rather than classes."""

MOSTLY, VARIED = 0.8, 10
"""A column has numbers, a few of which are wrong, if this share of its cells is numbers, and more are different."""

DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([T ].*)?|\d{1,2}[./]\d{1,2}[./](\d{4}|\d{2})")
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
NOT_A_NUMBER = frozenset({"nan", "+nan", "-nan"})
"""What other programs write for a number that is missing, in lower case."""


def read_csv(path: Path) -> Cells:
    """Read a CSV file with a header line, in UTF-8. Cells are separated by commas, semicolons or tabs.

    Lines with too few or too many cells become rows with a fault.

    Raises:
        ArchError: it is missing, cannot be read, has no header line, or no rows (ARCH302).
    """
    text = _text(path)
    try:
        return _cells(path, csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True))
    except csv.Error as error:
        hint = "close the quotation mark" if "unexpected end" in str(error) else ""
        raise fail("ARCH302", f"{path} cannot be read as CSV: {error}", hint=hint) from None


def _text(path: Path) -> str:
    content = files.content(path)
    if content.startswith(b"PK\x03\x04"):
        hint = "export the sheet as CSV in UTF-8"
        raise fail("ARCH302", f"{path} is an archive, such as an Excel workbook, and not CSV", hint=hint)
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise fail("ARCH302", f"{path} is UTF-16 text: expected UTF-8", hint="save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"{path}:{line} is not UTF-8 text: byte {error.start:,} is invalid"
        raise fail("ARCH302", message, hint="save it as UTF-8") from None
    if not text.strip():
        raise fail(
            "ARCH302", f"{path} is empty", hint="write a line with the names of the columns, and one for each row"
        )
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise fail("ARCH302", f"{path}:{line} has NUL characters: it is not text, or damaged", hint=files.AGAIN)
    return text


def _delimiter(text: str) -> str:
    """The most frequent of the usual delimiters in the header line."""
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _cells(path: Path, rows: Iterator[list[str]]) -> Cells:
    names = [name.strip() for name in next(rows, [])]
    _check_header(path, names)
    columns: dict[str, list[str]] = {name: [] for name in names}
    lines, faults = list[int](), dict[int, str]()
    before = getattr(rows, "line_num", 1)
    for row in rows:
        first, before = before + 1, getattr(rows, "line_num", 0)
        if not row:
            continue
        if len(row) != len(names):
            faults[len(lines)] = f"{path}:{first}: expected {quantity(len(names), 'cell')}, got {len(row)}"
            row = [""] * len(names)
        lines.append(first)
        for column, cell in zip(columns.values(), row, strict=True):
            column.append(cell.strip())
    if not lines:
        raise fail("ARCH302", f"{path} has no rows below its header line", hint="add a row for each example")
    return Cells(path, columns, lines, faults)


def _check_header(path: Path, names: Sequence[str]) -> None:
    """Raise an error if the first line does not have the names of at least two columns (ARCH302, ARCH303)."""
    faults = [f"column {number} has no name" for number, name in enumerate(names, 1) if not name]
    twice = sorted({name for name in names if name and names.count(name) > 1}) if len({*names}) < len(names) else []
    faults += [f"{names.count(name)} columns have the name `{in_line(name[:40])}`" for name in twice]
    values = [name for name in names if (number := _number(name)) is not None and not number.is_integer()]
    hint = "give each column a name of its own in the first line"
    if values:
        faults.append(f"`{values[0]}` is a number rather than a name")
        hint = "add a first line with the names of the columns"
    if not names or faults:
        message = f"{path}: expected the names of the columns in the first line"
        shown = (*faults[:SHOWN], *([f"... and {len(faults) - SHOWN:,} more"] if len(faults) > SHOWN else []))
        raise ArchError(Problem("ARCH302", message, facts=shown, hint=hint))
    if len(names) == 1:
        message = f"{path} has only one column, `{in_line(names[0][:40])}`: expected inputs and a target"
        raise fail("ARCH303", message, hint="separate cells by commas, semicolons or tabs")


def typed(
    splits: Mapping[str, Cells], kinds: Mapping[str, KindOfColumn], requested: RequestedFormat
) -> tuple[dict[str, Column], dict[str, Table]]:
    """Convert cells to columns. Reading a cell that does not fit raises `BrokenExamples`.

    Args:
        splits: the cells of each split. Those of `train` decide the kinds and the classes.
        kinds: the kinds that the recipe gives, by column.
        requested: the required size and channels of images.

    Raises:
        ArchError: the recipe gives a kind to an unknown column, or a split lacks a column (ARCH303), a column has
            decimal commas (ARCH302), or as in `structured_cells`.
    """
    train = splits["train"]
    for cells in splits.values():
        if missing := [name for name in train.columns if name not in cells.columns]:
            message = f"{cells.path} lacks the column `{missing[0]}`, which {train.path} has"
            raise fail("ARCH303", message, hint=nearest(missing[0], cells.columns))
    for name in kinds:
        if name not in train.columns:
            message = f"unknown column `{name}` in `data.columns`: {train.path} has no such column"
            raise fail("ARCH303", message, hint=nearest(name, train.columns))
    columns, readers = dict[str, Column](), dict[str, dict[str, Reader]]()
    for name in train.columns:
        columns[name], readers[name] = _made(name, splits, kinds.get(name), requested)
    tables = {
        split: Table(len(cells.lines), {name: readers[name][split] for name in columns}, cells.places)
        for split, cells in splits.items()
    }
    return columns, tables


def notes(train: Cells, columns: Mapping[str, Column]) -> Iterator[str]:
    """Remarks about columns that are probably not what they should be."""
    for name, column in columns.items():
        texts = train.columns[name]
        if isinstance(texts, NumberCells):
            texts = texts.ends()
        if column.kind in ("class", "text") and _are_dates(texts):
            read_as = "texts" if column.kind == "text" else "classes"
            yield f"`{name}` has dates, which are read as {read_as}: convert them to numbers, or leave the column out"
        elif not any(texts):
            yield f"`{name}` has only empty cells"
        elif len(set(texts)) == 1:
            yield f"`{name}` is the same in all training rows"


def _made(
    name: str, splits: Mapping[str, Cells], given: KindOfColumn | None, requested: RequestedFormat
) -> tuple[Column, dict[str, Reader]]:
    """A column and its reader for each split."""
    kind = structured_cells.inferred(splits["train"].columns[name]) if given is None else word_of(given)
    if kind is not None and kind in structured_cells.KINDS:
        return structured_cells.made(kind, name, splits, "" if given is None else argument_of(given), requested)
    column = _column(name, splits, kind)
    return column, {split: _reader(name, cells, column) for split, cells in splits.items()}


def _column(name: str, splits: Mapping[str, Cells], kind: str | None) -> Column:
    """Numbers, if all or most cells but empty ones are numbers. Otherwise classes, or texts if most are different."""
    if kind in (None, "number") and isinstance(splits["train"].columns[name], NumberCells):
        return Column("number")
    path, filled = splits["train"].path, [cell for cell in splits["train"].columns[name] if cell]
    if kind == "number" or (kind is None and filled and _has_numbers(filled)):
        return Column("number")
    if kind is None and any("," in cell for cell in filled) and all(map(_is_decimal, filled)):
        message = f"{path}: the numbers of `{name}` have decimal commas, such as `{shown(filled[0])}`"
        raise fail("ARCH302", message, hint="write them with a point, as in `1.5`")
    classes = {*filled}
    is_text = len(classes) > MOST_CLASSES or (len(classes) > 20 and 2 * len(classes) > len(filled))
    if kind == "text" or (kind is None and is_text):
        return Column("text")
    others = {cell for cells in splits.values() for cell in cells.columns[name] if cell} - classes
    return Column("class", classes=_sorted(classes), unseen=_sorted(others))


def _has_numbers(filled: Sequence[str]) -> bool:
    numbers = {cell for cell in filled if _number(cell) is not None}
    count = sum(cell in numbers for cell in filled)
    others = {cell for cell in filled if cell not in numbers}
    if count and all(_is_infinite(cell) or cell.lower() in NOT_A_NUMBER for cell in others):
        return True
    return count >= MOSTLY * len(filled) and len(numbers) > VARIED


def _is_decimal(cell: str) -> bool:
    return _number(cell) is not None or DECIMAL_COMMA.fullmatch(cell) is not None


def _sorted(names: set[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda cell: (_number(cell) is None, _number(cell) or 0, cell)))


def _reader(name: str, cells: Cells, column: Column) -> Reader:
    """A reader of a column, which raises `BrokenExamples` for rows with faults."""
    texts, uneven = cells.columns[name], (cells.faults, cells.faults.__getitem__, "correct these lines")
    if column.kind != "number":
        return guarded(_values(texts, column), uneven)
    values = texts.values if isinstance(texts, NumberCells) else np.array([_value(cell) for cell in texts], np.float64)

    def reason(row: int) -> str:
        wrong = "is infinite" if _is_infinite(texts[row]) else f"is `{shown(texts[row])}`, not a number"
        return f"{cells.place(row)}: `{name}` {wrong}"

    hint = f"correct or empty these cells; if they are classes, set `columns: {{{name}: class}}` in `data`"
    return guarded(values, uneven, (np.flatnonzero(np.isinf(values)).tolist(), reason, hint))


def _value(cell: str) -> float:
    """The number in a cell: NaN if it is empty, and infinity if it is no finite number."""
    if not cell or cell.lower() in NOT_A_NUMBER:
        return math.nan
    number = _number(cell)
    return math.inf if number is None else number


def _values(texts: Sequence[str], column: Column) -> NDArray[Any]:
    if column.kind == "text":
        return np.array(texts, object)
    index = {name: number for number, name in enumerate(column.classes)}
    index |= {name: EMPTY - 1 - number for number, name in enumerate(column.unseen)}
    return np.array([index.get(cell, EMPTY) for cell in texts], np.int64)


def _are_dates(texts: Sequence[str]) -> bool:
    """Whether all cells but empty ones are dates."""
    filled = [cell for cell in texts if cell]
    return bool(filled) and all(DATE.fullmatch(cell) for cell in filled)


def _is_infinite(cell: str) -> bool:
    try:
        return math.isinf(float(cell))
    except ValueError:
        return False


def _number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
