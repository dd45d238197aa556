"""Reads a data set and splits it into training, validation and test images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from archdsl.data import sources
from archdsl.data.readers import files
from archdsl.data.readers.search import SearchedPath
from archdsl.data.readers.splits import LazySplit
from archdsl.data.sources.base import RawDataset
from archdsl.errors import ArchError, Problem, fail, nearest
from archdsl.recipe import Data
from archdsl.text import quantity

SPLIT_SEED = 0
"""The seed of the splits. It does not depend on the training seed, so all runs use the same images."""

Labeled = TypeVar("Labeled", "Split", LazySplit)


@dataclass(frozen=True, slots=True)
class Split:
    """A split of a data set: raw images, uint8 (N, H, W, C), and labels, int64 (N,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64]) -> Split:
        """The images and labels of the given rows, in their order."""
        return Split(self.images[rows], self.labels[rows])


@dataclass(frozen=True, slots=True)
class Statistics:
    """The mean and standard deviation for `standardize`: float32 of shape (1,), or (C,) for `channel`."""

    mean: NDArray[np.float32]
    std: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set in three splits, with its preprocessing.

    Attributes:
        largest: the largest possible pixel value.
        divisor: the divisor of pixel values: `largest`, or 1 without scaling.
        statistics: the statistics of the scaled training split, or None without standardization.
        origin: the file or folder of the images.
        name: the name of the source, such as `cifar10` or `npz flowers.npz`.
        class_weights: the weight of each class in the loss, float32 (classes,), or None if all are 1.
        notes: remarks about the data set, one sentence each.
        searched: the paths that were searched.
    """

    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    largest: int
    divisor: float
    statistics: Statistics | None
    origin: str
    name: str = ""
    class_weights: NDArray[np.float32] | None = None
    notes: tuple[str, ...] = ()
    searched: tuple[SearchedPath, ...] = ()

    @property
    def splits(self) -> dict[str, Split]:
        """The three splits by name: `train`, `validation`, `test`."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one image."""
        height, width, channels = self.train.images.shape[1:]
        return int(height), int(width), int(channels)


def load(
    data: Data,
    data_dir: Path | None = None,
    limit: int | None = None,
    seed: int = SPLIT_SEED,
    shape: Sequence[int | None] | None = None,
) -> Dataset:
    """Load the data set of a recipe.

    Args:
        data_dir: the only folder to search; by default, those of `readers.search`.
        limit: the number of training images to use, including those held out for validation. It overrides the recipe
            and does not affect the test split.
        seed: seed for choosing the images of `limit` and of the validation split.
        shape: height, width and channels of the network's input. Images in folders are resized to it.

    Raises:
        ArchError: the data is missing (ARCH301), cannot be read (ARCH302), does not fit the recipe or into memory
            (ARCH303), or a split would be empty (ARCH203).
    """
    return from_raw(sources.read(data, data_dir, shape), data, limit, seed)


def from_raw(raw: RawDataset, data: Data, limit: int | None = None, seed: int = SPLIT_SEED) -> Dataset:
    """Select the classes and images that a recipe asks for, and split them; see `load`."""
    name, notes = data.source_name, raw.notes
    train, validation, test, classes = _select_classes(raw, data)
    if test is None:
        train, test = _hold_out(train, data.test, SPLIT_SEED, "test", "image")
        held_out = f"{data.test:.0%} of the images are held out for testing: the source has no test split"
        notes = (*notes, held_out)
    limit = data.limit if limit is None else limit
    if limit is not None:
        train = limited(train, limit, seed)
    if not data.validation:
        validation = train.take(np.arange(0))
    elif validation is None:
        train, validation = _hold_out(train, data.validation, seed, "validation", "training image")
    height, width = data.size or raw.shape[:2]
    shape = (height, width, raw.shape[2])
    splits = [train, validation, test]
    files.check_memory(name, sum(map(len, splits)), shape)
    if shape != raw.shape:
        splits = [split.resized(height, width) for split in splits]
    train_images, validation_images, test_images = _read_images(splits, shape)
    divisor = float(raw.largest) if data.scale else 1.0
    pixels = train_images.images
    return Dataset(
        train_images,
        validation_images,
        test_images,
        classes=classes,
        largest=raw.largest,
        divisor=divisor,
        statistics=measure(pixels, divisor, data.standardize == "channel") if data.standardize else None,
        origin=raw.origin,
        name=name,
        class_weights=class_weights(data, train_images.labels, classes),
        notes=notes,
        searched=raw.searched,
    )


def limited(split: Labeled, limit: int, seed: int = SPLIT_SEED) -> Labeled:
    """Select `limit` images of a split, with the class proportions unchanged.

    Raises:
        ArchError: `limit` is not a positive number (ARCH203).
    """
    if limit < 1:
        raise fail("ARCH203", f"expected a limit of at least 1 image, got {limit}")
    return split.take(stratified_rows(split.labels, limit, seed))


