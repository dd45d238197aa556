"""Inspects a data set: its location, images per class, pixel values, and duplicate images."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.dataset import Dataset
from archdsl.data.pixels import histogram, moments
from archdsl.data.readers.search import SearchedPath
from archdsl.data.streams import chunks
from archdsl.recipe import DATA_SOURCES
from archdsl.text import columns, in_line, quantity

SHOWN = 24
"""The most classes in the table. If there are more, it shows those with the most and with the fewest images."""

BAR = 20
"""The length of the longest bar, in characters."""

WIDTH = 80
"""The width of the table, in characters."""


@dataclass(frozen=True, slots=True)
class DuplicateCounts:
    """Counts of images that equal another one in every pixel.

    Attributes:
        test: test images that are also training or validation images.
        training: repeated training and validation images.
        conflicting: images that also occur with another label.
    """

    test: int
    training: int
    conflicting: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """The results of inspecting a data set.

    Attributes:
        counts: the number of images of each class, by split.
        least, greatest: the smallest and largest pixel value in the training split.
        mean, std: mean and standard deviation of each channel of the training split, divided by the largest possible
            pixel value.
    """

    dataset: Dataset
    counts: dict[str, NDArray[np.int64]]
    least: int
    greatest: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    duplicates: DuplicateCounts

    def data(self) -> dict[str, Any]:
        """The results as plain data, for JSON."""
        dataset = self.dataset
        weights = dataset.label.weights
        return {
            "source": dataset.name,
            "origin": dataset.origin,
            "looked": [{"place": str(one.path), "found": one.found} for one in dataset.searched],
            "shape": list(dataset.image.shape),
            "images": {name: len(split) for name, split in dataset.splits.items()},
            "classes": [
                {
                    "name": name,
                    **{split: int(counts[label]) for split, counts in self.counts.items()},
                    "weight": 1.0 if weights is None else float(weights[label]),
                }
                for label, name in enumerate(dataset.label.classes)
            ],
            "values": {"least": self.least, "greatest": self.greatest, "largest": dataset.image.largest},
            "mean": [round(value, 6) for value in self.mean],
            "std": [round(value, 6) for value in self.std],
            "equal": {
                "test_in_training": self.duplicates.test,
                "within_training": self.duplicates.training,
                "other_label": self.duplicates.conflicting,
            },
            "notes": list(dataset.notes),
        }


def inspect(dataset: Dataset, shape: Sequence[int | None] | None = None) -> Inspection:
    """Count classes, pixel values and duplicates.

    Args:
        shape: the shape of the network's input; a note is added if the images have another shape.
    """
    own = dataset.image.shape
    if shape and not (len(shape) == 3 and all(side in (None, other) for side, other in zip(shape, own, strict=True))):
        note = f"the network expects {_sides(shape)}, but the images are {_sides(own)}"
        dataset = replace(dataset, notes=(*dataset.notes, note))
    counts = {name: np.bincount(dataset.labels(name), minlength=len(dataset.label.classes)) for name in dataset.splits}
    pixels = histogram(dataset.images())
    values = np.flatnonzero(pixels.sum(axis=0))
    mean, std = moments(pixels, dataset.image.largest)
    return Inspection(
        dataset,
        counts,
        int(values[0]),
        int(values[-1]),
        tuple(mean.tolist()),
        tuple(std.tolist()),
        count_duplicates(dataset),
    )


def _sides(shape: Sequence[int | None]) -> str:
    return " x ".join("?" if side is None else str(side) for side in shape)


def count_duplicates(dataset: Dataset) -> DuplicateCounts:
    """Count equal images by hashes of their pixels."""
    hashes = {
        name: [
            hashlib.blake2b(image.data, digest_size=16).digest()
            for chunk in chunks(dataset.images(name))
            for image in np.ascontiguousarray(chunk)
        ]
        for name in dataset.splits
    }
    training, test = [*hashes["train"], *hashes["validation"]], hashes["test"]
    labels = defaultdict(set)
    for name in dataset.splits:
        for digest, label in zip(hashes[name], dataset.labels(name).tolist(), strict=True):
            labels[digest].add(label)
    distinct = set(training)
    conflicting = sum(len(labels[digest]) > 1 for digest in (*training, *test))
    return DuplicateCounts(sum(digest in distinct for digest in test), len(training) - len(distinct), conflicting)


def to_text(inspection: Inspection) -> str:
    """Format an inspection in lines of at most 80 characters, except for paths and notes."""
    dataset = inspection.dataset
    known = DATA_SOURCES.get(dataset.name)
    lines = [f"{dataset.name}: {known.title}" if known else dataset.name, "", *_facts(inspection)]
    lines = [in_line(line) for line in lines]
    return "\n".join(lines) + "\n\n" + _class_table(inspection) + _balance_note(inspection)


def searched_facts(searched: Sequence[SearchedPath], origin: str) -> Iterator[str]:
    """The paths that were searched, and the one that was read, a line each."""
    width = max((len(str(one.path)) for one in searched), default=0)
    for number, one in enumerate(searched):
        result = "found" if one.found else "not found"
        yield f"{'' if number else 'searched':<12}{one.path!s:<{width}}  {result}"
    yield f"{'read from':<12}{origin if origin != 'embedded' else 'the archdsl package'}"


def _facts(inspection: Inspection) -> Iterator[str]:
    dataset = inspection.dataset
    yield from searched_facts(dataset.searched, dataset.origin)
    height, across, channels = dataset.image.shape
    kind = {1: "grayscale", 3: "color", 4: "color with alpha"}[channels]
    values = f"pixel values {inspection.least} to {inspection.greatest} (maximum {dataset.image.largest})"
    yield f"{'images':<12}{height} x {across}, {kind}; {values}"
    sizes = [f"{name} {len(split):,}" for name, split in dataset.splits.items() if len(split)]
    yield f"{'splits':<12}{'   '.join(sizes)}"
    mean, std = ("  ".join(f"{value:.4f}" for value in each) for each in (inspection.mean, inspection.std))
    yield f"{'mean':<12}{mean}"
    yield f"{'std':<12}{std}   of the training images divided by {dataset.image.largest}"
    for number, fact in enumerate(_duplicate_facts(inspection.duplicates, len(dataset.test))):
        yield f"{'' if number else 'duplicates':<12}{fact}"
    for note in dataset.notes:
        yield f"{'note':<12}{note}"


def _duplicate_facts(duplicates: DuplicateCounts, test: int) -> Iterator[str]:
    if duplicates.test:
        yield f"{duplicates.test:,} of {quantity(test, 'test image')} also in the training data"
    if duplicates.training:
        yield quantity(duplicates.training, "repeated training image")
    if duplicates.conflicting:
        yield f"{quantity(duplicates.conflicting, 'image')} with a copy under another label"
    if duplicates == DuplicateCounts(0, 0, 0):
        yield "none"


def _class_table(inspection: Inspection) -> str:
    """One line per class: its images in each split, and a bar for the training images."""
    dataset, weights, train = inspection.dataset, inspection.dataset.label.weights, inspection.counts["train"]
    splits = [name for name, split in dataset.splits.items() if len(split)]
    most = max(1, int(train.max()))
    rows = [["class", *splits, *(["weight"] if weights is not None else []), ""]]
    for label in _shown_labels(train):
        if label is None:
            rows.append([f"... {len(dataset.label.classes) - SHOWN:,} more ...", *("" for _ in rows[0][1:])])
            continue
        counts = [f"{inspection.counts[name][label]:,}" for name in splits]
        weight = [f"{weights[label]:.3g}"] if weights is not None else []
        bar = "█" * max(int(train[label] > 0), round(train[label] / most * BAR))
        rows.append([dataset.label.classes[label], *counts, *weight, bar])
    numbers = range(1, len(rows[0]) - 1)
    name_width = WIDTH - BAR - sum(2 + max(len(row[column]) for row in rows) for column in numbers) - 2
    return columns([[shortened(in_line(name), name_width), *rest] for name, *rest in rows], right=numbers)


def _shown_labels(counts: NDArray[np.int64]) -> list[int | None]:
    """The classes in order; if there are many, the most frequent and the rarest, with None in between."""
    if len(counts) <= SHOWN:
        return list(range(len(counts)))
    order = np.argsort(-counts, kind="stable").tolist()
    return [*order[: SHOWN // 2], None, *order[-SHOWN // 2 :]]


def _balance_note(inspection: Inspection) -> str:
    dataset, counts = inspection.dataset, inspection.counts["train"]
    ratio = counts.max() / max(1, counts.min())
    if dataset.label.weights is not None or ratio <= 1.5:
        return ""
    largest, rarest = (in_line(dataset.label.classes[int(at)]) for at in (counts.argmax(), counts.argmin()))
    unbalanced = f"`{largest}` has {ratio:.1f} times as many images as `{rarest}`"
    return f"\n{unbalanced}; to compensate, set `class_weights: balanced`\n"


def shortened(name: str, width: int) -> str:
    """Shorten a name to `width` characters in its middle, because class names often share a prefix."""
    half = (width - 3) // 2
    return name if len(name) <= width else f"{name[: width - 3 - half]}...{name[-half:]}"
