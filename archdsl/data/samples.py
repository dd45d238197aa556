"""Draws samples of a data set, by class, and what augmentation makes of them from epoch to epoch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archdsl.data.dataset import Dataset
from archdsl.data.inspection import in_cells
from archdsl.errors import fail
from archdsl.figures import GREY, INK, figure, save, short
from archdsl.recipe import Augment, Data
from archdsl.text import quantity

SIDE, GAP, DPI = 96, 6, 160
"""Pixels of an image's longer side and between images, and pixels in an inch."""

SMALL = 44
"""Images up to this side grow by a whole factor, so that each pixel stays a square."""

ROWS = 12
"""Classes that have a row each; of more classes, each has one image."""

MOST = 100
"""Classes that are shown at most."""

SAMPLES, BESIDE, ACROSS = 12, 6, 10
"""Images in a row; images in a row beside augmented ones; images in a row of more classes."""

EPOCHS = 8
MOVED = 10
"""Rows of augmented images below a picture of many classes."""


@dataclass(frozen=True, slots=True)
class Augmented:
    """The same training images in several epochs: `rows` (n,), and for each epoch float32 (n, H, W, C).

    `words` tell what is done to them.
    """

    rows: NDArray[np.int64]
    epochs: tuple[NDArray[np.float32], ...]
    words: str


def augmented(dataset: Dataset, data: Data, seed: int) -> Augmented:
    """The images that a picture of this data set shows augmented. Imports TensorFlow."""
    from archdsl.data import pipeline

    chosen = choose(dataset)
    rows = np.array([taken[0] for taken in chosen if taken][: ROWS if len(chosen) <= ROWS else MOVED], np.int64)
    epochs = tuple(pipeline.augmented(dataset, data, seed, epoch, rows.tolist()) for epoch in range(EPOCHS))
    return Augmented(rows, epochs, augmentation(data.augment))


def choose(dataset: Dataset, count: int = SAMPLES) -> list[list[int]]:
    """Training images of each class, drawn once for ever: rows, as many as there are up to `count`."""
    random = np.random.RandomState(0)
    rows = [np.flatnonzero(dataset.train.labels == label) for label in range(len(dataset.classes))]
    return [random.permutation(of_class)[:count].tolist() for of_class in rows]


