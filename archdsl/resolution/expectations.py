"""Holds a graph to what the spec expects of it, and asks of its training."""

from __future__ import annotations

from typing import Any

from archdsl.errors import Problems
from archdsl.graph import Graph
from archdsl.ops.base import show
from archdsl.resolution import recipes
from archdsl.spec import OUTPUT, Spec


def check(spec: Spec, graph: Graph) -> None:
    """Holds a graph to the spec's `expect`, and to what can be trained.

    Raises:
        ArchError: with each number that differs; or as `recipes.hold_gradients`.
    """
    recipes.hold_gradients(spec, graph)
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
            message = f"the output {_told(expected)} is expected, and the network gives {_told(real[name])}"
        else:
            message = f"{expected:,} {name} are expected, and the network has {real[name]:,}"
        hint = "correct the network, or this line where it is the expectation that is wrong"
        problems.add("ARCH026", message, spec.expect_spans.get(name), hint)
    problems.stop()


def _told(output: Any) -> str:
    if isinstance(output, dict):
        return ", ".join(f"{name} {show(tuple(shape))}" for name, shape in output.items())
    text = show(tuple(output))
    return text if len(text) <= 60 else f"{text[:57]}..."
