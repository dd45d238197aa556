"""The next token at each step."""

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
class TokensTarget(Target):
    """The number of the token after each step: int32 (N, length).

    Attributes:
        column: the column of the tokens.
        classes: the tokens by number.
        length: the number of steps.
    """

    column: str
    classes: tuple[str, ...]
    length: int

    @classmethod
    def of(cls, column: str, raw: RawDataset, data: Data) -> TokensTarget:
        of_column = raw.columns[column]
        return cls(column, of_column.classes, of_column.shape[0])

    def read(self, table: Table) -> NDArray[np.int32]:
        return checked(*reading(table, self.column, lambda values: np.asarray(values, np.int32)))

    def fitted(self, values: Values) -> TokensTarget:
        return self

    def describe(self) -> dict[str, Any]:
        return {"kind": "tokens", "classes": list(self.classes), "length": self.length}

    @property
    def example_bytes(self) -> int:
        return 4 * self.length
