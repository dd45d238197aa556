"""Draws samples of a data set by class, and their augmented versions in several epochs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archdsl.data.dataset import Dataset
from archdsl.data.inspection import shortened
from archdsl.errors import fail
from archdsl.figures import GREY, INK, figure, save, short
from archdsl.recipe import Augment, Data
from archdsl.text import quantity

SIDE, GAP, DPI = 96, 6, 160
"""The longer side of an image, the gap between images, and the resolution, in pixels and pixels per inch."""

SMALL = 44
"""Images up to this side are enlarged by an integer factor, which keeps pixels square."""

ROWS = 12
"""The most classes with a row each. If there are more, each class has one image."""

MOST = 100
"""The most classes in a picture."""

SAMPLES, SAMPLES_AND_AUGMENTED, TILES = 12, 6, 10
"""Images in the row of a class; the same next to augmented images; images in a row of several classes."""

EPOCHS = 8
AUGMENTED_ROWS = 10
"""Rows of augmented images in a picture of many classes."""


@dataclass(frozen=True, slots=True)
class AugmentedSamples:
    """The same training images in several epochs.

    Attributes:
        rows: the rows of the images, (n,).
        epochs: the images in each epoch, float32 (n, H, W, C).
        description: how they are augmented.
    """

    rows: NDArray[np.int64]
    epochs: tuple[NDArray[np.float32], ...]
    description: str


def augmented(dataset: Dataset, data: Data, seed: int) -> AugmentedSamples:
    """Augment the images that a picture of this data set shows. Imports TensorFlow."""
    from archdsl.data import pipeline

    by_class = sample_rows(dataset)
    count = ROWS if len(by_class) <= ROWS else AUGMENTED_ROWS
    rows = np.array([of_class[0] for of_class in by_class if of_class][:count], np.int64)
    epochs = tuple(pipeline.augmented(dataset, data, seed, epoch, rows.tolist()) for epoch in range(EPOCHS))
    return AugmentedSamples(rows, epochs, describe_augment(data.augment))


def sample_rows(dataset: Dataset, count: int = SAMPLES) -> list[list[int]]:
    """Choose up to `count` training images of each class, with a fixed seed."""
    random, labels = np.random.RandomState(0), dataset.labels()
    rows = [np.flatnonzero(labels == label) for label in range(len(dataset.label.classes))]
    return [random.permutation(of_class)[:count].tolist() for of_class in rows]


def draw(dataset: Dataset, path: Path, augmented: AugmentedSamples | None = None) -> None:
    """Draw samples of the training split as PNG, with their augmented versions next to or below them.

    Raises:
        ArchError: the file cannot be written (ARCH304).
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise fail("ARCH304", f"{path} cannot be written: {error.strerror}") from None
    sheet = _ContactSheet(dataset)
    if len(dataset.label.classes) <= ROWS:
        sheet.rows(augmented)
    else:
        sheet.tiles(augmented)
    images = quantity(len(dataset.train), "training image")
    sheet.write(f"{short(dataset.name, 40)}: {images}, {len(dataset.label.classes):,} classes", path)


def describe_augment(augment: Augment) -> str:
    """Describe the augmentation of a recipe, as in `flip alternate, crop 2`."""
    default = Augment()
    return ", ".join(f"{name} {value}" for name, value in augment if value != getattr(default, name))


