"""Where the items of a plan stand: the names of their nodes in DOT, and lanes as columns of equal height."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from archdsl.diagrams.plan import Box, Bunch, Frame, Item, Lane, last_of
from archdsl.graph import TensorRef


@dataclass(frozen=True, slots=True)
class Entry:
    """One edge that comes to an item.

    Args:
        ref: of the tensor, in the item's own body.
        target: the name of the node in DOT that the edge comes to.
        port: the name of the layer's input, where it has several.
    """

    ref: TensorRef
    target: str
    port: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A lane and the names of its nodes from fork to merge; `before` and `after` make it as tall as the tallest.

    Args:
        entry: the edge that the column begins with.
        others: the edges that come to its first item besides.
        offset: how many rows under the fork it begins, where it begins with what another lane gives.
        places: the row of each node that stands in it, from its own first.
    """

    lane: Lane
    scope: str
    key: str
    entry: Entry
    others: tuple[Entry, ...]
    rows: tuple[str, ...]
    offset: int
    places: Mapping[str, int]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return self.before + self.rows + self.after

    @property
    def spaces(self) -> tuple[str, ...]:
        return self.before + self.after

    @property
    def is_plain(self) -> bool:
        return all(isinstance(item, Box) for item in self.lane.items)

    @property
    def ends(self) -> bool:
        """Whether the merge takes what its last item gives."""
        items = self.lane.items
        return not items or self.lane.end.node == last_of(items[-1]).name


def entries(item: Item, scope: str) -> tuple[Entry, ...]:
    """The edges that come to an item; to a bunch, the one to the dot where its lanes part."""
    if isinstance(item, Bunch):
        return (Entry(item.fork, f"{scope}{item.merge.name} fork"),)
    if isinstance(item, Box):
        name = f"{scope}{item.main.name if item.main.op else item.nodes[0].name}"
        inputs = tuple(item.main.body.inputs) if item.main.body else ()
        ports = inputs if len(inputs) > 1 else ("",) * len(item.takes)
        return tuple(Entry(ref, name, port) for ref, port in zip(item.takes, ports, strict=True))
    name = inside(item, scope)
    if not item.doors:
        return (Entry(item.takes[0], entries(item.items[0], f"{name}/")[0].target),)
    return tuple(Entry(ref, door(item, scope, port)) for ref, port in zip(item.takes, item.doors, strict=True))


def inside(frame: Frame, scope: str) -> str:
    """The name of a frame's cluster."""
    return f"{scope}{frame.nodes[0].name}"


def door(frame: Frame, scope: str, name: str) -> str:
    """The name of the node in DOT that marks an input of a frame."""
    return f"{inside(frame, scope)} in" + (f" {name}" if len(frame.doors) > 1 else "")


def can_fork(item: Item) -> bool:
    """Whether lanes may start right from an item; else a dot of their own comes before them."""
    return isinstance(item, Box) and not item.sign


def columns(bunch: Bunch, scope: str) -> tuple[Column, ...]:
    """A column for each lane, equally tall together with the rows that it begins later."""
    found: list[Column] = []
    places: dict[str, int] = {}
    tapped: set[str] = set()
    for number, lane in enumerate(bunch.lanes):
        key = f"{scope}{bunch.merge.name} {number} {lane.name}"
        rows, own = _rows(lane.items, scope)
        rows = rows or [f"{key} identity"]
        first = entries(lane.items[0], scope) if lane.items else (Entry(lane.end, rows[0]),)
        entry = next((entry for entry in first if entry.ref == bunch.fork), first[0])
        others = tuple(other for other in first if other is not entry)
        source = entry.ref.node
        offset = places.get(source, -1) + 1
        tapped |= {source} & places.keys()
        places |= {name: offset + row for name, row in own.items()}
        found.append(Column(lane, scope, key, entry, others, (entry.target, *rows[1:]), offset, own))
    tallest = max(column.offset + len(column.rows) for column in found)
    return tuple(_padded(column, tallest - column.offset - len(column.rows), tapped) for column in found)


def _padded(column: Column, missing: int, tapped: set[str]) -> Column:
    """The column with spaces for what it lacks. One that another hangs on stays at the top."""
    points = tuple(f"{column.key} space {number}" for number in range(missing))
    before = 0 if column.offset or tapped & column.places.keys() else missing // 2
    return replace(column, before=points[:before], after=points[before:] if column.ends else ())


def _rows(items: Sequence[Item], scope: str, before: str = "") -> tuple[list[str], dict[str, int]]:
    """The node of each rank that some items take (of a bunch, those of its tallest lane), and each node's last rank.

    Args:
        before: the node that lanes may start right from, where there is one.
    """
    rows: list[str] = []
    places: dict[str, int] = {}
    for item in items:
        if isinstance(item, Bunch):
            rows += [] if item.fork.node == before else [entries(item, scope)[0].target]
            lanes = columns(item, scope)
            for column in lanes:
                above = len(rows) + column.offset + len(column.before)
                places |= {name: above + row for name, row in column.places.items()}
            tallest = max(lanes, key=lambda column: (len(column.names), len(column.rows)))
            rows += [*tallest.names, f"{scope}{item.merge.name}"]
        elif isinstance(item, Frame):
            rows += [entries(item, scope)[0].target] if item.doors else []
            rows += _rows(item.items, f"{inside(item, scope)}/", next(iter(item.doors), ""))[0]
        else:
            rows.append(entries(item, scope)[0].target)
        names = [item.merge.name] if isinstance(item, Bunch) else [node.name for node in item.nodes]
        places |= dict.fromkeys(names, len(rows) - 1)
        before = last_of(item).name if can_fork(item) else ""
    return rows, places
