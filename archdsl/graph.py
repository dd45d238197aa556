"""The resolved graph: nodes, shapes, weights and costs. A layer's body is a graph inside a node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from reprlib import repr as shortened
from typing import Any, Literal, TypeAlias

from archdsl import display
from archdsl.errors import Span
from archdsl.ops import Op, Shape, Weight
from archdsl.ops.base import show
from archdsl.spec import Fields

Role: TypeAlias = Literal["pad", "main", "norm", "activation", "merge", "layer"]


@dataclass(frozen=True, slots=True)
class Tensor:
    """What flows from node to node.

    Args:
        ref: the node that gives it, as `conv_1`; one output of several, as `stage_1.high`; or an input of the body.
    """

    ref: str
    shape: Shape

    @property
    def node(self) -> str:
        """The name of the node that gives it."""
        return producer(self.ref)


def producer(ref: str) -> str:
    """The name of the node (or of the input) that a tensor comes from."""
    return ref.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over a body and everything inside it.

    `parameters` counts the numbers in all weights, `trainable` those that gradients move, `variables` the weight
    tensors, `macs` multiply-accumulates for one image, `layers` the ops.
    """

    parameters: int = 0
    trainable: int = 0
    variables: int = 0
    macs: int = 0
    layers: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.parameters + other.parameters,
            self.trainable + other.trainable,
            self.variables + other.variables,
            self.macs + other.macs,
            self.layers + other.layers,
        )


@dataclass(frozen=True, slots=True)
class Node:
    """One op, or one use of a layer, in a body.

    Args:
        name: unique in its body, with the paths that it stands in: `wide/conv_3`.
        kind: the op's name, or the layer's.
        role: what it is in its step: `main` is the step's own op; a layer's use is a `layer`.
        inputs: the refs of the tensors that feed it, in order.
        shape: of its (first) output.
        outputs: the shape of each output by name, for a layer whose outputs have names.
        op: None for a layer.
        body: None for an op.
        arguments: of the layer, all of them.
        weights: its own, by Keras's names.
        parts: for a merge, what each input is: a path's name, or `shortcut`.
        fields: what the spec says of it, with places; for a layer, the arguments that its use gives.
    """

    name: str
    kind: str
    role: Role
    inputs: tuple[str, ...]
    shape: Shape
    totals: Totals
    op: Op | None = None
    body: Graph | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, Weight] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    fields: Fields = field(default_factory=dict)
    span: Span | None = None
    outputs: Mapping[str, Shape] = field(default_factory=dict)

    def __repr__(self) -> str:
        ends = " and ".join(map(show, self.outputs.values())) or show(self.shape)
        told = _call(self.kind, self.arguments) if self.body else self.kind
        return f"<Node {self.name}: {told}, {ends}>"

    @property
    def lane(self) -> tuple[str, ...]:
        """The paths that it stands in, from the outermost."""
        return tuple(self.name.split("/")[:-1])


@dataclass(frozen=True, slots=True)
class Graph:
    """A body with its shapes: the model's, or a layer's for given arguments and inputs.

    Printed, it is the table of `archdsl show`; a notebook shows it as a picture. Equal uses of a layer share one
    graph.

    Args:
        inputs: the shapes of its inputs by name; `INPUT` alone where it has one without a name.
        outputs: what it gives, by name; `OUTPUT` alone where it gives one tensor without a name.
    """

    name: str
    doc: str
    arguments: Mapping[str, Any]
    inputs: Mapping[str, Shape]
    nodes: tuple[Node, ...]
    outputs: Mapping[str, Tensor]
    totals: Totals
    span: Span | None = None

    def __repr__(self) -> str:
        taken = " and ".join(map(show, self.inputs.values()))
        given = " and ".join(show(end.shape) for end in self.outputs.values())
        sums = f"{self.totals.parameters:,} parameters, {self.totals.macs:,} multiply-accumulates"
        return f"<Graph {_call(self.name, self.arguments)}: {taken} -> {given}, {sums}>"

    def __str__(self) -> str:
        return display.table(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return display.bundle(self)

    @property
    def input(self) -> Shape:
        """The shape of its first input."""
        return next(iter(self.inputs.values()))

    @property
    def output(self) -> str:
        """The ref of its first output."""
        return next(iter(self.outputs.values())).ref

    @property
    def shape(self) -> Shape:
        """The shape of its first output."""
        return next(iter(self.outputs.values())).shape

    def weights(self, scope: str = "") -> Iterator[tuple[str, Weight]]:
        """Every weight with its path, as in `ResidualBlock_1/ResidualLayer_2/wide/conv_3/kernel`."""
        for node in self.nodes:
            if node.body is not None:
                yield from node.body.weights(f"{scope}{node.name}/")
            for name, weight in node.weights.items():
                yield f"{scope}{node.name}/{name}", weight

    def walk(self, scope: str = "") -> Iterator[tuple[str, Node]]:
        """Every node with its path, each layer before what is inside it."""
        for node in self.nodes:
            yield f"{scope}{node.name}", node
            if node.body is not None:
                yield from node.body.walk(f"{scope}{node.name}/")


def total(nodes: Iterable[Node]) -> Totals:
    """The sum of some nodes' totals."""
    return sum((node.totals for node in nodes), Totals())


def _call(name: str, arguments: Mapping[str, Any]) -> str:
    """A layer with its arguments, on one line: `ResidualLayer(filters=16, stride=1)`."""
    return f"{name}({', '.join(f'{argument}={shortened(value)}' for argument, value in arguments.items())})"
