"""Resolve a single layer of a spec for the arguments and inputs of a layer instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from archdsl.errors import ArchError, Span
from archdsl.graph import Graph
from archdsl.ops import Shape
from archdsl.ops.base import FLOAT
from archdsl.resolution import resolve
from archdsl.spec import Expectation, Input, Layer, Spec
from archdsl.steps import LayerCall, Loop, Step, StepRef, Value


def layer_graph(spec: Spec, name: str, config: Mapping[str, Any], shapes: Sequence[Shape]) -> Graph:
    """Return the graph of a layer's body.

    Args:
        spec: The spec that defines the layer.
        name: The name of the layer.
        config: Values for all arguments of the layer, such as the config of a Keras layer.
        shapes: The shapes of its inputs, in order, without the batch.

    Raises:
        ArchError: If the layer does not resolve with these values.
    """
    layer = spec.layers[name]
    known = layer_dtypes(spec).get(base_layer(spec, name))
    dtypes = known.inputs if known is not None else (FLOAT,) * len(shapes)
    inputs = {word: Input(shape, dtype) for word, shape, dtype in zip(layer.inputs, shapes, dtypes, strict=True)}
    alone = resolve(_alone(layer, spec, config, inputs))
    return next(node.body for node in alone.nodes if node.body is not None)


def base_layer(spec: Spec, name: str) -> str:
    """Return the name of the layer whose steps a layer has: that under its `like`, if it has one."""
    while (like := spec.layers[name].like) is not None:
        name = like
    return name


class LayerDtypes(NamedTuple):
    """The dtypes of the inputs and the outputs of a layer."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def layer_dtypes(spec: Spec) -> Mapping[str, LayerDtypes]:
    """Return the dtypes of the layers that have not only floats. `like` layers are left out.

    A layer has the same dtypes at each use. So they depend neither on arguments nor on the variant.

    Raises:
        ArchError: If the model has inputs of other dtypes, and does not resolve with its defaults.
    """
    try:
        graph = resolve(next(iter(spec.every())))
    except ArchError:
        if all(one.dtype == FLOAT for one in spec.inputs.values()):
            return {}
        raise
    found = {
        base_layer(spec, node.kind): LayerDtypes(
            tuple(node.body.dtypes.values()), tuple(end.dtype for end in node.body.outputs.values())
        )
        for _, node in graph.walk()
        if node.body is not None
    }
    return {name: dtypes for name, dtypes in found.items() if {*dtypes.inputs, *dtypes.outputs} != {FLOAT}}


def _alone(layer: Layer, spec: Spec, config: Mapping[str, Any], inputs: Mapping[str, Input]) -> Spec:
    """Return a spec whose model consists of one use of a layer."""
    base = spec.layers[base_layer(spec, layer.name)]
    name = "the layer"  # not a valid name of an input, because of the space
    call = LayerCall(layer.name, {arg: _value(config[arg], layer.span) for arg in layer.args})
    outputs = tuple(StepRef(name, ref.label, layer.span) for ref in base.outputs[:1])
    step = Step(layer.name, call, Loop(), name, layer.span)
    return replace(spec, inputs=inputs, outputs=outputs, args={}, model=(step,), train=None, expect=Expectation())


def _value(content: Any, span: Span) -> Value:
    """Convert an argument to its representation in a spec."""
    if isinstance(content, list | tuple):
        return Value(tuple(_value(item, span) for item in content), span)
    return Value(content, span)
