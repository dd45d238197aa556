"""A class for each pixel."""

from __future__ import annotations

import math
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
class MaskTarget(Target):
    """The class of each pixel of an image: uint8 (N, H, W).

    Attributes:
        column: the column of the masks.
        classes: the names of the classes.
        shape: height and width, those of the images.
    """

    column: str
    classes: tuple[str, ...]
    shape: tuple[int, int]

    @classmethod
    def of(cls, column: str, raw: RawDataset, data: Data) -> MaskTarget:
        height, width = data.size or raw.columns[column].shape
        return cls(column, raw.columns[column].classes, (int(height), int(width)))

    def read(self, table: Table) -> NDArray[np.uint8]:
        """The masks of a table, resized to the nearest pixel."""
        if not len(table):
            return np.empty((0, *self.shape), np.uint8)
        return checked(*reading(table, self.column, self._resized))

    def _resized(self, masks: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = masks.shape[1:]
        if (height, width) == self.shape:
            return masks
        # As Pillow's NEAREST: the pixel at the center of each new one.
        rows = ((np.arange(self.shape[0]) + 0.5) * height / self.shape[0]).astype(int)
        columns = ((np.arange(self.shape[1]) + 0.5) * width / self.shape[1]).astype(int)
        return masks[:, rows[:, None], columns[None]]

    def fitted(self, values: Values) -> MaskTarget:
        return self

    def describe(self) -> dict[str, Any]:
        return {"kind": "mask", "classes": list(self.classes), "shape": list(self.shape)}

    @property
    def example_bytes(self) -> int:
        return math.prod(self.shape)
