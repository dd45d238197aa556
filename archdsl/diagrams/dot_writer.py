"""Writer of DOT text: blocks, clusters, edges and nodes. Imports no framework."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from archdsl.diagrams.captions import (
    box_text,
    end_title,
    format_cost,
    identity_text,
    known_arguments,
    layer_details,
    stack,
    width,
)
from archdsl.diagrams.labels import box_label, cluster_label, legend, space_label, stack_label
from archdsl.diagrams.layer_strips import LayerStrips
from archdsl.diagrams.options import Options
from archdsl.diagrams.plan import MANY, Box, Group, Item, OpenLayer, SharedLayer, boxes, layer_kind, parallels
from archdsl.diagrams.style import THEMES, TOL, Lines, arguments, attributes, dimensions, quoted, shared_color, short
from archdsl.diagrams.tooltips import box_tooltip, layer_tooltip
from archdsl.graph import Graph, total
from archdsl.ops import Shape

NARROW = 14
"""The width of a title, in characters, if many branches or inputs are side by side."""

LONG = 10
"""The number of rows from which a chain is drawn closer together, to fit on a page."""

LINE = 0.187
"""The height of a line of a box, in inches."""


class DotWriter:
    """Collects lines of DOT.

    Graphviz moves the ends of an edge into the cluster in which it is written. Edges from outside a cluster are
    therefore written at the end.

    Args:
        items: the whole plan; its boxes share their width, and those in branches their height.
        graph: the graph; its arguments are shown below the diagram.
    """

    def __init__(self, options: Options, items: tuple[Item, ...], graph: Graph) -> None:
        self.options, self.items = options, items
        self.known = known_arguments(items, graph.arguments)
        self.theme, self.is_wide = THEMES[options.theme], options.is_wide
        self.lines: list[str] = []
        self.indent = ""
        self.open: list[str] = []
        self.homes: dict[str, tuple[str, ...]] = {}
        self.waiting: list[str] = []
        self.has_dashes = False
        self.is_upward = False
        self.resized: set[str] = set()
        self.texts: dict[tuple[int, bool], tuple[str, list[str]]] = {}
        self.strips = LayerStrips(items)
        rows = [len(graph.inputs), *(len(parallel.branches) for parallel in parallels(items))]
        self.is_crowded = max(rows) > MANY
        self.gaps = (0.18 if self.is_crowded else 0.3, 0.22 if len(items) > LONG else 0.28)
        self.width = width(items, map(self.box_text, boxes(items)), costs=options.costs)
        branches = [branch for parallel in parallels(items) if len(parallel.paths) > 1 for branch in parallel.branches]
        in_branches = [box for branch in branches for box in boxes(branch.items) if not box.is_layer]
        heights = [] if options.is_full else [height(self.lines_of(box)) for box in in_branches]
        self.height = max(heights, default=0.4)

    def line(self, text: str) -> None:
        self.lines.append(self.indent + text)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        outer = self.indent
        self.line(f"{head} {{")
        self.indent = f"{outer}  "
        yield
        self.indent = outer
        self.line("}")

    @contextmanager
    def cluster(self, name: str, **values: object) -> Iterator[None]:
        theme = self.theme
        look = {"color": theme.cluster_line, "fillcolor": theme.cluster, "style": "rounded,filled", "penwidth": 1}
        with self.block(f"subgraph {quoted(f'cluster {name}')}"):
            self.line("graph" + attributes({**look, "margin": 8, "labelloc": "t", **values}))
            self.open.append(name)
            yield
            self.open.pop()

    @contextmanager
    def lane(self, name: str) -> Iterator[None]:
        """Open an invisible cluster around a path and its spaces."""
        with self.invisible_cluster(name):
            self.open.append(name)
            yield
            self.open.pop()

    @contextmanager
    def invisible_cluster(self, name: str) -> Iterator[None]:
        """Open a cluster that only keeps its nodes together."""
        with self.block(f"subgraph {quoted(f'cluster {name}')}"):
            self.line("graph" + attributes({"style": "invis", "label": "", "margin": 0}))
            yield

    @contextmanager
    def page(self, name: str) -> Iterator[None]:
        """Return the whole text, with the delayed edges at the end."""
        with self.block(f"digraph {quoted(name)}"):
            yield
            for edge in self.waiting:
                self.line(edge)

    def node(self, name: str, **values: object) -> None:
        self.homes[name] = tuple(self.open)
        self.line(quoted(name) + attributes(values))

    def edge(self, start: str, end: str, **values: object) -> None:
        """Write an edge.

        `tail` and `head` are the sides where it leaves and arrives: `outer`, `inner`, `before` or `behind`, or the
        ports of a space, `in` and `out`. An upward edge is written in reverse, because Graphviz puts the start above
        the end.
        """
        sides: dict[str, str] = dict(zip(("outer", "before", "behind"), "swe" if self.is_wide else "ens", strict=True))
        if self.is_upward:
            start, end = end, start
            swapped = {"tail": values.pop("head", None), "head": values.pop("tail", None)}
            values |= {**{side: way for side, way in swapped.items() if way}, "dir": "back", "class": "back"}
        self.has_dashes |= values.get("style") == "dashed"
        sides |= {"inner": "n" if self.is_wide else "w"}
        sides |= {"in": f"in:{sides['before']}", "out": f"out:{sides['behind']}"}
        ports = [f":{sides[str(values.pop(which))]}" if which in values else "" for which in ("tail", "head")]
        text = f"{quoted(start)}{ports[0]} -> {quoted(end)}{ports[1]}{attributes(values)}"
        is_here = self.homes.get(start, tuple(self.open))[: len(self.open)] == tuple(self.open)
        if is_here:
            self.line(text)
        else:
            self.waiting.append(text)

    @contextmanager
    def upward(self) -> Iterator[None]:
        """Make the edges written in this context lead upward."""
        outer, self.is_upward = self.is_upward, True
        yield
        self.is_upward = outer

    @property
    def is_upturned(self) -> bool:
        """Whether Graphviz orders parallel items from the bottom, as it does inside clusters of a wide diagram."""
        return self.is_wide and bool(self.open)

    @contextmanager
    def stripes(self) -> Iterator[Callable[[], None]]:
        """Collect items drawn side by side, with the first on the left or at the top. Call it after each item."""
        start, stripes = len(self.lines), []

        def stripe() -> None:
            stripes.append(self.lines[start:])
            del self.lines[start:]

        yield stripe
        for lines in reversed(stripes) if self.is_upturned else stripes:
            self.lines += lines

    def side_by_side(self, names: Iterable[str]) -> None:
        """Align nodes in one row."""
        if len(row := [quoted(name) for name in names]) > 1:
            self.line(f"{{ rank=same {' '.join(row)} }}")

    def defaults(self, column_gap: float, row_gap: float) -> None:
        """Write the attributes of the whole page. Gaps are in inches."""
        theme, font = self.theme, {"fontname": "Arial"}
        page = {"bgcolor": theme.page, "fontcolor": theme.text, "labelloc": "b", "labeljust": "c"}
        space = {"rankdir": "LR" if self.is_wide else "TB", "nodesep": column_gap, "ranksep": row_gap, "pad": 0.12}
        ways = {"newrank": "true", "splines": "spline"}
        self.line("graph" + attributes({**page, **font, "fontsize": 11, **space, **ways}))
        box = {"shape": "box", "style": "rounded,filled", "penwidth": 1.3, "margin": "0.12,0.06", "height": 0.4}
        self.line("node" + attributes({**font, "fontsize": 11, "fontcolor": theme.text, **box}))
        # Without `labelfloat`, a label next to a downward edge inside two clusters bends the edge away.
        arrow = {"color": theme.line, "penwidth": 1.2, "arrowsize": 0.65, "labelfloat": str(not self.is_wide).lower()}
        self.line("edge" + attributes({**font, "fontsize": 9.5, "fontcolor": theme.muted, **arrow}))

    def colors(self, kind: str) -> dict[str, object]:
        """Return the colors of a box."""
        return {"color": self.theme.border(TOL[kind]), "fillcolor": self.theme.fill(TOL[kind])}

    def title(self, text: str, side: str, times: int = 1, more: str = "") -> dict[str, object]:
        """Return the title of a cluster on its left or right `side`, `l` or `r`: top or bottom in a wide diagram."""
        label = cluster_label(short(text), times, self.theme, is_bold=False, more=more)
        if self.is_wide:
            return {"label": label, "labeljust": "l", "labelloc": "t" if side == "l" else "b"}
        return {"label": label, "labeljust": side}

    def dot(self, name: str) -> None:
        """Write a dot at the fork of branches."""
        look = {"color": self.theme.line, "fillcolor": self.theme.line, "style": "filled"}
        self.node(name, label="", shape="point", width=0.07, **look)

    def input_mark(self, name: str, title: str, width: float) -> None:
        """Write the mark of an input of a layer: a dot, or a box with its name, as wide as the title of the layer."""
        if not title:
            self.dot(name)
            return
        look = {**self.colors("end"), "fillcolor": self.theme.page, "height": 0.25, "margin": "0.08,0.03"}
        self.node(name, label=title, fontsize=9.5, **look, width=width)

    def point(self, name: str) -> None:
        """Write an invisible node that takes up a row of a column."""
        self.node(name, label="", shape="point", style="invis", width=0.01, height=0.01)

    def space(self, name: str, group: str) -> None:
        """Write a point on the line of a branch without a box."""
        label = space_label(self.height, is_wide=self.is_wide)
        self.node(name, label=label, shape="plain", style="solid", width=0.01, height=0.01, group=group)

    def corner(self, name: str) -> None:
        """Write a point where a line turns."""
        # Edges end a point before any node: the outline fills that gap.
        size = {"fixedsize": "true", "margin": 0, "width": 0.005, "height": 0.005, "penwidth": 1.2}
        self.node(name, label="", **size, style="filled", color=self.theme.line)

    def circle(self, name: str, sign: str, group: str = "", **more: object) -> None:
        """Write a merge."""
        look = {"color": self.theme.merge, "fillcolor": self.theme.page, "style": "filled", "penwidth": 1.6}
        width = 0.32 if len(sign) == 1 else 0.42
        size: dict[str, object] = {"fixedsize": "true", "width": width, "height": width, "margin": 0}
        size |= {"group": group} if group else {}
        self.node(name, label=sign, shape="circle", fontsize=17 if len(sign) == 1 else 9.5, **look, **size, **more)

    def box_text(self, box: Box, *, hides_sizes: bool = False) -> tuple[str, list[str]]:
        """Return the text of a box, with a long title on two lines if it has many neighbors."""
        key = id(box), hides_sizes
        if key not in self.texts:
            self.texts[key] = box_text(box, self.known, costs=self.options.costs, hides_sizes=hides_sizes)
        title, details = self.texts[key]
        if box.main.name in self.resized:
            details = [*details, f"→ {dimensions(box.nodes[-1].shape)}"]
        if self.is_crowded and len(title) > NARROW:
            title = "\n".join(textwrap.wrap(title, len(title) // 2 + 2))
        return title, details

    def lines_of(self, box: Box) -> int:
        """Return the approximate number of lines in a box."""
        title, details = self.box_text(box)
        return 1 + title.count("\n") + len(details) + (1 if self.strips.of(box) else 0)

    def caption(self, graph: Graph) -> None:
        """Write the legend below the diagram."""
        kinds = {box.kind for box in boxes(self.items)}
        kinds |= {cell.kind for box in boxes(self.items) for _, cell in self.strips.of(box) if not cell.layer}
        if self.options.is_full:
            kinds |= {kind for box in boxes(self.items) for kind, _ in stack(box)}
        lines = [*filter(None, [*arguments(graph.arguments, 56), format_cost(graph.totals)])]
        label = legend(graph.name, lines, self.strips.key(), kinds, self.theme, has_dashes=self.has_dashes)
        self.line("graph" + attributes({"label": label}))

    def end(self, side: str, name: str, shape: Shape, notes: Sequence[str] = ()) -> str:
        """Write an input or output of the diagram, and return the name of its node."""
        lines = [dimensions(shape), *notes]
        label = box_label(end_title(side.capitalize(), name), lines, self.theme)
        title = end_title(side, name)
        tooltip = Lines(f"{title} {', '.join(lines)}")
        self.node(f"({title})", label=label, **self.colors("end"), width=1.1, tooltip=tooltip)
        return f"({title})"

    def box(
        self,
        name: str,
        box: Box,
        width: float,
        group: str,
        *,
        is_in_branch: bool,
        hides_sizes: bool,
        is_shortcut: bool,
    ) -> None:
        """Write a box, a stack of ops, or the circle of a merge."""
        tooltip = box_tooltip(box)
        if box.sign:
            self.circle(name, box.sign, group, tooltip=tooltip)
            return
        more = {"group": group} if group else {}
        title, details = self.box_text(box, hides_sizes=hides_sizes)
        ops = stack(box)
        above = "shortcut" if is_shortcut else ""
        if self.options.is_full and len(ops) > 1:
            label = stack_label(ops, details[1:], self.theme, width, box.times, above)
            self.node(name, label=label, shape="plain", style="solid", width=width, **more, tooltip=tooltip)
            return
        label = box_label(title, details, self.theme, box.times, self.strips.of(box), above)
        size = {"height": self.height} if is_in_branch and self.height > 0.4 else {}
        look = {**self.colors(box.kind), **_shared_border(box.shared)}
        self.node(name, label=label, **look, width=width, **size, **more, tooltip=tooltip)

    def group_style(self, group: Group) -> dict[str, object]:
        """Return the look of the cluster of a group."""
        cost = format_cost(total(group.nodes)) if self.options.costs else ""
        return self.title("", "l", group.times, cost) | {"tooltip": f"{group.times} copies"}

    def identity(self, name: str, width: float, *, is_shortcut: bool) -> None:
        """Write an empty branch."""
        look = {"color": self.theme.shortcut, "fillcolor": self.theme.page, "style": "rounded,filled,dashed"}
        label = box_label(*identity_text(is_shortcut=is_shortcut), self.theme)
        self.node(name, label=label, width=width, height=self.height, **look, tooltip="passes its input on")

    def layer_style(self, layer: OpenLayer, *, hides_sizes: bool) -> dict[str, object]:
        """Return the look of the cluster of an opened layer."""
        more = " · ".join(layer_details(layer, costs=self.options.costs, hides_sizes=hides_sizes))
        label = cluster_label(layer.main.kind, layer.times, self.theme, is_bold=True, more=more)
        line = {"penwidth": 2.4 if layer.times > 1 else 1.4, "color": self.theme.border(TOL[layer_kind(layer.main)])}
        line |= _shared_border(layer.shared)
        return {"label": label, "fillcolor": self.theme.page, **line, "margin": 14, "tooltip": layer_tooltip(layer)}


def _shared_border(shared: SharedLayer | None) -> dict[str, object]:
    """Return the border of a call of a shared layer."""
    return {"color": shared_color(shared.number), "penwidth": 2.8} if shared else {}


def height(lines: int) -> float:
    """Return the approximate height of a box in inches."""
    return 0.4 if lines < 2 else round(0.52 + LINE * (lines - 2), 2)
