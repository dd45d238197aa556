"""Graph -> the plan of a diagram: boxes for steps, parallel branches, and equal neighbors merged into one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, zip_longest
from typing import NamedTuple, TypeAlias

from archdsl.analysis.wires import Wires
from archdsl.diagrams.equality import copies, equal_steps, equal_uses
from archdsl.diagrams.style import look
from archdsl.graph import Graph, Node, TensorRef
from archdsl.names import stem
from archdsl.ops.merge import Merge

MANY = 4
"""The number of equal parallel branches above which they are drawn as one."""

SEVERAL = 3
"""The number of equal consecutive steps of ops from which they are drawn as one. For layers, it is two."""


class SharedLayer(NamedTuple):
    """A layer that several steps of a body call: the node that creates it, and its number in the body, from 0."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Box:
    """One step with its padding, normalization and activation, or `times` equal consecutive steps or uses of a layer.

    Args:
        labels: by node, the labels of ops that differ between the layers that they represent.
        shared: its layer, if several steps call it.
    """

    nodes: tuple[Node, ...]
    times: int = 1
    labels: Mapping[str, str] = field(default_factory=dict)
    shared: SharedLayer | None = None

    @property
    def step(self) -> tuple[Node, ...]:
        """The nodes of the first step."""
        return self.nodes[: len(self.nodes) // self.times]

    @property
    def main(self) -> Node:
        """The main op of the step, or the last use of the layer."""
        if len(self.nodes) == 1:  # the usual case, asked often
            return self.nodes[0]
        return next((node for node in self.nodes if node.role == "main"), self.nodes[-1])

    @property
    def kind(self) -> str:
        """The kind that determines the color: that of the op, or `scaled` or `block` for a layer."""
        return look(self.main.op) if self.main.op else layer_kind(self.main)

    @property
    def is_layer(self) -> bool:
        return self.main.op is None

    @property
    def sign(self) -> str:
        """The sign in its circle, for a merge of several tensors."""
        op = self.main.op
        return op.sign if isinstance(op, Merge) and len(self.step) == 1 else ""

    @property
    def inputs(self) -> tuple[TensorRef, ...]:
        """The refs that come in."""
        return self.nodes[0].inputs


@dataclass(frozen=True, slots=True)
class OpenLayer:
    """A layer drawn open, with the inside of its first use. `nodes` are its `times` equal consecutive uses.

    Args:
        marked_inputs: the inputs with a separate node inside, because several items use them.
        shared: the layer, if several steps call it.
    """

    nodes: tuple[Node, ...]
    body: Graph
    items: tuple[Item, ...]
    wires: Wires
    marked_inputs: tuple[str, ...]
    times: int = 1
    shared: SharedLayer | None = None

    @property
    def main(self) -> Node:
        """The last use of the layer."""
        return self.nodes[-1]

    @property
    def has_mixed_sizes(self) -> bool:
        """Whether the sizes inside differ between its uses."""
        sizes = [node.shape for node in self.body.nodes]
        bodies = {id(node.body): node.body for node in self.nodes if node.body is not None}
        return any([node.shape for node in body.nodes] != sizes for body in bodies.values())

    @property
    def inputs(self) -> tuple[TensorRef, ...]:
        """The refs that come in."""
        return self.nodes[0].inputs


@dataclass(frozen=True, slots=True)
class Group:
    """Equal consecutive copies of a group of steps, drawn as the first one. `nodes` are those of all `times` copies."""

    nodes: tuple[Node, ...]
    items: tuple[Item, ...]
    times: int

    @property
    def inputs(self) -> tuple[TensorRef, ...]:
        """The refs that come in at the top."""
        return self.items[0].inputs

    @property
    def outputs(self) -> tuple[tuple[TensorRef, TensorRef], ...]:
        """The refs that it returns, each after the ref of the first copy that is drawn for it."""
        return tuple(zip(last_of(self.items[-1]).output_refs, self.nodes[-1].output_refs, strict=True))


@dataclass(frozen=True, slots=True)
class DrawnBranch:
    """A parallel branch or a shortcut, or `times` equal branches. Without items, it is the identity.

    Args:
        title: its title in the diagram.
        end: the tensor that the merge takes from it.
    """

    name: str
    title: str
    items: tuple[Item, ...]
    end: TensorRef
    times: int = 1

    @property
    def is_shortcut(self) -> bool:
        return self.name == "shortcut"

    @property
    def is_one_box(self) -> bool:
        return len(self.items) == 1 and isinstance(self.items[0], Box)

    @property
    def inputs(self) -> tuple[TensorRef, ...]:
        """The refs that come in."""
        return self.items[0].inputs if self.items else (self.end,)


@dataclass(frozen=True, slots=True)
class Parallel:
    """Parallel branches with the op that merges them; the shortcut comes last.

    Args:
        fork: the tensor that most branches start from.
    """

    merge: Node
    branches: tuple[DrawnBranch, ...]
    fork: TensorRef

    @property
    def paths(self) -> tuple[DrawnBranch, ...]:
        return tuple(branch for branch in self.branches if not branch.is_shortcut)

    @property
    def inputs(self) -> tuple[TensorRef, ...]:
        """The ref that comes in."""
        return (self.fork,)


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a U: a way down, a shortcut across, and a way up. The lowest level has only a way down.

    Args:
        node: the use of the layer.
        down: its steps before the shortcut.
        lower: the items that lead to the next level.
        merge: the merge of the shortcut and the way up.
        raised: the items that lead from the next level to the merge.
        end: the tensor that the merge takes from them.
        up: the steps after the merge.
        across: the step in its shortcut, such as a crop, if any.
    """

    node: Node
    body: Graph
    wires: Wires
    down: tuple[Box, ...]
    lower: tuple[Box, ...] = ()
    merge: Node | None = None
    raised: tuple[Box, ...] = ()
    end: TensorRef | None = None
    up: tuple[Box, ...] = ()
    across: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class UShape:
    """A recursive layer with a shortcut, as in U-Nets, with all of its levels."""

    levels: tuple[Level, ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        return (self.levels[0].node,)

    @property
    def inputs(self) -> tuple[TensorRef, ...]:
        """The ref that comes in."""
        return self.levels[0].node.inputs

    @property
    def items(self) -> Iterator[Box]:
        """Return all of its boxes."""
        for level in self.levels:
            yield from (*level.down, *level.lower, *level.across, *level.raised, *level.up)


Item: TypeAlias = Box | OpenLayer | Group | Parallel | UShape


def plan(graph: Graph, depth: int, *, has_u: bool = False) -> tuple[Item, ...]:
    """Plan the diagram of a graph. Layers are opened up to `depth - 1` levels.

    Args:
        graph: the graph.
        depth: the number of levels to draw.
        has_u: whether to draw a recursive layer as a U, whatever the depth.
    """
    items = _Planner(Wires(graph), depth).items(graph.nodes, 0)
    return tuple(_u_shape(item) or item for item in items) if has_u else items


def layer_kind(node: Node) -> str:
    """Return the kind that determines the color of a layer: `scaled` if its shortcut is not the identity."""
    shortcut = node.body.shortcut if node.body else None
    return "scaled" if shortcut and shortcut.kind != "identity" else "block"


def walk(items: Iterable[Item]) -> Iterator[Item]:
    """Yield every item, before the items inside it."""
    for item in items:
        yield item
        if isinstance(item, OpenLayer | Group | UShape):
            yield from walk(item.items)
        elif isinstance(item, Parallel):
            for branch in item.branches:
                yield from walk(branch.items)


def boxes(items: Iterable[Item]) -> Iterator[Box]:
    """Yield every box, including those in branches and opened layers."""
    return (item for item in walk(items) if isinstance(item, Box))


def parallels(items: Iterable[Item]) -> Iterator[Parallel]:
    """Yield every group of parallel branches, including those in branches and opened layers."""
    return (item for item in walk(items) if isinstance(item, Parallel))


def open_layers(items: Iterable[Item]) -> Iterator[OpenLayer]:
    """Yield every opened layer, including those in branches and opened layers."""
    return (item for item in walk(items) if isinstance(item, OpenLayer))


def last_of(item: Item) -> Node:
    """Return the node that computes the output of an item."""
    return item.merge if isinstance(item, Parallel) else item.nodes[-1]


@dataclass(frozen=True, slots=True)
class _Planner:
    """Plans one body.

    The nodes are processed in the order of the body.

    1. Nodes in branches are collected by branch until their merge. Together they become one `Parallel`, whose branches
       are planned in the same way, one level deeper. Many equal neighbors become one.
    2. The nodes between two merges form a row. Neighbors in a row join into a run if they belong to one step, or are
       equal uses of a layer, and no other node uses the tensors between them. Equal copies of a group of steps become
       one `Group`.
    3. A run becomes a box, or an opened layer for a layer above `depth`. Equal consecutive steps share a box.
    """

    wires: Wires
    depth: int
    several: int = SEVERAL
    labels: Mapping[str, str] = field(default_factory=dict)

    def items(self, nodes: Iterable[Node], level: int) -> tuple[Item, ...]:
        """Plan nodes that are all in the same `level` branches, or deeper."""
        items: list[Item] = []
        row: list[Node] = []
        waiting: dict[str, list[Node]] = {}
        for node in nodes:
            if len(node.path) > level:
                waiting.setdefault(node.path[level], []).append(node)
                continue
            if not (waiting or node.parts):
                row.append(node)
                continue
            branches = {part: part for part in node.parts if part in waiting and part != "shortcut"}
            if node.shortcut is not None and node.shortcut.branch:
                branches["shortcut"] = node.shortcut.branch
            items += self._folded(row)
            items += self._unmerged(waiting, branches.values(), level)
            if node.parts:
                rows = {part: waiting.get(branches.get(part, ""), []) for part in node.parts}
                items.append(self._parallel(node, rows, last_of(items[-1]).name if items else "", level))
            row, waiting = [] if node.parts else [node], {}
        return (*items, *self._folded(row), *self._unmerged(waiting, (), level))

    def _unmerged(self, waiting: Mapping[str, list[Node]], merged: Iterable[str], level: int) -> list[Item]:
        """Plan branches without a merge, which are not drawn as parallel."""
        rows = [nodes for name, nodes in waiting.items() if name not in merged]
        return [item for nodes in rows for item in self.items(nodes, level + 1)]

    def _parallel(self, merge: Node, rows: Mapping[str, list[Node]], before: str, level: int) -> Parallel:
        """Plan a merge with its branches; many equal neighbors become one.

        Args:
            rows: the nodes of each branch.
            before: the last node of the preceding item.
        """
        ends = dict(zip(merge.parts, merge.inputs, strict=True))
        branches: list[DrawnBranch] = []
        for _, run in groupby(rows, lambda name: (name == "shortcut", self._form(name, rows[name], ends[name], merge))):
            names = list(run)
            shown = names[:1] if len(names) > MANY else names
            branches += [
                DrawnBranch(name, _title(name, rows), self.items(rows[name], level + 1), ends[name]) for name in shown
            ]
            if len(names) > MANY:
                stems = {stem(name) for name in names}
                name = stems.pop() if len(stems) == 1 else f"{names[0]} … {names[-1]}"
                branches[-1] = replace(branches[-1], name=name, title=name, times=len(names))
        own = {node.name for nodes in rows.values() for node in nodes}
        starts = Counter(ref for branch in branches for ref in branch.inputs if ref.node not in own)
        fork = max(starts, key=lambda ref: (starts[ref], ref.node == before))
        return Parallel(merge, tuple(sorted(branches, key=lambda branch: branch.is_shortcut)), fork)

    def _form(self, branch: str, nodes: Sequence[Node], end: TensorRef, merge: Node) -> object:
        """A key that is equal for branches that look equal. A branch used by other branches is unique."""
        numbers = {node.name: str(number) for number, node in enumerate(nodes)}
        if not all(self.wires.feeds_only(name, merge.name, *numbers) for name in numbers):
            return branch

        def numbered(ref: TensorRef) -> TensorRef:
            return TensorRef(numbers[ref.node], ref.output) if ref.node in numbers else ref

        return tuple(
            (n.kind, n.op, id(n.body), n.shared_with, n.shape, *map(numbered, n.inputs)) for n in nodes
        ), numbered(end)

    def _folded(self, row: list[Node]) -> list[Item]:
        """Plan a row, in which equal copies of a group of steps become one."""
        items: list[Item] = []
        for nodes, times in copies(row, self.wires):
            has_layer = any(node.body is not None for node in nodes)
            if times >= (2 if has_layer else self.several):
                steps = self._steps(nodes[: len(nodes) // times])
                items.append(Group(tuple(nodes), tuple(steps), times))
            else:
                items += self._steps(nodes)
        return items

    def _steps(self, row: Sequence[Node]) -> list[Item]:
        """Plan steps: ops of one step in one box, and equal consecutive uses of a layer in one box or opened layer."""
        runs: list[list[Node]] = []
        for node in row:
            if runs and self._joins(runs[-1][-1], node):
                runs[-1].append(node)
            else:
                runs.append([node])
        items: list[Item] = []
        for is_layer, group in groupby(runs, lambda run: run[0].body is not None):
            same = list(group)
            items += map(self._layer, same) if is_layer else self._fold_steps(same)
        return items

    def _joins(self, one: Node, other: Node) -> bool:
        """Whether a node is drawn in the box of the preceding node."""
        if not self.wires.feeds_only(one.name, other.name) or one.output_refs != other.inputs:
            return False
        if one.body is not None or other.body is not None:
            return equal_uses(one, other)
        return one.step == other.step

    def _layer(self, run: list[Node]) -> Item:
        """Plan equal uses of a layer as a box, or as an opened layer above the depth."""
        nodes, body = tuple(run), run[0].body
        if self.depth == 1 or body is None:
            return Box(nodes, len(nodes), shared=self._shared(run[0]))
        planner = _Planner(Wires(body), self.depth - 1, labels=_labels(run))
        items = planner.items(body.nodes, 0)
        is_direct = len(body.inputs) == 1 and bool(items) and not isinstance(items[0], Parallel)
        marked = tuple(name for name in body.inputs if not (is_direct and planner.wires.uses(name) == 1))
        return OpenLayer(nodes, body, items, planner.wires, marked, len(nodes), self._shared(run[0]))

    def _shared(self, node: Node) -> SharedLayer | None:
        """Return the layer of a node, if several nodes call it."""
        name = node.shared_with or node.name
        return SharedLayer(name, self.wires.shared[name]) if name in self.wires.shared else None

    def _fold_steps(self, steps: list[list[Node]]) -> Iterator[Box]:
        """Plan boxes of ops; equal neighbors become one."""
        start = 0
        while start < len(steps):
            stop = start + 1
            while stop < len(steps) and self._repeats(steps[stop - 1], steps[stop]):
                stop += 1
            first, times = steps[start], stop - start if stop - start >= self.several else 1
            shared = self._shared(next((node for node in first if node.role == "main"), first[-1]))
            nodes = tuple(node for step in steps[start : start + times] for node in step)
            yield Box(nodes, times, self.labels, shared)
            start += times

    def _repeats(self, one: list[Node], other: list[Node]) -> bool:
        """Whether an unnamed step repeats the preceding step."""
        is_next = self.wires.feeds_only(one[-1].name, other[0].name) and one[-1].output_refs == other[0].inputs
        has_names = any(self.wires.called(step[0].name) for step in (one, other))
        return is_next and not has_names and equal_steps(one, other)


def _u_shape(item: Item) -> UShape | None:
    """Plan a single use of a layer as a U, if it is one."""
    if isinstance(item, Parallel | Group | UShape) or len(item.nodes) > 1:
        return None
    if not _has_itself_in_a_branch(item.nodes[0]):
        return None
    levels = tuple(_levels(item.nodes[0]))
    return UShape(levels) if len(levels) > 1 and levels[-1].merge is None else None


def _has_itself_in_a_branch(node: Node) -> bool:
    """Whether a branch inside a layer uses the layer again."""
    return node.body is not None and any(inner.path and inner.kind == node.kind for inner in node.body.nodes)


def _levels(node: Node) -> Iterator[Level]:
    """Return the levels from a use of a layer, up to a level without a merge or anything that is not part of a U."""
    if node.body is None or len(node.body.inputs) > 1 or len(node.body.outputs) > 1:
        return
    wires = Wires(node.body)
    items = _Planner(wires, 1, several=2).items(node.body.nodes, 0)
    fork = next((number for number, item in enumerate(items) if isinstance(item, Parallel)), len(items))
    down, up, merged = _chain(items[:fork]), _chain(items[fork + 1 :]), items[fork:][:1]
    if not down or wires.uses(*node.body.inputs) > 1 or up is None:
        return
    if not merged:
        yield Level(node, node.body, wires, down)
    for parallel in merged:
        if not isinstance(parallel, Parallel) or [b.is_shortcut for b in parallel.branches] != [False, True]:
            return
        path, shortcut = parallel.branches
        inside = [number for number, item in enumerate(path.items) if _is_use_of(item, node.kind)]
        starts = {path.inputs, shortcut.inputs}
        if len(inside) != 1 or starts != {last_of(down[-1]).output_refs}:
            return
        lower, raised = _chain(path.items[: inside[0]]), _chain(path.items[inside[0] + 1 :])
        across = _chain(shortcut.items)
        if lower is None or raised is None or across is None or len(across) > 1:
            return
        yield Level(node, node.body, wires, down, lower, parallel.merge, raised, path.end, up, across)
        yield from _levels(last_of(path.items[inside[0]]))


def _is_use_of(item: Item, kind: str) -> bool:
    return isinstance(item, Box) and item.is_layer and item.times == 1 and item.main.kind == kind


def _chain(items: Iterable[Item]) -> tuple[Box, ...] | None:
    """Return the items if all of them are boxes, otherwise None."""
    chain = tuple(item for item in items if isinstance(item, Box) and not item.sign and len(item.inputs) == 1)
    return chain if len(chain) == len([*items]) else None


def _title(name: str, names: Iterable[str]) -> str:
    """Return the title of a path: `narrow` for `narrow_1`, if it is the only copy of a repeated path."""
    base = stem(name)
    is_alone = name == f"{base}_1" and [stem(other) for other in names].count(base) == 1
    return base if is_alone else name


def _labels(uses: Sequence[Node]) -> dict[str, str]:
    """Return the labels of ops that differ between uses of a layer, by node: `Stochastic depth 0–0.0118`."""
    bodies = {id(use.body): use.body for use in uses if use.body is not None}
    ops = zip(*(body.nodes for body in bodies.values()), strict=True)
    return {same[0].name: _label_of(same) for same in ops if any(node.op != same[0].op for node in same)}


def _label_of(nodes: Sequence[Node]) -> str:
    """Merge several labels into one, with ranges for the words that differ."""
    first, last = (node.op.label().split(" ") if node.op else [] for node in (nodes[0], nodes[-1]))
    return " ".join(a if a == b else f"{_rounded(a)}–{_rounded(b)}" for a, b in zip_longest(first, last, fillvalue=""))


def _rounded(word: str) -> str:
    """Format a number with three digits; other words are unchanged."""
    return f"{float(word):.3g}" if word.replace(".", "", 1).isdecimal() else word
