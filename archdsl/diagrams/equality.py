"""Equality of steps, of uses of a layer, and of copies of a group of steps, which are drawn once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archdsl.analysis.wires import Wires
from archdsl.graph import Graph, Node, TensorRef

# How copies are found. The steps of a repeated group have the same places in the spec, in the same order. The distance
# from a node to the next one of its place is therefore the length of the group, and a stretch of equal distances
# contains the copies. Each node is compared with the one a copy later, and each stretch is checked once, so the time is
# linear in the number of nodes. A stretch may begin within a copy: copies begin with the first step in the file.


def copies(row: Sequence[Node], wires: Wires) -> Iterator[tuple[Sequence[Node], int]]:
    """Split a chain of nodes into parts, each with the number of equal copies of a group of steps that it consists of.

    Copies are equal if each takes the output of the one before, and otherwise the same tensors from outside.
    """
    following = _next_of_place(row)
    start = plain = 0
    while start < len(row):
        length = following[start] - start
        stop = start
        while length > 0 and following[stop] - stop == length and _equal_nodes(row[stop], row[following[stop]]):
            stop += 1
        begins = (i for i in range(start, start + length) if not i or row[i].step != row[i - 1].step)
        first = min(begins, key=lambda index: _place(row[index]), default=start)
        times, end = 1, max(stop, start + 1)
        if 0 < length <= stop - first and len({node.step for node in row[first : first + length]}) > 1:
            times = _chained(row[first : stop + length], length, 1 + (stop - first) // length, wires)
        if times > 1:
            end = first + length * times
            if plain < first:
                yield row[plain:first], 1
            yield row[first:end], times
            plain = end
        start = end
    if plain < len(row):
        yield row[plain:], 1


def _next_of_place(row: Sequence[Node]) -> list[int]:
    """For each node, the index of the next one at the same place in the spec; -1 if there is none."""
    following = [-1] * len(row)
    last: dict[object, int] = {}
    for index, node in enumerate(row):
        place = node.span, node.role
        if place in last:
            following[last[place]] = index
        last[place] = index
    return following


def _place(node: Node) -> tuple[int, int]:
    return (node.span.line, node.span.column) if node.span else (0, 0)


def _equal_nodes(one: Node, other: Node) -> bool:
    """Whether two nodes compute the same from inputs of the same shapes."""
    if (one.op, one.shared_with, one.tied) != (other.op, other.shared_with, other.tied):
        return False
    are_equal = one.body is other.body or equal_uses(one, other, exactly=True)
    return are_equal and list(one.output_shapes.values()) == list(other.output_shapes.values())


def _chained(row: Sequence[Node], length: int, most: int, wires: Wires) -> int:
    """How many copies form a chain whose inside nothing else reads."""
    index = {node.name: number for number, node in enumerate(row[: length * most])}
    entry: dict[str, TensorRef] = {}
    for number in range(length, length * most):
        start = number - number % length
        for first, ref in zip(row[number % length].inputs, row[number].inputs, strict=True):
            source = index.get(ref.node, -1)
            if source == start - 1:
                is_equal = entry.setdefault(ref.output, first) == first and first.node not in index
            elif source >= start:
                is_equal = (index.get(first.node), first.output) == (source - start, ref.output)
            else:
                is_equal = source < 0 and first == ref
            if not is_equal:
                most = start // length
                break
        if number >= length * most:
            break
    for number, node in enumerate(row[: length * most - 1]):
        stop = number - number % length + length * (1 + ((number + 1) % length == 0))
        if wires.given[node.name] or not all(index.get(taker, stop) < stop for taker in wires.takers[node.name]):
            return 1
    return most


def equal_uses(one: Node, other: Node, *, exactly: bool = False) -> bool:
    """Whether two uses of a layer are equal except for their input sizes, as in DenseNet.

    Args:
        exactly: whether dropout rates must be equal, too; they often grow from layer to layer.
    """
    if one.body is None or other.body is None or one.shared_with != other.shared_with:
        return False
    if one.body is other.body:
        return True
    if one.kind != other.kind or [*one.arguments] != [*other.arguments]:
        return False
    pairs = zip(one.arguments.values(), other.arguments.values(), strict=True)
    are_equal = all(a == b or (not exactly and {type(a), type(b)} <= {int, float}) for a, b in pairs)
    return are_equal and _alike(one.body, other.body, exactly=exactly)


def equal_steps(one: Sequence[Node], other: Sequence[Node]) -> bool:
    """Whether two steps are equal, call the same layer if it is shared, and have equal output shapes."""
    parts = ([(n.role, n.op, n.shared_with, n.tied) for n in step] for step in (one, other))
    return one[-1].shape == other[-1].shape and next(parts) == next(parts)


def _is_dropout(node: Node) -> bool:
    return node.op is not None and node.op.kind == "dropout"


def _alike(one: Graph, other: Graph, *, exactly: bool) -> bool:
    """Whether two bodies have equal ops, except for dropout rates, and equal connections."""
    outputs = [[end.ref for end in body.outputs.values()] for body in (one, other)]
    if len(one.nodes) != len(other.nodes) or [*one.inputs] != [*other.inputs] or outputs[0] != outputs[1]:
        return False
    return all(
        (a.name, a.kind, a.inputs) == (b.name, b.kind, b.inputs)
        and (a.op == b.op or (not exactly and _is_dropout(a) and _is_dropout(b)))
        and (a.body is b.body or equal_uses(a, b, exactly=True))
        for a, b in zip(one.nodes, other.nodes, strict=True)
    )
