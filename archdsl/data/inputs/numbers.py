"""Numbers as the input of a network: a vector of one or more columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.inputs.base import Input
from archdsl.data.sources.base import RawDataset
from archdsl.data.tables import Table
from archdsl.recipe import Data

SMALLEST = 1e-12
"""Columns with a smaller standard deviation are constant, and are not divided by it."""


@dataclass(frozen=True, slots=True)
class NumbersInput(Input):
    """Columns of numbers, each standardized by the training examples: float32 (columns,).

    Attributes:
        columns: the columns in order.
        mean, std: mean and standard deviation of each column, float64 (columns,), once known.
    """

    columns: tuple[str, ...]
    mean: NDArray[np.float64] | None = None
    std: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, columns: Sequence[str], raw: RawDataset, data: Data) -> NumbersInput:
        return cls(tuple(columns))

    def read(self, table: Table) -> NDArray[np.float64]:
        return np.stack([np.asarray(table.read(name), np.float64) for name in self.columns], axis=-1)

    def fitted(self, values: NDArray[np.float64]) -> NumbersInput:
        return replace(self, mean=values.mean(axis=0), std=values.std(axis=0))

    def encoded(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        assert self.mean is not None
        assert self.std is not None
        return ((values - self.mean) / np.where(self.std > SMALLEST, self.std, 1)).astype(np.float32)

    @property
    def made_shape(self) -> tuple[int, ...]:
        return (len(self.columns),)

    def describe(self) -> dict[str, Any]:
        mean, std = ([] if each is None else each.tolist() for each in (self.mean, self.std))
        return {"kind": "numbers", "columns": list(self.columns), "mean": mean, "std": std}

    def check_memory(self, title: str, count: int) -> None:
        """A table that was read fits into memory."""
