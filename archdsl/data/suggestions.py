"""Suggests `data` for a network whose spec has none."""

from __future__ import annotations

from archdsl.data import sources
from archdsl.errors import ArchError, fail
from archdsl.graph import Graph
from archdsl.ops.base import show
from archdsl.recipe import DATA_SOURCES


def missing_data(graph: Graph) -> ArchError:
    """The error of a spec without `data` (ARCH006), with data that its network can be trained on.

    archdsl trains image classifiers: one input of images, and an output of one number per class.
    """
    problem = _not_a_classifier(graph)
    if problem:
        hint = "archdsl trains image classifiers only: call `archdsl.build`, and train the model with Keras"
        return fail("ARCH006", f"{graph.name} has no `data`, and {problem}", hint=hint)
    return fail("ARCH006", f"{graph.name} has no `data` to train on", hint=f"add {_suggestion(graph)}")


def _not_a_classifier(graph: Graph) -> str:
    if len(graph.inputs) > 1:
        return f"it takes {len(graph.inputs)} inputs"
    if len(graph.input) != 3 or graph.input[-1] not in (1, 3, 4):
        return f"its input {show(graph.input)} is not an image"
    if not any(len(end.shape) == 1 for end in graph.outputs.values()):
        return f"its output {show(graph.shape)} is not one number per class"
    return ""


def _suggestion(graph: Graph) -> str:
    for name, source in DATA_SOURCES.items():
        if not source.takes and sources.source(name).fits(graph.input, graph.shape):
            return f"`data: {{source: {name}}}`"
    return "`data: {source: {folder: PATH}}`, where PATH has a folder of images for each class"
