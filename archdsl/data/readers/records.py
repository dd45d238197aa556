"""Records of TFRecord files, read in any order.

A TFRecord file has no index, but a record takes a fixed number of bytes more than its content. The sizes of all records
are therefore enough to find each of them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from archdsl.data.tables import Rows
from archdsl.errors import fail
from archdsl.files import opened

HEADER, FOOTER = 12, 4
"""The bytes before a record, its size and a checksum of that, and after it, a checksum of its content."""


class Records:
    """The records of several TFRecord files, numbered through.

    Args:
        counts: the number of records in each file.
        sizes: the bytes of each record, int64 (N,).
    """

    def __init__(self, paths: Sequence[Path], counts: Sequence[int], sizes: NDArray[np.int64]) -> None:
        self._paths = paths
        self._sizes = sizes
        self._ends = np.cumsum(np.asarray(counts, np.int64))
        starts = np.cumsum(sizes + HEADER + FOOTER) - (sizes + HEADER + FOOTER)
        firsts = np.repeat(starts[np.minimum(self._ends - counts, len(sizes) - 1)], counts)
        self._starts = starts - firsts
        self._reading = threading.Lock()
        self._file = cache(opened)

    def __len__(self) -> int:
        return len(self._sizes)

    def read(self, rows: Rows) -> list[bytes]:
        """The contents of some records.

        Raises:
            ArchError: a file is damaged, or cannot be read (ARCH302).
        """
        files = np.searchsorted(self._ends, rows, side="right")
        return [self._read(self._paths[file], int(row)) for file, row in zip(files, rows, strict=True)]

    def _read(self, path: Path, row: int) -> bytes:
        size, start = int(self._sizes[row]), int(self._starts[row])
        try:
            record = self._bytes_at(self._file(path), start, HEADER + size)
        except OSError as error:
            raise fail("ARCH302", f"{path} cannot be read: {error.strerror or error}") from None
        if len(record) < HEADER + size or int.from_bytes(record[:8], "little") != size:
            raise fail("ARCH302", f"{path} is damaged at byte {start:,}: expected a record of {size:,} bytes")
        return record[HEADER:]

    def _bytes_at(self, file: BinaryIO, start: int, size: int) -> bytes:
        # Not a memory map: the system counts the pages of a map as memory of the process.
        if hasattr(os, "pread"):
            return os.pread(file.fileno(), size, start)
        with self._reading:
            file.seek(start)
            return file.read(size)
