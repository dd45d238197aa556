"""Holds what a recipe says of a network to its graph."""

from __future__ import annotations

from archdsl.errors import fail, nearest
from archdsl.graph import Graph
from archdsl.spec import Spec


def hold(spec: Spec, graph: Graph) -> None:
    """Looks up the steps that the recipe names.

    Raises:
        ArchError: `whiten` names what is no convolution of the model (ARCH018).
    """
    whiten = spec.train.whiten if spec.train is not None else None
    if whiten is None:
        return
    convolutions = [node.name for node in graph.nodes if node.op is not None and node.op.name == "conv"]
    if whiten.layer not in convolutions:
        there = any(node.name == whiten.layer for node in graph.nodes)
        message = f"`{whiten.layer}` is no convolution of the model" if there else f"the model has no `{whiten.layer}`"
        hint = nearest(whiten.layer, convolutions) if convolutions else "its own steps have no `conv`"
        raise fail("ARCH018", message, spec.places.get("train.whiten.layer"), hint)
