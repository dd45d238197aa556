"""Values of examples that are read when they are needed, so that a data set may be larger than the memory.

`Streamed` has the part of an array's interface that the rest of archdsl uses: code that asks for the rows that it needs
works with both, and gives the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from archdsl.data.tables import Rows, Table
from archdsl.errors import ArchError

CHUNK_BYTES, CHUNK_ROWS = 2**24, 10_000
"""The most bytes and rows that a pass over all values has at a time."""

SMALL = 16
"""Values of up to so many bytes, such as labels, are not streamed: the order of the examples takes as much memory."""

BYTES_PER_EXAMPLE = 100
"""Memory for the order, the random values and the labels of an example, in bytes. Most of it is 64-bit row numbers."""


class Values(Protocol):
    """Values of examples (N, ...): an array, or `Streamed`."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Any: ...


AnyValues = TypeVar("AnyValues", bound=Values)


@dataclass(frozen=True)
class Streamed:
    """Values (N, ...) of the examples of a table. Indexing reads the rows; it keeps nothing.

    Attributes:
        read: reads the values of all examples of a table.
        failures: errors in reading. TensorFlow, which reads in threads of its own, reports them as errors of its own.
    """

    table: Table
    read: Callable[[Table], NDArray[Any]]
    failures: list[ArchError] = field(default_factory=list, compare=False)

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, rows: int | slice | Sequence[int] | Rows, /) -> Any:
        if isinstance(rows, int | np.integer):
            return self[[int(rows)]][0]
        chosen = np.arange(*rows.indices(len(self))) if isinstance(rows, slice) else np.asarray(rows, np.int64)
        try:
            return self.read(self.table.take(chosen))
        except ArchError as error:
            self.failures.append(error)
            raise

    @cached_property
    def _first(self) -> NDArray[Any]:
        first: NDArray[Any] = self[:1]
        return first

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self), *self._first.shape[1:]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._first.dtype

    def taken(self, rows: Rows) -> Streamed:
        """The values of some rows, without reading them."""
        return Streamed(self.table.take(rows), self.read)

    def mapped(self, function: Callable[[NDArray[Any]], NDArray[Any]]) -> Streamed:
        """The results of a function of the values, which handles each example on its own."""
        return Streamed(self.table, lambda table: function(self.read(table)))


def taken(values: NDArray[Any] | Streamed, rows: Rows) -> NDArray[Any] | Streamed:
    """The values of some rows, in their order. Streamed values are not read."""
    return values.taken(rows) if isinstance(values, Streamed) else values[rows]


def chunks(values: Values, every: int = 1) -> Iterator[NDArray[Any]]:
    """All values in their order, or one of `every` so many, in arrays of up to `CHUNK_BYTES`.

    The lengths of the arrays depend only on the shape and the type of a value. Sums over them are therefore the same to
    the bit for an array and for streamed values. Those are read ahead, with a progress bar in a terminal.
    """
    if not len(values):
        return
    each = max(1, math.prod(values.shape[1:]) * values.dtype.itemsize)
    step = every * max(1, min(CHUNK_ROWS, CHUNK_BYTES // each))
    parts = [slice(start, min(start + step, len(values)), every) for start in range(0, len(values), step)]
    if not isinstance(values, Streamed):
        yield from (values[part] for part in parts)
        return
    with progress_bar() as bar, ThreadPoolExecutor(1) as reader:
        task = bar.add_task("reading examples", total=len(values))
        ahead = reader.submit(values.__getitem__, parts[0])
        for part, following in zip(parts, [*parts[1:], None], strict=True):
            read = ahead.result()
            if following is not None:
                ahead = reader.submit(values.__getitem__, following)
            yield read
            bar.advance(task, part.stop - part.start)


def mean_and_std(values: Values, axes: tuple[int, ...] | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation over some axes, which include the first; None for all of them. NaN is left out.

    They are computed in float64 and in one pass. The moments of chunks are combined as in Chan, Golub and LeVeque
    (1983), which loses no digits where the mean is much larger than the deviation.
    """
    count: Any = 0
    mean: Any = 0.0
    squares: Any = 0.0
    for chunk in chunks(values):
        wide = chunk.astype(np.float64)
        known = ~np.isnan(wide)
        size = known.sum(axis=axes)
        own = np.where(known, wide, 0).sum(axis=axes) / np.maximum(size, 1)
        deviations = np.where(known, wide - (own if axes is None else np.expand_dims(own, axes)), 0)
        total = np.maximum(count + size, 1)
        squares = squares + (deviations**2).sum(axis=axes) + (own - mean) ** 2 * count * size / total
        mean = mean + (own - mean) * size / total
        count = count + size
    return np.atleast_1d(mean), np.atleast_1d(np.sqrt(squares / np.maximum(count, 1)))


def smallest_and_largest(values: Values) -> tuple[NDArray[Any], NDArray[Any]]:
    """The smallest and the largest of all values (N, columns) in each column; NaN is left out, and 0 if all are NaN."""
    smallest, largest = np.full(values.shape[1:], np.nan), np.full(values.shape[1:], np.nan)
    for chunk in chunks(values):
        smallest, largest = np.fmin(smallest, np.fmin.reduce(chunk)), np.fmax(largest, np.fmax.reduce(chunk))
    return np.nan_to_num(smallest), np.nan_to_num(largest)


def progress_bar() -> Progress:
    """A progress bar in a terminal, which disappears at its end."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
