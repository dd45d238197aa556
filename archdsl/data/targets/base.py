"""The base class of what a network predicts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from archdsl.data.sources.base import RawDataset
from archdsl.data.streams import Values
from archdsl.data.tables import Table
from archdsl.recipe import Data


class Target(ABC):
    """One column that a network predicts."""

    @classmethod
    @abstractmethod
    def of(cls, column: str, raw: RawDataset, data: Data) -> Self:
        """The target that a column makes, before it has seen an example.

        Raises:
            ArchError: the recipe does not fit the column (ARCH303).
        """

    @abstractmethod
    def read(self, table: Table) -> NDArray[Any]:
        """The values of all examples of a table."""

    @abstractmethod
    def fitted(self, values: Values) -> Self:
        """The same target, after learning from the values of the training examples, in one pass."""

    def recorded(self, description: Mapping[str, Any]) -> Self:
        """The same target as a saved model learned it, from its `describe()`."""
        return self

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What predictions mean, as plain data that is saved with the model."""

    @property
    def is_weighted(self) -> bool:
        """Whether some examples weigh more in the loss than others."""
        return False

    @property
    def is_stratified(self) -> bool:
        """Whether a selection of examples keeps the proportions of groups."""
        return False

    @property
    def example_bytes(self) -> int:
        """The memory of one value, in bytes."""
        return 8

    def strata(self, values: Values) -> NDArray[np.int64]:
        """The groups whose proportions a selection of examples keeps, one number for each example; one for all."""
        return np.zeros(len(values), np.int64)
