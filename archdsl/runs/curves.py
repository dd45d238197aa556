"""Draws the loss, the accuracy and the learning rate of a run over its epochs, or those of several runs together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archdsl.figures import BLUE, BRIGHT, GREEN, GREY, INK, PALE, RED, figure, save, short
from archdsl.runs.folder import Result, Row

MOST = len(BRIGHT)
"""How many runs can be told apart by colour."""


def draw(rows: Sequence[Row], result: Result, path: Path) -> None:
    """Writes a picture of three panels, loss, accuracy in percent, and learning rate, as PNG.

    Raises:
        ArchError: the place cannot be written to (ARCH304).
    """
    made = figure(11.6, 3.6)
    loss, accuracy, rate = made.subplots(1, 3, gridspec_kw={"width_ratios": [3, 3, 1.7], "wspace": 0.3})
    for axes, name, title, factor in ((loss, "loss", "Loss", 1), (accuracy, "accuracy", "Accuracy (%)", 100)):
        for part, column, colour in (("training", name, BLUE), ("validation", f"validation_{name}", RED)):
            _line(axes, rows, column, factor, colour, part)
        _dress(axes, rows, title)
    _line(rate, rows, "learning_rate", 1, GREEN, "")
    _dress(rate, rows, "Learning rate")
    _mark_best(accuracy, result)
    _title(loss, short(_told(result), 90))
    save(made, path)


def draw_together(runs: Mapping[str, Sequence[Row]], path: Path) -> None:
    """Writes the loss and accuracy of several runs as PNG: on the validation part, dotted on the training part.

    Args:
        runs: the rows of each run by its name; `MOST` at most can be told apart.

    Raises:
        ArchError: the place cannot be written to (ARCH304).
    """
    made = figure(10.4, 3.8)
    loss, accuracy = made.subplots(1, 2, gridspec_kw={"wspace": 0.18})
    longest = max(runs.values(), key=len)
    for axes, name, title, factor in ((loss, "loss", "Loss", 1), (accuracy, "accuracy", "Accuracy (%)", 100)):
        for (run, rows), colour in zip(runs.items(), BRIGHT, strict=False):
            held = any(f"validation_{name}" in row for row in rows)
            if held:
                _line(axes, rows, f"validation_{name}", factor, colour, short(run, 30))
            _line(axes, rows, name, factor, colour, "" if held else short(run, 30), dotted=True)
        _dress(axes, longest, title)
    _title(loss, "Validation part, dotted: training part")
    save(made, path)


def _line(
    axes: Any, rows: Sequence[Row], column: str, factor: float, colour: str, label: str, dotted: bool = False
) -> None:
    """One quantity over the epochs; nothing where no epoch has it."""
    found = [(row["epoch"], row[column] * factor) for row in rows if column in row]
    if not found:
        return
    marker = "o" if len(found) < 40 and not dotted else ""
    style: dict[str, Any] = {"marker": marker, "markersize": 3.2, "linewidth": 1.8, "solid_capstyle": "round"}
    if dotted:
        style |= {"linewidth": 1.0, "linestyle": (0, (1, 1.5))}
    axes.plot(*zip(*found, strict=True), color=colour, label=label or None, **style)


def _dress(axes: Any, rows: Sequence[Row], title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10.5, color=INK)
    axes.set_xlabel("Epoch", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=9)
    axes.grid(axis="y", color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.get_major_locator().set_params(integer=True)
    if title != "Accuracy (%)":
        axes.set_ylim(bottom=0)
    if len(rows) == 1:
        axes.set_xlim(0.5, 1.5)
        axes.set_xticks([rows[0]["epoch"]])
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, fontsize=9, labelcolor=INK)


def _mark_best(axes: Any, result: Result) -> None:
    if result.best_epoch is None or result.validation_accuracy is None or result.epochs_run == 1:
        return
    best = result.validation_accuracy * 100
    axes.axvline(result.best_epoch, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    axes.plot([result.best_epoch], [best], marker="o", markersize=8, markerfacecolor="none", markeredgecolor=INK)
    told = f"kept: epoch {result.best_epoch}, {best:.2f} %"
    axes.set_title(told, loc="right", fontsize=9, color=GREY)


def _title(axes: Any, text: str) -> None:
    place = {"xytext": (0, 30), "textcoords": "offset points", "va": "center"}
    axes.annotate(text, (0, 1), xycoords="axes fraction", fontsize=12, color=INK, **place)


def _told(result: Result) -> str:
    if result.test_accuracy is None:
        return f"{result.spec} on {result.source}"
    return f"{result.spec} on {result.source}: test accuracy {result.test_accuracy * 100:.2f} %"
