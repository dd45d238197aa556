"""What the SVG of a diagram shows: nodes, clusters, lines and texts, each with its place on the page, in points."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import import_module
from importlib.util import find_spec
from itertools import product
from math import ceil, hypot
from pathlib import Path
from typing import Any

SVG = "{http://www.w3.org/2000/svg}"
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_STEP = 3.0
"""Points between two places of a line that are looked at, at most."""

_FOLDERS = ("/usr/share/fonts", "/System/Library/Fonts/Supplemental", "C:/Windows/Fonts")
_FILES = {False: ("LiberationSans-Regular.ttf", "Arial.ttf"), True: ("LiberationSans-Bold.ttf", "Arial Bold.ttf")}

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle; `top` is less than `bottom`."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> Point:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def width(self) -> float:
        return self.right - self.left

    def holds(self, other: Area, slack: float = 0.5) -> bool:
        """Whether another is inside; it may stick out by `slack`."""
        across = self.left - slack <= other.left and other.right <= self.right + slack
        return across and self.top - slack <= other.top and other.bottom <= self.bottom + slack

    def meets(self, other: Area, slack: float = 0.5) -> bool:
        """Whether both share more than `slack` either way."""
        across = min(self.right, other.right) - max(self.left, other.left)
        return across > slack and min(self.bottom, other.bottom) - max(self.top, other.top) > slack

    def has(self, point: Point, slack: float = 0.5) -> bool:
        """Whether a point is inside, and by more than `slack`."""
        x, y = point
        return self.left + slack < x < self.right - slack and self.top + slack < y < self.bottom - slack

    def distance(self, point: Point) -> float:
        """How far a point is outside."""
        x, y = point
        return hypot(max(self.left - x, 0, x - self.right), max(self.top - y, 0, y - self.bottom))


def around(areas: Iterable[Area]) -> Area:
    """The least rectangle that holds all."""
    edges = [(area.left, area.top, area.right, area.bottom) for area in areas]
    lefts, tops, rights, bottoms = zip(*edges, strict=True)
    return Area(min(lefts), min(tops), max(rights), max(bottoms))


@dataclass(frozen=True)
class Text:
    """A line of letters, which are `size` points high; `x` is where it starts, or its middle."""

    words: str
    x: float
    y: float
    size: float
    is_bold: bool
    is_centred: bool

    @cached_property
    def area(self) -> Area:
        """What it covers, from the feet of its letters to the heads of its capitals."""
        widths = [advance(words, self.size, self.is_bold) for words in (self.words, *_without_blanks(self.words))]
        start = self.x - widths[0] / 2 if self.is_centred else self.x
        left, right = start + widths[0] - widths[1], start + widths[2]
        return Area(left, self.y - 0.72 * self.size, right, self.y)


def _without_blanks(words: str) -> tuple[str, str]:
    """Text without the blanks before it, and without those behind it."""
    return words.lstrip("\xa0 "), words.rstrip("\xa0 ")


@dataclass(frozen=True)
class Part:
    """A node, a cluster or an edge, as far as it is seen.

    Args:
        areas: of its shapes; of an edge, those of its arrow heads.
        is_round: whether it is a circle.
        line: points along its curves, in their order.
        tip: the tooltip.
    """

    name: str
    areas: tuple[Area, ...]
    is_round: bool
    line: tuple[Point, ...]
    texts: tuple[Text, ...]
    tip: str

    @cached_property
    def area(self) -> Area:
        return around(self.areas)

    @cached_property
    def reach(self) -> Area:
        """What holds all of an edge's line."""
        return around(Area(x, y, x, y) for x, y in self.line)

    def moved(self, x: float, y: float) -> Part:
        areas = [Area(area.left + x, area.top + y, area.right + x, area.bottom + y) for area in self.areas]
        texts = [replace(text, x=text.x + x, y=text.y + y) for text in self.texts]
        line = [(x + across, y + down) for across, down in self.line]
        return replace(self, areas=tuple(areas), texts=tuple(texts), line=tuple(line))

    def runs_through(self, area: Area) -> bool:
        """Whether an edge does."""
        left, top, right, bottom = self.reach.left, self.reach.top, self.reach.right, self.reach.bottom
        if right <= area.left or area.right <= left or bottom <= area.top or area.bottom <= top:
            return False
        return any(area.has(point) for point in self.line)

    @cached_property
    def ends(self) -> tuple[str, str]:
        """The nodes at the two ends of an edge."""
        start, _, end = self.name.partition("->")
        return start, end


