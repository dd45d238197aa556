"""Rows of steps as lists of Keras layers in source: `[layers.Conv2D(...), *[Block(...) for number in range(...)]]`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from archdsl.codegen.numbering import Numbers, name_literal, plus
from archdsl.codegen.printer import Bracket, Names, Source, before, flat, listed
from archdsl.expr import Expression
from archdsl.ops import Call, Op
from archdsl.ops.activation import Activation
from archdsl.ops.base import same
from archdsl.spec import Branches, Fields, LayerCall, Loop, OpCall, Spec, Step, Value

_WHOLE_FUNCTIONS = {"round", "ceil", "floor", "len", "divisible"}


_PLAIN = Names({})


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

    def fresh(self) -> Place:
        """The same where numbers begin anew."""
        return Place(self.spec, self.names, self.types)

    def text(self, value: Value | Any) -> str:
        return flat(self.names.write(value.template() if isinstance(value, Value) else value))

    def read(self, text: str) -> str:
        """Source in the spec's own names, as it reads here."""
        return self.names.expression(ast.parse(text, mode="eval").body)

    def count(self, value: Value) -> str:
        """A whole number, as source in the spec's own names."""
        return flat(_PLAIN.write(self.whole(value.template())))

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
            floats = any(kind_of(argument, types) in ("float", "floats") for argument in tree.args)
            return "int" if name in _WHOLE_FUNCTIONS else "float" if floats else "any"
        case ast.Subscript(slice=ast.Slice()):
            return kind_of(tree.value, types)
        case ast.Subscript(value=ast.Name(id=name)) if types.get(name) == "floats":
            return "float"
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
    if isinstance(step.action, LayerCall):
        yield from step.action.arguments.values()
    elif isinstance(step.action, Branches):
        branches = step.action
        for path in branches.paths:
            yield from loop_values(path.loop)
            for inner in path.steps:
                yield from step_values(inner)
        if isinstance(branches.shortcut, Value):
            yield branches.shortcut
        for inner in (*(() if isinstance(branches.shortcut, Value) else branches.shortcut), *branches.after):
            yield from step_values(inner)
        if branches.merge is not None:
            yield from branches.merge.fields.values()
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
        values[name] = place.whole(written) if _takes_int(op.model_fields[name].annotation) else written
    return op.model_construct(**values)


def _takes_int(annotation: Any) -> bool:
    return annotation is int or any(_takes_int(inner) for inner in get_args(annotation))


def inlined(parts: Sequence[OpCall]) -> list[tuple[OpCall, dict[str, Any]]]:
    """The parts, with an activation that Keras takes by name moved into the layer before it."""
    found: list[tuple[OpCall, dict[str, Any]]] = []
    for part in parts:
        last = found[-1] if found else None
        fields = part.op.model_fields
        usual = all(same(value.template(), fields[name].default) for name, value in part.fields.items())
        by_name = issubclass(part.op, Activation) and usual and part.op.output is Op.output
        if part.role == "activation" and last and last[0].role == "main" and by_name:
            found[-1] = last[0], {"activation": part.op.function}  # type: ignore[attr-defined]
        else:
            found.append((part, {}))
    return found


def layer_calls(step: Step, place: Place, name: str) -> list[Source]:
    """The constructor calls of one copy of a step.

    Args:
        name: of the step, as source without quotes; an f-string's braces are in it where it has a number.
    """
    dtype = "dtype=dtype"
    if isinstance(step.action, LayerCall):
        call = use_call(step.action, place)
        return [place.names.call(call, [dtype, f"name={name_literal(name)}"])]
    assert not isinstance(step.action, Branches)
    calls: list[Source] = []
    for part, more in inlined(step.action):
        own = name if part.role == "main" else f"{name}_{part.role}"
        calls.append(op_call(part, more, place, own))
    return calls


def op_call(part: OpCall, more: Mapping[str, Any], place: Place, name: str) -> Source:
    """The constructor call of one op."""
    call = raw(part.op, part.fields, place).keras()
    call = Call(call.target, call.positional, {**call.keywords, **more})
    return place.names.call(call, ["dtype=dtype", f"name={name_literal(name)}"])


def use_call(use: LayerCall, place: Place) -> Call:
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


def use_outputs(step: Step, place: Place) -> tuple[str, ...]:
    """The names of the outputs of the layer that a step uses, where they have names."""
    if not isinstance(step.action, LayerCall):
        return ()
    layer = place.spec.layers[step.action.layer]
    while layer.like is not None:
        layer = place.spec.layers[layer.like]
    return tuple(ref.name for ref in layer.outputs)


def sequential_call(steps: Sequence[Step], place: Place, name: str) -> Bracket:
    """`keras.Sequential([...], name=...)`.

    Args:
        name: as source.
    """
    items = listed(stack_items(steps, place), open=True)
    return Bracket("keras.Sequential(", (items, f"name={name}"), ")")


def grouped(steps: Sequence[Step], joins: Callable[[Step], bool]) -> Iterator[list[Step]]:
    """The steps, with neighbours together that stand under the same condition and in no loop.

    Args:
        joins: whether a step may stand with others.
    """
    group: list[Step] = []
    for step in steps:
        alike = group and step.loop.when is not None and not step.loop.many and joins(step) and joins(group[0])
        if alike and group[0].loop == replace(step.loop, when=group[0].loop.when) and _says(group[0]) == _says(step):
            group.append(step)
            continue
        if group:
            yield group
        group = [step]
    if group:
        yield group


def _says(step: Step) -> Any:
    """What a step's `when` says, wherever it stands."""
    return None if step.loop.when is None else step.loop.when.template()


