"""Expressions of a spec as Python source, with their types."""

from __future__ import annotations

import ast
import copy
import io
import tokenize
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archdsl.codegen.printer import Bracket, Source, quote, surround
from archdsl.expr import AXES, INPUT, Expression, axis_name
from archdsl.ops import Call
from archdsl.steps import Value

_INT_FUNCTIONS = {"round", "ceil", "floor", "len", "divisible"}
_FLOAT_FUNCTIONS = {"sqrt", "log"}
MATH = {"ceil", "floor", "sqrt", "log"}
"""The functions of Python's module `math`."""


class Verbatim(str):
    """Source that is written as it is."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ExpressionWriter:
    """Converts values to source, with each name as it is in scope: `filters` or `self.filters`."""

    by_name: Mapping[str, str]

    def write(self, value: Any) -> Source:
        """The source of a literal, an expression, a list, a tuple, a dict or a `Call`."""
        if isinstance(value, Expression):
            return self.expression(value.tree)
        if isinstance(value, Call):
            return self.call(value)
        if isinstance(value, Verbatim):
            return str(value)
        if isinstance(value, str):
            return quote(value)
        if isinstance(value, list | tuple):
            marks = "[]" if isinstance(value, list) else "()"
            items = tuple(self.write(item) for item in value)
            closing = "," + marks[1] if isinstance(value, tuple) and len(items) == 1 else marks[1]
            return Bracket(marks[0], items, closing, "list")
        if isinstance(value, dict):
            entries = tuple(surround(f"{quote(key)}: ", self.write(item)) for key, item in value.items())
            return Bracket("{", entries, "}", "list")
        return repr(value)

    def call(self, call: Call, extra: Sequence[Source] = ()) -> Bracket:
        """The source of a constructor call, with extra arguments at the end."""
        # A layer that another one wraps has the same precision, and a name of its own.
        shared = [word for word in extra if isinstance(word, str) and word.startswith("dtype=")]
        items = [
            self.call(value, shared)
            if isinstance(value, Call) and value.target.startswith("layers.")
            else self.write(value)
            for value in call.positional
        ]
        items += [surround(f"{key}=", self.write(value)) for key, value in call.keywords.items()]
        return Bracket(f"{call.target}(", (*items, *extra), ")")

    def expression(self, tree: ast.expr) -> str:
        """The source of an expression, with double quotes."""
        source = _unparse(_Rename(self.by_name).visit(copy.deepcopy(tree)))
        tokens = tokenize.generate_tokens(io.StringIO(source).readline) if "'" in source else ()
        edits = [(t.start[1], t.end[1], quote(ast.literal_eval(t.string))) for t in tokens if t.type == tokenize.STRING]
        for start, end, text in reversed(edits):
            source = source[:start] + text + source[end:]
        return source


def input_names(shape: str) -> dict[str, str]:
    """The source of `$channels`, `$input.channels` and so on, for the source of the shape of the input.

    The channels have a variable, `channels`.
    """
    axes = {f"{INPUT}.{axis}": f"{shape}[{position}]" for axis, position in AXES.items()}
    return {**axes, "channels": "channels", f"{INPUT}.channels": "channels"}


SPEC_NAMES = ExpressionWriter({})
"""Converts expressions with the names of the spec."""


class _Rename(ast.NodeTransformer):
    def __init__(self, by_name: Mapping[str, str]) -> None:
        self.by_name = by_name

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in ("true", "false") and node.id not in self.by_name:
            return ast.Constant(node.id == "true")
        return ast.parse(self.by_name.get(node.id, node.id), mode="eval").body

    def visit_ListComp(self, node: ast.ListComp) -> ast.expr:
        loop = node.generators[0]
        inner = _Rename({name: source for name, source in self.by_name.items() if name != ast.unparse(loop.target)})
        node.elt, loop.iter = inner.visit(node.elt), self.visit(loop.iter)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        source = self.by_name.get(axis_name(node))
        return node if source is None else ast.parse(source, mode="eval").body

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = ast.unparse(node.func)
        function = f"math.{name}" if name in MATH else ""
        arguments = [self.visit(argument) for argument in node.args]
        return ast.Call(ast.parse(function, mode="eval").body if function else node.func, arguments, node.keywords)


def _unparse(tree: ast.expr) -> str:
    """The source of a tree, without redundant parentheses around a generator that is the only argument."""
    generators: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp):
            name = f"__generator_{len(generators)}__"
            generators[name] = _unparse(node.args[0])[1:-1]
            node.args = [ast.Name(name)]
    text = ast.unparse(_ClosePowers().visit(tree))
    for name, inner in generators.items():
        text = text.replace(name, inner)
    return text


class _ClosePowers(ast.NodeTransformer):
    """Writes powers of names and numbers without spaces, as ruff does."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Pow):
            return node
        if isinstance(node.left, ast.Name) and "**" in node.left.id:
            node.left = ast.Name(f"({node.left.id})")
            return node
        exponent = node.right.operand if isinstance(node.right, ast.UnaryOp) else node.right
        if _is_simple(node.left) and _is_simple(exponent):
            return ast.Name(f"{ast.unparse(node.left)}**{ast.unparse(node.right)}")
        return node


