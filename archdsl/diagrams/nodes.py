"""The nodes of a diagram as DOT: ends, boxes, stacks, merges, and the titles of opened layers."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from archdsl.diagrams.captions import sign, stack, told_cost, width, words
from archdsl.diagrams.dot_writer import Canvas
from archdsl.diagrams.labels import box_label, cluster_label, legend, stack_label
from archdsl.diagrams.layer_strips import Strips
from archdsl.diagrams.options import Options
from archdsl.diagrams.plan import MANY, Box, Frame, Item, Parallel, boxes, parallels
from archdsl.diagrams.style import THEMES, Html, Lines, arguments, dimensions
from archdsl.diagrams.tooltips import box_tip, frame_tip, merge_tip
from archdsl.graph import Graph, total
from archdsl.ops import Shape
from archdsl.spec import INPUT, OUTPUT

NARROW = 14
"""Characters in a line of a title where many branches stand side by side."""

LONG = 10
"""Rows of a chain that stands closer together, so as to fit on a page."""

LINE = 0.187
"""The height of a line of a box, in inches."""


class Nodes(Canvas):
    """Writes the nodes of a plan.

    Args:
        items: the whole plan: its boxes share their width, and those in branches their height.
    """

    def __init__(self, options: Options, items: tuple[Item, ...]) -> None:
        super().__init__(THEMES[options.theme], options.is_wide)
        self.options, self.items = options, items
        self.strips = Strips(items)
        self.vague = 0
        self.is_crowded = any(len(parallel.branches) > MANY for parallel in parallels(items))
        self.gaps = (0.18 if self.is_crowded else 0.3, 0.22 if len(items) > LONG else 0.28)
        self.width = width(items, map(self.words, boxes(items)), costs=options.costs)
        side_by_side = [
            branch for parallel in parallels(items) if len(parallel.paths) > 1 for branch in parallel.branches
        ]
        in_branches = [box for branch in side_by_side for box in boxes(branch.items) if box.kind != "block"]
        heights = [] if options.is_full else [height(self.lines_of(box)) for box in in_branches]
        self.height = max(heights, default=0.4)

    @property
    def is_vague(self) -> bool:
        """Whether what is drawn stands for several of other sizes, and so tells none."""
        return self.vague > 0

    def words(self, box: Box) -> tuple[str, list[str]]:
        """What a box says; where many branches stand side by side, a long title in two lines."""
        title, details = words(box, costs=self.options.costs, is_vague=self.is_vague)
        if self.is_crowded and len(title) > NARROW:
            title = "\n".join(textwrap.wrap(title, len(title) // 2 + 2))
        return title, details

    def lines_of(self, box: Box) -> int:
        """How many lines a box has, about."""
        title, details = self.words(box)
        return 1 + title.count("\n") + len(details) + (1 if self.strips.of(box) else 0)

    def caption(self, graph: Graph) -> Html:
        """What stands under the diagram."""
        kinds = {box.kind for box in boxes(self.items)}
        if self.options.is_full:
            kinds |= {kind for box in boxes(self.items) for kind, _ in stack(box)}
        lines = [*arguments(graph.arguments, 56), told_cost(graph.totals)]
        return legend(graph.name, [line for line in lines if line], self.strips.told(), kinds, self.theme)

    def end(self, side: str, name: str, shape: Shape) -> str:
        """An input or an output of the diagram. No step can have such a name as its node."""
        more = "" if name in (INPUT, OUTPUT) else f" {name}"
        label = box_label(f"{side.capitalize()}{more}", [dimensions(shape)], self.theme)
        tip = Lines(f"{side}{more} {dimensions(shape)}")
        self.node(f"({side}{more})", label=label, **self.colours("end"), width=1.1, tooltip=tip)
        return f"({side}{more})"

    def box_node(self, name: str, box: Box, width: float, group: str, *, is_in_branch: bool) -> None:
        """A box, a stack of ops, or the circle of a merge."""
        tip = Lines(box_tip(box))
        more = {"group": group} if group else {}
        if box.sign:
            self.circle(name, box.sign, group, tooltip=tip)
            return
        title, details = self.words(box)
        ops = stack(box)
        if self.options.is_full and len(ops) > 1:
            label = stack_label(ops, details[1:], self.theme, width, box.times)
            self.node(name, label=label, shape="plain", style="solid", width=width, **more, tooltip=tip)
            return
        label = box_label(title, details, self.theme, box.times, self.strips.of(box))
        size = {"height": self.height} if is_in_branch and self.height > 0.4 else {}
        self.node(name, label=label, **self.colours(box.kind), width=width, **size, **more, tooltip=tip)

    def identity(self, name: str, width: float, *, is_shortcut: bool) -> None:
        """A branch that passes its input on."""
        title, details = ("Shortcut", ["identity"]) if is_shortcut else ("Identity", [])
        look = {"color": self.theme.shortcut, "fillcolor": self.theme.page, "style": "rounded,filled,dashed"}
        label = box_label(title, details, self.theme)
        self.node(name, label=label, width=width, height=self.height, **look, tooltip="passes its input on")

    def merge(self, name: str, parallel: Parallel) -> None:
        """The circle where branches meet."""
        self.circle(name, sign(parallel.merge), tooltip=Lines(merge_tip(parallel.merge)))

    def frame_title(self, frame: Frame) -> dict[str, object]:
        """The look of an opened layer."""
        more = ""
        if frame.is_vague:
            more = f"{dimensions(frame.nodes[0].shape)} … {dimensions(frame.main.shape)}"
        if self.options.costs and not self.is_vague:
            more = " · ".join(filter(None, [more, told_cost(total(frame.nodes))]))
        label = cluster_label(frame.main.kind, frame.times, self.theme, is_bold=True, more=more)
        line = {"penwidth": 2.4 if frame.times > 1 else 1.4, "color": self.colours("block")["color"], "margin": 14}
        return {"label": label, "fillcolor": self.theme.page, **line, "tooltip": Lines(frame_tip(frame))}


def height(lines: int) -> float:
    """About how high a box of so many lines is, in inches."""
    return 0.4 if lines < 2 else round(0.52 + LINE * (lines - 2), 2)


def told_tensor(ref: str, shape: Shape) -> Lines:
    """What an edge tells of what flows along it."""
    return Lines(f"{ref}\n{dimensions(shape)}")


def even(heights: Sequence[float], count: int) -> list[tuple[int, int]]:
    """Where to cut rows into at most so many columns, so that the highest is as low as can be: first and last row.

    The earlier columns are the fuller ones.
    """
    rows = len(heights)
    best: dict[tuple[int, int], tuple[float, int]] = {(rows, parts): (0.0, rows) for parts in range(count + 1)}
    for start in reversed(range(rows)):
        for parts in range(1, count + 1):
            tried = [
                (max(sum(heights[start:stop]), best[stop, parts - 1][0]), -stop)
                for stop in range(start + 1, rows + 1)
                if (stop, parts - 1) in best
            ]
            if tried:
                highest, stop = min(tried)
                best[start, parts] = highest, -stop
    found, start, parts = [], 0, count
    while start < rows:
        stop = best[start, parts][1]
        found.append((start, stop))
        start, parts = stop, parts - 1
    return found
