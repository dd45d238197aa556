"""The cells of a table as text, whatever its file is."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from archdsl.data.tables import Rows
from archdsl.errors import fail
from archdsl.text import in_line

LONGEST = 40
"""The most characters of a cell that a message shows."""

MOST_COLUMNS, MOST_CELLS = 5_000, 2**28
"""The most columns and cells of a table."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The text of the cells of a file.

    Attributes:
        columns: the cells of each column, by its name.
        lines: the line of each row in the file.
        faults: what is wrong with rows that have no cells.
    """

    path: Path
    columns: Mapping[str, Sequence[str]]
    lines: Sequence[int]
    faults: Mapping[int, str] = field(default_factory=dict)

    def place(self, row: int) -> str:
        """Where a row is: `houses.csv:7`."""
        return f"{self.path}:{self.lines[row]}"

    def places(self, rows: Rows) -> list[str]:
        """Where some rows are."""
        return [self.place(row) for row in rows.tolist()]


class NumberCells(Sequence[str]):
    """Cells that a file stores as numbers, float64 (N,) with NaN for empty ones. Their text is made on demand."""

    def __init__(self, values: NDArray[np.float64]) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [number_text(value) for value in self.values[row].tolist()]
        return number_text(float(self.values[row]))

    def ends(self) -> list[str]:
        """The text of the smallest and the largest number, or of an empty cell if all are."""
        known = self.values[~np.isnan(self.values)]
        return [number_text(float(each())) for each in (known.min, known.max)] if len(known) else [""]


def number_text(value: float) -> str:
    """The text of a number: `3` for 3.0, and none for NaN."""
    if math.isnan(value):
        return ""
    return str(int(value)) if value.is_integer() else repr(value)


def shown(cell: str) -> str:
    """A cell in a message, on one line and shortened."""
    return in_line(cell if len(cell) <= LONGEST else f"{cell[: LONGEST - 3]}...")


def check_size(path: Path, rows: int, columns: Collection[str]) -> None:
    """Check that a table has at least two columns, and not too many cells for a file that may omit or repeat them.

    Raises:
        ArchError: it has not (ARCH303).
    """
    if len(columns) == 1:
        message = f"{path} has only one column, `{shown(next(iter(columns)))}`: expected inputs and a target"
        raise fail("ARCH303", message)
    if len(columns) > MOST_COLUMNS:
        raise fail("ARCH303", f"{path} has more than {MOST_COLUMNS:,} columns")
    if rows * len(columns) > MOST_CELLS:
        message = f"{path} has {rows:,} rows of {len(columns):,} columns, more than {MOST_CELLS:,} cells"
        raise fail("ARCH303", message, hint="leave out columns, or train on a part of the rows")
