"""What a network costs: activations, receptive fields and memory, per node and in all. Imports no framework."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from archdsl.analysis.costs import Depth, WorkCounter, WorkCounts, opens
from archdsl.analysis.memory import peak, peaks, saved_for_backward
from archdsl.analysis.receptive_field import Field, last_map, receptive_fields
from archdsl.errors import fail, nearest
from archdsl.graph import Graph, Node, Totals
from archdsl.ops.base import Counts

__all__ = [
    "PRECISIONS",
    "Counts",
    "Field",
    "Measures",
    "NodeMeasures",
    "fvcore",
    "layers",
    "measure",
    "receptive_fields",
]

PRECISIONS = {
    "float32": (4, 4),
    "float16": (2, 2),
    "bfloat16": (2, 2),
    "mixed_float16": (4, 2),
    "mixed_bfloat16": (4, 2),
}
"""Bytes of a weight and of an activation under each of Keras's dtype policies."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What a whole network counts to.

    Args:
        totals: parameters, trainable ones, variables, and multiply-accumulates for one image as papers count them.
        activations: numbers that convolutions and dense layers give, for one image.
        fvcore: both for one image as fvcore counts them, and with it timm.
        last_map: the last node, layers closed, that gives a map of more than one place; None where none does.
        field: what a place of that map sees of the input; None where there is none.
        batch: images at once, which the bytes of activations are for.
        precision: one of `PRECISIONS`.
        weight_bytes: of all weights.
        peak_bytes: of the activations that are there at once in inference, at most; weights are not in it.
        kept_bytes: of what training keeps for its backward pass, at least; weights are not in it.
    """

    totals: Totals
    activations: int
    fvcore: Counts
    last_map: str | None
    field: Field | None
    batch: int
    precision: str
    weight_bytes: int
    peak_bytes: int
    kept_bytes: int


@dataclass(frozen=True, slots=True)
class NodeMeasures:
    """What one node counts to: an op, or a layer with all that is inside it.

    Args:
        node: itself.
        totals: as in `Measures`; so are `activations`, `fvcore` and `weight_bytes`.
        field: what a place of its (first) output sees of the input.
        output_bytes: of its outputs, for the batch.
        peak_bytes: of all the network's activations that are there while it runs, for the batch.
    """

    node: Node
    totals: Totals
    activations: int
    fvcore: Counts
    field: Field
    weight_bytes: int
    output_bytes: int
    peak_bytes: int


def fvcore(graph: Graph) -> Counts:
    """Multiply-accumulates and activations for one image as fvcore counts them, and with it timm's tables."""
    return WorkCounter().of(graph).fvcore


def measure(graph: Graph, batch: int = 1, precision: str = "float32") -> Measures:
    """What a network counts to.

    Args:
        batch: images at once.
        precision: one of `PRECISIONS`: Keras's dtype policy.

    Raises:
        ArchError: the batch or the precision is none.
    """
    weight, number = _bytes(batch, precision)
    work = WorkCounter().of(graph)
    name, field = last_map(graph) or (None, None)
    return Measures(
        graph.totals,
        work.activations,
        work.fvcore,
        name,
        field,
        batch,
        precision,
        graph.totals.parameters * weight,
        peak(graph) * batch * number,
        saved_for_backward(graph) * batch * number,
    )


def layers(graph: Graph, batch: int = 1, precision: str = "float32", depth: Depth = None) -> dict[str, NodeMeasures]:
    """What each node counts to, by the paths of `graph.walk()`.

    Args:
        batch: images at once.
        precision: one of `PRECISIONS`: Keras's dtype policy.
        depth: how many levels of layers to open, or the paths of those to open; without it, all. Equal layers are
            measured once.

    Raises:
        ArchError: the batch or the precision is none.
    """
    weight, number = _bytes(batch, precision)
    fields, highest = receptive_fields(graph, depth), peaks(graph, depth)
    return {
        path: NodeMeasures(
            node,
            node.totals,
            work.activations,
            work.fvcore,
            fields[path],
            node.totals.parameters * weight,
            sum(map(math.prod, node.outputs.values() or [node.shape])) * batch * number,
            highest[path] * batch * number,
        )
        for path, node, work in _worked(graph, WorkCounter(), "", depth, 1)
    }


def _worked(
    graph: Graph, works: WorkCounter, scope: str, depth: Depth, level: int
) -> Iterator[tuple[str, Node, WorkCounts]]:
    """Every node with its path and its work, each layer before what is inside it."""
    found = works.nodes(graph)
    for node in graph.nodes:
        path = f"{scope}{node.name}"
        yield path, node, found[node.name]
        if node.body is not None and opens(depth, path, level):
            yield from _worked(node.body, works, f"{path}/", depth, level + 1)


def _bytes(batch: int, precision: str) -> tuple[int, int]:
    if batch < 1:
        raise fail("ARCH203", f"a batch of {batch} images is none", hint="`--batch` takes a whole number from 1 on")
    if precision not in PRECISIONS:
        raise fail("ARCH203", f"the precision `{precision}` is not known", hint=nearest(precision, PRECISIONS))
    return PRECISIONS[precision]
