"""One or more numbers for each example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.broken import checked, empty_cells, reading
from archdsl.data.sources.base import RawDataset
from archdsl.data.streams import Values, mean_and_std
from archdsl.data.tables import Table
from archdsl.data.targets.base import Target
from archdsl.errors import fail
from archdsl.recipe import Data

SMALLEST = 1e-12
"""Numbers with a smaller standard deviation are constant, and are not divided by it."""


@dataclass(frozen=True, slots=True)
class NumberTarget(Target):
    """Numbers for each example: float32 (N, size).

    The loss takes them standardized, whatever their unit is, and so does the output of the network. Scores, metrics and
    predictions are in the unit of the numbers.

    Attributes:
        column: the name of the column.
        size: the number of numbers.
        standardize: as in the recipe.
        mean, std: mean and standard deviation of the training examples, float64 (size,), once known; None without
            standardization.
    """

    column: str
    size: int = 1
    standardize: bool = True
    mean: NDArray[np.float64] | None = None
    std: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, column: str, raw: RawDataset, data: Data) -> NumberTarget:
        shape = raw.columns[column].shape
        if len(shape) > 1:
            message = f"the target `{column}` is arrays of {' x '.join(map(str, shape))}, which no task predicts"
            raise fail("ARCH303", message, hint="name another column in `data.targets`")
        return cls(column, shape[0] if shape else 1, data.standardize_targets)

    def read(self, table: Table) -> NDArray[np.float32]:
        values, found = reading(
            table, self.column, lambda values: np.asarray(values, np.float32).reshape(-1, self.size)
        )
        empty = np.isnan(values).any(axis=1)
        return checked(values, (*found, *empty_cells(table, self.column, empty, found, may_be_mean=False)))

    def fitted(self, values: Values) -> NumberTarget:
        if not self.standardize:
            return self
        mean, std = mean_and_std(values, (0,))
        return replace(self, mean=mean, std=np.where(std > SMALLEST, std, 1.0))

    def standardized(self, values: Any) -> Any:
        """Numbers, in an array or a tensor, as the network returns them."""
        if self.mean is None or self.std is None:
            return values
        return (values - self.mean.astype(np.float32)) / self.std.astype(np.float32)

    def restored(self, outputs: Any) -> Any:
        """Outputs of the network, in an array or a tensor, in the unit of the numbers."""
        if self.mean is None or self.std is None:
            return outputs
        return outputs * self.std.astype(np.float32) + self.mean.astype(np.float32)

    def recorded(self, description: Mapping[str, Any]) -> NumberTarget:
        if description.get("mean") is None or description.get("std") is None:
            return self
        return replace(self, mean=np.array(description["mean"]), std=np.array(description["std"]))

    def describe(self) -> dict[str, Any]:
        mean, std = (None if each is None else each.tolist() for each in (self.mean, self.std))
        return {"kind": "number", "size": self.size, "mean": mean, "std": std}

    @property
    def example_bytes(self) -> int:
        return 4 * self.size
