"""The nodes and edges that a diagram must have."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from archdsl.diagrams import Options, to_dot
from archdsl.graph import Graph, Node
from archdsl.ops.merge import Merge
from archdsl.parsing import parse
from archdsl.resolution import resolve

WIRED = """
archdsl: 1
name: Wired
inputs: {image: [32, 32, 3], facts: [12]}
defaults: {conv: {padding: same, norm: batch, activation: relu}}
layers:
  Stage:
    args: {f: int}
    steps:
      - {conv: {filters: $f, kernel: 3}, name: high}
      - {conv: {filters: $f * 2, kernel: 3, stride: 2}, name: low}
    outputs: [high, low]
  Fuse:
    inputs: [high, low]
    steps:
      - {upsample: {size: 2}, from: low, name: up}
      - {concat: {}, from: [high, up]}
  Tapped:
    args: {f: int}
    paths:
      main:
        - batch_norm
        - {relu: {}, name: active}
        - conv: {filters: $f, kernel: 3}
        - conv: {filters: $f, kernel: 3}
        - conv: {filters: $f, kernel: 3, norm: none, activation: none}
    shortcut: [{conv: {filters: $f, kernel: 1}, from: active}]
    merge: add
  Far:
    steps:
      - {conv: {filters: 8, kernel: 3}, name: stem}
      - conv: {filters: 8, kernel: 3}
      - conv: {filters: 8, kernel: 3}
      - {conv: {filters: 8, kernel: 3}, name: late}
      - {add: {}, from: [late, stem]}
      - {paths: {again: [relu]}, shortcut: identity, merge: add, repeat: 2}
  Level:
    args: {f: int, levels: int}
    steps:
      - conv: {filters: $f, kernel: 3}
      - paths:
          below:
            - max_pool: {size: 2}
            - Level: {f: $f * 2, levels: $levels - 1}
            - conv_transpose: {filters: $f, kernel: 2, stride: 2}
        shortcut: identity
        merge: concat
        when: $levels > 0
model:
  - {Stage: {f: 8}, name: stage, from: image}
  - {Fuse: {}, from: [stage.high, stage.low]}
  - Tapped: {f: 8}
  - Far
  - Level: {f: 8, levels: 2}
  - {global_average_pool: {}, name: seen}
  - {dense: {units: 8, activation: relu}, from: facts, name: known}
  - {concat: {}, from: [seen, known]}
  - {dense: {units: 16}, name: joined}
  - {dense: {units: 5, activation: softmax}, name: label}
  - {dense: {units: 1}, from: joined, name: age}
outputs: [label, age]
"""


NODE = re.compile(r'^ *"((?:[^"\\]|\\.)*)" \[label', re.MULTILINE)


EDGE = re.compile(r'^ *"((?:[^"\\]|\\.)*)"(?::[\w:]+)? -> "((?:[^"\\]|\\.)*)"(?::[\w:]+)?(.*)$', re.MULTILINE)


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
        places: dict[object, list[str | None]] = {}
        before: Node | None = None
        for node in graph.nodes:
            if any(node.name.startswith(lane) for lane in hidden):
                given |= dict.fromkeys(node.output_refs)
            else:
                starts = [given[ref] for ref in node.inputs]
                if takes_whole(node, graph) and len({*starts}) == 1 and scope + node.name in self.drawn:
                    starts = starts[:1]
                place = node.kind, node.span
                if before is not None and self.repeats(node, before, scope):
                    found = starts
                elif place in places and node.role in ("main", "layer") and self.is_folded(scope + node.name):
                    found = places[place]
                    self.folded += before is None or is_before(node, before)
                else:
                    found = self.node(node, scope, depth, starts)
                places[place] = found
                given |= dict(zip(node.output_refs, found, strict=True))
            before = before if node.role in ("pad", "norm", "activation") else node
        return [given[end.ref] for end in graph.outputs.values()]

    def hidden(self, graph: Graph, scope: str) -> list[str]:
        """The lanes that are not there."""
        lanes = []
        for merge in graph.nodes:
            for part in merge.parts:
                lane = "/".join((*merge.path, part, ""))
                has_nodes = any(node.name.startswith(lane) for node in graph.nodes)
                if has_nodes and not any(name.startswith(scope + lane) for name in self.drawn):
                    lanes.append(lane)
        outermost = [lane for lane in lanes if not any(lane != other and lane.startswith(other) for other in lanes)]
        self.folded += len(outermost)
        return outermost

    def node(self, node: Node, scope: str, depth: int, starts: list[str | None]) -> list[str | None]:
        """Adds a node; where the edges from its outputs start."""
        name = scope + node.name
        if node.role in ("pad", "norm", "activation"):
            return starts
        if node.body is not None and (depth > 1 or any(drawn.startswith(f"{name}/") for drawn in self.drawn)):
            return self.body(node.body, f"{name}/", depth - 1, [str(start) for start in starts])
        self.nodes.add(name)
        self.edges.update((start, name) for start in starts if start is not None)
        return [name] * max(1, len(node.outputs))

    def repeats(self, node: Node, before: Node, scope: str) -> bool:
        """Whether a node is equal to the one before it, and not there."""
        is_repeated = (before.kind, before.op) == (node.kind, node.op) and self.is_folded(scope + node.name)
        self.folded += is_repeated
        return is_repeated

    def is_folded(self, name: str) -> bool:
        """Whether neither a layer's box is there, nor anything inside it, nor the mark of its input."""
        return not any(n == name or n.startswith((f"{name}/", f"{name} in")) for n in self.drawn)


