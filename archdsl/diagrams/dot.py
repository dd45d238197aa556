"""Graph -> a diagram in Graphviz's DOT language. Imports no framework and no renderer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest

from archdsl.analysis.wires import Wires
from archdsl.diagrams.captions import chain_width, free_side, is_layer, is_model, told
from archdsl.diagrams.columns import Column, Entry, can_fork, columns, door, entries, inside
from archdsl.diagrams.nodes import Nodes, even, height, told_tensor
from archdsl.diagrams.options import Options
from archdsl.diagrams.plan import Box, Frame, Item, Parallel, last_of, plan
from archdsl.diagrams.style import attributes, dimensions, printable, quoted, width_of
from archdsl.graph import Graph, TensorRef
from archdsl.ops import Shape
from archdsl.spec import INPUT, OUTPUT

PAGE = (10.4, 15.0)
"""Width and height in inches of what fits on A4 with its smallest letters 7 points high."""

MOST_COLUMNS = 3
"""Of a long chain."""

ENDS, ROW, GAP = 5.0, 0.38, 0.9
"""What ends, titles and legend take of a page; the space between two rows; that between two columns; in inches."""


def to_dot(graph: Graph, options: Options = Options()) -> str:
    """A diagram of a body, as DOT text: the same text for the same graph, always.

    Args:
        graph: the model's, or a layer's as `views` gives it.
    """
    return _Drawing(options, plan(graph, options.depth)).text(graph)


@dataclass(slots=True)
class _Tip:
    """Where a tensor comes from.

    Args:
        name: of the node in DOT.
        told: the shape that was told last on the way to it.
        forks: whether branches may start right there; else a dot of their own comes before them.
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
        tips: by ref, what the body has given so far; the branches of a body share them.
    """

    wires: Wires
    last: str = ""
    tips: dict[str, _Tip] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where items stand: the layers around them, and what keeps their column straight.

    Args:
        is_lane: whether it is a branch itself.
        is_inner: whether it is an opened layer in a branch.
    """

    scope: str
    width: float
    weight: int
    group: str = ""
    is_branch: bool = False
    is_inner: bool = False


@dataclass(frozen=True, slots=True)
class _Look:
    """How a branch looks: its cluster, and its edges from the fork and to the merge."""

    cluster: Mapping[str, object]
    start: Mapping[str, object]
    end: Mapping[str, object]


