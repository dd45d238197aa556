"""The base class of what an input of a network is made of."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

from numpy.typing import NDArray

from archdsl.data.ports import Port
from archdsl.data.sources.base import RawDataset
from archdsl.data.streams import Values
from archdsl.data.tables import Column, Table
from archdsl.recipe import Data


class Input(ABC):
    """One input of a network, made of one or more columns.

    A subclass is chosen by the kind of the columns, reads them, and learns from the training examples what it needs to
    encode them: a mean, a vocabulary.
    """

    @classmethod
    @abstractmethod
    def of(cls, columns: Sequence[str], raw: RawDataset, data: Data, port: Port | None = None) -> Self:
        """The input that these columns make, before it has seen an example.

        Args:
            port: the input of the network, if it is known.
        """

    @abstractmethod
    def read(self, table: Table) -> NDArray[Any]:
        """The values of all examples of a table, as the source has them.

        Raises:
            ArchError: some cannot be read (ARCH302).
        """

    @abstractmethod
    def fitted(self, values: Values) -> Self:
        """The same input, after learning from the values of the training examples, in one pass."""

    @abstractmethod
    def encoded(self, values: NDArray[Any]) -> NDArray[Any]:
        """The values as they are kept in memory for training. Each example is encoded on its own."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks about the training examples that a training reports, one sentence each."""
        return ()

    @property
    @abstractmethod
    def made_shape(self) -> tuple[int, ...]:
        """The shape of one example as the network takes it."""

    @property
    @abstractmethod
    def needs(self) -> dict[str, Column]:
        """The columns that it is made of, by name."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What encodes raw values, as plain data that is saved with the model."""

    @property
    def example_bytes(self) -> int:
        """The memory of one example as `encoded` returns it, in bytes."""
        return 4 * math.prod(self.made_shape)
