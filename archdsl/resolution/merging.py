"""Why parts cannot be merged, told path by path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from archdsl.errors import Problem, Span
from archdsl.graph import Node, Tensor, TensorRef
from archdsl.ops import Shape
from archdsl.ops.base import show
from archdsl.spec import Value

_CHANNELS = ("filters", "units")
_FLAT = "a map and a vector cannot be merged so: flatten or pool all parts, or none"


def merge_problem(
    problem: Problem,
    nodes: Sequence[Node],
    parts: Mapping[str, Tensor],
    start: TensorRef,
    scope: Mapping[str, Any],
    shortcut: Span,
) -> Problem:
    """The problem with a fact for each part, and its place at the part that differs from the others.

    Args:
        problem: what the merge's own shape rule said.
        nodes: the body's nodes so far.
        parts: by path's name, what the part ends in.
        start: the tensor that all parts begin at.
        scope: the values of the body's names.
        shortcut: where the shortcut is chosen.
    """
    if len({end.shape for end in parts.values()}) == 1:
        return problem
    by_name = {node.name: node for node in nodes}
    widths = {name: _width(by_name, end.ref, start) for name, end in parts.items()}
    facts = []
    for name, end in parts.items():
        value = widths[name]
        what = name if name == "shortcut" or name.startswith("path_") else f"path {name}"
        at = value.span if value else by_name[end.ref.node].span if end.ref.node in by_name else shortcut
        line = at.line if at else None
        told = f": {_reason(value, scope)}" if value and value.names and value.names <= scope.keys() else ""
        facts.append((what, show(end.shape), f" (line {line}{told})" if line else ""))
    room = max(len(what) for what, _, _ in facts)
    odd = _odd({name: end.shape for name, end in parts.items()})
    other = next(name for name in parts if parts[name].shape != parts[odd].shape)
    channels = parts[odd].shape[:-1] == parts[other].shape[:-1]
    value, untouched = widths[odd], parts[odd].ref == start
    span = value.span if value and channels else _narrowing(by_name, parts[odd].ref, start) or problem.span
    if odd == "shortcut" and untouched:
        span = shortcut
    flat = len(parts[odd].shape) != len(parts[other].shape)
    hint = _hint(problem, odd, channels, value, widths[other], untouched)
    return replace(
        problem,
        code="ARCH021",
        span=span,
        facts=tuple(f"{what:{room}} -> {shape}{where}" for what, shape, where in facts),
        hint=_FLAT if flat and odd != "shortcut" and "multiply" not in problem.message else hint,
    )


def _odd(shapes: Mapping[str, Shape]) -> str:
    """The part that differs from most; among equals the last, for a path is compared with those before it."""
    counts = Counter(shapes.values())
    if "shortcut" in shapes and counts[shapes["shortcut"]] == 1 and len(set(shapes.values())) == 2:
        return "shortcut"
    return min(reversed(list(shapes)), key=lambda name: counts[shapes[name]])


def _width(by_name: Mapping[str, Node], ref: TensorRef, start: TensorRef) -> Value | None:
    """The field that gave a part its channels, where an op of the part did."""
    while ref != start and ref.node in by_name:
        found = by_name[ref.node]
        for field in _CHANNELS:
            if field in found.fields:
                return found.fields[field]
        if found.role in ("layer", "merge"):
            return None
        ref = found.inputs[0]
    return None


def _narrowing(by_name: Mapping[str, Node], ref: TensorRef, start: TensorRef) -> Span | None:
    """Where a part last changed its height or width: at the stride, or else at the step."""
    last: Span | None = None
    while ref != start and ref.node in by_name:
        found = by_name[ref.node]
        before = by_name.get(found.inputs[0].node)
        last = last or found.span
        if before is None or before.shape[:-1] != found.shape[:-1]:
            wide = [found.fields[name].span for name in ("stride", "size", "padding") if name in found.fields]
            return wide[0] if wide else found.span
        ref = found.inputs[0]
    return last


def _reason(value: Value, scope: Mapping[str, Any]) -> str:
    return f"{next(value.expressions())[0].text} = {value.evaluate(scope)}"


def _hint(problem: Problem, odd: str, channels: bool, value: Value | None, other: Value | None, untouched: bool) -> str:
    if odd == "shortcut" and untouched:
        return "`shortcut: projection` changes the shape as the paths do; `auto` does so where it must"
    if problem.hint and "concat" not in problem.message and "add" not in problem.message and not channels:
        return problem.hint
    if channels and value is not None and other is not None:
        wanted = next(other.expressions())[0].text if other.names else other.content
        return f"set filters to {wanted} on line {value.span.line}, or merge by concat"
    return "give all parts the same strides and padding" if not channels else "give all parts the same channels"
