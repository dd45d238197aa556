"""Mermaid text: nodes, groups and links in the colors of a theme. Imports no framework."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from archdsl.diagrams.style import TOL, Theme, printable

CODES: Mapping[str, str] = {'"': "#quot;", "&": "#amp;", "<": "#lt;", ">": "#gt;", "\u200c": "#zwnj;"}
"""Mermaid's names of characters; any other goes by its number."""

SHADE = "fill:#8080801A"
"""A touch of grey, which groups have on a light page and on a dark one."""

_UNSAFE = re.compile(r"(?!(?<=\d)\.\d|(?<=[^\W_])_[^\W_]|[^\W_ﬂß]|[ ,=×·→…/])[\s\S]")
"""What may mean something to Mermaid, HTML or Markdown."""

_JOINED = re.compile(r"\$(?=\$)|:(?=fa)|[ﬂ¶]")
"""What means something in a label even as a code: math, icons, and what Mermaid makes of codes. Nothing that is seen
parts it from what comes next."""

_DIRECTION = re.compile(r"d(?=irection\s)", re.IGNORECASE)
"""A line that has `direction TB` in it is taken for that statement, quotes or not."""


def escaped(text: str) -> str:
    """Text as a label has it, out of which nothing can break."""
    text = _JOINED.sub(lambda match: f"{match[0]}\u200c", _one_line(text))
    text = _UNSAFE.sub(lambda match: CODES.get(match[0], f"#{ord(match[0])};"), text)
    return _DIRECTION.sub(lambda match: f"#{ord(match[0])};", text)


def plain(text: str) -> str:
    """Text for a place that knows no codes: without what may mean something there."""
    return _one_line(_UNSAFE.sub(" ", _one_line(text))) or "Diagram"


class MermaidWriter:
    """Collects nodes and groups, and links, which come last: one inside a group would draw its ends into that.

    Args:
        theme: whose colors the nodes have.
    """

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.lines: list[str] = []
        self.links: list[str] = []
        self.dotted: list[int] = []
        self.indent = "  "
        self.nodes = 0
        self.groups: dict[str, str] = {}
        self.looks: set[str] = set()

    def text(self) -> list[str]:
        """All lines."""
        kinds: dict[str, list[str]] = {}
        for group, look in self.groups.items():
            kinds.setdefault(look, []).append(group)
        used = self.looks | {*kinds}
        looks = [f"  classDef {name} {look}" for name, look in self._all_looks().items() if name in used]
        classes = [f"  class {','.join(groups)} {look}" for look, groups in sorted(kinds.items())]
        dotted = f"  linkStyle {','.join(map(str, self.dotted))} stroke:{self.theme.shortcut},stroke-width:2px"
        return [*self.lines, *self.links, *looks, *classes, *([dotted] if self.dotted else [])]

    def _all_looks(self) -> dict[str, str]:
        """The look of each class of nodes and of groups. No page's own style has such a name."""
        theme = self.theme
        boxes = {kind: f"fill:{theme.fill(color)},stroke:{theme.border(color)}" for kind, color in TOL.items()}
        boxes["identity"] = f"fill:{theme.page},stroke:{theme.shortcut},stroke-dasharray:4 3"
        boxes["merge"] = f"fill:{theme.page},stroke:{theme.merge},stroke-width:2px"
        return {f"{kind}Box": f"{look},color:{theme.text}" for kind, look in boxes.items()} | {
            "layerGroup": f"{SHADE},stroke:{theme.border(TOL['block'])},stroke-width:2px",
            "pathGroup": f"{SHADE},stroke:#80808080",
            "shortcutGroup": f"{SHADE},stroke:{theme.shortcut},stroke-dasharray:4 3",
        }

    def box(self, label: str, kind: str) -> str:
        """A box; its id. A label is escaped already."""
        return self._node(f'["{label}"]', f"{kind}Box")

    def end(self, label: str) -> str:
        """A box with round sides, where tensors come in or go out."""
        return self._node(f'(["{label}"])', "endBox")

    def circle(self, label: str) -> str:
        """A merge."""
        return self._node(f'(("{label}"))', "mergeBox")

    @contextmanager
    def group(self, label: str, look: str) -> Iterator[None]:
        """What stands inside a box of its own; `look` is `layer`, `path` or `shortcut`."""
        name = f"g{len(self.groups) + 1}"
        self.groups[name] = f"{look}Group"
        outer = self.indent
        self.lines.append(f'{outer}subgraph {name}["{label}"]')
        self.indent = f"{outer}  "
        yield
        self.indent = outer
        self.lines.append(f"{outer}end")

    def link(self, start: str, end: str, text: str, *, is_dotted: bool) -> None:
        """An edge. What it says is escaped here."""
        if is_dotted:
            self.dotted.append(len(self.links))
        arrow = "-.->" if is_dotted else "-->"
        self.links.append(f"  {start} {arrow}" + (f'|"{label}"|' if (label := escaped(text)) else "") + f" {end}")

    def _node(self, shape: str, look: str) -> str:
        self.nodes += 1
        self.looks.add(look)
        self.lines.append(f"{self.indent}n{self.nodes}{shape}:::{look}")
        return f"n{self.nodes}"


def _one_line(text: str) -> str:
    return " ".join(printable(text).split())
