"""Which tensors of a body go where: who takes what, what runs on in a straight line, and what skips some steps."""

from __future__ import annotations

from collections import Counter

from archdsl.graph import Graph, TensorRef


class Wires:
    """The edges of a body, asked from both ends.

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
        if end is None:
            return self.uses(start) == 1
        return all(self._leads(source, start) for source in self.sources[end]) and all(
            self._leads(end, taker) for taker in self.takers[start]
        )

    def is_skip(self, start: str, end: str | None) -> bool:
        """Whether an edge passes by steps that stand between its ends."""
        return end is not None and any(source != start and self._leads(start, source) for source in self.sources[end])

    def _leads(self, start: str, end: str) -> bool:
        """Whether there is a way from one to the other; from each to itself there is."""
        first, pending, seen = self.order[start], [end], {end}
        while pending:
            name = pending.pop()
            if name == start:
                return True
            for source in self.sources[name]:
                if source not in seen and self.order[source] >= first:
                    seen.add(source)
                    pending.append(source)
        return False
