"""Handwritten digits, part of the package: 1,797 images of 8x8 pixels (Alpaydin & Kaynak 1998; CC BY 4.0)."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from archdsl.data.images import RequestedFormat
from archdsl.data.ports import Ports
from archdsl.data.sources.base import RawDataset, Source, labeled_images
from archdsl.data.tables import in_memory
from archdsl.ops import Shape
from archdsl.recipe import Data

CLASSES = tuple("0123456789")
SHAPE = (8, 8, 1)
LARGEST = 16
"""Each pixel counts the dark points of a 4x4 cell."""


class Digits(Source):
    """The digits in the package. A fifth of each class is the test split."""

    why_no_download = "is part of the package"

    def fits(self, image: Shape, output: Shape) -> bool:
        """Whether the digits and their classes fit a network's input and output."""
        return image == SHAPE and output == (len(CLASSES),)

    def read(
        self, data: Data, data_dir: Path | None, requested: RequestedFormat, ports: Ports | None = None
    ) -> RawDataset:
        """Read the digits, in their own size."""
        with resources.files("archdsl.data").joinpath("digits.npz").open("rb") as file:
            arrays: Any = np.load(file, allow_pickle=False)
            train, test = (
                in_memory(image=arrays[f"x_{part}"], label=arrays[f"y_{part}"].astype(np.int64))
                for part in ("train", "test")
            )
        return labeled_images(train, test, CLASSES, SHAPE, "embedded", largest=LARGEST)


SOURCE = Digits()
