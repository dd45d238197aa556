"""Draws images with their true and predicted masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.figures import GREY, INK, figure, save, short

SIDE, GAP = 1.9, 0.1
"""The side of an image and the gap between images, in inches."""

COLORS = (
    "#000000",
    "#EE6677",
    "#228833",
    "#4477AA",
    "#CCBB44",
    "#66CCEE",
    "#AA3377",
    "#EE8866",
    "#44BB99",
    "#EEDD88",
    "#882255",
)
"""Paul Tol's colors by class, without grays; the first class, usually the background, is not colored."""

STRENGTH = 0.55
"""How much a color covers the image."""

NAMED = 10
"""The most classes with a name in the legend."""


def draw(
    images: NDArray[Any],
    masks: NDArray[np.uint8],
    predicted: Sequence[NDArray[np.uint8]],
    scores: Sequence[float],
    classes: Sequence[str],
    largest: float,
    title: str,
    path: Path,
) -> None:
    """Draw a column for each image as PNG: the image, the image with its true mask, and with the predicted one.

    Args:
        images: raw images (N, H, W, C).
        masks, predicted: the class of each pixel, (N, H, W).
        scores: the mean intersection over union of each image.
        largest: the value of a white pixel.

    Raises:
        ArchError: the file cannot be written (ARCH304).
    """
    count = len(images)
    picture = figure((SIDE + GAP) * count, (SIDE + GAP) * 3)
    grid = np.atleast_2d(picture.subplots(3, count, squeeze=False, gridspec_kw={"wspace": 0.05, "hspace": 0.05}))
    for column in range(count):
        image = np.clip(images[column].astype(np.float32) / largest, 0, 1)
        image = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image[..., :3]
        for row, mask in enumerate((None, masks[column], predicted[column])):
            axes = grid[row, column]
            axes.imshow(image if mask is None else _covered(image, mask), interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
        grid[0, column].set_title(f"IoU {scores[column] * 100:.1f} %", fontsize=8.5, color=INK, pad=4)
    for row, name in enumerate(("image", "true", "predicted")):
        grid[row, 0].set_ylabel(name, fontsize=9, color=GREY)
    position = {"xycoords": "axes fraction", "textcoords": "offset points", "fontsize": 10.5, "color": INK}
    grid[0, 0].annotate(short(title, 14 * count + 40), (0, 1), xytext=(0, 24), **position)
    _legend(picture, classes)
    save(picture, path)


def _covered(image: NDArray[np.float32], mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The image with the pixels of all classes but the first in their colors."""
    palette = np.array([[int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)] for color in COLORS], np.float32)
    share = STRENGTH * (mask > 0)[..., None]
    return np.asarray(image * (1 - share) + palette[_color(mask)] * share, np.float32)


def _color(number: Any) -> Any:
    """The place of the color of a class, or of an array of classes. The colors repeat, but for that of the first."""
    return np.where(np.asarray(number) > 0, 1 + (np.asarray(number, int) - 1) % (len(COLORS) - 1), 0)


def _legend(picture: Any, classes: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    shown = [(number, name) for number, name in enumerate(classes) if number][:NAMED]
    handles = [Patch(color=COLORS[_color(number)], label=short(name, 16)) for number, name in shown]
    picture.legend(handles=handles, loc="lower left", ncols=5, frameon=False, fontsize=8.5, bbox_to_anchor=(0.1, 0.0))
