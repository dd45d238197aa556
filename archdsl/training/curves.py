"""Draws the loss and the accuracy of a run over its epochs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from archdsl.training.result import Result, Row, writing

TRAINING, VALIDATION, INK, GREY = "#4477AA", "#EE6677", "#333A45", "#8A929C"


def draw(rows: Sequence[Row], result: Result, path: Path) -> None:
    """Writes a picture of two panels, loss and accuracy in percent, as PNG.

    Raises:
        ArchError: the place cannot be written to (ARCH304).
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08)
    figure = Figure(figsize=(9.6, 4.0), dpi=160, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    loss, accuracy = figure.subplots(1, 2)
    _panel(loss, rows, "loss", "Loss", 1)
    _panel(accuracy, rows, "accuracy", "Accuracy (%)", 100)
    _mark_best(accuracy, result)
    loss.set_ylim(bottom=0)
    figure.suptitle(_title(result), x=0.012, ha="left", fontsize=12, color=INK)
    with writing(path) as beside:
        figure.savefig(beside)


def _panel(axes: Any, rows: Sequence[Row], name: str, title: str, factor: float) -> None:
    """One quantity of the training part and of the validation part, each named at its legend."""
    epochs = [row["epoch"] for row in rows]
    marker = "o" if len(rows) < 40 else ""
    style = {"linewidth": 1.8, "marker": marker, "markersize": 3.2, "solid_capstyle": "round"}
    for part, column, color in (("training", name, TRAINING), ("validation", f"validation_{name}", VALIDATION)):
        axes.plot(epochs, [row[column] * factor for row in rows], color=color, label=part, **style)
    axes.set_title(title, loc="left", fontsize=10.5, color=INK)
    axes.set_xlabel("Epoch", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=9)
    axes.grid(axis="y", color="#E6E9ED", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.get_major_locator().set_params(integer=True)
    if len(rows) == 1:
        axes.set_xlim(0.5, 1.5)
    axes.legend(frameon=False, fontsize=9, labelcolor=INK)


def _mark_best(axes: Any, result: Result) -> None:
    if result.best_epoch is None or result.validation_accuracy is None:
        return
    best = result.validation_accuracy * 100
    axes.axvline(result.best_epoch, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    axes.plot([result.best_epoch], [best], marker="o", markersize=8, markerfacecolor="none", markeredgecolor=INK)
    late = result.best_epoch > result.epochs_run / 2
    axes.annotate(
        f"best: epoch {result.best_epoch}, {best:.2f} %",
        (result.best_epoch, 0.42),
        xycoords=("data", "axes fraction"),
        xytext=(-7 if late else 7, 0),
        textcoords="offset points",
        ha="right" if late else "left",
        fontsize=9,
        color=INK,
    )


def _title(result: Result) -> str:
    if result.test_accuracy is None:
        return f"{result.spec} on {result.source}"
    return f"{result.spec} on {result.source}: test accuracy {result.test_accuracy * 100:.2f} %"
