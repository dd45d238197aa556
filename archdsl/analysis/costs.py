"""What ops count to over a body and everything inside it, each distinct body once."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import TypeAlias

from archdsl.graph import Graph, Node
from archdsl.ops import Shape
from archdsl.ops.base import Counts

Depth: TypeAlias = int | Container[str] | None
"""Which layers to open: so many levels of them, those at some paths, or all."""


@dataclass(frozen=True, slots=True)
class WorkCounts:
    """Activations as papers count them, and what fvcore counts, for one image."""

    activations: int
    fvcore: Counts

    def __add__(self, other: WorkCounts) -> WorkCounts:
        both = zip(self.fvcore, other.fvcore, strict=True)
        return WorkCounts(self.activations + other.activations, Counts(*(one + more for one, more in both)))


_NONE = WorkCounts(0, Counts())


class WorkCounter:
    """The work of bodies and nodes, by name; equal uses of a layer are one body, which is counted once."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[dict[str, WorkCounts], WorkCounts]] = {}

    def of(self, body: Graph) -> WorkCounts:
        """Of all that is in a body."""
        return self._counted(body)[1]

    def nodes(self, body: Graph) -> dict[str, WorkCounts]:
        """Of each node of a body, by its name."""
        return self._counted(body)[0]

    def _counted(self, body: Graph) -> tuple[dict[str, WorkCounts], WorkCounts]:
        if id(body) not in self.known:
            shapes = body.shapes
            found = {node.name: self._work(node, shapes) for node in body.nodes}
            self.known[id(body)] = found, sum(found.values(), _NONE)
        return self.known[id(body)]

    def _work(self, node: Node, shapes: dict[str, Shape]) -> WorkCounts:
        if node.body is not None:
            return self.of(node.body)
        if node.op is None:
            return _NONE
        inputs = [shapes[ref] for ref in node.inputs]
        return WorkCounts(node.op.activations(*inputs), node.op.fvcore(*inputs))


def opens(depth: Depth, path: str, level: int) -> bool:
    """Whether a layer at a path is to be opened.

    Args:
        level: 1 for what stands in the model itself.
    """
    if depth is None:
        return True
    return level < depth if isinstance(depth, int) else path in depth
