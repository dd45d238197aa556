"""A layer that is a row of layers, as a strip of small cells: `P I I I`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby
from string import ascii_uppercase

from archdsl.diagrams.plan import Box, Item, boxes, plan
from archdsl.graph import Graph

LONG = 8
"""More cells than this, and equal ones in a row are one with their number."""


@dataclass(frozen=True, slots=True)
class StripCell:
    """One layer, or one step of ops, of a strip; or `times` equal ones.

    Args:
        layer: the layer's class; nothing for an op.
        shortcut: what the layer's shortcut is, in one word; nothing where it has none.
        kind: what decides the color.
    """

    layer: str
    shortcut: str
    kind: str
    times: int = 1

    @property
    def name(self) -> str:
        """What the legend calls it."""
        return f"{self.layer} + {self.shortcut}" if self.shortcut else self.layer

    @property
    def look(self) -> tuple[str, str]:
        return self.layer, self.shortcut


def strip(body: Graph | None) -> tuple[StripCell, ...]:
    """The cells of a body that is a row of at least two layers, with or without ops; else nothing."""
    items = plan(body, 1) if body is not None else ()
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
    """The strips of a diagram, and a letter for each kind of layer in them.

    Letters are the initials of the shortcuts, of the classes, or of both, whichever differ for all; else A, B, C, ...
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
        """The cells of a box, each with its letter; those of ops have none."""
        return [(self.letters.get(cell.look, ""), cell) for cell in self.cells[id(box.main.body)]]

    def key(self) -> list[str]:
        """What the letters stand for: `P = ResidualLayer + projection`."""
        return [f"{self.letters[look]} = {name}" for look, name in self.names.items()]


def _cell(box: Box) -> StripCell:
    body = box.main.body
    if body is None:
        return StripCell("", "", box.kind)
    return StripCell(box.main.kind, body.shortcut.kind if body.shortcut else "", box.kind, box.times)
