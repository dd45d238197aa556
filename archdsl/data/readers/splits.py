"""Images with their labels, in memory or on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archdsl.data import images

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LazySplit:
    """The images of a split, read on demand.

    Attributes:
        labels: int64 (N,).
        fetch: reads the images of some rows: uint8 (len(rows), H, W, C), in the order of the rows.
    """

    labels: NDArray[np.int64]
    fetch: Callable[[Rows], NDArray[np.uint8]]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Rows) -> LazySplit:
        """The images of the given rows, in their order, without reading them."""
        return LazySplit(self.labels[rows], lambda chosen: self.fetch(rows[chosen]))

    def resized(self, height: int, width: int) -> LazySplit:
        """The same images, resized by `images.resize`."""

        def fetch(rows: Rows) -> NDArray[np.uint8]:
            own = self.fetch(rows)
            result = np.empty((len(own), height, width, own.shape[3]), np.uint8)
            for row, image in enumerate(own):
                result[row] = images.resize(image, height, width)
            return result

        return LazySplit(self.labels, fetch)


def in_memory(pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> LazySplit:
    """A split from images (N, H, W, C) and labels (N,) in memory."""
    return LazySplit(labels, lambda rows: pixels[rows])
