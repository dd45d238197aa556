"""What every source gives: images by rows, their labels, and the names of the classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Fetch = Callable[[Rows], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Stored:
    """Images that lie in memory or on the disk: their labels (N,), and what brings those of some rows.

    `fetch` gives uint8 (len(rows), H, W, C), in the order of the rows.
    """

    labels: NDArray[np.int64]
    fetch: Fetch

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Rows) -> Stored:
        """The images of these rows, in this order; nothing is brought yet."""
        return Stored(self.labels[rows], lambda wanted: self.fetch(rows[wanted]))


def in_memory(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Stored:
    """Images (N, H, W, C) and labels (N,) that are read already."""
    return Stored(labels, lambda rows: images[rows])


@dataclass(frozen=True, slots=True)
class Wanted:
    """What images are to look like, for sources whose files have any size: None where nobody says.

    `otherwise` is the side that images get where nobody says one, and their own differ or would not fit into memory;
    without it, that is an error.
    """

    height: int | None = None
    width: int | None = None
    channels: int | None = None
    otherwise: int | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """A place that was looked at, and whether the set lies there."""

    place: Path
    found: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A set that was found.

    `shape` is that of one image: height, width, channels. `origin` is the file or folder, or `embedded`. `validation`
    and `test` are None where the source has no such part of its own. `largest` is the largest value that a pixel can
    have. `notes` are sentences on what a reader of the set should know.
    """

    train: Stored
    test: Stored | None
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    origin: str
    validation: Stored | None = None
    largest: int = 255
    notes: tuple[str, ...] = ()
    looked: tuple[Looked, ...] = ()
