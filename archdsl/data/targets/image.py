"""An image for each example."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data import images
from archdsl.data.broken import checked, reading
from archdsl.data.sources.base import RawDataset
from archdsl.data.streams import Values
from archdsl.data.tables import Resize, Table
from archdsl.data.targets.base import Target
from archdsl.recipe import Data


@dataclass(frozen=True, slots=True)
class ImageTarget(Target):
    """An image, uint8 (N, H, W, C), which the batches divide by the largest possible pixel value.

    Attributes:
        column: the column of the images; that of the input for an autoencoder.
        shape: height, width and channels, after resizing.
        largest: the largest possible pixel value.
        resize: how images of another size are fitted to the shape.
    """

    column: str
    shape: tuple[int, int, int]
    largest: int
    resize: Resize = "stretch"

    @classmethod
    def of(cls, column: str, raw: RawDataset, data: Data) -> ImageTarget:
        height, width, channels = raw.columns[column].shape
        height, width = data.size or (height, width)
        return cls(column, (height, width, channels), raw.columns[column].largest, data.resize)

    def read(self, table: Table) -> NDArray[np.uint8]:
        if not len(table):
            return np.empty((0, *self.shape), np.uint8)
        return checked(*reading(table, self.column, lambda pixels: images.resized(pixels, *self.shape, self.resize)))

    def fitted(self, values: Values) -> ImageTarget:
        return self

    def describe(self) -> dict[str, Any]:
        return {"kind": "image", "shape": list(self.shape), "largest": float(self.largest)}

    @property
    def example_bytes(self) -> int:
        return math.prod(self.shape)
