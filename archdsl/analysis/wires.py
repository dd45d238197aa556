"""Which tensors of a body go where: who takes what, what runs on in a straight line, and what skips some steps."""

from __future__ import annotations

from collections import Counter
from functools import cached_property, reduce
from operator import and_, or_
from typing import NamedTuple

from archdsl.graph import Graph, TensorRef


class _Around(NamedTuple):
    """Sets of nodes around one of them.

    Args:
        sources: what it takes.
        before_sources: from where there is a way to one of its sources.
        before_takers: from where there is a way to each of its takers, or which is one itself.
    """

    sources: int
    before_sources: int
    before_takers: int


class Wires:
    """The edges of a body, asked from both ends.

    Sets of nodes are numbers, with a bit for each place in the order: what comes before a node is an `or` over what it
    takes, so that no question walks through the body.

    Args:
        graph: the body.
    """

    def __init__(self, graph: Graph) -> None:
        self.order = {name: number for number, name in enumerate([*graph.inputs, *(n.name for n in graph.nodes)])}
        self.sources: dict[str, tuple[str, ...]] = dict.fromkeys(graph.inputs, ())
        self.sources |= {node.name: tuple(ref.node for ref in node.inputs) for node in graph.nodes}
        self.nodes = {node.name: node for node in graph.nodes}
        self.given = Counter(end.ref.node for end in graph.outputs.values())
        self.takers: dict[str, list[str]] = {name: [] for name in self.order}
        for name, sources in self.sources.items():
            for source in sources:
                self.takers[source].append(name)

    def uses(self, name: str) -> int:
        """How often what a node or an input gives is taken, by nodes and as an output."""
        return len(self.takers[name]) + self.given[name]

    def called(self, name: str) -> str:
        """The name that the spec gives the step of a node; nothing where it is only numbered."""
        return self.nodes[name].step.given if name in self.nodes else ""

    def word(self, ref: TensorRef) -> str:
        """Where a tensor comes from, as `from` says it: `active`, `stage.high`; a step without a name by its number."""
        step = self.nodes[ref.node].step if ref.node in self.nodes else ref.node
        return TensorRef(self.called(ref.node) or step, ref.output)

    def feeds_only(self, name: str, *takers: str) -> bool:
        """Whether nobody but these takes what a node gives."""
        return not self.given[name] and set(self.takers[name]) <= set(takers)

    def is_straight(self, start: str, end: str | None) -> bool:
        """Whether an edge is a part of the main line: what else joins or leaves there is a way around it.

        Args:
            start: a node or an input.
            end: a node; None for an output of the body.
        """
        if end is None or (self.sources[end] == (start,) and self.takers[start] == [end]):
            return end is not None or self.uses(start) == 1
        reaching = self._before[start] | self._bit(start)
        return not self._around_of(end).sources & ~reaching and bool(
            self._around_of(start).before_takers & self._bit(end)
        )

    def is_skip(self, start: str, end: str | None) -> bool:
        """Whether an edge passes by steps that stand between its ends."""
        if end is None or self.sources[end] == (start,):
            return False
        return bool(self._around_of(end).before_sources & self._bit(start))

    @cached_property
    def _before(self) -> dict[str, int]:
        """By node or input, all from which there is a way to it, without itself."""
        before: dict[str, int] = {}
        for name, sources in self.sources.items():
            before[name] = reduce(or_, (before[source] | self._bit(source) for source in set(sources)), 0)
        return before

    @cached_property
    def _around(self) -> dict[str, _Around]:
        return {}

    def _bit(self, name: str) -> int:
        return 1 << self.order[name]

    def _around_of(self, name: str) -> _Around:
        """What is next to a node or an input; kept, for many edges ask about the node that they lead to."""
        if name not in self._around:
            sources, takers = set(self.sources[name]), set(self.takers[name])
            self._around[name] = _Around(
                reduce(or_, map(self._bit, sources), 0),
                reduce(or_, (self._before[source] for source in sources), 0),
                reduce(and_, (self._before[taker] | self._bit(taker) for taker in takers), -1),
            )
        return self._around[name]
