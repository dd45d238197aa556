"""Dataflow analysis of each distinct body of a graph: facts about tensors, liveness, and number of uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from archdsl.analysis.liveness import InputLiveness, Liveness, PartialReader, all_live, joined
from archdsl.analysis.value_range import TensorFacts, facts_of
from archdsl.errors import shown
from archdsl.graph import Graph, Node
from archdsl.ops import Op, Shape
from archdsl.ops.base import is_one
from archdsl.ops.index_sets import Window

# How it works. The body of a layer is one graph, however often it is used, but the facts about its inputs and the
# liveness of its outputs can differ between uses. Facts are therefore propagated forward from the inputs, and liveness
# backward from the outputs, once for each distinct combination of a body and what reaches its ends. A use of a layer
# looks up the result. Bodies that are used in many different ways could make this expensive. After `LEAST` nodes or
# `TIMES` the number of nodes, nothing is assumed about the inputs of a body, and all of its outputs count as read. Then
# fewer findings are reported, but no wrong ones.

Facts: TypeAlias = tuple[TensorFacts, ...]

LEAST, TIMES = 2_000, 4


@dataclass(eq=False)
class BodyFacts:
    """The body of a layer or of the model, for given inputs and readers.

    Args:
        graph: the body.
        ops: its ops.
        children: its layers, with their bodies.
        uses: the number of uses in the network.
        first: the body and the node of the first use; None for the model.
        inputs: the liveness of its inputs.
        partial: the ops in it that do not read all of their input.
    """

    graph: Graph
    ops: list[OpFacts] = field(default_factory=list)
    children: list[tuple[Node, BodyFacts]] = field(default_factory=list)
    uses: int = 0
    first: tuple[BodyFacts, Node] | None = None
    inputs: tuple[Liveness, ...] = ()
    partial: list[PartialReader] = field(default_factory=list)

    def trail(self) -> tuple[str, ...]:
        """Return the chain of layers of the first use, from the inside out."""
        found, body = [], self
        while body.first is not None:
            outer, node = body.first
            values = ", ".join(f"{name}={shown(value).strip('`')}" for name, value in node.arguments.items())
            line = f" at line {node.span.line}" if node.span else ""
            found.append(f"in {node.kind}, from {outer.graph.name}{line}" + (f" ({values})" if values else ""))
            body = outer
        return tuple(found)


@dataclass(frozen=True, eq=False, slots=True)
class OpFacts:
    """One op in its body, with facts about its inputs and the liveness of its output.

    Args:
        body: the body that contains it.
        node: its node.
        op: the op.
        shapes: the shapes of its inputs.
        inputs: facts about its inputs.
        live: the liveness of its output.
        alone: whether it is the only reader of its first input.
        before: the node that computes its first input, if it is in the same body.
        windows: its window along each axis except the channels, if it has any.
    """

    body: BodyFacts
    node: Node
    op: Op
    shapes: tuple[Shape, ...]
    inputs: Facts
    live: Liveness
    alone: bool
    before: Node | None
    windows: tuple[Window, ...] | None


class Dataflow:
    """The analysis of all bodies of a model, from the outside in."""

    def __init__(self, graph: Graph) -> None:
        self._facts: dict[tuple[int, Facts], dict[str, TensorFacts]] = {}
        self._bodies: dict[Any, BodyFacts] = {}
        self._forward = self._backward = 0
        self._enough = max(LEAST, TIMES * sum(len(body.nodes) for body in graph.bodies()))
        self._windows: dict[Any, tuple[Window, ...] | None] = {}
        self._liveness = InputLiveness()
        inputs = (TensorFacts(),) * len(graph.inputs)
        self.outputs = {name: self._tensors(graph, inputs)[end.ref] for name, end in graph.outputs.items()}
        self._body(graph, inputs, tuple(all_live(end.shape) for end in graph.outputs.values()))
        self.bodies = [*reversed(self._bodies.values())]
        self.bodies[0].uses = 1
        for body in self.bodies:
            for node, child in body.children:
                child.uses += body.uses
                child.first = child.first or (body, node)

    @property
    def ops(self) -> Iterator[OpFacts]:
        """All ops of all distinct bodies, in the order of the bodies."""
        for body in self.bodies:
            yield from body.ops

    def _tensors(self, graph: Graph, inputs: Facts) -> dict[str, TensorFacts]:
        """The facts about every tensor of a body."""
        if self._forward > self._enough:
            inputs = (TensorFacts(),) * len(graph.inputs)
        key = id(graph), inputs
        if key not in self._facts:
            self._facts[key] = found = dict(zip(graph.inputs, inputs, strict=True))
            shapes = graph.shapes
            self._forward += len(graph.nodes)
            for node in graph.nodes:
                taken = tuple(found[ref] for ref in node.inputs)
                if node.body is None:
                    found[node.name] = facts_of(node, taken, [shapes[ref] for ref in node.inputs])
                    continue
                inside = self._tensors(node.body, taken)
                for ref, end in zip(node.output_refs, node.body.outputs.values(), strict=True):
                    found[ref] = inside[end.ref]
        return self._facts[key]

    def _body(self, graph: Graph, inputs: Facts, outputs: tuple[Liveness, ...]) -> BodyFacts:
        if self._backward > self._enough:
            inputs = (TensorFacts(),) * len(graph.inputs)
            outputs = tuple(all_live(end.shape) for end in graph.outputs.values())
        key = id(graph), inputs, outputs
        if key not in self._bodies:
            self._backward += len(graph.nodes)
            body = self._followed_back(graph, inputs, outputs)
            self._bodies[key] = body  # after all bodies inside it
        return self._bodies[key]

    def _followed_back(self, graph: Graph, inputs: Facts, outputs: Sequence[Liveness]) -> BodyFacts:
        """Analyze a body from its last node to its first."""
        body, shapes, facts = BodyFacts(graph), graph.shapes, self._tensors(graph, inputs)
        near = _Neighbours(graph)
        read: dict[str, list[Liveness]] = {}
        for end, live in zip(graph.outputs.values(), outputs, strict=True):
            read.setdefault(end.ref, []).append(live)

        def live_of(ref: str) -> Liveness:
            return joined(read.get(ref, []), shapes[ref])

        for node in reversed(graph.nodes):
            taken = tuple(shapes[ref] for ref in node.inputs)
            known = tuple(facts[ref] for ref in node.inputs)
            if node.body is not None:
                child = self._body(node.body, known, tuple(live_of(ref) for ref in node.output_refs))
                body.children.append((node, child))
                lives = child.inputs
            else:
                live = live_of(node.name)
                lives, partial = self._liveness.of(node, taken, live, near.hint)
                body.partial += [partial] if partial else []
                if node.op is not None and node.inputs:
                    first = node.inputs[0]
                    windows = self._windows_of(node, node.op, taken[0])
                    one = OpFacts(
                        body, node, node.op, taken, known, live, first in near.alone, near.nodes.get(first), windows
                    )
                    body.ops.append(one)
            for ref, one_live in zip(node.inputs, lives, strict=True):
                read.setdefault(ref, []).append(one_live)
        body.ops.reverse()
        body.children.reverse()
        body.inputs = tuple(live_of(name) for name in graph.inputs)
        return body

    def _windows_of(self, node: Node, op: Op, x: Shape) -> tuple[Window, ...] | None:
        """The windows of an op over a map of this shape, computed once for equal ops."""
        key = id(op), x, node.shape
        if key not in self._windows:
            self._windows[key] = op.sliding_windows(x, node.shape)
        return self._windows[key]


class _Neighbours:
    """The nodes of a body, with the producers and readers of their tensors.

    Attributes:
        alone: the tensors with a single reader that are not outputs.
    """

    def __init__(self, graph: Graph) -> None:
        self.nodes = {node.name: node for node in graph.nodes}
        self.readers: dict[str, list[Node]] = {}
        for node in graph.nodes:
            for ref in node.inputs:
                self.readers.setdefault(ref, []).append(node)
        outputs = {end.ref for end in graph.outputs.values()}
        self.alone = {ref for ref, nodes in self.readers.items() if len(nodes) == 1 and ref not in outputs}

    def hint(self, node: Node) -> str:
        """A hint for an op that leaves some of its input unread: a better place for its stride, if there is one."""
        op = node.op
        if op is None:
            return ""
        stride = getattr(op, "stride", None)
        if not op.traits.filters or stride is None or is_one(stride) or has_window(op):
            return op.traits.unread
        text = str(stride if isinstance(stride, int) else stride[0] if len({*stride}) == 1 else [*stride])
        if (other := self._strides_instead(node, self._previous)) is not None:
            return f"move `stride: {text}` to {_named(other)}, which then computes only what is read"
        if (other := self._strides_instead(node, self._next)) is not None:
            return f"move `stride: {text}` to {_named(other)}, whose windows cover every position"
        return "move the stride to a convolution larger than 1x1, or pool before it"

    def _previous(self, node: Node) -> Node | None:
        return self.nodes.get(node.inputs[0]) if node.inputs and node.inputs[0] in self.alone else None

    def _next(self, node: Node) -> Node | None:
        return self.readers[node.name][0] if node.name in self.alone else None

    def _strides_instead(self, node: Node, step: Callable[[Node], Node | None]) -> Node | None:
        """The first convolution with a window and no stride in one direction, before anything branches."""
        other = step(node)
        while other is not None and other.op is not None and not other.op.many:
            if has_window(other.op) and is_one(getattr(other.op, "stride", 0)):
                return other
            other = step(other)
        return None


def has_window(op: Op) -> bool:
    """Whether an op is a convolution larger than 1x1."""
    return op.traits.filters and not is_one(getattr(op, "kernel", 1))


def _named(node: Node) -> str:
    return f"`{node.name}`" + (f" on line {node.span.line}" if node.span else "")
