"""The origin of a value as text with lines of the file, and as plain data."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from archdsl.diff.steps import format_value
from archdsl.errors import excerpt
from archdsl.ops.base import show
from archdsl.text import WIDTH, quantity
from archdsl.tracing import Origin, Trace


def to_text(trace: Trace, width: int = WIDTH) -> str:
    """Format the origin of a value, or the shape, cost and fields of a node."""
    target = trace.target
    if target.field or target.weight:
        (origin,) = trace.origins
        lines = list(_steps(trace.path, origin, width))
    else:
        lines = [*_head(trace), "", *_table(trace.origins, width)]
    return "\n".join(lines) + "\n"


def to_data(trace: Trace) -> dict[str, Any]:
    """Convert a trace to plain data."""
    node = trace.target.node
    return {
        "path": trace.path,
        "node": trace.target.path(),
        "class": node.kind,
        "inputs": [{"ref": ref, "shape": list(shape)} for ref, shape in trace.inputs],
        "output": list(node.shape),
        "parameters": node.totals.parameters,
        "macs": node.totals.macs,
        "weights": {name: list(weight.shape) for name, weight in node.weights.items()},
        **({"shares": trace.target.first_call().path()} if node.shares else {}),
        **({"tied": {word: str(tie) for word, tie in node.tied.items()}} if node.tied else {}),
        "origins": [_data(origin) for origin in trace.origins],
    }


def _data(origin: Origin) -> dict[str, Any]:
    span = origin.span
    place = span and {"file": span.file, "line": span.line, "column": span.column, "width": span.width}
    return {
        "name": origin.name,
        "value": origin.value,
        "how": origin.kind,
        "told": origin.description,
        "expression": origin.text or None,
        "place": place,
        "causes": [_data(cause) for cause in origin.causes],
    }


def _steps(path: str, origin: Origin, width: int) -> Iterator[str]:
    """Format the way back, each step with its line of the file; steps shown before are not repeated in full."""
    known: set[tuple[Any, ...]] = set()
    pending = [(replace(origin, name=path), 0)]
    while pending:
        step, depth = pending.pop()
        indent = "  " * depth
        key = (step.name, repr(step.value), step.span, step.description)
        if key in known and step.causes:
            yield f"{indent}{_sentence(step)}: see above"
            continue
        known.add(key)
        yield indent + _sentence(step)
        if step.span is not None:
            if not depth:
                yield f"  {step.span.file}:{step.span.line}:{step.span.column}"
            yield from (indent + line for line in excerpt(step.span, max(40, width - 2 * depth)))
        pending += [(cause, depth + 1) for cause in reversed(step.causes)]


def _sentence(origin: Origin) -> str:
    """Format a step as in `$filters = $channels // 4 = 32: argument of ResidualLayer, ...`."""
    words = [origin.name, origin.text, format_value(origin.value)]
    if origin.text in ("", origin.name, format_value(origin.value)) or origin.description.endswith(origin.text):
        words.remove(origin.text)
    return " = ".join(words) + (f": {origin.description}" if origin.description else "")


def _head(trace: Trace) -> Iterator[str]:
    """Format the op, shapes and cost of a node."""
    node = trace.target.node
    place = f", {node.span.file}:{node.span.line}:{node.span.column}" if node.span else ""
    yield f"{trace.path}: {node.label}{place}"
    taken = " and ".join(f"{show(shape)} from {ref}" for ref, shape in trace.inputs)
    ends = " and ".join(map(show, node.outputs.values())) or show(node.shape)
    yield f"{taken} -> {ends}"
    weights = ", ".join(f"{name} {show(weight.shape)}" for name, weight in node.weights.items())
    in_weights = f" ({weights})" if weights else ""
    yield f"{quantity(node.totals.parameters, 'parameter')}{in_weights}, {node.totals.macs:,} MACs"
    if node.shares:
        yield f"shares the weights of {trace.target.first_call().path()}"
    for word, tie in node.tied.items():
        yield f"{word}: {tie}"


def _table(origins: tuple[Origin, ...], width: int) -> Iterator[str]:
    """Format one line per field; fields set by the file come before defaults."""
    set_fields = [origin for origin in origins if origin.kind != "default"]
    rows = [(origin.name, format_value(origin.value), _short(origin)) for origin in set_fields]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(2)]
    for name, value, source in rows:
        yield f"{name:{widths[0]}}  {value:{widths[1]}}  {source}"
    rest = [f"{origin.name} {format_value(origin.value)}" for origin in origins if origin.kind == "default"]
    if rest:
        yield textwrap.fill(f"defaults: {', '.join(rest)}", width, subsequent_indent="  ")


def _short(origin: Origin) -> str:
    """Format the origin of a field on one line: its expression or description, and the ends of the way."""
    source = (origin.text if origin.causes else origin.description) + _line(origin)
    ends = {
        f"{end.name} {format_value(end.value)}, {end.description}{_line(end)}"
        for end in origin.ends()
        if end is not origin
    }
    return source.removeprefix(", ") + (f": {'; '.join(sorted(ends))}" if ends else "")


def _line(origin: Origin) -> str:
    return f", line {origin.span.line}" if origin.span else ""