def _is_simple(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return _is_simple(node.value)
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and "**" not in node.id)


def called_functions(values: Iterable[Value]) -> set[str]:
    """The functions that are called in the expressions of some values."""
    nodes = (node for value in values for expression, _ in value.expressions() for node in ast.walk(expression.tree))
    return {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}


def expression_type(tree: ast.expr, types: Mapping[str, str]) -> str:
    """The static type of an expression: `int`, `float`, or `any` if unknown.

    Args:
        types: the types of its names; `floats` is a list that contains a float.
    """
    match tree:
        case ast.Constant():
            return type(tree.value).__name__
        case ast.Name():
            return types.get(tree.id, "any")
        case ast.Attribute():
            return "int"
        case ast.BinOp():
            both = expression_type(tree.left, types), expression_type(tree.right, types)
            is_float = isinstance(tree.op, ast.Div | ast.Pow) or "float" in both
            return "float" if is_float else "any" if "any" in both else "int"
        case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            return expression_type(tree.operand, types)
        case ast.IfExp():
            both = expression_type(tree.body, types), expression_type(tree.orelse, types)
            return "float" if "float" in both else "any" if "any" in both else both[0]
        case ast.Call(func=ast.Name(id=name)):
            floats = any(expression_type(argument, types) in ("float", "floats") for argument in tree.args)
            return "int" if name in _INT_FUNCTIONS else "float" if floats or name in _FLOAT_FUNCTIONS else "any"
        case ast.Subscript(slice=ast.Slice()):
            return expression_type(tree.value, types)
        case ast.Subscript() if expression_type(tree.value, types) == "floats":
            return "float"
        case ast.List():
            return "floats" if any(expression_type(item, types) == "float" for item in tree.elts) else "list"
        case ast.ListComp(generators=[ast.comprehension(target=ast.Name(id=name), iter=items)]):
            item = "float" if expression_type(items, types) == "floats" else "any"
            return "floats" if expression_type(tree.elt, {**types, name: item}) == "float" else "list"
    return "any"


def value_type(value: Value, types: Mapping[str, str]) -> str:
    """The type of a value, like `expression_type`, or `list`."""
    if isinstance(value.content, Expression):
        return expression_type(value.content.tree, types)
    return "list" if isinstance(value.content, tuple) else type(value.content).__name__


def row_type(column: Value, types: Mapping[str, str]) -> str:
    """The common type of a column of a `for`."""
    if isinstance(column.content, tuple):
        kinds = {value_type(item, types) for item in column.content}
        return kinds.pop() if len(kinds) == 1 else "float" if "float" in kinds else "any"
    kind = value_type(column, types)
    return "float" if kind == "floats" else "int" if kind == "int" else "any"


def plus(*terms: str) -> str:
    """The source of a sum, with constants folded: `depth - 1` plus 1 is `depth`."""
    return total(Counter(terms))


def total(terms: Mapping[str, int]) -> str:
    """The source of a sum of terms, each given with the number of times that it occurs."""
    number, trees = 0, []
    for term, times in terms.items():
        tree = ast.parse(term, mode="eval").body
        while isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add | ast.Sub) and _is_int(tree.right):
            more = tree.right.value * (1 if isinstance(tree.op, ast.Add) else -1)  # type: ignore[attr-defined]
            number += times * more
            tree = tree.left
        if _is_int(tree):
            number += times * tree.value  # type: ignore[attr-defined]
        else:
            trees.append(tree if times == 1 else ast.BinOp(ast.Constant(times), ast.Mult(), tree))
    if not trees:
        return str(number)
    found = trees[0]
    for tree in trees[1:]:
        found = ast.BinOp(found, ast.Add(), tree)
    if number:
        found = ast.BinOp(found, ast.Add() if number > 0 else ast.Sub(), ast.Constant(abs(number)))
    return SPEC_NAMES.expression(found)


def _is_int(tree: ast.expr) -> bool:
    return isinstance(tree, ast.Constant) and type(tree.value) is int
