"""Work of a body and everything inside it, counted once for each distinct body."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import TypeAlias

from archdsl.graph import Graph, Node
from archdsl.ops import Shape
from archdsl.ops.base import Counts

Depth: TypeAlias = int | Container[str] | None
"""The layers to open: a number of levels, a collection of paths, or None for all."""


@dataclass(frozen=True, slots=True)
class WorkCounts:
    """Activations as counted in papers, and the counts of fvcore, for one image."""

    activations: int
    fvcore: Counts

    def __add__(self, other: WorkCounts) -> WorkCounts:
        both = zip(self.fvcore, other.fvcore, strict=True)
        return WorkCounts(self.activations + other.activations, Counts(*(one + more for one, more in both)))


_NONE = WorkCounts(0, Counts())


class WorkCounter:
    """Counts the work of bodies and nodes. Equal layers share a body and equal ops an object, which is counted once."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[dict[str, WorkCounts], WorkCounts]] = {}
        self.ops: dict[tuple[int, tuple[Shape, ...]], WorkCounts] = {}

    def of(self, body: Graph) -> WorkCounts:
        """Return the work of a body."""
        return self._counted(body)[1]

    def nodes(self, body: Graph) -> dict[str, WorkCounts]:
        """Return the work of each node in a body, by name."""
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
        inputs = tuple(shapes[ref] for ref in node.inputs)
        key = id(node.op), inputs
        if key not in self.ops:
            self.ops[key] = WorkCounts(node.op.activations(*inputs), node.op.fvcore(*inputs))
        return self.ops[key]


def opens(depth: Depth, path: str, level: int) -> bool:
    """Whether to open a layer.

    Args:
        depth: the layers to open.
        path: the path of the layer.
        level: its nesting level, 1 for steps of the model.
    """
    if depth is None:
        return True
    return level < depth if isinstance(depth, int) else path in depth
