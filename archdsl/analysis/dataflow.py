"""Each distinct body of a graph once: what flows through it, what of that is read, and how often the body is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from archdsl.analysis.index_sets import Window
from archdsl.analysis.liveness import Need, Needs, Reader, everything, together
from archdsl.analysis.value_range import Flow, flow_of
from archdsl.analysis.windows import CONVOLUTIONS, slides, windows
from archdsl.errors import shown
from archdsl.graph import Graph, Node
from archdsl.ops import Shape

Flows: TypeAlias = tuple[Flow, ...]


@dataclass(eq=False)
class Body:
    """A layer's body (or the model's) for given inputs and given readers.

    Args:
        uses: how often the network has it.
        first: the body and the node of the first use; None for the model.
        inputs: what is read of its inputs.
        skipping: the ops in it that leave some of their input unread.
    """

    graph: Graph
    sites: list[Site] = field(default_factory=list)
    children: list[tuple[Node, Body]] = field(default_factory=list)
    uses: int = 0
    first: tuple[Body, Node] | None = None
    inputs: tuple[Need, ...] = ()
    skipping: list[Reader] = field(default_factory=list)

    def trail(self) -> tuple[str, ...]:
        """The chain of layers of its first use, from the inside."""
        told, body = [], self
        while body.first is not None:
            outer, node = body.first
            values = ", ".join(f"{name}={shown(value).strip('`')}" for name, value in node.arguments.items())
            line = f" at line {node.span.line}" if node.span else ""
            told.append(f"in {node.kind}, from {outer.graph.name}{line}" + (f" ({values})" if values else ""))
            body = outer
        return tuple(told)


@dataclass(frozen=True, eq=False, slots=True)
class Site:
    """One op where it stands: what it takes, what is known of that, and what is read of its output.

    Args:
        given: what is known of the output.
        alone: whether nobody else reads its first input.
        before: the node that gives its first input, where that stands in the same body.
        windows: how it slides along rows and columns, where it does.
    """

    body: Body
    node: Node
    shapes: tuple[Shape, ...]
    flows: Flows
    given: Flow
    need: Need
    alone: bool
    before: Node | None
    windows: tuple[Window, Window] | None


LEAST, TIMES = 2_000, 4
"""How many nodes are looked at for each way in which their bodies are used: so many, or so many times those there are.
After them a body is taken as it is when everything is read: then less is found, but nothing that is not so."""


class Walk:
    """All bodies of a model, the model's own first, each before those inside it."""

    def __init__(self, graph: Graph) -> None:
        self._flows: dict[tuple[int, Flows], dict[str, Flow]] = {}
        self._bodies: dict[Any, Body] = {}
        self._visited = self._passed = 0
        self._enough = max(LEAST, TIMES * sum(len(body.nodes) for body in _distinct(graph)))
        self._windows: dict[Any, tuple[Window, Window] | None] = {}
        self.needs = Needs()
        flows = (Flow(),) * len(graph.inputs)
        self.outputs = {name: self._through(graph, flows)[end.ref] for name, end in graph.outputs.items()}
        self._body(graph, flows, tuple(everything(end.shape) for end in graph.outputs.values()))
        self.bodies = [*reversed(self._bodies.values())]
        self.bodies[0].uses = 1
        for body in self.bodies:
            for node, child in body.children:
                child.uses += body.uses
                child.first = child.first or (body, node)

    @property
    def sites(self) -> Iterator[Site]:
        """Every op of every distinct body, in the order of the bodies."""
        for body in self.bodies:
            yield from body.sites

    def _through(self, graph: Graph, flows: Flows) -> dict[str, Flow]:
        """What is known of every tensor of a body, by its ref."""
        if self._passed > self._enough:
            flows = (Flow(),) * len(graph.inputs)
        key = id(graph), flows
        if key not in self._flows:
            self._flows[key] = found = dict(zip(graph.inputs, flows, strict=True))
            shapes = graph.shapes
            self._passed += len(graph.nodes)
            for node in graph.nodes:
                taken = tuple(found[ref] for ref in node.inputs)
                if node.body is None:
                    found[node.name] = flow_of(node, taken, [shapes[ref] for ref in node.inputs])
                    continue
                inside = self._through(node.body, taken)
                for ref, end in zip(node.output_refs, node.body.outputs.values(), strict=True):
                    found[ref] = inside[end.ref]
        return self._flows[key]

    def windows(self, node: Node, shape: Shape) -> tuple[Window, Window] | None:
        """How an op slides over a map of this shape; equal ops are asked once."""
        key = id(node.op), shape, node.shape
        if key not in self._windows:
            self._windows[key] = windows(node.op, shape, node.shape)
        return self._windows[key]

    def _body(self, graph: Graph, flows: Flows, ends: tuple[Need, ...]) -> Body:
        if self._visited > self._enough:
            flows = (Flow(),) * len(graph.inputs)
            ends = tuple(everything(end.shape) for end in graph.outputs.values())
        key = id(graph), flows, ends
        if key not in self._bodies:
            self._visited += len(graph.nodes)
            body = _Backwards(self, graph, flows, ends).body
            self._bodies[key] = body  # behind all that is inside it
        return self._bodies[key]