class _ContactSheet:
    """The positions of images and texts in a picture, in pixels. `width` and `height` grow as needed."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.images: list[tuple[int, int, NDArray[np.uint8]]] = []
        self.texts: list[tuple[float, float, str, dict[str, Any]]] = []
        height, width, _ = dataset.image.shape
        longer = max(height, width)
        factor = max(1, round(SIDE / longer)) if longer <= SMALL else SIDE / longer
        self.cell = max(1, round(height * factor)), max(1, round(width * factor))
        self.width = self.height = 0

    def rows(self, augmented: AugmentedSamples | None) -> None:
        """Add a row for each class: its name, some images, and the first image augmented in several epochs."""
        columns = SAMPLES if augmented is None else SAMPLES_AND_AUGMENTED
        down, across = self.cell[0] + GAP, self.cell[1] + GAP
        names = [short(name, 22) for name in self.dataset.label.classes]
        left = 14 * max(map(len, names)) + 24
        right = left + columns * across + 3 * GAP
        top = 0 if augmented is None else 34
        for row, (name, samples) in enumerate(zip(names, sample_rows(self.dataset), strict=True)):
            y = top + row * down
            self._write(left - 18, y + self.cell[0] / 2, name, ha="right", va="center", fontsize=9.5)
            for column, image in enumerate(self.dataset.images()[samples[:columns]]):
                self._put(left + column * across, y, image)
        if augmented is None:
            return
        for index, label in enumerate(self.dataset.labels()[augmented.rows]):
            for epoch, images in enumerate(augmented.epochs):
                self._put(right + epoch * across, top + int(label) * down, images[index])
        heading = {"va": "baseline", "fontsize": 8.5, "color": GREY}
        self._write(left, 24, "training images as they are", **heading)
        self._write(right, 24, _heading("the first in epochs", augmented, len(augmented.epochs) * across), **heading)

    def tiles(self, augmented: AugmentedSamples | None) -> None:
        """Add one image of each class with its name below, followed by rows of augmented images."""
        down, across = self.cell[0] + 30, max(self.cell[1], SIDE) + GAP
        samples = [(label, rows[0]) for label, rows in enumerate(sample_rows(self.dataset)) if rows][:MOST]
        for index, (label, row) in enumerate(samples):
            x, y = index % TILES * across, index // TILES * down
            self._put(x + (across - GAP - self.cell[1]) // 2, y, self.dataset.images()[row])
            name = short(shortened(self.dataset.label.classes[label], 13), 15)
            self._write(x + (across - GAP) / 2, y + self.cell[0] + 18, name, ha="center", va="baseline", fontsize=6)
        if augmented is None:
            return
        top = self.height + 70
        heading = {"va": "baseline", "fontsize": 8.5, "color": GREY}
        self._write(0, top - 10, "as it is", **heading)
        text = _heading("in epochs", augmented, len(augmented.epochs) * across)
        self._write(across + 2 * GAP, top - 10, text, **heading)
        for index, row in enumerate(augmented.rows):
            y = top + index * (self.cell[0] + GAP)
            self._put(0, y, self.dataset.images()[row])
            for epoch, images in enumerate(augmented.epochs):
                self._put(across * (epoch + 1) + 2 * GAP, y, images[index])

    def write(self, title: str, path: Path) -> None:
        """Write the picture with a title to a file."""
        title_height = 56
        picture = figure(self.width / DPI, (self.height + title_height) / DPI)
        axes = picture.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, self.width)
        axes.set_ylim(self.height, -title_height)
        axes.text(0, -26, title, fontsize=11, color=INK, va="baseline")
        canvas = np.full((self.height, self.width, 3), 255, np.uint8)
        for x, y, image in self.images:
            canvas[y : y + image.shape[0], x : x + image.shape[1]] = image
        axes.imshow(canvas, extent=(0, self.width, self.height, 0), interpolation="nearest", aspect="auto")
        for left, top, text, style in self.texts:
            axes.text(left, top, text, **style)
        save(picture, path)

    def _put(self, x: int, y: int, image: NDArray[Any]) -> None:
        shown = np.clip(np.rint(image.astype(np.float32) * (255 / self.dataset.image.largest)), 0, 255).astype(np.uint8)
        pixels = np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else shown[..., :3]
        height, width = self.cell
        is_integer = height % image.shape[0] == 0 and width % image.shape[1] == 0
        how = Image.Resampling.NEAREST if is_integer else Image.Resampling.BICUBIC
        resized = np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize((width, height), how))
        self.images.append((x, y, resized))
        self._grow(x + width, y + height)

    def _write(self, x: float, y: float, text: str, **style: Any) -> None:
        self.texts.append((x, y, text, {"color": INK, **style}))
        self._grow(0, round(y) + 8)

    def _grow(self, x: int, y: int) -> None:
        self.width, self.height = max(self.width, x), max(self.height, y)


def _heading(text: str, augmented: AugmentedSamples, width: int) -> str:
    """The heading of augmented images, shortened to a width in pixels."""
    return short(f"{text} 1 to {len(augmented.epochs)}: {augmented.description}", max(24, width // 9))
