"""Receptive fields: the input pixels that can affect a position of a feature map in inference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import gcd, lcm
from typing import NamedTuple, TypeAlias

from archdsl.analysis.costs import Depth, opens
from archdsl.graph import Graph, Node
from archdsl.ops import Op, Shape
from archdsl.ops.receptive_field import POINTWISE, Reach, ReceptiveField

# How it works. Along one axis, position p of a map sees the positions `start(p)` to `end(p)` of another map. For
# windows, these are p * stride plus a constant. For upsampling, they repeat with a period, as in 2, 2, 3, 3, ...: a
# view has one start and one end for each position of a period, and the step from one period to the next. Views of
# consecutive ops are composed position by position, and a merge takes their hull. Each body is analyzed once; the views
# of its inputs are then composed with the views of the tensors passed to it.

_LONGEST = 4096
"""The longest period; anything more irregular is treated as seeing the whole input."""


class Field(NamedTuple):
    """The receptive field of one position of an output.

    Args:
        size: number of input positions along each axis, such as rows and columns of pixels, ignoring the borders of the
            input. None for the whole input, and (0, 0) if no input is a map or a sequence.
        stride: the distance in input positions between neighboring positions along each axis, less than 1 on a map
            finer than the input. None if the output is not a map.
    """

    size: tuple[int, ...] | None
    stride: tuple[float, ...] | None


class AxisView(NamedTuple):
    """The first and the last position seen by each position along one axis.

    The view is periodic: a position `len(first)` later sees positions `step` later.
    """

    step: int = 1
    first: tuple[int, ...] = (0,)
    last: tuple[int, ...] = (0,)

    def start(self, place: int) -> int:
        """Return the first position that a position sees."""
        turn, at = divmod(place, len(self.first))
        return self.first[at] + turn * self.step

    def end(self, place: int) -> int:
        """Return the last position that a position sees."""
        turn, at = divmod(place, len(self.last))
        return self.last[at] + turn * self.step

    def width(self, places: int = 1) -> int:
        """Return the largest number of positions that some neighbors see together."""
        return max(0, *(self.end(at + places - 1) - self.start(at) + 1 for at in range(len(self.first))))

    @property
    def stride(self) -> float:
        """The distance between the views of neighbors."""
        exact = self.step / len(self.first)
        return int(exact) if exact == int(exact) else exact


class PointView(NamedTuple):
    """The view of positions that do not form a map: how many positions of each axis they see, 1 of each if empty."""

    sizes: tuple[int, ...] = ()


AxisViews: TypeAlias = tuple[AxisView, ...]
View: TypeAlias = AxisViews | PointView | None
"""The part of a map that a tensor sees: a view per axis, a view without order, or None for all of it."""

State: TypeAlias = Mapping[str, View]
"""The views that a tensor has of the inputs of its body; inputs that it does not see are missing."""

_SAME: AxisViews = ()
"""The view of the same position of a tensor, whatever its rank."""


def receptive_fields(graph: Graph, depth: Depth = None) -> dict[str, Field]:
    """Compute the receptive field of the (first) output of each node, by the paths of `graph.walk()`.

    After a gate, a flattened map or attention, a position sees the whole input. Where branches meet, the receptive
    field extends from the first to the last row and column that any of them sees. If their strides differ, it is the
    largest of theirs. With several inputs, the largest receptive field counts, of those with the most axes.

    Args:
        graph: the network.
        depth: how many levels of layers to open, or the paths of layers to open; by default all. Each body is analyzed
            only once.
    """
    return dict(_BodyViews().walk(graph, _entrance(graph), "", depth, 1))


def views(graph: Graph) -> dict[str, State]:
    """Compute the views that each tensor of a graph has of the inputs."""
    return _BodyViews().of(graph)


def last_map(graph: Graph) -> tuple[str, Field] | None:
    """Return the last top-level node whose output is a feature map larger than 1x1, with its receptive field.

    A feature map has as many axes as an input: of sequences, it is a sequence.
    """
    ranks = {len(shape) for shape in graph.inputs.values() if _is_map(shape)} or {3}
    found = [node.name for node in graph.nodes if len(node.shape) in ranks and max(node.shape[:-1]) > 1]
    return (found[-1], field(_through(_entrance(graph), views(graph)[found[-1]]))) if found else None


class _BodyViews:
    """Analyzes each body and each op once, however often it is used."""

    def __init__(self) -> None:
        self.known: dict[int, dict[str, State]] = {}
        self.ops: dict[tuple[int, tuple[Shape, ...]], View] = {}

    def of(self, body: Graph) -> dict[str, State]:
        """Return the views that each tensor of a body has of the inputs of the body."""
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
                    seen = self._op(node.op, tuple(shapes[ref] for ref in node.inputs))
                    ways = [None if _is_broadcast(node, shapes[ref]) else seen for ref in node.inputs]
                    states[node.name] = _joined(
                        [
                            {key: _beyond(view, way) for key, view in states[ref].items()}
                            for ref, way in zip(node.inputs, ways, strict=True)
                        ]
                    )
            self.known[id(body)] = states
        return self.known[id(body)]

    def _op(self, op: Op, inputs: tuple[Shape, ...]) -> View:
        key = id(op), inputs
        if key not in self.ops:
            self.ops[key] = _view(op.receptive_field(*inputs))
        return self.ops[key]

    def walk(
        self, body: Graph, entrance: Mapping[str, State], scope: str, depth: Depth, level: int
    ) -> Iterator[tuple[str, Field]]:
        """Yield the path and receptive field of every node, layers before the nodes inside them.

        Args:
            body: the body.
            entrance: the views that the inputs of the body have of the model inputs.
            scope: the path of the body, with a `/` at the end.
            depth: the layers to open.
            level: the nesting level of the body.
        """
        states = self.of(body)
        for node in body.nodes:
            path = f"{scope}{node.name}"
            yield path, field(_through(entrance, states[node.name]))
            if node.body is not None and opens(depth, path, level):
                taken = zip(node.body.inputs, node.inputs, strict=True)
                inner = {name: _through(entrance, states[ref]) for name, ref in taken}
                yield from self.walk(node.body, inner, f"{path}/", depth, level + 1)


def _is_broadcast(node: Node, x: Shape) -> bool:
    """Whether an input is broadcast over positions, which then all see what one position of it sees."""
    return node.op is not None and node.op.traits.elementwise and x[:-1] != node.shape[:-1]


def field(state: State) -> Field:
    """Convert the views of the model inputs to a receptive field."""
    if not state:
        return Field((0, 0), None)
    fields: list[tuple[tuple[int, ...], tuple[float, ...] | None]] = []
    for view in state.values():
        if view is None:
            return Field(None, None)
        if isinstance(view, PointView):
            fields.append((view.sizes, None))
        else:
            fields.append((tuple(axis.width() for axis in view), tuple(axis.stride for axis in view)))
    rank = max(len(sizes) for sizes, _ in fields)
    fields = [one for one in fields if len(one[0]) == rank]
    size = tuple(map(max, zip(*(sizes for sizes, _ in fields), strict=True)))
    return Field(size, max(fields, key=lambda one: one[0])[1])


def _entrance(graph: Graph) -> dict[str, State]:
    """The views that the model inputs have of themselves; vectors have no positions."""
    return {
        name: {name: (AxisView(),) * (len(shape) - 1)} if _is_map(shape) else {} for name, shape in graph.inputs.items()
    }


def _is_map(shape: Shape) -> bool:
    """Whether a shape is that of a sequence, a map or a volume."""
    return 2 <= len(shape) <= 4


def _through(entrance: Mapping[str, State], state: State) -> State:
    """Compose the views of a tensor in a body with those of the inputs of the body."""
    return _joined(
        [{key: _beyond(outer, view) for key, outer in entrance[name].items()} for name, view in state.items()]
    )


def _joined(states: list[State]) -> State:
    """Join the views of several tensors."""
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
    return PointView() if rule == "place" else tuple(map(_axis, rule))


def _axis(reach: Reach) -> AxisView:
    places = reach.over // gcd(reach.step, reach.over)
    starts, ends = (tuple(map(side, range(places))) for side in (reach.first, reach.last))
    return AxisView(reach.step * places // reach.over, starts, ends)


def _beyond(outer: View, inner: View) -> View:
    """Compose two views."""
    if inner == _SAME or outer is None:
        return outer
    if inner is None or outer == _SAME:
        return inner
    if isinstance(outer, PointView):
        return outer if isinstance(inner, PointView) and not inner.sizes else None
    if isinstance(inner, PointView):
        sizes = inner.sizes or (1,) * len(outer)
        return PointView(tuple(axis.width(size) for axis, size in zip(outer, sizes, strict=True)))
    if len(outer) != len(inner):
        return None
    chained = [_chained(one, other) for one, other in zip(outer, inner, strict=True)]
    return tuple(axis for axis in chained if axis is not None) if None not in chained else None


def _chained(outer: AxisView, inner: AxisView) -> AxisView | None:
    if inner == AxisView():
        return outer
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
        rank = max(len(one.sizes), len(other.sizes))
        both = (view.sizes or (1,) * rank for view in (one, other))
        return PointView(tuple(map(max, *both)))
    if one is None or other is None or isinstance(one, PointView) or isinstance(other, PointView):
        return None
    rank = max(len(one), len(other))
    one, other = (view or (AxisView(),) * rank for view in (one, other))
    return tuple(map(_hull, one, other)) if len(one) == len(other) else None


def _hull(one: AxisView, other: AxisView) -> AxisView:
    if one.step * len(other.first) != other.step * len(one.first):
        return max(one, other, key=AxisView.width)
    places = lcm(len(one.first), len(other.first))
    starts = tuple(min(one.start(at), other.start(at)) for at in range(places))
    return AxisView(
        one.step * (places // len(one.first)), starts, tuple(max(one.end(at), other.end(at)) for at in range(places))
    )
