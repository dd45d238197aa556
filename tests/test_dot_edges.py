"""Diagrams: whatever the wiring, every node and every edge of the graph is drawn once."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from random_specs import several
from random_wiring import Wiring
from reading import quickly
from test_dot import layout, overlaps

from archdsl import ArchError
from archdsl.backends.diagrams import Options, to_dot, views
from archdsl.graph import Graph, Node
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
        before: Node | None = None
        for node in graph.nodes:
            refs = [f"{node.name}.{output}" for output in node.outputs] or [node.name]
            if any(node.name.startswith(lane) for lane in hidden):
                given |= dict.fromkeys(refs)
            else:
                starts = [given[ref] for ref in node.inputs]
                given |= dict(zip(refs, self.node(node, before, scope, depth, starts), strict=True))
            before = before if node.role in ("pad", "norm", "activation") else node
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
        if before is not None and (before.kind, before.op) == (node.kind, node.op) and self.is_folded(name):
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


@pytest.fixture(scope="module")
def wired() -> dict[str, Graph]:
    return views(resolve(parse(WIRED, "wired.yaml")))


@pytest.mark.parametrize("name", ["Wired", "Stage", "Fuse", "Tapped", "Far", "Level"])
def test_taps_and_named_ends(wired: dict[str, Graph], golden: Callable[[str, str], None], name: str) -> None:
    assert hold_complete(wired[name], 1, "LR")
    golden(f"dot/{name}.dot", hold_complete(wired[name], 1))


def test_inside_layers_with_several_inputs_and_outputs(
    wired: dict[str, Graph], golden: Callable[[str, str], None]
) -> None:
    golden("dot/Wired-3.dot", hold_complete(wired["Wired"], 3))


@pytest.mark.parametrize("direction", ["TB", "LR"])
@pytest.mark.parametrize("depth", [1, 3])
def test_no_boxes_overlap(wired: dict[str, Graph], direction: str, depth: int) -> None:
    assert [*wired] == ["Wired", "Stage", "Fuse", "Tapped", "Far", "Level", "Level-2", "Level-3"]
    for graph in wired.values():
        boxes = layout(to_dot(graph, Options(direction=direction, depth=depth)))
        assert overlaps(boxes) == [], graph.name


def test_inputs_and_outputs_stand_side_by_side(wired: dict[str, Graph]) -> None:
    boxes = layout(to_dot(wired["Wired"]))
    image, facts = boxes["(input image)"], boxes["(input facts)"]
    assert image[0] < facts[0]
    assert image[1] == pytest.approx(facts[1])
    assert boxes["(output label)"][1] == pytest.approx(boxes["(output age)"][1])


def test_what_skips_steps_leaves_their_column_straight(wired: dict[str, Graph]) -> None:
    boxes = layout(to_dot(wired["Far"]))
    column = [boxes[name][0] for name in ("stem", "conv_1", "conv_2", "late", "add_1")]
    assert column == pytest.approx([column[0]] * 5, abs=1)


def test_a_tapped_shortcut_begins_under_its_tap(wired: dict[str, Graph]) -> None:
    boxes = layout(to_dot(wired["Tapped"]))
    tap, shortcut = boxes["main/active"], boxes["shortcut/conv_1"]
    assert tap[0] < shortcut[0]
    assert tap[1] > shortcut[1] == pytest.approx(boxes["main/conv_1"][1], abs=1)


def drawn(model: str, depth: int = 1) -> str:
    """The complete diagram of a model with these steps."""
    layers = "layers: {Same: {steps: [relu]}}\n" if "Same" in model else ""
    text = f"archdsl: 1\nname: Net\ninput: [8, 8, 4]\n{layers}model:\n{model}"
    return hold_complete(resolve(parse(text, "net.yaml")), depth)


def test_an_unmerged_shortcut_is_not_the_next_bunch_s() -> None:
    dot = drawn("""
  - {paths: {gone: {repeat: 0, steps: [relu]}}, shortcut: [relu], merge: add}
  - {paths: {a: [{paths: {b: [gelu], c: [swish]}, merge: add}]}, shortcut: identity, merge: add}
""")
    assert "identity" in dot


def test_lanes_and_layers_that_are_tapped_are_not_folded() -> None:
    paths = ", ".join(f"p{number}: [{{relu: {{}}, name: n{number}}}]" for number in range(6))
    assert "&#160;×6&#160;" in drawn(f"  - {{paths: {{{paths}}}, merge: add}}\n")
    dot = drawn(f"  - {{paths: {{{paths}}}, shortcut: [{{gelu: {{}}, from: n3}}], merge: add}}\n")
    assert dot.count("<B>ReLU</B>") == 6
    for depth in (1, 2):
        assert "&#160;×3&#160;" in drawn("  - {Same: {}, repeat: 3, name: x}\n", depth)
        dot = drawn("  - {Same: {}, repeat: 3, name: x}\n  - {add: {}, from: [x, x_1]}\n", depth)
        assert "&#160;×2&#160;" in dot
        assert "&#160;×3&#160;" not in dot


def test_lanes_start_where_they_start() -> None:
    inner = "{paths: {b: [relu], c: [gelu]}, shortcut: identity, merge: add}"
    dot = drawn(f"  - {{paths: {{a: [{inner}], d: [swish]}}, merge: add}}\n")
    assert '"(input)" -> "a/add_1 fork"' in dot
    assert '"(input)" -> "add_1 1 d space 0"' in dot


def test_a_head_that_begins_with_lanes_has_a_dot_for_them() -> None:
    lanes = "  - {paths: {b: [relu], c: [gelu]}, merge: add}\n"
    assert '"add_1 fork"' in drawn(f"  - Same\n{lanes}  - global_average_pool\n")


def hold_views(text: str) -> bool:
    """Holds every view of a spec at three depths; whether it resolves at all."""
    try:
        with quickly():
            graph = resolve(parse(text, "net.json"))
    except ArchError:
        return False
    for view in views(graph).values():
        for depth in (1, 2, 3):
            hold_complete(view, depth)
    return True


def test_random_wiring() -> None:
    assert sum(hold_views(Wiring(seed).spec()) for seed in range(50)) >= 45


@pytest.mark.slow
def test_more_random_wiring() -> None:
    assert sum(hold_views(Wiring(seed).spec()) for seed in range(50, 400)) >= 315


def test_random_specs() -> None:
    assert sum(map(hold_views, several(0, 150))) >= 60


@pytest.mark.slow
def test_many_random_specs() -> None:
    assert sum(map(hold_views, several(1000, 600))) >= 250