def is_before(node: Node, other: Node) -> bool:
    """Whether a node stands in the spec before another or at its place, and so begins a copy."""
    spans = [(one.span.line, one.span.column) for one in (node, other) if one.span]
    return len(spans) < 2 or spans[0] <= spans[1]


def joined(dot: str) -> Counter[tuple[str, str]]:
    """How many more tensors than one each edge carries: its tooltip tells two lines for each."""
    told = {(start, end): values.count("&#10;") // 2 for start, end, values in EDGE.findall(dot)}
    return Counter({ends: times for ends, times in told.items() if times})


def takes_whole(node: Node, graph: Graph) -> bool:
    """Whether a layer or op, but no merge, takes all outputs of one layer in order: then one line is enough."""
    source = next((other for other in graph.nodes if other.name == node.inputs[0].node), None) if node.inputs else None
    is_whole = source is not None and source.body is not None and source.output_refs == node.inputs
    return is_whole and not isinstance(node.op, Merge)


def contracted(dot: str, real: set[str]) -> Counter[tuple[str, str]]:
    """The edges between nodes that stand for something, through those that only shape a line."""
    after: dict[str, list[str]] = defaultdict(list)
    heads = set()
    for start, end, values in EDGE.findall(dot):
        if 'style="invis"' not in values:
            start, end = (end, start) if 'class="back"' in values else (start, end)
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


def hold_at_home(dot: str) -> None:
    """Raises where an edge would draw one of its ends into a cluster that the end does not stand in."""
    homes: dict[str, list[str]] = {}
    edges = []
    blocks: list[str] = []
    for line in dot.splitlines():
        if line.endswith("{"):
            blocks.append(line.strip())
        elif line.strip() == "}":
            blocks.pop()
        elif edge := EDGE.match(line):
            edges.append((list(blocks), *edge.groups()[:2]))
        elif node := NODE.match(line):
            homes[node[1]] = list(blocks)
    for place, *ends in edges:
        for end in ends:
            assert homes[end][: len(place)] == place, f"an edge draws {end} into {place[-1]}"


def hold_complete(graph: Graph, depth: int, direction: str = "TB") -> str:
    """Raises where a diagram lacks a node or an edge of the graph, or has one too many."""
    dot = to_dot(graph, Options(depth=depth, direction=direction))
    hold_at_home(dot)
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
    pills = [int(times) for times in re.findall(r"<B>&#160;×(\d+)&#160;</B>", dot)]
    assert (expected.edges - edges).total() + expected.folded == sum(pills) - len(pills)
    return dot


def drawn(model: str, depth: int = 1) -> str:
    """The complete diagram of a model with these steps."""
    layers = "layers: {Same: {steps: [relu]}}\n" if "Same" in model else ""
    text = f"archdsl: 1\nname: Net\ninput: [8, 8, 4]\n{layers}model:\n{model}"
    return hold_complete(resolve(parse(text, "net.yaml")), depth)
