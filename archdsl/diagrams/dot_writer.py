"""A page of DOT text: blocks, clusters, nodes and edges in the colours of a theme. Imports no framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from archdsl.diagrams.labels import cluster_label
from archdsl.diagrams.style import TOL, Html, Theme, attributes, quoted, short

POINT: Mapping[str, object] = {"label": "", "shape": "point", "style": "invis", "width": 0.01, "height": 0.01}
"""A node that nobody sees, which takes a place in a column."""


class Canvas:
    """Collects lines of DOT.

    An edge draws its ends into the cluster that it stands in. So one that comes from outside of that waits for the end.

    Args:
        is_wide: whether the diagram runs from left to right.
    """

    def __init__(self, theme: Theme, is_wide: bool) -> None:
        self.theme, self.is_wide = theme, is_wide
        self.lines: list[str] = []
        self.indent = ""
        self.open: list[str] = []
        self.homes: dict[str, tuple[str, ...]] = {}
        self.waiting: list[str] = []

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
    def page(self, name: str) -> Iterator[None]:
        """The whole text; at its end stand the edges that have waited."""
        with self.block(f"digraph {quoted(name)}"):
            yield
            for edge in self.waiting:
                self.line(edge)

    def is_here(self, name: str) -> bool:
        """Whether a node stands in the cluster that is open, or is still to come."""
        return self.homes.get(name, tuple(self.open))[: len(self.open)] == tuple(self.open)

    def node(self, name: str, **values: object) -> None:
        self.homes[name] = tuple(self.open)
        self.line(quoted(name) + attributes(values))

    def edge(self, start: str, end: str, **values: object) -> None:
        """An edge. Its `tail` and `head` are the sides where it leaves and comes in: `outer`, `before` or `behind`."""
        sides = dict(zip(("outer", "before", "behind"), "swe" if self.is_wide else "ens", strict=True))
        ports = [f":{sides[str(values.pop(which))]}" if which in values else "" for which in ("tail", "head")]
        text = f"{quoted(start)}{ports[0]} -> {quoted(end)}{ports[1]}{attributes(values)}"
        if self.is_here(start):
            self.line(text)
        else:
            self.waiting.append(text)

    @property
    def is_upturned(self) -> bool:
        """Whether Graphviz lays out what is side by side from below: in a wide diagram it does inside of clusters."""
        return self.is_wide and bool(self.open)

    @contextmanager
    def stripes(self) -> Iterator[Callable[[], None]]:
        """Takes what stands side by side, and puts it so that the first is on the left, or above. Call after each."""
        start, found = len(self.lines), []

        def stripe() -> None:
            found.append(self.lines[start:])
            del self.lines[start:]

        yield stripe
        for lines in reversed(found) if self.is_upturned else found:
            self.lines += lines

    def side_by_side(self, names: Iterable[str]) -> None:
        """Puts nodes into one row."""
        if len(row := [quoted(name) for name in names]) > 1:
            self.line(f"{{ rank=same {' '.join(row)} }}")

    def defaults(self, caption: str, column_gap: float, row_gap: float) -> None:
        """What holds for everything on the page. Gaps are in inches."""
        theme, font = self.theme, {"fontname": "Arial"}
        page = {"bgcolor": theme.page, "fontcolor": theme.text, "label": caption, "labelloc": "b", "labeljust": "c"}
        space = {"rankdir": "LR" if self.is_wide else "TB", "nodesep": column_gap, "ranksep": row_gap, "pad": 0.12}
        ways = {"newrank": "true", "splines": "spline"}
        self.line("graph" + attributes({**page, **font, "fontsize": 11, **space, **ways}))
        box = {"shape": "box", "style": "rounded,filled", "penwidth": 1.3, "margin": "0.12,0.06", "height": 0.4}
        self.line("node" + attributes({**font, "fontsize": 11, "fontcolor": theme.text, **box}))
        # Without `labelfloat`, a label beside a downward edge inside two clusters bends that edge away from it.
        arrow = {"color": theme.line, "penwidth": 1.2, "arrowsize": 0.65, "labelfloat": str(not self.is_wide).lower()}
        self.line("edge" + attributes({**font, "fontsize": 9.5, "fontcolor": theme.muted, **arrow}))

    def colours(self, kind: str) -> dict[str, object]:
        """Of a box of a kind."""
        return {"color": self.theme.border(TOL[kind]), "fillcolor": self.theme.fill(TOL[kind])}

    def title(self, text: str, side: str, times: int = 1) -> dict[str, object]:
        """Of a cluster, on its left or right `side`: `l` or `r`. In a wide diagram these are its top and bottom."""
        label = cluster_label(short(text), times, self.theme, is_bold=False)
        if self.is_wide:
            return {"label": label, "labeljust": "l", "labelloc": "t" if side == "l" else "b"}
        return {"label": label, "labeljust": side}

    def dot(self, name: str) -> None:
        """A small round node where branches part."""
        look = {"color": self.theme.line, "fillcolor": self.theme.line, "style": "filled"}
        self.node(name, label="", shape="point", width=0.07, **look)

    def door(self, name: str, title: str, width: float) -> None:
        """Where an input comes into a layer: a dot, or a small box with its name, as wide as the layer's title."""
        if not title:
            self.dot(name)
            return
        look = {
            **self.colours("end"),
            "fillcolor": self.theme.page,
            "height": 0.25,
            "margin": "0.08,0.03",
            "width": width,
        }
        self.node(name, label=title, fontsize=9.5, **look)

    def point(self, name: str) -> None:
        self.node(name, **POINT)

    def space(self, name: str, height: float, group: str) -> None:
        """Room for a box where a branch has none. Its middle is seen as a part of the line that runs through it."""
        # The two edges end a point before its middle.
        rest, size = round(36 * height), 'STYLE="ROUNDED" WIDTH="2" HEIGHT="2"'
        dot = f'<TD {size} BGCOLOR="{self.theme.line}"></TD>'
        if self.is_wide:
            cells = f'<TR><TD WIDTH="{rest}"></TD>{dot}<TD WIDTH="{rest}"></TD></TR>'
        else:
            cells = f'<TR><TD HEIGHT="{rest}"></TD></TR><TR>{dot}</TR><TR><TD HEIGHT="{rest}"></TD></TR>'
        label = Html(f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{cells}</TABLE>')
        self.node(name, label=label, shape="plain", style="solid", width=0.01, height=0.01, group=group)

    def corner(self, name: str) -> None:
        """Where a line turns."""
        # Edges end a point before any node: the outline fills that gap.
        size = {"fixedsize": "true", "margin": 0, "width": 0.005, "height": 0.005, "penwidth": 1.2}
        self.node(name, label="", **size, style="filled", color=self.theme.line)

    def circle(self, name: str, sign: str, group: str = "", **more: object) -> None:
        """A merge."""
        look = {"color": self.theme.merge, "fillcolor": self.theme.page, "style": "filled", "penwidth": 1.6}
        width = 0.32 if len(sign) == 1 else 0.42
        size: dict[str, object] = {"fixedsize": "true", "width": width, "height": width, "margin": 0}
        size |= {"group": group} if group else {}
        self.node(name, label=sign, shape="circle", fontsize=17 if len(sign) == 1 else 9.5, **look, **size, **more)
