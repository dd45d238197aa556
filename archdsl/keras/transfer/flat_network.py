"""A Keras model as one flat list of ops, described alike whoever wrote it: a spec, Keras layers, or bare Keras ops."""

from __future__ import annotations

import importlib
import json
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from archdsl.ops import Call, Op, Shape

Tensor: TypeAlias = tuple[int, int]
"""A tensor: the number of the node that computes it, and which of that node's outputs it is."""

Signature: TypeAlias = tuple[tuple[Shape, ...], tuple[bool, ...], int]
"""The shapes of a layer's weights, which of them are trainable, and the groups of a convolution."""

_SYMMETRIC = frozenset(["Add", "Multiply", "Average", "Maximum", "Minimum"])
"""Ops whose result does not depend on the order of their inputs."""

_IDENTITY_AT_INFERENCE = frozenset(
    """
    Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D AlphaDropout GaussianDropout GaussianNoise
    StochasticDepth Identity ActivityRegularization InputLayer
    """.split()  # noqa: SIM905 - names are read more easily so
)

_NOT_COMPUTED_WITH = ("name", "dtype", "trainable", "seed", "archdsl")
_NOT_COMPUTED_WITH_ENDINGS = ("_initializer", "_regularizer", "_constraint")


@dataclass(frozen=True, eq=False, slots=True)
class WeightedLayer:
    """A layer that has weights.

    Args:
        path: its path in the model.
        weights: its variables, in Keras's order.
        signature: a layer with another signature cannot take these weights.
    """

    path: str
    weights: tuple[Any, ...]
    signature: Signature

    @property
    def is_trainable(self) -> bool:
        """Whether gradients update any of the weights."""
        return any(self.signature[1])


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An input or an output of the model.

    Args:
        number: its position among the inputs, or among the outputs.
    """

    is_input: bool
    name: str
    number: int
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class AppliedActivation:
    """The activation that a layer applies to its own output."""

    name: str


@dataclass(frozen=True, slots=True)
class KerasCall:
    """One call of a Keras layer or op, with its arguments; a text replaces each tensor among them."""

    operation: Any
    arguments: tuple[Any, ...] = ()

    @property
    def is_bare(self) -> bool:
        """Whether the operation is a Keras op that is no layer."""
        return not hasattr(self.operation, "weights")


@dataclass(frozen=True, eq=False, slots=True)
class FlatNode:
    """One use of an op; a layer that is called twice makes two nodes.

    Args:
        op: an `Endpoint`, an `AppliedActivation`, a `KerasCall`, or an op of a spec.
        rank: how many axes its output has, with the batch.
        layer: the layer whose weights the op uses; None without weights.
    """

    op: Any
    inputs: tuple[Tensor, ...]
    rank: int
    layer: WeightedLayer | None = None

    @property
    def is_symmetric(self) -> bool:
        """Whether the order of the inputs makes no difference."""
        return class_name(self.op) in _SYMMETRIC

    @property
    def is_concat(self) -> bool:
        return class_name(self.op) == "Concatenate"

    @property
    def concat_axis(self) -> int:
        """The axis of a concatenation, counted from 0."""
        axis = getattr(self.op.operation, "axis", -1) if isinstance(self.op, KerasCall) else -1
        return int(axis) % self.rank

    @property
    def is_identity(self) -> bool:
        """Whether inference passes the input through unchanged."""
        return class_name(self.op) in _IDENTITY_AT_INFERENCE or _activation(self.op) == "linear"

    def computation(self) -> Hashable:
        """All that the op computes, except for its weights: equal for ops that compute the same."""
        if (activation := _activation(self.op)) is not None:
            return AppliedActivation(activation)
        name = class_name(self.op)
        if len(self.inputs) > 1 and self.is_symmetric:
            return name
        if self.is_concat:
            return name, self.concat_axis
        # A layer is called with whether it trains; a bare op is called with what it computes with.
        arguments = repr(self.op.arguments) if isinstance(self.op, KerasCall) and self.op.is_bare else ""
        return name, _settings(_keras_operation(self.op)), arguments


@dataclass(slots=True)
class FlatNetwork:
    """A model's nodes in topological order."""

    nodes: list[FlatNode] = field(default_factory=list)

    def endpoints(self, *, inputs: bool) -> list[Endpoint]:
        """The model's inputs, or its outputs, in order."""
        return [node.op for node in self.nodes if isinstance(node.op, Endpoint) and node.op.is_input == inputs]

    def layers(self) -> list[WeightedLayer]:
        """The layers with weights in the order of their first use."""
        return list(dict.fromkeys(node.layer for node in self.nodes if node.layer is not None))


