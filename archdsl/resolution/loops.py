"""Evaluate `for`, `when` and `repeat`. The copies of a step or a branch are counted before any is resolved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from archdsl.errors import ArchError, Span, fail, shown
from archdsl.expr import HERE, Expression, axis_of, shape_names
from archdsl.graph import StepName, Tensor
from archdsl.limits import Limits
from archdsl.ops.field_types import whole
from archdsl.parsing.values import COLUMN_HINT, CONDITION_HINT
from archdsl.resolution.body import StepContext, Values
from archdsl.steps import Branch, Loop, Step, Value

SHORTCUT = "shortcut"
"""A placeholder for the name of a size where a shortcut gets its stride from shapes."""


@dataclass
class Budget:
    """The resources used so far by one network, or by several that share the budget.

    Args:
        limits: The limits.
        nodes: The number of nodes in the graph. Identical layers count once.
        turns: The number of loop iterations, including those without nodes, because they take time, too.
        read: The number of evaluated characters and list items in expressions, and the inputs of all steps.
        together: A clause for messages about the networks that used the budget before.
        is_spent: Whether the budget is exhausted.
        sizes: The sizes of axes that expressions read, and the shapes that give shortcuts their strides, by place and
            name. None if nobody wants to know.
    """

    limits: Limits
    nodes: int = 0
    turns: int = 0
    read: int = 0
    together: str = ""
    is_spent: bool = False
    sizes: dict[tuple[Span, str], set[Any]] | None = None

    def value(self, value: Value, scope: Values) -> Any:
        """Evaluate a value, and count the cost."""
        self.spend(_size(value.content, scope), value.span)
        if self.sizes is not None:
            for name in sorted(name for name in value.names if axis_of(name)[1] not in ("", "channels")):
                if name in scope:
                    self.note(value.span, name, scope[name])
        return value.evaluate(scope)

    def note(self, place: Span, name: str, size: Any) -> None:
        """Remember a size that is read at a place."""
        if self.sizes is not None:
            self.sizes.setdefault((place, name), set()).add(size)

    def spend(self, more: int, span: Span | None) -> None:
        """Count the cost of evaluation, and raise an error if it exceeds the limit."""
        self.read += more
        if self.read > self.limits.steps * _READ:
            message = f"evaluating this takes longer than allowed for a network of {self.limits.steps:,} steps"
            raise self._exceeded(message, span)

    def afford(self, more: int, span: Span | None) -> None:
        """Raise an error if the network would exceed the limit on steps."""
        if max(self.nodes, self.turns) + more > self.limits.steps:
            message = f"the network has more than {self.limits.steps:,} steps"
            raise self._exceeded(message, span, max(self.nodes, self.turns) + more)

    def _exceeded(self, message: str, span: Span | None, needed: int = 0) -> ArchError:
        self.is_spent = True
        return self.limits.exceeded("steps", message + self.together, span, needed=needed)

    def copies(self, item: Step | Branch, context: StepContext) -> Iterator[tuple[StepContext | None, StepName]]:
        """Yield the context of each copy, or None if its `when` is false, and its name. Copies are numbered."""
        loop, scope, base = item.loop, context.scope, item.base_name
        rows = self._rows(loop, scope)
        self.afford(len(rows), next(iter(loop.columns.values())).span if loop.columns else item.span)
        for index, row in enumerate(rows):
            inner = context._replace(scope=self.inside(loop, index, row, scope))
            there = loop.when is None or self._truth(loop.when, inner.scope)
            times = self._times(loop.repeat, inner.scope) if there and loop.repeat is not None else 1
            self.turns += max(1, times)
            self.afford(0, item.span)
            for _ in range(times):
                unique = item.name and not loop.many and not (context.numbered and isinstance(item, Step))
                number = 0 if unique else context.body.next_number(context.path, base)
                yield inner if there else None, StepName(base, number, context.path)

    def arriving(self, scope: Values, tensor: Tensor) -> Values:
        """Return the scope of a step at which a tensor arrives."""
        others = {name: value for name, value in scope.items() if axis_of(name)[0] != HERE}
        return {**others, **shape_names(HERE, tensor.shape)}

    def inside(self, loop: Loop, number: int, row: Values, scope: Values) -> Values:
        """Return the scope inside a row of a loop. Rows are counted from 0."""
        return {**scope, **row}

    def _rows(self, loop: Loop, scope: Values) -> list[dict[str, Any]]:
        if not loop.columns:
            return [{}]
        columns = {}
        for name, value in loop.columns.items():
            column = whole(self.value(value, scope))
            if type(column) is int and column >= 0:
                self.afford(column, value.span)
                column = list(range(column))
            if not isinstance(column, list):
                message = f"the column `{name}` must be a list or an integer, got {shown(column)}"
                raise fail("ARCH023", message, value.span, COLUMN_HINT)
            columns[name] = column
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            each = ", ".join(f"`{name}` has {length}" for name, length in lengths.items())
            odd = list(lengths)[-1]
            message = f"the columns of a `for` must be equally long: {each}"
            hint = "give all columns the same number of values"
            raise fail("ARCH023", message, loop.columns[odd].span, hint)
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def _times(self, value: Value, scope: Values) -> int:
        times = whole(self.value(value, scope))
        if type(times) is not int or times < 0:
            hint = INTEGER_DIVISION if isinstance(times, float) else "use `max(0, ...)` to avoid negative numbers"
            message = f"`repeat` must be an integer of at least 0, got {shown(times)}"
            raise fail("ARCH023", message, value.span, hint)
        self.afford(times, value.span)
        return times

    def _truth(self, value: Value, scope: Values) -> bool:
        truth = self.value(value, scope)
        if not isinstance(truth, bool):
            message = f"`when` must be a boolean, got {shown(truth)}"
            raise fail("ARCH013", message, value.span, CONDITION_HINT)
        return truth


INTEGER_DIVISION = "use `//` for integer division"

BODY_STEPS = 4
"""The cost of a layer's body in addition to its steps, once for all identical calls."""

_READ = 50
"""The number of evaluated characters allowed per step of the limit. Typical networks need only a few."""


def _size(content: Any, scope: Values) -> int:
    """Return the cost of an evaluation: the characters of an expression, times factors for lists and loops in it."""
    if isinstance(content, Expression):
        length = sum(_length(scope.get(name)) for name in content.names)
        each = 1 + length + content.text.count(",") if content.loops else 1
        return len(content.text) * (1 + length // 2) * each
    if isinstance(content, tuple | dict):
        items = content.values() if isinstance(content, dict) else content
        return 1 + sum(4 + _size(item.content, scope) for item in items)
    return len(content) if isinstance(content, str) else 1


def _length(value: Any) -> int:
    """Return the length of a string, or the number of items in a list and its sublists."""
    if isinstance(value, list):
        return len(value) + sum(_length(item) for item in value if isinstance(item, list | str))
    return len(value) if isinstance(value, str) else 0
