"""Located YAML -> the steps of a body: ops split into their parts, paths, loops, and what each expression sees."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from typing import Any

from archdsl import expr
from archdsl.errors import Problems, Span, nearest
from archdsl.ops.base import OPS, Op
from archdsl.scope import Scope
from archdsl.source import Mapping, Node, Scalar, Sequence
from archdsl.spec import (
    RESERVED,
    SHORTCUTS,
    Arg,
    Bunch,
    Fields,
    Loop,
    Part,
    Path,
    Step,
    Use,
    Value,
    name_fault,
)
from archdsl.validation import faults, plain, shown

LOOP = ("for", "when", "repeat")
NEIGHBOURS = ("name", *LOOP)
BUNCH = ("shortcut", "merge", "after")

NORMS = {op.name.removesuffix("_norm"): op for op in OPS.values() if op.kind == "norm"}
ACTIVATIONS = {op.name: op for op in OPS.values() if op.kind == "activation"}

UNREAD = expr.parse("$unread")
"""Stands for an expression that was refused, so that nothing else is said of it."""


@dataclass(frozen=True)
class Reader:
    """Reads bodies. It knows every layer's arguments, but no layer's body.

    Args:
        signatures: the arguments of each layer of the file.
        defaults: the file's `defaults`, by op.
        classes: the names of the layers and of the model.
    """

    problems: Problems
    signatures: MappingType[str, MappingType[str, Arg]]
    defaults: MappingType[str, Fields]
    classes: frozenset[str]

    def body(self, node: Node, scope: Scope) -> tuple[Step, ...]:
        """A list of steps, or one step by itself."""
        if not isinstance(node, Sequence):
            return tuple(self._each([node], scope))
        return tuple(self._each(node.items, scope))

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
            hint = nearest(name, scope.visible) if scope.visible else "this body has no arguments"
            self.problems.add("ARCH012", f"`${name}` is not seen from here", part, hint)
        scope.used.update(expression.names)
        return Value(expression, node.span)

    def _each(self, nodes: Iterable[Node], scope: Scope) -> Iterator[Step]:
        for node in nodes:
            if (step := self._step(node, scope)) is not None:
                yield step

    def _step(self, node: Node, scope: Scope) -> Step | None:
        if isinstance(node, Scalar):
            if node.value is None:
                self.problems.add("ARCH014", "this step is empty", node.span, "write an op or a layer, as in `- relu`")
                return None
            node = Mapping(((node, Mapping((), node.span)),), node.span)
        if isinstance(node, Sequence):
            hint = "one list is the body, or one path of `paths`"
            self.problems.add("ARCH007", "a step is due, and here is a list", node.span, hint)
            scope.mention(node)
            return None
        own = self._own(node)
        if own is None:
            scope.mention(node)
            return None
        key, given = own
        loop, inner = self.loop(node, scope)
        action = self._action(key, given, node, inner)
        self._close(loop, inner, scope)
        name = self._name(node.get("name"))
        return None if action is None else Step(key.text, action, loop, name, key.span)

    def _own(self, node: Mapping) -> tuple[Scalar, Node] | None:
        """The step's own key among its neighbours."""
        words = {*NEIGHBOURS, *(BUNCH if node.get("paths") else ())}
        own = [(key, value) for key, value in node.items if key.text not in words]
        known = [(key, value) for key, value in own if self._is_known(key.text)]
        if len(own) == 1:
            return own[0]
        if not own:
            hint = "neighbours stand in one mapping with the step: `{relu: {}, name: x}`"
            self.problems.add("ARCH014", "this step has no op, no layer and no `paths`", node.span, hint)
        elif len(known) > 1:
            hint = "begin each step with `- `"
            self.problems.add("ARCH005", f"`{known[1][0].text}` is a second step in one", known[1][0].span, hint)
        else:
            inside = self._fields_of(known[0][0].text) if known else set()
            for key, _ in own:
                if known and key is known[0][0]:
                    continue
                hint = nearest(key.text, words)
                if key.text in inside:
                    hint = f"it belongs inside: `{known[0][0].text}: {{{key.text}: ...}}`"
                elif key.text in BUNCH:
                    hint = f"`{key.text}` stands beside `paths`"
                self.problems.add("ARCH005", f"`{key.text}` is not known here", key.span, hint)
        return None

    def _is_known(self, word: str) -> bool:
        return word in OPS or word in self.signatures or word == "paths"

    def _fields_of(self, word: str) -> set[str]:
        return set(OPS[word].model_fields if word in OPS else self.signatures.get(word, ()))

    def _action(self, key: Scalar, given: Node, step: Mapping, scope: Scope) -> tuple[Part, ...] | Use | Bunch | None:
        if key.text == "paths":
            return self.bunch(step, scope)
        if key.text not in OPS and key.text not in self.signatures:
            message = f"{shown(key.value)} is neither an op nor a layer of this file"
            self.problems.add("ARCH014", message, key.span, self._nearest_step(key.text))
            scope.mention(given)
            return None
        fields = self.fields(key.text, given, scope)
        if fields is None:
            scope.mention(given)
            return None
        if key.text in OPS:
            return self.block(OPS[key.text], fields, key.span)
        return self._use(key, fields)

    def _nearest_step(self, word: str) -> str:
        hint = nearest(word, {*OPS, *self.signatures, "paths"})
        if hint.startswith("did you mean"):
            return hint
        layers = ", ".join(f"`{name}`" for name in self.signatures)
        return "`archdsl ops` lists the ops" + (f"; the layers of this file are {layers}" if layers else "")

    def fields(self, owner: str, node: Node, scope: Scope | None) -> dict[str, Value] | None:
        """The arguments of an op or a layer; None where they are no mapping."""
        if isinstance(node, Scalar) and node.value is None:
            return {}
        if not isinstance(node, Mapping):
            self.problems.add("ARCH007", "a mapping of arguments is due", node.span, "write `{argument: value}`")
            return None
        known = self._fields_of(owner)
        for key, value in node.items:
            if key.text not in known:
                hint = nearest(key.text, known) if known else f"`{owner}` has no arguments"
                self.problems.add("ARCH015", f"`{owner}` has no argument `{key.text}`", key.span, hint)
                if scope is not None:
                    scope.mention(value)
        return {key.text: self.value(value, scope) for key, value in node.items if key.text in known}

    def _use(self, key: Scalar, fields: dict[str, Value]) -> Use:
        args = self.signatures[key.text]
        for name, value in fields.items():
            if not value.names and (fault := args[name].fault(args[name].taken(value.template()))):
                self.problems.add("ARCH007", fault, value.span)
        for name, arg in args.items():
            if arg.default is None and name not in fields:
                hint = f"`{key.text}: {{{name}: ...}}`"
                self.problems.add("ARCH016", f"`{key.text}` needs its argument `{name}`", key.span, hint)
        return Use(key.text, fields)

    def block(self, op: type[Op], given: Fields, span: Span) -> tuple[Part, ...]:
        """An op with the file's defaults, split into padding, op, norm and activation."""
        fields = {**self.defaults.get(op.name, {}), **given}
        self.check(op, fields, span)
        parts = [Part("main", op, fields)]
        if "norm" in op.model_fields:
            parts += self._word("norm", NORMS, fields.pop("norm", None))
        if "activation" in op.model_fields:
            parts += self._word("activation", ACTIVATIONS, fields.pop("activation", None))
        padding = fields.get("padding")
        if op.pad_with and padding is not None and not isinstance(padding.content, str) and padding.content is not None:
            del fields["padding"]
            parts.insert(0, Part("pad", OPS[op.pad_with], {"padding": padding}))
        return tuple(parts)

    def check(self, op: type[Op], fields: Fields, span: Span, complete: bool = True) -> None:
        """Collects what is wrong with an op's fields, as far as they are known without evaluating."""
        known = op.model_fields
        literal = {name: value.template() for name, value in fields.items() if not value.names}
        skip = [] if complete else [name for name in known if name not in fields]
        skip += [name for name, value in fields.items() if value.names]
        self.problems.found += faults(op, literal, lambda n: fields[n].span if n in fields else span, skip)

    def _word(self, role: Any, table: MappingType[str, type[Op]], value: Value | None) -> list[Part]:
        """The part of `norm: batch`, or of `activation: {leaky_relu: {slope: 0.1}}`."""
        if value is None or value.content in ("none", UNREAD):
            return []
        word, fields = value.content, {}
        if isinstance(word, dict) and len(word) == 1:
            word, inner = next(iter(word.items()))
            fields = inner.content if isinstance(inner.content, dict) else {}
            table_fields = table[word].model_fields if word in table else {}
            for name in fields.keys() - table_fields:
                self.problems.add("ARCH015", f"`{word}` has no argument `{name}`", fields[name].span)
            fields = {name: item for name, item in fields.items() if name in table_fields}
        if not isinstance(word, str) or word not in table:
            hint = nearest(word, [*table, "none"]) if isinstance(word, str) else "two steps, each with its own `when`"
            text = f"`{word}` is no {role}" if isinstance(word, str) else f"the {role} is chosen by a word"
            self.problems.add("ARCH007", text, value.span, hint)
            return []
        op = table[word]
        fields = {**self.defaults.get(op.name, {}), **fields}
        self.check(op, fields, value.span)
        return [Part(role, op, fields)]

    def bunch(self, node: Mapping, scope: Scope) -> Bunch:
        """`paths`, with `shortcut`, `merge` and `after` beside it."""
        paths = tuple(self._paths(node.get("paths"), scope))
        shortcut = self._shortcut(node.get("shortcut"), scope, node.span)
        merge, after = node.get("merge"), node.get("after")
        several = len(paths) > 1 or any(path.loop.many for path in paths)
        if merge is None and (several or shortcut != Value("none", node.span)):
            key = node.key("paths")
            self.problems.add("ARCH006", "`merge` is missing", key.span if key else node.span, "`merge: add`, for one")
        part = self._merge(merge, scope) if merge is not None else None
        steps = self.body(after, scope) if after is not None else ()
        projection = self.block(OPS["conv"], self._projected(node.span), node.span)
        return Bunch(paths, shortcut, part, steps, projection)

    def _projected(self, span: Span) -> dict[str, Value]:
        """A projection's own fields: a 1x1 conv, whose filters and stride are seen only where it stands."""
        own = {"filters": 1, "kernel": 1, "stride": 1, "padding": "valid", "dilation": 1, "groups": 1}
        return {name: Value(content, span) for name, content in (own | {"activation": "none"}).items()}

    def _paths(self, node: Node | None, scope: Scope) -> Iterator[Path]:
        if node is not None and not isinstance(node, Scalar) and not node.items:
            self.problems.add("ARCH006", "`paths` has no path", node.span, "`paths: {main: [...]}`")
        elif isinstance(node, Mapping):
            for key, inner in node.items:
                fault = name_fault(key.text, frozenset()) or (
                    "the shortcut has this name" if key.text == "shortcut" else ""
                )
                if fault:
                    self.problems.add("ARCH010", f"`{key.text}` cannot name a path: {fault}", key.span)
                yield self._path(key.text, inner, scope)
        elif isinstance(node, Sequence):
            for inner in node.items:
                yield self._path(None, inner, scope)
        elif node is not None:
            hint = "`paths: {wide: [...], narrow: [...]}`"
            self.problems.add("ARCH007", "`paths` is a mapping or a list of paths", node.span, hint)

    def _path(self, name: str | None, node: Node, scope: Scope) -> Path:
        if isinstance(node, Sequence):
            return Path(name, Loop(), self.body(node, scope), node.span)
        body = node.get("steps") if isinstance(node, Mapping) else None
        if not isinstance(node, Mapping) or body is None:
            hint = "a path is a list of steps, or `{steps: [...]}` with `repeat`, `for` or `when` beside it"
            self.problems.add("ARCH007", "this is no path", node.span, hint)
            scope.mention(node)
            return Path(name, Loop(), (), node.span)
        self.unknown(node, ("steps", *LOOP))
        loop, inner = self.loop(node, scope)
        steps = self.body(body, inner)
        self._close(loop, inner, scope)
        return Path(name, loop, steps, node.span)

    def _shortcut(self, node: Node | None, scope: Scope, span: Span) -> Value | tuple[Step, ...]:
        if node is None:
            return Value("none", span)
        if isinstance(node, Sequence):
            return self.body(node, scope)
        value = self.value(node, scope)
        if not value.names and value.content not in SHORTCUTS:
            hint = nearest(str(value.content), SHORTCUTS) if isinstance(node, Scalar) else "its own steps are a list"
            self.problems.add("ARCH007", f"{shown(plain(node))} is no shortcut", node.span, hint)
            return Value("none", span)
        return value

    def _merge(self, node: Node, scope: Scope) -> Part | None:
        merges = [name for name, op in OPS.items() if op.many]
        word, given = node, Mapping((), node.span)
        if isinstance(node, Mapping) and len(node.items) == 1:
            word, given = node.items[0]  # type: ignore[assignment]
        if not isinstance(word, Scalar) or word.text not in merges:
            text = shown(word.value) if isinstance(word, Scalar) else "this"
            hint = nearest(str(word.text), merges) if isinstance(word, Scalar) else ""
            self.problems.add("ARCH007", f"{text} is no merge", node.span, hint)
            return None
        fields = self.fields(word.text, given, scope)
        return None if fields is None else self.block(OPS[word.text], fields, node.span)[0]

    def loop(self, node: Mapping, scope: Scope) -> tuple[Loop, Scope]:
        """What stands beside a step or a path, and the scope inside it."""
        table = node.get("for")
        columns = {} if table is None else self._columns(table, scope)
        inner = scope.inner(columns) if columns else scope
        found = {word: node.get(word) for word in ("when", "repeat")}
        when, repeat = (None if at is None else self.value(at, inner) for at in found.values())
        self._check_loop(columns, when, repeat)
        return Loop(columns, when, repeat), inner

    def _close(self, loop: Loop, inner: Scope, outer: Scope) -> None:
        """Behind what stands in a loop: each of its columns must have been used."""
        for name in loop.columns.keys() - inner.used:
            if not name_fault(name, RESERVED) and name not in outer.visible:
                hint = "`repeat` makes copies without a column"
                self.problems.add("ARCH017", f"nobody uses the column `{name}`", loop.columns[name].span, hint)
        outer.used.update(inner.used - loop.columns.keys())

    def _columns(self, table: Node, scope: Scope) -> dict[str, Value]:
        if not isinstance(table, Mapping) or not table.items:
            self.problems.add(
                "ARCH007", "`for` is a mapping of columns", table.span, "`for: {i: 3, f: [64, 128, 256]}`"
            )
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

    def _check_loop(self, columns: Fields, when: Value | None, repeat: Value | None) -> None:
        for name, value in columns.items():
            whole = type(value.content) is int and value.content >= 0
            if not (value.names or isinstance(value.content, tuple) or whole):
                hint = "a list, or a whole number n for 0 .. n-1"
                self.problems.add("ARCH007", f"the column `{name}` cannot be looped over", value.span, hint)
        literal = {n: v for n, v in columns.items() if isinstance(v.content, tuple) or type(v.content) is int}
        lengths = {n: len(v.content) if isinstance(v.content, tuple) else v.content for n, v in literal.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"`{name}` {length}" for name, length in lengths.items())
            last = list(literal.values())[-1]
            self.problems.add("ARCH023", f"columns of one `for` are equally long: {told}", last.span)
        if when is not None and not when.names and not isinstance(when.content, bool):
            self.problems.add("ARCH007", "`when` is true or false", when.span, "compare, as in `$stride > 1`")
        if repeat is not None and not repeat.names and not (type(repeat.content) is int and repeat.content >= 0):
            self.problems.add("ARCH007", "`repeat` is a whole number", repeat.span)

    def _name(self, node: Node | None) -> str | None:
        if node is None:
            return None
        value = self.value(node, None).content
        if value is UNREAD:
            return None
        fault = name_fault(value, frozenset()) if isinstance(value, str) else "a name is one word"
        if fault:
            self.problems.add("ARCH010", f"{shown(plain(node))} cannot name a step: {fault}", node.span)
            return None
        return str(value)

    def unknown(self, node: Mapping, words: Iterable[str], hint: str = "") -> None:
        """Collects the keys that are none of the words."""
        for key, _ in node.items:
            if key.text not in words:
                self.problems.add(
                    "ARCH005", f"`{key.text}` is not known here", key.span, hint or nearest(key.text, words)
                )
