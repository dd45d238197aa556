"""What the pictures of a run share: colours, a figure, and how it becomes a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archdsl.files import writing

BLUE, RED, GREEN, YELLOW, CYAN, PURPLE = BRIGHT = "#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377"
"""Paul Tol's "bright" scheme, whose colours stay apart for every kind of sight."""

INK, GREY, PALE = "#333A45", "#8A929C", "#E6E9ED"
"""Text, what is less of note, and lines of a grid: the greys of archdsl's diagrams."""


def figure(width: float, height: float) -> Any:
    """An empty figure of so many inches, that is drawn without a screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), dpi=160, facecolor="white")
    FigureCanvasAgg(made)
    return made


def save(made: Any, path: Path) -> None:
    """Writes a figure as PNG, whole or not at all, with a narrow margin around what is drawn.

    Raises:
        ArchError: the place cannot be written to (ARCH304).
    """
    with writing(path) as beside:
        made.savefig(beside, metadata={"Software": "archdsl"}, bbox_inches="tight", pad_inches=0.12)


def short(name: str, width: int) -> str:
    """A name of at most `width` characters, with nothing in it that matplotlib takes for a formula."""
    name = "".join(letter if letter.isprintable() else " " for letter in name)
    return (name if len(name) <= width else name[: width - 1] + "…").replace("$", r"\$")
