"""Reads a recipe's data set, and divides it into what trains, what chooses the best epoch, and what tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archdsl.data import sources
from archdsl.data.readers import array_checks as checks
from archdsl.data.readers import files
from archdsl.data.sources import Found, Stored
from archdsl.errors import ArchError, Problem, fail, nearest
from archdsl.recipe import Data
from archdsl.text import quantity

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
    `origin` is the file or folder that the images came from. `name` is the source's: `cifar10`, `npz flowers.npz`.
    `class_weights` are what images of each class weigh in the loss, float32 (classes,), or None where all weigh 1.
    `notes` are sentences on what a reader of the set should know; `looked` are the places that were looked at.
    """

    train: Part
    validation: Part
    test: Part
    classes: tuple[str, ...]
    largest: int
    divisor: float
    statistics: Statistics | None
    origin: str
    name: str = ""
    class_weights: NDArray[np.float32] | None = None
    notes: tuple[str, ...] = ()
    looked: tuple[sources.Looked, ...] = ()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one image."""
        height, width, channels = self.train.images.shape[1:]
        return int(height), int(width), int(channels)


def load(
    data: Data,
    folder: Path | None = None,
    limit: int | None = None,
    seed: int = SPLIT_SEED,
    shape: Sequence[int | None] | None = None,
) -> Dataset:
    """The data set of a recipe.

    Args:
        folder: where the set is; without it, the usual places are looked at (see `sources.places`).
        limit: how many training images to take, before the validation part is split off; the test set stays whole.
            It goes before the recipe's own.
        seed: decides which images `limit` takes and which the validation part holds.
        shape: of the network's input: height, width, channels. Images of a folder become so.

    Raises:
        ArchError: the data is not there (ARCH301), cannot be read (ARCH302), does not fit the recipe or the memory
            (ARCH303), or a share or `limit` leaves a part empty (ARCH203).
    """
    return divide(sources.read(data, folder, shape), data, limit, seed)


def divide(found: Found, data: Data, limit: int | None = None, seed: int = SPLIT_SEED) -> Dataset:
    """What a source holds, as a recipe wants it: its classes, so many images, in three parts. As `load`."""
    name, notes = sources.title(data), found.notes
    learning, validation, test, classes = _of_classes(found, data, name)
    if test is None:
        learning, test = _held_out(learning, data.test, SPLIT_SEED, "test", "test")
        notes = (
            *notes,
            f"{data.test:.0%} of the images are held out to test: the source has no test images of its own",
        )
    limit = data.limit if limit is None else limit
    if limit is not None:
        learning = learning.take(_limited(learning.labels, limit, seed))
    if not data.validation:
        validation = learning.take(np.arange(0))
    elif validation is None:
        learning, validation = _held_out(learning, data.validation, seed, "validation", "training")
    size = data.size or found.shape[:2]
    fitting = (*size, found.shape[2])
    _check_memory([learning, validation, test], fitting, name)
    train, choosing, testing = _brought([learning, validation, test], found.shape, fitting)
    divisor = float(found.largest) if data.scale else 1.0
    return Dataset(
        train,
        choosing,
        testing,
        classes=classes,
        largest=found.largest,
        divisor=divisor,
        statistics=measure(train.images, divisor, data.standardize == "channel") if data.standardize else None,
        origin=found.origin,
        name=name,
        class_weights=weights(data, train.labels, classes, name),
        notes=notes,
        looked=found.looked,
    )


def limited(part: Part, limit: int, seed: int = SPLIT_SEED) -> Part:
    """A part with `limit` of its images, each class with its share.

    Raises:
        ArchError: `limit` is not a positive number (ARCH203).
    """
    return part.take(_limited(part.labels, limit, seed))


def _limited(labels: NDArray[np.int64], limit: int, seed: int) -> NDArray[np.int64]:
    if limit < 1:
        raise fail("ARCH203", f"a limit of {limit} images leaves nothing: it must be 1 or more")
    return choose(labels, limit, seed)


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
    counts = histogram(images)
    if not each_channel:
        counts = counts.sum(axis=0, keepdims=True)
    values = np.arange(256) / divisor
    total = counts.sum(axis=1)
    mean = counts @ values / total
    variance = (counts * (values - mean[:, None]) ** 2).sum(axis=1) / total
    return Statistics(mean.astype(np.float32), np.sqrt(variance).astype(np.float32))


def histogram(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How often each of the 256 values stands in each channel: (C, 256)."""
    channels = images.shape[-1]
    counts = np.zeros((channels, 256), np.int64)
    for start in range(0, len(images), 1000):
        for channel in range(channels):
            counts[channel] += np.bincount(images[start : start + 1000, ..., channel].ravel(), minlength=256)
    return counts


