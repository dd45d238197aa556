"""A category as an integer, for an `embedding`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from archdsl.data.broken import checked, empty_cells, reading
from archdsl.data.inputs.base import Input
from archdsl.data.ports import Port
from archdsl.data.sources.base import RawDataset
from archdsl.data.streams import Values
from archdsl.data.tables import EMPTY, Column, Table
from archdsl.errors import fail
from archdsl.recipe import Data


@dataclass(frozen=True, slots=True)
class CategoryInput(Input):
    """A column of classes as integers: int32 (). 0 is an empty cell, or a class that the training examples do not have.

    Attributes:
        column: the name of the column.
        classes: the names of the classes, which are numbered from 1.
        missing: as in the recipe. `mean` makes an empty cell an unknown class.
    """

    column: str
    classes: tuple[str, ...]
    missing: Literal["error", "mean", "drop"] = "error"

    @classmethod
    def of(cls, columns: Sequence[str], raw: RawDataset, data: Data, port: Port | None = None) -> CategoryInput:
        (name,) = columns
        made = cls(name, raw.columns[name].classes, data.missing)
        if port is not None and port.ids is not None and port.ids < made.ids:
            message = (
                f"`{name}` has {len(made.classes):,} classes, but its `embedding` has a vocabulary of {port.ids:,}"
            )
            raise fail("ARCH303", message, hint=f"set `vocabulary: {made.ids}`, with one more for unknown classes")
        return made

    def read(self, table: Table) -> NDArray[np.int32]:
        values, found = reading(table, self.column)
        if self.missing != "mean":
            found = (*found, *empty_cells(table, self.column, values == EMPTY, found))
        return checked(np.asarray(np.maximum(values, EMPTY) + 1, np.int32), found)

    def fitted(self, values: Values) -> CategoryInput:
        return self

    def encoded(self, values: NDArray[np.int32]) -> NDArray[np.int32]:
        return values

    @property
    def made_shape(self) -> tuple[int, ...]:
        return ()

    @property
    def ids(self) -> int:
        """The number of different integers."""
        return len(self.classes) + 1

    @property
    def needs(self) -> dict[str, Column]:
        return {self.column: Column("class", classes=self.classes)}

    def describe(self) -> dict[str, Any]:
        words = {"kind": "category", "column": self.column, "classes": list(self.classes)}
        return {**words, "missing": self.missing}
