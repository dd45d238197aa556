"""Draws predicted numbers against true ones, and the errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.figures import BLUE, GREY, INK, PALE, figure, save, short

BINS = 40
"""The most bars of the histogram of errors; few examples have fewer."""

MOST = 5_000
"""The most points drawn; of more examples, evenly spaced ones are drawn."""


def draw(predicted: NDArray[Any], values: NDArray[Any], column: str, title: str, path: Path) -> None:
    """Draw predictions against true values, and a histogram of the errors, as PNG.

    Args:
        predicted, values: float64 (N,).
        column: the name of the target.

    Raises:
        ArchError: the file cannot be written (ARCH304).
    """
    picture = figure(9.6, 4.2)
    points, errors = picture.subplots(1, 2, gridspec_kw={"wspace": 0.24})
    rows = np.linspace(0, len(values) - 1, min(len(values), MOST)).round().astype(int)
    ends = float(min(predicted.min(), values.min())), float(max(predicted.max(), values.max()))
    points.plot(ends, ends, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    points.scatter(values[rows], predicted[rows], s=9 if len(rows) > 500 else 22, color=BLUE, alpha=0.35, linewidths=0)
    _style(points, f"True {short(column, 24)}", "Predicted")
    errors.hist(predicted - values, bins=max(6, min(BINS, round(2 * len(values) ** 0.5))), color=BLUE)
    errors.axvline(0, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)))
    _style(errors, "Predicted minus true", "Examples")
    mean = float(np.abs(predicted - values).mean())
    text = f"{short(title, 70)}: mean absolute error {mean:.4g} on {len(values):,} test examples"
    points.annotate(text, (0, 1), xytext=(0, 20), xycoords="axes fraction", textcoords="offset points", fontsize=11)
    save(picture, path)


def _style(axes: Any, across: str, up: str) -> None:
    axes.set_xlabel(across, color=INK)
    axes.set_ylabel(up, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=9)
    axes.grid(color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
