"""Assign the comments of a valid spec to its entries."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from archdsl.source import Extent, Mapping, Node, Scalar

_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")


@dataclass(frozen=True, slots=True)
class TrailingComment:
    """A comment at the end of a line, and its preferred column (0-based)."""

    column: int
    text: str


@dataclass(frozen=True, slots=True)
class EntryComments:
    """The comments of an entry.

    Args:
        above: Comments and blank lines (as empty strings) before it.
        trailing: Comments at the end of its first line.
        below: Comments after it, with the same indentation.
    """

    above: tuple[str, ...] = ()
    trailing: tuple[TrailingComment, ...] = ()
    below: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(self.above) or bool(self.trailing) or bool(self.below)

    def led_by(self, lines: list[str]) -> EntryComments:
        """Return these comments with more lines above the entry, after the leading blank lines."""
        blank = next((i for i, text in enumerate(self.above) if text), len(self.above))
        return replace(self, above=(*self.above[:blank], *lines, *self.above[blank:]))


NO_COMMENTS = EntryComments()


@dataclass(frozen=True, slots=True, eq=False)
class _SourceEntry:
    """An entry of the file: its anchor (the key in a mapping, or the item of a list) and its position."""

    anchor: Node
    line: int
    column: int
    parents: tuple[_SourceEntry, ...]
    flow: bool


class Comments:
    """The comments of a text, by entry. Each comment can be taken once.

    A comment on its own line belongs to the next entry, or to the previous one if it is indented deeper than the next.
    A comment after a value belongs to the outermost entry that starts on its line.
    """

    def __init__(self, text: str, root: Node, extents: Sequence[Extent]) -> None:
        # Keyed by the identity of the anchor, because equal nodes can occur at several places of a file.
        self._above: defaultdict[int, list[str]] = defaultdict(list)
        self._trailing: defaultdict[int, list[TrailingComment]] = defaultdict(list)
        self._below: defaultdict[int, list[str]] = defaultdict(list)
        entries = list(_source_entries(root, ()))
        lines = [entry.line for entry in entries]
        for line, column, comment, alone in _comments_of(text, extents):
            first, last = bisect_left(lines, line), bisect_right(lines, line)
            before, after = entries[first - 1] if first else None, entries[last] if last < len(entries) else None
            if first < last:
                subject = _subject(entries[first:last], after)
                self._trailing[id(subject.anchor)].append(TrailingComment(column, comment))
            elif before is not None and not alone:
                self._trailing[id(before.anchor)].append(TrailingComment(column, comment))
            elif before is not None and (after is None or (comment and column > after.column)):
                outer = [entry for entry in (*before.parents, before) if not entry.flow and entry.column <= column]
                self._below[id((outer or [before])[-1].anchor)].append(comment)
            elif after is not None:
                self._above[id(after.anchor)].append(comment)

    def take(self, *anchors: Node) -> EntryComments:
        """Take the comments of entries that become one entry in the long form."""
        ids = [id(anchor) for anchor in anchors]
        return EntryComments(
            tuple(text for anchor in ids for text in self._above.pop(anchor, ())),
            tuple(comment for anchor in ids for comment in self._trailing.pop(anchor, ())),
            tuple(text for anchor in ids for text in self._below.pop(anchor, ())),
        )

    def take_above(self, anchor: Node) -> list[str]:
        """Take only the comments above an entry."""
        return self._above.pop(id(anchor), [])

    def take_rest(self, *nodes: Node | None) -> list[str]:
        """Take all remaining comments in and around some nodes, as separate lines."""
        lines: list[str] = []
        for node in nodes:
            if node is None:
                continue
            own = self.take(node)
            lines += filter(None, (*own.above, *(comment.text for comment in own.trailing), *own.below))
            for item in () if isinstance(node, Scalar) else node.items:
                lines += self.take_rest(*item) if isinstance(item, tuple) else self.take_rest(item)
        return lines


def in_brackets(node: Node) -> bool:
    """Return whether a list or a mapping is written in brackets."""
    return node.span.text[node.span.column - 1 : node.span.column] in ("[", "{")


def _source_entries(node: Node, parents: tuple[_SourceEntry, ...]) -> Iterator[_SourceEntry]:
    """Yield the entries in a node, at all depths, in the order of the file."""
    if isinstance(node, Scalar):
        return
    flow = in_brackets(node)
    for item in node.items:
        anchor, value = item if isinstance(item, tuple) else (item, item)
        column = anchor.span.column if isinstance(node, Mapping) or flow else node.span.column
        entry = _SourceEntry(anchor, anchor.span.line, column - 1, parents, flow)
        yield entry
        yield from _source_entries(value, (*parents, entry))


def _subject(own: Sequence[_SourceEntry], after: _SourceEntry | None) -> _SourceEntry:
    """Return the entry that a comment at the end of a line belongs to.

    It is the outermost entry that starts on the line. If its brackets continue on further lines, it is the last inner
    entry on the line.
    """
    subject = own[0]
    while after is not None and subject in after.parents:
        inner = [entry for entry in own if entry.parents[-1:] == (subject,) and entry.flow]
        if not inner:
            break
        subject = inner[-1]
    return subject


def _comments_of(text: str, extents: Sequence[Extent]) -> Iterator[tuple[int, int, str, bool]]:
    """Yield comments with line (1-based), column (0-based) and whether they are alone. Blank lines have no text."""
    lines = text.split("\n")
    masked, inside = _masked(text, extents)
    for number, line in enumerate(masked, 1):
        if (match := _COMMENT.search(line)) is not None:
            # A comment after a bare dash is above the item of the dash.
            alone = not line[: match.start()].strip(" -\t")
            column = match.start() if not line[: match.start()].strip() else 0 if alone else match.start()
            yield number, column, lines[number - 1][match.start() :].rstrip(), alone
        elif not line.strip() and number not in inside:
            yield number, 0, "", True


def _masked(text: str, extents: Sequence[Extent]) -> tuple[list[str], set[int]]:
    """Return the lines of a text with `_` in place of its scalars, and the numbers of lines that continue a scalar."""
    masked: list[str] = []
    inside: set[int] = set()
    done = 0
    for extent in extents:
        start, end = extent.start, extent.end
        if end <= start:
            continue
        if extent.is_block:  # its first line may end with a comment, and its last lines may be blank
            end = start + len(text[start:end].rstrip())
            start = min(end, start + text[start:end].index("\n") if "\n" in text[start:end] else end)
        masked += [text[done:start], re.sub(".", "_", text[start:end])]
        inside.update(range(extent.line + 1, extent.line + 1 + text.count("\n", start, end)))
        done = end
    return ("".join(masked) + text[done:]).split("\n"), inside
