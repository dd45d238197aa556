"""The cost of a network: activations, receptive fields and memory, per node and in total. Imports no framework."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archdsl.analysis.costs import Depth, WorkCounter, WorkCounts, opens
from archdsl.analysis.memory import peak, peaks, saved_for_backward, size_of
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
"""Bytes of a weight and of an activation for each dtype policy of Keras."""


@dataclass(frozen=True, slots=True)
class Measures:
    """The measures of a whole network.

    Args:
        totals: parameters, trainable parameters, variables, and multiply-accumulates per image as counted in papers.
        activations: output values of convolutions and dense layers per image.
        fvcore: multiply-accumulates and activations per image as counted by fvcore and timm.
        last_map: the last top-level node whose output is a feature map larger than 1x1, or None.
        field: the receptive field at that node, or None.
        batch: the batch size for which activation memory is counted.
        precision: one of `PRECISIONS`.
        weight_bytes: memory of all weights.
        peak_bytes: peak memory of activations in inference, without weights.
        kept_bytes: memory of activations kept for the backward pass in training, without weights; a lower bound.
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
    """The measures of one node: an op, or a layer with everything inside it.

    Args:
        node: the node.
        totals: as in `Measures`, like `activations`, `fvcore` and `weight_bytes`.
        field: the receptive field of its (first) output.
        output_bytes: memory of its outputs for the batch.
        peak_bytes: memory of all activations of the network that are alive while the node runs, for the batch.
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
    """Count multiply-accumulates and activations per image like fvcore and timm."""
    return WorkCounter().of(graph).fvcore


def measure(graph: Graph, batch: int = 1, precision: str = "float32") -> Measures:
    """Measure a network.

    Args:
        graph: the network.
        batch: the batch size.
        precision: the Keras dtype policy, one of `PRECISIONS`.

    Raises:
        ArchError: the batch size is less than 1, or the precision is unknown (ARCH203).
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
        peak(graph, number) * batch,
        saved_for_backward(graph, number) * batch,
    )


def layers(graph: Graph, batch: int = 1, precision: str = "float32", depth: Depth = None) -> dict[str, NodeMeasures]:
    """Measure each node of a network, by the paths of `graph.walk()`. Equal layers are measured once.

    Args:
        graph: the network.
        batch: the batch size.
        precision: the Keras dtype policy, one of `PRECISIONS`.
        depth: how many levels of layers to open, or the paths of layers to open; by default all.

    Raises:
        ArchError: the batch size is less than 1, or the precision is unknown (ARCH203).
    """
    weight, number = _bytes(batch, precision)
    fields, highest = receptive_fields(graph, depth), peaks(graph, number, depth)
    return {
        path: NodeMeasures(
            node,
            node.totals,
            work.activations,
            work.fvcore,
            fields[path],
            node.totals.parameters * weight,
            sum(size_of(tensor.shape, tensor.dtype, number) for tensor in node.output_tensors) * batch,
            highest[path] * batch,
        )
        for path, node, work in _worked(graph, WorkCounter(), "", depth, 1)
    }


def _worked(
    graph: Graph, works: WorkCounter, scope: str, depth: Depth, level: int
) -> Iterator[tuple[str, Node, WorkCounts]]:
    """Yield every node with its path and work, layers before the nodes inside them."""
    found = works.nodes(graph)
    for node in graph.nodes:
        path = f"{scope}{node.name}"
        yield path, node, found[node.name]
        if node.body is not None and opens(depth, path, level):
            yield from _worked(node.body, works, f"{path}/", depth, level + 1)


def _bytes(batch: int, precision: str) -> tuple[int, int]:
    if batch < 1:
        raise fail("ARCH203", f"batch size must be at least 1, got {batch}")
    if precision not in PRECISIONS:
        raise fail("ARCH203", f"unknown precision `{precision}`", hint=nearest(precision, PRECISIONS))
    return PRECISIONS[precision]
