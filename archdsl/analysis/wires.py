"""The edges of a body: consumers of tensors, the main line, and skip connections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property, reduce
from operator import and_, or_
from typing import NamedTuple

from archdsl.graph import Graph, TensorRef


class _Around(NamedTuple):
    """Sets of nodes around a node, as bit sets.

    Args:
        sources: its sources.
        before_sources: the nodes that lead to one of its sources.
        before_takers: the nodes that lead to all of its consumers, or are one of them.
    """

    sources: int
    before_sources: int
    before_takers: int


class Wires:
    """Queries about the edges of a body.

    Sets of nodes are integers with one bit per node. The set of nodes before a node is the union over its sources, so
    no query has to traverse the body.

    Args:
        graph: the body.

    Attributes:
        shared: the nodes whose layers other nodes call, numbered from 0.
    """

    def __init__(self, graph: Graph) -> None:
        self.order = {name: number for number, name in enumerate([*graph.inputs, *(n.name for n in graph.nodes)])}
        self.sources: dict[str, tuple[str, ...]] = dict.fromkeys(graph.inputs, ())
        self.sources |= {node.name: tuple(ref.node for ref in node.inputs) for node in graph.nodes}
        self.nodes = {node.name: node for node in graph.nodes}
        owners = [node.shared_with for node in graph.nodes if node.shared_with]
        self.shared = {name: number for number, name in enumerate(dict.fromkeys(owners))}
        self.given = Counter(end.ref.node for end in graph.outputs.values())
        self.takers: dict[str, list[str]] = {name: [] for name in self.order}
        for name, sources in self.sources.items():
            for source in sources:
                self.takers[source].append(name)

    def uses(self, name: str) -> int:
        """Return how often the output of a node or input is used, by nodes and as an output of the body."""
        return len(self.takers[name]) + self.given[name]

    def called(self, name: str) -> str:
        """Return the `name` of the step of a node, or an empty string if it is only numbered."""
        return self.nodes[name].step.given if name in self.nodes else ""

    def word(self, ref: TensorRef) -> str:
        """Return the source of a tensor in the form used by `from`: `active`, `stage.high`, or a numbered step."""
        step = self.nodes[ref.node].step if ref.node in self.nodes else ref.node
        return TensorRef(self.called(ref.node) or step, ref.output)

    def are_all_outputs(self, refs: Sequence[TensorRef]) -> bool:
        """Whether tensors are all outputs of one layer, in order."""
        node = self.nodes.get(refs[0].node) if refs else None
        return node is not None and node.body is not None and node.output_refs == tuple(refs)

    def feeds_only(self, name: str, *takers: str) -> bool:
        """Whether the output of a node is used only by these consumers."""
        return not self.given[name] and set(self.takers[name]) <= set(takers)

    def is_straight(self, start: str, end: str | None) -> bool:
        """Whether an edge is part of the main line: all other edges at its ends are ways around it.

        Args:
            start: a node or an input.
            end: a node, or None for an output of the body.
        """
        if end is None or (self.sources[end] == (start,) and self.takers[start] == [end]):
            return end is not None or self.uses(start) == 1
        reaching = self._before[start] | self._bit(start)
        return not self._around_of(end).sources & ~reaching and bool(
            self._around_of(start).before_takers & self._bit(end)
        )

    def is_skip(self, start: str, end: str | None) -> bool:
        """Whether an edge skips steps between its ends."""
        if end is None or self.sources[end] == (start,):
            return False
        return bool(self._around_of(end).before_sources & self._bit(start))

    @cached_property
    def _before(self) -> dict[str, int]:
        """All nodes that lead to a node or input, without itself, by its name."""
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
        """The sets around a node or input; cached, because many edges lead to the same node."""
        if name not in self._around:
            sources, takers = set(self.sources[name]), set(self.takers[name])
            self._around[name] = _Around(
                reduce(or_, map(self._bit, sources), 0),
                reduce(or_, (self._before[source] for source in sources), 0),
                reduce(and_, (self._before[taker] | self._bit(taker) for taker in takers), -1),
            )
        return self._around[name]
