"""Draws images next to the images that a network makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.figures import GREY, INK, figure, save, short

SIDE = 0.95
"""The side of an image, in inches."""


def draw(lines: Mapping[str, NDArray[Any]], title: str, path: Path) -> None:
    """Draw a line of images for each name as PNG.

    Args:
        lines: images (N, H, W, C) with values from 0 to 1.

    Raises:
        ArchError: the file cannot be written (ARCH304).
    """
    count = len(next(iter(lines.values())))
    picture = figure(SIDE * count, SIDE * len(lines))
    grid = picture.subplots(len(lines), count, squeeze=False, gridspec_kw={"wspace": 0.06, "hspace": 0.06})
    for row, (name, images) in enumerate(lines.items()):
        for axes, image in zip(grid[row], images, strict=True):
            shown = np.clip(image, 0, 1)
            look = {"cmap": "gray", "vmin": 0, "vmax": 1} if shown.shape[-1] == 1 else {}
            axes.imshow(shown[..., 0] if shown.shape[-1] == 1 else shown[..., :3], interpolation="nearest", **look)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
        grid[row, 0].set_ylabel(name, fontsize=9, color=GREY)
    position = {"xycoords": "axes fraction", "textcoords": "offset points", "fontsize": 10.5, "color": INK}
    grid[0, 0].annotate(short(title, 8 * count + 30), (0, 1), xytext=(0, 10), **position)
    save(picture, path)
