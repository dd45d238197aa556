"""The labels of diagrams in Graphviz's HTML: boxes, stacks of ops, strips, pills, titles, and the legend."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from html import escape
from typing import TypeAlias

from archdsl.diagrams.layer_strips import Cell
from archdsl.diagrams.style import TOL, WORDS, Html, Theme, printable

Strip: TypeAlias = Sequence[tuple[str, Cell]]

_FILLERS = 5


def small(text: str, theme: Theme) -> str:
    return f'<FONT POINT-SIZE="10" COLOR="{theme.detail}">{escape(printable(text))}</FONT>'


def box_label(title: str, details: Iterable[str], theme: Theme, times: int = 1, cells: Strip = ()) -> Html:
    """A bold title, with a pill such as `×4` behind it where it stands for several, smaller lines, and a strip.

    Args:
        title: in one line or more.
    """
    name = "<BR/>".join(f"<B>{escape(printable(line))}</B>" for line in title.split("\n"))
    lines = [small(line, theme) for line in details] + ([_strip(cells, theme)] if cells else [])
    if times == 1 and not lines:
        return Html(name)
    head, span = (f"<TD>{name}</TD>", "")
    if times > 1:
        head, span = f"{head}<TD>{pill(times, theme)}</TD>", ' COLSPAN="2"'
    rows = [f"<TR>{head}</TR>", *(f"<TR><TD{span}>{line}</TD></TR>" for line in lines)]
    return Html(f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{"".join(rows)}</TABLE>')


def stack_label(ops: Sequence[tuple[str, str]], details: Iterable[str], theme: Theme, width: float, times: int) -> Html:
    """The ops of a step under one another, each in the colour of its kind, and small lines in the last one's.

    Args:
        ops: the kind and the label of each; the step's own op is bold.
        width: in inches.
    """
    rows = []
    main = next((number for number, (_, label) in enumerate(ops) if not label.startswith("Zero pad")), 0)
    for number, (kind, label) in enumerate(ops):
        text = escape(printable(label))
        text = f"<B>{text}</B>" if number == main else f'<FONT POINT-SIZE="10">{text}</FONT>'
        if number == main and times > 1:
            cells = f"<TD>{text}</TD><TD>{pill(times, theme)}</TD>"
            text = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1"><TR>{cells}</TR></TABLE>'
        rows.append(_layer(kind, text, theme, width))
    kind = ops[-1][0]
    rows += [_layer(kind, small(line, theme), theme, width) for line in details]
    return Html(f'<TABLE BORDER="0" CELLBORDER="1" CELLSPACING="0" CELLPADDING="3">{"".join(rows)}</TABLE>')


def cluster_label(title: str, times: int, theme: Theme, *, is_bold: bool, more: str = "") -> Html:
    """A cluster's title, with a pill where it stands for several, and what else there is to tell."""
    text = escape(printable(title))
    text = f'<FONT POINT-SIZE="10" COLOR="{theme.detail if is_bold else theme.muted}">{text}</FONT>'
    text = f"<B>{text}</B>" if is_bold else text
    cells = f"<TD>{text}</TD>" + (f"<TD>{pill(times, theme)}</TD>" if times > 1 else "")
    rows = f"<TR>{cells}</TR>"
    if more:  # the space that this wider row leaves goes to empty cells
        below = f'<TR><TD COLSPAN="{_FILLERS + 2}">{small(more, theme)}</TD></TR>'
        rows = f"<TR>{cells}{'<TD></TD>' * _FILLERS}</TR>{below}"
    return Html(f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2">{rows}</TABLE>')


def pill(times: int, theme: Theme) -> str:
    text = f'<FONT POINT-SIZE="11" COLOR="{theme.pill_text}"><B>&#160;×{times}&#160;</B></FONT>'
    style = f'BORDER="0" CELLBORDER="0" CELLPADDING="2" CELLSPACING="0" STYLE="ROUNDED" BGCOLOR="{theme.pill}"'
    return f"<TABLE {style}><TR><TD>{text}</TD></TR></TABLE>"


def legend(title: str, lines: Sequence[str], letters: Sequence[str], kinds: Container[str], theme: Theme) -> Html:
    """What stands under a diagram: what it shows, and what its letters and its colours are.

    Args:
        lines: what is told of the whole.
        letters: what the letters of strips stand for.
    """
    words: dict[str, list[str]] = {}
    for kind in WORDS:
        if kind in kinds:
            words.setdefault(TOL[kind], []).append(WORDS[kind])
    told = {colour: ", ".join(names) for colour, names in words.items()}
    texts = ["", f"<B>{escape(printable(title))}</B>", *(small(line, theme) for line in lines)]
    texts += [small("    ".join(letters), theme)] if letters else []
    span = 2 * _FILLERS + 1
    rows = [f'<TR><TD COLSPAN="{span}" HEIGHT="{0 if text else 6}">{text}</TD></TR>' for text in texts]
    if told:
        cells = "".join(_chip(colour, text, theme) for colour, text in told.items())
        inner = f'<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="2" CELLSPACING="4"><TR>{cells}</TR></TABLE>'
        # Graphviz shares out the space that a wider row leaves: most of it goes to empty cells on both sides.
        fillers = "<TD></TD>" * _FILLERS
        rows.append(f"<TR>{fillers}<TD>{inner}</TD>{fillers}</TR>")
    return Html(f'<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="1" CELLSPACING="0">{"".join(rows)}</TABLE>')


def _layer(kind: str, text: str, theme: Theme, width: float) -> str:
    look = f'WIDTH="{72 * width:.0f}" HEIGHT="20" COLOR="{theme.border(TOL[kind])}" BGCOLOR="{theme.fill(TOL[kind])}"'
    return f"<TR><TD {look}>{text}</TD></TR>"


def _strip(cells: Strip, theme: Theme) -> str:
    """Small square cells in a row. What passes its input on is white; what changes it has a colour."""
    told, width = [], 2
    for letter, cell in cells:
        kind = "conv" if cell.layer else cell.kind
        fill = theme.page if cell.shortcut == "identity" else theme.fill(TOL[kind])
        look = f'COLOR="{theme.border(TOL["block"])}" BGCOLOR="{fill}" BORDER="1"'
        text = f'<FONT POINT-SIZE="10" COLOR="{theme.text}">{escape(letter) or " "}</FONT>'
        told.append(f'<TD {look} WIDTH="17" HEIGHT="17" FIXEDSIZE="TRUE">{text}</TD>')
        width += 19
        if cell.times > 1:
            told.append(f'<TD WIDTH="26" HEIGHT="17" FIXEDSIZE="TRUE">{small(f"×{cell.times}", theme)}</TD>')
            width += 28
    # Graphviz stretches a table to the width of the box, unless its size is fixed.
    look = f'BORDER="0" CELLBORDER="0" CELLSPACING="2" CELLPADDING="0" FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="21"'
    return f"<TABLE {look}><TR>{''.join(told)}</TR></TABLE>"


def _chip(colour: str, text: str, theme: Theme) -> str:
    # A table around the cell: Graphviz 14 stretches a bare cell, fixed size or not.
    look = f'COLOR="{theme.border(colour)}" BGCOLOR="{theme.fill(colour)}"'
    cell = f'<TD WIDTH="12" HEIGHT="12" FIXEDSIZE="TRUE" {look}></TD>'
    chip = f'<TABLE BORDER="0" CELLBORDER="1" CELLSPACING="0" CELLPADDING="0"><TR>{cell}</TR></TABLE>'
    return f'<TD>{chip}</TD><TD ALIGN="LEFT">{small(text, theme)}  </TD>'