class _Backwards:
    """Fills a body, from its last node to its first."""

    def __init__(self, walk: Walk, graph: Graph, flows: Flows, ends: Sequence[Need]) -> None:
        self.walk, self.body = walk, Body(graph)
        self.shapes, self.known = graph.shapes, walk._through(graph, flows)
        self.by_name = {node.name: node for node in graph.nodes}
        self.readers: dict[str, list[Need]] = {}
        self.next: dict[str, list[Node]] = {}
        for end, need in zip(graph.outputs.values(), ends, strict=True):
            self.readers.setdefault(end.ref, []).append(need)
        for node in graph.nodes:
            for ref in node.inputs:
                self.next.setdefault(ref, []).append(node)
        taken = {end.ref for end in graph.outputs.values()}
        self.alone = {ref for ref, nodes in self.next.items() if len(nodes) == 1 and ref not in taken}
        for node in reversed(graph.nodes):
            self._node(node)
        self.body.sites.reverse()
        self.body.children.reverse()
        self.body.inputs = tuple(self._read(name) for name in graph.inputs)

    def _read(self, ref: str) -> Need:
        return together(self.readers.get(ref, []), self.shapes[ref])

    def _node(self, node: Node) -> None:
        shapes = tuple(self.shapes[ref] for ref in node.inputs)
        flows = tuple(self.known[ref] for ref in node.inputs)
        if node.body is not None:
            child = self.walk._body(node.body, flows, tuple(self._read(ref) for ref in node.output_refs))
            self.body.children.append((node, child))
            needs = child.inputs
        else:
            need = self._read(node.name)
            needs, skipping = self.walk.needs.of(node, shapes, need, self._hint)
            self.body.skipping += [skipping] if skipping else []
            before = self.by_name.get(node.inputs[0])
            alone, moves = node.inputs[0] in self.alone, self.walk.windows(node, shapes[0])
            given = self.known[node.name]
            self.body.sites.append(Site(self.body, node, shapes, flows, given, need, alone, before, moves))
        for ref, one in zip(node.inputs, needs, strict=True):
            self.readers.setdefault(ref, []).append(one)

    def _hint(self, node: Node) -> str:
        """Where a stride would better stand that reads only some of what was computed."""
        op = node.op
        if op is None or op.name == "take":
            return "take it before the last layers, which then compute nothing for the others"
        if op.name in ("crop", "center_crop", "take_channels"):
            return "compute only what is kept"
        stride = getattr(op, "stride", None)
        if not isinstance(op, CONVOLUTIONS) or stride == (1, 1) or slides(op):
            return "`padding: same`, or a map that the windows cover without rest"
        told = "" if stride is None else str(stride[0] if stride[0] == stride[1] else [*stride])
        before = node
        while before.inputs[0] in self.alone and before.inputs[0] in self.by_name:
            before = self.by_name[before.inputs[0]]
            if before.op is None or before.op.many:
                break
            if slides(before.op) and getattr(before.op, "stride", None) == (1, 1):
                line = f" on line {before.span.line}" if before.span else ""
                return f"put `stride: {told}` on `{before.name}`{line}, which then computes only what is read"
        after = node
        while after.name in self.alone:
            after = self.next[after.name][0]
            if after.op is None or after.op.many:
                break
            if slides(after.op) and getattr(after.op, "stride", None) == (1, 1):
                line = f" on line {after.span.line}" if after.span else ""
                return f"put `stride: {told}` on `{after.name}`{line}, whose windows read everything"
        return "stride a convolution whose windows read everything, or pool before it"


def _distinct(graph: Graph) -> Iterator[Graph]:
    """The bodies of a graph, each once."""
    pending, known = [graph], {id(graph)}
    while pending:
        body = pending.pop()
        yield body
        for node in body.nodes:
            if node.body is not None and id(node.body) not in known:
                known.add(id(node.body))
                pending.append(node.body)
