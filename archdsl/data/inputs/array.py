"""Arrays of numbers, such as series and sounds, as the input of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from archdsl.data.broken import Faults, checked, faults, reading, rows_of
from archdsl.data.inputs.base import Input
from archdsl.data.ports import Port
from archdsl.data.sources.base import RawDataset
from archdsl.data.streams import Values, mean_and_std
from archdsl.data.tables import Column, Table
from archdsl.recipe import Data

SMALLEST = 1e-12
"""Channels with a smaller standard deviation are constant, and are not divided by it."""

INT32 = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ArrayInput(Input):
    """Arrays of one shape: float32, or int32 for an input of integers. Integers are not standardized.

    Attributes:
        column: the name of the column.
        shape: the shape of one array.
        dtype: `float32` or `int32`.
        standardize: as in the recipe; the channels are the last axis.
        ids: of integers that an `embedding` takes: how many different ones.
        mean, std: mean and standard deviation of the training arrays, (1,) or (channels,), once known.
    """

    column: str
    shape: tuple[int, ...]
    dtype: Literal["float32", "int32"]
    standardize: bool | Literal["channel"] = False
    ids: int | None = None
    mean: NDArray[np.float64] | None = None
    std: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, columns: Sequence[str], raw: RawDataset, data: Data, port: Port | None = None) -> ArrayInput:
        (name,) = columns
        is_integer = port is not None and port.is_integer
        ids = port.ids if port is not None else None
        return cls(name, raw.columns[name].shape, "int32" if is_integer else "float32", data.standardize, ids)

    def read(self, table: Table) -> NDArray[Any]:
        if not len(table):
            return np.empty((0, *self.shape), self.dtype)
        values, found = reading(table, self.column)
        if self.dtype == "int32":
            found = (*found, *self._wrong_integers(table, values))
        with np.errstate(invalid="ignore"):  # NaN as an integer
            return checked(np.asarray(values, self.dtype), found)

    def _wrong_integers(self, table: Table, values: NDArray[Any]) -> list[Faults]:
        """The faults of rows that are no integers, or that an `embedding` does not take."""
        flat = values.reshape(len(values), -1)
        fractions = np.flatnonzero((flat != np.floor(flat)).any(axis=1)) if values.dtype.kind == "f" else rows_of()
        least, most = 0, INT32 if self.ids is None else self.ids - 1
        wrong = np.setdiff1d(np.flatnonzero(((flat < least) | (flat > most)).any(axis=1)), fractions)

        def of_fraction(row: int) -> str:
            value = flat[row][flat[row] != np.floor(flat[row])][0]
            return f"{table.places(rows_of(row))[0]}: `{self.column}` has {value:g}, not an integer"

        def of_wrong(row: int) -> str:
            value = flat[row][(flat[row] < least) | (flat[row] > most)][0]
            return f"{table.places(rows_of(row))[0]}: `{self.column}` has {value:g}, not {least} to {most:,}"

        vocabulary = f", or set the `vocabulary` of the `embedding` above {most:,}" if self.ids is not None else ""
        return [
            faults(fractions, of_fraction, "the network takes integers: change the `dtype` of its input, or the data"),
            faults(wrong, of_wrong, f"number tokens from 0{vocabulary}"),
        ]

    def fitted(self, values: Values) -> ArrayInput:
        if not self.standardize or self.dtype == "int32":
            return self
        axes = tuple(range(len(self.shape))) if self.standardize == "channel" else None
        mean, std = mean_and_std(values, axes)
        return replace(self, mean=mean, std=std)

    def encoded(self, values: NDArray[Any]) -> NDArray[Any]:
        if self.mean is None or self.std is None:
            return values
        return ((values - self.mean) / np.where(self.std > SMALLEST, self.std, 1)).astype(np.float32)

    @property
    def made_shape(self) -> tuple[int, ...]:
        return self.shape

    @property
    def needs(self) -> dict[str, Column]:
        return {self.column: Column("array", self.shape)}

    def describe(self) -> dict[str, Any]:
        mean, std = (None if each is None else each.tolist() for each in (self.mean, self.std))
        words = {"kind": "array", "column": self.column, "shape": list(self.shape), "dtype": self.dtype}
        return {**words, "ids": self.ids, "mean": mean, "std": std}
