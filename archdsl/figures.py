"""What the pictures of data and runs share: colors, an empty figure, and how it is saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archdsl.files import writing

BLUE, RED, GREEN, YELLOW, CYAN, PURPLE = BRIGHT = "#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377"
"""Paul Tol's "bright" scheme, whose colors can be told apart with every kind of color vision."""

INK, GREY, PALE = "#333A45", "#8A929C", "#E6E9ED"
"""Text, secondary text, and grid lines: the greys of archdsl's diagrams."""


def figure(width: float, height: float) -> Any:
    """An empty figure, in inches, that is drawn without a screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    empty = Figure(figsize=(width, height), dpi=160, facecolor="white")
    FigureCanvasAgg(empty)
    return empty


def save(picture: Any, path: Path) -> None:
    """Writes a figure as PNG, whole or not at all, with a narrow margin around what is drawn.

    Raises:
        ArchError: the place cannot be written to (ARCH304).
    """
    with writing(path) as partial:
        picture.savefig(partial, metadata={"Software": "archdsl"}, bbox_inches="tight", pad_inches=0.12)


def short(name: str, width: int) -> str:
    """A name of at most `width` characters, without what matplotlib takes for a formula."""
    name = "".join(letter if letter.isprintable() else " " for letter in name)
    return (name if len(name) <= width else name[: width - 1] + "…").replace("$", r"\$")
