"""One or more numbers for each example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.sources.base import RawDataset
from archdsl.data.tables import Table
from archdsl.data.targets.base import Target
from archdsl.recipe import Data


@dataclass(frozen=True, slots=True)
class NumberTarget(Target):
    """Numbers for each example: float32 (N, size).

    Attributes:
        column: the name of the column.
        size: the number of numbers.
    """

    column: str
    size: int = 1

    @classmethod
    def of(cls, column: str, raw: RawDataset, data: Data) -> NumberTarget:
        shape = raw.columns[column].shape
        return cls(column, shape[0] if shape else 1)

    def read(self, table: Table) -> NDArray[np.float32]:
        return np.asarray(table.read(self.column), np.float32).reshape(-1, self.size)

    def fitted(self, values: NDArray[np.float32]) -> NumberTarget:
        return self

    def describe(self) -> dict[str, Any]:
        return {"kind": "number", "size": self.size}
