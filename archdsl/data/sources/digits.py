"""The handwritten digits that are a part of the package: 1,797 of 8x8 (Alpaydin & Kaynak 1998; CC BY 4.0)."""

from __future__ import annotations

from importlib import resources
from typing import Any

import numpy as np

from archdsl.data.readers.splits import Found, in_memory

CLASSES = tuple("0123456789")
LARGEST = 16
"""A pixel counts the dark points of a 4x4 cell."""


def read() -> Found:
    """The digits; a fifth of each class tests."""
    with resources.files("archdsl.data").joinpath("digits.npz").open("rb") as file:
        arrays: Any = np.load(file, allow_pickle=False)
        train, test = (
            in_memory(arrays[f"x_{part}"], arrays[f"y_{part}"].astype(np.int64)) for part in ("train", "test")
        )
    return Found(train, test, CLASSES, (8, 8, 1), "embedded", largest=LARGEST)
