"""What looks the same in a diagram, and so is drawn once with a number."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.graph import Graph, Node


def equal_uses(one: Node, other: Node) -> bool:
    """Whether two uses of a layer are the same but for the sizes that flow in, as those of DenseNet's layers."""
    if one.body is None or other.body is None:
        return False
    if one.body is other.body:
        return True
    return one.kind == other.kind and one.arguments == other.arguments and alike(one.body, other.body)


def equal_steps(one: Sequence[Node], other: Sequence[Node]) -> bool:
    """Whether two steps do the same, and give tensors of the same size."""
    return one[-1].shape == other[-1].shape and [(n.role, n.op) for n in one] == [(n.role, n.op) for n in other]


def alike(one: Graph, other: Graph) -> bool:
    """Whether two bodies have the same ops, wired in the same way."""
    if one is other:
        return True
    if len(one.nodes) != len(other.nodes) or [*one.inputs] != [*other.inputs]:
        return False
    if [end.ref for end in one.outputs.values()] != [end.ref for end in other.outputs.values()]:
        return False
    return all(_same(a, b) for a, b in zip(one.nodes, other.nodes, strict=True))


def _same(one: Node, other: Node) -> bool:
    if (one.name, one.kind, one.op, one.inputs) != (other.name, other.kind, other.op, other.inputs):
        return False
    return one.body is other.body or equal_uses(one, other)
