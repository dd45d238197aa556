"""Graph -> a diagram in Graphviz's DOT language. Imports no framework and no renderer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from archdsl.backends.diagrams.canvas import Canvas
from archdsl.backends.diagrams.columns import Column, Entry, can_fork, columns, door, entries, inside
from archdsl.backends.diagrams.options import Options
from archdsl.backends.diagrams.plan import Box, Bunch, Frame, Item, boxes, last_of, outputs, plan
from archdsl.backends.diagrams.style import (
    THEMES,
    Theme,
    attributes,
    box_label,
    cluster_label,
    dimensions,
    legend,
    printable,
    quoted,
    width_of,
)
from archdsl.backends.diagrams.words import chain_width, free_side, is_layer, is_model, sign, told, width, words
from archdsl.backends.wires import Wires
from archdsl.graph import Graph, producer
from archdsl.ops import Shape
from archdsl.spec import INPUT, OUTPUT


def to_dot(graph: Graph, options: Options = Options()) -> str:
    """A diagram of a body, as DOT text: the same text for the same graph, always.

    Args:
        graph: the model's, or a layer's as `views` gives it.
    """
    return _Drawing(THEMES[options.theme], options, plan(graph, options.depth)).text(graph)


@dataclass(slots=True)
class _Tip:
    """Where a tensor comes from.

    Args:
        name: of the node in DOT.
        told: the shape that was told last on the way to it.
        forks: whether lanes may start right there; else a dot of their own comes before them.
    """

    name: str
    shape: Shape
    told: Shape
    forks: bool


@dataclass(slots=True)
class _Flow:
    """A row of items while it is drawn.

    Args:
        wires: of the body.
        last: the node of the body that the row has come to.
        tips: by ref, what the body has given so far; the lanes of a body share them.
    """

    wires: Wires
    last: str = ""
    tips: dict[str, _Tip] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where items stand: the layers around them, and what keeps their column straight."""

    scope: str
    width: float
    weight: int
    group: str = ""


@dataclass(frozen=True, slots=True)
class _Look:
    """How a lane looks: its cluster, and its line from the fork, inside, and to the merge."""

    cluster: Mapping[str, object]
    start: Mapping[str, object]
    line: Mapping[str, object]
    end: Mapping[str, object]
    is_seen: bool


