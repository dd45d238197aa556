"""Python source as data, and how it is laid out: as ruff formats it, and with every string escaped."""

from __future__ import annotations

import ast
import io
import itertools
import re
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from archdsl.expr import Expression
from archdsl.ops import Call

WIDTH = 88
"""Characters in a line: ruff's default."""


@dataclass(frozen=True, slots=True)
class Bracket:
    """Something that may be broken into lines.

    Args:
        head: all up to and with the opening bracket.
        items: what stands inside.
        tail: the closing bracket, and all behind it.
        style: a call and a comprehension may stay on one indented line; a list has an item a line; a comprehension
            has no commas; operands have no brackets, and stand under one another.
        open: whether it is broken even where it would fit.
    """

    head: str
    items: tuple[Source, ...]
    tail: str
    style: Literal["call", "list", "comprehension", "operands"] = "call"
    open: bool = False

    @property
    def comma(self) -> str:
        return "," if self.style in ("call", "list") else ""

    def inside(self) -> str:
        """The items on one line."""
        return f"{self.comma} ".join(flat(item) for item in self.items)

    def flat(self) -> str:
        return self.head + self.inside() + self.tail

    @property
    def forced(self) -> bool:
        return self.open or any(isinstance(item, Bracket) and item.forced for item in self.items)


Source: TypeAlias = str | Bracket


def flat(source: Source) -> str:
    """The source on one line."""
    return source if isinstance(source, str) else source.flat()


def lines(source: Source, indent: int = 0, behind: str = "", inside: bool = False) -> list[str]:
    """The source as lines: one where it fits, else broken at its brackets, or before its operators.

    Args:
        behind: what follows on the last line.
        inside: whether it stands in brackets already.
    """
    margin = " " * indent
    whole = margin + flat(source) + behind
    forced = isinstance(source, Bracket) and source.forced
    if not forced and len(whole) <= WIDTH:
        return [whole]
    if isinstance(source, str):
        source = opened(source) if inside else opened_statement(source, indent)
    if isinstance(source, str) or not source.items:
        return [whole]
    if source.style == "operands" and not inside:
        source = Bracket(f"{source.head}(", source.items, f"){source.tail}", "comprehension")
    elif source.style == "operands":
        first, *middle, last = source.items
        ends = [(before(source.head, first), ""), *((item, "") for item in middle), (last, source.tail + behind)]
        return [line for item, end in ends for line in lines(item, indent, end, True)]
    inner = " " * (indent + 4) + source.inside()
    if source.style != "list" and not forced and len(inner) <= WIDTH:
        broken = [inner]
    else:
        broken = [line for item in source.items for line in lines(item, indent + 4, source.comma, True)]
    return [margin + source.head, *broken, margin + source.tail + behind]


_STATEMENT = re.compile(r"(?:return |raise |(?:el)?if |for [\w, ()]+? in |[\w.]+ = )?")
_OPERATOR = re.compile(r"(?:if|else|and|or|not|for [\w, ()]+? in|\w+=(?!=)|//|[=!<>]=|[-+*/%<>]) ?")


def opened_statement(text: str, indent: int) -> Source:
    """A statement with the places at which it may be broken; without brackets of its own it gets a pair."""
    prefix = _STATEMENT.match(text)[0]  # type: ignore[index]
    suffix = ":" if text.endswith(":") else ""
    inner = opened(text[len(prefix) : len(text) - len(suffix)])
    if isinstance(inner, str):
        return text
    if inner.style == "operands" and len(inner.items) == 2:
        first, last = flat(inner.items[0]), opened(flat(inner.items[1]))
        if isinstance(last, Bracket) and last.style != "operands" and indent + len(f"{first} {last.head}") <= WIDTH:
            inner = before(f"{first} ", last)
    return before(prefix, inner, suffix)


