"""Formatting of text for people: tables, counts, sizes, times and colors."""

from __future__ import annotations

import os
import re
import shutil
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import IO, Any

WIDTH = 118
"""The maximum width of a message in characters, even in a wider terminal."""


_HIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Characters that control a terminal or disguise a text: C0 except the newline, DEL, C1, line and paragraph separators,
bidirectional controls (CVE-2021-42574), the byte order mark, and bytes of a path that are not UTF-8."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Styled(str):
    """Text that is printable except for the colors added by `colored`."""


def printable(text: str) -> str:
    """Return a text with visible control characters, such as `\\x1b` and `\\u202e`. Newlines are kept."""
    return _HIDDEN.sub(_visible, text)


def in_line(text: str, most: int | None = None) -> str:
    """Return a text on one line: as `printable`, with visible newlines.

    Args:
        most: The maximum length. The middle of a longer text is omitted.
    """
    text = printable(text).replace("\n", "\\n")
    if most is None or len(text) <= most:
        return text
    half = (most - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


def csv_cell(value: Any) -> Any:
    """Return a value for a CSV cell. Text that looks like a spreadsheet formula is prefixed with an apostrophe."""
    if not isinstance(value, str):
        return value
    return in_line(f"'{value}" if value.startswith(_FORMULA) and not is_number(value) else value)


def is_number(text: str) -> bool:
    """Return whether a text is the text of a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _visible(found: re.Match[str]) -> str:
    character = found.group()
    known = {"\t": "\\t", "\r": "\\r"}
    number = ord(character)
    return known.get(character) or (f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}")


def quantity(number: int, noun: str) -> str:
    """Format a count with its noun: `1 row`, `2 rows`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def byte_size(number: int) -> str:
    """Format bytes in decimal units with three digits: `1 byte`, `166 kB`, `1.04 GB`."""
    value, unit = float(number), "bytes"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    if unit == "bytes":
        return quantity(number, "byte")
    return f"{_three_figures(value)} {unit}"


def short_count(number: int) -> str:
    """A count with three figures: `9,408`, `25.6 M`, `4.09 G`."""
    value, unit = float(number), ""
    for larger in ("k", "M", "G", "T"):
        if value < (9999.5 if not unit else 999.5):
            break
        value, unit = value / 1000, larger
    if not unit:
        return f"{number:,}"
    return f"{_three_figures(value)} {unit}"


def _three_figures(value: float) -> str:
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}"


def duration(seconds: float) -> str:
    """Format a duration: `8 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def clock(seconds: float) -> str:
    """Format a running time: `2:03`, `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def percent(share: float) -> str:
    """Format a fraction as a percentage with two decimals: `51.42 %`."""
    return f"{share * 100:.2f} %"


def room(stream: IO[Any]) -> int | None:
    """The width of a terminal, in characters; None for a pipe or a file, which take any width.

    `COLUMNS` overrides the width, also for pipes.
    """
    if stream.isatty() or os.environ.get("COLUMNS"):
        return shutil.get_terminal_size().columns
    return None


def fold(line: str, width: int | None, indent: int = 2) -> list[str]:
    """Break a line between words if it is too wide; continuation lines are indented."""
    if width is None or len(line) <= width:
        return [line]
    indent = min(indent, width // 2)
    return textwrap.wrap(
        line,
        width,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
        replace_whitespace=False,
    )


def table_width(rows: Sequence[Sequence[str]]) -> int:
    """The width of rows as `columns` prints them."""
    return sum(max(map(len, column)) + 2 for column in zip(*rows, strict=True)) - 2


Table = Sequence[Sequence[str]]


def first_fitting(tables: Iterable[Table], width: int | None) -> Table:
    """The first table that fits the width, from the fullest to the shortest; the last one if none does."""
    found: Table = ()
    for found in tables:
        if width is None or table_width(found) <= width:
            break
    return found


def columns(rows: Sequence[Sequence[str]], right: Collection[int] = (), width: int | None = None) -> str:
    """Format rows as aligned columns, two spaces apart.

    Args:
        rows: The rows, all of the same length.
        right: The indices of the right-aligned columns.
        width: The width to wrap the last column to, if any.
    """
    rows = [[in_line(word) for word in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            word.rjust(width) if at in right else word.ljust(width)
            for at, (word, width) in enumerate(zip(row, widths, strict=True))
        ]
        line = "  ".join(cells).rstrip()
        lines += fold(line, width, sum(widths[:-1]) + 2 * len(widths) - 2) if width else [line]
    return "\n".join(lines) + "\n"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> str:
    """Format a Markdown table.

    Args:
        head: The titles of the columns.
        rows: The rows, as long as the head.
        left: The indices of the left-aligned columns. The others are right-aligned.
    """
    rule = ["---" if at in left else "---:" for at in range(len(head))]
    return "".join(f"| {' | '.join(map(in_line, cells))} |\n" for cells in (head, rule, *rows))


def wants_color(stream: IO[Any]) -> bool:
    """Whether to write color to a stream: to terminals only, unless the environment says otherwise.

    `NO_COLOR` (https://no-color.org) turns color off, `FORCE_COLOR` (https://force-color.org) turns it on. If both are
    set, `NO_COLOR` wins.
    """
    environment = os.environ
    if environment.get("NO_COLOR"):
        return False
    return bool(environment.get("FORCE_COLOR")) or (stream.isatty() and environment.get("TERM") != "dumb")


RED, GREEN, YELLOW, CYAN = "31", "32", "33", "36"
BOLD, DIM, BOLD_RED, BOLD_YELLOW = "1", "2", "1;31", "1;33"
"""Parameters of the escape sequences for text styles (ECMA-48, SGR)."""


def colored(text: str, styles: Mapping[str, str]) -> Styled:
    """Color the matches of patterns in a text.

    Args:
        text: The text, which is made printable.
        styles: The style of each pattern. A pattern is a regular expression in multiline mode. If it has a group, only
            the group is colored.
    """
    text = printable(text)
    for pattern, style in styles.items():
        spans = [found.span(found.re.groups) for found in re.finditer(pattern, text, re.MULTILINE)]
        for start, end in reversed(spans):
            text = f"{text[:start]}\033[{style}m{text[start:end]}\033[0m{text[end:]}"
    return Styled(text)
