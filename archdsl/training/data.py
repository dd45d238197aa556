"""Reads a recipe's data set, and divides it into what trains, what chooses the best epoch, and what tests."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.errors import fail, quantity
from archdsl.recipe import Data
from archdsl.training import cifar10

SPLIT_SEED = 0
"""The division is the same for every seed of a training, so that runs are compared on the same images."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a data set: images (N, H, W, C) as they are in the file, uint8, and labels (N,), int64."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64]) -> Part:
        """The images of these rows, in this order."""
        return Part(self.images[rows], self.labels[rows])


@dataclass(frozen=True, slots=True)
class Statistics:
    """What `standardize` takes away and divides by: float32 of shape (1,), or (C,) for `channel`."""

    mean: NDArray[np.float32]
    std: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set in its three parts, and what the network's input is made with.

    `divisor` is what pixels are divided by: the source's largest value, or 1 where the recipe does not scale.
    `statistics` are those of the training part after that division, or None where nothing is standardized.
    `origin` is the file or folder that the images came from.
    """

    train: Part
    validation: Part
    test: Part
    classes: tuple[str, ...]
    largest: int
    divisor: float
    statistics: Statistics | None
    origin: str

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one image."""
        height, width, channels = self.train.images.shape[1:]
        return int(height), int(width), int(channels)


def load(data: Data, folder: Path | None = None, limit: int | None = None, seed: int = SPLIT_SEED) -> Dataset:
    """The data set of a recipe.

    Args:
        folder: where CIFAR-10 is; without it, the usual places are looked at (see `cifar10.read`).
        limit: how many training images to take, before the validation part is split off; the test set stays whole.
        seed: decides which images `limit` takes and which the validation part holds.

    Raises:
        ArchError: the data is not there (ARCH301), cannot be read (ARCH302), holds labels out of range (ARCH303),
            or `limit` leaves a part empty (ARCH203).
    """
    learning, test, classes, largest, origin = _read(data.source, folder)
    if limit is not None:
        learning = limited(learning, limit, seed)
    held = choose(learning.labels, round(data.validation * len(learning)), seed)
    rest = np.setdiff1d(np.arange(len(learning)), held)
    if not len(held) or not len(rest):
        shown = quantity(len(learning), "training image")
        message = f"a validation share of {data.validation:g} of {shown} leaves one of the two parts empty"
        raise fail("ARCH203", message, hint="a larger --limit, or another `data.validation`")
    train, validation = learning.take(rest), learning.take(held)
    divisor = float(largest) if data.scale else 1.0
    statistics = measure(train.images, divisor, data.standardize == "channel") if data.standardize else None
    return Dataset(train, validation, test, classes, largest, divisor, statistics, origin)


def limited(part: Part, limit: int, seed: int = SPLIT_SEED) -> Part:
    """A part with `limit` of its images, each class with its share.

    Raises:
        ArchError: `limit` is not a positive number (ARCH203).
    """
    if limit < 1:
        raise fail("ARCH203", f"a limit of {limit} images leaves nothing: it must be 1 or more")
    return part.take(choose(part.labels, limit, seed))


def choose(labels: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Sorted rows of `count` images, in which every class has its share; all of them where there are no more."""
    # RandomState, and not the newer Generator: NumPy promises that its numbers never change.
    random = np.random.RandomState(seed)
    sizes = np.bincount(labels)
    shares = min(count, len(labels)) * sizes / len(labels)
    taken = np.floor(shares).astype(int)
    largest_remainders = np.argsort(taken - shares, kind="stable")[: min(count, len(labels)) - taken.sum()]
    taken[largest_remainders] += 1
    rows = [random.permutation(np.flatnonzero(labels == label))[:size] for label, size in enumerate(taken)]
    return np.sort(np.concatenate(rows)).astype(np.int64)


def measure(images: NDArray[np.uint8], divisor: float, each_channel: bool) -> Statistics:
    """Mean and standard deviation of pixels over `divisor`.

    They come from counts of the 256 values, so that neither the order of the images nor rounding can move them.
    """
    channels = images.shape[-1]
    counts = np.zeros((channels, 256), np.int64)
    for start in range(0, len(images), 1000):
        for channel in range(channels):
            counts[channel] += np.bincount(images[start : start + 1000, ..., channel].ravel(), minlength=256)
    if not each_channel:
        counts = counts.sum(axis=0, keepdims=True)
    values = np.arange(256) / divisor
    total = counts.sum(axis=1)
    mean = counts @ values / total
    variance = (counts * (values - mean[:, None]) ** 2).sum(axis=1) / total
    return Statistics(mean.astype(np.float32), np.sqrt(variance).astype(np.float32))


def _read(source: str, folder: Path | None) -> tuple[Part, Part, tuple[str, ...], int, str]:
    """Training set, test set, class names, the largest value that a pixel can have, and where they were read from."""
    if source == "cifar10":
        train, test, found = cifar10.read(folder)
        return Part(*train), Part(*test), cifar10.CLASSES, 255, str(found.absolute())
    with resources.files("archdsl.training").joinpath("digits.npz").open("rb") as file:
        arrays: Any = np.load(file, allow_pickle=False)
        parts = [Part(arrays[f"x_{part}"], arrays[f"y_{part}"].astype(np.int64)) for part in ("train", "test")]
    return parts[0], parts[1], tuple("0123456789"), 16, "embedded"
