"""Writer of Mermaid text: nodes, groups and links in the colors of a theme. Imports no framework."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from archdsl.diagrams.style import TOL, Theme, printable, shared_color

CODES: Mapping[str, str] = {'"': "#quot;", "&": "#amp;", "<": "#lt;", ">": "#gt;", "\u200c": "#zwnj;"}
"""The names of characters in Mermaid; all others are written as numbers."""

SHADE = "fill:#8080801A"
"""A light gray for groups, suitable for light and dark pages."""

_UNSAFE = re.compile(r"(?!(?<=\d)\.\d|(?<=[^\W_])_[^\W_]|[^\W_ﬂß]|[ ,=×·→…/])[\s\S]")
"""Characters that may have a meaning in Mermaid, HTML or Markdown."""

_JOINED = re.compile(r"\$(?=\$)|:(?=fa)|[ﬂ¶]")
"""Sequences with a meaning in a label even as codes: math, icons, and the codes of Mermaid. An invisible character
separates them from the following text."""

_DIRECTION = re.compile(r"d(?=irection\s)", re.IGNORECASE)
"""Mermaid takes any line that contains `direction TB` for that statement, even in quotes."""


def escaped(text: str) -> str:
    """Escape a text for a label."""
    text = _JOINED.sub(lambda match: f"{match[0]}\u200c", _one_line(text))
    text = _UNSAFE.sub(lambda match: CODES.get(match[0], f"#{ord(match[0])};"), text)
    return _DIRECTION.sub(lambda match: f"#{ord(match[0])};", text)


def plain(text: str) -> str:
    """Remove all characters with a meaning from a text, for a place without codes."""
    return _one_line(_UNSAFE.sub(" ", _one_line(text))) or "Diagram"


class MermaidWriter:
    """Collects nodes, groups and links. Links are written last, because Mermaid moves their ends into their group.

    Args:
        theme: the colors of the nodes.
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
        self.borders: list[str] = []

    def text(self) -> list[str]:
        """Return all lines."""
        kinds: dict[str, list[str]] = {}
        for group, look in self.groups.items():
            kinds.setdefault(look, []).append(group)
        used = self.looks | {*kinds}
        looks = [f"  classDef {name} {look}" for name, look in self._all_looks().items() if name in used]
        classes = [f"  class {','.join(groups)} {look}" for look, groups in sorted(kinds.items())]
        dotted = f"  linkStyle {','.join(map(str, self.dotted))} stroke:{self.theme.shortcut},stroke-width:2px"
        return [*self.lines, *self.links, *looks, *classes, *self.borders, *([dotted] if self.dotted else [])]

    def _all_looks(self) -> dict[str, str]:
        """Return the look of each class of nodes and groups. The names do not clash with styles of the page."""
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
        """Write a box, and return its id. The label must be escaped."""
        return self._node(f'["{label}"]', f"{kind}Box")

    def shared(self, name: str, number: int) -> None:
        """Draw the border of a node or group that calls a shared layer, which has a number."""
        self.borders.append(f"  style {name} stroke:{shared_color(number)},stroke-width:3px")

    def end(self, label: str) -> str:
        """Write a rounded box for an input or output."""
        return self._node(f'(["{label}"])', "endBox")

    def circle(self, label: str) -> str:
        """Write a merge."""
        return self._node(f'(("{label}"))', "mergeBox")

    @contextmanager
    def group(self, label: str, look: str) -> Iterator[str]:
        """Open a group, and return its id; `look` is `layer`, `path` or `shortcut`."""
        name = f"g{len(self.groups) + 1}"
        self.groups[name] = f"{look}Group"
        outer = self.indent
        self.lines.append(f'{outer}subgraph {name}["{label}"]')
        self.indent = f"{outer}  "
        yield name
        self.indent = outer
        self.lines.append(f"{outer}end")

    def link(self, start: str, end: str, text: str, *, is_dotted: bool) -> None:
        """Write an edge, and escape its label."""
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
