"""Rows of steps as lists of Keras layers in source: `[layers.Conv2D(...), *[Block(...) for number in range(...)]]`."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archdsl.backends.layout import Bracket, Names, Source, before, flat
from archdsl.expr import Expression
from archdsl.ops import Call, Op
from archdsl.ops.activation import Activation
from archdsl.spec import Bunch, Fields, Loop, Part, Spec, Step, Use, Value

_WHOLE_FUNCTIONS = {"round", "ceil", "floor", "len", "divisible"}


@dataclass
class Numbers:
    """The numbers of a lane's names: those known while writing, and the expressions for those that are not."""

    known: Counter[str] = field(default_factory=Counter)
    unknown: dict[str, list[str]] = field(default_factory=dict)

    def offset(self, kind: str) -> str:
        """How many of the kind came before."""
        terms = [*self.unknown.get(kind, ()), *([str(self.known[kind])] if self.known[kind] else ())]
        return " + ".join(terms)

    def advance(self, kind: str, count: str) -> None:
        if count.isdigit():
            self.known[kind] += int(count)
        else:
            self.unknown.setdefault(kind, []).append(count)


@dataclass(frozen=True)
class Place:
    """Where source is written: how names read there, the types of arguments, and the numbers of names so far."""

    spec: Spec
    names: Names
    types: Mapping[str, str]
    numbers: Numbers = field(default_factory=Numbers)

    def inner(self, columns: Fields) -> Place:
        """The same inside a loop over columns."""
        names = Names({**self.names.by_name, **{name: name for name in columns}})
        types = {name: _item_kind(value, self.types) for name, value in columns.items()}
        return Place(self.spec, names, {**self.types, **types}, self.numbers)

    def text(self, value: Value | Any) -> str:
        return flat(self.names.write(value.template() if isinstance(value, Value) else value))

    def whole(self, value: Any) -> Any:
        """The value, made whole where it is an expression of a float and an int is due."""
        if isinstance(value, Expression) and kind_of(value.tree, self.types) == "float":
            return Call("whole", (value,))
        return [self.whole(item) for item in value] if isinstance(value, list) else value


def kind_of(tree: ast.expr, types: Mapping[str, str]) -> str:
    """What an expression gives, as far as its source tells: `int`, `float`, or `any`."""
    match tree:
        case ast.Constant():
            return type(tree.value).__name__
        case ast.Name():
            return types.get(tree.id, "any")
        case ast.BinOp():
            kinds = kind_of(tree.left, types), kind_of(tree.right, types)
            return "float" if isinstance(tree.op, ast.Div) or "float" in kinds else "any" if "any" in kinds else "int"
        case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            return kind_of(tree.operand, types)
        case ast.IfExp():
            kinds = kind_of(tree.body, types), kind_of(tree.orelse, types)
            return "float" if "float" in kinds else "any" if "any" in kinds else kinds[0]
        case ast.Call(func=ast.Name(id=name)):
            floats = any(kind_of(argument, types) == "float" for argument in tree.args)
            return "int" if name in _WHOLE_FUNCTIONS else "float" if floats else "any"
        case ast.Subscript(slice=ast.Slice()):
            return "list"
    return "any"


def _item_kind(column: Value, types: Mapping[str, str]) -> str:
    """What a column of a loop gives, row by row."""
    if isinstance(column.content, tuple):
        kinds = {_kind(item, types) for item in column.content}
        return kinds.pop() if len(kinds) == 1 else "float" if "float" in kinds else "any"
    return "int" if _kind(column, types) == "int" else "any"


def _kind(value: Value, types: Mapping[str, str]) -> str:
    if isinstance(value.content, Expression):
        return kind_of(value.content.tree, types)
    return "list" if isinstance(value.content, tuple) else type(value.content).__name__


def uses_channels(steps: Sequence[Step]) -> bool:
    """Whether any expression of the steps names `$channels`, so that they can be made only in `build`."""
    return any("channels" in value.names for step in steps for value in step_values(step))


