"""Where the items of a plan stand: the names of their nodes in DOT, and branches as columns of equal height."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from archdsl.diagrams.plan import Box, DrawnBranch, Frame, Item, Parallel, last_of
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
    """A branch and the names of its nodes from fork to merge; `before` and `after` make it as tall as the tallest.

    Args:
        entry: the edge that the column begins with.
        others: the edges that come to its first item besides.
        offset: how many rows under the fork it begins, where it begins with what another branch gives.
        places: the row of each node that stands in it, from its own first.
    """

    branch: DrawnBranch
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
        return all(isinstance(item, Box) for item in self.branch.items)

    @property
    def ends(self) -> bool:
        """Whether the merge takes what its last item gives."""
        items = self.branch.items
        return not items or self.branch.end.node == last_of(items[-1]).name


def entries(item: Item, scope: str) -> tuple[Entry, ...]:
    """The edges that come to an item; to parallel branches, the one to the dot where they part."""
    if isinstance(item, Parallel):
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
    """Whether branches may start right from an item; else a dot of their own comes before them."""
    return isinstance(item, Box) and not item.sign


def columns(parallel: Parallel, scope: str) -> tuple[Column, ...]:
    """A column for each branch, equally tall together with the rows that it begins later."""
    found: list[Column] = []
    places: dict[str, int] = {}
    tapped: set[str] = set()
    for number, branch in enumerate(parallel.branches):
        key = f"{scope}{parallel.merge.name} {number} {branch.name}"
        rows, own = _rows(branch.items, scope)
        rows = rows or [f"{key} identity"]
        first = entries(branch.items[0], scope) if branch.items else (Entry(branch.end, rows[0]),)
        entry = next((entry for entry in first if entry.ref == parallel.fork), first[0])
        others = tuple(other for other in first if other is not entry)
        source = entry.ref.node
        offset = places.get(source, -1) + 1
        tapped |= {source} & places.keys()
        places |= {name: offset + row for name, row in own.items()}
        found.append(Column(branch, scope, key, entry, others, (entry.target, *rows[1:]), offset, own))
    tallest = max(column.offset + len(column.rows) for column in found)
    return tuple(_padded(column, tallest - column.offset - len(column.rows), tapped) for column in found)


def _padded(column: Column, missing: int, tapped: set[str]) -> Column:
    """The column with spaces for what it lacks. One that another hangs on stays at the top."""
    points = tuple(f"{column.key} space {number}" for number in range(missing))
    before = 0 if column.offset or tapped & column.places.keys() else missing // 2
    return replace(column, before=points[:before], after=points[before:] if column.ends else ())


def _rows(items: Sequence[Item], scope: str, before: str = "") -> tuple[list[str], dict[str, int]]:
    """The node of each rank that some items take, and each node's last rank; of parallel branches, the tallest counts.

    Args:
        before: the node that branches may start right from, where there is one.
    """
    rows: list[str] = []
    places: dict[str, int] = {}
    for item in items:
        if isinstance(item, Parallel):
            rows += [] if item.fork.node == before else [entries(item, scope)[0].target]
            branches = columns(item, scope)
            for column in branches:
                above = len(rows) + column.offset + len(column.before)
                places |= {name: above + row for name, row in column.places.items()}
            tallest = max(branches, key=lambda column: (len(column.names), len(column.rows)))
            rows += [*tallest.names, f"{scope}{item.merge.name}"]
        elif isinstance(item, Frame):
            rows += [entries(item, scope)[0].target] if item.doors else []
            rows += _rows(item.items, f"{inside(item, scope)}/", next(iter(item.doors), ""))[0]
        else:
            rows.append(entries(item, scope)[0].target)
        names = [item.merge.name] if isinstance(item, Parallel) else [node.name for node in item.nodes]
        places |= dict.fromkeys(names, len(rows) - 1)
        before = last_of(item).name if can_fork(item) else ""
    return rows, places
