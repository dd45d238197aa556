"""The comments of a spec, and which entry each belongs to. Reads only text that was accepted as a spec."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from archdsl.expansion.tree import Remark, in_brackets
from archdsl.source import Extent, Mapping, Node, Scalar

_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")


@dataclass
class Around:
    """What stands around one entry, in the order of the file."""

    above: list[str] = field(default_factory=list)
    behind: list[Remark] = field(default_factory=list)
    below: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """All of it as lines of their own."""
        return [*filter(None, self.above), *(remark.text for remark in self.behind), *filter(None, self.below)]


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """An entry of the file: what names it (a mapping's key, or a list's item), and where it stands."""

    anchor: Node
    line: int
    column: int
    parents: tuple[_Place, ...]
    flow: bool


class Comments:
    """The comments of a text, each beside the entry that it speaks of; what is taken is gone.

    A comment on a line of its own belongs to the entry below it, or, where it is indented more than that, to the one
    above; a comment behind a value belongs to the outermost entry that begins on its line.
    """

    def __init__(self, text: str, root: Node, extents: Sequence[Extent]) -> None:
        self._around: dict[int, Around] = {}
        places = list(_places(root, ()))
        lines = [place.line for place in places]
        for line, column, comment, alone in _found(text, extents):
            first, last = bisect_left(lines, line), bisect_right(lines, line)
            before, after = places[first - 1] if first else None, places[last] if last < len(places) else None
            if first < last:
                self._at(_spoken_of(places[first:last], after)).behind.append(Remark(column, comment))
            elif before is not None and not alone:
                self._at(before).behind.append(Remark(column, comment))
            elif before is not None and (after is None or (comment and column > after.column)):
                chain = [place for place in (*before.parents, before) if not place.flow and place.column <= column]
                self._at((chain or [before])[-1]).below.append(comment)
            elif after is not None:
                self._at(after).above.append(comment)

    def _at(self, place: _Place) -> Around:
        return self._around.setdefault(id(place.anchor), Around())

    def take(self, *anchors: Node | None) -> Around:
        """What stands around these entries, which are one in the long form."""
        found = Around()
        for around in (self._around.pop(id(anchor), Around()) for anchor in anchors if anchor is not None):
            found.above += around.above
            found.behind += around.behind
            found.below += around.below
        return found

    def take_above(self, anchor: Node) -> list[str]:
        """The comments above an entry alone."""
        around = self._around.get(id(anchor), Around())
        lines, around.above = around.above, []
        return lines

    def rest(self, *nodes: Node | None) -> list[str]:
        """What nobody has taken of the comments in and around some nodes, as lines of their own."""
        lines: list[str] = []
        for node in nodes:
            if node is None:
                continue
            lines += self.take(node).lines()
            if isinstance(node, Scalar):
                continue
            for item in node.items:
                lines += self.rest(*item) if isinstance(item, tuple) else self.rest(item)
        return lines


def _places(node: Node, parents: tuple[_Place, ...]) -> Iterator[_Place]:
    """The entries in and under a node, in the order of the file."""
    if isinstance(node, Scalar):
        return
    flow = in_brackets(node)
    for item in node.items:
        anchor, value = item if isinstance(item, tuple) else (item, item)
        column = anchor.span.column if isinstance(node, Mapping) or flow else node.span.column
        place = _Place(anchor, anchor.span.line, column - 1, parents, flow)
        yield place
        yield from _places(value, (*parents, place))


def _spoken_of(own: Sequence[_Place], after: _Place | None) -> _Place:
    """Of the entries that begin on a line, the one that a comment at its end is about.

    It is the outermost; where that goes on in brackets on further lines, the last inner one of this line.
    """
    chosen = own[0]
    while after is not None and chosen in after.parents:
        inner = [place for place in own if place.parents[-1:] == (chosen,) and place.flow]
        if not inner:
            break
        chosen = inner[-1]
    return chosen


def _found(text: str, extents: Sequence[Extent]) -> Iterator[tuple[int, int, str, bool]]:
    """Each comment with its line (from 1), its column (from 0), and whether it stands alone; blank lines are empty."""
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
