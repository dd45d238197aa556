"""Explain why parts cannot be merged, branch by branch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from archdsl.errors import Problem, Span
from archdsl.graph import Node, Tensor, TensorRef
from archdsl.ops import Shape
from archdsl.ops.base import broadcast_conflict, show
from archdsl.steps import Value
from archdsl.text import quantity

WHEN_PER_MERGE = "write one step with `paths` per merge, each with a `when`"
"""The hint for a merge that an expression cannot choose."""


def merge_problem(
    problem: Problem,
    nodes: Sequence[Node],
    begin: int,
    parts: Mapping[str, Tensor],
    start: TensorRef,
    scope: Mapping[str, Any],
    shortcut: Span,
    broadcast: bool,
) -> Problem:
    """Add a fact about each part to a problem, and move its place to the part that differs from the others.

    Each part is traced back to the common input, to find the field that set its channels and the step that last changed
    its height or width.

    Args:
        problem: The problem from the shape rule of the merge.
        nodes: The nodes of the body so far.
        begin: The number of nodes before the branches.
        parts: The output of each part, by the name of its branch.
        start: The common input of all parts.
        scope: The values of the names in the body.
        shortcut: The place of the shortcut.
        broadcast: Whether the merge broadcasts axes of size 1.
    """
    shapes = {name: end.shape for name, end in parts.items()}
    if len(set(shapes.values())) == 1:
        return problem
    by_name = {node.name: node for node in nodes}
    own = {node.name: node for node in nodes[begin:]}
    ways = {name: list(_way_back(own, end.ref, start)) for name, end in parts.items()}
    sources = {name: _channels(way) for name, way in ways.items()}
    facts = []
    for name, end in parts.items():
        _, value = sources[name]
        what = name if name == "shortcut" or name.startswith("path_") else f"path {name}"
        at = value.span if value else by_name[end.ref.node].span if end.ref.node in by_name else shortcut
        reason = ""
        if value and value.names and value.names <= scope.keys() and not value.reads_here:
            reason = f": {next(value.expressions())[0].text} = {value.evaluate(scope)}"
        facts.append((what, show(end.shape), f" (line {at.line}{reason})" if at and at.line else ""))
    room = max(len(what) for what, _, _ in facts)
    if broadcast and (pair := broadcast_conflict(shapes.values())):
        odd, other = (next(name for name in parts if shapes[name] == shape) for shape in pair)
        same_size = not broadcast_conflict(shape[:-1] for shape in pair)
    else:
        odd = _odd_part(shapes)
        other = next(name for name in parts if shapes[name] != shapes[odd])
        same_size = shapes[odd][:-1] == shapes[other][:-1]
    (field, value), bare_shortcut = sources[odd], odd == "shortcut" and parts[odd].ref == start
    if bare_shortcut:
        span: Span | None = shortcut
    else:
        span = value.span if value and same_size else _resized_at(ways[odd], by_name) or problem.span
    if bare_shortcut and not broadcast:
        hint = "set `shortcut: projection`" if _can_be_projected(shapes[odd], shapes[other]) else ""
    elif same_size and value is None and _origin(ways[odd], parts[odd]) != start:
        channels = quantity(shapes[other][-1], "channel")
        hint = f"add `steps` to {'the shortcut' if odd == 'shortcut' else f'`{odd}`'}, ending with {channels}"
    elif same_size:
        hint = _channels_hint(field, value, sources[other][1], shapes[other][-1])
    elif len(shapes[odd]) == len(shapes[other]) and not broadcast:
        hint = "give all parts the same stride and padding"
    else:
        hint = problem.hint if broadcast else "flatten or pool all parts, or none"
    lines = tuple(f"{what:{room}} -> {shape}{where}" for what, shape, where in facts)
    return replace(problem, code="ARCH021", span=span, facts=lines, hint=hint)


def _odd_part(shapes: Mapping[str, Shape]) -> str:
    """Return the part that differs from most others; among equals, the last one."""
    counts = Counter(shapes.values())
    if "shortcut" in shapes and counts[shapes["shortcut"]] == 1 and len(counts) == 2:
        return "shortcut"
    return min(reversed(list(shapes)), key=lambda name: counts[shapes[name]])


def _way_back(by_name: Mapping[str, Node], ref: TensorRef, start: TensorRef) -> Iterator[Node]:
    """Yield the nodes of a part from its end to the common input, along the first inputs."""
    while ref != start and ref.node in by_name:
        yield by_name[ref.node]
        ref = by_name[ref.node].inputs[0]


def _origin(way: Sequence[Node], end: Tensor) -> TensorRef:
    """Return the tensor from which a part begins: the common input, or what it takes with `from`."""
    return way[-1].inputs[0] if way else end.ref


def _channels(way: Sequence[Node]) -> tuple[str, Value | None]:
    """Return the field that set the number of channels of a part, and its value, if any."""
    for node in way:
        for field in ("filters", "units"):
            if field in node.fields:
                return field, node.fields[field]
        if node.role in ("layer", "merge"):
            break
    return "", None


def _resized_at(way: Sequence[Node], by_name: Mapping[str, Node]) -> Span | None:
    """Return the place where a part last changed its height or width: the stride or the step."""
    for node in way:
        before = by_name.get(node.inputs[0].node)
        if before is None or before.shape[:-1] != node.shape[:-1]:
            fields = [node.fields[name].span for name in ("stride", "size", "padding") if name in node.fields]
            return fields[0] if fields else node.span
    return way[0].span if way else None


def _can_be_projected(before: Shape, after: Shape) -> bool:
    """Return whether a strided 1x1 convolution can change one shape to the other."""
    if len(before) != len(after) or not 2 <= len(before) <= 4:
        return False
    pairs = [(b, a, -(-b // a)) for b, a in zip(before[:-1], after[:-1], strict=True)]
    return all(-(-b // stride) == a for b, a, stride in pairs)


def _channels_hint(field: str, value: Value | None, other: Value | None, channels: int) -> str:
    if value is None or (other is not None and other.span == value.span):
        return "give all parts the same number of channels"
    wanted = next(other.expressions())[0].text if other and other.names and not other.reads_here else channels
    return f"set `{field}` to {wanted} on line {value.span.line}"