def step_values(step: Step) -> Iterator[Value]:
    """Every value that a step says, inside its paths too."""
    yield from loop_values(step.loop)
    if isinstance(step.action, Use):
        yield from step.action.arguments.values()
    elif isinstance(step.action, Bunch):
        bunch = step.action
        for path in bunch.paths:
            yield from loop_values(path.loop)
            for inner in path.steps:
                yield from step_values(inner)
        if isinstance(bunch.shortcut, Value):
            yield bunch.shortcut
        for inner in (*(() if isinstance(bunch.shortcut, Value) else bunch.shortcut), *bunch.after):
            yield from step_values(inner)
        if bunch.merge is not None:
            yield from bunch.merge.fields.values()
    else:
        for part in step.action:
            yield from part.fields.values()


def loop_values(loop: Loop) -> Iterator[Value]:
    yield from loop.columns.values()
    yield from (value for value in (loop.when, loop.repeat) if value is not None)


def raw(op: type[Op], fields: Fields, place: Place) -> Op:
    """The op with its fields as they are written, expressions among them."""
    values = {}
    for name, value in fields.items():
        written = value.template()
        values[name] = written if op.model_fields[name].annotation is float else place.whole(written)
    return op.model_construct(**values)


def inlined(parts: Sequence[Part]) -> list[tuple[Part, dict[str, Any]]]:
    """The parts, with an activation that Keras takes by name moved into the layer before it."""
    found: list[tuple[Part, dict[str, Any]]] = []
    for part in parts:
        last = found[-1] if found else None
        by_name = issubclass(part.op, Activation) and not part.fields
        if part.role == "activation" and last and last[0].role == "main" and by_name:
            found[-1] = last[0], {"activation": part.op.function}  # type: ignore[attr-defined]
        else:
            found.append((part, {}))
    return found


def layer_calls(step: Step, place: Place, name: str, end: str = ")") -> list[Source]:
    """The constructor calls of one copy of a step.

    Args:
        name: of the step, as source without quotes; an f-string's braces are in it where it has a number.
        end: what closes each call.
    """
    dtype = "dtype=dtype"
    if isinstance(step.action, Use):
        call = use_call(step.action, place)
        return [place.names.call(call, [dtype, f"name={_literal(name)}"], end)]
    assert not isinstance(step.action, Bunch)
    calls: list[Source] = []
    for part, more in inlined(step.action):
        own = name if part.role == "main" else f"{name}_{part.role}"
        calls.append(op_call(part, more, place, own, end))
    return calls


def op_call(part: Part, more: Mapping[str, Any], place: Place, name: str, end: str = ")") -> Source:
    """The constructor call of one op."""
    call = raw(part.op, part.fields, place).keras()
    call = Call(call.target, call.positional, {**call.keywords, **more})
    return place.names.call(call, ["dtype=dtype", f"name={_literal(name)}"], end)


def use_call(use: Use, place: Place) -> Call:
    """The constructor call of a layer of the file: what is required by position, the rest by name."""
    args = place.spec.layers[use.layer].args
    given = {
        name: place.whole(value.template()) if args[name].type == "int" else value.template()
        for name, value in use.arguments.items()
    }
    positional = []
    for name, arg in args.items():
        if arg.default is not None or name not in given:
            break
        positional.append(given.pop(name))
    return Call(use.layer, tuple(positional), given)


def _literal(name: str) -> str:
    return f'f"{name}"' if "{" in name else f'"{name}"'


def stack_items(steps: Sequence[Step], place: Place) -> list[Source]:
    """The items of a list of layers: calls, and starred lists where there are loops."""
    items: list[Source] = []
    for step in steps:
        kind = step.name or step.kind
        offset = place.numbers.offset(kind)
        if not step.loop.many:
            name = step.name or number_name(kind, offset, "1")
            calls = layer_calls(step, place, name)
            place.numbers.advance(kind, "1")
            if step.loop.when is None:
                items += calls
            else:
                items.append(
                    Bracket("*(", (_listed(calls), f"if {place.text(step.loop.when)}", "else []"), ")", "comprehension")
                )
            continue
        clauses, inner, name, count = loop_clauses(step.loop, place, kind)
        calls = layer_calls(step, inner, name)
        place.numbers.advance(kind, count)
        element: Source = calls[0] if len(calls) == 1 else "layer"
        more = [] if len(calls) == 1 else [before("for layer in ", Bracket("(", tuple(calls), ")", "list"))]
        items.append(Bracket("*[", (element, *clauses, *more), "]", "comprehension"))
    return items


