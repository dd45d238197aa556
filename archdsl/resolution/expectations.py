"""Check a graph against the expectations and the recipe of its spec."""

from __future__ import annotations

from typing import Any

from archdsl.errors import ArchError, Problem, Problems, fail, nearest
from archdsl.graph import Graph
from archdsl.ops.base import FLOAT, is_one, show
from archdsl.recipe import DATA_SOURCES
from archdsl.resolution import fine_tuning
from archdsl.spec import OUTPUT, Spec
from archdsl.text import quantity

ONEDNN_CHANNELS = 8
"""With fewer channels, oneDNN in TensorFlow 2.21 omits the gradient of a strided 1x1 kernel without AVX-512."""


_UNITS = {"parameters": "parameters", "trainable": "trainable parameters", "macs": "multiply-accumulates"}


def check(spec: Spec, graph: Graph) -> None:
    """Check a graph against the `expect` section of its spec, and that it can be trained.

    Raises:
        ArchError: With all expectations that do not hold, or as in `check_gradients`.
    """
    check_gradients(spec, graph)
    problems = Problems()
    owner = f" for the variant `{spec.variant}`" if spec.variant else ""
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
            message = f"expected an output of {_shape_text(expected)}{owner}, got {_shape_text(real[name])}"
        else:
            message = f"expected {expected:,} {_UNITS[name]}{owner}, got {real[name]:,}"
        hint = "fix the network, or update this expectation"
        problems.add("ARCH026", message, spec.expect_spans.get(name), hint)
    problems.stop()


def _shape_text(output: Any) -> str:
    if isinstance(output, dict):
        return ", ".join(f"{name} {show(tuple(shape))}" for name, shape in output.items())
    text = show(tuple(output))
    return text if len(text) <= 60 else f"{text[:57]}..."


def check_recipe(spec: Spec, graph: Graph) -> None:
    """Check that the data fits the inputs, and that the steps named in the recipe exist in the model.

    Raises:
        ArchError: If the model does not take images of floats (ARCH028), `whiten` does not name a convolution of the
            model (ARCH018), or as in `fine_tuning.check`.
    """
    if spec.data is not None and DATA_SOURCES[spec.data.kind].has_only_images:
        for name, dtype in graph.dtypes.items():
            if dtype != FLOAT:
                message = f"`data` provides images of floats, but `{name}` is {dtype}"
                hint = "train the network with Keras: call `archdsl.build`"
                if dtype == "uint8" and len(graph.inputs[name]) == 3:
                    hint = "remove `dtype`: the recipe already converts and scales pixels"
                raise fail("ARCH028", message, spec.places.get("data.source"), hint)
    fine_tuning.check(spec, graph)
    whiten = spec.train.whiten if spec.train is not None else None
    if whiten is None:
        return
    convolutions = [node.name for node in graph.nodes if node.op is not None and node.op.name == "conv"]
    if whiten.layer not in convolutions:
        there = any(node.name == whiten.layer for node in graph.nodes)
        name = f"`{whiten.layer}`"
        message = f"the step {name} is not a convolution" if there else f"the model has no step {name}"
        hint = nearest(whiten.layer, convolutions) if convolutions else "none of the model's own steps is a `conv`"
        raise fail("ARCH018", message, spec.places.get("train.whiten.layer"), hint)


def check_gradients(spec: Spec, graph: Graph) -> None:
    """Check that the kernels selected by the recipe compute correct gradients.

    Raises:
        ArchError: If a step has a wrong gradient with `onednn: true` (ARCH020).
    """
    if spec.train is None or spec.train.onednn is not True:
        return
    for path, node in graph.walk():
        kernel = node.weights.get("kernel") or node.weights.get("depthwise_kernel")
        if kernel is None or {*kernel.shape[:-2]} != {1} or is_one(getattr(node.op, "stride", 1)):
            continue
        channels, depthwise = kernel.shape[-2], node.kind in ("depthwise_conv", "separable_conv")
        if getattr(node.op, "groups", 1) > 1 or channels >= ONEDNN_CHANNELS or (channels > 1 and depthwise):
            continue
        place = spec.places.get("train.onednn")
        facts = (
            f"{path}: a strided 1x1 kernel with {quantity(channels, 'input channel')}; oneDNN needs {ONEDNN_CHANNELS}",
            *([f"`onednn: true` is set on line {place.line}"] if place else []),
        )
        message = "oneDNN computes a wrong gradient for this kernel in TensorFlow 2.21"
        hint = f"set `onednn: auto`, or use at least {ONEDNN_CHANNELS} channels"
        raise ArchError(Problem("ARCH020", message, node.span, facts, hint=hint))
