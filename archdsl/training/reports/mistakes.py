"""Draws the most confident wrong predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.figures import BLUE, INK, RED, figure, save, short
from archdsl.training.reports.labeled_predictions import LabeledPredictions

COLUMNS, ROWS = 8, 4
"""The most images in a row, and the most rows."""

SIDE, LINE = 1.5, 1.86
"""Horizontal and vertical distance between images, in inches."""


def draw(predictions: LabeledPredictions, classes: Sequence[str], largest: float, title: str, path: Path) -> bool:
    """Draw the most confident wrong predictions as a grid of images, PNG.

    The predicted class with its probability is above each image, the true class below it. If there are no wrong
    predictions, an earlier picture is removed.

    Args:
        largest: the value of a white pixel.

    Returns:
        Whether there are wrong predictions.

    Raises:
        ArchError: the file cannot be written (ARCH304).
    """
    wrong = predictions.mistakes()
    rows = wrong[: COLUMNS * ROWS]
    if not len(rows):
        path.unlink(missing_ok=True)
        return False
    lines = math.ceil(len(rows) / COLUMNS)
    picture = figure(SIDE * COLUMNS, LINE * lines)
    side = SIDE - 0.14  # of an image, with room for a line of text above and below it
    spacing = {"left": 0, "right": 1, "bottom": 0, "top": 1, "wspace": 0.14 / side, "hspace": (LINE - side) / side}
    grid = np.atleast_1d(picture.subplots(lines, COLUMNS, gridspec_kw=spacing)).ravel()
    for axes in grid[len(rows) :]:
        axes.remove()
    for axes, row in zip(grid, rows, strict=False):
        axes.set_axis_off()
        _show(axes, predictions.images[row], largest)
        number = int(predictions.predicted[row])
        predicted = f"says {short(classes[number], 11)}, {predictions.probabilities[row, number] * 100:.0f} %"
        axes.set_title(predicted, fontsize=8, color=RED, pad=3)
        true = f"is {short(classes[int(predictions.labels[row])], 16)}"
        axes.text(0.5, -0.04, true, transform=axes.transAxes, ha="center", va="top", fontsize=8, color=BLUE)
    which = f"the {len(rows)} most confident of {len(wrong):,} mistakes"
    if len(wrong) == len(rows):
        which = f"all {len(wrong)} mistakes" if len(wrong) > 1 else "the one mistake"
    whole_title = f"{short(title, 60)}: {which} among {len(predictions.labels):,} test images"
    position = {"xytext": (0, 26), "textcoords": "offset points", "fontsize": 11, "color": INK}
    grid[0].annotate(whole_title, (0, 1), xycoords="axes fraction", **position)
    save(picture, path)
    return True


def _show(axes: Any, image: NDArray[Any], largest: float) -> None:
    shown = np.clip(image.astype(np.float32) / largest, 0, 1)
    smooth = "nearest" if max(image.shape[:2]) < 160 else "antialiased"
    if shown.shape[-1] == 1:
        axes.imshow(shown[..., 0], cmap="gray", vmin=0, vmax=1, interpolation=smooth)
    else:
        axes.imshow(shown[..., :3], interpolation=smooth)