def stratified_rows(labels: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Choose `count` images at random, with the class proportions unchanged; all images if there are fewer.

    Returns:
        The sorted rows of the images.
    """
    # RandomState rather than the newer Generator: NumPy guarantees that its numbers never change.
    random = np.random.RandomState(seed)
    sizes = np.bincount(labels)
    shares = min(count, len(labels)) * sizes / len(labels)
    taken = np.floor(shares).astype(int)
    largest_remainders = np.argsort(taken - shares, kind="stable")[: min(count, len(labels)) - taken.sum()]
    taken[largest_remainders] += 1
    rows_of_labels = np.split(np.argsort(labels, kind="stable"), np.cumsum(sizes)[:-1])
    rows = [random.permutation(rows)[:size] for rows, size in zip(rows_of_labels, taken, strict=True)]
    return np.sort(np.concatenate(rows)).astype(np.int64)


def measure(images: NDArray[np.uint8], divisor: float, each_channel: bool) -> Statistics:
    """Compute the mean and standard deviation of pixels divided by `divisor`.

    They are computed from the counts of the 256 values, so they do not depend on the order of the images.
    """
    counts = histogram(images)
    if not each_channel:
        counts = counts.sum(axis=0, keepdims=True)
    mean, std = moments(counts, divisor)
    return Statistics(mean.astype(np.float32), std.astype(np.float32))


def moments(counts: NDArray[np.int64], divisor: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute mean and standard deviation (C,) of pixels divided by `divisor`, from counts (C, 256) of their values."""
    values = np.arange(256) / divisor
    total = counts.sum(axis=1)
    mean = counts @ values / total
    variance = (counts * (values - mean[:, None]) ** 2).sum(axis=1) / total
    return mean, np.sqrt(variance)


def histogram(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count the 256 values in each channel: (C, 256)."""
    channels = images.shape[-1]
    counts = np.zeros((channels, 256), np.int64)
    for start in range(0, len(images), 1000):
        for channel in range(channels):
            counts[channel] += np.bincount(images[start : start + 1000, ..., channel].ravel(), minlength=256)
    return counts


def class_weights(data: Data, labels: NDArray[np.int64], classes: Sequence[str]) -> NDArray[np.float32] | None:
    """The weight of each class in the loss, float32 (classes,), or None if all are 1.

    `balanced` is n / (classes * count), as in scikit-learn's `compute_class_weight`: the mean over all images is 1. A
    class without images has the weight 0.

    Raises:
        ArchError: the recipe gives a weight to an unknown class (ARCH303).
    """
    if data.class_weights == "none":
        return None
    if data.class_weights == "balanced":
        counts = np.bincount(labels, minlength=len(classes))
        balanced = len(labels) / (len(classes) * np.maximum(counts, 1))
        return np.where(counts > 0, balanced, 0).astype(np.float32)
    _check_classes(data.class_weights, classes, "class_weights", data)
    return np.array([data.class_weights.get(each, 1.0) for each in classes], np.float32)


def _check_classes(names: Iterable[str], classes: Sequence[str], field: str, data: Data) -> None:
    for each in names:
        if each not in classes:
            message = f"unknown class `{each}` in `data.{field}`: {data.source_name} has no such class"
            raise fail("ARCH303", message, hint=nearest(each, classes))


def _select_classes(
    raw: RawDataset, data: Data
) -> tuple[LazySplit, LazySplit | None, LazySplit | None, tuple[str, ...]]:
    """Select the recipe's classes in each split, and number them in the recipe's order."""
    if data.classes is None:
        return raw.train, raw.validation, raw.test, raw.classes
    _check_classes(data.classes, raw.classes, "classes", data)
    numbers = np.full(len(raw.classes), -1, np.int64)
    numbers[[raw.classes.index(each) for each in data.classes]] = np.arange(len(data.classes))

    def select(split: LazySplit) -> LazySplit:
        kept = split.take(np.flatnonzero(numbers[split.labels] >= 0))
        return LazySplit(numbers[kept.labels], kept.fetch)

    validation, test = (None if split is None else select(split) for split in (raw.validation, raw.test))
    return select(raw.train), validation, test, tuple(data.classes)


def _hold_out(split: LazySplit, share: float, seed: int, name: str, kind: str) -> tuple[LazySplit, LazySplit]:
    """Hold out a fraction of each class of a split.

    Args:
        name: the name of the new split: `test` or `validation`.
        kind: a noun for the images of `split`, for the message.

    Returns:
        The remaining images, and those held out.
    """
    held = stratified_rows(split.labels, round(share * len(split)), seed) if len(split) else np.arange(0)
    rest = np.setdiff1d(np.arange(len(split)), held)
    if not len(held) or not len(rest):
        message = f"`data.{name}: {share:g}` of {quantity(len(split), kind)} leaves an empty split"
        # A limit applies to what is left after the test images are held out.
        or_limit = ", or raise the limit" if name == "validation" else ""
        raise fail("ARCH203", message, hint=f"change `data.{name}`{or_limit}")
    return split.take(rest), split.take(held)


def _read_images(splits: Sequence[LazySplit], shape: tuple[int, int, int]) -> list[Split]:
    """Read the images of all splits, and report the broken ones of all splits together."""
    read: list[Split] = []
    problems: list[Problem] = []
    for split in splits:
        try:
            pixels = split.fetch(np.arange(len(split))) if len(split) else np.empty((0, *shape), np.uint8)
            read.append(Split(pixels, split.labels))
        except ArchError as error:
            problems += error.problems
    if problems:
        raise ArchError(*problems)
    return read
