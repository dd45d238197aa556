"""Shared parts of the figures of data and runs: colors, creation and saving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archdsl.files import writing

BLUE, RED, GREEN, YELLOW, CYAN, PURPLE = BRIGHT = "#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377"
"""Paul Tol's "bright" color scheme, which is color-blind safe."""

INK, GREY, PALE = "#333A45", "#8A929C", "#E6E9ED"
"""Colors of text, secondary text and grid lines, as in the diagrams of archdsl."""


def figure(width: float, height: float) -> Any:
    """Create an empty figure, with its size in inches, that needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    empty = Figure(figsize=(width, height), dpi=160, facecolor="white")
    FigureCanvasAgg(empty)
    return empty


def save(picture: Any, path: Path) -> None:
    """Write a figure as a PNG file atomically, with a narrow margin.

    Raises:
        ArchError: If the file cannot be written (ARCH304).
    """
    with writing(path) as partial:
        picture.savefig(partial, metadata={"Software": "archdsl"}, bbox_inches="tight", pad_inches=0.12)


def short(name: str, width: int) -> str:
    """Shorten a name to `width` characters, and escape what matplotlib treats as a formula."""
    name = "".join(letter if letter.isprintable() else " " for letter in name)
    return (name if len(name) <= width else name[: width - 1] + "…").replace("$", r"\$")
