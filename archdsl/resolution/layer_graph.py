"""Resolve a single layer of a spec for the arguments and inputs of a layer instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from archdsl.errors import Span
from archdsl.graph import Graph
from archdsl.ops import Shape
from archdsl.resolution import resolve
from archdsl.spec import Expectation, Layer, LayerCall, Loop, Spec, Step, StepRef, Value


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
    alone = resolve(_alone(layer, spec, config, dict(zip(layer.inputs, shapes, strict=True))))
    return next(node.body for node in alone.nodes if node.body is not None)


def _alone(layer: Layer, spec: Spec, config: Mapping[str, Any], inputs: Mapping[str, Shape]) -> Spec:
    """Return a spec whose model consists of one use of a layer."""
    base = layer
    while base.like is not None:
        base = spec.layers[base.like]
    name = "the layer"  # not a valid name of an input, because of the space
    call = LayerCall(layer.name, {arg: _value(config[arg], layer.span) for arg in layer.args})
    outputs = tuple(StepRef(name, ref.name, layer.span) for ref in base.outputs[:1])
    step = Step(layer.name, call, Loop(), name, layer.span)
    return replace(spec, inputs=inputs, outputs=outputs, args={}, model=(step,), train=None, expect=Expectation())


def _value(content: Any, span: Span) -> Value:
    """Convert an argument to its representation in a spec."""
    if isinstance(content, list | tuple):
        return Value(tuple(_value(item, span) for item in content), span)
    return Value(content, span)
