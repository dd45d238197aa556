"""`for`, `when` and `repeat`, evaluated: the copies of a step or a branch, counted before any is resolved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from archdsl.errors import ArchError, Span, fail, shown
from archdsl.expr import Expression
from archdsl.graph import StepName
from archdsl.limits import Limits
from archdsl.ops.field_types import whole
from archdsl.resolution.body import StepContext, Values
from archdsl.spec import Branch, Loop, Step, Value


@dataclass
class Budget:
    """What a network has cost so far, or several that share it.

    Args:
        nodes: of the graph, those of equal layers once.
        turns: of loops; one that leaves no node costs its time too.
        read: characters of expressions that were evaluated, items of the lists in them, and what each step takes.
        together: what messages say of those that took from it before; nothing for the first.
        is_spent: whether those before leave too little for whoever comes next.
    """

    limits: Limits
    nodes: int = 0
    turns: int = 0
    read: int = 0
    together: str = ""
    is_spent: bool = False

    def value(self, value: Value, scope: Values) -> Any:
        """A value, evaluated; what that costs is counted."""
        self.spend(_size(value.content, scope), value.span)
        return value.evaluate(scope)

    def spend(self, more: int, span: Span | None) -> None:
        """Raises where the network would take more reading than its steps may take in all."""
        self.read += more
        if self.read > self.limits.steps * _READ:
            message = f"this takes longer than a network of {self.limits.steps:,} steps may take"
            raise self._exceeded(message, span)

    def afford(self, more: int, span: Span | None) -> None:
        """Raises where the network would have more steps than its limit."""
        if max(self.nodes, self.turns) + more > self.limits.steps:
            message = f"the network has more than {self.limits.steps:,} steps"
            raise self._exceeded(message, span, max(self.nodes, self.turns) + more)

    def _exceeded(self, message: str, span: Span | None, needed: int = 0) -> ArchError:
        self.is_spent = True
        return self.limits.exceeded("steps", message + self.together, span, needed=needed)

    def copies(self, item: Step | Branch, context: StepContext) -> Iterator[tuple[StepContext | None, StepName]]:
        """Each copy's context, or None where its `when` fails, and its name; the copies of a loop are numbered."""
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
                number = 0 if item.name and not loop.many else context.body.next_number(context.path, base)
                yield inner if there else None, StepName(base, number, context.path)

    def inside(self, loop: Loop, number: int, row: Values, scope: Values) -> Values:
        """The scope inside of one row of a loop, its number counted from 0."""
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
                message = f"the column `{name}` is {shown(column)}"
                raise fail("ARCH023", message, value.span, "a list, or a whole number n for 0 .. n-1")
            columns[name] = column
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            each = ", ".join(f"`{name}` {length}" for name, length in lengths.items())
            odd = list(lengths)[-1]
            hint = "give each column as many entries"
            raise fail("ARCH023", f"columns of one `for` are equally long: {each}", loop.columns[odd].span, hint)
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def _times(self, value: Value, scope: Values) -> int:
        times = whole(self.value(value, scope))
        if type(times) is not int or times < 0:
            hint = "use `//` to divide without rest" if isinstance(times, float) else "`max(0, ...)` never goes below 0"
            message = f"`repeat` is a whole number from 0 on, and here it is {shown(times)}"
            raise fail("ARCH023", message, value.span, hint)
        self.afford(times, value.span)
        return times

    def _truth(self, value: Value, scope: Values) -> bool:
        truth = self.value(value, scope)
        if not isinstance(truth, bool):
            hint = "compare, as in `$stride > 1`"
            raise fail("ARCH013", f"`when` is true or false, and here it is {shown(truth)}", value.span, hint)
        return truth


BODY_STEPS = 4
"""How many steps a layer's body costs besides those in it, once for all equal calls."""

_READ = 50
"""Characters of expressions that may be evaluated for each step that a network may have: real ones need a few."""


def _size(content: Any, scope: Values) -> int:
    """What it costs to evaluate: the characters of an expression, more often where there are long lists in it."""
    if isinstance(content, Expression):
        return len(content.text) * (1 + sum(_length(scope.get(name)) for name in content.names) // 2)
    if isinstance(content, tuple | dict):
        items = content.values() if isinstance(content, dict) else content
        return 1 + sum(4 + _size(item.content, scope) for item in items)
    return len(content) if isinstance(content, str) else 1


def _length(value: Any) -> int:
    """The characters of a text, the items of a list and of the lists in it: as long as comparing it may take."""
    if isinstance(value, list):
        return len(value) + sum(_length(item) for item in value if isinstance(item, list | str))
    return len(value) if isinstance(value, str) else 0
