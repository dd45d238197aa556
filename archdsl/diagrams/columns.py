"""Layout of the items of a plan: names of nodes in DOT, and branches as columns of equal height."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from archdsl.diagrams.plan import Box, DrawnBranch, Group, Item, Level, OpenLayer, Parallel, UShape, last_of, walk
from archdsl.graph import TensorRef


@dataclass(frozen=True, slots=True)
class IncomingEdge:
    """An edge to an item.

    Args:
        ref: the tensor, in the body of the item.
        target: the name of the DOT node that the edge leads to.
        port: the name of the input, for a layer with several inputs.
        is_hidden: whether it only keeps the item in its place, because the item has no input.
    """

    ref: TensorRef
    target: str
    port: str = ""
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class BranchColumn:
    """A branch with the names of its nodes from fork to merge, padded with spaces to the height of the tallest.

    Args:
        first: the first edge of the column.
        others: the other edges to its first item.
        rows: the names of its nodes in order.
        offset: the number of rows between the fork and its first node, if it starts from another branch.
        row_of: the row of each node of the body that is in the branch.
        above: the names of the spaces before its rows.
        below: the names of the spaces after its rows.
    """

    branch: DrawnBranch
    scope: str
    key: str
    first: IncomingEdge
    others: tuple[IncomingEdge, ...]
    rows: tuple[str, ...]
    offset: int
    row_of: Mapping[str, int]
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return self.above + self.rows + self.below

    @property
    def spaces(self) -> tuple[str, ...]:
        return self.above + self.below

    @property
    def has_only_boxes(self) -> bool:
        return all(isinstance(item, Box | Group) for item in walk(self.branch.items))

    @property
    def reaches_merge(self) -> bool:
        """Whether the merge uses the output of its last item."""
        items = self.branch.items
        return not items or self.branch.end.node == last_of(items[-1]).name


def incoming_edges(item: Item, scope: str) -> tuple[IncomingEdge, ...]:
    """Return the edges to an item; for parallel branches, the edge to the dot at their fork."""
    if isinstance(item, Parallel):
        return (IncomingEdge(item.fork, f"{scope}{item.merge.name} fork"),)
    if isinstance(item, Box):
        name = target(item, scope)
        names = tuple(item.main.body.inputs) if item.main.body else ()
        ports = names if len(names) > 1 else ("",) * len(item.inputs)
        return tuple(IncomingEdge(ref, name, port) for ref, port in zip(item.inputs, ports, strict=True))
    if isinstance(item, Group):
        return incoming_edges(item.items[0], scope)
    if isinstance(item, UShape):
        return (IncomingEdge(item.inputs[0], target(item.levels[0].down[0], level_scope(item.levels[0], scope))),)
    if not item.marked_inputs:
        return (IncomingEdge(item.inputs[0], target(item.items[0], f"{cluster_name(item, scope)}/")),)
    ports = item.marked_inputs
    return tuple(IncomingEdge(ref, input_mark(item, scope, port)) for ref, port in zip(item.inputs, ports, strict=True))


def target(item: Item, scope: str) -> str:
    """Return the DOT node that the first edge to an item leads to."""
    if isinstance(item, Box):
        return f"{scope}{item.main.name if item.main.op else item.nodes[0].name}"
    if isinstance(item, Group):
        return target(item.items[0], scope)
    return incoming_edges(item, scope)[0].target


def cluster_name(layer: OpenLayer, scope: str) -> str:
    """Return the name of the cluster of an opened layer."""
    return f"{scope}{layer.nodes[0].name}"


def level_scope(level: Level, scope: str) -> str:
    """Return the prefix of the names of nodes in a level."""
    return f"{scope}{level.node.name}/"


def input_mark(layer: OpenLayer, scope: str, name: str) -> str:
    """Return the name of the DOT node that marks an input of an opened layer."""
    return f"{cluster_name(layer, scope)} in" + (f" {name}" if len(layer.marked_inputs) > 1 else "")


def can_fork(item: Item) -> bool:
    """Whether branches can start directly from an item; otherwise they start from a separate dot."""
    return isinstance(item, Box) and not item.sign


def columns(parallel: Parallel, scope: str) -> tuple[BranchColumn, ...]:
    """Create a column for each branch, all of equal height.

    Graphviz ranks nodes by the longest way to them, which would put a short branch at one end. The height of a branch
    is therefore counted in rows: one for each node, and the tallest of parallel branches inside it. A branch that
    starts from another branch begins below that node. Shorter branches get invisible spaces, half of them above and
    half below. There are none above if the branch starts later, or if another branch starts from it, because its rows
    are then fixed. There are none below if the merge does not use its last row.
    """
    unpadded: list[BranchColumn] = []
    row_of: dict[str, int] = {}
    tapped: set[str] = set()
    for number, branch in enumerate(parallel.branches):
        key = f"{scope}{parallel.merge.name} {number} {branch.name}"
        rows, own = _rows(branch.items, scope)
        rows = rows or [f"{key} identity"]
        edges = incoming_edges(branch.items[0], scope) if branch.items else (IncomingEdge(branch.end, rows[0]),)
        edges = edges or (IncomingEdge(parallel.fork, rows[0], is_hidden=True),)
        first = next((edge for edge in edges if edge.ref == parallel.fork), edges[0])
        others = tuple(other for other in edges if other is not first)
        offset = row_of.get(first.ref.node, -1) + 1
        tapped |= {first.ref.node} & row_of.keys()
        row_of |= {name: offset + row for name, row in own.items()}
        unpadded.append(BranchColumn(branch, scope, key, first, others, (first.target, *rows[1:]), offset, own))
    tallest = max(column.offset + len(column.rows) for column in unpadded)
    padded = []
    for column in unpadded:
        missing = tallest - column.offset - len(column.rows)
        spaces = tuple(f"{column.key} space {number}" for number in range(missing))
        above = 0 if column.offset or tapped & column.row_of.keys() else missing // 2
        below = spaces[above:] if column.reaches_merge else ()
        padded.append(replace(column, above=spaces[:above], below=below))
    return tuple(padded)


def _rows(items: Sequence[Item], scope: str, before: str = "") -> tuple[list[str], dict[str, int]]:
    """Return the node of each rank of some items, and the last rank of each node; the tallest parallel branch counts.

    Args:
        items: the items.
        before: the node that branches can start from, if any.
    """
    rows: list[str] = []
    row_of: dict[str, int] = {}
    for item in items:
        if isinstance(item, Parallel):
            rows += [] if item.fork.node == before else [target(item, scope)]
            branches = columns(item, scope)
            for column in branches:
                start = len(rows) + column.offset + len(column.above)
                row_of |= {name: start + row for name, row in column.row_of.items()}
            tallest = max(branches, key=lambda column: (len(column.names), len(column.rows)))
            rows += [*tallest.names, f"{scope}{item.merge.name}"]
        elif isinstance(item, Group):
            rows += _rows(item.items, scope)[0]
        elif isinstance(item, OpenLayer):
            rows += [target(item, scope)] if item.marked_inputs else []
            rows += _rows(item.items, f"{cluster_name(item, scope)}/", next(iter(item.marked_inputs), ""))[0]
        else:
            rows.append(target(item, scope))
        names = [item.merge.name] if isinstance(item, Parallel) else [node.name for node in item.nodes]
        row_of |= dict.fromkeys(names, len(rows) - 1)
        before = last_of(item).name if can_fork(item) else ""
    return rows, row_of


def even_columns(heights: Sequence[float], count: int) -> list[tuple[int, int]]:
    """Split rows into columns with the least maximum height, and return the first and last row of each column.

    The first column takes all rows that fit into that height. The rest is split in the same way into one column less.
    Heights are compared in thousandths, as integers, so that columns of equal rows are equal.
    """
    ends = [0, *accumulate(round(height * 1000) for height in heights)]
    parts: list[tuple[int, int]] = []
    start = 0
    while start < len(heights):
        highest = _least_height(ends, start, count - len(parts))
        stop = bisect_right(ends, ends[start] + highest) - 1
        parts.append((start, stop))
        start = stop
    return parts


def _least_height(ends: Sequence[int], start: int, count: int) -> int:
    """Return the least height of `count` columns that hold all rows from `start` on, by bisection."""
    total = ends[-1] - ends[start]
    low, high = -(-total // count), total
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _fits(ends, start, count, middle) else (middle + 1, high)
    return low


def _fits(ends: Sequence[int], start: int, count: int, height: int) -> bool:
    """Whether `count` columns of a height hold all rows from `start` on, if each takes as many as it can."""
    for _ in range(count):
        start = bisect_right(ends, ends[start] + height) - 1
    return start == len(ends) - 1
