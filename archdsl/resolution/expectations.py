"""Checks a graph against what its spec expects of it, and against what its recipe says of training."""

from __future__ import annotations

from typing import Any

from archdsl.errors import ArchError, Problem, Problems, fail, nearest
from archdsl.graph import Graph
from archdsl.ops.base import show
from archdsl.spec import OUTPUT, Spec
from archdsl.text import quantity

ONEDNN_CHANNELS = 8
"""With fewer, TensorFlow 2.21's oneDNN leaves the gradient of a strided 1x1 kernel unwritten without AVX-512."""


def check(spec: Spec, graph: Graph) -> None:
    """Checks a graph against the spec's `expect`, and whether it can be trained.

    Raises:
        ArchError: with each number that differs; or as `check_gradients`.
    """
    check_gradients(spec, graph)
    problems = Problems()
    shapes = {name: list(end.shape) for name, end in graph.outputs.items()}
    real: dict[str, Any] = {
        "parameters": graph.totals.parameters,
        "trainable": graph.totals.trainable,
        "macs": graph.totals.macs,
        "output": shapes.get(OUTPUT, shapes),
    }
    for name, expected in spec.expect.model_dump(exclude_none=True).items():
        if expected == real[name]:
            continue
        if name == "output":
            message = f"the output {_shape_text(expected)} is expected, and the network gives {_shape_text(real[name])}"
        else:
            message = f"{expected:,} {name} are expected, and the network has {real[name]:,}"
        hint = "correct the network, or this line where it is the expectation that is wrong"
        problems.add("ARCH026", message, spec.expect_spans.get(name), hint)
    problems.stop()


def _shape_text(output: Any) -> str:
    if isinstance(output, dict):
        return ", ".join(f"{name} {show(tuple(shape))}" for name, shape in output.items())
    text = show(tuple(output))
    return text if len(text) <= 60 else f"{text[:57]}..."


def check_recipe(spec: Spec, graph: Graph) -> None:
    """Checks that the steps that the recipe names are in the model.

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


def check_gradients(spec: Spec, graph: Graph) -> None:
    """Checks that the kernels that the recipe chooses can train each step.

    Raises:
        ArchError: a step has a wrong gradient with `onednn: true` (ARCH020).
    """
    if spec.train is None or spec.train.onednn is not True:
        return
    for path, node in graph.walk():
        kernel = node.weights.get("kernel") or node.weights.get("depthwise_kernel")
        if kernel is None or kernel.shape[:2] != (1, 1) or getattr(node.op, "stride", 1) in (1, (1, 1)):
            continue
        channels, depthwise = kernel.shape[2], node.kind in ("depthwise_conv", "separable_conv")
        if getattr(node.op, "groups", 1) > 1 or channels >= ONEDNN_CHANNELS or (channels > 1 and depthwise):
            continue
        place = spec.places.get("train.onednn")
        facts = (
            f"{path} is a 1x1 kernel with a stride, on {quantity(channels, 'channel')}; it takes {ONEDNN_CHANNELS}",
            *([f"`onednn: true` stands on line {place.line}"] if place else []),
        )
        message = "oneDNN gives this kernel a wrong gradient, in TensorFlow 2.21"
        hint = f"`onednn: auto`, or {ONEDNN_CHANNELS} channels or more"
        raise ArchError(Problem("ARCH020", message, node.span, facts, hint=hint))
