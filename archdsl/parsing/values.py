"""Parse the values, loops and names in a body."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as MappingType
from dataclasses import dataclass

from archdsl import expr
from archdsl.errors import Problems, Span, nearest, shown
from archdsl.names import RESERVED, RESERVED_HINT, name_fault
from archdsl.parsing.scope import Scope
from archdsl.parsing.validation import NO_EXPRESSION, got, plain
from archdsl.source import Mapping, Node, Scalar, Sequence
from archdsl.spec import INPUT
from archdsl.steps import Fields, Loop, StepRef, Value

LOOP_KEYS = ("for", "when", "repeat")
STEP_KEYS = ("from", *LOOP_KEYS, "name")

COLUMN_HINT = "write a list, or an integer n to count from 0 to n - 1"
CONDITION_HINT = "write a comparison, such as `$stride > 1`"

_ROWS = {"row", "row_of_table", "row_of_columns"}

UNREAD = expr.parse("$unread")
"""A placeholder for a rejected expression, which causes no further problems."""


@dataclass(frozen=True)
class ValueReader:
    """Parses the values, loops and names in a body.

    Args:
        problems: Collects the problems.
        classes: The names of the layers and of the model.
    """

    problems: Problems
    classes: frozenset[str]

    def mapping(self, node: Node | None, subject: str, hint: str) -> Mapping | None:
        """Return the node if it is a mapping; collect a problem if it is anything else."""
        if node is None or isinstance(node, Mapping):
            return node
        self.problems.add("ARCH007", f"{subject} must be a mapping, got {got(node)}", node.span, hint)
        return None

    def value(self, node: Node, scope: Scope | None) -> Value:
        """Parse a value and check the names in its expressions. Without a scope, expressions are not allowed."""
        if isinstance(node, Sequence):
            if (loop := _loop_text(node)) is not None and scope is not None:
                return self._expression(loop, scope)
            return Value(tuple(self.value(item, scope) for item in node.items), node.span)
        if isinstance(node, Mapping):
            return Value({key.text: self.value(item, scope) for key, item in node.items}, node.span)
        if not expr.is_expression(node.value):
            return Value(node.value, node.span)
        if scope is None:
            hint = "write the value itself: only steps, `shortcut`, `repeat`, `for` and `when` take expressions"
            self.problems.add("ARCH019", NO_EXPRESSION, node.span, hint)
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
            offset = re.search(rf"\${re.escape(name)}\b", node.text).start()  # type: ignore[union-attr]
            part = node.span.part(offset + quoted, len(name) + 1)
            hint = _similar_name(name, scope)
            if name in scope.hidden:
                hint = f"add an argument `{name}` to `{scope.owner}` and pass it: `{scope.owner}: {{{name}: ${name}}}`"
            self.problems.add("ARCH012", f"unknown name `${name}`", part, hint)
        for name in sorted(expression.loops):
            fault = name_fault(name, RESERVED | _ROWS) or ("it is already in use" if name in scope.visible else "")
            if fault:
                self.problems.add("ARCH010", f"invalid loop name `${name}`: {fault}", node.span)
        scope.used.update(expression.names)
        return Value(expression, node.span)

    def loop(self, node: Mapping, scope: Scope) -> tuple[Loop, Scope]:
        """Parse the `for`, `when` and `repeat` of a step or a path, and return them with the inner scope."""
        table = node.get("for")
        columns = {} if table is None else self._columns(table, scope)
        names = set(columns)
        if table is not None and not columns:  # any unknown name may be a column
            probe = scope.inner(())
            probe.mention(node)
            names = probe.used - scope.visible.keys()
        inner = scope.inner(names, apart=True) if names or node.get("repeat") is not None else scope
        nodes = (node.get("when"), node.get("repeat"))
        when, repeat = (None if at is None else self.value(at, inner) for at in nodes)
        self._check_loop(table, columns, when, repeat, inner)
        return Loop(columns, when, repeat), inner

    def close(self, node: Mapping, loop: Loop, inner: Scope, outer: Scope) -> None:
        """Check, after parsing the contents of a loop, that all its columns are used."""
        for name in loop.columns.keys() - inner.used:
            if not name_fault(name, RESERVED) and (name not in outer.visible or name in loop.columns[name].names):
                hint = "for identical copies, use `repeat` instead"
                place = _column(node.get("for"), name) or loop.columns[name].span
                self.problems.add("ARCH017", f"unused column `{name}`", place, hint)
        outer.used.update(inner.used - loop.columns.keys())

    def _columns(self, table: Node, scope: Scope) -> dict[str, Value]:
        if not isinstance(table, Mapping) or not table.items:
            hint = "map each column to its values, as in `for: {i: 3, f: [64, 128, 256]}`"
            self.problems.add("ARCH007", f"`for` must be a mapping, got {got(table)}", table.span, hint)
            return {}
        columns = {}
        for key, node in table.items:
            value = self.value(node, scope)
            columns[key.text.removeprefix("$")] = value
            fault = name_fault(key.text, RESERVED)
            hint = RESERVED_HINT if key.text in RESERVED else ""
            if key.text.startswith("$"):
                hint = f"write `{key.text[1:]}`: only its uses have a `$`"
            if not fault and key.text in scope.visible and key.text not in value.names:
                fault = "it is already in use"
                hint = f"choose another name: only a column with values from `${key.text}` may take its name"
            fault = fault or ("it is a class in this file" if key.text in self.classes else "")
            if fault:
                self.problems.add("ARCH010", f"invalid column name `{key.text}`: {fault}", key.span, hint)
                scope.used.add(key.text)
        return columns

    def _check_loop(
        self, table: Node | None, columns: Fields, when: Value | None, repeat: Value | None, scope: Scope
    ) -> None:
        for name, value in columns.items():
            whole = type(value.content) is int and value.content >= 0
            if not (value.is_computed or isinstance(value.content, tuple) or whole):
                message = f"the column `{name}` must be a list or an integer, got {shown(value.template())}"
                self.problems.add("ARCH007", message, value.span, _with_dollars(value, scope) or COLUMN_HINT)
        literal = {n: v for n, v in columns.items() if isinstance(v.content, tuple) or type(v.content) is int}
        lengths = {n: len(v.content) if isinstance(v.content, tuple) else v.content for n, v in literal.items()}
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"`{name}` has {length}" for name, length in lengths.items())
            odd = min(reversed(lengths), key=lambda name: list(lengths.values()).count(lengths[name]))
            hint = "give all columns the same number of values, or write two steps with a loop each"
            place = _column(table, odd) or columns[odd].span
            self.problems.add("ARCH023", f"the columns of a `for` must be equally long: {listed}", place, hint)
        if when is not None and not when.is_computed and not isinstance(when.content, bool):
            message = f"`when` must be a boolean, got {shown(when.template())}"
            self.problems.add("ARCH007", message, when.span, _with_dollars(when, scope) or CONDITION_HINT)
        if repeat is not None and not repeat.is_computed and not (type(repeat.content) is int and repeat.content >= 0):
            message = f"`repeat` must be an integer of at least 0, got {shown(repeat.template())}"
            hint = _with_dollars(repeat, scope) or "write a number, such as `repeat: 3`"
            self.problems.add("ARCH007", message, repeat.span, hint)

    def name(self, node: Node | None, scope: Scope) -> str | None:
        """Parse `name`."""
        if node is None:
            return None
        value = self.value(node, None).content
        if value is UNREAD:
            return None
        fault = name_fault(value) if isinstance(value, str) else "it must be a single word"
        fault = fault or ("it is the name of an input" if value in scope.inputs else "")
        fault = fault or ("it is reserved for the input" if value == INPUT else "")
        if fault:
            self.problems.add("ARCH010", f"invalid step name {shown(plain(node))}: {fault}", node.span)
            return None
        return str(value)

    def refs(self, node: Node | None, scope: Scope) -> tuple[StepRef, ...]:
        """Parse `from`: a name or a list of names."""
        if node is None:
            return ()
        if isinstance(node, Mapping) or (isinstance(node, Sequence) and not node.items):
            hint = "write `from: stem` or `from: [left, right]`"
            self.problems.add("ARCH007", "`from` must be a name or a list of names", node.span, hint)
            return ()
        words = node.items if isinstance(node, Sequence) else (node,)
        return tuple(ref for word in words if (ref := self.ref(word, scope)) is not None)

    def ref(self, node: Node, scope: Scope) -> StepRef | None:
        """Look up a name in `from` or `outputs`. Returns None if it is not visible."""
        if isinstance(node, Scalar) and node.text.startswith("$") and scope.find(node.text[1:]) is not None:
            self.problems.add("ARCH019", NO_EXPRESSION, node.span, f"did you mean `{node.text[1:]}`?")
            return None
        word = self.value(node, None).content
        if word is UNREAD:
            return None
        if not isinstance(word, str):
            hint = "write the name of an earlier step, or of an input"
            self.problems.add("ARCH007", f"expected a name, got {got(node)}", node.span, hint)
            return None
        name, dot, output = word.partition(".")
        step = scope.find(name)
        if step is None and name in scope.looped:
            hint = "merge the paths, or name the step that has the loop"
            self.problems.add("ARCH018", f"the step `{name}` is visible only inside its loop", node.span, hint)
            return None
        if step is None:
            hint = nearest(name, scope.named) if scope.named else f"`{INPUT}` names the input"
            owner = next((other for other, named in scope.named.items() if name in named.outputs), "")
            if "," in name:
                hint = f"write a list: `[{name}]`"
            elif owner:
                hint = f"did you mean `{owner}.{name}`?"
            elif not hint.startswith("did you mean"):
                hint = f"a step can be used only after it is defined; {hint}"
            self.problems.add("ARCH018", f"no earlier step is named `{name}`", node.span, hint)
            return None
        if step.ambiguous:
            message = f"ambiguous name `{name}`: two steps have it"
            self.problems.add("ARCH018", message, node.span, "rename one of them")
        elif dot and output not in step.outputs and (step.step is not None or name in (INPUT, *scope.inputs)):
            hint = nearest(output, step.outputs) if step.outputs else f"write `{name}`: it has a single, unnamed output"
            self.problems.add("ARCH018", f"the step `{name}` has no output `{output}`", node.span, hint)
        return StepRef(name, output, node.span)

    def unknown(self, node: Mapping, words: Iterable[str], hint: str = "") -> None:
        """Collect a problem for each unknown key."""
        missing = [word for word in words if node.key(word) is None]
        for key, _ in node.items:
            if key.text not in words:
                message = f"unknown key `{key.text}`"
                self.problems.add("ARCH005", message, key.span, hint or nearest(key.text, missing, fixed=True))


def _loop_text(node: Sequence) -> Scalar | None:
    """Return `[$w * 2 for $w in $widths]` as an expression: YAML reads it as a list of one string."""
    only = node.items[0] if len(node.items) == 1 else None
    if not isinstance(only, Scalar) or not expr.is_expression(only.value) or not re.search(r"\bfor\b", only.text):
        return None
    if only.span.text[only.span.column - 1 : only.span.column] in ("'", '"'):
        return None
    text = f"[{only.text}]"
    return Scalar(text, text, only.span.part(-1, only.span.width + 2))


def kinds_of(tree: ast.expr, types: MappingType[str, str]) -> Iterator[str]:
    """Yield `str` or `number` for each value that an expression can have."""
    if isinstance(tree, ast.IfExp):
        yield from kinds_of(tree.body, types)
        yield from kinds_of(tree.orelse, types)
    elif isinstance(tree, ast.Constant):
        yield "str" if isinstance(tree.value, str) else "number"
    else:
        yield "str" if isinstance(tree, ast.Name) and types.get(tree.id) == "str" else "number"


def _with_dollars(value: Value, scope: Scope) -> str:
    """Return a hint for a text that uses names without their `$`, and mark these names as used."""
    text = value.content if isinstance(value.content, str) else ""
    names = {word for word in re.findall(r"\b[A-Za-z_]\w*", text) if word in scope.visible}
    scope.used.update(names)
    for name in names:
        text = re.sub(rf"\b{name}\b", f"${name}", text)
    return f"did you mean `{text}`?" if names else ""


def _similar_name(name: str, scope: Scope) -> str:
    """Return a hint for an unknown name in an expression."""
    if name in (expr.INPUT, expr.HERE):
        return f"write `${name}.channels`, or another axis: {', '.join(sorted(expr.AXES.keys() - {'channels'}))}"
    tensor, dot, _ = name.partition(".")
    own = f"{tensor}." if dot else ""
    names = [seen for seen in scope.visible if seen.startswith(own) and ("." in seen) == bool(dot)]
    return nearest(f"${name}", [f"${seen}" for seen in names])


def _column(table: Node | None, name: str) -> Span | None:
    """Return the place of the name of a column in a `for`."""
    key = table.key(name) if isinstance(table, Mapping) else None
    return key.span if key else None
