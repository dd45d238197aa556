"""The labels of diagrams in the HTML of Graphviz: boxes, stacks of ops, strips, pills, titles and the legend."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Sequence
from html import escape
from typing import TypeAlias

from archdsl.diagrams.layer_strips import StripCell
from archdsl.diagrams.style import KIND_NAMES, TOL, Html, Theme, printable

Strip: TypeAlias = Sequence[tuple[str, StripCell]]

_FILLERS = 5
"""Empty cells next to a cell that must stay narrow, because Graphviz distributes the space of wider rows."""


_LEGEND = 84
"""The width of a row of the legend in letters, including the room for chips."""


def box_label(
    title: str, details: Iterable[str], theme: Theme, times: int = 1, cells: Strip = (), above: str = ""
) -> Html:
    """Return a bold title with a pill such as `×4` for several, smaller lines, and a strip.

    Args:
        title: the title, on one or more lines.
        above: a word above the title.
    """
    name = "<BR/>".join(f"<B>{_text(line)}</B>" for line in title.split("\n"))
    lines = [_small(line, theme) for line in details] + ([_strip(cells, theme)] if cells else [])
    if times == 1 and not lines and not above:
        return Html(name)
    if times > 1:  # between fillers, for Graphviz would stretch the pill as far as the lines under it reach
        fillers = "<TD></TD>" * _FILLERS
        head = f"<TD>{name} </TD><TD>{_pill(times, theme)}</TD>"
        name = _table(f"<TR>{fillers}{head}{fillers}</TR>", padding=0)
    rows = [*([_small(above, theme)] if above else []), name, *lines]
    return Html(_table(*(f"<TR><TD>{row}</TD></TR>" for row in rows)))


def stack_label(
    ops: Sequence[tuple[str, str]], details: Iterable[str], theme: Theme, width: float, times: int, above: str = ""
) -> Html:
    """Return the ops of a step as a stack, each in the color of its kind, with small lines in the last one.

    Args:
        ops: the kind and label of each op; the main op of the step is bold.
        width: the width in inches.
        above: a word above the stack.
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
    top = [f'<TR><TD BORDER="0" BGCOLOR="{theme.page}">{_small(above, theme)}</TD></TR>'] if above else []
    return Html(_table(*top, *cells, border=1, padding=3))


def cluster_label(title: str, times: int, theme: Theme, *, is_bold: bool, more: str = "") -> Html:
    """Return the title of a cluster, with a pill for several, and a smaller line below it.

    Args:
        title: the title; empty for a pill alone.
        more: the smaller line.
    """
    text = f'<FONT POINT-SIZE="10" COLOR="{theme.detail if is_bold else theme.muted}">{_text(title)}</FONT>'
    text = f"<B>{text}</B>" if is_bold else text
    cells = (f"<TD>{text}</TD>" if title else "") + (f"<TD>{_pill(times, theme)}</TD>" if times > 1 else "")
    if not more:
        return Html(_table(f"<TR>{cells}</TR>", padding=2))
    below = f'<TR><TD COLSPAN="{_FILLERS + 2}">{_small(more, theme)}</TD></TR>'
    return Html(_table(f"<TR>{cells}{'<TD></TD>' * _FILLERS}</TR>", below, padding=2))


def legend(
    title: str,
    lines: Sequence[str],
    letters: Sequence[str],
    kinds: Container[str],
    theme: Theme,
    *,
    has_dashes: bool,
) -> Html:
    """Return the legend: a description of the graph, and the meaning of letters, colors and dashes.

    Args:
        lines: the description of the graph.
        letters: the meaning of the letters in strips.
    """
    names: dict[str, list[str]] = {}
    for kind, name in KIND_NAMES.items():
        if kind in kinds:
            names.setdefault(TOL[kind], []).append(name)
    texts = ["", f"<B>{_text(title)}</B>", *(_small(line, theme) for line in lines)]
    texts += [_small("    ".join(letters), theme)] if letters else []
    rows = [f'<TR><TD HEIGHT="{0 if text else 6}">{text}</TD></TR>' for text in texts]
    chips = [(_chip(color, theme), ", ".join(same)) for color, same in names.items()]
    chips += [(_dashes(theme), "shortcut")] if has_dashes else []
    rows += [f"<TR><TD>{_chips(row, theme)}</TD></TR>" for row in _rows(chips)]
    return Html(f'<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="1" CELLSPACING="0">{"".join(rows)}</TABLE>')


