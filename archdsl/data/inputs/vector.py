"""Numbers and categories as a vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from archdsl.data.broken import Faults, checked, empty_cells, reading
from archdsl.data.inputs.base import Input
from archdsl.data.ports import Port
from archdsl.data.sources.base import RawDataset
from archdsl.data.streams import Values, mean_and_std, smallest_and_largest
from archdsl.data.tables import EMPTY, Column, Table
from archdsl.recipe import Data

SMALLEST = 1e-12
"""Columns with a smaller standard deviation are constant, and are not divided by it."""


@dataclass(frozen=True, slots=True)
class VectorInput(Input):
    """Columns of numbers and classes side by side: float32 (width,).

    A number is standardized by the training examples, and takes one place. A class is one-hot; one that the training
    examples do not have is all zeros.

    Attributes:
        columns: the columns in order, by name.
        missing: as in the recipe. `mean` replaces an empty cell by the mean, which is 0 after standardization.
        mean, std: mean and standard deviation of each column of numbers by name, once known.
        smallest, largest: the range of each column of numbers in the training examples by name, once known.
    """

    columns: dict[str, Column]
    missing: Literal["error", "mean", "drop"] = "error"
    mean: dict[str, float] | None = None
    std: dict[str, float] | None = None
    smallest: dict[str, float] | None = None
    largest: dict[str, float] | None = None

    @classmethod
    def of(cls, columns: Sequence[str], raw: RawDataset, data: Data, port: Port | None = None) -> VectorInput:
        return cls({name: raw.columns[name] for name in columns}, data.missing)

    def read(self, table: Table) -> NDArray[np.float64]:
        """The cells of all columns: (N, columns). A class is its number.

        Raises:
            BrokenExamples: cells are empty, and the recipe does not say what to do; or as the readers of the columns.
        """
        values, found = np.empty((len(table), len(self.columns)), np.float64), list[Faults]()
        for place, (name, column) in enumerate(self.columns.items()):
            values[:, place], faults = reading(table, name)
            found += faults
            empty = np.isnan(values[:, place]) if column.kind == "number" else values[:, place] == EMPTY
            if self.missing != "mean":
                found += empty_cells(table, name, empty, faults)
        return checked(values, found)

    def fitted(self, values: Values) -> VectorInput:
        moments = (*mean_and_std(values, (0,)), *smallest_and_largest(values))
        numbers = {name: place for place, (name, column) in enumerate(self.columns.items()) if column.kind == "number"}
        mean, std, smallest, largest = (
            {name: float(of_columns[place]) for name, place in numbers.items()} for of_columns in moments
        )
        return replace(self, mean=mean, std=std, smallest=smallest, largest=largest)

    def encoded(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        mean, std = self.mean or {}, self.std or {}
        parts = []
        for place, (name, column) in enumerate(self.columns.items()):
            cells = values[:, place]
            if column.kind == "number":
                scaled = (cells - mean[name]) / (std[name] if std[name] > SMALLEST else 1.0)
                parts.append(np.nan_to_num(scaled, nan=0.0)[:, None])
            else:
                parts.append(cells[:, None] == np.arange(len(column.classes)))
        return np.concatenate(parts, axis=1).astype(np.float32)

    @property
    def made_shape(self) -> tuple[int, ...]:
        return (sum(1 if column.kind == "number" else len(column.classes) for column in self.columns.values()),)

    @property
    def needs(self) -> dict[str, Column]:
        return self.columns

    def describe(self) -> dict[str, Any]:
        statistics = {"mean": self.mean, "std": self.std, "smallest": self.smallest, "largest": self.largest}
        columns = [
            {"name": name, **{word: (values or {})[name] for word, values in statistics.items()}}
            if column.kind == "number"
            else {"name": name, "classes": list(column.classes)}
            for name, column in self.columns.items()
        ]
        return {"kind": "vector", "columns": columns, "missing": self.missing}
