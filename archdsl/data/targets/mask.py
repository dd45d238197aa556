"""A class for each pixel."""

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
class MaskTarget(Target):
    """The class of each pixel of an image: uint8 (N, H, W).

    Attributes:
        column: the column of the masks.
        classes: the names of the classes.
        shape: height and width, those of the images.
        resize: how masks of another size are fitted to the shape.
    """

    column: str
    classes: tuple[str, ...]
    shape: tuple[int, int]
    resize: Resize = "stretch"

    @classmethod
    def of(cls, column: str, raw: RawDataset, data: Data) -> MaskTarget:
        height, width = data.size or raw.columns[column].shape
        return cls(column, raw.columns[column].classes, (int(height), int(width)), data.resize)

    def read(self, table: Table) -> NDArray[np.uint8]:
        """The masks of a table, resized to the nearest pixel."""
        if not len(table):
            return np.empty((0, *self.shape), np.uint8)
        return checked(*reading(table, self.column, lambda masks: images.resized_masks(masks, self.shape, self.resize)))

    def fitted(self, values: Values) -> MaskTarget:
        return self

    def describe(self) -> dict[str, Any]:
        return {"kind": "mask", "classes": list(self.classes), "shape": list(self.shape)}

    @property
    def example_bytes(self) -> int:
        return math.prod(self.shape)
