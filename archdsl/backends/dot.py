"""Graph -> a diagram in Graphviz's DOT language. Imports no framework and no renderer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from archdsl.backends.dot_canvas import Canvas
from archdsl.backends.dot_plan import Box, Bunch, Frame, Item, Lane, boxes, bunches, frames, plan
from archdsl.backends.dot_style import (
    Theme,
    arguments,
    attributes,
    box_label,
    cluster_label,
    dimensions,
    legend,
    printable,
    quoted,
    short,
    theme_of,
    width_of,
)
from archdsl.errors import fail
from archdsl.graph import Graph, Node
from archdsl.ops import Shape
from archdsl.ops.merge import Merge

ABBREVIATIONS = {"batch_norm": "BN", "layer_norm": "LN", "group_norm": "GN"}
"""How a norm is told inside another op's box."""

_INPUT, _OUTPUT = "(input)", "(output)"
"""The ends of a diagram; no step can have such a name."""


def to_dot(graph: Graph, *, theme: str = "light", depth: int | None = None, direction: str = "TB") -> str:
    """A diagram of a body, as DOT text: the same text for the same graph, always.

    Args:
        graph: the model's, or a layer's as `views` gives it.
        theme: `light` or `dark`.
        depth: 1 draws each layer as one box; 2 draws what is inside the layers, 3 what is inside those, ...
        direction: `TB` from top to bottom, `LR` from left to right.

    Raises:
        ArchError: an option has a value that it cannot have.
    """
    if direction not in ("TB", "LR"):
        raise fail("ARCH203", f"`{direction}` is no direction", hint="`TB` from top to bottom, `LR` from left to right")
    if depth is not None and depth < 1:
        raise fail("ARCH203", f"a diagram cannot be {depth} deep", hint="1 draws each layer as one box")
    return _Drawing(theme_of(theme), direction == "LR", plan(graph, depth or 1)).text(graph)


def views(graph: Graph) -> dict[str, Graph]:
    """What of a model is worth a diagram: the model itself, then the first use of each class of layer."""
    found: dict[str, Graph] = {}
    seen: set[int] = set()
    waiting = [graph]
    while waiting:
        body = waiting.pop()
        if id(body) not in seen:
            seen.add(id(body))
            found.setdefault(body.name, body)
            waiting += [node.body for node in reversed(body.nodes) if node.body is not None]
    return found


@dataclass(slots=True)
class _Tip:
    """Where a chain has come to.

    Args:
        name: of the last node drawn.
        shape: what comes out of it.
        told: the shape that was told last.
        forks: whether lanes may start right there; else a dot of their own comes before them.
    """

    name: str
    shape: Shape
    told: Shape
    forks: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """Where items stand: the layers around them, and what keeps their column straight."""

    scope: str
    width: float
    weight: int
    group: str = ""