def stack_items(steps: Sequence[Step], place: Place) -> list[Source]:
    """The items of a list of layers: calls, and starred lists where there are loops."""
    items: list[Source] = []
    for group in grouped(steps, lambda step: True):
        made = [copies(step.loop, place, step.name or step.kind, step.name) for step in group]
        step, copy = group[0], made[0]
        pairs = zip(group, made, strict=True)
        calls = [call for one, own in pairs for call in layer_calls(one, own.place, own.name)]
        if step.loop.many:
            element: Source = calls[0] if len(calls) == 1 else "layer"
            more = [] if len(calls) == 1 else [before("for layer in ", Bracket("(", tuple(calls), ")", "list"))]
            items.append(Bracket("*[", (element, *copy.clauses, *more), "]", "comprehension"))
        elif copy.condition:
            row = Bracket("[", tuple(calls), "]", "list")
            items.append(Bracket("*(", (row, f"if {copy.condition}", "else []"), ")", "comprehension"))
        else:
            items += calls
    return items


@dataclass(frozen=True)
class Copies:
    """The copies that a loop makes, as source.

    Args:
        name: of one copy, with an expression in braces where its number is known only at run time.
        header: the `for` clause; nothing where there is one copy.
        condition: of its `when`, as it reads inside the loop.
        place: inside the loop.
    """

    name: str
    header: str
    condition: str
    place: Place

    @property
    def clauses(self) -> tuple[str, ...]:
        """The `for` and the `if` of a comprehension."""
        return (self.header, *([f"if {self.condition}"] if self.condition else []))


def copies(loop: Loop, place: Place, kind: str, pinned: str | None, number: str = "number") -> Copies:
    """The copies of a step or a path; the numbers of the place go on behind them.

    A copy that fails its `when` has a number too; what is repeated has as many as it has copies.
    """
    offset = place.numbers.offset(kind)
    condition = place.inner(loop.columns).text(loop.when) if loop.when is not None else ""
    if not loop.many:
        if pinned:
            return Copies(pinned, "", condition, place)
        place.numbers.advance(kind)
        return Copies(_numbered(kind, place.read(plus(offset, "1"))), "", condition, place)
    if not loop.columns:
        assert loop.repeat is not None
        times = place.count(loop.repeat)
        ends = [place.read(plus(*terms)) for terms in ((offset, "1"), (offset, times, "1"))]
        place.numbers.advance(kind, _unless(loop, times, place))
        return Copies(f"{kind}_{{{number}}}", f"for {number} in range({', '.join(ends)})", condition, place)
    return _rows_of(loop, place, kind, offset, condition, number)


def _rows_of(loop: Loop, place: Place, kind: str, offset: str, condition: str, number: str) -> Copies:
    columns, inner = list(loop.columns), place.inner(loop.columns)
    rows, count = _rows(loop, place)
    target = ", ".join(columns)
    if loop.repeat is not None:
        times = _unless(loop, inner.count(loop.repeat), inner)
        count = f"sum({times} for {target} in {rows})"
        row = next(name for name in ("row", "row_of_table", "row_of_columns") if name not in inner.types)
        parts = {name: row if len(columns) == 1 else f"{row}[{index}]" for index, name in enumerate(columns)}
        own_times = Names(parts).expression(ast.parse(times, mode="eval").body)
        rows = f"({row} for {row} in {rows} for _ in range({own_times}))"
    place.numbers.advance(kind, count)
    if loop.repeat is None and len(columns) == 1 and rows.startswith("range("):
        own = place.read(plus(columns[0], offset, "1"))
        return Copies(f"{kind}_{{{own}}}", f"for {target} in {place.read(rows)}", condition, inner)
    target = target if len(columns) == 1 else f"({target})"
    start = place.read(plus(offset, "1"))
    header = f"for {number}, {target} in enumerate({place.read(rows)}, start={start})"
    return Copies(f"{kind}_{{{number}}}", header, condition, inner)


def _unless(loop: Loop, times: str, place: Place) -> str:
    """How many numbers a repeated step takes: one where its `when` fails."""
    if loop.when is None or times == "1":
        return times
    return f"({times} if {flat(_PLAIN.write(loop.when.template()))} else 1)"


def _rows(loop: Loop, place: Place) -> tuple[str, str]:
    """The rows of a `for` and how many they are, as source in the spec's own names."""
    texts, count = [], ""
    for value in loop.columns.values():
        if isinstance(value.content, tuple):
            texts.append(flat(_PLAIN.write(value.template())))
            count = str(len(value.content))
        elif _kind(value, place.types) in ("list", "floats"):
            texts.append(flat(_PLAIN.write(value.template())))
            count = count or f"len({texts[-1]})"
        else:
            text = place.count(value)
            texts.append(f"range({text})")
            count = count if count.isdigit() else text
    if len(texts) == 1:
        return texts[0], count
    literal = all(isinstance(v.content, tuple | int) for v in loop.columns.values())
    return f"zip({', '.join(texts)}{'' if literal else ', strict=True'})", count


def _numbered(kind: str, number: str) -> str:
    """`conv_3`, or `conv_{depth + 1}` where the number is known only at run time."""
    return f"{kind}_{number}" if number.isdigit() else f"{kind}_{{{number}}}"


def number_name(kind: str, place: Place) -> str:
    """The name of the next of a kind."""
    number = place.read(plus(place.numbers.offset(kind), "1"))
    place.numbers.advance(kind)
    return _numbered(kind, number)


def may_be_empty(steps: Sequence[Step]) -> bool:
    """Whether there are arguments for which no step is left."""
    return all(step.loop.when is not None or step.loop.many for step in steps)
