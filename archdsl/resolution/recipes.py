"""Holds what a recipe says of a network to its graph."""

from __future__ import annotations

from archdsl.errors import ArchError, Problem, fail, nearest
from archdsl.graph import Graph
from archdsl.spec import Spec
from archdsl.text import quantity

CHANNELS = 8
"""With fewer, TensorFlow 2.21's oneDNN leaves the gradient of a strided 1x1 kernel unwritten without AVX-512."""


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


def hold_gradients(spec: Spec, graph: Graph) -> None:
    """Looks whether the recipe's kernels can train each step.

    Raises:
        ArchError: a step has a wrong gradient with `onednn: true` (ARCH020).
    """
    if spec.train is None or spec.train.onednn is not True:
        return
    for path, node in graph.walk():
        kernel = node.weights.get("kernel") or node.weights.get("depthwise_kernel")
        if kernel is None or kernel.shape[:2] != (1, 1) or getattr(node.op, "stride", 1) in (1, (1, 1)):
            continue
        channels, grouped = kernel.shape[2], getattr(node.op, "groups", 1) > 1
        if grouped or channels >= CHANNELS or (channels > 1 and node.kind in ("depthwise_conv", "separable_conv")):
            continue
        place = spec.places.get("train.onednn")
        facts = (
            f"{path} is a 1x1 kernel with a stride, on {quantity(channels, 'channel')}; it takes {CHANNELS}",
            *([f"`onednn: true` stands on line {place.line}"] if place else []),
        )
        message = "oneDNN gives this kernel a wrong gradient, in TensorFlow 2.21"
        hint = f"`onednn: auto`, or {CHANNELS} channels or more"
        raise ArchError(Problem("ARCH020", message, node.span, facts, hint=hint))
