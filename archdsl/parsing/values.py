"""Values, loops and names of a body: what each expression sees, and what each `from` does."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from archdsl import expr
from archdsl.errors import Problems, Span, nearest, shown
from archdsl.names import RESERVED, name_fault
from archdsl.parsing.scope import Scope
from archdsl.parsing.validation import plain
from archdsl.source import Mapping, Node, Scalar, Sequence
from archdsl.spec import INPUT, Fields, Loop, StepRef, Value

LOOP_KEYS = ("for", "when", "repeat")
STEP_KEYS = ("from", *LOOP_KEYS, "name")

UNREAD = expr.parse("$unread")
"""Stands for an expression that was refused, so that nothing else is said of it."""


@dataclass(frozen=True)
class ValueReader:
    """Reads what may stand in any body.

    Args:
        classes: the names of the layers and of the model.
    """

    problems: Problems
    classes: frozenset[str]

    def mapping(self, node: Node | None, message: str, hint: str) -> Mapping | None:
        """The node if it is a mapping; any other one is a problem."""
        if node is None or isinstance(node, Mapping):
            return node
        self.problems.add("ARCH007", message, node.span, hint)
        return None

    def value(self, node: Node, scope: Scope | None) -> Value:
        """A value; its expressions are read, and their names looked up. Without a scope, none may stand there."""
        if isinstance(node, Sequence):
            return Value(tuple(self.value(item, scope) for item in node.items), node.span)
        if isinstance(node, Mapping):
            return Value({key.text: self.value(item, scope) for key, item in node.items}, node.span)
        if not expr.is_expression(node.value):
            return Value(node.value, node.span)
        if scope is None:
            hint = "expressions stand in steps, `shortcut`, `repeat`, `for` and `when`; in text, leave out the `$`"
            self.problems.add("ARCH019", "no expression may stand here", node.span, hint)
            return Value(UNREAD, node.span)
        return self._expression(node, scope)

    def _expression(self, node: Scalar, scope: Scope) -> Value:
        quoted = node.span.text[node.span.column - 1 : node.span.column] in ("'", '"')
        try:
            expression = expr.parse(node.text)
        except expr.ExprError as error:
            part = node.span.part(error.offset + quoted, error.width) if error.width else node.span
            self.problems.add("ARCH011", str(error), part, error.hint)
            scope.mention(node)
            return Value(UNREAD, node.span)
        for name in sorted(expression.names - scope.visible.keys()):
            offset = re.search(rf"\${name}\b", node.text).start()  # type: ignore[union-attr]
            part = node.span.part(offset + quoted, len(name) + 1)
            hint = nearest(f"${name}", [f"${seen}" for seen in scope.visible])
            if name in scope.hidden:
                hint = f"give `{scope.owner}` an argument `{name}`, and pass it: `{scope.owner}: {{{name}: ${name}}}`"
            self.problems.add("ARCH012", f"`${name}` is not seen from here", part, hint)
        scope.used.update(expression.names)
        return Value(expression, node.span)

    def loop(self, node: Mapping, scope: Scope) -> tuple[Loop, Scope]:
        """The `for`, `when` and `repeat` of a step or a path, and the scope inside it."""
        table = node.get("for")
        columns = {} if table is None else self._columns(table, scope)
        inner = scope.inner(columns, apart=True) if columns or node.get("repeat") is not None else scope
        nodes = (node.get("when"), node.get("repeat"))
        when, repeat = (None if at is None else self.value(at, inner) for at in nodes)
        self._check_loop(table, columns, when, repeat)
        return Loop(columns, when, repeat), inner

    def close(self, node: Mapping, loop: Loop, inner: Scope, outer: Scope) -> None:
        """Behind what stands in a loop: each of its columns must have been used."""
        for name in loop.columns.keys() - inner.used:
            if not name_fault(name, RESERVED) and name not in outer.visible:
                hint = "`repeat` makes copies without a column"
                place = _column(node.get("for"), name) or loop.columns[name].span
                self.problems.add("ARCH017", f"nobody uses the column `{name}`", place, hint)
        outer.used.update(inner.used - loop.columns.keys())

    def _columns(self, table: Node, scope: Scope) -> dict[str, Value]:
        if not isinstance(table, Mapping) or not table.items:
            hint = "`for: {i: 3, f: [64, 128, 256]}`"
            self.problems.add("ARCH007", "`for` is a mapping of columns", table.span, hint)
            return {}
        columns = {}
        for key, node in table.items:
            fault = name_fault(key.text, RESERVED) or ("it is seen here already" if key.text in scope.visible else "")
            fault = fault or ("it is a class of this file" if key.text in self.classes else "")
            if fault:
                self.problems.add("ARCH010", f"`{key.text}` cannot name a column: {fault}", key.span)
                scope.used.add(key.text)
            columns[key.text] = self.value(node, scope)
        return columns

    def _check_loop(self, table: Node | None, columns: Fields, when: Value | None, repeat: Value | None) -> None:
        for name, value in columns.items():
            whole = type(value.content) is int and value.content >= 0
            if not (value.names or isinstance(value.content, tuple) or whole):
                hint = "a list, or a whole number n for 0 .. n-1"
                self.problems.add("ARCH007", f"the column `{name}` cannot be looped over", value.span, hint)
        literal = {n: v for n, v in columns.items() if isinstance(v.content, tuple) or type(v.content) is int}
        lengths = {n: len(v.content) if isinstance(v.content, tuple) else v.content for n, v in literal.items()}
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"`{name}` {length}" for name, length in lengths.items())
            odd = min(reversed(lengths), key=lambda name: list(lengths.values()).count(lengths[name]))
            hint = "give each column as many entries, or loop in two steps"
            place = _column(table, odd) or columns[odd].span
            self.problems.add("ARCH023", f"columns of one `for` are equally long: {listed}", place, hint)
        if when is not None and not when.names and not isinstance(when.content, bool):
            self.problems.add("ARCH007", "`when` is true or false", when.span, "compare, as in `$stride > 1`")
        if repeat is not None and not repeat.names and not (type(repeat.content) is int and repeat.content >= 0):
            self.problems.add("ARCH007", "`repeat` is a whole number from 0 on", repeat.span, "`repeat: 3`, for one")

    def name(self, node: Node | None, scope: Scope) -> str | None:
        """What `name` says."""
        if node is None:
            return None
        value = self.value(node, None).content
        if value is UNREAD:
            return None
        fault = name_fault(value) if isinstance(value, str) else "a name is one word"
        fault = fault or ("it is an input of this body" if value in scope.inputs else "")
        fault = fault or ("it is the body's own input" if value == INPUT else "")
        if fault:
            self.problems.add("ARCH010", f"{shown(plain(node))} cannot name a step: {fault}", node.span)
            return None
        return str(value)

    def refs(self, node: Node | None, scope: Scope) -> tuple[StepRef, ...]:
        """What `from` names: one word or a list of words."""
        if node is None:
            return ()
        if isinstance(node, Mapping) or (isinstance(node, Sequence) and not node.items):
            hint = "`from: stem`, or `from: [left, right]`"
            self.problems.add("ARCH007", "`from` is a name or a list of names", node.span, hint)
            return ()
        words = node.items if isinstance(node, Sequence) else (node,)
        return tuple(ref for word in words if (ref := self.ref(word, scope)) is not None)

    def ref(self, node: Node, scope: Scope) -> StepRef | None:
        """One name of `from` or of `outputs`, looked up; None where it is no name that is seen."""
        word = self.value(node, None).content
        if word is UNREAD:
            return None
        if not isinstance(word, str):
            self.problems.add("ARCH007", f"a name is due, and here is {shown(plain(node))}", node.span)
            return None
        name, dot, output = word.partition(".")
        step = scope.find(name)
        if step is None and name in scope.looped:
            hint = "merge the paths, or name the step that has the loop"
            self.problems.add("ARCH018", f"`{name}` stands in a loop, and is seen only there", node.span, hint)
            return None
        if step is None:
            hint = nearest(name, scope.named) if scope.named else f"`{INPUT}` is the body's own input"
            later = "a name is seen from the next line on; " if name not in scope.named else ""
            self.problems.add("ARCH018", f"no step above is named `{name}`", node.span, later + hint)
            return None
        if step.ambiguous:
            message = f"two steps are named `{name}`, and it is not clear which is meant"
            self.problems.add("ARCH018", message, node.span, "give one of them another name")
        elif dot and output not in step.outputs:
            gives = f"`{name}` gives " + (" and ".join(f"`{o}`" for o in step.outputs) or "one tensor, without a name")
            hint = nearest(output, step.outputs) if step.outputs else f"write `{name}`"
            self.problems.add("ARCH018", f"{gives}, and not `{output}`", node.span, hint)
        return StepRef(name, output, node.span)

    def unknown(self, node: Mapping, words: Iterable[str], hint: str = "") -> None:
        """Collects the keys that are none of the words."""
        missing = [word for word in words if node.key(word) is None]
        for key, _ in node.items:
            if key.text not in words:
                message = f"`{key.text}` is not known here"
                self.problems.add("ARCH005", message, key.span, hint or nearest(key.text, missing))


def _column(table: Node | None, name: str) -> Span | None:
    """Where a column of a `for` is named."""
    key = table.key(name) if isinstance(table, Mapping) else None
    return key.span if key else None
