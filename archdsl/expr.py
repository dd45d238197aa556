"""Safe evaluation of expressions such as `$filters // 4`, based on an allowlist of nodes of Python's syntax tree."""

from __future__ import annotations

import ast
import keyword
import math
import operator
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from archdsl.errors import shown

Plain: TypeAlias = int | float | bool | str | list["Plain"] | None

LENGTH, DEPTH, LARGEST = 400, 24, 2**53
"""Limits: the number of characters, the depth of the syntax tree, and the largest result."""

INPUT, HERE = "input", "here"
"""The tensors whose shapes expressions can read: the first input of the body, and what arrives at the step."""

_AXES: dict[int, tuple[str, ...]] = {
    0: (),
    1: ("channels",),
    2: ("length", "channels"),
    3: ("height", "width", "channels"),
    4: ("depth", "height", "width", "channels"),
}
AXES = {"channels": -1, "length": -2, "width": -2, "height": -3, "depth": -4}
"""The position of each named axis in a shape, counted from the end."""

_NAME = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_STRING = re.compile(r"'[^'\\]*'|\"[^\"\\]*\"")
_NUMBER = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]*)?([eE][-+]?[0-9]+)?|\.[0-9]+([eE][-+]?[0-9]+)?")
_CONSTANTS = {"true": True, "false": False}


class ExprError(Exception):
    """An error in an expression. The caller adds the file and the line.

    Args:
        message: The message.
        hint: What to do about it.
        offset, width: The position of the error in the text, if known.
    """

    def __init__(self, message: str, hint: str = "", offset: int = 0, width: int = 0) -> None:
        super().__init__(message)
        self.hint, self.offset, self.width = hint, offset, width


def divisible(value: float, divisor: int) -> int:
    """Round `value` to the nearest multiple of `divisor`: at least `divisor`, and at least 0.9 times `value`.

    MobileNetV2 rounds its channels this way (Sandler et al. 2018).
    """
    nearest = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * value else nearest


def _round(value: float) -> int:
    return round(value)


