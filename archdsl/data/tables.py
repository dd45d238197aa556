"""Tables of examples: named columns, whose values are in memory or read on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Rows: TypeAlias = NDArray[np.int64]
Reader: TypeAlias = Callable[[Rows], NDArray[Any]]
"""Reads the values of some rows: (len(rows), ...), in the order of the rows."""

Places: TypeAlias = Callable[[Rows], list[str]]
"""Where some rows come from, for messages: `houses.csv:7`."""

EMPTY = -1
"""The number of an empty cell in a column of classes."""

Kind: TypeAlias = Literal["array", "class", "image", "mask", "number", "tags", "text", "tokens"]
"""What the values of a column are.

`image` is uint8 (H, W, C). `class` is the number of a class, int64 (); `EMPTY`; or a smaller number for a class that
the training examples do not have: -2 for the first of `unseen`, -3 for the second. `number` is float64 (), or NaN for
an empty cell. `text` is a string. `mask` has the number of the class of each pixel, uint8 (H, W). `array` is numbers of
any shape. `tags` says whether an example has each class, 0 or 1 (classes,). `tokens` is the numbers of tokens, int32
(length,).
"""


Resize: TypeAlias = Literal["stretch", "crop", "pad"]
"""How an image is fitted to a size: see `archdsl.data.images.fit`."""


@dataclass(frozen=True, slots=True)
class Column:
    """What all values of a column have in common.

    Attributes:
        kind: what the values are.
        shape: the shape of one value.
        classes: the names of the classes that values number.
        unseen: the names of classes that only validation and test examples have.
        largest: the largest possible value of a pixel.
        resize: how images of another size are fitted to the shape.
        place: of images in the cells of a table: their folder or pattern, see `structured_cells.path_of`.
    """

    kind: Kind
    shape: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    largest: int = 255
    resize: Resize = "stretch"
    place: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Some examples of a data set.

    Attributes:
        readers: the reader of each column, by name.
        places: where rows come from.
        empty: what has no value if a value is empty, for messages.
    """

    count: int
    readers: Mapping[str, Reader]
    places: Places = lambda rows: [f"example {row + 1:,}" for row in rows.tolist()]
    empty: str = "the empty cells"

    def __len__(self) -> int:
        return self.count

    def take(self, rows: Rows) -> Table:
        """The examples of the given rows, in their order, without reading them."""
        readers = {name: _chosen(read, rows) for name, read in self.readers.items()}
        return Table(len(rows), readers, lambda chosen: self.places(rows[chosen]), self.empty)

    def read(self, column: str) -> NDArray[Any]:
        """All values of a column."""
        return self.readers[column](np.arange(self.count))

    def replaced(self, column: str, reader: Reader) -> Table:
        """The same examples with another reader of a column."""
        return replace(self, readers={**self.readers, column: reader})


def _chosen(read: Reader, rows: Rows) -> Reader:
    return lambda chosen: read(rows[chosen])


def in_memory(**columns: NDArray[Any]) -> Table:
    """A table of arrays of the same length."""
    return Table(len(next(iter(columns.values()))), {name: _indexed(array) for name, array in columns.items()})


def _indexed(array: NDArray[Any]) -> Reader:
    return lambda rows: array[rows]
