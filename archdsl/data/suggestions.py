"""Suggests `data` for a network whose spec has none."""

from __future__ import annotations

from archdsl.data import sources
from archdsl.data.ports import Ports
from archdsl.errors import ArchError, fail
from archdsl.graph import Graph
from archdsl.recipe import DATA_SOURCES


def missing_data(graph: Graph) -> ArchError:
    """The error of a spec without `data` (ARCH006), with data that its network can be trained on."""
    return fail("ARCH006", f"{graph.name} has no `data` to train on", hint=f"add {_suggestion(graph)}")


def _suggestion(graph: Graph) -> str:
    ports = Ports.of(graph)
    shapes = [end.shape for end in ports.outputs.values()]
    if len(ports.inputs) > 1:
        columns = ", ".join(f"{name}: COLUMN" for name in ports.inputs)
        return f"`data: {{source: {{csv: PATH}}, inputs: {{{columns}}}}}`, with the columns of each input"
    (port,) = ports.inputs.values()
    if ports.image_shape is not None:
        return _of_images(graph, [shape for shape in shapes if len(shape) == 1], shapes)
    if port.is_integer and len(port.shape) == 1:
        if any(len(shape) == 2 for shape in shapes):
            return "`data: {source: {text: PATH}}`, where PATH is a text whose next tokens are predicted"
        return "`data: {source: {text_folder: PATH}}`, where PATH has a folder of texts for each class"
    if len(port.shape) == 1:
        return "`data: {source: {csv: PATH}}`, where PATH is a table whose last column is predicted"
    return "`data: {source: {npz: PATH}}`, where PATH has the arrays `x` and `y`"


def _of_images(graph: Graph, vectors: list[tuple[int | None, ...]], shapes: list[tuple[int | None, ...]]) -> str:
    """Data for a network that takes images.

    Args:
        vectors: those of the shapes of its outputs that may be one number per class.
    """
    if not vectors and graph.input in shapes:
        return "`data: {source: {folder: PATH}, targets: image}`, where PATH has folders of images"
    if not vectors:
        return "`data: {source: {masks: PATH}}`, where PATH has the folders `images` and `masks`"
    for name, source in DATA_SOURCES.items():
        if not source.takes and sources.source(name).fits(graph.input, graph.shape):
            return f"`data: {{source: {name}}}`"
    return "`data: {source: {folder: PATH}}`, where PATH has a folder of images for each class"