def class_name(op: Any) -> str:
    """The name of an op's Keras class; an endpoint and an applied activation have none."""
    if isinstance(op, Op):
        return op.keras().target.rpartition(".")[2]
    return type(op.operation).__name__ if isinstance(op, KerasCall) else ""


def signature_of(weights: list[tuple[Shape, bool]], name: str, groups: int) -> Signature:
    """What decides whether one layer can take another's weights.

    Layers that compute the same from the same numbers in the same order have the same signature: a depthwise
    convolution is one with as many groups as channels, and a 1x1 convolution is a dense layer.

    Args:
        weights: the shape of each weight, and whether it is trainable.
        name: of the Keras class.
        groups: of a convolution.
    """
    shapes = [shape for shape, _ in weights]
    if name.startswith("DepthwiseConv"):
        *window, channels, multiplier = shapes[0]
        shapes[0], groups = (*window, 1, channels * multiplier), channels
    if "Conv" not in name or "Transpose" in name:
        groups = 1  # a norm's groups do not change its weights
    elif len(shapes[0]) > 2 and {*shapes[0][:-2]} == {1}:
        shapes[0] = shapes[0][-2:]
    return tuple(shapes), tuple(trainable for _, trainable in weights), groups


def applied_activation(operation: Any) -> str:
    """The activation that a layer applies to its output; empty for a layer with none, or that uses it inside."""
    name = type(operation).__name__
    if "Conv" not in name and name not in ("Dense", "EinsumDense"):
        return ""
    return str(getattr(getattr(operation, "activation", None), "__name__", "linear"))


def _activation(op: Any) -> str | None:
    """The function that an op applies to each number, if it is an activation with a name."""
    if isinstance(op, AppliedActivation):
        return op.name
    name = class_name(op)
    if isinstance(op, KerasCall) and op.is_bare and name in ("Relu", "Relu6", "Sigmoid", "Silu", "Tanh"):
        return name.lower()
    if name not in ("Activation", "ReLU", "Softmax"):
        return None
    layer = _keras_operation(op)
    if name == "Activation":
        return str(getattr(layer.activation, "__name__", "")) or None
    config = layer.get_config() if hasattr(layer, "get_config") else {}
    if name == "Softmax":
        return "softmax" if config.get("axis") == -1 else None
    is_plain = not config.get("negative_slope") and not config.get("threshold")
    return {None: "relu", 6.0: "relu6"}.get(config.get("max_value")) if is_plain else None


def _settings(operation: Any) -> str:
    """The arguments that decide what a layer computes, as text."""
    try:
        config = dict(operation.get_config())
    except (NotImplementedError, AttributeError, TypeError):
        config = {key: value for key, value in vars(operation).items() if not key.startswith("_")}
    for key in [*config]:
        if key in _NOT_COMPUTED_WITH or key.endswith(_NOT_COMPUTED_WITH_ENDINGS):
            del config[key]
    if applied_activation(operation):
        config.pop("activation", None)
    return json.dumps(config, sort_keys=True, default=repr)


def _keras_operation(op: Any) -> Any:
    """The Keras layer or op behind a call, or the one that an op of a spec would make."""
    return _instantiate(op.keras()) if isinstance(op, Op) else op.operation


def _instantiate(value: Any) -> Any:
    """The object that a `Call` describes; any other value as it is."""
    if not isinstance(value, Call):
        return value
    keywords = {key: _instantiate(argument) for key, argument in value.keywords.items()}
    module, _, name = value.target.rpartition(".")
    if not module:
        module = "archdsl.keras.layers"
    elif module.split(".")[0] in ("layers", "initializers", "regularizers", "constraints"):
        module = f"keras.{module}"
    return getattr(importlib.import_module(module), name)(*map(_instantiate, value.positional), **keywords)
