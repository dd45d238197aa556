"""Flattens a functional Keras model: opens nested models and archdsl's layers; every other layer is one node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archdsl.errors import ArchError, fail
from archdsl.graph import Graph, Node
from archdsl.keras.transfer.flat_network import (
    AppliedActivation,
    Endpoint,
    FlatNetwork,
    FlatNode,
    KerasCall,
    Tensor,
    WeightedLayer,
    applied_activation,
    class_name,
    signature_of,
)
from archdsl.resolution.layer_graph import layer_graph
from archdsl.spec import Spec

_FUNCTIONAL = "keras.src.models.functional"


def flatten(model: Any) -> FlatNetwork:
    """The flat network of a Keras model.

    Args:
        model: functional, sequential, or built by archdsl.

    Raises:
        ArchError: the model does not say what its layers take from one another.
    """
    function = _functional_model(model)
    if function is None:
        why = "it is no functional model, and so nothing tells what its layers take from one another"
        if hasattr(model, "_functional"):
            why = "nothing tells its input's shape: give it a `keras.Input`, or call it"
        raise fail("ARCH308", f"the weights of `{getattr(model, 'name', model)}` cannot be paired: {why}")
    return _Flattener().model(function)


def _functional_model(operation: Any) -> Any:
    """The functional model that an operation is; None for a layer of another kind."""
    function = getattr(operation, "_functional", None) or operation
    is_functional = hasattr(function, "_nodes_by_depth") and type(function).call.__module__ == _FUNCTIONAL
    # A user's subclass may compute something else than its functional graph.
    return function if is_functional and type(operation).call.__module__.startswith("keras.") else None


class _Flattener:
    def __init__(self) -> None:
        self.network = FlatNetwork()
        self.layers: dict[tuple[int, str], WeightedLayer] = {}

    def model(self, function: Any) -> FlatNetwork:
        inputs = [
            self._add(Endpoint(True, tensor.name, number, tuple(tensor.shape)), [], len(tensor.shape))
            for number, tensor in enumerate(function.inputs)
        ]
        outputs = self._functional(function, inputs)
        names = list(function._outputs_struct) if isinstance(function._outputs_struct, dict) else []
        written = names or [""] * len(outputs)  # Keras sorts a dictionary's outputs by name
        for place, (output, tensor, name) in enumerate(zip(outputs, function.outputs, sorted(written), strict=True)):
            number = written.index(name) if name else place
            self._add(Endpoint(False, name, number, tuple(tensor.shape)), [output], len(tensor.shape))
        return self.network

    def _add(self, op: Any, inputs: Sequence[Tensor], rank: int, layer: WeightedLayer | None = None) -> Tensor:
        self.network.nodes.append(FlatNode(op, tuple(inputs), rank, layer))
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
        """The outputs of one call of an operation."""
        operation = node.operation
        inner = _functional_model(operation)
        if inner is not None and len(inner.inputs) == len(inputs):
            return self._functional(inner, inputs)
        if (opened := self._open_layer(node)) is not None:
            graph, weights = opened
            outputs = dict(zip(graph.outputs, self._body(operation, graph, inputs, weights, ""), strict=True))
            return [outputs[name] for name in sorted(outputs)]  # as Keras flattens a dictionary
        tensors = {id(tensor) for tensor in node.arguments.keras_tensors}
        arguments = ("a tensor" if id(value) in tensors else value for value in node.arguments._flat_arguments)
        rank = len(node.outputs[0].shape)
        number, _ = self._add(KerasCall(operation, tuple(arguments)), inputs, rank, self._whole_layer(operation))
        activation = applied_activation(operation)
        if activation not in ("", "linear"):
            return [self._add(AppliedActivation(activation), [(number, 0)], rank)]
        return [(number, output) for output in range(len(node.outputs))]

    def _whole_layer(self, layer: Any) -> WeightedLayer | None:
        """The weights of a layer that is one node; None for a layer without any."""
        weights = tuple(getattr(layer, "weights", ()))
        if not weights:
            return None
        # Keras's `trainable` would say what the user has frozen; the layer's own lists say how it was made.
        trainable = {id(weight) for part in layer._flatten_layers() for weight in part._trainable_variables}
        facts = [(tuple(weight.shape), id(weight) in trainable) for weight in weights]
        signature = signature_of(facts, type(layer).__name__, getattr(layer, "groups", 1))
        path = weights[0].path.rpartition("/")[0]
        return self.layers.setdefault((id(layer), ""), WeightedLayer(path, weights, signature))

    def _open_layer(self, node: Any) -> tuple[Graph, Mapping[str, Any]] | None:
        """The graph of a layer that archdsl generated, and its variables by the graph's paths."""
        made: tuple[Spec, str] | None = vars(type(node.operation)).get("_archdsl_made")
        shapes = [tuple(tensor.shape)[1:] for tensor in node.arguments.keras_tensors]
        if made is None or any(side is None for shape in shapes for side in shape):
            return None
        try:
            graph = layer_graph(*made, config=node.operation.get_config(), shapes=shapes)
        except ArchError:
            return None
        paths, variables = [path for path, _ in graph.weights()], {w.path: w for w in node.operation.weights}
        starts = {path[: -len(paths[0])] for path in variables if path.endswith(paths[0])} if paths else {""}
        for start in starts:
            if {start + path for path in paths} == variables.keys():
                return graph, {path: variables[start + path] for path in paths}
        return None

    def _body(
        self, layer: Any, graph: Graph, inputs: Sequence[Tensor], weights: Mapping[str, Any], scope: str
    ) -> list[Tensor]:
        known = dict(zip(graph.inputs, inputs, strict=True))
        for node in graph.nodes:
            taken = [known[ref] for ref in node.inputs]
            if node.body is not None:
                outputs = self._body(layer, node.body, taken, weights, f"{scope}{node.name}/")
                known |= zip(node.output_refs, outputs, strict=True)
            else:
                part = self._part_of_layer(layer, node, weights, f"{scope}{node.name}") if node.weights else None
                known[node.name] = self._add(node.op, taken, len(node.shape) + 1, part)
        return [known[output.ref] for output in graph.outputs.values()]

    def _part_of_layer(self, layer: Any, node: Node, weights: Mapping[str, Any], path: str) -> WeightedLayer:
        """The weights of one op inside a layer that archdsl generated."""
        variables = tuple(weights[f"{path}/{name}"] for name in node.weights)
        facts = [(weight.shape, weight.trainable) for weight in node.weights.values()]
        signature = signature_of(facts, class_name(node.op), getattr(node.op, "groups", 1))
        whole = variables[0].path.removesuffix(f"/{next(iter(node.weights))}")
        return self.layers.setdefault((id(layer), path), WeightedLayer(whole, variables, signature))
