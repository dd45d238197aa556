"""The look of diagrams: colors by kind in two themes, short texts, and quoting for DOT. Imports no framework."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from archdsl.ops import Op, Shape

TOL = {
    "conv": "#77AADD",
    "norm": "#EEDD88",
    "activation": "#44BB99",
    "scale": "#EEDD88",
    "dense": "#EE8866",
    "attention": "#BBCC33",
    "sequence": "#BBCC33",
    "pool": "#FFAABB",
    "shape": "#FFAABB",
    "dropout": "#AAAA00",
    "block": "#99DDFF",
    "scaled": "#8888EE",
    "end": "#DDDDDD",
}
"""Paul Tol's "light" scheme with one more color: safe for colorblind readers, and light enough for dark text."""

KIND_NAMES = {
    "conv": "convolution",
    "norm": "normalization",
    "scale": "scaling",
    "activation": "activation",
    "dense": "dense",
    "attention": "attention and tokens",
    "sequence": "embedding and recurrent",
    "pool": "pooling",
    "shape": "reshaping",
    "dropout": "dropout",
    "block": "layer",
    "scaled": "layer with scaled shortcut",
}
"""The names of kinds in the legend, in order. Kinds with the same color share an entry."""

_SHARED = ("#AA3377", "#228833", "#4477AA", "#EE6677", "#66CCEE", "#CCBB44")
"""The borders of boxes that share a layer: Paul Tol's "bright" scheme."""


def shared_color(number: int) -> str:
    """Return the color of the borders around all calls of a shared layer."""
    return _SHARED[number % len(_SHARED)]


_LOOKS = {
    **dict.fromkeys(("attention", "class_token", "position_embedding", "position_encoding"), "attention"),
    **dict.fromkeys(("normalization", "rescale", "layer_scale"), "scale"),
}
"""Ops with a different color than their kind."""


@dataclass(frozen=True, slots=True)
class Theme:
    """The colors of a diagram; the colors of boxes are derived from `TOL`."""

    page: str
    text: str
    detail: str
    muted: str
    line: str
    shortcut: str
    merge: str
    cluster: str
    cluster_line: str
    pill: str
    pill_text: str
    is_dark: bool

    def fill(self, color: str) -> str:
        return _mix(color, "#0D1117", 0.65) if self.is_dark else _mix(color, "#FFFFFF", 0.45)

    def border(self, color: str) -> str:
        return color if self.is_dark else _mix(color, "#10151C", 0.5)


THEMES = {
    "light": Theme(
        page="#FFFFFF",
        text="#1B1F24",
        detail="#3B434D",
        muted="#57606A",
        line="#3D4652",
        shortcut="#A3497F",
        merge="#333A45",
        cluster="#F6F8FA",
        cluster_line="#C3CBD6",
        pill="#2F3A4A",
        pill_text="#FFFFFF",
        is_dark=False,
    ),
    "dark": Theme(
        page="#0D1117",
        text="#F0F3F6",
        detail="#D5DAE1",
        muted="#9DA7B3",
        line="#AEB7C2",
        shortcut="#FFAABB",
        merge="#D5DAE1",
        cluster="#161B22",
        cluster_line="#3A4350",
        pill="#D5DAE1",
        pill_text="#0D1117",
        is_dark=True,
    ),
}


def look(op: Op) -> str:
    """Return the kind that determines the color of an op."""
    return _LOOKS.get(op.name, op.kind)


class Html(str):
    """A label in the HTML of Graphviz, which is written between `<` and `>` rather than quotes."""


class Lines(str):
    """Text of several lines for a tooltip."""


def quoted(value: object) -> str:
    """Format a value for DOT: HTML, a number, or quoted and escaped text.

    All text is quoted, because renderers other than Graphviz do not know which words need no quotes.
    """
    if isinstance(value, Html):
        return f"<{value}>"
    if isinstance(value, int | float):
        return f"{value:g}"
    if isinstance(value, Lines):
        text = "&#10;".join(escape(printable(line)) for line in value.splitlines())
    else:
        text = printable(str(value))
    if _UNESCAPED(text):  # most text of a large picture
        return f'"{text}"'
    from graphviz import escape as escape_backslashes
    from graphviz.quoting import quote

    return str(quote(escape_backslashes(text), is_valid_id=lambda _: False))


_UNESCAPED = re.compile(r'[^"\\<>]*').fullmatch
"""Matches text that needs no escapes in DOT."""


def attributes(values: Mapping[str, object]) -> str:
    """Format attributes as in `[color="#333A45" width=0.9]`; empty without attributes."""
    return f" [{' '.join(f'{name}={quoted(value)}' for name, value in values.items())}]" if values else ""


def printable(text: str) -> str:
    """Remove control characters, which are not allowed in HTML labels and SVG."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " for character in text)


def dimensions(shape: Shape) -> str:
    """Format a shape as in `15×15×128`, without the batch axis."""
    return "×".join(map(str, shape)) or "scalar"


def arguments(values: Mapping[str, Any], width: int) -> list[str]:
    """Format arguments as in `kernel=3, filters=128`, in lines of about `width` characters, with short values."""
    return wrapped([f"{name}={value_text(value)}" for name, value in values.items()], width)


def wrapped(words: Iterable[str], width: int) -> list[str]:
    """Join words with commas, in lines of about `width` characters."""
    lines: list[str] = []
    for word in map(printable, words):
        if lines and len(lines[-1]) + len(word) + 2 <= width:
            lines[-1] += f", {word}"
        else:
            lines[-1:] = [f"{line}," for line in lines[-1:]]
            lines.append(word)
    return lines


def short(text: str, width: int = 24) -> str:
    """Shorten a text to at most `width` characters."""
    text = printable(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def width_of(title: str, details: Iterable[str] = ()) -> float:
    """Return the approximate width of a box in inches."""
    return 0.24 + max(0.095 * max(map(len, title.split("\n"))), *(0.07 * len(line) for line in details), 0.0)


def value_text(value: Any) -> str:
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return textwrap.shorten(text, 28, placeholder="…") if " " in text else short(text, 28)


def _mix(color: str, other: str, share: float) -> str:
    """Mix a color with a share of another one."""
    pairs = [(int(color[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)