class _Drawing(Canvas):
    """Draws a plan. Edges between two items stand outside both, for an edge draws its ends into its cluster."""

    def __init__(self, theme: Theme, options: Options, items: tuple[Item, ...]) -> None:
        super().__init__(theme, options.is_wide)
        self.items, self.width = items, width(items)
        self.dashed = {"color": theme.shortcut, "style": "dashed"}

    def text(self, graph: Graph) -> str:
        totals = graph.totals
        given = {name: end.shape for name, end in graph.outputs.items()}
        self.line(f"// {printable(graph.name)}")
        ends = f"{told(graph.inputs, INPUT)} in, {told(given, OUTPUT)} out"
        self.line(f"// {printable(ends)}, {totals.layers:,} ops, {totals.parameters:,} parameters")
        kinds = {box.kind for box in boxes(self.items)}
        with self.page(graph.name):
            self.defaults(legend(graph.name, graph.arguments, kinds, self.theme))
            flow = _Flow(Wires(graph), next(iter(graph.inputs)))
            for name, shape in graph.inputs.items():
                flow.tips[name] = self.end("input", name, shape)
            self.side_by_side(tip.name for tip in flow.tips.values())
            place = _Place("", chain_width(self.items, self.width), 100 if self.is_wide else 50)
            self.sections(flow, place, is_model(graph))
            names = [self.end("output", name, shape).name for name, shape in given.items()]
            for name, tensor in zip(names, graph.outputs.values(), strict=True):
                self.join(Entry(tensor.ref, name), None, flow, place)
            self.side_by_side(names)
        return "\n".join(self.lines) + "\n"

    def end(self, side: str, name: str, shape: Shape) -> _Tip:
        """An input or an output of the diagram. No step can have such a name as its node."""
        more = "" if name in (INPUT, OUTPUT) else f" {name}"
        label = box_label(f"{side.capitalize()}{more}", [dimensions(shape)], self.theme)
        self.node(f"({side}{more})", label=label, **self.colours("end"), width=1.1)
        return _Tip(f"({side}{more})", shape, shape, forks=True)

    def sections(self, flow: _Flow, place: _Place, is_model: bool) -> None:
        """The whole chain; that of a model as stem, body and head."""
        layers = [i for i, item in enumerate(self.items) if is_layer(item)]
        if not is_model or not layers:
            self.chain(self.items, flow, place)
            return
        bounds = (0, layers[0], layers[-1] + 1, len(self.items))
        for title, start, stop in zip(("stem", "body", "head"), bounds, bounds[1:], strict=False):
            items = self.items[start:stop]
            if items:
                if isinstance(items[0], Bunch):  # its lanes part inside the cluster
                    flow.tips[items[0].fork].forks = False
                self.enter(items[0], flow, place)
                with self.cluster(title, **self.title(title, "l")):
                    self.draw(items[0], flow, place)
                    self.chain(items[1:], flow, place)

    def chain(self, items: Sequence[Item], flow: _Flow, place: _Place) -> None:
        for item in items:
            self.enter(item, flow, place)
            self.draw(item, flow, place)

    def enter(self, item: Item, flow: _Flow, place: _Place) -> None:
        """The edges to an item."""
        if not (isinstance(item, Bunch) and self.forks(item, flow)):
            for entry in entries(item, place.scope):
                self.join(entry, item, flow, place)

    def forks(self, bunch: Bunch, flow: _Flow) -> bool:
        """Whether a bunch's lanes start right from the item before it."""
        tip = flow.tips[bunch.fork]
        return tip.forks and producer(bunch.fork) == flow.last

    def join(self, entry: Entry, item: Item | None, flow: _Flow, place: _Place) -> None:
        """An edge to an item, or to an output, with the shape on it where that has changed."""
        tip, start = flow.tips[entry.ref], producer(entry.ref)
        if isinstance(item, Bunch):
            is_straight, is_skip = start == flow.last, False
        else:
            end = item.nodes[0].name if item else None
            is_straight, is_skip = flow.wires.is_straight(start, end), flow.wires.is_skip(start, end)
        is_plain = is_skip or (start == flow.last and (is_straight or item is None or len(item.takes) == 1))
        name = "" if item is None else self.called(entry.ref, flow, is_plain)
        told = [name]
        if item and tip.shape != tip.told:  # an output's box tells its shape and its name
            told.append(dimensions(tip.shape))
            tip.told = tip.shape
        told.append(f"→ {entry.port}" if entry.port not in ("", name) else "")
        values: dict[str, object] = {"weight": place.weight if is_straight else 0 if is_skip else 1}
        values |= _labelled(" ".join(filter(None, told)), is_named=bool(name))
        if is_skip:
            # Between the lower sides of a wide diagram an edge swings far out.
            values |= {**self.dashed, **({} if self.is_wide else {"tail": "outer", "head": "outer"})}
        self.edge(tip.name, entry.target, **values)

    def called(self, ref: str, flow: _Flow, is_plain: bool) -> str:
        """What an edge says of its start: the output of a layer, or a step's name where the line does not show it."""
        name, _, output = ref.partition(".")
        return output or ("" if is_plain else flow.wires.called(name))

    def draw(self, item: Item, flow: _Flow, place: _Place) -> None:
        if isinstance(item, Bunch):
            self.bunch(item, flow, place)
        elif isinstance(item, Frame):
            self.frame(item, flow, place)
        else:
            self.box(item, flow, place)
        flow.last = last_of(item).name

    def box(self, box: Box, flow: _Flow, place: _Place) -> None:
        name, told = entries(box, place.scope)[0].target, flow.tips[box.takes[0]].told
        if box.sign:
            self.circle(name, box.sign, place.group)
        else:
            title, details = words(box)
            label = box_label(title, details, self.theme, box.times)
            group = {"group": place.group} if place.group else {}
            self.node(name, label=label, **self.colours(box.kind), width=place.width, **group)
        for ref, shape in outputs(last_of(box)).items():
            flow.tips[ref] = _Tip(name, shape, shape if box.kind == "block" else told, can_fork(box))

    def frame(self, frame: Frame, flow: _Flow, place: _Place) -> None:
        name = inside(frame, place.scope)
        label = cluster_label(frame.main.kind, frame.times, self.theme, is_bold=True)
        line = {"penwidth": 2.4 if frame.times > 1 else 1.4, "color": self.colours("block")["color"], "margin": 14}
        inner = _Flow(frame.wires, next(iter(frame.body.inputs)))
        within = _Place(f"{name}/", chain_width(frame.items, self.width), place.weight)
        if len(frame.doors) > 1:  # edges come in all along the top
            line |= {"labelloc": "b"}
        with self.cluster(name, label=label, labeljust=free_side(frame), fillcolor=self.theme.page, **line):
            for port, ref in zip(frame.body.inputs, frame.takes, strict=True):
                tip, has_door = flow.tips[ref], port in frame.doors
                mark = door(frame, place.scope, port) if has_door else tip.name
                inner.tips[port] = _Tip(mark, tip.shape, tip.told, forks=has_door)
                if has_door:
                    self.door(mark, port if len(frame.doors) > 1 else "", width_of(frame.main.kind))
            if not frame.doors:
                self.draw(frame.items[0], inner, within)
            self.chain(frame.items[0 if frame.doors else 1 :], inner, within)
        for (ref, shape), end in zip(outputs(frame.main).items(), frame.body.outputs.values(), strict=True):
            tip = inner.tips[end.ref]
            flow.tips[ref] = _Tip(tip.name, shape, tip.told, forks=False)

    def bunch(self, bunch: Bunch, flow: _Flow, place: _Place) -> None:
        merge, fork = f"{place.scope}{bunch.merge.name}", flow.tips[bunch.fork]
        source, told = fork.name, fork.told
        if not self.forks(bunch, flow):
            fork.name = entries(bunch, place.scope)[0].target
            self.dot(fork.name)
        found = columns(bunch, place.scope)
        tallest = max(column.offset + len(column.names) for column in found)
        paths = [column for column in found if not column.lane.is_shortcut]
        for index, column in enumerate(paths):
            if 2 * index == len(paths):
                self.spine(fork.name, merge, tallest)
            side, is_middle = "l" if 2 * index < len(paths) else "r", 2 * index + 1 == len(paths)
            self.lane(column, flow, (bunch.fork, merge), self.path_look(column, side, is_middle))
        for column in found[len(paths) :]:
            self.lane(column, flow, (bunch.fork, merge), self.shortcut_look(column, len(paths)))
        middles = [(column.names, (tallest - 1) // 2 - column.offset) for column in found]
        self.side_by_side(names[row] for names, row in middles if 0 <= row < len(names))
        self.circle(merge, sign(bunch.merge))
        flow.tips[bunch.merge.name] = _Tip(merge, bunch.merge.shape, told, forks=False)
        fork.name = source

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

    def path_look(self, column: Column, side: str, is_middle: bool) -> _Look:
        lane, ends = column.lane, {"weight": 10} if is_middle else {}
        return _Look(self.title(lane.name, side, lane.times), ends, {}, ends, is_seen=True)

    def shortcut_look(self, column: Column, paths: int) -> _Look:
        """One box beside the paths, or a cluster of several."""
        items = column.lane.items
        is_box = not items or (len(items) == 1 and isinstance(items[0], Box))
        unseen = {"style": "invis", "label": "", "margin": 0}
        cluster = unseen if is_box else self.title(column.lane.name, "r") | {"style": "rounded,filled,dashed"}
        ends = {**self.dashed, "weight": 0}
        start, end = {**ends, "tail": "outer", "head": "before"}, {**ends, "tail": "behind", "head": "outer"}
        if column.offset and paths > 1:  # it may stand between the paths then, and come to the merge from any side
            del start["tail"], end["head"]
        return _Look(cluster, start, self.dashed, end, is_seen=False)

    def lane(self, column: Column, flow: _Flow, ends: tuple[str, str], look: _Look) -> None:
        """A lane between the fork's ref and the merge's name, its two ends."""
        fork, merge = ends
        lane, inner = column.lane, _Flow(flow.wires, "", flow.tips)
        place = _Place(column.scope, self.width, 10, column.key if column.is_plain else "")
        name = self.called(column.entry.ref, flow, column.entry.ref == fork)
        start = flow.tips[column.entry.ref].name
        self.wire(column, start, column.names[0], **look.start, **_labelled(name))
        for entry in column.others:
            self.join(entry, lane.items[0], inner, place)
        with self.cluster(column.key, **look.cluster):
            for space in column.spaces:
                self.joint(space, is_seen=look.is_seen, group=place.group if look.is_seen else column.key)
            for one, other in pairwise((*column.before, column.rows[0])):
                self.wire(column, one, other, **look.line, weight=10)
            self.contents(column, inner, place)
            last = flow.tips[lane.end].name if lane.items else column.rows[0]
            for one, other in pairwise((last, *column.after)):
                self.wire(column, one, other, **look.line, weight=10)
        output = lane.end.partition(".")[2] if lane.items else ""
        last = (last, *column.after)[-1]
        self.wire(column, last, merge, **look.end, **_labelled(output))

    def wire(self, column: Column, start: str, end: str, **values: object) -> None:
        """A part of a lane's line, which runs straight and unbroken through the spaces above and below its boxes."""
        if start in column.spaces:
            values = {"tail": "behind", **values}
        if end in column.spaces:
            values = {"head": "before", "arrowhead": "none", **values}
        self.edge(start, end, **values)

    def contents(self, column: Column, flow: _Flow, place: _Place) -> None:
        """What stands in a lane, but for the edges to it."""
        items = column.lane.items
        if items:
            self.draw(items[0], flow, place)
            self.chain(items[1:], flow, place)
            return
        title, details = ("Shortcut", ["identity"]) if column.lane.is_shortcut else ("Identity", [])
        look = {"color": self.theme.shortcut, "fillcolor": self.theme.page, "style": "rounded,filled,dashed"}
        self.node(column.rows[0], label=box_label(title, details, self.theme), width=place.width, **look)


def _labelled(text: str, *, is_named: bool = True) -> dict[str, object]:
    """What stands beside an edge. Names keep off one another; a shape stays close to its edge."""
    if not text:
        return {}
    return {"label": f"  {text}", **({"labelfloat": "false"} if is_named else {})}