def _power(base: float, exponent: float) -> Any:
    """Return a power, without computing a number that is too large."""
    if exponent > 0 and abs(base) > 1 and exponent * math.log2(abs(base)) > math.log2(LARGEST) + 1:
        raise OverflowError
    return base**exponent


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "round": _round,
    "ceil": math.ceil,
    "floor": math.floor,
    "sum": sum,
    "len": len,
    "divisible": divisible,
    "abs": abs,
    "sqrt": math.sqrt,
    "log": math.log,
}
_OVER_LIST = {"sum", "len"}
_ARITY = {"min": (1, 8), "max": (1, 8), "divisible": (2, 2)}

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_INNER = (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.Subscript, ast.Slice, ast.List)
_PARTS = {"Attribute": "attributes", "Lambda": "functions", "JoinedStr": "f-strings", "Starred": "`*` before a list"}
_PARTS |= dict.fromkeys(("Tuple", "Set", "Dict"), "tuples, sets or mappings")
_PARTS |= dict.fromkeys(("SetComp", "DictComp", "GeneratorExp"), "comprehensions other than lists")
_LEAF = (ast.Name, ast.Constant, ast.Load, ast.boolop, ast.cmpop, ast.operator, ast.unaryop, ast.Store)


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed and checked expression: its text, its syntax tree, and the names that it uses.

    Args:
        loops: The names that it defines itself, in `[... for $name in ...]`.
    """

    text: str
    tree: ast.expr
    names: frozenset[str]
    loops: frozenset[str] = frozenset()

    def evaluate(self, scope: Mapping[str, Plain]) -> Plain:
        """Evaluate the expression.

        Args:
            scope: The values of the names.

        Raises:
            ExprError: If the expression has no value, for example because of a division by zero.
        """
        value: Plain = _evaluate(self.tree, scope)
        return value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


def shape_names(tensor: str, shape: Sequence[int]) -> dict[str, int]:
    """Return the values of `$input.height` and so on, without the `$`: one for each axis that the shape has."""
    axes = _AXES.get(len(shape), ("channels",))
    return {f"{tensor}.{axis}": shape[AXES[axis]] for axis in axes}


def axis_of(name: str) -> tuple[str, str]:
    """Return the tensor and the axis of a name, such as `here` and `height`; both are empty if it has none."""
    tensor, dot, axis = name.partition(".")
    return (tensor, axis) if dot else ("", "")


def is_expression(value: object) -> bool:
    """Return whether a scalar of a spec is an expression, that is, a string that contains `$`."""
    return isinstance(value, str) and "$" in value


def mentioned(text: str) -> set[str]:
    """Return the words of a text that may be names, even if the text cannot be parsed."""
    return set(re.findall(r"[A-Za-z_]\w*", text))


@lru_cache(maxsize=1024)  # a spec repeats `$filters` and `$stride` many times
def parse(text: str) -> Expression:
    """Parse an expression.

    Raises:
        ExprError: If the expression is too long, too deeply nested or not valid, or uses unsupported syntax.
    """
    if len(text) > LENGTH:
        message = f"the expression is too long: expected at most {LENGTH} characters, got {len(text)}"
        raise ExprError(message, "pass a part of it as an argument")
    for offset, character in enumerate(text):
        if not 32 <= ord(character) < 127:
            hint = "use plain quotes, ' or \"" if character in "‘’“”`" else "write the expression in ASCII, on one line"
            raise ExprError(f"unexpected character {character!r} in an expression", hint, offset, 1)
    bare = _STRING.sub(lambda match: "_" * len(match[0]), text)
    if "#" in bare:
        raise ExprError(
            "unexpected `#` in an expression", "for a comment, put a space before the `#`", bare.index("#"), 1
        )
    if "${" in bare:
        raise ExprError("unexpected `${` in an expression", "write `$name`, without braces", bare.index("${"), 2)
    dollars = {match.start() + 1 for match in _NAME.finditer(bare)}
    first = len(bare) - len(bare.lstrip())
    dropped = dollars | ({first + 1} if bare.startswith("$(", first) else set())
    plain = "".join(" " if c == "$" and i + 1 in dropped else c for i, c in enumerate(text))
    stripped = plain.lstrip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns about `1if`, which is valid
            tree = ast.parse(stripped, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise _unreadable(bare) from None
    names = _check(tree, text, dollars, len(plain) - len(stripped)) & _free_names(tree, frozenset())
    loops = {node.target.id for node in ast.walk(tree) if isinstance(node, ast.comprehension)}  # type: ignore[attr-defined]
    return Expression(text.strip(), tree, frozenset(names), frozenset(loops))


def _unreadable(bare: str) -> ExprError:
    for match in _NAME.finditer(bare):
        if keyword.iskeyword(match[1]):
            hint = f"`{match[1]}` is a Python keyword, so no argument can have this name"
            return ExprError("cannot parse the expression", hint, match.start(), len(match[0]))
    hint = "valid expressions look like `$filters // 4` or `$stride if $first else 1`"
    if "$$" in bare:
        hint = "write a single `$` before a name"
    if re.search(r"\bif\b", bare) and not re.search(r"\belse\b", bare):
        hint = "add an `else`, as in `$stride if $first else 1`"
    for opened, closed in ("()", "[]"):
        if bare.count(opened) != bare.count(closed):
            hint = f"balance `{opened}` and `{closed}`"
    return ExprError("cannot parse the expression", hint)


def _check(tree: ast.expr, text: str, dollars: set[int], indent: int) -> set[str]:
    """Return the names in the tree, and raise an error for any node that is not on the allowlist."""
    names: set[str] = set()
    pending: list[tuple[ast.AST, int]] = [(tree, 0)]
    while pending:
        node, depth = pending.pop()
        if depth > DEPTH:
            message = f"the expression is nested more than {DEPTH} levels deep"
            raise ExprError(message, "pass a part of it as an argument")
        start = getattr(node, "col_offset", -indent) + indent
        end = (getattr(node, "end_col_offset", 0) or 0) + indent
        offset = start - (start in dollars)
        width = end - offset
        if isinstance(node, ast.Name):
            if start in dollars:
                names.add(node.id)
            elif node.id not in _CONSTANTS:
                hint = f"write `${node.id}` for an argument, or `'{node.id}'` for a string"
                raise ExprError(f"missing `$` before `{node.id}`", hint, offset, width)
        elif isinstance(node, ast.Constant):
            _check_constant(node, text[offset:end], text[end : end + 1], offset, width)
        elif isinstance(node, ast.Call):
            _check_call(node, dollars, indent, offset, width)
        elif isinstance(node, ast.ListComp):
            _check_loop(node, offset, width)
            pending += [
                (node.elt, depth + 1),
                *((child, depth + 1) for child in ast.iter_child_nodes(node.generators[0])),
            ]
            continue
        elif start in dollars and (name := axis_name(node)) and text[offset:end] == f"${name}":
            names.add(name)
            continue
        else:
            _check_inner(node, offset, width)
        children = node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
        pending += [(child, depth + 1) for child in children]
    return names


def axis_name(node: ast.AST) -> str:
    """Return the name of an attribute, such as `here.height`, or an empty string."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in (INPUT, HERE):
        return f"{node.value.id}.{node.attr}"
    return ""