class _Drawing(Canvas):
    """Draws a plan. Edges between two items stand outside both, for an edge draws its ends into its cluster."""

    def __init__(self, theme: Theme, is_wide: bool, items: tuple[Item, ...]) -> None:
        super().__init__(theme, is_wide)
        self.items, self.width = items, _width(items)

    def text(self, graph: Graph) -> str:
        totals = graph.totals
        told = f"{dimensions(graph.input)} in, {dimensions(graph.shape)} out"
        self.line(f"// {printable(graph.name)}")
        self.line(f"// {told}, {totals.layers:,} ops, {totals.parameters:,} parameters")
        kinds = {box.kind for box in boxes(self.items)}
        with self.block(f"digraph {quoted(graph.name)}"):
            self.defaults(legend(graph.name, graph.arguments, kinds, self.theme))
            self.end(_INPUT, "Input", graph.input)
            tip = _Tip(_INPUT, graph.input, graph.input, forks=True)
            place = _Place("", _chain_width(self.items, self.width), 100 if self.is_wide else 50)
            self.sections(tip, place, _is_model(graph))
            self.end(_OUTPUT, "Output", graph.shape)
            self.edge(tip.name, _OUTPUT, weight=place.weight)
        return "\n".join(self.lines) + "\n"

    def end(self, name: str, title: str, shape: Shape) -> None:
        self.node(name, label=box_label(title, [dimensions(shape)], self.theme), **self.colours("end"), width=1.1)

    def sections(self, tip: _Tip, place: _Place, is_model: bool) -> None:
        """The whole chain; that of a model as stem, body and head."""
        layers = [i for i, item in enumerate(self.items) if _is_layer(item)]
        if not is_model or not layers:
            self.chain(self.items, tip, place)
            return
        ends = (0, layers[0], layers[-1] + 1, len(self.items))
        for title, start, stop in zip(("stem", "body", "head"), ends, ends[1:], strict=False):
            items = self.items[start:stop]
            if items:
                self.enter(items[0], tip, place)
                with self.cluster(title, **self.title(title, "l")):
                    self.draw(items[0], tip, place)
                    self.chain(items[1:], tip, place)

    def chain(self, items: Sequence[Item], tip: _Tip, place: _Place) -> None:
        for item in items:
            self.enter(item, tip, place)
            self.draw(item, tip, place)

    def enter(self, item: Item, tip: _Tip, place: _Place) -> None:
        """The edge to an item, with the shape on it where that has changed."""
        if isinstance(item, Bunch) and tip.forks:
            return
        values: dict[str, object] = {"weight": place.weight}
        if tip.shape != tip.told:
            values["label"] = f"  {dimensions(tip.shape)}"
            tip.told = tip.shape
        self.edge(tip.name, _entry(item, place.scope), **values)

    def draw(self, item: Item, tip: _Tip, place: _Place) -> None:
        if isinstance(item, Bunch):
            self.bunch(item, tip, place)
        elif isinstance(item, Frame):
            self.frame(item, tip, place)
        else:
            self.box(item, tip, place)

    def box(self, box: Box, tip: _Tip, place: _Place) -> None:
        title, details = _words(box)
        label = box_label(title, details, self.theme, box.times)
        group = {"group": place.group} if place.group else {}
        name, shape = _entry(box, place.scope), box.nodes[-1].shape
        self.node(name, label=label, **self.colours(box.kind), width=place.width, **group)
        tip.name, tip.shape, tip.forks = name, shape, True
        tip.told = shape if box.kind == "block" else tip.told

    def frame(self, frame: Frame, tip: _Tip, place: _Place) -> None:
        name = f"{place.scope}{frame.nodes[0].name}"
        label = cluster_label(frame.main.kind, frame.times, self.theme, is_bold=True)
        line = {"penwidth": 2.4 if frame.times > 1 else 1.4, "color": self.colours("block")["color"], "margin": 14}
        with self.cluster(name, label=label, labeljust=_free_side(frame), fillcolor=self.theme.page, **line):
            inner, items = replace(tip, name=_entry(frame, place.scope)), frame.items
            within = _Place(f"{name}/", _chain_width(items, self.width), place.weight)
            if _has_dot(frame):
                self.dot(inner.name)
                inner.forks = True
            else:
                self.draw(items[0], inner, within)
                items = items[1:]
            self.chain(items, inner, within)
        tip.name, tip.shape, tip.told, tip.forks = inner.name, frame.main.shape, inner.told, False

    def bunch(self, bunch: Bunch, tip: _Tip, place: _Place) -> None:
        merge, start = bunch.merge, replace(tip, forks=False)
        name = f"{place.scope}{merge.name}"
        if not tip.forks:
            start.name = _entry(bunch, place.scope)
            self.dot(start.name)
        columns = _columns(bunch, place.scope)
        paths = [column for column in columns if not column.lane.is_shortcut]
        for index, column in enumerate(paths):
            if 2 * index == len(paths):
                self.spine(start.name, name, len(column.names))
            self.path(column, start, name, "l" if 2 * index < len(paths) else "r", 2 * index + 1 == len(paths))
        for column in columns[len(paths) :]:
            self.shortcut(column, start, name)
        middles = [column.names[(len(column.names) - 1) // 2] for column in columns]
        if len(middles) > 1:
            self.line(f"{{ rank=same {' '.join(map(quoted, middles))} }}")
        self.circle(name, merge.op.sign if isinstance(merge.op, Merge) else merge.kind)
        tip.name, tip.shape, tip.forks = name, merge.shape, False

    def spine(self, fork: str, merge: str, count: int) -> None:
        """What nobody sees between two middle paths: it holds the fork and the merge on the axis of symmetry."""
        points = [f"{merge} axis {number}" for number in range(count)]
        with self.block(f"subgraph {quoted(f'cluster {merge} axis')}"):
            self.line("graph" + attributes({"style": "invis", "label": "", "margin": 0}))
            for point in points:
                self.point(point)
            for start, end in pairwise(points):
                self.edge(start, end, style="invis", weight=10)
        self.edge(fork, points[0], style="invis", weight=10)
        self.edge(points[-1], merge, style="invis", weight=10)

    def path(self, column: _Column, start: _Tip, merge: str, side: str, is_middle: bool) -> None:
        lane, inner = column.lane, replace(start)
        ends: dict[str, object] = {"weight": 10} if is_middle else {}
        place = _Place(column.scope, self.width, 10, column.key if column.is_plain else "")
        self.wire(column, start.name, column.names[0], **ends)
        with self.cluster(column.key, **self.title(lane.name, side, lane.times)):
            for space in column.spaces:
                self.joint(space, is_seen=True, group=place.group)
            for one, other in pairwise((*column.before, column.rows[0])):
                self.wire(column, one, other, weight=10)
            self.lane(column, inner, place)
            for one, other in pairwise((inner.name, *column.after)):
                self.wire(column, one, other, weight=10)
        self.wire(column, (inner.name, *column.after)[-1], merge, **ends)

    def wire(self, column: _Column, start: str, end: str, **values: object) -> None:
        """A part of a lane's line, which runs straight and unbroken through the spaces above and below its boxes."""
        if start in column.spaces:
            values = {"tail": "behind", **values}
        if end in column.spaces:
            values = {"head": "before", "arrowhead": "none", **values}
        self.edge(start, end, **values)

    def lane(self, column: _Column, tip: _Tip, place: _Place) -> None:
        """What stands in a lane, but for the edge to it."""
        items = column.lane.items
        if items:
            self.draw(items[0], tip, place)
            self.chain(items[1:], tip, place)
            return
        title, details = ("Shortcut", ["identity"]) if column.lane.is_shortcut else ("Identity", [])
        look = {"color": self.theme.shortcut, "fillcolor": self.theme.page, "style": "rounded,filled,dashed"}
        tip.name = column.rows[0]
        self.node(tip.name, label=box_label(title, details, self.theme), width=place.width, **look)

    def shortcut(self, column: _Column, start: _Tip, merge: str) -> None:
        """One box beside the paths, or a cluster of several."""
        inner, items = replace(start), column.lane.items
        look = {"color": self.theme.shortcut, "style": "dashed"}
        is_box = not items or (len(items) == 1 and isinstance(items[0], Box))
        unseen = {"style": "invis", "label": "", "margin": 0}
        cluster = unseen if is_box else self.title(column.lane.name, "r") | {"style": "rounded,filled,dashed"}
        self.wire(column, start.name, column.names[0], **{**look, "weight": 0, "tail": "outer", "head": "before"})
        with self.cluster(column.key, **cluster):
            for space in column.spaces:
                self.joint(space, is_seen=False, group=column.key)
            for one, other in pairwise((*column.before, column.rows[0])):
                self.wire(column, one, other, **look, weight=10)
            self.lane(column, inner, _Place(column.scope, self.width, 10, column.key if column.is_plain else ""))
            for one, other in pairwise((inner.name, *column.after)):
                self.wire(column, one, other, **look, weight=10)
        last = (inner.name, *column.after)[-1]
        self.wire(column, last, merge, **{**look, "weight": 0, "tail": "behind", "head": "outer"})


@dataclass(frozen=True, slots=True)
class _Column:
    """A lane and the names of its nodes from fork to merge; `before` and `after` make it as tall as the tallest."""

    lane: Lane
    scope: str
    key: str
    before: tuple[str, ...]
    rows: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return self.before + self.rows + self.after

    @property
    def spaces(self) -> tuple[str, ...]:
        return self.before + self.after

    @property
    def is_plain(self) -> bool:
        return all(isinstance(item, Box) for item in self.lane.items)


def _columns(bunch: Bunch, scope: str) -> list[_Column]:
    columns = []
    for number, lane in enumerate(bunch.lanes):
        key = f"{scope}{bunch.merge.name} {number} {lane.name}"
        rows = tuple(_rows(lane.items, scope, forks=False)) or (f"{key} identity",)
        columns.append(_Column(lane, scope, key, (), rows, ()))
    tallest = max((len(column.rows) for column in columns), default=0)
    return [_padded(column, tallest - len(column.rows)) for column in columns]


def _padded(column: _Column, missing: int) -> _Column:
    points = tuple(f"{column.key} space {number}" for number in range(missing))
    return replace(column, before=points[: missing // 2], after=points[missing // 2 :])


def _rows(items: Iterable[Item], scope: str, *, forks: bool) -> list[str]:
    """The node of each rank that some items take; of a bunch, those of its tallest lane."""
    rows: list[str] = []
    for item in items:
        if isinstance(item, Box):
            rows.append(_entry(item, scope))
        elif isinstance(item, Frame):
            inside = _rows(item.items, f"{scope}{item.nodes[0].name}/", forks=True)
            rows += [_entry(item, scope), *inside] if _has_dot(item) else inside
        else:
            dot = [] if forks else [_entry(item, scope)]
            lanes = [column.rows for column in _columns(item, scope)]
            rows += [*dot, *max(lanes, key=len, default=()), f"{scope}{item.merge.name}"]
        forks = isinstance(item, Box)
    return rows


def _entry(item: Item, scope: str) -> str:
    """The name of the node that an edge to an item comes to."""
    if isinstance(item, Bunch):
        return f"{scope}{item.merge.name} fork"
    if isinstance(item, Frame):
        name = f"{scope}{item.nodes[0].name}"
        return f"{name} in" if _has_dot(item) else _entry(item.items[0], f"{name}/")
    return f"{scope}{item.main.name if item.main.op else item.nodes[0].name}"


def _has_dot(frame: Frame) -> bool:
    """Whether a frame begins with a dot, for lanes to start from."""
    return not frame.items or isinstance(frame.items[0], Bunch)


def _words(box: Box) -> tuple[str, list[str]]:
    """What a box says: the title, and the smaller lines under it."""
    main = box.main
    if main.op is None:
        return main.kind, [*arguments(main.arguments, 28), f"→ {dimensions(main.shape)}"]
    details = " · ".join(_detail(node) for node in box.nodes if node is not main)
    return main.op.label(), [details] if details else []


def _detail(node: Node) -> str:
    label = node.op.label() if node.op else node.kind
    if node.role == "pad":
        return label.split(" ", 1)[-1]
    return ABBREVIATIONS.get(node.kind, label)


def _is_layer(item: Item) -> bool:
    return isinstance(item, Frame) or (isinstance(item, Box) and item.kind == "block")


def _is_model(graph: Graph) -> bool:
    """Whether a body takes an image and gives a vector, as models do and layers hardly ever."""
    return len(graph.input) == 3 and len(graph.shape) == 1


def _width(items: tuple[Item, ...]) -> float:
    """The width of all boxes in columns. A title must not reach the edge that comes down the middle of its column."""
    widths = [1.55, *(width_of(*_words(box)) for box in boxes(items))]
    widths += [2 * width_of(frame.main.kind) for frame in frames(items) if not any(bunches(frame.items))]
    lanes = [lane for bunch in bunches(items) for lane in bunch.paths]
    widths += [2 * width_of(short(lane.name)) + (0.6 if lane.times > 1 else -0.6) for lane in lanes]
    return round(min(max(widths), 3.6), 2)


def _chain_width(items: Iterable[Item], width: float) -> float:
    """Boxes before and after a bunch are as wide as their text."""
    return 0.9 if any(isinstance(item, Bunch) for item in items) else width


def _free_side(frame: Frame) -> str:
    """The side where no edge runs through a title: on the right, beside an only path, stands its shortcut."""
    return "r" if any(len(bunch.paths) == 1 for bunch in bunches(frame.items)) else "l"
