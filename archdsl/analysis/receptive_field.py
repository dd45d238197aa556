"""Receptive fields: which pixels of the model's input can move a place of a map, in inference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import gcd, lcm
from typing import NamedTuple, TypeAlias

from archdsl.analysis.costs import Depth, opens
from archdsl.graph import Graph
from archdsl.ops.receptive_field import POINTWISE, Reach, ReceptiveField

# How it works. Along one axis, place p of a map sees the places `start(p)` to `end(p)` of another. For windows these
# are p * stride plus a constant; where a map is made larger they repeat with a period, as in 2, 2, 3, 3, ...: a
# view has one start and one end for each place of a period, and the step from one period to the next. Through two ops
# views are composed place by place, and at a merge the hull of both is taken. Each body is looked at once, and its view
# of its own inputs is then composed with what those see where it is used.

_LONGEST = 4096
"""Places after which an axis repeats itself, at most; what is more uneven counts as seeing the whole input."""


class Field(NamedTuple):
    """What one place of an output sees of the model's input.

    Args:
        size: rows and columns of the input's pixels, as if the map went on for ever; None where the whole input is
            seen, and (0, 0) where no map is.
        stride: how many rows and columns of the input lie between one place and the next, less than 1 on a map that
            is finer than the input; None where places do not lie as a map.
    """

    size: tuple[int, int] | None
    stride: tuple[float, float] | None


class AxisView(NamedTuple):
    """Along one axis, the first and the last place that each of a row of places sees.

    The row repeats itself: what comes `len(first)` places later sees what lies `step` further on.
    """

    step: int = 1
    first: tuple[int, ...] = (0,)
    last: tuple[int, ...] = (0,)

    def start(self, place: int) -> int:
        """The first place that a place sees."""
        turn, at = divmod(place, len(self.first))
        return self.first[at] + turn * self.step

    def end(self, place: int) -> int:
        """The last place that a place sees."""
        turn, at = divmod(place, len(self.last))
        return self.last[at] + turn * self.step

    def width(self, places: int = 1) -> int:
        """How many places some neighbours see together, at most."""
        return max(0, *(self.end(at + places - 1) - self.start(at) + 1 for at in range(len(self.first))))

    @property
    def stride(self) -> float:
        """How far apart lies what neighbours see."""
        exact = self.step / len(self.first)
        return int(exact) if exact == int(exact) else exact


class PointView(NamedTuple):
    """Places that do not lie as a map, each of which sees so many rows and columns."""

    rows: int
    columns: int


View: TypeAlias = tuple[AxisView, AxisView] | PointView | None
"""What a tensor sees of a map: rows and columns; places that lie in no order; or None, all of it."""

State: TypeAlias = Mapping[str, View]
"""What a tensor sees of each input of its body; an input of which it sees nothing is not there."""

_SAME: View = (AxisView(), AxisView())


def receptive_fields(graph: Graph, depth: Depth = None) -> dict[str, Field]:
    """The receptive field of each node's (first) output, by the paths of `graph.walk()`.

    It is what inference depends on: behind a gate, a flattened map or attention, a place sees the whole input. What
    comes together from branches sees from the first row and column that one of them sees to the last; where they
    come at different strides it is the largest of each. Of several inputs that are maps, the largest counts.

    Args:
        depth: how many levels of layers to open, or the paths of those to open; without it, all. Each body is looked
            at once, whatever the depth.
    """
    return dict(_BodyViews().walk(graph, _entrance(graph), "", depth, 1))


def views(graph: Graph) -> dict[str, State]:
    """What each tensor of a graph sees of each of the graph's inputs, by its ref."""
    return _BodyViews().of(graph)


def last_map(graph: Graph) -> tuple[str, Field] | None:
    """The last node of the model, layers closed, that gives a map of more than one place, and its field."""
    found = [node.name for node in graph.nodes if len(node.shape) == 3 and node.shape[:2] != (1, 1)]
    return (found[-1], field(_through(_entrance(graph), views(graph)[found[-1]]))) if found else None


