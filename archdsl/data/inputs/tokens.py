"""The tokens of a text, for an `embedding`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.inputs.base import Input
from archdsl.data.ports import Port
from archdsl.data.readers.tokens import Unit
from archdsl.data.sources.base import RawDataset
from archdsl.data.streams import Values
from archdsl.data.tables import Column, Table
from archdsl.recipe import Data


@dataclass(frozen=True, slots=True)
class TokensInput(Input):
    """The numbers of tokens: int32 (length,). 0 is a token that the training text does not have.

    Attributes:
        column: the name of the column.
        classes: the tokens by number.
        length: the number of steps.
        unit: as in the recipe.
    """

    column: str
    classes: tuple[str, ...]
    length: int
    unit: Unit = "characters"

    @classmethod
    def of(cls, columns: Sequence[str], raw: RawDataset, data: Data, port: Port | None = None) -> TokensInput:
        (name,) = columns
        column = raw.columns[name]
        return cls(name, column.classes, column.shape[0], data.tokens)

    def read(self, table: Table) -> NDArray[np.int32]:
        return np.asarray(table.read(self.column), np.int32)

    def fitted(self, values: Values) -> TokensInput:
        return self

    def encoded(self, values: NDArray[np.int32]) -> NDArray[np.int32]:
        return values

    @property
    def made_shape(self) -> tuple[int, ...]:
        return (self.length,)

    @property
    def needs(self) -> dict[str, Column]:
        return {self.column: Column("tokens", (self.length,), self.classes)}

    def describe(self) -> dict[str, Any]:
        words = {"kind": "tokens", "column": self.column, "length": self.length, "unit": self.unit}
        return {**words, "classes": list(self.classes)}
