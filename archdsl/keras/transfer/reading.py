"""Reads a functional Keras model: nested models and archdsl's layers are opened, every other layer is one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archdsl.errors import ArchError, fail
from archdsl.graph import Graph, Node
from archdsl.keras.transfer.description import applied, kind_of
from archdsl.keras.transfer.network import Called, End, Function, Holder, Network, Step, Tensor, label_of
from archdsl.ops import Op
from archdsl.resolution.layer_graph import layer_graph
from archdsl.spec import Spec

_FUNCTIONAL = "keras.src.models.functional"


def read(model: Any) -> Network:
    """The network of a Keras model.

    Args:
        model: functional, sequential, or built by archdsl.

    Raises:
        ArchError: it does not tell what its layers take from one another.
    """
    function = _function(model)
    if function is None:
        why = "it is no functional model, and so nothing tells what its layers take from one another"
        if hasattr(model, "_functional"):
            why = "nothing tells its input's shape: give it a `keras.Input`, or call it"
        raise fail("ARCH308", f"the weights of `{getattr(model, 'name', model)}` cannot be paired: {why}")
    return _Reader().model(function)


def _function(operation: Any) -> Any:
    """The functional model that an operation is; None for one that is a layer of another kind."""
    function = getattr(operation, "_functional", None) or operation
    is_one = hasattr(function, "_nodes_by_depth") and type(function).call.__module__ == _FUNCTIONAL
    # A class of somebody's own may compute something else than its functional graph.
    return function if is_one and type(operation).call.__module__.startswith("keras.") else None


class _Reader:
    def __init__(self) -> None:
        self.network = Network()
        self.holders: dict[tuple[int, str], Holder] = {}

    def model(self, function: Any) -> Network:
        given = [
            self._add(End(True, tensor.name, number, tuple(tensor.shape)), [], len(tensor.shape))
            for number, tensor in enumerate(function.inputs)
        ]
        ends = self._functional(function, given)
        names = function._outputs_struct if isinstance(function._outputs_struct, dict) else {}
        order = list(names) or [""] * len(ends)  # as it was written: Keras flattens by the alphabet
        for place, (end, tensor, name) in enumerate(zip(ends, function.outputs, sorted(order), strict=True)):
            number = order.index(name) if name else place
            self._add(End(False, name, number, tuple(tensor.shape)), [end], len(tensor.shape))
        return self.network

    def _add(self, does: Any, inputs: Sequence[Tensor], rank: int, holder: Holder | None = None) -> Tensor:
        self.network.steps.append(Step(does, tuple(inputs), rank, holder))
        return len(self.network.steps) - 1, 0

    def _functional(self, function: Any, given: Sequence[Tensor]) -> list[Tensor]:
        known = {id(tensor): source for tensor, source in zip(function.inputs, given, strict=True)}
        for depth in sorted(function._nodes_by_depth, reverse=True):
            for node in function._nodes_by_depth[depth]:
                if node.is_input:
                    continue
                taken = [known[id(tensor)] for tensor in node.arguments.keras_tensors]
                known |= zip(map(id, node.outputs), self._call(node, taken), strict=True)
        return [known[id(tensor)] for tensor in function.outputs]

    def _call(self, node: Any, taken: list[Tensor]) -> list[Tensor]:
        """What one call of an operation gives."""
        operation = node.operation
        inner = _function(operation)
        if inner is not None and len(inner.inputs) == len(taken):
            return self._functional(inner, taken)
        if (opened := self._opened(node)) is not None:
            graph, weights = opened
            given = dict(zip(graph.outputs, self._body(operation, graph, taken, weights, ""), strict=True))
            return [given[name] for name in sorted(given)]  # as Keras flattens a dictionary
        tensors = {id(tensor) for tensor in node.arguments.keras_tensors}
        said = ("a tensor" if id(value) in tensors else value for value in node.arguments._flat_arguments)
        called = Called(operation, tuple(said))
        number, _ = self._add(called, taken, len(node.outputs[0].shape), self._holder_of(operation))
        function = applied(operation)
        if function not in ("", "linear"):
            return [self._add(Function(function), [(number, 0)], len(node.outputs[0].shape))]
        return [(number, out) for out in range(len(node.outputs))]

    def _holder_of(self, layer: Any) -> Holder | None:
        """The holder of a layer that is one step."""
        weights = tuple(getattr(layer, "weights", ()))
        if not weights:
            return None
        # Whether a weight is trained is asked of its layer's make: a user may have frozen the layer.
        trained = {id(v) for part in layer._flatten_layers() for v in part._trainable_variables}
        told = [(tuple(weight.shape), id(weight) in trained) for weight in weights]
        label = label_of(told, type(layer).__name__, getattr(layer, "groups", 1))
        return self.holders.setdefault((id(layer), ""), Holder(weights[0].path.rpartition("/")[0], weights, label))

    def _opened(self, node: Any) -> tuple[Graph, Mapping[str, Any]] | None:
        """The graph of a layer that archdsl made, and its variables by the graph's paths."""
        made: tuple[Spec, str] | None = vars(type(node.operation)).get("_archdsl_made")
        shapes = [tuple(tensor.shape)[1:] for tensor in node.arguments.keras_tensors]
        if made is None or any(side is None for shape in shapes for side in shape):
            return None
        try:
            graph = layer_graph(*made, config=node.operation.get_config(), shapes=shapes)
        except ArchError:
            return None
        paths, real = [path for path, _ in graph.weights()], {w.path: w for w in node.operation.weights}
        starts = {path[: -len(paths[0])] for path in real if path.endswith(paths[0])} if paths else {""}
        for start in starts:
            if {start + path for path in paths} == real.keys():
                return graph, {path: real[start + path] for path in paths}
        return None

    def _body(
        self, layer: Any, graph: Graph, given: Sequence[Tensor], weights: Mapping[str, Any], scope: str
    ) -> list[Tensor]:
        known = dict(zip(graph.inputs, given, strict=True))
        for node in graph.nodes:
            taken = [known[ref] for ref in node.inputs]
            if node.body is not None:
                ends = self._body(layer, node.body, taken, weights, f"{scope}{node.name}/")
                known |= zip(node.output_refs, ends, strict=True)
            else:
                holder = self._holder_at(layer, node, node.op, weights, scope)
                known[node.name] = self._add(node.op, taken, len(node.shape) + 1, holder)
        return [known[end.ref] for end in graph.outputs.values()]

    def _holder_at(
        self, layer: Any, node: Node, op: Op | None, weights: Mapping[str, Any], scope: str
    ) -> Holder | None:
        """The holder of an op inside a layer that archdsl made."""
        if not node.weights:
            return None
        path = f"{scope}{node.name}"
        variables = tuple(weights[f"{path}/{name}"] for name in node.weights)
        told = [(weight.shape, weight.trainable) for weight in node.weights.values()]
        label = label_of(told, kind_of(op), getattr(op, "groups", 1))
        whole = variables[0].path.removesuffix(f"/{next(iter(node.weights))}")
        return self.holders.setdefault((id(layer), path), Holder(whole, variables, label))