def space_label(height: float, *, is_wide: bool) -> Html:
    """Return a space as high as a box, with ports in its middle for the line that runs through it.

    An edge ends one point before a port. The line therefore enters by the second port and leaves by the first, which
    closes the gap.
    """
    side = "WIDTH" if is_wide else "HEIGHT"
    sizes = {"": round(36 * height), ' PORT="out"': 1, " ": 3, ' PORT="in"': 1, "  ": round(36 * height)}
    cells = [f'<TD{port.rstrip()} {side}="{size}"></TD>' for port, size in sizes.items()]
    return Html(_table(f"<TR>{''.join(cells)}</TR>" if is_wide else "".join(f"<TR>{c}</TR>" for c in cells), padding=0))


def _table(*rows: str, border: int = 0, padding: int = 1) -> str:
    """Return a table of rows without gaps."""
    look = f'BORDER="0" CELLBORDER="{border}" CELLSPACING="0" CELLPADDING="{padding}"'
    return f"<TABLE {look}>{''.join(rows)}</TABLE>"


def _text(text: str) -> str:
    return escape(printable(text))


def _small(text: str, theme: Theme) -> str:
    return f'<FONT POINT-SIZE="10" COLOR="{theme.detail}">{_text(text)}</FONT>'


def _dashes(theme: Theme) -> str:
    return f'<FONT POINT-SIZE="10" COLOR="{theme.shortcut}"><B>– – –</B></FONT>'


def _colors(color: str, theme: Theme) -> str:
    """Return the border and background of a cell."""
    return f'COLOR="{theme.border(color)}" BGCOLOR="{theme.fill(color)}"'


def _pill(times: int, theme: Theme) -> str:
    text = f'<FONT POINT-SIZE="11" COLOR="{theme.pill_text}"><B>&#160;×{times}&#160;</B></FONT>'
    style = f'BORDER="0" CELLBORDER="0" CELLPADDING="2" CELLSPACING="0" STYLE="ROUNDED" BGCOLOR="{theme.pill}"'
    return f"<TABLE {style}><TR><TD>{text}</TD></TR></TABLE>"


def _strip(cells: Strip, theme: Theme) -> str:
    """Return a row of small square cells: white for layers with an identity shortcut, colored for others."""
    parts, width = [], 2
    for letter, cell in cells:
        fill = theme.page if cell.shortcut == "identity" else theme.fill(TOL[cell.kind])
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


def _rows(chips: Iterable[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """Arrange chips and their texts in rows of similar width, of at most about `_LEGEND` letters."""
    chips = list(chips)
    lengths = [len(text) + 7 for _, text in chips]
    count = math.ceil(sum(lengths) / _LEGEND)
    ends = [sum(lengths[: number + 1]) for number in range(len(chips))]
    row_of = [
        min(int((end - length / 2) * count / ends[-1]), count - 1) for end, length in zip(ends, lengths, strict=True)
    ]
    return [[chip for chip, row in zip(chips, row_of, strict=True) if row == number] for number in range(count)]


def _chips(row: Iterable[tuple[str, str]], theme: Theme) -> str:
    """Return a row of the legend, centered in a nested table.

    Graphviz gives the extra space of a wider row to one column of a table, but distributes it in a nested table.
    """
    cells = "".join(f'<TD>{chip}</TD><TD ALIGN="LEFT">{_small(text, theme)}  </TD>' for chip, text in row)
    inner = f'<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="2" CELLSPACING="4"><TR>{cells}</TR></TABLE>'
    fillers = "<TD></TD>" * _FILLERS
    return _table(f"<TR>{fillers}<TD>{inner}</TD>{fillers}</TR>", padding=0)


def _chip(color: str, theme: Theme) -> str:
    # A table around the cell: Graphviz 14 stretches a bare cell, fixed size or not.
    cell = f'<TD WIDTH="12" HEIGHT="12" FIXEDSIZE="TRUE" {_colors(color, theme)}></TD>'
    return _table(f"<TR>{cell}</TR>", border=1, padding=0)