def _listed(calls: list[Source]) -> Source:
    return Bracket("[", tuple(calls), "]", "list")


def number_name(kind: str, offset: str, number: str) -> str:
    """`conv_3`, or `conv_{depth + 1}` where the number is known only at run time."""
    if not offset or offset.isdigit():
        return f"{kind}_{int(offset or 0) + int(number)}"
    return f"{kind}_{{{offset} + {number}}}"


def loop_clauses(loop: Loop, place: Place, kind: str) -> tuple[list[Source], Place, str, str]:
    """The `for` and `if` clauses of a loop.

    Returns:
        The clauses, the place inside them, the name of a copy, and how many copies there are.
    """
    header, inner, name, count = loop_header(loop, place, kind)
    clauses: list[Source] = [header]
    if loop.when is not None:
        clauses.append(f"if {inner.text(loop.when)}")
    return clauses, inner, name, count


def loop_header(loop: Loop, place: Place, kind: str) -> tuple[Source, Place, str, str]:
    """The `for` clause of a loop, with what `loop_clauses` returns beside it."""
    offset = place.numbers.offset(kind)
    start = _plus(offset, 1)
    if not loop.columns:
        assert loop.repeat is not None
        times = place.text(place.whole(loop.repeat.template()))
        numbers = f"range({start}, {_plus(times, 1, offset)})"
        return f"for number in {numbers}", place, f"{kind}_{{number}}", times
    columns = list(loop.columns)
    inner = place.inner(loop.columns)
    rows, count = _rows(loop, place)
    target = columns[0] if len(columns) == 1 else f"({', '.join(columns)})"
    if loop.repeat is not None:
        bare = target.strip("()")
        times = inner.text(inner.whole(loop.repeat.template()))
        rows = f"({target} for {bare} in {rows} for _ in range({times}))"
        count = f"sum({times} for {bare} in {_rows(loop, place)[0]})"
    elif len(columns) == 1 and not isinstance(loop.columns[columns[0]].content, tuple) and rows.startswith("range("):
        return f"for {target} in {rows}", inner, f"{kind}_{{{_plus(columns[0], 1, offset)}}}", count
    header = Bracket(f"for number, {target} in enumerate(", (rows, f"start={start}"), ")")
    return header, inner, f"{kind}_{{number}}", count


def _rows(loop: Loop, place: Place) -> tuple[str, str]:
    """The rows of a `for` as source, and how many they are."""
    texts, count = [], ""
    for value in loop.columns.values():
        text = place.text(value)
        if isinstance(value.content, tuple):
            texts.append(text)
            count = str(len(value.content))
        elif _kind(value, place.types) != "list":
            texts.append(f"range({text})")
            count = count if count.isdigit() else text
        else:
            texts.append(text)
            count = count or f"len({text})"
    if len(texts) == 1:
        return texts[0], count
    literal = all(isinstance(v.content, tuple | int) for v in loop.columns.values())
    return f"zip({', '.join(texts)}{'' if literal else ', strict=True'})", count


def _plus(text: str, number: int, offset: str = "") -> str:
    """`text + offset + number`, as short as it can be told: `depth - 1` and 1 give `depth`."""
    known = number + int(offset) if offset.isdigit() else number
    if offset and not offset.isdigit():
        text = f"{offset} + {text}"
    if not text or text.isdigit():
        return str(int(text or 0) + known)
    tree = ast.parse(text, mode="eval").body
    if isinstance(tree, ast.BinOp) and isinstance(tree.right, ast.Constant) and isinstance(tree.op, ast.Sub | ast.Add):
        sign = 1 if isinstance(tree.op, ast.Add) else -1
        known += sign * int(tree.right.value)  # type: ignore[arg-type]
        text = ast.unparse(tree.left)
    return text if known == 0 else f"{text} {'+' if known > 0 else '-'} {abs(known)}"


def may_be_empty(steps: Sequence[Step]) -> bool:
    """Whether there are arguments for which no step is left."""
    return all(step.loop.when is not None or step.loop.many for step in steps)