def draw(dataset: Dataset, path: Path, moved: Augmented | None = None) -> None:
    """Writes samples of the training part as PNG, and beside or below them the augmented ones.

    Raises:
        ArchError: the place cannot be written to (ARCH304).
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise fail("ARCH304", f"{path} cannot be written: {error.strerror}") from None
    sheet = _Sheet(dataset)
    if len(dataset.classes) <= ROWS:
        sheet.rows(moved)
    else:
        sheet.tiles(moved)
    told = f"{short(dataset.name, 40)}: {quantity(len(dataset.train), 'training image')}"
    sheet.write(f"{told}, {len(dataset.classes):,} classes", path)


def augmentation(augment: Augment) -> str:
    """What a recipe does to its images: `flip alternate, crop 2`."""
    fields = {name: getattr(augment, name) for name in type(augment).model_fields}
    default = Augment()
    return ", ".join(f"{name} {value}" for name, value in fields.items() if value != getattr(default, name))


class _Sheet:
    """A picture in pixels: what is to be put where. `width` and `height` grow with what is put."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.images: list[tuple[int, int, NDArray[np.uint8]]] = []
        self.words: list[tuple[float, float, str, dict[str, Any]]] = []
        height, width, _ = dataset.image_shape
        longer = max(height, width)
        factor = max(1, round(SIDE / longer)) if longer <= SMALL else SIDE / longer
        self.cell = max(1, round(height * factor)), max(1, round(width * factor))
        self.width = self.height = 0

    def rows(self, moved: Augmented | None) -> None:
        """A row for each class, with its name at the left; augmented ones of its first image stand at the right."""
        columns = SAMPLES if moved is None else BESIDE
        down, across = self.cell[0] + GAP, self.cell[1] + GAP
        names = [short(name, 22) for name in self.dataset.classes]
        left = 14 * max(map(len, names)) + 24
        right = left + columns * across + 3 * GAP
        top = 0 if moved is None else 34
        for row, (name, taken) in enumerate(zip(names, choose(self.dataset, SAMPLES), strict=True)):
            y = top + row * down
            self._say(left - 18, y + self.cell[0] / 2, name, ha="right", va="center", fontsize=9.5)
            for column, image in enumerate(self.dataset.train.images[taken[:columns]]):
                self._put(left + column * across, y, image)
        if moved is not None:
            places = {int(label): place for place, label in enumerate(self.dataset.train.labels[moved.rows])}
            for label, place in places.items():
                for epoch, images in enumerate(moved.epochs):
                    self._put(right + epoch * across, top + label * down, images[place])
            self._say(left, 24, "training images as they are", va="baseline", fontsize=8.5, color=GREY)
            self._say(
                right,
                24,
                _heading("the first in epochs", moved, len(moved.epochs) * across),
                va="baseline",
                fontsize=8.5,
                color=GREY,
            )

    def tiles(self, moved: Augmented | None) -> None:
        """One image of each class with its name below; augmented ones stand in rows of their own below all."""
        down, across = self.cell[0] + 30, max(self.cell[1], SIDE) + GAP
        chosen = [(label, taken[0]) for label, taken in enumerate(choose(self.dataset)) if taken][:MOST]
        for place, (label, row) in enumerate(chosen):
            x, y = place % ACROSS * across, place // ACROSS * down
            self._put(x + (across - GAP - self.cell[1]) // 2, y, self.dataset.train.images[row])
            name = short(in_cells(self.dataset.classes[label], 13), 15)
            self._say(x + (across - GAP) / 2, y + self.cell[0] + 18, name, ha="center", va="baseline", fontsize=6)
        if moved is None:
            return
        top = self.height + 70
        self._say(0, top - 10, "as it is", va="baseline", fontsize=8.5, color=GREY)
        words = _heading("in epochs", moved, len(moved.epochs) * across)
        self._say(across + 2 * GAP, top - 10, words, va="baseline", fontsize=8.5, color=GREY)
        for place, row in enumerate(moved.rows):
            y = top + place * (self.cell[0] + GAP)
            self._put(0, y, self.dataset.train.images[row])
            for epoch, images in enumerate(moved.epochs):
                self._put(across * (epoch + 1) + 2 * GAP, y, images[place])

    def write(self, title: str, path: Path) -> None:
        """The picture as a file, with a title above it."""
        above = 56
        made = figure(self.width / DPI, (self.height + above) / DPI)
        axes = made.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, self.width)
        axes.set_ylim(self.height, -above)
        axes.text(0, -26, title, fontsize=11, color=INK, va="baseline")
        canvas = np.full((self.height, self.width, 3), 255, np.uint8)
        for x, y, image in self.images:
            canvas[y : y + image.shape[0], x : x + image.shape[1]] = image
        axes.imshow(canvas, extent=(0, self.width, self.height, 0), interpolation="nearest", aspect="auto")
        for left, top, words, style in self.words:
            axes.text(left, top, words, **style)
        save(made, path)

    def _put(self, x: int, y: int, image: NDArray[Any]) -> None:
        shown = np.clip(np.rint(image.astype(np.float32) * (255 / self.dataset.largest)), 0, 255).astype(np.uint8)
        pixels = np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else shown[..., :3]
        height, width = self.cell
        grows = height % image.shape[0] == 0 and width % image.shape[1] == 0
        how = Image.Resampling.NEAREST if grows else Image.Resampling.BICUBIC
        made = np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize((width, height), how))
        self.images.append((x, y, made))
        self._reach(x + width, y + height)

    def _say(self, x: float, y: float, words: str, **style: Any) -> None:
        self.words.append((x, y, words, {"color": INK, **style}))
        self._reach(0, round(y) + 8)

    def _reach(self, x: int, y: int) -> None:
        self.width, self.height = max(self.width, x), max(self.height, y)


def _heading(words: str, moved: Augmented, room: int) -> str:
    """What stands above augmented images, in so many pixels."""
    return short(f"{words} 1 to {len(moved.epochs)}: {moved.words}", max(24, room // 9))
