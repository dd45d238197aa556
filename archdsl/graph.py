"""The resolved graph: nodes, shapes, weights and costs. A layer's body is a graph inside a node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from reprlib import repr as shortened
from typing import Any, Literal, TypeAlias

from archdsl import display
from archdsl.errors import Span
from archdsl.ops import Op, Shape, Weight
from archdsl.ops.base import show
from archdsl.spec import Fields

Role: TypeAlias = Literal["pad", "main", "norm", "activation", "merge", "layer"]


BranchPath: TypeAlias = tuple[str, ...]
"""The branches that a node is in, from the outermost: `("wide",)`."""


class StepName(str):
    """The name of a step, such as `wide/conv_3`: text that knows the parts it is made of.

    Args:
        base: the name that the spec gives; of a step without one, its kind.
        number: which copy or which step of its kind it is, from 1; 0 where the spec gives the whole name.
        path: the branches that it is in.
        scope: the nodes that lead to its body, each with a `/` after it; empty inside the body itself.
    """

    __slots__ = ("base", "number", "path", "scope")
    base: str
    number: int
    path: BranchPath
    scope: str

    def __new__(cls, base: str, number: int = 0, path: BranchPath = (), scope: str = "") -> StepName:
        own = f"{base}_{number}" if number else base
        name = str.__new__(cls, scope + "/".join((*path, own)) if path else scope + own)
        name.base, name.number, name.path, name.scope = base, number, path, scope
        return name

    @property
    def own(self) -> str:
        """The name without the branches and the nodes around it: `conv_3`."""
        return f"{self.base}_{self.number}" if self.number else self.base

    @property
    def given(self) -> str:
        """The name where the spec gives it whole; nothing where it has a number."""
        return "" if self.number else self.base

    def within(self, scope: str) -> StepName:
        """The same step, named from the outside of its body."""
        return StepName(self.base, self.number, self.path, scope + self.scope)


class TensorRef(str):
    """Which tensor of a body is meant: text that knows the parts it is made of.

    Args:
        node: the node that computes it, or an input of the body.
        output: which one, where the node is a layer whose outputs have names: `stage_1.high`.
    """

    __slots__ = ("node", "output")
    node: str
    output: str

    def __new__(cls, node: str, output: str = "") -> TensorRef:
        ref = str.__new__(cls, f"{node}.{output}" if output else node)
        ref.node, ref.output = node, output
        return ref


@dataclass(frozen=True, slots=True)
class Tensor:
    """What flows from node to node."""

    ref: TensorRef
    shape: Shape


@dataclass(frozen=True, slots=True)
class Shortcut:
    """What leads past the branches of a merge.

    Args:
        kind: `identity`, `projection`, `pad` or `pool_projection`; `shortcut` for any other steps.
        branch: the branch that its steps are in; empty for an identity.
        steps: the kind of each of its steps.
        source: what the first of them takes, where no other branch begins there.
    """

    kind: str
    branch: str = ""
    steps: tuple[str, ...] = ()
    source: tuple[TensorRef, ...] = ()


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
        name: unique in its body, with the branches that it is in: `wide/conv_3_norm`.
        step: the name of the step that it belongs to: `wide/conv_3`.
        kind: the op's name, or the layer's.
        role: what it is in its step: `main` is the step's own op; a layer's use is a `layer`.
        inputs: the tensors that feed it, in order.
        shape: of its (first) output.
        outputs: the shape of each output by name, for a layer whose outputs have names.
        op: None for a layer.
        body: None for an op.
        arguments: of the layer, all of them.
        weights: its own, by Keras's names.
        parts: for a merge, what each input is: a branch's name, or `shortcut`.
        shortcut: for a merge that has one among its parts.
        fields: what the spec says of it, with places; for a layer, the arguments that its use gives.
    """

    name: str
    step: StepName
    kind: str
    role: Role
    inputs: tuple[TensorRef, ...]
    shape: Shape
    totals: Totals
    op: Op | None = None
    body: Graph | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, Weight] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    shortcut: Shortcut | None = None
    fields: Fields = field(default_factory=dict)
    span: Span | None = None
    outputs: Mapping[str, Shape] = field(default_factory=dict)

    def __repr__(self) -> str:
        ends = " and ".join(map(show, self.outputs.values())) or show(self.shape)
        told = _call(self.kind, self.arguments) if self.body else self.kind
        return f"<Node {self.name}: {told}, {ends}>"

    @property
    def path(self) -> BranchPath:
        """The branches that it is in."""
        return self.step.path

    @property
    def output_refs(self) -> tuple[TensorRef, ...]:
        """The tensors that it produces."""
        if not self.outputs:
            return (TensorRef(self.name),)
        return tuple(TensorRef(self.name, output) for output in self.outputs)

    @property
    def output_shapes(self) -> dict[TensorRef, Shape]:
        """The shape of each tensor that it produces."""
        return dict(zip(self.output_refs, self.outputs.values() or (self.shape,), strict=True))


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

    def plot(
        self,
        path: str | Path,
        *,
        depth: int = 1,
        detail: str = "compact",
        direction: str = "TB",
        theme: str = "light",
        costs: bool = False,
    ) -> None:
        """Draw the graph into a file.

        Args:
            path: the picture; its extension names the format: `.svg`, `.png`, `.pdf`, `.dot`, `.mmd`.
            depth: 1 draws layers as boxes, 2 also what is inside them, and so on.
            detail: `compact` folds norms and activations into other boxes, `full` gives each a line.
            direction: `TB` from top to bottom, `LR` from left to right.
            theme: `light` or `dark`.
            costs: whether boxes show parameters and multiply-accumulates.

        Raises:
            ArchError: an option is wrong, or the file cannot be written.
        """
        display.draw(self, path, depth=depth, detail=detail, direction=direction, theme=theme, costs=costs)

    @property
    def input(self) -> Shape:
        """The shape of its first input."""
        return next(iter(self.inputs.values()))

    @property
    def output(self) -> TensorRef:
        """Which tensor its first output is."""
        return next(iter(self.outputs.values())).ref

    @property
    def shape(self) -> Shape:
        """The shape of its first output."""
        return next(iter(self.outputs.values())).shape

    @property
    def shortcut(self) -> Shortcut | None:
        """That of its last merge that has one."""
        return next((node.shortcut for node in reversed(self.nodes) if node.shortcut), None)

    @property
    def shapes(self) -> dict[str, Shape]:
        """The shape of every tensor in it, by its ref."""
        found = dict(self.inputs)
        for node in self.nodes:
            found |= node.output_shapes.items()
        return found

    def steps(self) -> list[tuple[Node, ...]]:
        """Its nodes by step: an op together with its padding, norm and activation."""
        return [tuple(nodes) for _, nodes in groupby(self.nodes, lambda node: node.step)]

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
