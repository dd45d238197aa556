"""Print the long form as YAML: a short value on one line, a longer one with a line for each entry.

The round-trip mode of ruamel.yaml is not an alternative. Its parser drops comments inside brackets and moves others to
the previous entry. Its emitter could print this tree, but line lengths, quotes and the columns of comments and origins,
which are the purpose of this module, would still be computed here.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from archdsl import source
from archdsl.errors import ArchError
from archdsl.expansion.comments import NO_COMMENTS, EntryComments, TrailingComment
from archdsl.parsing.validation import plain
from archdsl.text import in_line, printable

WIDTH = 120
"""The maximum length of a line before its value is split."""

_INDENT = 2
_FURTHEST = 60
"""The maximum column of origins, except after longer lines."""

_WORD = re.compile(r"\$?[a-z][a-z0-9_]*")
_CONSTANTS = {None: "null", True: "true", False: "false"}


@dataclass(frozen=True, slots=True)
class OutputScalar:
    """A scalar. Strings may need quotes; numbers and constants do not."""

    text: str
    quotable: bool = False


@dataclass(frozen=True, slots=True)
class OutputGroup:
    """A mapping, or a list, whose entries have no keys.

    Args:
        entries: The entries.
        listed: Whether it is a list.
        open: Whether each entry has its own line, even if all fit on one line.
    """

    entries: tuple[OutputEntry, ...]
    listed: bool = False
    open: bool = False

    def must_open(self) -> bool:
        """Return whether this group or one inside is open, or has comments, which need separate lines."""
        return self.open or any(
            entry.comments or (isinstance(entry.value, OutputGroup) and entry.value.must_open())
            for entry in self.entries
        )


Tree: TypeAlias = OutputScalar | OutputGroup


@dataclass(frozen=True, slots=True)
class OutputEntry:
    """An entry of a mapping or of a list.

    Args:
        origin: The origin of the value or the key; empty if none is printed.
    """

    key: str
    value: Tree
    origin: str = ""
    comments: EntryComments = NO_COMMENTS

    def origins(self) -> set[str]:
        """Return the origins of everything in the entry."""
        inner = self.value.entries if isinstance(self.value, OutputGroup) else ()
        return {self.origin} - {""} | {origin for entry in inner for origin in entry.origins()}


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    origin: str = ""
    trailing: tuple[TrailingComment, ...] = ()


NONE = OutputScalar("none")
"""The scalar `none`."""


def output_scalar(value: str | float | bool | None, written: str = "") -> OutputScalar:
    """Convert a Python scalar.

    Args:
        value: The scalar.
        written: The text of a number in the file.
    """
    if isinstance(value, str):
        return OutputScalar(value, True)
    if value is None or isinstance(value, bool):
        return OutputScalar(_CONSTANTS[value])
    if written:
        return OutputScalar(written)
    # `0.001`, `1.0e-6`: formats that YAML 1.1 also parses as numbers.
    mantissa, exponent, power = repr(value).partition("e")
    if exponent:
        point, sign = "" if "." in mantissa else ".0", power[0] if power[0] in "+-" else "+"
        return OutputScalar(f"{mantissa}{point}e{sign}{power.lstrip('+-0')}")
    return OutputScalar(mantissa)


def output_tree(value: Any, origin: str = "") -> Tree:
    """Convert Python lists, mappings and scalars."""
    if isinstance(value, list | tuple):
        return OutputGroup(tuple(OutputEntry("", output_tree(item, origin), origin) for item in value), listed=True)
    if isinstance(value, dict):
        return OutputGroup(tuple(OutputEntry(key, output_tree(item, origin), origin) for key, item in value.items()))
    return output_scalar(value)


def print_group(root: OutputGroup, origins: bool) -> str:
    """Return the text of a file.

    Args:
        root: The sections of the file.
        origins: Whether to add a comment with the origin of each value.
    """
    lines = list(_lines(root, 0, origins))
    column = min(_FURTHEST, max((len(line.text) for line in lines if line.origin), default=0)) if origins else 0
    texts: list[str] = []
    for line in lines:
        text = line.text
        if origins and line.origin:
            text = f"{text.ljust(column)}  # {line.origin}"
        for comment in line.trailing:
            # After an expression, a comment needs a space after the `#`.
            spaced = re.sub(r"^#(?=[^\s#])", "# ", comment.text)
            text = f"{text if origins else text.ljust(comment.column - 2)}  {spaced}"
        if text or (texts and texts[-1]):
            texts.append(text)
    return "\n".join(texts).strip("\n") + "\n"


def _lines(group: OutputGroup, indent: int, origins: bool) -> Iterator[_Line]:
    """Yield the lines of a group whose entries each start a line."""
    for entry in group.entries:
        yield from (_comment_line(text, indent) for text in entry.comments.above)
        yield from _entry_lines(entry, indent, group.listed, origins)
        yield from (_comment_line(text, indent) for text in entry.comments.below)


def _comment_line(text: str, indent: int) -> _Line:
    return _Line((" " * indent + text).rstrip())


def _entry_lines(entry: OutputEntry, indent: int, listed: bool, origins: bool) -> Iterator[_Line]:
    value, trailing, inner = entry.value, entry.comments.trailing, indent + _INDENT
    head = " " * indent + ("-" if listed else f"{_quoted(entry.key, False)}:")
    short = f"{head} {_on_one_line(value, isinstance(value, OutputGroup))}"
    origins_inside = entry.origins()
    fits = len(short) <= WIDTH and not (origins and len(origins_inside) > 1)
    if isinstance(value, OutputScalar):
        folds = entry.key == "doc" and len(value.text.split()) > 1 and value.text == printable(value.text)
        one_line = fits or not folds
    else:
        one_line = not value.entries or (fits and not value.must_open())
    if one_line:
        yield _Line(short, min(origins_inside, default=""), trailing)
    elif isinstance(value, OutputScalar):
        yield _Line(f"{head} >-", entry.origin, trailing)
        width = max(WIDTH // 2, WIDTH - inner)
        for text in textwrap.wrap(value.text, width, break_long_words=False, break_on_hyphens=False):
            yield _Line(" " * inner + text)
    elif listed:
        # The first inner entry is on the line of the dash, and its comments are above that line.
        lines = list(_lines(value, inner, origins))
        first = next(i for i, line in enumerate(lines) if line.text and not line.text.lstrip().startswith("#"))
        yield from (_comment_line(line.text.strip(), indent) for line in lines[:first])
        begin = lines[first]
        yield _Line(f"{head} {begin.text.lstrip()}", begin.origin or entry.origin, (*trailing, *begin.trailing))
        yield from lines[first + 1 :]
    else:
        yield _Line(head, entry.origin, trailing)
        yield from _lines(value, inner, origins)


def _on_one_line(value: Tree, flow: bool) -> str:
    if isinstance(value, OutputScalar):
        return _quoted(value.text, flow) if value.quotable else value.text
    texts = [_on_one_line(entry.value, flow) for entry in value.entries]
    if value.listed:
        return f"[{', '.join(texts)}]"
    keys = [_quoted(entry.key, flow) for entry in value.entries]
    return f"{{{', '.join(f'{key}: {text}' for key, text in zip(keys, texts, strict=True))}}}"


@lru_cache(maxsize=4096)
def _quoted(text: str, flow: bool) -> str:
    """Quote a text only if it would be parsed as something else."""
    if _WORD.fullmatch(text) and text not in _CONSTANTS.values():
        return text
    for written in (text, f'"{text}"', f"'{text}'"):
        if flow:
            sample, wanted = f"a: [{written}, {{b: {written}, c: 1}}]", [text, {"b": text, "c": 1}]
        else:
            sample, wanted = f"a:\n- {written}  # c\n- b: {written}  # c", [text, {"b": text}]
        try:
            if text == in_line(text) and plain(source.read(sample, "")) == {"a": wanted}:
                return written
        except ArchError:
            continue
    return json.dumps(text)
