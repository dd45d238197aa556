"""Plots of loss, accuracy and learning rate over the epochs, for one run or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archdsl.figures import BLUE, BRIGHT, GREEN, GREY, INK, PALE, RED, figure, save, short
from archdsl.recipe.tasks import TaskWord
from archdsl.runs.folder import Result, Row

SHORT_TITLE = 10
"""The most characters of the title of a panel with a long text next to it."""


def panels(task: TaskWord) -> tuple[tuple[str, str, int], ...]:
    """For loss and score: the column in the log, the title, and the factor that converts it to the plotted unit."""
    title = task.score_title[:1].upper() + task.score_title[1:]
    return ("loss", "Loss", 1), (task.score, f"{title} (%)" if task.fraction else title, 100 if task.fraction else 1)


def draw(rows: Sequence[Row], result: Result, path: Path) -> None:
    """Draw three panels as PNG: loss, accuracy in percent, and learning rate.

    Raises:
        ArchError: the file cannot be written (ARCH304).
    """
    picture = figure(11.6, 3.6)
    task = result.judged
    loss, score, rate = picture.subplots(1, 3, gridspec_kw={"width_ratios": [3, 3, 1.7], "wspace": 0.3})
    for axes, (name, title, factor) in zip((loss, score), panels(task), strict=True):
        _line(axes, rows, name, factor, BLUE, "training")
        _line(axes, rows, f"validation_{name}", factor, RED, "validation")
        _style(axes, rows, title)
    _line(rate, rows, "learning_rate", 1, GREEN, "")
    _style(rate, rows, "Learning rate")
    best = result.validation_accuracy if result.validation_score is None else result.validation_score
    if result.best_epoch is not None and best is not None and result.epochs_run > 1:
        _mark_best(score, result.best_epoch, best, task)
    title = f"{result.spec} on {result.source}"
    if result.score is not None:
        title += f": test {task.score_title} {result.score_text}"
    _title(loss, short(title, 90))
    save(picture, path)


def draw_together(runs: Mapping[str, Sequence[Row]], path: Path, task: TaskWord) -> None:
    """Draw the loss and score of several runs as PNG: validation as solid lines, training as dotted lines.

    Args:
        runs: the rows of each run by name; at most as many runs as there are colors are drawn.
        path: the file to write.
        task: the task of all runs.

    Raises:
        ArchError: the file cannot be written (ARCH304).
    """
    picture = figure(10.4, 3.8)
    plots = picture.subplots(1, 2, gridspec_kw={"wspace": 0.18})
    longest = max(runs.values(), key=len)
    for axes, (name, title, factor) in zip(plots, panels(task), strict=True):
        for (run, rows), color in zip(runs.items(), BRIGHT, strict=False):
            validated = any(f"validation_{name}" in row for row in rows)
            if validated:
                _line(axes, rows, f"validation_{name}", factor, color, short(run, 30))
            _line(axes, rows, name, factor, color, "" if validated else short(run, 30), dotted=True)
        _style(axes, longest, title)
    _title(plots[0], "Validation (dotted: training)")
    save(picture, path)


def _line(
    axes: Any, rows: Sequence[Row], column: str, factor: float, color: str, label: str, dotted: bool = False
) -> None:
    """Plot one quantity over the epochs that have it."""
    points = [(row["epoch"], row[column] * factor) for row in rows if column in row]
    if not points:
        return
    marker = "o" if len(points) < 40 and not dotted else ""
    style: dict[str, Any] = {"marker": marker, "markersize": 3.2, "linewidth": 1.8, "solid_capstyle": "round"}
    style["clip_on"] = False
    if dotted:
        style |= {"linewidth": 1.0, "linestyle": (0, (1, 1.5))}
    axes.plot(*zip(*points, strict=True), color=color, label=label or None, **style)


def _style(axes: Any, rows: Sequence[Row], title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10.5, color=INK)
    axes.set_xlabel("Epoch", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=9)
    axes.grid(axis="y", color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.get_major_locator().set_params(integer=True)
    if not title.endswith("(%)") and axes.dataLim.y0 >= 0:
        axes.set_ylim(bottom=0)
    if len(rows) == 1:
        axes.set_xlim(0.5, 1.5)
        axes.set_xticks([rows[0]["epoch"]])
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, fontsize=9, labelcolor=INK)


def _mark_best(axes: Any, epoch: int, score: float, task: TaskWord) -> None:
    axes.axvline(epoch, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    axes.plot(
        [epoch],
        [score * (100 if task.fraction else 1)],
        marker="o",
        markersize=8,
        markerfacecolor="none",
        markeredgecolor=INK,
    )
    # A longer text would touch a long title; the line shows the epoch.
    which = f"saved: epoch {epoch}, " if len(task.score_title) <= SHORT_TITLE else "saved: "
    axes.set_title(f"{which}{task.score_text(score)}", loc="right", fontsize=9, color=GREY)


def _title(axes: Any, text: str) -> None:
    position = {"xytext": (0, 30), "textcoords": "offset points", "va": "center"}
    axes.annotate(text, (0, 1), xycoords="axes fraction", fontsize=12, color=INK, **position)
