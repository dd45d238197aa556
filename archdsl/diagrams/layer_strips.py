"""Strips of small cells for layers that consist of layers: `P I I I`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from string import ascii_uppercase

from archdsl.diagrams.plan import Box, Group, Item, boxes, plan
from archdsl.graph import Graph

LONG = 8
"""The number of cells from which equal neighbors are drawn as one cell with their number."""


@dataclass(frozen=True, slots=True)
class StripCell:
    """One cell of a strip: a layer or a step of ops, or `times` equal ones.

    Args:
        layer: the class of the layer; empty for ops.
        shortcut: the kind of its shortcut; empty if it has none.
        kind: the kind that determines the color.
    """

    layer: str
    shortcut: str
    kind: str
    times: int = 1

    @property
    def name(self) -> str:
        """The name in the legend."""
        return f"{self.layer} + {self.shortcut}" if self.shortcut else self.layer

    @property
    def look(self) -> tuple[str, str]:
        return self.layer, self.shortcut


def strip(body: Graph | None) -> tuple[StripCell, ...]:
    """Return the cells of a body that is a chain of at least two layers, with or without ops; otherwise none."""
    items = [*_copies(plan(body, 1))] if body is not None else []
    if not all(isinstance(item, Box) and not item.sign for item in items):
        return ()
    cells = [_cell(item) for item in items if isinstance(item, Box)]
    if sum(cell.times for cell in cells if cell.layer) < 2:
        return ()
    if sum(cell.times for cell in cells) > LONG:
        runs = [list(run) for _, run in groupby(cells, lambda cell: (cell.look, cell.kind))]
        return tuple(replace(run[0], times=sum(cell.times for cell in run)) for run in runs)
    return tuple(StripCell(cell.layer, cell.shortcut, cell.kind) for cell in cells for _ in range(cell.times))


class LayerStrips:
    """The strips of a diagram, with a letter for each kind of layer.

    The letters are the initials of the shortcuts, of the classes, or of both, if they are unique; otherwise
    A, B, C, ...
    """

    def __init__(self, items: Iterable[Item]) -> None:
        bodies = {id(box.main.body): box.main.body for box in boxes(items)}
        self.cells = {key: strip(body) for key, body in bodies.items()}
        self.names = {cell.look: cell.name for cells in self.cells.values() for cell in cells if cell.layer}
        initials = [
            [shortcut[:1].upper() for _, shortcut in self.names],
            [layer[0].upper() for layer, _ in self.names],
            [(shortcut or layer)[0].upper() for layer, shortcut in self.names],
            [ascii_uppercase[n] if n < len(ascii_uppercase) else str(n) for n in range(len(self.names))],
        ]
        distinct = next(letters for letters in initials if all(letters) and len(set(letters)) == len(letters))
        self.letters = dict(zip(self.names, distinct, strict=True))

    def of(self, box: Box) -> list[tuple[str, StripCell]]:
        """Return the cells of a box with their letters; cells of ops have none."""
        return [(self.letters.get(cell.look, ""), cell) for cell in self.cells[id(box.main.body)]]

    def key(self) -> list[str]:
        """The meaning of the letters: `P = ResidualLayer + projection`."""
        return [f"{self.letters[look]} = {name}" for look, name in self.names.items()]


def _copies(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items of a chain, with each copy of a group."""
    for item in items:
        yield from item.items * item.times if isinstance(item, Group) else (item,)


def _cell(box: Box) -> StripCell:
    body = box.main.body
    if body is None:
        return StripCell("", "", box.kind)
    return StripCell(box.main.kind, body.shortcut.kind if body.shortcut else "", box.kind, box.times)
