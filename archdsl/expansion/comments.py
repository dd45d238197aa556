"""The comments of a spec, and which entry each belongs to. Reads only text that was accepted as a spec."""

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
    """A comment at the end of a line, and the column (from 0) that it begins in where there is room."""

    column: int
    text: str


@dataclass(frozen=True, slots=True)
class EntryComments:
    """The comments of one entry.

    Args:
        above: comments and blank lines (as empty text) in front of it.
        trailing: comments at the end of its first line.
        below: comments under it, indented as it is.
    """

    above: tuple[str, ...] = ()
    trailing: tuple[TrailingComment, ...] = ()
    below: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(self.above) or bool(self.trailing) or bool(self.below)

    def led_by(self, lines: list[str]) -> EntryComments:
        """These comments with more lines above the entry; blank lines stay in front of all."""
        blank = next((i for i, text in enumerate(self.above) if text), len(self.above))
        return replace(self, above=(*self.above[:blank], *lines, *self.above[blank:]))


NO_COMMENTS = EntryComments()


@dataclass(frozen=True, slots=True, eq=False)
class _SourceEntry:
    """An entry of the file: the node that names it (a mapping's key, or a list's item), and its position."""

    anchor: Node
    line: int
    column: int
    parents: tuple[_SourceEntry, ...]
    flow: bool


class Comments:
    """The comments of a text by the entry that each belongs to; a comment can be taken once.

    A comment on a line of its own belongs to the entry below it, or, where it is indented more than that, to the one
    above; a comment behind a value belongs to the outermost entry that begins on its line.
    """

    def __init__(self, text: str, root: Node, extents: Sequence[Extent]) -> None:
        # Keyed by the identity of an entry's anchor: equal nodes occur at several places of a file.
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
        """The comments of these entries, which are one in the long form."""
        ids = [id(anchor) for anchor in anchors]
        return EntryComments(
            tuple(text for anchor in ids for text in self._above.pop(anchor, ())),
            tuple(comment for anchor in ids for comment in self._trailing.pop(anchor, ())),
            tuple(text for anchor in ids for text in self._below.pop(anchor, ())),
        )

    def take_above(self, anchor: Node) -> list[str]:
        """The comments above an entry alone."""
        return self._above.pop(id(anchor), [])

    def take_rest(self, *nodes: Node | None) -> list[str]:
        """All comments in and around some nodes that were not taken yet, as lines of their own."""
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
    """Whether a list or a mapping is written in brackets, and not line by line."""
    return node.span.text[node.span.column - 1 : node.span.column] in ("[", "{")


def _source_entries(node: Node, parents: tuple[_SourceEntry, ...]) -> Iterator[_SourceEntry]:
    """The entries in and under a node, in the order of the file."""
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
    """Of the entries that begin on a line, the one that a comment at its end is about.

    It is the outermost; where that goes on in brackets on further lines, the last inner one of this line.
    """
    subject = own[0]
    while after is not None and subject in after.parents:
        inner = [entry for entry in own if entry.parents[-1:] == (subject,) and entry.flow]
        if not inner:
            break
        subject = inner[-1]
    return subject


def _comments_of(text: str, extents: Sequence[Extent]) -> Iterator[tuple[int, int, str, bool]]:
    """Each comment with its line (from 1), its column (from 0), and whether it is alone; blank lines are empty."""
    lines = text.split("\n")
    masked, inside = _masked(text, extents)
    for number, line in enumerate(masked, 1):
        if (match := _COMMENT.search(line)) is not None:
            # Behind a bare dash it stands above what the dash begins.
            alone = not line[: match.start()].strip(" -\t")
            column = match.start() if not line[: match.start()].strip() else 0 if alone else match.start()
            yield number, column, lines[number - 1][match.start() :].rstrip(), alone
        elif not line.strip() and number not in inside:
            yield number, 0, "", True


def _masked(text: str, extents: Sequence[Extent]) -> tuple[list[str], set[int]]:
    """The lines of a text with `_` for everything in its scalars, and the lines that go on with a scalar."""
    masked: list[str] = []
    inside: set[int] = set()
    done = 0
    for extent in extents:
        start, end = extent.start, extent.end
        if end <= start:
            continue
        if extent.is_block:  # its first line may end in a comment, its last ones may be blank
            end = start + len(text[start:end].rstrip())
            start = min(end, start + text[start:end].index("\n") if "\n" in text[start:end] else end)
        masked += [text[done:start], re.sub(".", "_", text[start:end])]
        inside.update(range(extent.line + 1, extent.line + 1 + text.count("\n", start, end)))
        done = end
    return ("".join(masked) + text[done:]).split("\n"), inside