def opened(text: str) -> Source:
    """An expression (or a clause) with the places at which it may be broken, outermost brackets first."""
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError:
        tree = None
    if tree is None or isinstance(tree, ast.UnaryOp):
        operator = _OPERATOR.match(text)
        return before(operator[0], opened(text[operator.end() :])) if operator else text
    data = text.encode()
    cuts = _cuts(tree, data)
    if cuts is None:
        return text
    first, last, style = cuts.first, cuts.last, cuts.style
    ends = [*cuts.between, last]
    starts = [first, *(cut + (data[cut : cut + 1] == b",") for cut in cuts.between)]
    items = tuple(data[a:b].decode().strip() for a, b in zip(starts, ends, strict=True) if data[a:b].strip())
    return Bracket(data[:first].decode(), items, data[last:].decode(), style)


@dataclass(frozen=True, slots=True)
class _Cuts:
    """Where the text of an expression is cut, in bytes: behind its head, before its tail, and between its items."""

    first: int
    last: int
    between: list[int]
    style: Literal["call", "list", "comprehension", "operands"]


def _cuts(tree: ast.expr, data: bytes) -> _Cuts | None:
    end = len(data)
    operands: list[ast.expr]
    match tree:
        case ast.Call(func=func, args=[ast.GeneratorExp() as only], keywords=[]):
            return _Cuts(data.index(b"(", _end(func)) + 1, end - 1, _clauses(only, data), "comprehension")
        case ast.Call(func=func):
            written: list[ast.expr | ast.keyword] = [*tree.args, *tree.keywords]
            items = sorted(written, key=lambda item: item.col_offset)
            return _Cuts(data.index(b"(", _end(func)) + 1, end - 1, _between(items, data, [b","]), "call")
        case ast.List() | ast.Tuple():
            return _Cuts(1, end - 1, _between(tree.elts, data, [b","]), "list")
        case ast.ListComp() | ast.GeneratorExp():
            return _Cuts(1, end - 1, _clauses(tree, data), "comprehension")
        case ast.IfExp():
            return _Cuts(0, end, _between([tree.body, tree.test, tree.orelse], data, [b"if", b"else"]), "operands")
        case ast.BoolOp():
            return _Cuts(0, end, _between(tree.values, data, [b"and", b"or"]), "operands")
        case ast.Compare():
            operands = [tree.left, *tree.comparators]
            return _Cuts(0, end, _between(operands, data, [b"==", b"!=", b"<", b">", b"in"]), "operands")
        case ast.BinOp():
            operands = [tree]
            while isinstance(operands[0], ast.BinOp) and _level(operands[0].op) == _level(tree.op):
                operands[:1] = [operands[0].left, operands[0].right]
            return _Cuts(0, end, _between(operands, data, [b"+", b"-", b"*", b"/", b"%"]), "operands")
    return None


def _level(operator: ast.operator) -> bool:
    return isinstance(operator, ast.Add | ast.Sub)


def _end(node: Any) -> int:
    return int(node.end_col_offset)


def _between(nodes: Sequence[Any], data: bytes, signs: Sequence[bytes]) -> list[int]:
    """Where the first of the signs stands between each two nodes."""
    found = []
    for left, right in itertools.pairwise(nodes):
        gap = data[_end(left) : right.col_offset]
        found.append(_end(left) + min(gap.index(sign) for sign in signs if sign in gap))
    return found


def _clauses(tree: ast.ListComp | ast.GeneratorExp, data: bytes) -> list[int]:
    """Where each `for` and each `if` of a comprehension stands."""
    found = []
    for clause in tree.generators:
        found.append(data.rindex(b"for ", 0, clause.target.col_offset))
        found += [data.rindex(b"if ", 0, test.col_offset) for test in clause.ifs]
    return found


def before(prefix: str, source: Source, suffix: str = "") -> Source:
    """The source with text before and behind it."""
    if isinstance(source, str):
        return prefix + source + suffix
    return Bracket(prefix + source.head, source.items, source.tail + suffix, source.style, source.open)


