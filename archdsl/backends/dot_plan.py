"""Graph -> what a diagram shows: boxes of one step each, lanes side by side, and equal neighbours as one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeAlias

from archdsl.graph import Graph, Node

MANY = 4
"""More equal lanes than this, side by side, are drawn as one."""


@dataclass(frozen=True, slots=True)
class Box:
    """One step, with its padding, norm and activation; or `times` equal uses of a layer in a row."""

    nodes: tuple[Node, ...]
    times: int = 1

    @property
    def main(self) -> Node:
        """The step's own op, or the last use of the layer."""
        return next((node for node in self.nodes if node.role == "main"), self.nodes[-1])

    @property
    def kind(self) -> str:
        """What decides the colour: the op's kind, or `block` for a layer."""
        return self.main.op.kind if self.main.op else "block"


@dataclass(frozen=True, slots=True)
class Frame:
    """A layer drawn with its inside. `nodes` are its `times` equal uses in a row."""

    nodes: tuple[Node, ...]
    items: tuple[Item, ...]
    times: int = 1

    @property
    def main(self) -> Node:
        """The last use of the layer."""
        return self.nodes[-1]


@dataclass(frozen=True, slots=True)
class Lane:
    """One path of a bunch, or its shortcut; or `times` equal paths. Without items it passes its input on."""

    name: str
    items: tuple[Item, ...]
    times: int = 1

    @property
    def is_shortcut(self) -> bool:
        return self.name == "shortcut"


@dataclass(frozen=True, slots=True)
class Bunch:
    """Lanes side by side from one tensor, and the op that merges them; the shortcut comes last."""

    merge: Node
    lanes: tuple[Lane, ...]

    @property
    def paths(self) -> tuple[Lane, ...]:
        return tuple(lane for lane in self.lanes if not lane.is_shortcut)


Item: TypeAlias = Box | Frame | Bunch


def plan(graph: Graph, depth: int) -> tuple[Item, ...]:
    """What a diagram of a graph shows, in its order. Layers up to `depth - 1` deep are drawn with their inside."""
    return _items(graph.nodes, 0, depth)


def boxes(items: Iterable[Item]) -> Iterator[Box]:
    """Every box, those of lanes and of frames too."""
    for item in items:
        if isinstance(item, Box):
            yield item
        elif isinstance(item, Frame):
            yield from boxes(item.items)
        else:
            for lane in item.lanes:
                yield from boxes(lane.items)


def bunches(items: Iterable[Item]) -> Iterator[Bunch]:
    """Every bunch, those inside lanes and frames too."""
    for item in items:
        if isinstance(item, Frame):
            yield from bunches(item.items)
        elif isinstance(item, Bunch):
            yield item
            for lane in item.lanes:
                yield from bunches(lane.items)


def frames(items: Iterable[Item]) -> Iterator[Frame]:
    """Every frame, those inside lanes and frames too."""
    for item in items:
        if isinstance(item, Frame):
            yield item
            yield from frames(item.items)
        elif isinstance(item, Bunch):
            for lane in item.lanes:
                yield from frames(lane.items)


def _items(nodes: Iterable[Node], level: int, depth: int) -> tuple[Item, ...]:
    """The items of nodes that all stand in the same `level` paths, or deeper."""
    found: list[Item] = []
    row: list[Node] = []
    waiting: dict[str, list[Node]] = {}
    for node in nodes:
        if len(node.lane) > level:
            waiting.setdefault(node.lane[level], []).append(node)
            continue
        merges = node.op is not None and node.op.many
        if waiting or merges:
            merged = _merged(node, waiting) if merges else {}
            found += _folded(row, depth)
            found += _in_line(waiting, merged.values(), level, depth)
            found += [_bunch(node, merged, waiting, level, depth)] if merges else []
            row, waiting = [], {}
        row += [] if merges else [node]
    return (*found, *_folded(row, depth), *_in_line(waiting, (), level, depth))


def _in_line(waiting: Mapping[str, list[Node]], lanes: Iterable[str], level: int, depth: int) -> list[Item]:
    """The items of paths that nothing merges: they are no lanes."""
    rows = [nodes for name, nodes in waiting.items() if name not in lanes]
    return [item for nodes in rows for item in _items(nodes, level + 1, depth)]


def _merged(merge: Node, waiting: Mapping[str, list[Node]]) -> dict[str, str]:
    """The path behind each tensor that a merge takes. A tensor that other paths start from is the fork, and no lane."""
    home = {node.name: path for path, nodes in waiting.items() for node in nodes}
    forks = {tensor for nodes in waiting.values() for tensor in nodes[0].inputs}
    return {tensor: home[tensor] for tensor in merge.inputs if tensor in home and tensor not in forks}


def _bunch(merge: Node, merged: Mapping[str, str], waiting: Mapping[str, list[Node]], level: int, depth: int) -> Bunch:
    ends = dict(zip(merge.parts, merge.inputs, strict=False))
    rows = {name: waiting.get(merged.get(tensor, ""), []) for name, tensor in ends.items()}
    lanes: list[Lane] = []
    for _, run in groupby(rows, lambda name: (name == "shortcut", _looks(rows[name]))):
        names = list(run)
        shown = names[:1] if len(names) > MANY else names
        for name in shown:
            lanes.append(Lane(name, _items(rows[name], level + 1, depth)))
        if len(names) > MANY:
            lanes[-1] = replace(lanes[-1], name=_common(names), times=len(names))
    return Bunch(merge, tuple(sorted(lanes, key=lambda lane: lane.is_shortcut)))


def _common(names: list[str]) -> str:
    """What equal lanes are called together: `branch` for `branch_1`, `branch_2`, ..."""
    stems = {re.sub(r"_\d+$", "", name) for name in names}
    return stems.pop() if len(stems) == 1 else f"{names[0]} … {names[-1]}"


def _looks(nodes: Iterable[Node]) -> tuple[object, ...]:
    """Equal for lanes that look equal."""
    return tuple((node.kind, node.op, id(node.body), node.shape) for node in nodes)


def _folded(row: list[Node], depth: int) -> list[Item]:
    """Ops of one step in one box, and equal uses of a layer in a row in one box or frame."""
    found: list[Item] = []
    for _, run in groupby(row, _step):
        nodes = tuple(run)
        body = nodes[0].body
        if body is not None and depth > 1:
            found.append(Frame(nodes, plan(body, depth - 1), len(nodes)))
        else:
            found.append(Box(nodes, len(nodes) if body else 1))
    return found


def _step(node: Node) -> object:
    """What nodes of one box have in common."""
    if node.body is not None:
        return id(node.body)
    return node.name.removesuffix(f"_{node.role}")
