"""Draws the images about which a network is wrong, and most sure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.figures import BLUE, INK, RED, figure, save, short
from archdsl.training.reports.outcome import Outcome

COLUMNS, ROWS = 8, 4
"""How many images are shown at most."""

SIDE, LINE = 1.5, 1.86
"""Inches from image to image, to the right and down."""


def draw(outcome: Outcome, classes: Sequence[str], largest: float, title: str, path: Path) -> bool:
    """Writes the most confident wrong predictions as a grid of images, PNG, and says whether there are any.

    Under each image stands what it is, and above it what it was taken for, with the probability.

    Args:
        largest: the value of a white pixel.

    Raises:
        ArchError: the place cannot be written to (ARCH304).
    """
    wrong = outcome.mistakes()
    rows = wrong[: COLUMNS * ROWS]
    if not len(rows):
        path.unlink(missing_ok=True)
        return False
    lines = math.ceil(len(rows) / COLUMNS)
    made = figure(SIDE * COLUMNS, LINE * lines)
    grid = np.atleast_1d(made.subplots(lines, COLUMNS, gridspec_kw=_inches(lines))).ravel()
    for axes in grid[len(rows) :]:
        axes.remove()
    for axes, row in zip(grid, rows, strict=False):
        axes.set_axis_off()
        _show(axes, outcome.images[row], largest)
        taken = int(outcome.predicted[row])
        says = f"says {short(classes[taken], 11)}, {outcome.probabilities[row, taken] * 100:.0f} %"
        axes.set_title(says, fontsize=8, color=RED, pad=3)
        is_one = f"is {short(classes[int(outcome.labels[row])], 16)}"
        axes.text(0.5, -0.04, is_one, transform=axes.transAxes, ha="center", va="top", fontsize=8, color=BLUE)
    told = _title(len(wrong), len(rows), len(outcome.labels), title)
    place = {"xytext": (0, 26), "textcoords": "offset points", "fontsize": 11, "color": INK}
    grid[0].annotate(told, (0, 1), xycoords="axes fraction", **place)
    save(made, path)
    return True


def _inches(lines: int) -> dict[str, float]:
    """Square places with room for a line of text above and below each."""
    image = SIDE - 0.14
    return {"left": 0, "right": 1, "bottom": 0, "top": 1, "wspace": 0.14 / image, "hspace": (LINE - image) / image}


def _show(axes: Any, image: NDArray[Any], largest: float) -> None:
    shown = np.clip(image.astype(np.float32) / largest, 0, 1)
    smooth = "nearest" if max(image.shape[:2]) < 160 else "antialiased"
    if shown.shape[-1] == 1:
        axes.imshow(shown[..., 0], cmap="gray", vmin=0, vmax=1, interpolation=smooth)
    else:
        axes.imshow(shown[..., :3], interpolation=smooth)


def _title(wrong: int, shown: int, images: int, title: str) -> str:
    which = f"the {shown} most confident of {wrong:,} mistakes" if shown < wrong else f"all {wrong} mistakes"
    which = which if wrong > 1 else "the one mistake"
    return f"{short(title, 60)}: {which} among {images:,} test images"