class _Drawing(Nodes):
    """Draws a plan. Edges between two items stand outside both, for an edge draws its ends into its cluster."""

    def __init__(self, options: Options, items: tuple[Item, ...]) -> None:
        super().__init__(options, items)
        self.dashed = {"color": self.theme.shortcut, "style": "dashed"}
        self.feet: list[str] = []

    def text(self, graph: Graph) -> str:
        totals = graph.totals
        given = {name: end.shape for name, end in graph.outputs.items()}
        self.line(f"// {printable(graph.name)}")
        ends = f"{told(graph.inputs, INPUT)} in, {told(given, OUTPUT)} out"
        self.line(f"// {printable(ends)}, {totals.layers:,} ops, {totals.parameters:,} parameters")
        with self.page(graph.name):
            self.defaults(self.caption(graph), *self.gaps)
            flow = _Flow(Wires(graph), next(iter(graph.inputs)))
            for name, shape in graph.inputs.items():
                flow.tips[name] = _Tip(self.end("input", name, shape), shape, shape, forks=True)
            self.side_by_side(tip.name for tip in flow.tips.values())
            place = _Place("", chain_width(self.items, self.width), 100 if self.is_wide else 50)
            self.sections(flow, place, is_model(graph))
            names = [self.end("output", name, shape) for name, shape in given.items()]
            for name, tensor in zip(names, graph.outputs.values(), strict=True):
                self.join(Entry(tensor.ref, name), None, flow, place)
            self.side_by_side(names)
        return "\n".join(self.lines) + "\n"

    def sections(self, flow: _Flow, place: _Place, is_model: bool) -> None:
        """The whole chain; that of a model as stem, body and head."""
        layers = [i for i, item in enumerate(self.items) if is_layer(item)]
        if not is_model or not layers:
            self.chain(self.items, flow, place)
            return
        bounds = (0, layers[0], layers[-1] + 1, len(self.items))
        rows = [self.items[start:stop] for start, stop in pairwise(bounds)]
        for title, items in zip(("stem", "body", "head"), rows, strict=True):
            if not items:
                continue
            if isinstance(items[0], Parallel):  # its branches part inside the cluster
                flow.tips[items[0].fork].forks = False
            self.enter(items[0], flow, place)
            self.below(items[0], place)
            with self.cluster(title, **self.title(title, "l")):
                if title == "body":
                    self.columns(flow, place, self.broken(rows))
                else:
                    self.draw(items[0], flow, place)
                    self.chain(items[1:], flow, place)

    def below(self, item: Item, place: _Place) -> None:
        """Holds what comes behind the body under the feet of all its columns."""
        for foot in self.feet[:-1]:
            self.edge(foot, entries(item, place.scope)[0].target, style="invis", weight=0)

    def broken(self, rows: Sequence[Sequence[Item]]) -> list[Sequence[Item]]:
        """The body in as many columns as make the whole diagram fit on a page."""
        stem, body, head = rows
        boxes = [item for item in body if isinstance(item, Box) and not item.sign]
        if self.is_wide or len(boxes) < len(body) or any(len(item.takes) > 1 for item in body):
            return [body]
        heights = [height(self.lines_of(box)) + ROW for box in boxes]
        others = ENDS + sum(height(self.lines_of(item)) + ROW for item in (*stem, *head) if isinstance(item, Box))

        def excess(count: int) -> float:
            highest = max(sum(heights[start:stop]) for start, stop in even(heights, count))
            return max(1.0, (others + highest) / PAGE[1], count * (self.width + GAP) / PAGE[0])

        count = min(range(1, MOST_COLUMNS + 1), key=excess)
        return [body[start:stop] for start, stop in even(heights, count)]

    def columns(self, flow: _Flow, place: _Place, parts: Sequence[Sequence[Item]]) -> None:
        """A chain in columns, as text is: from the foot of each a line goes up to the head of the next."""
        tops = [entries(part[0], place.scope)[0].target for part in parts]
        feet = [entries(part[-1], place.scope)[0].target for part in parts]
        self.feet = feet
        for row in zip_longest(*parts):
            self.side_by_side(entries(item, place.scope)[0].target for item in row if item)
        for number, part in enumerate(parts):
            if number:
                self.gutter(number, (tops[number - 1], feet[number - 1]), tops[number])
            self.draw(part[0], flow, place)
            self.chain(part[1:], flow, place)

    def gutter(self, number: int, column: tuple[str, str], top: str) -> None:
        """The line from the foot of a column up to the top of the next one."""
        corners = [f"body {number} {side}" for side in ("top", "foot")]
        for corner, end in zip(corners, column, strict=True):
            self.corner(corner)
            self.side_by_side((end, corner))
        self.edge(column[0], corners[0], style="invis", minlen=0)
        self.edge(column[1], corners[1], arrowhead="none", minlen=0)
        self.edge(corners[1], corners[0], arrowhead="none", weight=100)
        self.edge(corners[0], top, minlen=0)

    def chain(self, items: Sequence[Item], flow: _Flow, place: _Place) -> None:
        for item in items:
            self.enter(item, flow, place)
            self.draw(item, flow, place)

    def enter(self, item: Item, flow: _Flow, place: _Place) -> None:
        """The edges to an item."""
        if not (isinstance(item, Parallel) and self.forks(item, flow)):
            for entry in entries(item, place.scope):
                self.join(entry, item, flow, place)

    def forks(self, parallel: Parallel, flow: _Flow) -> bool:
        """Whether parallel branches start right from the item before it."""
        tip = flow.tips[parallel.fork]
        return tip.forks and parallel.fork.node == flow.last

    def join(self, entry: Entry, item: Item | None, flow: _Flow, place: _Place) -> None:
        """An edge to an item, or to an output, with the shape on it where that has changed."""
        tip, start = flow.tips[entry.ref], entry.ref.node
        if isinstance(item, Parallel):
            is_straight, is_skip = start == flow.last, False
        else:
            end = item.nodes[0].name if item else None
            is_straight, is_skip = flow.wires.is_straight(start, end), flow.wires.is_skip(start, end)
        is_plain = is_skip or (start == flow.last and (is_straight or item is None or len(item.takes) == 1))
        name = "" if item is None else self.called(entry.ref, flow, is_plain)
        told = [name]
        if item and tip.shape != tip.told and not self.is_vague:  # an output's box tells its shape and its name
            told.append(dimensions(tip.shape))
            tip.told = tip.shape
        told.append(f"→ {entry.port}" if entry.port not in ("", name) else "")
        values: dict[str, object] = {"weight": place.weight if is_straight else 0 if is_skip else 1}
        values |= _labelled(" ".join(filter(None, told)), is_named=bool(name))
        values["tooltip"] = told_tensor(entry.ref, tip.shape)
        if is_skip:
            # Between the lower sides of a wide diagram an edge swings far out.
            values |= {**self.dashed, **({} if self.is_wide else {"tail": "outer", "head": "outer"})}
        self.edge(tip.name, entry.target, **values)

    def called(self, ref: TensorRef, flow: _Flow, is_plain: bool) -> str:
        """What an edge says of its start: the output of a layer, or a step's name where the line does not show it."""
        return ref.output or ("" if is_plain else flow.wires.called(ref.node))

    def draw(self, item: Item, flow: _Flow, place: _Place) -> None:
        if isinstance(item, Parallel):
            self.parallel(item, flow, place)
        elif isinstance(item, Frame):
            self.frame(item, flow, place)
        else:
            self.box(item, flow, place)
        flow.last = last_of(item).name

    def box(self, box: Box, flow: _Flow, place: _Place) -> None:
        name, told = entries(box, place.scope)[0].target, flow.tips[box.takes[0]].told
        self.box_node(name, box, place.width, place.group, is_in_branch=place.is_branch)
        for ref, shape in last_of(box).output_shapes.items():
            flow.tips[ref] = _Tip(name, shape, shape if box.kind == "block" else told, can_fork(box))

    def frame(self, frame: Frame, flow: _Flow, place: _Place) -> None:
        name = inside(frame, place.scope)
        look = self.frame_title(frame)
        inner = _Flow(frame.wires, next(iter(frame.body.inputs)))
        is_inner = place.is_branch or place.is_inner
        within = _Place(f"{name}/", chain_width(frame.items, self.width), place.weight, is_inner=is_inner)
        if len(frame.doors) > 1:  # edges come in all along the top
            look |= {"labelloc": "b"}
        self.vague += frame.is_vague
        with self.cluster(name, labeljust=free_side(frame), **look):
            for port, ref in zip(frame.body.inputs, frame.takes, strict=True):
                tip, has_door = flow.tips[ref], port in frame.doors
                mark = door(frame, place.scope, port) if has_door else tip.name
                inner.tips[port] = _Tip(mark, tip.shape, tip.told, forks=has_door)
                if has_door:
                    self.door(mark, port if len(frame.doors) > 1 else "", width_of(frame.main.kind))
            if not frame.doors:
                self.draw(frame.items[0], inner, within)
            self.chain(frame.items[0 if frame.doors else 1 :], inner, within)
        self.vague -= frame.is_vague
        for (ref, shape), end in zip(frame.main.output_shapes.items(), frame.body.outputs.values(), strict=True):
            tip = inner.tips[end.ref]
            flow.tips[ref] = _Tip(tip.name, shape, tip.told, forks=False)

    def parallel(self, parallel: Parallel, flow: _Flow, place: _Place) -> None:
        merge, fork = f"{place.scope}{parallel.merge.name}", flow.tips[parallel.fork]
        source, told = fork.name, fork.told
        if not self.forks(parallel, flow):
            fork.name = entries(parallel, place.scope)[0].target
            self.dot(fork.name)
        found = columns(parallel, place.scope)
        tallest = max(column.offset + len(column.names) for column in found)
        paths = [column for column in found if not column.branch.is_shortcut]
        with self.stripes() as stripe:
            for index, column in enumerate(paths):
                if 2 * index == len(paths):
                    self.spine(fork.name, merge, tallest)
                    stripe()
                side, is_middle = "l" if 2 * index < len(paths) else "r", 2 * index + 1 == len(paths)
                self.branch(column, flow, (parallel.fork, merge), self.path_look(column, side, is_middle))
                stripe()
            for column in found[len(paths) :]:
                self.branch(column, flow, (parallel.fork, merge), self.shortcut_look(column, len(paths), place))
                stripe()
        middles = [(column, (tallest - 1) // 2 - column.offset) for column in found]
        row = [column.names[place] for column, place in middles if 0 <= place < len(column.names)]
        unseen = {name for column in found[len(paths) :] for name in column.spaces}
        self.side_by_side(name for name in row if name not in unseen)
        self.merge(merge, parallel)
        flow.tips[parallel.merge.name] = _Tip(merge, parallel.merge.shape, told, forks=False)
        fork.name = source

    def spine(self, fork: str, merge: str, count: int) -> None:
        """What nobody sees between two middle paths: it holds the fork and the merge on the axis of symmetry."""
        points = [f"{merge} axis {number}" for number in range(count)]
        with self.block(f"subgraph {quoted(f'cluster {merge} axis')}"):
            self.line("graph" + attributes({"style": "invis", "label": "", "margin": 0}))
            for point in points:
                self.point(point)
            self.hold(*points)
        self.hold(fork, points[0])
        self.hold(points[-1], merge)

    def path_look(self, column: Column, side: str, is_middle: bool) -> _Look:
        branch, ends = column.branch, {"weight": 10} if is_middle else {}
        return _Look(self.title(branch.name, side, branch.times) | {"tooltip": f"path {branch.name}"}, ends, ends)

    def shortcut_look(self, column: Column, paths: int, place: _Place) -> _Look:
        """One box beside the paths, or a cluster of several."""
        items = column.branch.items
        is_box = not items or (len(items) == 1 and isinstance(items[0], Box))
        unseen = {"style": "invis", "label": "", "margin": 0}
        cluster = unseen if is_box else self.title(column.branch.name, "r") | {"style": "rounded,filled,dashed"}
        ends = {**self.dashed, "weight": 0}
        start, end = {**ends, "tail": "outer", "head": "before"}, {**ends, "tail": "behind", "head": "outer"}
        # Inside a layer in a branch, lines from sides have hooks.
        hangs_on = place.is_inner or (column.offset > 0 and (paths > 1 or self.is_upturned))
        if hangs_on:  # it may stand between the paths then, and come to the merge from any side
            del end["head"]
        if hangs_on or self.is_upturned:  # where branches are laid from below, a lower side pulls the shortcut up
            del start["tail"]
        return _Look(cluster, start, end)

    def branch(self, column: Column, flow: _Flow, ends: tuple[str, str], look: _Look) -> None:
        """A branch between the fork's ref and the merge's name, its two ends."""
        fork, merge = ends
        branch, inner = column.branch, _Flow(flow.wires, "", flow.tips)
        place = _Place(column.scope, self.width, 10, column.key if column.is_plain else "", is_branch=True)
        name = self.called(column.entry.ref, flow, column.entry.ref == fork)
        start = flow.tips[column.entry.ref]
        before, after = ((), ()) if branch.is_shortcut else (column.before, column.after)
        row = (start.name, *before, column.rows[0])
        tip: dict[str, object] = {"tooltip": told_tensor(column.entry.ref, start.shape)}
        self.wire(column, *row[:2], **look.start, **_labelled(name), **tip)
        for entry in column.others:
            self.join(entry, branch.items[0], inner, place)
        with self.cluster(column.key, **look.cluster):
            for space in (*before, *after):
                self.space(space, self.height, place.group or column.key)
            for one, other in pairwise(row[1:]):
                self.wire(column, one, other, weight=10, **tip)
            self.contents(column, inner, place)
            last = flow.tips[branch.end].name if branch.items else column.rows[0]
            tip = {"tooltip": told_tensor(branch.end, flow.tips[branch.end].shape)}
            for one, other in pairwise((last, *after)):
                self.wire(column, one, other, weight=10, **tip)
        output = branch.end.output if branch.items else ""
        self.wire(column, (last, *after)[-1], merge, **look.end, **_labelled(output), **tip)

    def wire(self, column: Column, start: str, end: str, /, **values: object) -> None:
        """A part of a branch's line, which runs on unbroken through the spaces above and below its boxes."""
        if start in column.spaces:
            values = {**values, "tailclip": "false"}
        if end in column.spaces:
            values = {**values, "arrowhead": "none", "headclip": "false"}
        self.edge(start, end, **values)

    def hold(self, *names: str, weight: int = 10) -> None:
        """Edges that nobody sees, which hold nodes under one another."""
        for one, other in pairwise(names):
            self.edge(one, other, style="invis", weight=weight)

    def contents(self, column: Column, flow: _Flow, place: _Place) -> None:
        """What stands in a branch, but for the edges to it."""
        items = column.branch.items
        if items:
            self.draw(items[0], flow, place)
            self.chain(items[1:], flow, place)
        else:
            self.identity(column.rows[0], place.width, is_shortcut=column.branch.is_shortcut)


def _labelled(text: str, *, is_named: bool = True) -> dict[str, object]:
    """What stands beside an edge. Names keep off one another; a shape stays close to its edge."""
    if not text:
        return {}
    return {"label": f"&#160;&#160;{text}", **({"labelfloat": "false"} if is_named else {})}
