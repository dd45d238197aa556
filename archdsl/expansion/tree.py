"""The long form before it is text: entries with their comments, and where each value came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from archdsl import source


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment behind a value, and the column (from 0) that it begins in where there is room."""

    column: int
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar. Text of the spec may need quotes; numbers and the other words of YAML never do."""

    text: str
    quotable: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """A mapping, or a list, whose entries have no keys.

    Args:
        open: whether each entry has a line of its own, however short it is.
    """

    items: tuple[Item, ...]
    listed: bool = False
    open: bool = False

    def commented(self) -> bool:
        """Whether a comment stands somewhere inside, which only lines of their own can keep."""
        return any(item.commented() for item in self.items)


Tree: TypeAlias = Text | Group


@dataclass(frozen=True, slots=True)
class Item:
    """One entry.

    Args:
        origin: where the value came from, or the word that the key is; empty where nobody asks.
        above: comments and blank lines (as empty text) in front of it.
        behind: comments at the end of its first line.
        below: comments under it, indented as it is.
    """

    key: str
    value: Tree
    origin: str = ""
    above: tuple[str, ...] = ()
    behind: tuple[Remark, ...] = ()
    below: tuple[str, ...] = ()

    def commented(self) -> bool:
        own = any(self.above) or self.behind or self.below
        return bool(own) or (isinstance(self.value, Group) and self.value.commented())

    def origins(self) -> set[str]:
        """Where everything that is printed of it came from."""
        inner = self.value.items if isinstance(self.value, Group) else ()
        own = {self.origin} if self.origin else set()
        return own.union(*(item.origins() for item in inner))


@dataclass
class Line:
    """A line that will be printed: a comment or a blank one where `text` is empty."""

    indent: int
    text: str = ""
    comment: str = ""
    origin: str = ""
    behind: tuple[Remark, ...] = field(default=())


def scalar(node: source.Scalar) -> Text:
    """A scalar as the file has it; numbers stay as they are written."""
    return Text(node.text, True) if isinstance(node.value, str) else value(node.value, node.text)


def prose(node: source.Scalar) -> Text:
    """Text of several words, however many lines the file gives it."""
    return Text(" ".join(node.text.split()), True)


def value(plain: Any, written: str = "") -> Text:
    """A scalar of Python.

    Args:
        written: how the file writes it, if it is a number.
    """
    if isinstance(plain, str):
        return Text(plain, True)
    if plain is None or isinstance(plain, bool):
        return Text({None: "null", True: "true", False: "false"}[plain])
    return Text(written or _number(plain))


def tree(plain: Any, origin: str = "") -> Tree:
    """Lists, mappings and scalars of Python."""
    if isinstance(plain, list | tuple):
        return Group(tuple(Item("", tree(inner, origin), origin) for inner in plain), listed=True)
    if isinstance(plain, dict):
        return Group(tuple(Item(key, tree(inner, origin), origin) for key, inner in plain.items()))
    return value(plain)


def words(*texts: str, origin: str = "") -> Group:
    """A list of words."""
    return Group(tuple(Item("", Text(text, True), origin) for text in texts), listed=True)


def entries(node: source.Node | None) -> Iterator[tuple[source.Scalar, source.Node]]:
    """The entries of a mapping; none where there is no mapping, as for an op without arguments."""
    yield from node.items if isinstance(node, source.Mapping) else ()


def _number(number: float) -> str:
    """`0.001`, `1.0e-6`: a number that YAML 1.1 reads alike."""
    mantissa, exponent, power = repr(number).partition("e")
    if not exponent:
        return mantissa
    return f"{mantissa}{'' if '.' in mantissa else '.0'}e{power[0] if power[0] in '+-' else '+'}{power.lstrip('+-0')}"


def in_brackets(node: source.Node) -> bool:
    """Whether a list or a mapping is written in brackets, and not line by line."""
    return node.span.text[node.span.column - 1 : node.span.column] in ("[", "{")
