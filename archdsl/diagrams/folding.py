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
    return one.kind == other.kind and one.arguments == other.arguments and _alike(one.body, other.body)


def equal_steps(one: Sequence[Node], other: Sequence[Node]) -> bool:
    """Whether two steps do the same, and give tensors of the same size."""
    return one[-1].shape == other[-1].shape and [(n.role, n.op) for n in one] == [(n.role, n.op) for n in other]


def _alike(one: Graph, other: Graph) -> bool:
    """Whether two bodies have the same ops, wired in the same way."""
    outputs = [[end.ref for end in body.outputs.values()] for body in (one, other)]
    if len(one.nodes) != len(other.nodes) or [*one.inputs] != [*other.inputs] or outputs[0] != outputs[1]:
        return False
    return all(
        (a.name, a.kind, a.op, a.inputs) == (b.name, b.kind, b.op, b.inputs) and (a.body is b.body or equal_uses(a, b))
        for a, b in zip(one.nodes, other.nodes, strict=True)
    )
