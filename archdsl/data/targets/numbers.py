"""A number for each example."""

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
    """A number for each example: float32 (N, 1)."""

    column: str

    @classmethod
    def of(cls, column: str, raw: RawDataset, data: Data) -> NumberTarget:
        return cls(column)

    def read(self, table: Table) -> NDArray[np.float32]:
        return np.asarray(table.read(self.column), np.float32)[:, None]

    def fitted(self, values: NDArray[np.float32]) -> NumberTarget:
        return self

    def describe(self) -> dict[str, Any]:
        return {"kind": "number"}