class Picture:
    """An SVG that is read.

    Args:
        root: of the SVG's markup.
    """

    def __init__(self, root: ElementTree.Element) -> None:
        self.width, self.height = (float(root.attrib[side].removesuffix("pt")) for side in ("width", "height"))
        groups = [group for group in root.iter(f"{SVG}g") if group.get("class")]
        self.root = root
        parts = [_part(group) for group in groups if group.get("class") == "node"]
        nodes = [part for part in parts if part.areas]
        self.spaces = [part.name for part in parts if not part.areas]
        self.edges = [_part(group) for group in groups if group.get("class") == "edge"]
        clusters = [_part(group) for group in groups if group.get("class") == "cluster"]
        self.clusters = {part.name: part for part in clusters if part.areas}
        self.nodes = {part.name: part for part in nodes}
        self.names = [part.name for part in clusters]
        self.counted = Counter(part.name for part in nodes)

    @cached_property
    def legend(self) -> tuple[list[Area], list[Text]]:
        """The colored squares and the texts under everything; the page itself is the first shape of all."""
        group = next(group for group in self.root.iter(f"{SVG}g") if group.get("class") == "graph")
        shapes = [_area(shape) for shape in group if shape.tag in (f"{SVG}path", f"{SVG}polygon")]
        return shapes[1:], [_text(text) for text in group if text.tag == f"{SVG}text"]

    @cached_property
    def sizes(self) -> list[float]:
        """How high its letters are, in points."""
        return [float(text.attrib["font-size"]) for text in self.root.iter(f"{SVG}text") if (text.text or "").strip()]

    @property
    def boxes(self) -> dict[str, Part]:
        """The nodes with text in them that are no circles."""
        return {name: part for name, part in self.nodes.items() if part.texts and not part.is_round}

    def move(self, name: str, x: float, y: float) -> None:
        """Puts a node, a cluster or an edge elsewhere, as if it had been drawn there."""
        for parts in (self.nodes, self.clusters):
            if name in parts:
                parts[name] = parts[name].moved(x, y)
        self.edges = [edge.moved(x, y) if edge.name == name else edge for edge in self.edges]

    def joined(self, real: set[str]) -> Counter[tuple[str, str]]:
        """The lines between nodes that stand for something, each through those that only shape it."""
        after: dict[str, list[str]] = {}
        for edge in self.edges:
            start, end = edge.ends
            after.setdefault(start, []).append(end)
        found: Counter[tuple[str, str]] = Counter()
        for start in real:
            waiting = list(after.get(start, []))
            while waiting:
                end = waiting.pop()
                if end in real or end not in after:
                    found[start, end] += 1
                else:
                    waiting += after[end]
        return found


def read(markup: bytes) -> Picture:
    return Picture(ElementTree.fromstring(markup))


@cache
def has_arial() -> bool:
    """Whether the system has letters as wide as Arial's, for which diagrams are made. Else DejaVu's stand in."""
    return _arial(is_bold=False) is not None


def _arial(*, is_bold: bool) -> Path | None:
    found = (path for folder, name in product(_FOLDERS, _FILES[is_bold]) for path in Path(folder).rglob(name))
    return next(found, None)


@cache
def _font(is_bold: bool) -> Any:
    path = _arial(is_bold=is_bold)
    if path is None:
        package = find_spec("matplotlib")
        assert package is not None
        assert package.origin is not None
        name = "DejaVuSans-Bold.ttf" if is_bold else "DejaVuSans.ttf"
        path = Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / name
    return import_module("PIL.ImageFont").truetype(str(path), 100)


@cache
def advance(words: str, size: float, is_bold: bool) -> float:
    """The width of a line of text, in points."""
    return float(_font(is_bold).getlength(words)) * size / 100


def _part(group: ElementTree.Element) -> Part:
    is_edge, areas, line = group.get("class") == "edge", [], []
    for shape in group.iter():
        if shape.tag == f"{SVG}path" and is_edge:
            line += _curve(shape.attrib["d"])
        elif shape.tag in (f"{SVG}path", f"{SVG}polygon", f"{SVG}ellipse"):
            areas.append(_area(shape))
    texts = tuple(_text(text) for text in group.iter(f"{SVG}text") if (text.text or "").strip("\xa0 "))
    is_round = group.find(f"{SVG}ellipse") is not None
    return Part(
        group.attrib["data-name"], tuple(areas), is_round, tuple(line), texts, group.findtext(f"{SVG}title", "")
    )


def _area(shape: ElementTree.Element) -> Area:
    if shape.tag == f"{SVG}ellipse":
        x, y, across, down = (float(shape.attrib[name]) for name in ("cx", "cy", "rx", "ry"))
        return Area(x - across, y - down, x + across, y + down)
    points = _points(shape.get("d") or shape.attrib["points"])
    return around(Area(x, y, x, y) for x, y in points)


def _points(text: str) -> list[Point]:
    numbers = [float(number) for number in _NUMBER.findall(text)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _curve(text: str) -> Iterator[Point]:
    """Points along the curves of `M a C b c d ...`, close to one another."""
    points = _points(text)
    yield points[0]
    for first in range(0, len(points) - 3, 3):
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = points[first : first + 4]
        steps = ceil((hypot(bx - ax, by - ay) + hypot(cx - bx, cy - by) + hypot(dx - cx, dy - cy)) / _STEP) or 1
        for step in range(1, steps + 1):
            t = step / steps
            a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
            yield a * ax + b * bx + c * cx + d * dx, a * ay + b * by + c * cy + d * dy


def _text(text: ElementTree.Element) -> Text:
    x, y, size = (float(text.attrib[name]) for name in ("x", "y", "font-size"))
    is_centred = text.get("text-anchor") == "middle"
    return Text(text.text or "", x, y, size, text.get("font-weight") == "bold", is_centred)