def _free_names(node: ast.AST, loops: frozenset[str]) -> set[str]:
    """Return the names that the caller must know: all but those of the loops around them."""
    if isinstance(node, ast.ListComp):
        (loop,) = node.generators
        name = loop.target.id  # type: ignore[attr-defined]
        return _free_names(loop.iter, loops) | _free_names(node.elt, loops | {name})
    if isinstance(node, ast.Name):
        return {node.id} - loops
    if name := axis_name(node):
        return {name}
    return set().union(*(_free_names(child, loops) for child in ast.iter_child_nodes(node)))


def _check_inner(node: ast.AST, offset: int, width: int) -> None:
    if isinstance(node, ast.BinOp | ast.Compare):
        operators = [node.op] if isinstance(node, ast.BinOp) else node.ops
        if any(type(op) not in _ARITHMETIC and type(op) not in _COMPARISONS for op in operators):
            is_caret = any(isinstance(op, ast.BitXor) for op in operators)
            hint = "write `**` for a power" if is_caret else "use one of + - * / // % **"
            raise ExprError("unsupported operator in an expression", hint, offset, width)
    if isinstance(node, ast.Slice) and node.step is not None:
        raise ExprError("a slice cannot have a step", "write a slice as in `$depths[:$i]`", offset, width)
    if not isinstance(node, _INNER + _LEAF) or isinstance(node, ast.Invert):
        what = _PARTS.get(type(node).__name__, "this syntax")
        hint = "use only + - * / // % ** ( ), comparisons, and, or, not, `a if c else b`, and lists"
        raise ExprError(f"an expression cannot contain {what}", hint, offset, width)


def _check_loop(node: ast.ListComp, offset: int, width: int) -> None:
    loop, *others = node.generators
    if others or loop.ifs or loop.is_async or not isinstance(loop.target, ast.Name):
        hint = "write one name and one list, as in `[$width * 2 for $width in $widths]`"
        raise ExprError("unsupported loop in an expression", hint, offset, width)
    if any(isinstance(inner, ast.ListComp) for inner in ast.walk(node.elt)):  # the time would grow with its depth
        raise ExprError("a loop in an expression cannot contain another one", "", offset, width)


def _check_constant(node: ast.Constant, text: str, behind: str, offset: int, width: int) -> None:
    if isinstance(node.value, str) and not _STRING.fullmatch(text):
        raise ExprError("unsupported string in an expression", "use one pair of plain quotes", offset, width)
    if type(node.value) not in (int, float, str):
        hint = f"write `{str(node.value).lower()}`" if isinstance(node.value, bool) else "use a number or a string"
        raise ExprError(f"unexpected `{node.value!r}` in an expression", hint, offset, width)
    if not isinstance(node.value, int | float):
        return
    if not _NUMBER.fullmatch(text) or behind.isalpha():
        hint = "use digits with an optional point or exponent, and a space before the next word"
        raise ExprError(f"invalid number `{text}{behind.strip()}`", hint, offset, width)
    if not abs(node.value) <= LARGEST:
        raise ExprError("this number is too large", "", offset, width)


def _check_call(node: ast.Call, dollars: set[int], indent: int, offset: int, width: int) -> None:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    called_argument = node.func.col_offset + indent in dollars
    if name not in FUNCTIONS or called_argument:
        message = f"unknown function `{name}`" if name else "only functions can be called"
        raise ExprError(message, f"available: {', '.join(FUNCTIONS)}", offset, width)
    low, high = _ARITY.get(name, (1, 1))
    if node.keywords or any(isinstance(a, ast.Starred) for a in node.args) or not low <= len(node.args) <= high:
        count = f"{low}" if low == high else f"{low} to {high}"
        raise ExprError(f"`{name}` takes {count} argument{'s' * (high > 1)}", "", offset, width)


def _evaluate(node: ast.expr, scope: Mapping[str, Plain]) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return _CONSTANTS[node.id] if node.id in _CONSTANTS and node.id not in scope else scope[node.id]
        case ast.Attribute():
            return _axis(axis_name(node), scope)
        case ast.BinOp():
            left, right = _evaluate(node.left, scope), _evaluate(node.right, scope)
            return _arithmetic(node, left, right)
        case ast.UnaryOp(op=ast.Not()):
            return not _truth(_evaluate(node.operand, scope))
        case ast.UnaryOp():
            value = _number(_evaluate(node.operand, scope))
            return -value if isinstance(node.op, ast.USub) else value
        case ast.BoolOp():
            wanted = isinstance(node.op, ast.Or)
            return _any_of(node.values, scope, wanted)
        case ast.Compare():
            return _compare(node, scope)
        case ast.IfExp():
            return _evaluate(node.body if _truth(_evaluate(node.test, scope)) else node.orelse, scope)
        case ast.Subscript():
            return _subscript(node, scope)
        case ast.List():
            return [_evaluate(item, scope) for item in node.elts]
        case ast.ListComp(generators=[ast.comprehension(target=ast.Name(id=name), iter=items)]):
            values = _list(_evaluate(items, scope))
            return [_evaluate(node.elt, {**scope, name: value}) for value in values]
        case ast.Call(func=ast.Name(id=name)):
            return _call(name, [_evaluate(argument, scope) for argument in node.args])
    raise ExprError("cannot evaluate the expression")


