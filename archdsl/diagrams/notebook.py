"""Notebook display of graphs, specs, layers of specs and built Keras layers, as a picture and as text. Never raises.

Imports no framework. The display is a MIME bundle (`_repr_mimebundle_`), which IPython, Jupyter, VS Code and marimo
support. `_repr_svg_` is not used, because marimo leaves the cell empty if it returns nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from archdsl.diagrams import Options, to_dot
from archdsl.diagrams.render import picture
from archdsl.errors import ArchError
from archdsl.graph import Graph
from archdsl.ops import Shape
from archdsl.reports.summary import to_text
from archdsl.resolution import resolve
from archdsl.resolution.layer_graph import layer_graph
from archdsl.spec import Layer, Spec
from archdsl.text import quantity

NODES, ARROWS, LINES = 1_000, 200, 60
"""Limits on the nodes of a body, the arrows of its picture, and the lines of its table.

Graphviz takes a fraction of a second for 200 crossing arrows, seconds for 300, and minutes for 600.
"""


def bundle(value: Graph | Spec | Layer) -> dict[str, str]:
    """Create the notebook display of a graph, of the model of a spec, or of the first use of a layer in its model.

    Each layer is drawn as one box.
    """
    if isinstance(value, Spec):
        return _bundle(value, lambda: resolve(value))
    if isinstance(value, Layer):
        return _bundle(value, lambda: _first_use(value))
    return _bundle(value, lambda: value)


def instance_bundle(instance: Any, spec: Spec, name: str) -> dict[str, str]:
    """Create the notebook display of an instance of a generated class, for its arguments and input shape.

    Args:
        instance: the Keras layer or model.
        spec: the spec that the class was generated from.
        name: the name of the layer in the spec, or of the model.
    """
    return _bundle(instance, lambda: _graph_of(instance, spec, name))


class _NoPicture(Exception):
    """The reason why there is no picture."""


def _bundle(shown: object, graph: Callable[[], Graph]) -> dict[str, str]:
    """Return the text and, if possible, the picture; otherwise the text says why there is no picture."""
    text = object.__repr__(shown)
    try:
        text = repr(shown)  # can raise for a Keras layer whose class was modified
        drawn = graph()
        _refuse_over("nodes", len(drawn.nodes), NODES)
        text = _table(drawn) if drawn is shown else f"{text}\n\n{_table(drawn)}"
        dot = to_dot(drawn, Options(depth=1))
        _refuse_over("arrows", sum(" -> " in line for line in dot.splitlines()), ARROWS)
        _, start, rest = picture(dot, "svg").decode().partition("<svg")
        if not start:
            raise _NoPicture("the renderer returned no SVG")
        # Remove everything before the element, because notebooks embed it in their page.
        return {"text/plain": text, "image/svg+xml": start + rest}
    except (ArchError, _NoPicture) as error:
        why = str(error)
    except Exception as error:  # the display of a value must never make a cell fail
        why = f"{type(error).__name__}: {error}"
    return {"text/plain": f"{text}\n\nno picture: {why}"}


def _refuse_over(what: str, number: int, most: int) -> None:
    if number > most:
        raise _NoPicture(f"{number:,} {what} exceed the limit of {most:,} in notebooks; use `archdsl plot` instead")


def _table(graph: Graph) -> str:
    """Format the table of `archdsl show`, without the middle if it is long."""
    lines = to_text(graph, 1).splitlines()
    if (left_out := len(lines) - LINES) <= 0:
        return "\n".join(lines)
    end = LINES // 2
    return "\n".join([*lines[:end], f"... {quantity(left_out, 'more line')}", *lines[-end:]])


def _first_use(layer: Layer) -> Graph:
    if layer.spec is None:
        raise _NoPicture("the layer belongs to no spec, so its input is unknown")
    for body in resolve(layer.spec).bodies():
        if body.name == layer.name:
            return body
    raise _NoPicture("the model does not use the layer, so its input is unknown")


def _graph_of(instance: Any, spec: Spec, name: str) -> Graph:
    config = instance.get_config()
    if name == spec.name:
        return resolve(spec, **{arg: config[arg] for arg in spec.args})
    layer = spec.layers[name]
    shape = (instance.get_build_config() or {}).get("input_shape")
    if shape is None:
        raise _NoPicture("the layer is not built yet: call it, or `build` it with a shape")
    batches = [shape] if len(layer.inputs) == 1 else shape
    return layer_graph(spec, name, config, [_shape(batch) for batch in batches])


def _shape(batch: Iterable[int | None]) -> Shape:
    """Remove the batch axis from a shape."""
    sides = tuple(side for side in tuple(batch)[1:] if side is not None)
    if len(sides) + 1 < len(tuple(batch)):
        raise _NoPicture("the layer takes inputs of any size, but a picture requires a fixed size")
    return sides