def weights(
    data: Data, labels: NDArray[np.int64], classes: Sequence[str], name: str = ""
) -> NDArray[np.float32] | None:
    """What the images of each class weigh in the loss, float32 (classes,); None where all weigh 1.

    `balanced` is n / (classes * count), as scikit-learn's `compute_class_weight` has it, so that the mean over all
    images is 1. A class without an image weighs 0.

    Raises:
        ArchError: a weight is told for a class that is not there (ARCH303).
    """
    if data.class_weights == "none":
        return None
    if data.class_weights == "balanced":
        counts = np.bincount(labels, minlength=len(classes))
        balanced = len(labels) / (len(classes) * np.maximum(counts, 1))
        return np.where(counts > 0, balanced, 0).astype(np.float32)
    _known(data.class_weights, classes, "class_weights", name)
    return np.array([data.class_weights.get(each, 1.0) for each in classes], np.float32)


def _known(names: Sequence[str] | dict[str, float], classes: Sequence[str], field: str, source: str) -> None:
    for each in names:
        if each not in classes:
            message = f"`data.{field}` names the class `{each}`, which {source} does not have"
            raise fail("ARCH303", message, hint=nearest(each, classes))


def _of_classes(found: Found, data: Data, name: str) -> tuple[Stored, Stored | None, Stored | None, tuple[str, ...]]:
    """The training, validation and test images of the recipe's classes, which are numbered in its order."""
    if data.classes is None:
        return found.train, found.validation, found.test, found.classes
    _known(data.classes, found.classes, "classes", name)
    numbers = np.full(len(found.classes), -1, np.int64)
    numbers[[found.classes.index(each) for each in data.classes]] = np.arange(len(data.classes))

    def only(stored: Stored) -> Stored:
        rows = np.flatnonzero(numbers[stored.labels] >= 0)
        kept = stored.take(rows)
        return Stored(numbers[kept.labels], kept.fetch)

    parts = [None if part is None else only(part) for part in (found.validation, found.test)]
    return only(found.train), parts[0], parts[1], tuple(data.classes)


def _held_out(stored: Stored, share: float, seed: int, part: str, among: str) -> tuple[Stored, Stored]:
    """The rest, and a share of each class that is held out of it."""
    held = choose(stored.labels, round(share * len(stored)), seed) if len(stored) else np.arange(0)
    rest = np.setdiff1d(np.arange(len(stored)), held)
    if not len(held) or not len(rest):
        shown = quantity(len(stored), "training image" if among == "training" else "image")
        message = f"a {part} share of {share:g} of {shown} leaves one of the two parts empty"
        raise fail("ARCH203", message, hint=f"a larger --limit, or another `data.{part}`")
    return stored.take(rest), stored.take(held)


def _check_memory(parts: Sequence[Stored], shape: tuple[int, int, int], name: str) -> None:
    count = sum(map(len, parts))
    if count * int(np.prod(shape)) > files.budget():
        raise files.too_large(name, count, shape)


def _brought(parts: Sequence[Stored], own: tuple[int, int, int], shape: tuple[int, int, int]) -> list[Part]:
    """The images of all parts; what is broken in any of them is told at once."""
    made: list[Part] = []
    problems: list[Problem] = []
    for stored in parts:
        try:
            made.append(_part(stored, own, shape))
        except ArchError as error:
            problems += error.problems
    if problems:
        raise ArchError(*problems)
    return made


def _part(stored: Stored, own: tuple[int, int, int], shape: tuple[int, int, int]) -> Part:
    if not len(stored):
        return Part(np.empty((0, *shape), np.uint8), np.empty(0, np.int64))
    fetch = stored.fetch if shape == own else checks.resized(stored.fetch, shape[:2])
    return Part(fetch(np.arange(len(stored))), stored.labels)
