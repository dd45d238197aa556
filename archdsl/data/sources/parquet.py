"""A Parquet file, or a folder with one for each split. Requires the extra `archdsl[parquet]`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from archdsl.data.readers import files
from archdsl.data.readers.cell_table import Cells, NumberCells, check_size
from archdsl.data.sources.table_file import TableFile
from archdsl.errors import ArchError, fail
from archdsl.files import opened

MARK = b"PAR1"
"""The first and the last bytes of a Parquet file."""

LARGEST_INTEGER = 2**53
"""Larger integers are not numbers in float64, and are read as text."""


class ParquetFile(TableFile):
    """Reads Parquet, one group of rows at a time. A nested field is a column such as `user.age`."""

    suffix = ".parquet"

    def read_cells(self, path: Path) -> Cells:
        """The cells of a file.

        Raises:
            ArchError: pyarrow is not installed (ARCH306); or as in `TableFile.read_cells`.
        """
        parquet = _package()
        try:
            with parquet.ParquetFile(path) as file:
                names = file.schema_arrow.names
                check_size(path, file.metadata.num_rows, names)
                groups = [_cells_of(file.read_row_group(number)) for number in range(file.num_row_groups)]
        except (OSError, ValueError, NotImplementedError) as error:
            raise _unreadable(path, error) from None
        if not sum(len(next(iter(group.values()))) for group in groups):
            raise fail("ARCH302", f"{path} has no rows", hint="write a row for each example")
        columns = {name: _joined([group[name] for group in groups]) for name in groups[0]}
        return Cells(path, columns, range(1, 1 + len(next(iter(columns.values())))))


def _unreadable(path: Path, error: Exception) -> ArchError:
    """What is wrong with a file that pyarrow cannot read."""
    try:
        with opened(path) as file:
            first = file.read(len(MARK))
            file.seek(-len(first), os.SEEK_END)
            last = file.read()
    except OSError as failure:
        return fail("ARCH302", f"{path} cannot be read: {files.reason(failure)}")
    if first != MARK:
        hint = "tables of text have the sources `csv` and `jsonl`"
        return fail("ARCH302", f"{path} is not a Parquet file: expected it to begin with `{MARK.decode()}`", hint=hint)
    if last != MARK:
        message = f"{path} is truncated: expected a Parquet file to end with `{MARK.decode()}`"
        return fail("ARCH302", message, hint=files.AGAIN)
    return fail("ARCH302", f"{path} cannot be read as Parquet: {files.reason(error)}", hint=files.AGAIN)


def _cells_of(table: Any) -> dict[str, Sequence[str]]:
    """The cells of a group of rows by column."""
    while any(str(field.type).startswith("struct<") for field in table.schema):
        table = table.flatten()
    return {name: _cells(table.column(place)) for place, name in enumerate(table.column_names)}


def _cells(column: Any) -> Sequence[str]:
    kind = str(column.type)
    if kind in ("float", "double", "halffloat") or kind.startswith(("int", "uint")):
        values = column.to_numpy().astype(np.float64)
        if kind in ("float", "double", "halffloat") or np.nanmax(np.abs(values), initial=0) <= LARGEST_INTEGER:
            return NumberCells(values)
    return [*_texts(column)]


def _texts(column: Any) -> Iterator[str]:
    for value in column.to_pylist():
        if value is None:
            yield ""
        elif isinstance(value, list | dict | bool):
            yield json.dumps(value, ensure_ascii=False, default=str)
        else:
            yield str(value).strip()


def _joined(parts: Sequence[Sequence[str]]) -> Sequence[str]:
    """The cells of all groups: numbers, if those of each group are."""
    numbers = [part.values for part in parts if isinstance(part, NumberCells)]
    if len(numbers) == len(parts):
        return NumberCells(np.concatenate(numbers))
    return [cell for part in parts for cell in part]


def _package() -> Any:
    try:
        return import_module("pyarrow.parquet")
    except ImportError:
        message = "reading Parquet requires the package `pyarrow`"
        raise fail("ARCH306", message, hint="run `pip install 'archdsl[parquet]'`") from None


SOURCE = ParquetFile()