def listed(items: Sequence[Source], open: bool = False) -> Source:
    """A list of items; one starred list alone is that list.

    Args:
        open: whether several items stand on lines of their own even where they would fit on one.
    """
    if len(items) == 1 and flat(items[0]).startswith(("*[", "*(")):
        only = items[0]
        if isinstance(only, str):
            return only[1:]
        if only.head == "*(":
            return Bracket("", only.items, "", "operands")
        return Bracket(only.head[1:], only.items, only.tail, only.style, only.open)
    return Bracket("[", tuple(items), "]", "list", open and len(items) > 1)


def quote(text: str) -> str:
    """A string literal as ruff writes it, and from which no text can break out."""
    mark = "'" if '"' in text and "'" not in text else '"'
    escapes = {"\\": "\\\\", mark: "\\" + mark, "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    body = "".join(escapes.get(c) or (c if c.isprintable() else ascii(c)[1:-1]) for c in text)
    return f"{mark}{body}{mark}"


@dataclass(frozen=True, slots=True)
class Names:
    """How the names of expressions are written where the source stands: `filters`, or `self.filters`."""

    by_name: Mapping[str, str]

    def write(self, value: Any) -> Source:
        """A literal, an expression, a list, or a Call."""
        if isinstance(value, Expression):
            return self.expression(value.tree)
        if isinstance(value, Call):
            return self.call(value)
        if isinstance(value, str):
            return quote(value)
        if isinstance(value, list | tuple):
            marks = "[]" if isinstance(value, list) else "()"
            items = tuple(self.write(item) for item in value)
            closing = "," + marks[1] if isinstance(value, tuple) and len(items) == 1 else marks[1]
            return Bracket(marks[0], items, closing, "list")
        return repr(value)

    def call(self, call: Call, extra: Sequence[Source] = ()) -> Bracket:
        """A constructor's call, with more arguments behind its own."""
        items = [self.write(value) for value in call.positional]
        items += [before(f"{key}=", self.write(value)) for key, value in call.keywords.items()]
        return Bracket(f"{call.target}(", (*items, *extra), ")")

    def expression(self, tree: ast.expr) -> str:
        """An expression's source."""
        return _double_quoted(_unparse(_Rename(self.by_name).visit(_copy(tree))))


class _Rename(ast.NodeTransformer):
    def __init__(self, by_name: Mapping[str, str]) -> None:
        self.by_name = by_name

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in ("true", "false") and node.id not in self.by_name:
            return ast.Constant(node.id == "true")
        return ast.parse(self.by_name.get(node.id, node.id), mode="eval").body

    def visit_Call(self, node: ast.Call) -> ast.expr:
        function = {"ceil": "math.ceil", "floor": "math.floor"}.get(ast.unparse(node.func))
        arguments = [self.visit(argument) for argument in node.args]
        return ast.Call(ast.parse(function, mode="eval").body if function else node.func, arguments, node.keywords)


def _unparse(tree: ast.expr) -> str:
    """The tree's source, without the second pair of brackets around a generator that is a call's one argument."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp):
            name = f"__generator_{len(found)}__"
            found[name] = _unparse(node.args[0])[1:-1]
            node.args = [ast.Name(name)]
    text = ast.unparse(tree)
    for name, inner in found.items():
        text = text.replace(name, inner)
    return text


def _copy(tree: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(tree), mode="eval").body


def _double_quoted(source: str) -> str:
    if "'" not in source:
        return source
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    edits = [(t.start[1], t.end[1], quote(ast.literal_eval(t.string))) for t in tokens if t.type == tokenize.STRING]
    for start, end, text in reversed(edits):
        source = source[:start] + text + source[end:]
    return source


def call_functions(expressions: Iterable[Expression]) -> set[str]:
    """The functions that expressions call."""
    nodes = (node for expression in expressions for node in ast.walk(expression.tree))
    return {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
