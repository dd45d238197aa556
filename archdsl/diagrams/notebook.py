"""What notebooks show: a graph, a spec, a layer of it or a built Keras layer, as a picture and as text. Never raises.

Imports no framework. What is shown is a MIME bundle (`_repr_mimebundle_`): IPython and what is built on it (Jupyter, VS
Code) honour that, and so does marimo, which leaves a cell empty where a `_repr_svg_` has nothing to give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from archdsl.diagrams import Options, to_dot
from archdsl.diagrams.render import picture
from archdsl.errors import ArchError
from archdsl.graph import Graph, Node
from archdsl.ops import Shape
from archdsl.reports.summary import to_text
from archdsl.resolution import resolve
from archdsl.resolution.layer_graph import layer_graph
from archdsl.spec import Layer, Spec
from archdsl.text import quantity

NODES, ARROWS, LINES = 1_000, 200, 60
"""How many nodes a body may have to be looked at, how many arrows its picture, how many lines its table.

Graphviz needs a fraction of a second for 200 arrows that cross; for 300 it needs seconds, and for 600 minutes.
"""


def bundle(value: Graph | Spec | Layer) -> dict[str, str]:
    """What a notebook shows, each layer as one box.

    Of a graph it is the graph itself; of a spec its model, with the file's own arguments; of a layer of a spec its
    first use in the model.
    """
    if isinstance(value, Spec):
        return _bundle(value, lambda: resolve(value))
    if isinstance(value, Layer):
        return _bundle(value, lambda: _first_use(value))
    return _bundle(value, lambda: value)


def instance_bundle(instance: Any, spec: Spec, name: str) -> dict[str, str]:
    """What a notebook shows of an instance of a generated class: its graph for its arguments and its input's shape.

    Args:
        instance: the Keras layer or model.
        spec: what the class was generated from.
        name: the layer's name in the spec, or the model's.
    """
    return _bundle(instance, lambda: _graph_of(instance, spec, name))


class _NoPicture(Exception):
    """Why there is none, in words for people."""


def _bundle(shown: object, graph: Callable[[], Graph]) -> dict[str, str]:
    """The text and, where one can be drawn, the picture; else the text says why there is none."""
    text = object.__repr__(shown)
    try:
        text = repr(shown)  # of a Keras layer whose class someone has changed it may raise, too
        drawn = graph()
        _refuse_over("nodes", len(drawn.nodes), NODES)
        text = _table(drawn) if drawn is shown else f"{text}\n\n{_table(drawn)}"
        dot = to_dot(drawn, Options(depth=1))
        _refuse_over("arrows", sum(" -> " in line for line in dot.splitlines()), ARROWS)
        _, start, rest = picture(dot, "svg").decode().partition("<svg")
        if not start:
            raise _NoPicture("the renderer gave no SVG")
        # Without what precedes the element: notebooks put it into their page as it is.
        return {"text/plain": text, "image/svg+xml": start + rest}
    except (ArchError, _NoPicture) as error:
        why = str(error)
    except Exception as error:  # whatever it is, it is no reason for a cell to fail that only wants to look
        why = f"{type(error).__name__}: {error}"
    return {"text/plain": f"{text}\n\nno picture: {why}"}


def _refuse_over(what: str, number: int, most: int) -> None:
    if number > most:
        raise _NoPicture(
            f"{number:,} {what} are too many for a cell, which shows {most:,}; `archdsl plot` takes its time"
        )


def _table(graph: Graph) -> str:
    """The table of `archdsl show`, with its middle left out where it is long."""
    lines = to_text(graph, 1).splitlines()
    if (left_out := len(lines) - LINES) <= 0:
        return "\n".join(lines)
    end = LINES // 2
    return "\n".join([*lines[:end], f"... {quantity(left_out, 'more line')}", *lines[-end:]])


def _first_use(layer: Layer) -> Graph:
    if layer.spec is None:
        raise _NoPicture("the layer belongs to no spec, and so nothing says what flows into it")
    for node in _uses(resolve(layer.spec), set()):
        if node.kind == layer.name and node.body is not None:
            return node.body
    raise _NoPicture("the model does not use the layer, and so nothing says what flows into it")


def _uses(graph: Graph, seen: set[int]) -> Iterator[Node]:
    """The layers of a model from the outside in, each body once: equal uses share one."""
    for node in graph.nodes:
        if node.body is not None and id(node.body) not in seen:
            seen.add(id(node.body))
            yield node
            yield from _uses(node.body, seen)


def _graph_of(instance: Any, spec: Spec, name: str) -> Graph:
    config = instance.get_config()
    if name == spec.name:
        return resolve(spec, **{arg: config[arg] for arg in spec.args})
    layer = spec.layers[name]
    shape = (instance.get_build_config() or {}).get("input_shape")
    if shape is None:
        raise _NoPicture("the layer has not seen an input yet: call it, or `build` it with a shape")
    batches = [shape] if len(layer.inputs) == 1 else shape
    return layer_graph(spec, name, config, [_shape(batch) for batch in batches])


def _shape(batch: Iterable[int | None]) -> Shape:
    """A shape without its batch."""
    sides = tuple(side for side in tuple(batch)[1:] if side is not None)
    if len(sides) + 1 < len(tuple(batch)):
        raise _NoPicture("the layer takes images of any size, and a picture is of one")
    return sides
