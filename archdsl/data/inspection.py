"""Looks at a data set: where it was found, how much of each class it has, its values, and images that stand twice."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.dataset import Dataset, Split, histogram
from archdsl.recipe import DATA_SOURCES
from archdsl.text import quantity

PARTS = ("train", "validation", "test")
SHOWN = 24
"""Classes that the table shows; of more, those with the most and those with the least images."""

BAR = 20
"""Cells of the longest bar."""

WIDTH = 80
"""Cells of a line of the table."""


@dataclass(frozen=True, slots=True)
class Twins:
    """Images that are equal in every pixel.

    Args:
        test: test images that are also among those that train or choose.
        learning: images among the training and validation parts that repeat another one of them.
        labels: images that some equal image contradicts by another label.
    """

    test: int
    learning: int
    labels: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """What there is to say of a data set.

    `counts` are the images of each class in each part. `least` and `greatest` are the values of pixels in the training
    part; `mean` and `std` are its statistics by channel, as shares of the largest value that a pixel can have.
    """

    dataset: Dataset
    counts: dict[str, NDArray[np.int64]]
    least: int
    greatest: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    twins: Twins

    def data(self) -> dict[str, Any]:
        """All of it as plain data, for JSON."""
        dataset = self.dataset
        weights = dataset.class_weights
        return {
            "source": dataset.name,
            "origin": dataset.origin,
            "looked": [{"place": str(one.path), "found": one.found} for one in dataset.searched],
            "shape": list(dataset.image_shape),
            "images": {part: len(getattr(dataset, part)) for part in PARTS},
            "classes": [
                {
                    "name": name,
                    **{part: int(self.counts[part][label]) for part in PARTS},
                    "weight": 1.0 if weights is None else float(weights[label]),
                }
                for label, name in enumerate(dataset.classes)
            ],
            "values": {"least": self.least, "greatest": self.greatest, "largest": dataset.largest},
            "mean": [round(value, 6) for value in self.mean],
            "std": [round(value, 6) for value in self.std],
            "equal": {
                "test_in_training": self.twins.test,
                "within_training": self.twins.learning,
                "other_label": self.twins.labels,
            },
            "notes": list(dataset.notes),
        }


def inspect(dataset: Dataset, shape: Sequence[int | None] | None = None) -> Inspection:
    """Counts classes, values, and equal images.

    Args:
        shape: what the network takes; where the images are otherwise, a note says so.
    """
    if shape and not _fits(shape, dataset.image_shape):
        note = f"the network takes {_sides(shape)}, and the images are {_sides(dataset.image_shape)}"
        dataset = replace(dataset, notes=(*dataset.notes, note))
    counts = {part: np.bincount(getattr(dataset, part).labels, minlength=len(dataset.classes)) for part in PARTS}
    values = histogram(dataset.train.images)
    there = np.flatnonzero(values.sum(axis=0))
    shares = np.arange(256) / dataset.largest
    mean = values @ shares / values.sum(axis=1)
    std = np.sqrt((values * (shares - mean[:, None]) ** 2).sum(axis=1) / values.sum(axis=1))
    return Inspection(
        dataset, counts, int(there[0]), int(there[-1]), tuple(mean.tolist()), tuple(std.tolist()), twins(dataset)
    )


def _fits(shape: Sequence[int | None], images: Sequence[int]) -> bool:
    return len(shape) == len(images) and all(one in (None, other) for one, other in zip(shape, images, strict=True))


def _sides(shape: Sequence[int | None]) -> str:
    return " x ".join("?" if side is None else str(side) for side in shape)


def twins(dataset: Dataset) -> Twins:
    """Counts equal images by a hash of their pixels."""
    learning = [*_hashes(dataset.train), *_hashes(dataset.validation)]
    test = _hashes(dataset.test)
    known = set(learning)
    labels = defaultdict(set)
    numbers = np.concatenate([getattr(dataset, part).labels for part in PARTS]).tolist()
    for digest, label in zip([*learning, *test], numbers, strict=True):
        labels[digest].add(label)
    contradicted = sum(len(labels[digest]) > 1 for digest in (*learning, *test))
    return Twins(sum(digest in known for digest in test), len(learning) - len(known), contradicted)


def _hashes(part: Split) -> list[bytes]:
    return [hashlib.blake2b(image.data, digest_size=16).digest() for image in np.ascontiguousarray(part.images)]


def to_text(found: Inspection) -> str:
    """What there is to say, in lines of at most 80 cells but for paths and notes."""
    dataset = found.dataset
    named = DATA_SOURCES.get(dataset.name)
    lines = [f"{dataset.name}: {named.title}" if named else dataset.name, ""]
    lines += [*_about(found), ""]
    lines += _table(found)
    return "\n".join(lines) + "\n"


def _about(found: Inspection) -> Iterator[str]:
    """Lines of a word and what there is to say of it."""
    dataset = found.dataset
    width = max((len(str(one.path)) for one in dataset.searched), default=0)
    for number, one in enumerate(dataset.searched):
        told = "found" if one.found else "not there"
        yield f"{'' if number else 'looked in':<12}{one.path!s:<{width}}  {told}"
    yield f"{'read from':<12}{dataset.origin if dataset.origin != 'embedded' else 'the package itself'}"
    height, across, channels = dataset.image_shape
    kind = {1: "grey", 3: "colour", 4: "colour and opacity"}[channels]
    yield f"{'images':<12}{height} x {across}, {kind}; values {found.least} to {found.greatest} of {dataset.largest}"
    counts = [(part, len(getattr(dataset, part))) for part in PARTS]
    yield f"{'parts':<12}{'   '.join(f'{part} {count:,}' for part, count in counts if count)}"
    yield f"{'mean':<12}{_numbers(found.mean)}"
    yield f"{'std':<12}{_numbers(found.std)}   shares of {dataset.largest}, of the training images"
    yield from _twins(found.twins, len(dataset.test))
    for note in dataset.notes:
        yield f"{'note':<12}{note}"


def _numbers(values: Sequence[float]) -> str:
    return "  ".join(f"{value:.4f}" for value in values)


def _twins(twins: Twins, test: int) -> Iterator[str]:
    if twins == Twins(0, 0, 0):
        yield f"{'equal':<12}no image stands twice"
        return
    told = [f"{twins.test:,} of {quantity(test, 'test image')} are training images too"] if twins.test else []
    told += [f"{quantity(twins.learning, 'training image')} repeat another"] if twins.learning else []
    told += [f"{quantity(twins.labels, 'image')} have a twin with another label"] if twins.labels else []
    for number, words in enumerate(told):
        yield f"{'' if number else 'equal':<12}{words}"


def _table(found: Inspection) -> list[str]:
    """A line for each class: how many images each part has, and a bar of those that train."""
    dataset, weights = found.dataset, found.dataset.class_weights
    parts = [part for part in PARTS if len(getattr(dataset, part))]
    most = max(1, int(found.counts["train"].max()))
    lines = [["class", *parts, *(["weight"] if weights is not None else []), ""]]
    for label in _shown(found.counts["train"]):
        if label < 0:
            left = len(dataset.classes) - SHOWN
            lines.append([f"... {left:,} more ...", *("" for _ in lines[0][1:])])
            continue
        counts = [f"{found.counts[part][label]:,}" for part in parts]
        weight = [f"{weights[label]:.3g}"] if weights is not None else []
        bar = "█" * max(int(found.counts["train"][label] > 0), round(found.counts["train"][label] / most * BAR))
        lines.append([dataset.classes[label], *counts, *weight, bar])
    room = WIDTH - BAR - sum(2 + max(len(line[i]) for line in lines) for i in range(1, len(lines[0]) - 1)) - 2
    lines = [[in_cells(name, room), *rest] for name, *rest in lines]
    return [*_columns(lines), *_balance(found)]


def _columns(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """A name, numbers at the right of their columns, and a bar."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for name, *numbers, bar in lines:
        cells = [word.rjust(width) for word, width in zip(numbers, widths[1:-1], strict=True)]
        yield "  ".join([name.ljust(widths[0]), *cells, bar]).rstrip()


def _shown(counts: NDArray[np.int64]) -> list[int]:
    """The classes in their order; of many, the most frequent and the rarest, with -1 between."""
    if len(counts) <= SHOWN:
        return list(range(len(counts)))
    order = np.argsort(-counts, kind="stable").tolist()
    return [*order[: SHOWN // 2], -1, *order[-SHOWN // 2 :]]


def _balance(found: Inspection) -> Iterator[str]:
    counts = found.counts["train"]
    if found.dataset.class_weights is None and counts.max() > 1.5 * max(1, counts.min()):
        largest, rarest = (found.dataset.classes[int(pick)] for pick in (counts.argmax(), counts.argmin()))
        times = counts.max() / max(1, counts.min())
        yield ""
        yield f"`{largest}` has {times:.1f} times the images of `{rarest}`; `class_weights: balanced` evens that out"


def in_cells(name: str, width: int) -> str:
    """A name cut in its middle: classes often begin alike."""
    half = (width - 3) // 2
    return name if len(name) <= width else f"{name[: width - 3 - half]}...{name[-half:]}"
