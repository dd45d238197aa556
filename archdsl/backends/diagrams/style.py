"""How diagrams look: colours by kind in two themes, labels, and the text of DOT. Imports no framework."""

from __future__ import annotations

import textwrap
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from archdsl.ops import Shape

TOL = {
    "conv": "#77AADD",
    "norm": "#EEDD88",
    "activation": "#44BB99",
    "dense": "#EE8866",
    "pool": "#FFAABB",
    "shape": "#FFAABB",
    "dropout": "#AAAA00",
    "block": "#99DDFF",
    "end": "#DDDDDD",
}
"""Paul Tol's "light" scheme, whose colours stay apart for every kind of sight and carry dark text."""

WORDS = {
    "conv": "convolution",
    "norm": "normalisation",
    "activation": "activation",
    "dense": "dense",
    "pool": "pooling",
    "shape": "reshaping",
    "dropout": "dropout",
    "block": "layer",
}
"""What the legend calls each kind, in its order. Kinds of one colour share an entry."""


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of a diagram; those of boxes are mixed from `TOL`."""

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

    def fill(self, colour: str) -> str:
        return _mix(colour, "#0D1117", 0.65) if self.is_dark else _mix(colour, "#FFFFFF", 0.45)

    def border(self, colour: str) -> str:
        return colour if self.is_dark else _mix(colour, "#10151C", 0.5)


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


class Html(str):
    """A label in Graphviz's HTML, which stands between `<` and `>` and not between quotes."""


def quoted(value: object) -> str:
    """A value as DOT has it: HTML, a number, or text between quotes that nothing in it can end."""
    if isinstance(value, Html):
        return f"<{value}>"
    if isinstance(value, int | float):
        return f"{value:g}"
    text = printable(str(value))
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def attributes(values: Mapping[str, object]) -> str:
    """`[color="#333A45" width=0.9]`, or nothing."""
    return f" [{' '.join(f'{name}={quoted(value)}' for name, value in values.items())}]" if values else ""


def printable(text: str) -> str:
    """Text without control characters, which neither HTML labels nor SVG may have."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " for character in text)


def dimensions(shape: Shape) -> str:
    """`15×15×128`, without the batch axis."""
    return "×".join(map(str, shape)) or "scalar"


def arguments(values: Mapping[str, Any], width: int) -> list[str]:
    """`kernel=3, filters=128`, in lines of about `width` characters; long values are cut."""
    words = [printable(f"{name}={_value(value)}") for name, value in values.items()]
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(word) + 2 <= width:
            lines[-1] += f", {word}"
        else:
            lines[-1:] = [f"{line}," for line in lines[-1:]]
            lines.append(word)
    return lines


def short(text: str, width: int = 24) -> str:
    """Text of at most `width` characters."""
    text = printable(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def small(text: str, theme: Theme) -> str:
    return f'<FONT POINT-SIZE="9.5" COLOR="{theme.detail}">{escape(printable(text))}</FONT>'


def box_label(title: str, details: Iterable[str], theme: Theme, times: int = 1) -> Html:
    """A bold title, with a pill such as `×4` behind it where it stands for several, and smaller lines under it."""
    name = f"<B>{escape(printable(title))}</B>"
    lines = [small(line, theme) for line in details]
    if times == 1 and not lines:
        return Html(name)
    cells, span = (f"<TD>{name}</TD>", "")
    if times > 1:
        cells, span = f"{cells}<TD>{pill(times, theme)}</TD>", ' COLSPAN="2"'
    rows = [f"<TR>{cells}</TR>", *(f"<TR><TD{span}>{line}</TD></TR>" for line in lines)]
    return Html(f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{"".join(rows)}</TABLE>')


def cluster_label(title: str, times: int, theme: Theme, *, is_bold: bool) -> Html:
    """A cluster's title, with a pill where it stands for several."""
    text = escape(printable(title))
    text = f'<FONT POINT-SIZE="10" COLOR="{theme.detail if is_bold else theme.muted}">{text}</FONT>'
    text = f"<B>{text}</B>" if is_bold else text
    cells = f"<TD>{text}</TD>" + (f"<TD>{pill(times, theme)}</TD>" if times > 1 else "")
    return Html(f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2"><TR>{cells}</TR></TABLE>')


def pill(times: int, theme: Theme) -> str:
    text = f'<FONT POINT-SIZE="11" COLOR="{theme.pill_text}"><B> ×{times} </B></FONT>'
    style = f'BORDER="0" CELLBORDER="0" CELLPADDING="2" CELLSPACING="0" STYLE="ROUNDED" BGCOLOR="{theme.pill}"'
    return f"<TABLE {style}><TR><TD>{text}</TD></TR></TABLE>"


def legend(title: str, values: Mapping[str, Any], kinds: Container[str], theme: Theme) -> Html:
    """What stands under a diagram: what it shows, and what each of its colours is."""
    words: dict[str, list[str]] = {}
    for kind in WORDS:
        if kind in kinds:
            words.setdefault(TOL[kind], []).append(WORDS[kind])
    told = {colour: ", ".join(names) for colour, names in words.items()}
    # Graphviz stretches the narrower of two rows, so both get about the same width.
    details = arguments(values, max(24, sum(len(text) + 6 for text in told.values())))
    rows = ['<TR><TD HEIGHT="6"></TD></TR>', f"<TR><TD><B>{escape(printable(title))}</B></TD></TR>"]
    rows += [f"<TR><TD>{small(line, theme)}</TD></TR>" for line in details]
    if told:
        cells = "".join(_chip(colour, text, theme) for colour, text in told.items())
        inner = f'<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="2" CELLSPACING="4"><TR>{cells}</TR></TABLE>'
        rows.append(f"<TR><TD>{inner}</TD></TR>")
    return Html(f'<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="1" CELLSPACING="0">{"".join(rows)}</TABLE>')


def width_of(title: str, details: Iterable[str] = ()) -> float:
    """About how wide a box is, in inches, in a font of the usual width."""
    return 0.24 + max(0.1 * len(title), *(0.075 * len(line) for line in details), 0.0)


def _chip(colour: str, text: str, theme: Theme) -> str:
    # A table around the cell: Graphviz 14 stretches a bare cell, fixed size or not.
    look = f'COLOR="{theme.border(colour)}" BGCOLOR="{theme.fill(colour)}"'
    cell = f'<TD WIDTH="12" HEIGHT="12" FIXEDSIZE="TRUE" {look}></TD>'
    chip = f'<TABLE BORDER="0" CELLBORDER="1" CELLSPACING="0" CELLPADDING="0"><TR>{cell}</TR></TABLE>'
    return f'<TD>{chip}</TD><TD ALIGN="LEFT">{small(text, theme)}  </TD>'


def _value(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return textwrap.shorten(text, 28, placeholder="…") if " " in text else short(text, 28)


def _mix(colour: str, other: str, share: float) -> str:
    """A colour, `share` of the way to another."""
    pairs = [(int(colour[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)
