"""Flattens a functional Keras model, including nested models and custom layers; any other layer is a node."""

from __future__ import annotations

import inspect
import json
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import keras

from archdsl.errors import fail
from archdsl.ops import Shape

Tensor: TypeAlias = tuple[int, int]
"""A tensor: the number of its node, and the index of the node's output."""

Signature: TypeAlias = tuple[tuple[Shape, ...], tuple[bool, ...], int, str]
"""The shapes of a layer's weights, which of them are trainable, the number of groups of a convolution, and the class of
a custom layer that consists of other layers but cannot be traced."""

_FUNCTIONAL = "keras.src.models.functional"

_SYMMETRIC = frozenset(["Add", "Multiply", "Average", "Maximum", "Minimum"])
"""Ops that do not depend on the order of their inputs."""

_IDENTITY_AT_INFERENCE = frozenset(
    """
    Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D AlphaDropout GaussianDropout GaussianNoise
    StochasticDepth Identity ActivityRegularization InputLayer
    """.split()  # noqa: SIM905 - names are easier to read this way
)

_NOT_COMPUTED_WITH = ("name", "dtype", "trainable", "seed", "archdsl")
_NOT_COMPUTED_WITH_ENDINGS = ("_initializer", "_regularizer", "_constraint")


@dataclass(frozen=True, eq=False, slots=True)
class WeightedLayer:
    """A layer with weights.

    Args:
        path: the path in the model.
        weights: the variables, in Keras's order.
        signature: weights can only be copied between layers with equal signatures.
    """

    path: str
    weights: tuple[Any, ...]
    signature: Signature

    @property
    def opaque_class(self) -> str:
        """The class of a custom layer that consists of other layers but cannot be traced; empty for other layers."""
        return self.signature[3]

    @property
    def is_trainable(self) -> bool:
        """Whether any of the weights is trainable."""
        return any(self.signature[1])


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An input or output of the model.

    Args:
        number: the position among the inputs or outputs.
    """

    is_input: bool
    name: str
    number: int
    shape: tuple[int | None, ...]


@dataclass(frozen=True, eq=False, slots=True)
class FlatNode:
    """A call of a Keras layer or op, an activation that a layer applies to its output, or an endpoint.

    Args:
        rank: the number of axes of the output, including the batch.
        operation: the Keras layer or op.
        arguments: the arguments of the call, with a text in place of each tensor.
        layer: the layer with weights, if any; calls of the same layer share it.
        applied: the name of an applied activation.
    """

    inputs: tuple[Tensor, ...]
    rank: int
    operation: Any = None
    arguments: tuple[Any, ...] = ()
    layer: WeightedLayer | None = None
    applied: str | None = None
    endpoint: Endpoint | None = None

    @property
    def class_name(self) -> str:
        """The name of the operation's class; empty without an operation."""
        return type(self.operation).__name__ if self.operation is not None else ""

    @property
    def is_layer(self) -> bool:
        """Whether the operation is a layer, not just an op."""
        return hasattr(self.operation, "weights")

    @property
    def is_symmetric(self) -> bool:
        """Whether the order of the inputs does not matter."""
        return self.class_name in _SYMMETRIC

    @property
    def is_concat(self) -> bool:
        return self.class_name == "Concatenate"

    @property
    def concat_axis(self) -> int:
        """The axis of a concatenation, counted from 0."""
        return int(self.operation.axis) % self.rank

    @property
    def is_identity(self) -> bool:
        """Whether the node returns its input unchanged at inference."""
        return self.class_name in _IDENTITY_AT_INFERENCE or self.activation == "linear"

    @property
    def activation(self) -> str | None:
        """The name of the activation, if the node is one."""
        name = self.class_name
        if self.applied is not None:
            return self.applied
        if not self.is_layer and name in ("Relu", "Relu6", "Sigmoid", "Silu", "Tanh"):
            return name.lower()
        if name not in ("Activation", "ReLU", "Softmax"):
            return None
        if name == "Activation":
            return str(getattr(self.operation.activation, "__name__", "")) or None
        config = self.operation.get_config() if self.is_layer else {}
        if name == "Softmax":
            return "softmax" if config.get("axis") == -1 else None
        is_plain = not config.get("negative_slope") and not config.get("threshold")
        return {None: "relu", 6.0: "relu6"}.get(config.get("max_value")) if is_plain else None

    def computation(self) -> Hashable:
        """A key for what the node computes, without its weights: equal for nodes that compute the same."""
        if self.activation is not None:
            return "activation", self.activation
        if len(self.inputs) > 1 and self.is_symmetric:
            return self.class_name
        if self.is_concat:
            return self.class_name, self.concat_axis
        try:
            config = dict(self.operation.get_config())
        except (NotImplementedError, AttributeError, TypeError):
            # An operation without `get_config` keeps its arguments as attributes of the same names.
            facts = vars(self.operation)
            config = {name: facts[name] for name in inspect.signature(type(self.operation)).parameters if name in facts}
        for key in [*config]:
            if key in _NOT_COMPUTED_WITH or key.endswith(_NOT_COMPUTED_WITH_ENDINGS):
                del config[key]
        if _applied_activation(self.operation):
            config.pop("activation", None)
        # The arguments of an op matter; those of a layer include `training`.
        arguments = "" if self.is_layer else repr(self.arguments)
        return self.class_name, json.dumps(config, sort_keys=True, default=repr), arguments


