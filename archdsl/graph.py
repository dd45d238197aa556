"""The resolved graph: nodes, shapes, weights and costs. A layer's body is a graph inside a node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from reprlib import repr as shortened
from typing import Any, Literal, NamedTuple, TypeAlias

from archdsl import display
from archdsl.errors import Span
from archdsl.ops import Op, Shape, Weight
from archdsl.ops.base import FLOAT, show
from archdsl.steps import Fields

Role: TypeAlias = Literal["pad", "main", "norm", "activation", "merge", "layer"]


BranchPath: TypeAlias = tuple[str, ...]
"""The branches that contain a node, starting with the outermost: `("wide",)`."""


class StepName(str):
    """The name of a step, such as `wide/conv_3`: a string with its parts as attributes.

    Args:
        base: The name in the spec, or the kind of a step without a name.
        number: The number of the copy, or of the step among those of its kind, from 1; 0 for a name without a number.
        path: The branches that contain the step.
        scope: The nodes around its body, each followed by `/`; empty inside the body itself.
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
        """The name without the surrounding branches and nodes: `conv_3`."""
        return f"{self.base}_{self.number}" if self.number else self.base

    @property
    def given(self) -> str:
        """The name in the spec, or an empty string if the name has a number."""
        return "" if self.number else self.base

    def within(self, scope: str) -> StepName:
        """Return the name of the same step seen from outside its body."""
        return StepName(self.base, self.number, self.path, scope + self.scope)


