"""Any number of classes for each example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.broken import checked, reading
from archdsl.data.sources.base import RawDataset
from archdsl.data.streams import Values
from archdsl.data.tables import Table
from archdsl.data.targets.base import Target
from archdsl.recipe import Data


@dataclass(frozen=True, slots=True)
class TagsTarget(Target):
    """Whether an example has each class: float32 (N, classes) of 0 and 1."""

    column: str
    classes: tuple[str, ...]

    @classmethod
    def of(cls, column: str, raw: RawDataset, data: Data) -> TagsTarget:
        return cls(column, raw.columns[column].classes)

    def read(self, table: Table) -> NDArray[np.float32]:
        return checked(*reading(table, self.column, lambda values: np.asarray(values, np.float32)))

    def fitted(self, values: Values) -> TagsTarget:
        return self

    def describe(self) -> dict[str, Any]:
        return {"kind": "tags", "classes": list(self.classes)}

    @property
    def example_bytes(self) -> int:
        return 4 * len(self.classes)
