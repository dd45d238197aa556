"""Places and hints of errors about the arguments and the inputs of an op."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from archdsl.errors import Problem, Span, shown
from archdsl.graph import Tensor
from archdsl.ops import OpError
from archdsl.resolution.body import Body, Tensors
from archdsl.resolution.loops import INTEGER_DIVISION
from archdsl.steps import Fields, Value


def place_of(error: OpError, fields: Fields, span: Span) -> Span:
    """Return the place of the argument that an error is about, or of a part of it."""
    value = fields.get(error.field)
    if value is None:
        return span
    return value.span.inside(str(value.content), *error.part) if error.part else value.span


def with_expression(problem: Problem, fields: Fields, values: Mapping[str, Any]) -> Problem:
    """Add the expression of an evaluated field to a problem."""
    parts = ((name, *part) for name, value in fields.items() for part in _parts(value, values[name]))
    for name, value, number in parts:
        if value.span == problem.span and value.is_computed:
            text = next(value.expressions())[0].text
            is_divided = isinstance(number, float) and problem.code == "ARCH007" and "/" in text.replace("//", "")
            hint = INTEGER_DIVISION if is_divided else problem.hint
            return replace(problem, facts=(f"`{name}` is {text} = {shown(number).strip('`')}",), hint=hint)
    return problem


def _parts(value: Value, evaluated: Any) -> Iterator[tuple[Value, Any]]:
    """Yield a value and the entries of its lists, each with what it evaluates to."""
    yield value, evaluated
    if isinstance(value.content, tuple):
        for item, inner in zip(value.content, evaluated, strict=True):
            yield from _parts(item, inner)


def earlier_hint(word: str, body: Body, x: Tensor) -> str:
    """The hint for an op or a key that comes after the step that took the axes away that it needs, if there is one."""
    node = next((node for node in body.nodes if node.name == x.ref.node and node.op is not None), None)
    if node is not None and node.span is not None and getattr(node.op, "return_sequences", True) is False:
        return f"set `return_sequences: true` in `{node.kind}` on line {node.span.line}" if x.shape else ""
    if node is None or node.kind not in ("flatten", "global_average_pool", "global_max_pool") or node.span is None:
        return ""
    return f"move `{word}` before `{node.kind}` on line {node.span.line}"


def select_one(x: Tensors) -> str:
    """Return the hint for a place that takes one of these tensors."""
    output = next((tensor.ref.output for tensor in x), "")
    selection = f"from: STEP.{output}" if output else "from"
    return f"select one with `{selection}`, or merge them first"


def name_them(x: Tensors, step: str | None) -> str:
    """Return the hint for tensors that a step returns where one output is expected."""
    outputs = [f"{step or 'STEP'}.{tensor.ref.output}" for tensor in x if tensor.ref.output]
    named = f"outputs: [{', '.join(outputs)}]" if outputs else "outputs"
    return f"merge them, or name them in `{named}`"
