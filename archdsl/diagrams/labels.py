"""The labels of diagrams in Graphviz's HTML: boxes, stacks of ops, strips, pills, titles, and the legend."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from html import escape
from typing import TypeAlias

from archdsl.diagrams.layer_strips import StripCell
from archdsl.diagrams.style import KIND_NAMES, TOL, Html, Theme, printable

Strip: TypeAlias = Sequence[tuple[str, StripCell]]

_FILLERS = 5
"""Empty cells beside a cell that is to stay narrow: Graphviz shares out the space that a wider row leaves."""


def box_label(title: str, details: Iterable[str], theme: Theme, times: int = 1, cells: Strip = ()) -> Html:
    """A bold title, with a pill such as `×4` behind it where it stands for several, smaller lines, and a strip.

    Args:
        title: in one line or more.
    """
    name = "<BR/>".join(f"<B>{_text(line)}</B>" for line in title.split("\n"))
    lines = [_small(line, theme) for line in details] + ([_strip(cells, theme)] if cells else [])
    if times == 1 and not lines:
        return Html(name)
    head, span = (f"<TD>{name}</TD>", "")
    if times > 1:
        head, span = f"{head}<TD>{_pill(times, theme)}</TD>", ' COLSPAN="2"'
    return Html(_table(f"<TR>{head}</TR>", *(f"<TR><TD{span}>{line}</TD></TR>" for line in lines)))


def stack_label(ops: Sequence[tuple[str, str]], details: Iterable[str], theme: Theme, width: float, times: int) -> Html:
    """The ops of a step under one another, each in the color of its kind, and small lines in the last one's.

    Args:
        ops: the kind and the label of each; the step's own op is bold.
        width: in inches.
    """
    rows = []
    main = next((number for number, (_, label) in enumerate(ops) if not label.startswith("Zero pad")), 0)
    for number, (kind, label) in enumerate(ops):
        text = f"<B>{_text(label)}</B>" if number == main else f'<FONT POINT-SIZE="10">{_text(label)}</FONT>'
        if number == main and times > 1:
            text = _table(f"<TR><TD>{text}</TD><TD>{_pill(times, theme)}</TD></TR>")
        rows.append((kind, text))
    rows += [(ops[-1][0], _small(line, theme)) for line in details]
    size = f'WIDTH="{72 * width:.0f}" HEIGHT="20"'
    cells = (f"<TR><TD {size} {_colors(TOL[kind], theme)}>{text}</TD></TR>" for kind, text in rows)
    return Html(_table(*cells, border=1, padding=3))


def cluster_label(title: str, times: int, theme: Theme, *, is_bold: bool, more: str = "") -> Html:
    """A cluster's title, with a pill where it stands for several, and a smaller line under it.

    Args:
        more: the smaller line.
    """
    text = f'<FONT POINT-SIZE="10" COLOR="{theme.detail if is_bold else theme.muted}">{_text(title)}</FONT>'
    text = f"<B>{text}</B>" if is_bold else text
    cells = f"<TD>{text}</TD>" + (f"<TD>{_pill(times, theme)}</TD>" if times > 1 else "")
    if not more:
        return Html(_table(f"<TR>{cells}</TR>", padding=2))
    below = f'<TR><TD COLSPAN="{_FILLERS + 2}">{_small(more, theme)}</TD></TR>'
    return Html(_table(f"<TR>{cells}{'<TD></TD>' * _FILLERS}</TR>", below, padding=2))


def legend(title: str, lines: Sequence[str], letters: Sequence[str], kinds: Container[str], theme: Theme) -> Html:
    """What is under a diagram: what it shows, and what its letters and its colors mean.

    Args:
        lines: about the whole graph.
        letters: what the letters of strips stand for.
    """
    names: dict[str, list[str]] = {}
    for kind, name in KIND_NAMES.items():
        if kind in kinds:
            names.setdefault(TOL[kind], []).append(name)
    texts = ["", f"<B>{_text(title)}</B>", *(_small(line, theme) for line in lines)]
    texts += [_small("    ".join(letters), theme)] if letters else []
    span = 2 * _FILLERS + 1
    rows = [f'<TR><TD COLSPAN="{span}" HEIGHT="{0 if text else 6}">{text}</TD></TR>' for text in texts]
    if names:
        chips = "".join(_chip(color, ", ".join(same), theme) for color, same in names.items())
        inner = f'<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="2" CELLSPACING="4"><TR>{chips}</TR></TABLE>'
        fillers = "<TD></TD>" * _FILLERS
        rows.append(f"<TR>{fillers}<TD>{inner}</TD>{fillers}</TR>")
    return Html(f'<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="1" CELLSPACING="0">{"".join(rows)}</TABLE>')


def space_label(height: float, theme: Theme, *, is_wide: bool) -> Html:
    """Room as high as a box, whose middle is a part of the line that runs through it."""
    rest = round(36 * height)  # the two edges end a point before the middle
    dot = f'<TD STYLE="ROUNDED" WIDTH="2" HEIGHT="2" BGCOLOR="{theme.line}"></TD>'
    if is_wide:
        return Html(_table(f'<TR><TD WIDTH="{rest}"></TD>{dot}<TD WIDTH="{rest}"></TD></TR>', padding=0))
    room = f'<TR><TD HEIGHT="{rest}"></TD></TR>'
    return Html(_table(f"{room}<TR>{dot}</TR>{room}", padding=0))


def _table(*rows: str, border: int = 0, padding: int = 1) -> str:
    """Rows of cells, with nothing between them."""
    look = f'BORDER="0" CELLBORDER="{border}" CELLSPACING="0" CELLPADDING="{padding}"'
    return f"<TABLE {look}>{''.join(rows)}</TABLE>"


def _text(text: str) -> str:
    return escape(printable(text))


def _small(text: str, theme: Theme) -> str:
    return f'<FONT POINT-SIZE="10" COLOR="{theme.detail}">{_text(text)}</FONT>'


def _colors(color: str, theme: Theme) -> str:
    """The border and the background of a cell."""
    return f'COLOR="{theme.border(color)}" BGCOLOR="{theme.fill(color)}"'


def _pill(times: int, theme: Theme) -> str:
    text = f'<FONT POINT-SIZE="11" COLOR="{theme.pill_text}"><B>&#160;×{times}&#160;</B></FONT>'
    style = f'BORDER="0" CELLBORDER="0" CELLPADDING="2" CELLSPACING="0" STYLE="ROUNDED" BGCOLOR="{theme.pill}"'
    return f"<TABLE {style}><TR><TD>{text}</TD></TR></TABLE>"


def _strip(cells: Strip, theme: Theme) -> str:
    """Small square cells in a row. What passes its input on is white; what changes it has a color."""
    parts, width = [], 2
    for letter, cell in cells:
        kind = "conv" if cell.layer else cell.kind
        fill = theme.page if cell.shortcut == "identity" else theme.fill(TOL[kind])
        look = f'COLOR="{theme.border(TOL["block"])}" BGCOLOR="{fill}" BORDER="1"'
        text = f'<FONT POINT-SIZE="10" COLOR="{theme.text}">{escape(letter) or " "}</FONT>'
        parts.append(f'<TD {look} WIDTH="17" HEIGHT="17" FIXEDSIZE="TRUE">{text}</TD>')
        width += 19
        if cell.times > 1:
            parts.append(f'<TD WIDTH="26" HEIGHT="17" FIXEDSIZE="TRUE">{_small(f"×{cell.times}", theme)}</TD>')
            width += 28
    # Graphviz stretches a table to the width of the box, unless its size is fixed.
    look = f'BORDER="0" CELLBORDER="0" CELLSPACING="2" CELLPADDING="0" FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="21"'
    return f"<TABLE {look}><TR>{''.join(parts)}</TR></TABLE>"


def _chip(color: str, text: str, theme: Theme) -> str:
    # A table around the cell: Graphviz 14 stretches a bare cell, fixed size or not.
    cell = f'<TD WIDTH="12" HEIGHT="12" FIXEDSIZE="TRUE" {_colors(color, theme)}></TD>'
    return f'<TD>{_table(f"<TR>{cell}</TR>", border=1, padding=0)}</TD><TD ALIGN="LEFT">{_small(text, theme)}  </TD>'
