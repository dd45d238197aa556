"""Python source as a tree, formatted like ruff, with all strings escaped."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

WIDTH = 88
"""The line length, which is the default of ruff."""

Style: TypeAlias = Literal["call", "list", "comprehension", "operands"]


@dataclass(frozen=True, slots=True)
class Bracket:
    """Source in brackets, which can be split into lines.

    Args:
        head: everything up to and including the opening bracket.
        items: the content.
        tail: the closing bracket, and everything after it.
        style: the items of a call or comprehension may be on one indented line; a list has one item per line; a
            comprehension has no commas; operands have no brackets, and are always one per line.
        one_per_line: whether to split it even if it fits on one line.
    """

    head: str
    items: tuple[Source, ...]
    tail: str
    style: Style = "call"
    one_per_line: bool = False

    @property
    def comma(self) -> str:
        return "," if self.style in ("call", "list") else ""

    def inside(self) -> str:
        """The items on one line."""
        return f"{self.comma} ".join(flat(item) for item in self.items)

    @property
    def forced(self) -> bool:
        """Whether it contains a bracket with one item per line, which cannot be on one line."""
        return self.one_per_line or any(isinstance(item, Bracket) and item.forced for item in self.items)


Source: TypeAlias = str | Bracket


def flat(source: Source) -> str:
    """The source on one line."""
    return source if isinstance(source, str) else source.head + source.inside() + source.tail


# How lines are split. A source that fits on one line stays on one line. Otherwise its outermost bracket is opened: the
# items go on one indented line if they fit, else on one line each, and the same rule applies to each item. Plain text
# is first parsed and split where ruff would split it (`breakable`): at the commas of a call or a list, before the
# clauses of a comprehension, and before operators. A statement without brackets gets a pair.


def lines(source: Source, indent: int = 0, suffix: str = "", bracketed: bool = False) -> list[str]:
    """The source as one line if it fits, else split at brackets or before operators.

    Args:
        source: a statement, or an item of a bracket.
        indent: spaces before the first line.
        suffix: the text after it on the last line.
        bracketed: whether it is already inside brackets.
    """
    margin = " " * indent
    whole = margin + flat(source) + suffix
    forced = isinstance(source, Bracket) and source.forced
    if not forced and len(whole) <= WIDTH:
        return [whole]
    if isinstance(source, str):
        source = breakable(source) if bracketed else _breakable_statement(source, indent)
    if isinstance(source, str) or not source.items:
        return [whole]
    if source.style == "operands" and not bracketed:
        source = Bracket(f"{source.head}(", source.items, f"){source.tail}", "comprehension")
    elif source.style == "operands":
        first, *middle, last = source.items
        ends = [(surround(source.head, first), ""), *((item, "") for item in middle), (last, source.tail + suffix)]
        return [line for item, end in ends for line in lines(item, indent, end, True)]
    inner = " " * (indent + 4) + source.inside()
    if source.style != "list" and not forced and len(inner) <= WIDTH:
        broken = [inner]
    else:
        broken = [line for item in source.items for line in lines(item, indent + 4, source.comma, True)]
    return [margin + source.head, *broken, margin + source.tail + suffix]


_STATEMENT = re.compile(r"(?:return |raise |(?:el)?if |for [\w, ()]+? in |[\w.]+ = )?")
_OPERATOR = re.compile(r"(?:if|else|and|or|not|for [\w, ()]+? in|\w+=(?!=)|//|[=!<>]=|[-+*/%<>]) ?")


def _breakable_statement(text: str, indent: int) -> Source:
    """A statement as a tree that can be split."""
    prefix = _STATEMENT.match(text)[0]  # type: ignore[index]
    suffix = ":" if text.endswith(":") else ""
    inner = breakable(text[len(prefix) : len(text) - len(suffix)])
    if isinstance(inner, str):
        return text
    if inner.style == "operands" and len(inner.items) == 2:
        first, last = flat(inner.items[0]), breakable(flat(inner.items[1]))
        if isinstance(last, Bracket) and last.style != "operands" and indent + len(f"{first} {last.head}") <= WIDTH:
            inner = surround(f"{first} ", last)
    return surround(prefix, inner, suffix)


def breakable(text: str) -> Source:
    """An expression (or a clause) as a tree that can be split, outermost brackets first."""
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError:
        tree = None
    if tree is None or isinstance(tree, ast.UnaryOp):
        operator = _OPERATOR.match(text)
        return surround(operator[0], breakable(text[operator.end() :])) if operator else text
    data = text.encode()  # the positions in a tree count bytes
    if data[:1] == b"(" and (tree.col_offset, tree.end_col_offset) == (1, len(data) - 1):
        return Bracket("(", (text[1:-1],), ")", "comprehension")
    style, cuts = _cuts(tree, data)
    if not cuts:
        return text
    texts = [data[a:b].removeprefix(b",").decode().strip() for a, b in itertools.pairwise(cuts)]
    return Bracket(data[: cuts[0]].decode(), tuple(filter(None, texts)), data[cuts[-1] :].decode(), style)


def _cuts(tree: ast.expr, data: bytes) -> tuple[Style, list[int]]:
    """The byte offsets to split an expression at: after its head, between its items, before its tail."""
    end = len(data)
    match tree:
        case ast.Call(func=func, args=[ast.GeneratorExp() as only], keywords=[]):
            return "comprehension", [data.index(b"(", _end(func)) + 1, *_clauses(only, data), end - 1]
        case ast.Call(func=func):
            written: list[ast.expr | ast.keyword] = [*tree.args, *tree.keywords]
            items = sorted(written, key=lambda item: item.col_offset)
            return "call", [data.index(b"(", _end(func)) + 1, *_between(items, data, ","), end - 1]
        case ast.List() | ast.Tuple():
            return "list", [1, *_between(tree.elts, data, ","), end - 1]
        case ast.ListComp() | ast.GeneratorExp():
            return "comprehension", [1, *_clauses(tree, data), end - 1]
        case ast.IfExp():
            return "operands", [0, *_between([tree.body, tree.test, tree.orelse], data, "if", "else"), end]
        case ast.BoolOp():
            return "operands", [0, *_between(tree.values, data, "and", "or"), end]
        case ast.Compare():
            return "operands", [0, *_between([tree.left, *tree.comparators], data, "==", "!=", "<", ">", "in"), end]
        case ast.BinOp():
            operands: list[ast.expr] = [tree]
            while isinstance(operands[0], ast.BinOp) and _is_sum(operands[0]) == _is_sum(tree):
                operands[:1] = [operands[0].left, operands[0].right]
            return "operands", [0, *_between(operands, data, "+", "-", "*", "/", "%"), end]
    return "operands", []


def _is_sum(tree: ast.BinOp) -> bool:
    return isinstance(tree.op, ast.Add | ast.Sub)


def _end(node: Any) -> int:
    return int(node.end_col_offset)


def _between(nodes: Sequence[Any], data: bytes, *signs: str) -> Iterator[int]:
    """The offset of the first of `signs` between each two nodes."""
    for left, right in itertools.pairwise(nodes):
        gap = data[_end(left) : right.col_offset]
        yield _end(left) + min(gap.index(sign.encode()) for sign in signs if sign.encode() in gap)


def _clauses(tree: ast.ListComp | ast.GeneratorExp, data: bytes) -> Iterator[int]:
    """The offset of each `for` and `if` of a comprehension."""
    for clause in tree.generators:
        yield data.rindex(b"for ", 0, clause.target.col_offset)
        yield from (data.rindex(b"if ", 0, test.col_offset) for test in clause.ifs)


def surround(prefix: str, source: Source, suffix: str = "") -> Source:
    """A source with text before and after it."""
    if isinstance(source, str):
        return prefix + source + suffix
    return replace(source, head=prefix + source.head, tail=source.tail + suffix)


def list_literal(items: Sequence[Source], one_per_line: bool = False) -> Source:
    """A list of items; a single starred list is unpacked.

    Args:
        items: the items of the list.
        one_per_line: whether to write several items on separate lines even if they fit on one.
    """
    if len(items) == 1 and flat(items[0]).startswith("*"):
        only = items[0]
        if isinstance(only, str):
            return only[1:]
        if only.head == "*(":
            return Bracket("", only.items, "", "operands")
        return replace(only, head=only.head[1:])
    return Bracket("[", tuple(items), "]", "list", one_per_line and len(items) > 1)


def quote(text: str) -> str:
    """An escaped string literal, formatted like ruff."""
    mark = "'" if '"' in text and "'" not in text else '"'
    escapes = {"\\": "\\\\", mark: "\\" + mark, "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    body = "".join(escapes.get(c) or (c if c.isprintable() else ascii(c)[1:-1]) for c in text)
    return f"{mark}{body}{mark}"


@dataclass
class Statements:
    """A builder for the lines of a method."""

    text: list[str] = field(default_factory=list)
    indent: int = 8
    last: tuple[int, Source] = (-1, "")
    """The first line of the last statement, and its source."""

    def add(self, *sources: Source) -> None:
        for source in sources:
            self.last = len(self.text), source
            self.text += lines(source, self.indent)

    def assign(self, name: str, value: str) -> None:
        """Add an assignment, unless it assigns a variable to itself."""
        if name != value:
            self.add(f"{name} = {value}")

    @contextmanager
    def block(self, head: Source) -> Iterator[None]:
        """Context in which added lines are indented under a head such as `if x:`.

        A block without lines is omitted; without a head, the lines are not indented.
        """
        if not head:
            yield
            return
        start = len(self.text)
        self.add(head)
        opened = len(self.text)
        self.indent += 4
        yield
        self.indent -= 4
        if len(self.text) == opened:
            del self.text[start:]

    def returning(self, result: str, variable: str) -> list[str]:
        """The lines with a final `return result`, which replaces a final assignment to that variable."""
        start, source = self.last
        assigned = f"{variable} = "
        if result == variable and start >= 0 and self.text[start].startswith(" " * 8 + assigned):
            if isinstance(source, str):
                value: Source = source.removeprefix(assigned)
            else:
                value = replace(source, head=source.head.removeprefix(assigned))
            return [*self.text[:start], *lines(surround("return ", value), 8)]
        return [*self.text, *lines(f"return {result}", 8)]

    def raise_value_error(self, expected: str, received: str) -> None:
        """Add `raise ValueError(...)`; a long message is split into two lines."""
        fits = self.indent + len(f'f"{expected}{received}"') + 4 <= WIDTH
        message = (f'f"{expected}{received}"',) if fits else (f'"{expected}"', f'f"{received}"')
        self.add(Bracket("raise ValueError(", message, ")", "comprehension"))
