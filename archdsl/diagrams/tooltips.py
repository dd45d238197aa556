"""Tooltips of the parts of a picture: weights with their shapes, and the line in the spec."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archdsl.diagrams.plan import Box, OpenLayer
from archdsl.diagrams.style import Lines, dimensions
from archdsl.graph import Node
from archdsl.ops import Shape


def box_tooltip(box: Box) -> Lines:
    """Return the tooltip of a box: its ops with their weights, or the call of the layer."""
    if box.is_layer:
        return _layers(box.nodes)
    lines = [line for node in box.step for line in _op(node)]
    more = f"and {box.times - 1} more like it" if box.times > 1 else ""
    return Lines("\n".join(filter(None, [*lines, more])))


def layer_tooltip(layer: OpenLayer) -> Lines:
    """Return the tooltip of an opened layer."""
    return _layers(layer.nodes)


def merge_tooltip(merge: Node) -> Lines:
    """Return the tooltip of a merge."""
    return Lines("\n".join([*_op(merge), f"{', '.join(merge.parts)} → {dimensions(merge.shape)}"]))


def tensor_tooltip(ref: str, shape: Shape) -> Lines:
    """Return the tooltip of an edge: the tensor that it carries."""
    return Lines(f"{ref}\n{dimensions(shape)}")


def _layers(nodes: Sequence[Node]) -> Lines:
    first, last = nodes[0], nodes[-1]
    name = first.name if first is last else f"{first.name} … {last.name}"
    values = ", ".join(f"{key}={value}" for key, value in first.arguments.items())
    parameters = sum(node.totals.parameters for node in nodes)
    return Lines(f"{name}{_line(first)}\n{first.kind}({values})\n{parameters:,} parameters")


def _op(node: Node) -> Iterable[str]:
    yield f"{node.name}{_line(node)}" + (f", weights of {node.shared_with}" if node.shared_with else "")
    for name, weight in node.weights.items():
        yield f"{name} {dimensions(weight.shape)}{'' if weight.trainable else ', not trained'}"


def _line(node: Node) -> str:
    return f", line {node.span.line}" if node.span else ""
