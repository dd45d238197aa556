"""Python source as data, and how it is laid out: as ruff formats it, and with every string escaped."""

from __future__ import annotations

import ast
import io
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
    """Something in brackets that may be broken into lines.

    Args:
        head: all up to and with the opening bracket.
        items: what stands inside.
        tail: the closing bracket, and all behind it.
        style: a call may stay on one indented line; a list has an item a line; a comprehension has no commas.
        open: whether it is broken even where it would fit.
    """

    head: str
    items: tuple[Source, ...]
    tail: str
    style: Literal["call", "list", "comprehension"] = "call"
    open: bool = False

    def flat(self) -> str:
        between = " " if self.style == "comprehension" else ", "
        return self.head + between.join(flat(item) for item in self.items) + self.tail

    @property
    def forced(self) -> bool:
        return self.open or any(isinstance(item, Bracket) and item.forced for item in self.items)


Source: TypeAlias = str | Bracket


def flat(source: Source) -> str:
    """The source on one line."""
    return source if isinstance(source, str) else source.flat()


def lines(source: Source, indent: int = 0, behind: str = "") -> list[str]:
    """The source as lines: one where it fits, else broken at its brackets."""
    margin = " " * indent
    whole = margin + flat(source) + behind
    if isinstance(source, str) or (not source.forced and len(whole) <= WIDTH):
        return [whole]
    if not source.items:
        return [whole]
    inner = " " * (indent + 4)
    result = [margin + source.head]
    joined = inner + ", ".join(flat(item) for item in source.items)
    if source.style == "call" and not source.forced and len(joined) <= WIDTH:
        result.append(joined)
    else:
        comma = "" if source.style == "comprehension" else ","
        for item in source.items:
            result += lines(item, indent + 4, comma)
    return [*result, margin + source.tail + behind]


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

    def call(self, call: Call, extra: Sequence[Source] = (), tail: str = ")") -> Bracket:
        """A constructor's call, with more arguments behind its own."""
        items = [self.write(value) for value in call.positional]
        items += [before(f"{key}=", self.write(value)) for key, value in call.keywords.items()]
        return Bracket(f"{call.target}(", (*items, *extra), tail)

    def expression(self, tree: ast.expr) -> str:
        """An expression's source."""
        return _double_quoted(ast.unparse(_Rename(self.by_name).visit(_copy(tree))))


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
        return ast.Call(ast.parse(function, mode="eval").body if function else node.func, arguments, [])


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
