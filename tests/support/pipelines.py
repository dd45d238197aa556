"""Small data sets, and the batches that the pipeline makes of them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from archdsl.data import pipeline
from archdsl.data.dataset import Dataset, Split
from archdsl.data.inputs import ImageInput
from archdsl.data.targets import ClassTarget
from archdsl.recipe import Data

COUNT = 23

ONE_HOT: dict[str, Any] = {"label": "one_hot"}
"""The encoding of labels that most losses take."""


def made(
    height: int = 6, width: int = 6, channels: int = 3, count: int = COUNT, weights: Any = None, **changed: Any
) -> Dataset:
    """Images of noise, the first pixel of each of which is its index; class 0, 1, ... 9, 0, ..."""
    pixels = np.random.RandomState(1).randint(0, 256, (count, height, width, channels)).astype(np.uint8)
    pixels[:, 0, 0, 0] = np.arange(count) % 256
    part = Split({"": pixels}, {"label": (np.arange(count) % 10).astype(np.int64)})
    image = ImageInput("image", (height, width, channels), **({"largest": 255, "divisor": 1.0} | changed))
    return Dataset(
        part, part, part, {"": image}, {"label": ClassTarget("label", tuple("0123456789"), weights=weights)}, "made up"
    )


def recipe(**changed: Any) -> Data:
    """A recipe that leaves pixels raw."""
    return Data(source="digits", scale=False, **({"batch_size": 5} | changed))


def epochs(
    data: Data, count: int, seed: int = 3, dataset: Dataset | None = None, one_hot: bool = False, **options: Any
) -> list[tuple[Any, ...]]:
    """Images, labels and perhaps weights of the first epochs, each put together from its batches."""
    dataset = dataset or made()
    size = pipeline.steps(dataset.train, data)
    batches = iter(
        pipeline.training_batches(dataset, data, seed, ONE_HOT if one_hot else {}, **options).as_numpy_iterator()
    )
    taken = [list(itertools.islice(batches, size)) for _ in range(count)]
    return [tuple(np.concatenate(column) for column in zip(*epoch, strict=True)) for epoch in taken]


def digest(found: list[tuple[Any, ...]]) -> bytes:
    """Every byte of every epoch."""
    return b"".join(array.tobytes() for epoch in found for array in epoch)