@dataclass(slots=True)
class FlatNetwork:
    """The nodes of a model in topological order."""

    nodes: list[FlatNode] = field(default_factory=list)

    def endpoints(self, *, inputs: bool) -> list[Endpoint]:
        """The inputs or outputs of the model, in order."""
        ends = [node.endpoint for node in self.nodes if node.endpoint is not None]
        return [end for end in ends if end.is_input == inputs]

    def layers(self) -> list[WeightedLayer]:
        """The layers with weights, in the order of their first use."""
        return list(dict.fromkeys(node.layer for node in self.nodes if node.layer is not None))


def flatten(model: Any) -> FlatNetwork:
    """Flatten a Keras model.

    Args:
        model: a functional or sequential model, or one built by archdsl.

    Raises:
        ArchError: the connections between the layers are unknown.
    """
    function = _functional_model(model)
    if function is None:
        why = "it is not a functional model, so its connections are unknown"
        if hasattr(model, "_functional"):
            why = "its input shape is unknown: add a `keras.Input`, or call it once"
        raise fail("ARCH308", f"cannot match the weights of `{getattr(model, 'name', model)}`: {why}")
    return _Flattener().model(function)


class _Flattener:
    def __init__(self) -> None:
        self.network = FlatNetwork()
        self.layers: dict[int, WeightedLayer] = {}

    def model(self, function: Any) -> FlatNetwork:
        inputs = []
        for number, tensor in enumerate(function.inputs):
            shape = tuple(tensor.shape)
            inputs.append(self._add([], len(shape), endpoint=Endpoint(True, tensor.name, number, shape)))
        outputs = self._functional(function, inputs)
        names = list(function._outputs_struct) if isinstance(function._outputs_struct, dict) else []
        written = names or [""] * len(outputs)  # Keras sorts a dictionary's outputs by name
        for place, (output, tensor, name) in enumerate(zip(outputs, function.outputs, sorted(written), strict=True)):
            shape, number = tuple(tensor.shape), written.index(name) if name else place
            self._add([output], len(shape), endpoint=Endpoint(False, name, number, shape))
        return self.network

    def _add(self, inputs: Sequence[Tensor], rank: int, **facts: Any) -> Tensor:
        self.network.nodes.append(FlatNode(tuple(inputs), rank, **facts))
        return len(self.network.nodes) - 1, 0

    def _functional(self, function: Any, inputs: Sequence[Tensor]) -> list[Tensor]:
        known = {id(tensor): source for tensor, source in zip(function.inputs, inputs, strict=True)}
        for depth in sorted(function._nodes_by_depth, reverse=True):
            for node in function._nodes_by_depth[depth]:
                if not node.is_input:
                    taken = [known[id(tensor)] for tensor in node.arguments.keras_tensors]
                    known |= zip(map(id, node.outputs), self._call(node, taken), strict=True)
        return [known[id(tensor)] for tensor in function.outputs]

    def _call(self, node: Any, inputs: list[Tensor]) -> list[Tensor]:
        """Add the nodes of a call, and return its outputs."""
        operation = node.operation
        inner = _functional_model(operation)
        if inner is not None and len(inner.inputs) == len(inputs):
            return self._functional(inner, inputs)
        if vars(type(operation)).get("_archdsl_generated"):
            return self._functional(_traced(node), inputs)
        if isinstance(operation, keras.layers.TimeDistributed):
            return self._functional(_of_one_step(operation, node.arguments.keras_tensors[0]), inputs)
        if is_custom(operation) and (traced := _traced_if_possible(node)) is not None:
            return self._functional(traced, inputs)
        tensors = {id(tensor) for tensor in node.arguments.keras_tensors}
        arguments = tuple("a tensor" if id(value) in tensors else value for value in node.arguments._flat_arguments)
        layer = None
        if weights := tuple(getattr(operation, "weights", ())):
            path = weights[0].path.rpartition("/")[0]
            layer = self.layers.setdefault(id(operation), WeightedLayer(path, weights, _signature(operation)))
        rank = len(node.outputs[0].shape)
        number, _ = self._add(inputs, rank, operation=operation, arguments=arguments, layer=layer)
        activation = _applied_activation(operation)
        if activation not in ("", "linear"):
            return [self._add([(number, 0)], rank, applied=activation)]
        return [(number, output) for output in range(len(node.outputs))]


