"""Draws the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.figures import BLUE, GREY, INK, PALE, RED, figure, save, short

WRITTEN, NAMED = 20, 120
"""The most classes with counts in the cells, and with names next to the rows."""


def draw(counts: NDArray[np.int64], classes: Sequence[str], title: str, path: Path) -> None:
    """Draw the confusion matrix as PNG. Rows are true classes; correct predictions are blue, wrong ones red.

    Args:
        counts: the number of images of each true class (row) and predicted class (column).

    Raises:
        ArchError: the file cannot be written (ARCH304).
    """
    number = len(classes)
    side = max(2.6, 0.52 * number) if number <= WRITTEN else min(13.0, max(8.0, 0.125 * number))
    picture = figure(side, side)
    axes = picture.add_axes((0, 0, 1, 1))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    right = np.eye(number, dtype=bool)
    worst = float(np.where(right, 0, shares).max())
    axes.imshow(np.where(right, shares, np.nan), cmap=_shades(BLUE), vmin=0, vmax=1)
    axes.imshow(np.where(right, np.nan, shares), cmap=_shades(RED), vmin=0, vmax=worst or 1)
    _label_classes(axes, classes)
    if number <= WRITTEN:
        _write_counts(axes, counts, shares, worst)
        _write_accuracies(axes, counts, shares)
    axes.set_xlabel("Predicted class", color=INK, fontsize=10, labelpad=8)
    axes.set_ylabel("True class", color=INK, fontsize=10, labelpad=8)
    darkest = f"darkest at {worst * 100:.2g} %" if worst else "none"
    legend = f"Fraction of each row: correct in blue, wrong in red ({darkest})"
    for text, height, size, color in ((short(title, 90), 30, 12, INK), (legend, 13, 9.5, GREY)):
        position = {"xycoords": "axes fraction", "xytext": (0, height), "textcoords": "offset points"}
        axes.annotate(text, (0, 1), va="center", fontsize=size, color=color, **position)
    save(picture, path)


def _shades(color: str) -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(color, ["#FFFFFF", color])


def _label_classes(axes: Any, classes: Sequence[str]) -> None:
    """Label rows and columns with class names, or with some indices if there are many classes."""
    number = len(classes)
    axes.tick_params(length=0, colors=INK, labelsize=9 if number <= WRITTEN else 6)
    axes.spines[:].set_color(GREY)
    if number > NAMED:
        return
    names = [short(name, 16) for name in classes]
    narrow = number <= WRITTEN and max(map(len, names)) * 0.09 < max(0.5, 2.6 / number)
    axes.set_xticks(range(number), names, rotation=0 if narrow else 90)
    axes.set_yticks(range(number), names)
    axes.set_xticks(np.arange(number - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(number - 1) + 0.5, minor=True)
    axes.grid(which="minor", color=PALE, linewidth=0.8 if number <= WRITTEN else 0.3)
    axes.tick_params(which="minor", length=0)


def _write_counts(axes: Any, counts: NDArray[np.int64], shares: NDArray[Any], worst: float) -> None:
    size = 9 if counts.max() < 10_000 else 7
    for row, column in zip(*np.nonzero(counts), strict=True):
        dark = shares[row, column] > 0.6 if row == column else shares[row, column] > 0.75 * worst
        color = "white" if dark else INK
        axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", fontsize=size, color=color)


def _write_accuracies(axes: Any, counts: NDArray[np.int64], shares: NDArray[Any]) -> None:
    """Write the accuracy of each class next to its row."""
    position = {"xycoords": axes.get_yaxis_transform(), "xytext": (5, 0), "textcoords": "offset points"}
    for row in range(len(counts)):
        accuracy = f"{shares[row, row] * 100:.1f} %" if counts[row].any() else "no image"
        axes.annotate(accuracy, (1, row), va="center", fontsize=9, color=INK, **position)
