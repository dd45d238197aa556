"""The long form as text: one line where a value is short, else one line for each of its entries."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from archdsl import source
from archdsl.errors import ArchError
from archdsl.expansion.tree import Group, Item, Line, Text, Tree
from archdsl.parsing.validation import plain

WIDTH = 120
"""How long a line becomes before its value is broken up."""

_INDENT = 2
_FURTHEST = 60
"""The last column in which origins begin, but for those behind longer lines."""

_WORD = re.compile(r"\$?[a-z][a-z0-9_]*")
_OTHERS = ("true", "false", "null")


def print_tree(root: Group, origins: bool) -> str:
    """The text of a file.

    Args:
        origins: whether a comment behind each value tells where it came from.
    """
    lines = list(_block(root, 0, origins))
    column = min(_FURTHEST, max((line.indent + len(line.text) for line in lines if line.origin), default=0)) + 2
    told = [_told(line, column if origins else 0) for line in lines]
    kept = [text for i, text in enumerate(told) if text or (i and told[i - 1])]
    return "\n".join(kept).strip("\n") + "\n"


def _told(line: Line, column: int) -> str:
    if not line.text:
        return (" " * line.indent + line.comment).rstrip()
    text = " " * line.indent + line.text
    if column and line.origin:
        text = text.ljust(column - 2) + f"  # {line.origin}"
    for remark in line.behind:
        # An expression takes no comment without a blank behind the `#`, for that may be a slip.
        comment = re.sub(r"^#(?=[^\s#])", "# ", remark.text)
        text = text.ljust(0 if column else remark.column - 2) + f"  {comment}"
    return text


def _block(group: Group, indent: int, origins: bool) -> Iterator[Line]:
    """The lines of a group, each of whose entries begins a line."""
    for item in group.items:
        yield from (Line(indent, comment=text) for text in item.above)
        yield from _item(item, indent, group.listed, origins)
        yield from (Line(indent, comment=text) for text in item.below)


def _item(item: Item, indent: int, listed: bool, origins: bool) -> Iterator[Line]:
    head = "-" if listed else f"{_quoted(item.key, False)}:"
    told = item.origins()
    short = f"{head} {_flow(item.value)}" if isinstance(item.value, Group) else f"{head} {_scalar(item.value)}"
    fits = indent + len(short) <= WIDTH and not (origins and len(told) > 1)
    if isinstance(item.value, Text):
        yield from _words(item, indent, head, short, fits)
    elif not item.value.items or (fits and not _must_open(item.value)):
        yield Line(indent, short, origin=next(iter(sorted(told)), ""), behind=item.behind)
    elif listed:
        yield from _dashed(item, item.value, indent, origins)
    else:
        yield Line(indent, head, origin=item.origin, behind=item.behind)
        yield from _block(item.value, indent + _INDENT, origins)


def _must_open(group: Group) -> bool:
    return (
        group.open
        or group.commented()
        or any(isinstance(item.value, Group) and _must_open(item.value) for item in group.items)
    )


def _dashed(item: Item, value: Group, indent: int, origins: bool) -> Iterator[Line]:
    """The lines of a list's entry: its first entry stands on the line of the dash, and comments above that."""
    lines = list(_block(value, indent + _INDENT, origins))
    first = next(i for i, line in enumerate(lines) if line.text)
    yield from (replace(line, indent=indent) for line in lines[:first])
    behind = (*item.behind, *lines[first].behind)
    yield Line(indent, f"- {lines[first].text}", origin=lines[first].origin or item.origin, behind=behind)
    yield from lines[first + 1 :]


def _words(item: Item, indent: int, head: str, short: str, fits: bool) -> Iterator[Line]:
    """A scalar's line; text of several words that is too long for one goes on below."""
    text = item.value.text if isinstance(item.value, Text) else ""
    if fits or item.key != "doc" or len(text.split()) < 2:
        yield Line(indent, short, origin=item.origin, behind=item.behind)
        return
    yield Line(indent, f"{head} >-", origin=item.origin, behind=item.behind)
    width = max(WIDTH // 2, WIDTH - indent - _INDENT)
    for line in textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False):
        yield Line(indent + _INDENT, line)


def _flow(tree: Tree) -> str:
    if isinstance(tree, Text):
        return _scalar(tree, flow=True)
    if tree.listed:
        return f"[{', '.join(_flow(item.value) for item in tree.items)}]"
    return f"{{{', '.join(f'{_quoted(item.key, True)}: {_flow(item.value)}' for item in tree.items)}}}"


def _scalar(text: Text, flow: bool = False) -> str:
    return _quoted(text.text, flow) if text.quotable else text.text


@lru_cache(maxsize=4096)
def _quoted(text: str, flow: bool) -> str:
    """Text, in quotes where YAML would read it otherwise; the reader itself tells."""
    if _WORD.fullmatch(text) and text not in _OTHERS:
        return text
    for written in (text, f'"{text}"', f"'{text}'"):
        if "\n" not in text and _reads(written, flow, text):
            return written
    return json.dumps(text)


def _reads(written: str, flow: bool, text: str) -> bool:
    sample = f"a: [{written}, {{b: {written}, c: 1}}]" if flow else f"a:\n- {written}  # c\n- b: {written}  # c"
    wanted = [text, {"b": text, "c": 1}] if flow else [text, {"b": text}]
    try:
        return bool(plain(source.read(sample, "")) == {"a": wanted})
    except ArchError:
        return False