def _functional_model(operation: Any) -> Any:
    """The functional model of an operation, or None for other layers."""
    function = getattr(operation, "_functional", None) or operation
    is_functional = hasattr(function, "_nodes_by_depth") and type(function).call.__module__ == _FUNCTIONAL
    # A custom subclass may compute something other than its functional graph.
    return function if is_functional and type(operation).call.__module__.startswith("keras.") else None


def _traced(node: Any) -> Any:
    """Trace a call of a layer with symbolic tensors to a functional model."""
    tensors = node.arguments.keras_tensors
    inputs = {id(tensor): keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype) for tensor in tensors}
    arguments, keywords = node.arguments.fill_in(inputs)
    return keras.Model([inputs[id(tensor)] for tensor in tensors], node.operation.call(*arguments, **keywords))


def _of_one_step(operation: Any, tensor: Any) -> Any:
    """Trace the layer inside `TimeDistributed`, for one step of the first axis."""
    step = keras.Input(batch_shape=(tensor.shape[0], *tensor.shape[2:]), dtype=tensor.dtype)
    return keras.Model(step, operation.layer(step))


def is_custom(operation: Any) -> bool:
    """Whether an operation is a layer that neither Keras nor archdsl defines, so that only its `call` describes it."""
    name, module = type(operation).__name__, type(operation).__module__
    is_known = module.startswith(("keras.src.layers.", "archdsl.")) or name in _IDENTITY_AT_INFERENCE
    return isinstance(operation, keras.Layer) and (not is_known or name == "Lambda")


def _traced_if_possible(node: Any) -> Any:
    """Trace a call of a custom layer; None if that fails, or if the layer has weights that none of its layers has."""
    try:
        with keras.StatelessScope():  # what the call assigns to variables is discarded
            function = _traced(node)
    except Exception:  # a custom layer can raise anything, such as for an op of TensorFlow, or a loss
        return None
    found = {id(weight) for weight in function.weights}
    is_whole = found.issuperset(map(id, node.operation.weights)) and len(function.outputs) == len(node.outputs)
    return function if is_whole else None


def _signature(layer: Any) -> Signature:
    """The signature of a layer, which determines whether it can take another layer's weights.

    Layers that compute the same from the same numbers in the same order have the same signature: a depthwise
    convolution equals one with as many groups as channels, and a 1x1 convolution equals a dense layer.
    """
    # `trainable` also reflects what the user has frozen; the layer's own lists do not.
    made_trainable = {id(weight) for part in layer._flatten_layers() for weight in part._trainable_variables}
    shapes = [tuple(weight.shape) for weight in layer.weights]
    name, groups = type(layer).__name__, getattr(layer, "groups", 1)
    if name.startswith("DepthwiseConv"):
        *window, channels, multiplier = shapes[0]
        shapes[0], groups = (*window, 1, channels * multiplier), channels
    if "Conv" not in name or "Transpose" in name:
        groups = 1  # the groups of a normalization do not affect its weights
    elif len(shapes[0]) > 2 and {*shapes[0][:-2]} == {1}:
        shapes[0] = shapes[0][-2:]
    is_opaque = is_custom(layer) and any(part.weights for part in layer._flatten_layers(include_self=False))
    trainable = tuple(id(weight) in made_trainable for weight in layer.weights)
    return tuple(shapes), trainable, groups, name if is_opaque else ""


def _applied_activation(operation: Any) -> str:
    """The activation that a layer applies to its output; empty if it has none or uses it internally."""
    name = type(operation).__name__
    if "Conv" not in name and name not in ("Dense", "EinsumDense"):
        return ""
    return str(getattr(getattr(operation, "activation", None), "__name__", "linear"))
