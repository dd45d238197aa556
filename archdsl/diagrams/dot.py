"""Graph -> a diagram in Graphviz's DOT language. Imports no framework and no renderer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest
from types import MappingProxyType
from typing import TypeGuard

from archdsl.analysis.wires import Wires
from archdsl.diagrams.captions import chain_width, describe, free_side, is_layer, is_model, sign
from archdsl.diagrams.columns import (
    BranchColumn,
    IncomingEdge,
    can_fork,
    cluster_name,
    columns,
    even_columns,
    incoming_edges,
    input_mark,
    level_scope,
    target,
)
from archdsl.diagrams.dot_writer import DotWriter, height
from archdsl.diagrams.options import Options
from archdsl.diagrams.plan import Box, Group, Item, Level, OpenLayer, Parallel, UShape, last_of, plan
from archdsl.diagrams.plan_walker import Chain, PlanWalker, TensorSource
from archdsl.diagrams.style import Lines, printable, width_of
from archdsl.diagrams.tooltips import merge_tooltip, tensor_tooltip
from archdsl.graph import Graph, Node, TensorRef
from archdsl.ops import Shape

PAGE = (10.4, 15.0)
"""The largest width and height, in inches, that fit on A4 with letters of at least 7 points."""

MOST_COLUMNS, MOST_ROWS = 3, 50
"""The largest number of columns of a long chain, and of rows of a wide one."""

END, ARROW = 1.3, 0.5
"""The length of an input or output of a wide chain, and of an arrow, in inches."""

ENDS, ROW, GAP = 5.0, 0.38, 0.9
"""The room for ends, titles and legend, the space between rows, and the space between columns, in inches."""


def to_dot(graph: Graph, options: Options = Options()) -> str:
    """Convert a body to DOT text, deterministically.

    Args:
        graph: the graph of a model, or of a layer, as returned by `views`.
        options: the look of the diagram.
    """
    items = plan(graph, options.depth, has_u=True)
    if any(isinstance(item, UShape) for item in items):  # a U is upright
        options = replace(options, direction="TB")
    drawing = _DotDrawing(options, items, graph)
    rows = drawing.rows() if options.is_wide else []
    if len(rows) > 1:
        return _DotDrawing(replace(options, direction="TB"), items, graph).text_in_rows(rows)
    return drawing.text()


@dataclass(slots=True)
class _DotChain(Chain):
    """A chain of items being drawn.

    Args:
        scope: the names of the layers around it, each followed by a `/`.
        width: the width of its boxes, in inches.
        weight: the weight of the edges on its main line.
        group: the Graphviz group that keeps its column straight.
        is_branch: whether it is a branch.
        is_inner: whether it is an opened layer inside a branch.
    """

    scope: str = ""
    width: float = 0.0
    weight: int = 0
    group: str = ""
    is_branch: bool = False
    is_inner: bool = False


@dataclass(frozen=True, slots=True)
class _BranchStyle:
    """The look of a branch: its cluster, and its edges from the fork and to the merge."""

    cluster: Mapping[str, object]
    start: Mapping[str, object]
    end: Mapping[str, object]


class _DotDrawing(PlanWalker[_DotChain]):
    """Draws a plan. Edges are written outside of their items, because Graphviz moves their ends into their cluster."""

    def __init__(self, options: Options, items: tuple[Item, ...], graph: Graph) -> None:
        super().__init__(options)
        self.items, self.graph = items, graph
        self.dot = DotWriter(options, items, graph)
        self.dashed = {"color": self.dot.theme.shortcut, "style": "dashed"}

    @contextmanager
    def framed(self) -> Iterator[None]:
        """A page with what holds for all of it, and with its caption."""
        ends, size = describe(self.graph)
        self.dot.line(f"// {printable(self.graph.name)}")
        self.dot.line(f"// {printable(ends)}, {size}")
        with self.dot.page(self.graph.name):
            self.dot.defaults(*self.dot.gaps)
            yield
            self.dot.caption(self.graph)

    def text(self) -> str:
        graph = self.graph
        with self.framed():
            chain = _DotChain(Wires(graph), next(iter(graph.inputs)))
            chain.width, chain.weight = chain_width(self.items, self.dot.width), 100 if self.options.is_wide else 50
            for name, shape in graph.inputs.items():
                box = self.dot.end("input", name, shape, graph.input_notes(name))
                chain.sources[name] = TensorSource(box, shape, shape, can_fork=True)
            self.dot.side_by_side(source.node for source in chain.sources.values())
            self.sections(chain, is_model(graph))
            names = [self.dot.end("output", name, end.shape) for name, end in graph.outputs.items()]
            for name, tensor in zip(names, graph.outputs.values(), strict=True):
                self.join(IncomingEdge(tensor.ref, name), None, chain)
            self.dot.side_by_side([*(chain.sources[name].node for name in graph.inputs if self.dot.is_upward), *names])
        return "\n".join(self.dot.lines) + "\n"

    def rows(self) -> list[Sequence[Item]]:
        """The rows of a wide chain that is too long for a page; for anything else, nothing."""
        wires = Wires(self.graph)
        boxes = [item for item in self.items if _is_link(item, wires)]
        ends = [next(iter(self.graph.inputs)), *(last_of(item).name for item in self.items)]
        firsts = [ref.node for item in self.items for ref in item.inputs[:1]]
        starts = [*firsts, *(end.ref.node for end in self.graph.outputs.values())]
        if len(boxes) < len(self.items) or len(self.graph.inputs) > 1 or ends != starts:
            return []
        lengths = [self.dot.width + ARROW for _ in boxes]
        count = min(math.ceil((sum(lengths) + 2 * END) / PAGE[1]), MOST_ROWS)
        cuts = even_columns([END, *lengths, END], count)
        return [self.items[max(start - 1, 0) : stop - 1] for start, stop in cuts]

    def text_in_rows(self, rows: Sequence[Sequence[Item]]) -> str:
        """A chain in rows, as text is: from the end of each a line leads back to the start of the next.

        A row is a rank, and so its edges are level.
        """
        shapes: dict[str, Shape] = dict(self.graph.inputs)
        for item in self.items:
            shapes.update({str(ref): shape for ref, shape in last_of(item).output_shapes.items()})
            if isinstance(item, Box) and not item.is_layer and shapes[item.inputs[0]] != item.nodes[-1].shape:
                self.dot.resized.add(item.main.name)  # an edge in a row has no room for a shape
        with self.framed():
            ((source, shape),), ((sink, end),) = self.graph.inputs.items(), self.graph.outputs.items()
            names = [[target(item, "") for item in row] for row in rows]
            names[0].insert(0, self.dot.end("input", source, shape, self.graph.input_notes(source)))
            for item in self.items:
                if isinstance(item, Box):
                    flags = {"is_in_branch": False, "hides_sizes": False, "is_shortcut": False}
                    self.dot.box(target(item, ""), item, self.dot.width, "", **flags)
            names[-1].append(self.dot.end("output", sink, end.shape))
            refs = {target(item, ""): item.inputs[0] for item in self.items} | {names[-1][-1]: end.ref}
            tips = {name: tensor_tooltip(ref, shapes[ref]) for name, ref in refs.items()}
            for number, row in enumerate(names):
                self.dot.side_by_side(row)
                for one, other in pairwise(row):
                    self.dot.edge(one, other, tooltip=tips[other])
                if number:
                    self.turn(number, names[number - 1], row, tips[row[0]])
        return "\n".join(self.dot.lines) + "\n"

    def turn(self, number: int, above: Sequence[str], row: Sequence[str], tip: Lines) -> None:
        """The line from the end of a row to the start of the next one."""
        foot, top = (f"body {number} {side}" for side in ("foot", "top"))
        for corner in (top, foot):
            self.dot.corner(corner)
        self.dot.side_by_side((top, foot))
        self.dot.edge(above[-1], foot, arrowhead="none", weight=100, tooltip=tip)
        self.dot.edge(top, foot, arrowhead="none", tooltip=tip, **{"class": "back"})
        self.dot.edge(above[0], top, style="invis", weight=100)
        self.dot.edge(top, row[0], weight=100, tooltip=tip)

    def sections(self, chain: _DotChain, is_model: bool) -> None:
        """Draw the whole chain; that of a model, or one that is too long for a page, as stem, body and head."""
        layers = [i for i, item in enumerate(self.items) if is_layer(item)]
        bounds = (0, layers[0], layers[-1] + 1, len(self.items)) if layers else (0, 0, 0, 0)
        stem, body, head = (self.items[start:stop] for start, stop in pairwise(bounds))
        columns = self.broken(stem, body, head, chain.wires)
        if not layers or not (is_model or len(columns) > 1):
            self.draw(self.items, chain)
            return
        feet: list[str] = []
        for title, items in (("stem", stem), ("body", body), ("head", head)):
            if not items:
                continue
            if isinstance(items[0], Parallel):  # its branches start inside the cluster
                chain.sources[items[0].fork].can_fork = False
            self.enter(items[0], chain)
            for foot in feet[:-1]:  # keeps the head below all columns of the body
                self.dot.edge(foot, target(items[0], chain.scope), style="invis", weight=0)
            with self.dot.cluster(title, **self.dot.title(title, "l")):
                if title == "body":
                    feet = self.columns(chain, columns)
                else:
                    self.draw_from(items, chain)

    def broken(
        self, stem: Sequence[Item], body: Sequence[Item], head: Sequence[Item], wires: Wires
    ) -> list[Sequence[Item]]:
        """Draw the body in enough columns to fit the diagram on a page."""
        boxes = [item for item in body if _is_link(item, wires)]
        if self.options.is_wide or not body or len(boxes) < len(body):
            return [body]
        heights = [height(self.dot.lines_of(box)) + ROW for box in boxes]
        ends = [item for item in (*stem, *head) if isinstance(item, Box)]
        others = ENDS + sum(height(self.dot.lines_of(box)) + ROW for box in ends)

        def excess(count: int) -> float:
            highest = max(sum(heights[start:stop]) for start, stop in even_columns(heights, count))
            return max(1.0, (others + highest) / PAGE[1], count * (self.dot.width + GAP) / PAGE[0])

        count = min(range(1, MOST_COLUMNS + 1), key=excess)
        return [body[start:stop] for start, stop in even_columns(heights, count)]

    def columns(self, chain: _DotChain, parts: Sequence[Sequence[Item]]) -> list[str]:
        """Draw a chain in columns, with a line from the bottom of each column to the top of the next one.

        Returns:
            The last node of each column.
        """
        tops = [target(part[0], chain.scope) for part in parts]
        feet = [target(part[-1], chain.scope) for part in parts]
        for row in zip_longest(*parts):
            self.dot.side_by_side(target(item, chain.scope) for item in row if item)
        for number, part in enumerate(parts):
            if number:
                self.gutter(number, (tops[number - 1], feet[number - 1]), tops[number])
            self.draw_from(part, chain)
        return feet

    def gutter(self, number: int, column: tuple[str, str], top: str) -> None:
        """Draw the line from the bottom of a column to the top of the next one."""
        corners = [f"body {number} {side}" for side in ("top", "foot")]
        for corner, end in zip(corners, column, strict=True):
            self.dot.corner(corner)
            self.dot.side_by_side((end, corner))
        self.dot.edge(column[0], corners[0], style="invis", minlen=0)
        self.dot.edge(column[1], corners[1], arrowhead="none", minlen=0)
        self.dot.edge(corners[1], corners[0], arrowhead="none", weight=100)
        self.dot.edge(corners[0], top, minlen=0)

    def draw(self, items: Iterable[Item], chain: _DotChain) -> None:
        """Draw a chain of items, each with its incoming edges."""
        for item in items:
            self.enter(item, chain)
            self.draw_item(item, chain)

    def draw_from(self, items: Sequence[Item], chain: _DotChain) -> None:
        """Draw a chain of items whose first item already has its edges."""
        self.draw_item(items[0], chain)
        self.draw(items[1:], chain)

    def enter(self, item: Item, chain: _DotChain) -> None:
        """Draw the edges to an item."""
        if not (isinstance(item, Parallel) and self.forks(item, chain)):
            edges = incoming_edges(item, chain.scope)
            if _is_circle(item) or not self.joins_whole(edges, chain):
                for edge in edges:
                    self.join(edge, item, chain)

    def joins_whole(self, edges: Sequence[IncomingEdge], chain: _DotChain) -> bool:
        """Draw one line for several edges that carry all outputs of a layer, in order, if they are; its box lists them.

        Returns:
            Whether it did.
        """
        sources = [chain.sources[edge.ref] for edge in edges]
        ends = {(source.node, edge.target) for source, edge in zip(sources, edges, strict=True)}
        if len(edges) < 2 or len(ends) > 1 or not chain.wires.are_all_outputs([edge.ref for edge in edges]):
            return False
        tips = (tensor_tooltip(edge.ref, source.shape) for source, edge in zip(sources, edges, strict=True))
        ((start, end),) = ends
        self.dot.edge(start, end, weight=chain.weight, tooltip=Lines("\n".join(tips)))
        return True

    def forks(self, parallel: Parallel, chain: _DotChain) -> bool:
        """Whether parallel branches start directly from the preceding item."""
        return chain.sources[parallel.fork].can_fork and parallel.fork.node == chain.last

    def join(
        self, edge: IncomingEdge, item: Item | None, chain: _DotChain, sides: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Draw an edge to an item or output, with the shape if it changed.

        Args:
            sides: where the edge leaves and arrives, see `DotWriter.edge`.
        """
        source, start = chain.sources[edge.ref], edge.ref.node
        end = None if item is None or isinstance(item, Parallel) else item.nodes[0].name
        is_skip = chain.wires.is_skip(start, end)
        is_straight = start == chain.last if isinstance(item, Parallel) else chain.wires.is_straight(start, end)
        values: dict[str, object] = {"weight": chain.weight if is_straight else 0 if is_skip else 1}
        if item is not None:  # the box of an output shows its shape and name
            _, name, *more = self.edge_words(edge.ref, chain, end, len(item.inputs), edge.port)
            values |= _edge_label(
                " ".join(filter(None, [name, *more])), is_named=bool(name or (edge.port and not is_skip))
            )
        values["tooltip"] = tensor_tooltip(edge.ref, source.shape)
        if is_skip:
            # Between the lower sides of a wide diagram, an edge makes a wide curve.
            values |= {**self.dashed, **({} if self.options.is_wide else {"tail": "outer", "head": "outer"})}
        self.dot.edge(source.node, edge.target, **values, **sides)

    def draw_box(self, box: Box, chain: _DotChain) -> None:
        name = target(box, chain.scope)
        shown = chain.sources[box.inputs[0]].shown if box.inputs else ()
        flags = {"is_in_branch": chain.is_branch, "hides_sizes": chain.hides_sizes, "is_shortcut": chain.is_shortcut}
        self.dot.box(name, box, chain.width, chain.group, **flags)
        for ref, shape in last_of(box).output_shapes.items():
            chain.sources[ref] = TensorSource(name, shape, shape if box.is_layer else shown, can_fork(box))

    def draw_layer(self, layer: OpenLayer, chain: _DotChain) -> None:
        name, marked = cluster_name(layer, chain.scope), layer.marked_inputs
        style = self.dot.layer_style(layer, hides_sizes=chain.hides_sizes)
        if len(marked) > 1:  # edges arrive along the whole top
            style |= {"labelloc": "b"}
        inner = _DotChain(layer.wires, next(iter(layer.body.inputs)))
        inner.hides_sizes = chain.hides_sizes or layer.has_mixed_sizes
        inner.scope, inner.width = f"{name}/", chain_width(layer.items, self.dot.width)
        inner.weight, inner.is_inner = chain.weight, chain.is_branch or chain.is_inner
        with self.dot.cluster(name, labeljust=free_side(layer), **style):
            for port, ref in zip(layer.body.inputs, layer.inputs, strict=True):
                source, is_marked = chain.sources[ref], port in marked
                mark = input_mark(layer, chain.scope, port) if is_marked else source.node
                inner.sources[port] = TensorSource(mark, source.shape, source.shown, can_fork=is_marked)
                if is_marked:
                    self.dot.input_mark(mark, port if len(marked) > 1 else "", width_of(layer.main.kind))
            if marked:
                self.draw(layer.items, inner)
            else:
                self.draw_from(layer.items, inner)
        for (ref, shape), end in zip(layer.main.output_shapes.items(), layer.body.outputs.values(), strict=True):
            source = inner.sources[end.ref]
            chain.sources[ref] = TensorSource(source.node, shape, source.shown)

    def draw_group(self, group: Group, chain: _DotChain) -> None:
        with self.dot.cluster(f"{target(group, chain.scope)} group", **self.dot.group_style(group)):
            self.draw_from(group.items, chain)

    def draw_u(self, shape: UShape, chain: _DotChain) -> None:
        """Draw a recursive layer as a U. The items after it continue upward."""
        self.level(shape.levels, chain)
        self.dot.is_upward = True

    def level(self, levels: Sequence[Level], outer: _DotChain) -> None:
        """Draw a level and those below it: down on the left, up on the right, with the shortcut across."""
        level, *below = levels
        port, source = next(iter(level.body.inputs)), outer.sources[level.node.inputs[0]]
        scope = level_scope(level, outer.scope)
        chain = replace(outer, wires=level.wires, last=port, scope=scope, group="down" if below else "bottom")
        chain.sources = {port: TensorSource(source.node, source.shape, source.shown)}
        chain.width, chain.weight = self.dot.width, 100 if len(below) > 1 else 1
        self.draw_from(level.down, chain)
        if level.merge is not None and level.end is not None:
            across = chain.sources[last_of(level.down[-1]).name].node
            is_bend = len(below) == 1 and level.raised and level.lower
            bend = ({"tail": "behind", "head": "inner"}, {"tail": "outer", "head": "behind"}) if is_bend else ({}, {})
            self.draw(level.lower, chain)
            for edge in incoming_edges(UShape(tuple(below)), scope):
                self.join(edge, Box((below[0].node,)), chain, bend[0])
            self.level(below, chain)
            chain = replace(chain, group="up", last=below[0].node.name)
            merge = self.way_up(
                level, level.merge, level.end, chain, {"tail": "outer", "head": "behind"} if is_bend else {}
            )
            row = [across, *(target(box, scope) for box in level.across), merge]
            for box in level.across:
                self.draw_box(box, replace(chain, group="across", is_shortcut=True))
            self.dot.side_by_side(row)
            for one, other in pairwise(row):
                self.dot.edge(one, other, **self.dashed, weight=len(level.across))
            if level.raised and level.lower:
                self.center(target(level.lower[-1], scope), target(level.raised[0], scope), below, scope)
        (output,) = level.body.outputs.values()
        end = chain.sources[output.ref]
        outer.sources[level.node.name] = TensorSource(end.node, level.node.shape, end.shown)

    def way_up(self, level: Level, merge: Node, ref: TensorRef, chain: _DotChain, bend: Mapping[str, str]) -> str:
        """Draw the right side of a level, and return the name of its merge.

        Args:
            bend: the sides of the first edge.
        """
        name = f"{chain.scope}{merge.name}"
        with self.dot.upward():
            for item in level.raised[:1]:
                for edge in incoming_edges(item, chain.scope)[:1]:
                    self.join(edge, item, chain, bend)
                self.draw_from(level.raised, chain)
            end = chain.sources[ref]
            self.dot.circle(name, sign(merge), chain.group, tooltip=merge_tooltip(merge))
            self.dot.edge(end.node, name, weight=100, tooltip=tensor_tooltip(ref, end.shape))
            chain.sources[merge.name] = TensorSource(name, merge.shape, end.shown)
            chain.last = merge.name
            self.draw(level.up, chain)
        return name

    def center(self, left: str, right: str, below: Sequence[Level], scope: str) -> None:
        """Align both ends of a way to the next level, and center the lowest level between them."""
        if len(below) > 1:
            self.dot.side_by_side((left, right))
            return
        middle = f"{scope}{below[0].node.name} middle"
        self.dot.point(middle)
        self.dot.side_by_side((left, middle, right))
        for one, other in pairwise((left, middle, right)):
            self.dot.edge(one, other, style="invis")
        self.dot.edge(middle, target(below[0].down[0], level_scope(below[0], scope)), style="invis", weight=1000)

    def draw_parallel(self, parallel: Parallel, chain: _DotChain) -> None:
        merge, fork = f"{chain.scope}{parallel.merge.name}", chain.sources[parallel.fork]
        node, shown = fork.node, fork.shown
        if not self.forks(parallel, chain):
            fork.node = target(parallel, chain.scope)
            self.dot.dot(fork.node)
        branches = columns(parallel, chain.scope)
        tallest = max(column.offset + len(column.names) for column in branches)
        paths = [column for column in branches if not column.branch.is_shortcut]
        shortcuts = branches[len(paths) :]
        with self.dot.stripes() as stripe:
            for index, column in enumerate(paths):
                if 2 * index == len(paths):
                    self.spine(fork.node, merge, tallest)
                    stripe()
                ends = {"weight": 10} if 2 * index + 1 == len(paths) else {}
                branch = column.branch
                title = self.dot.title(branch.title, "l" if 2 * index < len(paths) else "r", branch.times)
                style = _BranchStyle(title | {"tooltip": f"path {branch.title}"}, ends, ends)
                self.branch(column, chain, parallel, style)
                stripe()
            for column in shortcuts:
                self.branch(column, chain, parallel, self.shortcut_style(column, len(paths), chain))
                stripe()
        middles = [(column, (tallest - 1) // 2 - column.offset) for column in branches]
        row = [column.names[place] for column, place in middles if 0 <= place < len(column.names)]
        unseen = {name for column in shortcuts for name in column.spaces}
        self.dot.side_by_side(name for name in row if name not in unseen)
        self.dot.circle(merge, sign(parallel.merge), tooltip=merge_tooltip(parallel.merge))
        chain.sources[parallel.merge.name] = TensorSource(merge, parallel.merge.shape, shown)
        fork.node = node

    def spine(self, fork: str, merge: str, count: int) -> None:
        """Draw an invisible line between the two middle paths, which keeps the fork and the merge on the axis."""
        points = [f"{merge} axis {number}" for number in range(count)]
        with self.dot.invisible_cluster(f"{merge} axis"):
            for point in points:
                self.dot.point(point)
            for one, other in pairwise(points):
                self.dot.edge(one, other, style="invis", weight=10)
        self.dot.edge(fork, points[0], style="invis", weight=10)
        self.dot.edge(points[-1], merge, style="invis", weight=10)

    def shortcut_style(self, column: BranchColumn, paths: int, chain: _DotChain) -> _BranchStyle:
        """Draw a shortcut as one box next to the paths, or as a cluster of several boxes."""
        is_box = not column.branch.items or column.branch.is_one_box
        unseen = {"style": "invis", "label": "", "margin": 0}
        cluster = unseen if is_box else self.dot.title(column.branch.name, "r") | {"style": "rounded,filled,dashed"}
        ends = {**self.dashed, "weight": 0}
        start, end = {**ends, "tail": "outer", "head": "before"}, {**ends, "tail": "behind", "head": "outer"}
        # Inside a layer in a branch, lines from the sides get hooks.
        has_hooks = chain.is_inner or (column.offset > 0 and (paths > 1 or self.dot.is_upturned))
        if has_hooks:  # let it pass between the paths, and reach the merge from any side
            del end["head"]
        if has_hooks or self.dot.is_upturned:  # ordered from the bottom, a lower side pulls it up
            del start["tail"]
        return _BranchStyle(cluster, start, end)

    def branch(self, column: BranchColumn, chain: _DotChain, parallel: Parallel, style: _BranchStyle) -> None:
        """Draw a branch with its edges from the fork and to the merge."""
        branch, first = column.branch, column.first
        group = column.key if column.has_only_boxes else ""
        inner = replace(chain, last="", scope=column.scope, width=self.dot.width, weight=10, group=group)
        inner.is_branch, inner.is_inner, inner.is_shortcut = True, False, branch.is_shortcut and branch.is_one_box
        start = chain.sources[first.ref]
        above, below = ((), ()) if branch.is_shortcut else (column.above, column.below)
        row = (start.node, *above, column.rows[0])
        name = self.start_name(first.ref, chain, is_plain=first.ref == parallel.fork)
        tooltip: dict[str, object] = {"tooltip": tensor_tooltip(first.ref, start.shape)}
        hidden = {"style": "invis"} if first.is_hidden else {}
        self.wire(column, *row[:2], **{**style.start, **_edge_label(name), **tooltip, **hidden})
        for edge in column.others:
            self.join(edge, branch.items[0], inner)
        # The lane holds the spaces in their column; the frame inside it is around the boxes alone.
        with self.dot.lane(f"{column.key} lane") if above or below else nullcontext():
            for space in (*above, *below):
                self.dot.space(space, group or column.key)
            for one, other in pairwise(row[1:]):
                self.wire(column, one, other, weight=10, **tooltip, **hidden)
            with self.dot.cluster(column.key, **style.cluster):
                last = column.rows[0]
                if branch.items:
                    self.draw_from(branch.items, inner)
                    last = inner.sources[branch.end].node
                else:
                    self.dot.identity(last, inner.width, is_shortcut=branch.is_shortcut)
            tooltip = {"tooltip": tensor_tooltip(branch.end, inner.sources[branch.end].shape)}
            for one, other in pairwise((last, *below)):
                self.wire(column, one, other, weight=10, **tooltip)
        output = branch.end.output if branch.items else ""
        merge = f"{chain.scope}{parallel.merge.name}"
        self.wire(column, (last, *below)[-1], merge, **style.end, **_edge_label(output), **tooltip)

    def wire(self, column: BranchColumn, start: str, end: str, /, **values: object) -> None:
        """Draw a part of the line of a branch, which continues through the spaces above and below its boxes."""
        if start in column.spaces:
            values = {"tail": "out", **values, "tailclip": "false"}
        if end in column.spaces:
            values = {"head": "in", **values, "arrowhead": "none", "headclip": "false"}
        self.dot.edge(start, end, **values)


def _is_circle(item: Item) -> bool:
    return isinstance(item, Box) and bool(item.sign)


def _is_link(item: Item, wires: Wires) -> TypeGuard[Box]:
    """Whether an item is a box of a chain: one line enters it."""
    return isinstance(item, Box) and not item.sign and (len(item.inputs) < 2 or wires.are_all_outputs(item.inputs))


def _edge_label(text: str, *, is_named: bool = True) -> dict[str, object]:
    """Return the label of an edge. Names avoid each other; a shape stays close to its edge."""
    if not text:
        return {}
    return {"label": f"&#160;&#160;{text}", **({"labelfloat": "false"} if is_named else {})}
