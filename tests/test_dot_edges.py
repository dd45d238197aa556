"""Diagrams: whatever the wiring, every node and every edge of the graph is drawn once."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from random_specs import specs
from random_wiring import Wiring

from archdsl import ArchError
from archdsl.backends.dot import to_dot, views
from archdsl.graph import Graph, Node
from archdsl.parsing import parse
from archdsl.resolution import resolve

NODE = re.compile(r'^ *"((?:[^"\\]|\\.)*)" \[label', re.MULTILINE)
EDGE = re.compile(r'^ *"((?:[^"\\]|\\.)*)"(?::\w)? -> "((?:[^"\\]|\\.)*)"(?::\w)?(.*)$', re.MULTILINE)


@dataclass
class Expected:
    """What a diagram must show, by the names of its nodes.

    Args:
        drawn: the names that it has.
        folded: how many layers and lanes are not there, as an equal one before them stands for them.
    """

    drawn: Counter[str]
    depth: int
    nodes: set[str] = field(default_factory=set)
    edges: Counter[tuple[str, str]] = field(default_factory=Counter)
    folded: int = 0

    def body(self, graph: Graph, scope: str, depth: int, sources: list[str]) -> list[str | None]:
        """Adds what is in a body; where the edges from its outputs start."""
        given: dict[str, str | None] = dict(zip(graph.inputs, sources, strict=True))
        hidden = self.hidden(graph, scope)
        for before, node in zip([None, *graph.nodes], graph.nodes, strict=False):
            refs = [f"{node.name}.{output}" for output in node.outputs] or [node.name]
            if any(node.name.startswith(lane) for lane in hidden):
                given |= dict.fromkeys(refs)
            else:
                starts = [given[ref] for ref in node.inputs]
                given |= dict(zip(refs, self.node(node, before, scope, depth, starts), strict=True))
        return [given[end.ref] for end in graph.outputs.values()]

    def hidden(self, graph: Graph, scope: str) -> list[str]:
        """The lanes that are not there."""
        lanes = []
        for merge in graph.nodes:
            for part in merge.parts:
                lane = "/".join((*merge.lane, part, ""))
                has_nodes = any(node.name.startswith(lane) for node in graph.nodes)
                if has_nodes and not any(name.startswith(scope + lane) for name in self.drawn):
                    lanes.append(lane)
        outermost = [lane for lane in lanes if not any(lane != other and lane.startswith(other) for other in lanes)]
        self.folded += len(outermost)
        return outermost

    def node(
        self, node: Node, before: Node | None, scope: str, depth: int, starts: list[str | None]
    ) -> list[str | None]:
        """Adds a node; where the edges from its outputs start."""
        name = scope + node.name
        if node.role in ("pad", "norm", "activation"):
            return starts
        if node.body is not None and before is not None and before.body is node.body and self.is_folded(name):
            self.folded += 1
            return starts
        if node.body is not None and depth > 1:
            return self.body(node.body, f"{name}/", depth - 1, [str(start) for start in starts])
        self.nodes.add(name)
        self.edges.update((start, name) for start in starts if start is not None)
        return [name] * max(1, len(node.outputs))

    def is_folded(self, name: str) -> bool:
        """Whether neither a layer's box is there, nor anything inside it, nor the mark of its input."""
        return not any(n == name or n.startswith((f"{name}/", f"{name} in")) for n in self.drawn)


def contracted(dot: str, real: set[str]) -> Counter[tuple[str, str]]:
    """The edges between nodes that stand for something, through those that only shape a line."""
    after: dict[str, list[str]] = defaultdict(list)
    heads = set()
    for start, end, values in EDGE.findall(dot):
        if 'style="invis"' not in values:
            after[start].append(end)
            heads.add(end)
    assert {start for start in after if start not in real} <= heads, "a line begins nowhere"
    assert {end for end in heads if end not in real} <= set(after), "a line ends nowhere"
    found: Counter[tuple[str, str]] = Counter()
    for start in real:
        pending = list(after[start])
        while pending:
            end = pending.pop()
            if end in real:
                found[start, end] += 1
            else:
                pending += after[end]
    return found


def hold_complete(graph: Graph, depth: int, direction: str = "TB") -> str:
    """Raises where a diagram lacks a node or an edge of the graph, or has one too many."""
    dot = to_dot(graph, depth=depth, direction=direction)
    drawn = Counter(NODE.findall(dot))
    assert set(drawn.values()) == {1}, "a node is there twice"
    expected = Expected(drawn, depth)
    inputs = ["(input)"] if [*graph.inputs] == ["input"] else [f"(input {name})" for name in graph.inputs]
    outputs = ["(output)"] if [*graph.outputs] == ["output"] else [f"(output {name})" for name in graph.outputs]
    starts = expected.body(graph, "", depth, inputs)
    expected.edges.update((str(start), end) for start, end in zip(starts, outputs, strict=True))
    expected.nodes |= {*inputs, *outputs}
    assert {name for name in drawn if " " not in name or name.startswith("(")} == expected.nodes
    edges = contracted(dot, expected.nodes)
    assert edges - expected.edges == Counter(), "an edge too many"
    assert set(expected.edges) == set(edges), "an edge is missing"
    pills = [int(times) for times in re.findall(r"<B> ×(\d+) </B>", dot)]
    assert (expected.edges - edges).total() + expected.folded == sum(pills) - len(pills)
    return dot


def hold_views(text: str) -> bool:
    """Holds every view of a spec at three depths; whether it resolves at all."""
    try:
        graph = resolve(parse(text, "net.json"))
    except ArchError:
        return False
    for view in views(graph).values():
        for depth in (1, 2, 3):
            hold_complete(view, depth)
    return True


@pytest.mark.parametrize("first", range(0, 300, 50))
def test_random_wiring(first: int) -> None:
    assert sum(hold_views(Wiring(seed).spec()) for seed in range(first, first + 50)) >= 35


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(specs())
def test_random_specs(text: str) -> None:
    hold_views(text)
