"""Draws how well each label is predicted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archdsl.figures import BLUE, GREEN, GREY, INK, PALE, RED, figure, save, short
from archdsl.runs.folder import ClassScores
from archdsl.text import percent

MOST = 30
"""The most labels drawn: those with the lowest F1 score."""

ROW = 0.42
"""The height of a label, in inches."""

VALUE = {"textcoords": "offset points", "va": "center", "fontsize": 8.5, "color": BLUE, "annotation_clip": False}
"""The look of an F1 score next to its bar."""


def draw(scores: Mapping[str, ClassScores], title: str, path: Path) -> None:
    """Draw precision, recall and F1 of each label as bars, PNG; the best label first.

    Raises:
        ArchError: the file cannot be written (ARCH304).
    """
    best_first = sorted(scores.items(), key=lambda item: item[1].f1_score, reverse=True)
    ranked = best_first[-MOST:][::-1]  # drawn from below
    picture = figure(7.2, ROW * len(ranked) + 1.2)
    axes = picture.subplots()
    bars = (("F1", "f1_score", BLUE), ("Recall", "recall", GREEN), ("Precision", "precision", RED))
    for place, (name, field, color) in enumerate(bars):
        rows = [row + (place - 1) * 0.26 for row in range(len(ranked))]
        axes.barh(rows, [getattr(each, field) * 100 for _, each in ranked], height=0.24, color=color, label=name)
    for row, (_, each) in enumerate(ranked):
        axes.annotate(percent(each.f1_score), (100, row - 0.26), xytext=(6, 0), **VALUE)
    axes.set_yticks(range(len(ranked)), [f"{short(name, 24)} ({each.count:,})" for name, each in ranked])
    axes.set_xlim(0, 100)
    axes.set_xlabel("%", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=9)
    axes.grid(axis="x", color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    handles, names = axes.get_legend_handles_labels()
    look: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": 3, "frameon": False}
    axes.legend(handles[::-1], names[::-1], fontsize=9, labelcolor=INK, **look)
    which = "" if len(ranked) == len(scores) else f", the {len(ranked)} worst of {len(scores):,} labels"
    text = f"{short(title, 60)}{which}"
    position = {"xycoords": "axes fraction", "xytext": (0, 30), "textcoords": "offset points"}
    axes.annotate(text, (0, 1), fontsize=11, color=INK, **position)
    save(picture, path)