class _BodyViews:
    """Looks at each body once, however often it is used."""

    def __init__(self) -> None:
        self.known: dict[int, dict[str, State]] = {}

    def of(self, body: Graph) -> dict[str, State]:
        """What each tensor of a body sees of the body's inputs, by its ref."""
        if id(body) not in self.known:
            states: dict[str, State] = {name: {name: _SAME} for name in body.inputs}
            shapes = body.shapes
            for node in body.nodes:
                if node.body is not None:
                    inner = self.of(node.body)
                    entrance = {name: states[ref] for name, ref in zip(node.body.inputs, node.inputs, strict=True)}
                    for ref, end in zip(node.output_refs, node.body.outputs.values(), strict=True):
                        states[ref] = _through(entrance, inner[end.ref])
                    states[node.name] = states[node.output_refs[0]]
                elif node.op is not None:
                    seen = _view(node.op.receptive_field(*(shapes[ref] for ref in node.inputs)))
                    states[node.name] = _joined(
                        [{key: _beyond(view, seen) for key, view in states[ref].items()} for ref in node.inputs]
                    )
            self.known[id(body)] = states
        return self.known[id(body)]

    def walk(
        self, body: Graph, entrance: Mapping[str, State], scope: str, depth: Depth, level: int
    ) -> Iterator[tuple[str, Field]]:
        """Every node's path and field, each layer before what is inside it.

        Args:
            entrance: what the body's inputs see of the model's.
        """
        states = self.of(body)
        for node in body.nodes:
            path = f"{scope}{node.name}"
            yield path, field(_through(entrance, states[node.name]))
            if node.body is not None and opens(depth, path, level):
                taken = zip(node.body.inputs, node.inputs, strict=True)
                inner = {name: _through(entrance, states[ref]) for name, ref in taken}
                yield from self.walk(node.body, inner, f"{path}/", depth, level + 1)


def field(state: State) -> Field:
    """The field of a tensor that sees so much of the model's inputs."""
    if not state:
        return Field((0, 0), None)
    sizes: list[tuple[tuple[int, int], tuple[float, float] | None]] = []
    for view in state.values():
        if view is None:
            return Field(None, None)
        if isinstance(view, PointView):
            sizes.append(((view.rows, view.columns), None))
        else:
            rows, columns = view
            sizes.append(((rows.width(), columns.width()), (rows.stride, columns.stride)))
    size = max(rows for (rows, _), _ in sizes), max(columns for (_, columns), _ in sizes)
    return Field(size, max(sizes, key=lambda one: one[0])[1])


def _entrance(graph: Graph) -> dict[str, State]:
    """What the model's inputs see of themselves: only maps have pixels."""
    return {name: {name: _SAME} if len(shape) == 3 else {} for name, shape in graph.inputs.items()}


def _through(entrance: Mapping[str, State], state: State) -> State:
    """What a tensor of a body sees of what the body's inputs see."""
    return _joined(
        [{key: _beyond(outer, view) for key, outer in entrance[name].items()} for name, view in state.items()]
    )


def _joined(states: list[State]) -> State:
    """What several tensors see together."""
    if len(states) == 1:
        return states[0]
    joined: dict[str, View] = {}
    for state in states:
        for key, view in state.items():
            joined[key] = _union(joined[key], view) if key in joined else view
    return joined


def _view(rule: ReceptiveField) -> View:
    if rule == POINTWISE:
        return _SAME
    if rule == "whole":
        return None
    return PointView(1, 1) if rule == "place" else (_axis(rule[0]), _axis(rule[1]))


def _axis(reach: Reach) -> AxisView:
    places = reach.over // gcd(reach.step, reach.over)
    starts, ends = (tuple(map(side, range(places))) for side in (reach.first, reach.last))
    return AxisView(reach.step * places // reach.over, starts, ends)


def _beyond(outer: View, inner: View) -> View:
    """What is seen of an input through a tensor that itself sees so much of it."""
    if inner is _SAME or outer is None:
        return outer
    if inner is None or outer is _SAME:
        return inner
    if isinstance(outer, PointView):
        return outer if inner == PointView(1, 1) else None
    if isinstance(inner, PointView):
        return PointView(outer[0].width(inner.rows), outer[1].width(inner.columns))
    rows, columns = _chained(outer[0], inner[0]), _chained(outer[1], inner[1])
    return None if rows is None or columns is None else (rows, columns)


def _chained(outer: AxisView, inner: AxisView) -> AxisView | None:
    turns = len(outer.first) // gcd(inner.step, len(outer.first))
    places = turns * len(inner.first)
    if places > _LONGEST:
        return None
    step = outer.step * (turns * inner.step // len(outer.first))
    starts = tuple(outer.start(inner.start(at)) for at in range(places))
    return AxisView(step, starts, tuple(outer.end(inner.end(at)) for at in range(places)))


def _union(one: View, other: View) -> View:
    if one == other:
        return one
    if isinstance(one, PointView) and isinstance(other, PointView):
        return PointView(max(one.rows, other.rows), max(one.columns, other.columns))
    if one is None or other is None or isinstance(one, PointView) or isinstance(other, PointView):
        return None
    return _hull(one[0], other[0]), _hull(one[1], other[1])


def _hull(one: AxisView, other: AxisView) -> AxisView:
    if one.step * len(other.first) != other.step * len(one.first):
        return max(one, other, key=AxisView.width)
    places = lcm(len(one.first), len(other.first))
    starts = tuple(min(one.start(at), other.start(at)) for at in range(places))
    return AxisView(
        one.step * (places // len(one.first)), starts, tuple(max(one.end(at), other.end(at)) for at in range(places))
    )