class TensorRef(str):
    """A reference to a tensor of a body: a string with its parts as attributes.

    Args:
        node: The node that computes the tensor, or an input of the body.
        output: The name of the output, if the node is a layer with named outputs: `stage_1.high`.
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
    """A tensor between nodes: its reference, its shape and its dtype."""

    ref: TensorRef
    shape: Shape
    dtype: str = FLOAT


@dataclass(frozen=True, slots=True)
class Shortcut:
    """The shortcut of a merge.

    Args:
        kind: `identity`, `projection`, `pad` or `pool_projection`; `shortcut` for any other steps.
        branch: The branch that contains its steps; empty for an identity.
        steps: The kinds of its steps.
        source: The inputs of its first step, if they differ from the input of the other branches.
    """

    kind: str
    branch: str = ""
    steps: tuple[str, ...] = ()
    source: tuple[TensorRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over a body and everything inside it.

    `parameters` is the number of parameters, `trainable` the number of trainable ones, `variables` the number of weight
    tensors, `macs` the number of multiply-accumulates for one image, and `layers` the number of ops.
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

    def without(self, weights: Iterable[Weight]) -> Totals:
        """Return the totals without some weights."""
        known = tuple(weights)
        trainable = sum(weight.size for weight in known if weight.trainable)
        return replace(
            self,
            parameters=self.parameters - sum(weight.size for weight in known),
            trainable=self.trainable - trainable,
            variables=self.variables - len(known),
        )

    def without_weights(self) -> Totals:
        """Return the work alone, for a call whose weights are counted elsewhere."""
        return Totals(macs=self.macs, layers=self.layers)


class TiedWeight(NamedTuple):
    """A weight of another node in the same body.

    Args:
        node: The node that creates it.
        weight: The name of the weight.
        transposed: Whether it is used transposed.
    """

    node: str
    weight: str
    transposed: bool = False

    def __str__(self) -> str:
        return f"{self.node}.{self.weight}" + (" transposed" if self.transposed else "")


@dataclass(frozen=True, slots=True)
class Node:
    """An op or a layer call in a body.

    Args:
        name: Its name, unique in its body, including the branches around it: `wide/conv_3_norm`.
        step: The name of its step: `wide/conv_3`.
        kind: The name of the op or of the layer.
        role: Its role in the step: `main` for the step's own op, `layer` for a layer call.
        inputs: Its input tensors, in order.
        shape: The shape of its (first) output.
        totals: Sums over the node and everything inside it.
        op: The op, or None for a layer.
        body: The graph of a layer, or None for an op.
        arguments: All arguments of a layer.
        weights: The weights of an op, by their names in Keras.
        parts: For a merge, the source of each input: the name of a branch, or `shortcut`.
        shortcut: For a merge, its shortcut, if any.
        fields: The fields of an op, or the given arguments of a layer, with their places in the spec. A merge that an
            expression chooses has it as its field `merge`.
        span: Its place in the spec.
        outputs: For a layer with named outputs, their shapes by name.
        shares: The name of the node whose layer it calls; empty if it has a layer of its own. A node inside a shared
            layer refers to the node at the same place inside the first call.
        dtype: The dtype of its (first) output.
        tied: The weights of other nodes that an op uses in place of its own, by the names of its own.
        each_step: Whether its step is inside `time_distributed`.
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
    shares: str = ""
    dtype: str = FLOAT
    tied: Mapping[str, TiedWeight] = field(default_factory=dict)
    each_step: bool = False

    def __repr__(self) -> str:
        ends = " and ".join(map(show, self.outputs.values())) or show(self.shape)
        told = _call(self.kind, self.arguments) if self.body else self.kind
        return f"<Node {self.name}: {told}, {ends}>"

    def sharing(self, other: str, body: Graph | None) -> Node:
        """Return the same node as another call of the layer of the node `other`, with the body of that call."""
        return replace(self, body=body, totals=self.totals.without_weights(), shares=other)

    @property
    def shared_with(self) -> str:
        """The node whose layer its step calls with `share`, or an empty string; inside the layer, nodes have none."""
        return "" if self.shares == self.name else self.shares

    @property
    def path(self) -> BranchPath:
        """The branches that contain it."""
        return self.step.path

    @property
    def label(self) -> str:
        """The label of an op in pictures and tables, such as `Conv 3×3, 64 /2`; the name of a layer."""
        return self.op.label_of_rank(len(self.shape) - 1) if self.op is not None else self.kind

    @property
    def output_refs(self) -> tuple[TensorRef, ...]:
        """References to its output tensors."""
        if not self.outputs:
            return (TensorRef(self.name),)
        return tuple(TensorRef(self.name, output) for output in self.outputs)

    @property
    def output_shapes(self) -> dict[TensorRef, Shape]:
        """The shapes of its output tensors."""
        return dict(zip(self.output_refs, self.outputs.values() or (self.shape,), strict=True))

    @property
    def output_tensors(self) -> tuple[Tensor, ...]:
        """Its output tensors."""
        inner = self.body.outputs if self.body is not None else {}
        dtypes = [inner[name].dtype for name in self.outputs] or [self.dtype]
        return tuple(map(Tensor, self.output_refs, self.output_shapes.values(), dtypes))


