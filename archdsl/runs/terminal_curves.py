"""Training curves as text for a terminal: loss and score, of training and of validation."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise, zip_longest
from typing import Any

from archdsl.errors import fail
from archdsl.recipe.tasks import TaskWord
from archdsl.runs.curves import panels
from archdsl.runs.folder import Row
from archdsl.text import quantity

HEIGHT, SMALLEST, NARROWEST = 12, 7, 40
"""The number of lines of the curves, and the fewest lines and columns in which they can be drawn."""

PIPED = 80
"""The number of columns if there is no terminal."""

LABEL = 6
"""The number of columns of the numbers on the vertical axis."""

MOST = 400
"""The number of epochs up to which each is drawn; of more, some are left out."""

BLUE, RED = "bright_blue", "bright_red"


def check() -> Any:
    """Return the package that draws in terminals.

    Raises:
        ArchError: it is not installed (ARCH306).
    """
    try:
        return importlib.import_module("plotille")
    except ImportError as error:
        message = f"`--watch` requires the package plotille, which cannot be imported: {error}"
        raise fail("ARCH306", message, hint="run `pip install 'archdsl[watch]'`") from None


def draw(rows: Sequence[Row], task: TaskWord, epochs: int, width: int, height: int = HEIGHT, color: bool = True) -> str:
    """Draw the loss and the score over the epochs, side by side.

    Args:
        rows: the rows of the log, at least one.
        task: the task, which has the score.
        epochs: the number of epochs of the horizontal axis.
        width: the number of columns to fill.
        height: the number of lines to fill.
        color: whether to tell training from validation by color; otherwise, validation is marked by `o`.

    Returns:
        Lines, with escape sequences for colors; an empty text if there is too little room.
    """
    if not rows or width < NARROWEST or height < SMALLEST:
        return ""
    plotille = check()
    color = color and plotille.color("-", fg=BLUE) != "-"  # it looks at stdout and the environment itself
    side = (width - 2) // 2
    shown = rows[:: -(-len(rows) // MOST)]
    shown = shown if shown[-1] is rows[-1] else [*shown, rows[-1]]
    both = [list(_panel(shown, panel, epochs, side, height - 1, color)) for panel in panels(task)]
    lines = [f"{left}  {right}".rstrip() for left, right in zip_longest(*both)]
    training, validation = ("training", "validation")
    if color:
        training, validation = (plotille.color(word, fg=fg) for word, fg in ((training, BLUE), (validation, RED)))
    else:
        validation += " (o)"
    has_validation = any(name.startswith("validation_") for row in rows for name in row)
    return "\n".join([*lines, " " * (LABEL + 1) + (f"{training}, {validation}" if has_validation else training)])


def _panel(
    rows: Sequence[Row], panel: tuple[str, str, int], epochs: int, width: int, height: int, color: bool
) -> Iterator[str]:
    """Yield the lines of one quantity: its title, the curves with their range, and the epochs."""
    name, title, factor = panel
    lines = [
        [(row["epoch"], row[key] * factor) for row in rows if math.isfinite(row.get(key, math.nan))]
        for key in (name, f"validation_{name}")
    ]
    values = [value for points in lines for _, value in points] or [0.0]
    low, high = min(values), max(values)
    gap = (high - low) / 20 or abs(high) / 20 or 1.0
    last, inner = max(epochs, 2), width - LABEL - 2
    canvas = check().Canvas(inner, height - 2, 1, low - gap, last + (last - 1) / inner, high + gap)
    for points, shade, marker in zip(lines, (BLUE, RED), (None, None if color else "o"), strict=True):
        for (x0, y0), (x1, y1) in pairwise(points) if marker is None else ():
            canvas.line(x0, y0, x1, y1, color=shade if color else None)
        for x, y in points if marker or len(points) == 1 else ():
            canvas.point(x, y, color=shade if color else None, marker=marker)
    labels = {0: _number(high), height - 3: _number(low)}
    yield f"{' ' * (LABEL + 1)}{title[: width - LABEL - 1]}".ljust(width)
    for number, line in enumerate(canvas.plot().split("\n")):
        yield f"{labels.get(number, ''):>{LABEL}} │{line}"
    first, end = "1", quantity(epochs, "epoch")
    yield f"{' ' * LABEL} └{first}{end:>{inner - len(first)}}"


def _number(value: float) -> str:
    """A number of at most six characters."""
    return f"{value:.3g}" if 1e-3 <= abs(value) < 1e4 or not value else f"{value:.0e}"