def _axis(name: str, scope: Mapping[str, Plain]) -> Plain:
    if name not in scope:
        tensor, axis = axis_of(name)
        known = [f"`${tensor}.{other}`" for other in AXES if f"{tensor}.{other}" in scope]
        hint = f"available: {', '.join(reversed(known))}" if known else ""
        raise ExprError(f"{_TENSORS[tensor]} has no {axis}", hint)
    return scope[name]


_TENSORS = {INPUT: "the input", HERE: "the input of this step"}


def _any_of(values: list[ast.expr], scope: Mapping[str, Plain], wanted: bool) -> bool:
    """Evaluate `or` (wanted true) or `and` (wanted false), stopping at the first value that decides."""
    for value in values:
        if _truth(_evaluate(value, scope)) is wanted:
            return wanted
    return not wanted


def _arithmetic(node: ast.BinOp, left: Any, right: Any) -> Any:
    left, right = _number(left), _number(right)
    try:
        value = _ARITHMETIC[type(node.op)](left, right)
    except ZeroDivisionError:
        raise ExprError(f"cannot divide {left} by zero") from None
    except OverflowError:
        raise ExprError("the result is too large") from None
    if isinstance(value, complex):
        raise ExprError(f"a fractional power of the negative number {left} has no value")
    return _bounded(value)


def _compare(node: ast.Compare, scope: Mapping[str, Plain]) -> bool:
    left = _evaluate(node.left, scope)
    for op, right_node in zip(node.ops, node.comparators, strict=True):
        right = _evaluate(right_node, scope)
        if not _alike(left, right):
            raise ExprError(f"cannot compare {shown(left)} with {shown(right)}")
        if isinstance(left, str | bool | list) and not isinstance(op, ast.Eq | ast.NotEq):
            raise ExprError(f"{shown(left)} and {shown(right)} have no order", "compare them with `==` or `!=`")
        if not _COMPARISONS[type(op)](left, right):
            return False
        left = right
    return True


def _alike(left: Any, right: Any) -> bool:
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (left, right))
    return numbers or type(left) is type(right)


def _subscript(node: ast.Subscript, scope: Mapping[str, Plain]) -> Any:
    value = _evaluate(node.value, scope)
    if not isinstance(value, list | tuple):
        raise ExprError(f"cannot index {shown(value)}: it is not a list")
    if isinstance(node.slice, ast.Slice):
        ends = (node.slice.lower, node.slice.upper)
        first, last = (None if end is None else _whole(_evaluate(end, scope)) for end in ends)
        return list(value[first:last])
    index = _whole(_evaluate(node.slice, scope))
    if not -len(value) <= index < len(value):
        raise ExprError(f"index {index} is out of range for a list of length {len(value)}", "indices start at 0")
    return value[index]


def _call(name: str, arguments: list[Any]) -> Any:
    if name in _OVER_LIST or (name in ("min", "max") and len(arguments) == 1):
        if not isinstance(arguments[0], list | tuple):
            raise ExprError(f"`{name}` expects a list, got {shown(arguments[0])}")
        if name == "len":
            return len(arguments[0])
        items = [_number(item) for item in arguments[0]]
        if not items and name != "sum":
            raise ExprError(f"`{name}` of an empty list has no value")
        return _bounded(FUNCTIONS[name](items))
    numbers = [_number(argument) for argument in arguments]
    if name == "divisible" and (_whole(numbers[1]) < 1 or numbers[0] < 0):
        raise ExprError(f"divisible({numbers[0]}, {numbers[1]}) has no value", "use a divisor of at least 1")
    if (name == "log" and numbers[0] <= 0) or (name == "sqrt" and numbers[0] < 0):
        raise ExprError(f"{name}({numbers[0]}) has no value")
    return _bounded(FUNCTIONS[name](*numbers))


def _list(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        raise ExprError(f"expected a list after `in`, got {shown(value)}")
    return value


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ExprError(f"expected a number, got {shown(value)}")
    return value


def _whole(value: Any) -> int:
    if _number(value) != int(value):
        raise ExprError(f"expected an integer, got {shown(value)}", "use `//` for integer division")
    return int(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ExprError(f"expected a boolean, got {shown(value)}", "write a comparison, such as `$x > 0`")
    return value


def _bounded(value: Any) -> Any:
    if not -LARGEST <= value <= LARGEST:
        raise ExprError("the result is too large")
    return value