@dataclass(frozen=True, slots=True)
class Graph:
    """A resolved body with all shapes: of the model, or of a layer for given arguments and inputs.

    `print` shows it as the table of `archdsl show`, and a notebook shows it as a picture. Identical uses of a layer
    share one graph.

    Args:
        inputs: The shapes of its inputs by name; only `INPUT` for a single, unnamed input.
        outputs: Its outputs by name; only `OUTPUT` for a single, unnamed output.
        dtypes: The dtypes of its inputs by name.
        flexible: The names of the axes of inputs that may have any size, by input. The shapes are one choice.
        one_step: The body for one step, if the layer is called for each step of the first axis.
    """

    name: str
    doc: str
    arguments: Mapping[str, Any]
    inputs: Mapping[str, Shape]
    nodes: tuple[Node, ...]
    outputs: Mapping[str, Tensor]
    totals: Totals
    span: Span | None = None
    dtypes: Mapping[str, str] = field(default_factory=dict)
    flexible: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    one_step: Graph | None = None

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
        dpi: int | None = None,
    ) -> None:
        """Draw the graph into a file.

        Args:
            path: the picture; its extension names the format: `.svg`, `.png`, `.jpg`, `.pdf`, `.dot`, `.mmd`.
            depth: 1 draws layers as boxes, 2 also what is inside them, and so on.
            detail: `compact` folds norms and activations into other boxes, `full` gives each a line.
            direction: `TB` from top to bottom, `LR` from left to right.
            theme: `light` or `dark`.
            costs: whether boxes show parameters and multiply-accumulates.
            dpi: the resolution of a PNG or JPEG, in dots per inch.

        Raises:
            ArchError: an option is wrong, or the file cannot be written.
        """
        look = {"depth": depth, "detail": detail, "direction": direction, "theme": theme, "costs": costs}
        display.draw(self, path, look, dpi)

    def input_notes(self, name: str) -> list[str]:
        """Return what else is known about an input than its shape: `["int32", "any height and width"]`."""
        dtype, flexible = self.dtypes.get(name, FLOAT), self.flexible.get(name, ())
        return [*([dtype] if dtype != FLOAT else []), *([f"any {' and '.join(flexible)}"] if flexible else [])]

    @property
    def input(self) -> Shape:
        """The shape of its first input."""
        return next(iter(self.inputs.values()))

    @property
    def output(self) -> TensorRef:
        """The reference of its first output."""
        return next(iter(self.outputs.values())).ref

    @property
    def shape(self) -> Shape:
        """The shape of its first output."""
        return next(iter(self.outputs.values())).shape

    @property
    def shortcut(self) -> Shortcut | None:
        """The shortcut of its last merge with a shortcut."""
        return next((node.shortcut for node in reversed(self.nodes) if node.shortcut), None)

    @property
    def shapes(self) -> dict[str, Shape]:
        """The shapes of all its tensors, by reference."""
        found = dict(self.inputs)
        for node in self.nodes:
            if node.outputs:
                found |= node.output_shapes.items()
            else:
                found[node.name] = node.shape
        return found

    def steps(self) -> list[tuple[Node, ...]]:
        """Return its nodes grouped by step: an op with its padding, norm and activation."""
        return [tuple(nodes) for _, nodes in groupby(self.nodes, lambda node: node.step)]

    def weights(self, scope: str = "") -> Iterator[tuple[str, Weight]]:
        """Yield all weights with their paths, such as `ResidualBlock_1/ResidualLayer_2/wide/conv_3/kernel`.

        Shared weights appear once, at the node that creates them.
        """
        for node in self.nodes:
            if node.shares:
                continue
            if node.body is not None:
                yield from node.body.weights(f"{scope}{node.name}/")
            for name, weight in node.weights.items():
                yield f"{scope}{node.name}/{name}", weight

    def walk(self, scope: str = "") -> Iterator[tuple[str, Node]]:
        """Yield all nodes with their paths, each layer before its contents."""
        for node in self.nodes:
            yield f"{scope}{node.name}", node
            if node.body is not None:
                yield from node.body.walk(f"{scope}{node.name}/")

    def bodies(self) -> Iterator[Graph]:
        """Yield the graph and each distinct body inside it once, from the outside in."""
        pending, known = [self], set()
        while pending:
            body = pending.pop()
            if id(body) not in known:
                known.add(id(body))
                yield body
                pending += [node.body for node in reversed(body.nodes) if node.body is not None]

    def sharing(self, nodes: tuple[Node, ...]) -> Graph:
        """Return the same body in a layer that is called again, with its nodes as other calls of their layers."""
        return replace(self, nodes=nodes, totals=self.totals.without_weights())


def total(nodes: Iterable[Node]) -> Totals:
    """Return the sum of the totals of some nodes."""
    return sum((node.totals for node in nodes), Totals())


def _call(name: str, arguments: Mapping[str, Any]) -> str:
    """Return a layer call as text: `ResidualLayer(filters=16, stride=1)`."""
    return f"{name}({', '.join(f'{argument}={shortened(value)}' for argument, value in arguments.items())})"
