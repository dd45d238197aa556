"""Images as the input of a network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from archdsl.data import images
from archdsl.data.broken import checked, reading
from archdsl.data.inputs.base import Input
from archdsl.data.pixels import Statistics, measure
from archdsl.data.ports import Port
from archdsl.data.sources.base import RawDataset
from archdsl.data.streams import Values
from archdsl.data.tables import Column, Resize, Table
from archdsl.recipe import Data


@dataclass(frozen=True, slots=True)
class ImageInput(Input):
    """Images, uint8 (H, W, C). The batches scale and standardize them.

    Attributes:
        column: the column of the images.
        shape: height, width and channels of one image, after resizing.
        largest: the largest possible pixel value.
        place: as in `Column`.
        divisor: the divisor of pixel values: `largest`, or 1 without scaling.
        standardize: as in the recipe.
        statistics: the statistics of the scaled training images, or None without standardization.
        resize: how images of another size are fitted to the shape.
    """

    column: str
    shape: tuple[int, int, int]
    largest: int
    divisor: float
    standardize: bool | Literal["channel"] = False
    statistics: Statistics | None = None
    resize: Resize = "stretch"
    place: str = ""

    @classmethod
    def of(cls, columns: Sequence[str], raw: RawDataset, data: Data, port: Port | None = None) -> ImageInput:
        (name,) = columns
        column = raw.columns[name]
        height, width, channels = column.shape
        height, width = data.size or (height, width)
        divisor = float(column.largest) if data.scale else 1.0
        shape, how = (height, width, channels), data.standardize
        return cls(name, shape, column.largest, divisor, how, resize=data.resize, place=column.place)

    def read(self, table: Table) -> NDArray[np.uint8]:
        """The images of a table, resized."""
        if not len(table):
            return np.empty((0, *self.shape), np.uint8)
        return checked(*reading(table, self.column, lambda pixels: images.resized(pixels, *self.shape, self.resize)))

    def fitted(self, values: Values) -> ImageInput:
        if not self.standardize:
            return self
        return replace(self, statistics=measure(values, self.divisor, self.standardize == "channel"))

    def encoded(self, values: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return values

    @property
    def made_shape(self) -> tuple[int, ...]:
        return self.shape

    @property
    def needs(self) -> dict[str, Column]:
        column = Column("image", self.shape, largest=self.largest, resize=self.resize, place=self.place)
        return {self.column: column}

    def describe(self) -> dict[str, Any]:
        return {
            "kind": "image",
            "column": self.column,
            "place": self.place,
            "shape": list(self.shape),
            "largest": float(self.largest),
            "divisor": float(self.divisor),
            "mean": [float(value) for value in self.statistics.mean] if self.statistics else None,
            "std": [float(value) for value in self.statistics.std] if self.statistics else None,
            **({"resize": self.resize} if self.resize != "stretch" else {}),
        }

    @property
    def example_bytes(self) -> int:
        return math.prod(self.shape)
