"""Colour refinement: sorts the nodes of a graph by what surrounds them, as finely as neighbours can tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from typing import TypeAlias

Edge: TypeAlias = tuple[int, int, tuple[int, int]]
"""From one node to another, and how: places and outputs, in numbers."""


class Partition:
    """The nodes of a graph in classes. Nodes of one class have as many neighbours of each class, either way.

    Weisfeiler & Leman 1968; by splitting classes, as Hopcroft 1971.

    Args:
        labels: of each node; those of different labels are never in one class.
        edges: of the graph.
        fixed: nodes that stay in their class whatever surrounds them.
    """

    def __init__(self, labels: Sequence[Hashable], edges: Iterable[Edge], fixed: Collection[int] = ()) -> None:
        known: dict[Hashable, int] = {}
        self.colours = [known.setdefault(label, len(known)) for label in labels]
        self.members: list[set[int]] = [set() for _ in known]
        for node, colour in enumerate(self.colours):
            self.members[colour].add(node)
        self.fixed = frozenset(fixed)
        ahead: list[list[tuple[int, tuple[int, int]]]] = [[] for _ in labels]
        back: list[list[tuple[int, tuple[int, int]]]] = [[] for _ in labels]
        for one, other, how in edges:
            ahead[one].append((other, how))
            back[other].append((one, how))
        self.ways = (ahead, back)
        self.refine(range(len(self.members)))

    def refine(self, colours: Iterable[int]) -> None:
        """Splits what these classes tell apart, and then what the new ones do, until nothing splits."""
        waiting = dict.fromkeys(colours)
        while waiting:
            splitter = sorted(self.members[waiting.popitem()[0]])
            for way in self.ways:
                seen: dict[int, list[tuple[int, int]]] = defaultdict(list)
                for node in splitter:
                    for other, how in way[node]:
                        seen[other].append(how)
                for colour in self._split(seen):
                    waiting[colour] = None

    def _split(self, seen: dict[int, list[tuple[int, int]]]) -> Iterator[int]:
        """Splits each class by what its nodes see; gives the new classes."""
        groups: dict[int, dict[Hashable, list[int]]] = defaultdict(lambda: defaultdict(list))
        for node, hows in seen.items():
            if node not in self.fixed and len(self.members[self.colours[node]]) > 1:
                groups[self.colours[node]][tuple(sorted(hows))].append(node)
        for colour, parts in groups.items():
            touched = sum(map(len, parts.values()))
            by_size = sorted(parts.values(), key=len)
            # The largest part keeps the colour: what the others tell apart, it tells apart, too.
            if touched == len(self.members[colour]):
                by_size.pop()
            for part in by_size:
                yield self._apart(colour, part)

    def _apart(self, colour: int, part: Iterable[int]) -> int:
        self.members.append(set(part))
        self.members[colour] -= self.members[-1]
        for node in self.members[-1]:
            self.colours[node] = len(self.members) - 1
        return len(self.members) - 1

    def single_out(self, nodes: Collection[int]) -> None:
        """Puts some nodes of one class into a class of their own, and refines."""
        (colour,) = {self.colours[node] for node in nodes}
        self.refine([self._apart(colour, nodes)])
