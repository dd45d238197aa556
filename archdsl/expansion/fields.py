"""The fields of ops and of recipes, all of them: what is said, what `defaults` say, and Keras's own."""

from __future__ import annotations

import inspect
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from archdsl.expansion.comments import Comments
from archdsl.expansion.tree import Group, Item, Text, Tree, entries, in_brackets, prose, scalar, tree
from archdsl.ops import Op
from archdsl.ops.choices import Table
from archdsl.parsing.steps import ACTIVATIONS, NORMS
from archdsl.parsing.validation import model_of, plain
from archdsl.recipe import Choice
from archdsl.recipe.base import OrNone
from archdsl.source import Mapping, Node, Scalar

ROLES: dict[str, MappingType[str, type[Op]]] = {"norm": NORMS, "activation": ACTIVATIONS}


@dataclass(frozen=True)
class Fields:
    """Fills in fields.

    Args:
        comments: of the file.
        defaults: the file's `defaults`, by op.
        faithful: whether what is copied keeps its brackets, or the want of them.
    """

    comments: Comments
    defaults: MappingType[str, Mapping]
    faithful: bool

    def item(self, key: str, value: Tree, origin: str, *anchors: Node) -> Item:
        """An entry, with what stands around those of the file that it is made of.

        Args:
            origin: kept by a scalar; what is in a group tells its own.
        """
        around = self.comments.take(*anchors)
        told = "" if isinstance(value, Group) and value.items else origin
        return Item(key, value, told, tuple(around.above), tuple(around.behind), tuple(around.below))

    def copy(self, node: Node, origin: str = "") -> Tree:
        """A value as the file has it.

        Args:
            origin: where it came from, if not from its own line; then its comments stay where it stands.
        """
        if isinstance(node, Scalar):
            return scalar(node)
        open_ = self.faithful and not in_brackets(node)
        if isinstance(node, Mapping):
            return Group(tuple(self.entry(key, inner, origin) for key, inner in node.items), open=open_)
        return Group(tuple(self._listed(inner, origin) for inner in node.items), listed=True, open=open_)

    def entry(self, key: Scalar, node: Node, origin: str = "") -> Item:
        """One entry of a mapping, as the file has it."""
        if self.faithful and key.text == "doc" and isinstance(node, Scalar):
            value: Tree = prose(node)
        else:
            value = self.copy(node, origin)
        return self.item(key.text, value, origin or line(node), *([] if origin else [key]))

    def _listed(self, node: Node, origin: str) -> Item:
        return self.item("", self.copy(node, origin), origin or line(node), *([] if origin else [node]))

    def op(self, op: type[Op], given: Node | None, origin: str = "", skip: frozenset[str] = frozenset()) -> Group:
        """All fields of an op, required ones first.

        Args:
            given: what is said of it.
            origin: where that came from, if not from its own lines.
            skip: fields that are left out.
        """
        said = {key.text: (key, node) for key, node in entries(given)}
        shared = {key.text: node for key, node in entries(self.defaults.get(op.name))}
        items = []
        for name, info in ordered(op):
            if name in skip:
                continue
            if name in said:
                key, node = said[name]
                value = self._field(name, info, node, origin)
                items.append(self.item(name, value, origin or line(node), *([] if origin else [key])))
            elif name in shared:
                told = f"defaults, {line(shared[name])}"
                items.append(self.item(name, self._field(name, info, shared[name], told), told))
            elif not info.is_required():
                told = f"default of {op.name}"
                items.append(self.item(name, tree(_default(info), told), told))
        return Group(tuple(items))

    def _field(self, name: str, info: FieldInfo, node: Node, origin: str) -> Tree:
        """The value of one field; a word that has arguments gets all of them."""
        if name in ROLES:
            return self._part(ROLES[name], node, origin)
        table = _table(info)
        if table is not None and isinstance(node, Mapping):
            return self._entry(table, node, origin)
        if isinstance(node, Scalar) and node.value is None and table is not None and table.optional:
            return Text("none", True)
        return self.copy(node, origin)

    def _part(self, words: MappingType[str, type[Op]], node: Node, origin: str) -> Tree:
        """`batch` as `{batch: {...}}`; `none` is the word that has nothing in it."""
        if isinstance(node, Scalar) and node.text == "none":
            return Text("none", True)
        key, given = chosen(node)
        return Group((self.word(key, self.op(words[key.text], given, origin), origin),))

    def word(self, key: Scalar, fields: Group, origin: str = "") -> Item:
        """A word of the file that became a mapping; it tells where it came from itself."""
        found = self.item(key.text, fields, "", *([] if origin else [key]))
        return replace(found, origin=origin or line(key))

    def _entry(self, table: Table, node: Mapping, origin: str) -> Tree:
        """`{l2: 0.0001}` with all arguments by name; a word without arguments is Keras's own string."""
        key, given = node.items[0]
        model = table.entries[key.text]
        if isinstance(given, Scalar) and given.value is not None:
            told = origin or line(given)
            said = {model.first: Item(model.first, scalar(given), told)}
        else:
            said = {inner.text: self.entry(inner, value, origin) for inner, value in entries(given)}
        if not said:
            return Text(key.text, True)
        told = f"default of {key.text}"
        filled = [
            said.get(name) or Item(name, tree(info.default, told), told) for name, info in model.model_fields.items()
        ]
        return Group((self.word(key, Group(tuple(filled)), origin),))

    def recipe(
        self, model: type[BaseModel], node: Node | None, name: str, unsaid: MappingType[str, Any] | None = None
    ) -> Group:
        """All fields of `data` or `train`, or of a part of them. What has no default stays unsaid.

        Args:
            unsaid: what fields are where nothing is said, if that is not their default.
        """
        unsaid = unsaid or {}
        said = {key.text: (key, value) for key, value in entries(node)}
        items = []
        for field, info in model.model_fields.items():
            told = f"default of {name}"
            if field in said:
                key, value = said[field]
                items.append(self.item(field, self._recipe_value(field, info, value), line(value), key))
            elif field in unsaid:
                items.append(self.item(field, tree(unsaid[field], told), told))
            elif (choice := _choice(info)) is not None and isinstance(info.default, str):
                inner = self.recipe(choice.entries[info.default], None, info.default)
                items.append(Item(field, Group((Item(info.default, inner, told),))))
            elif isinstance(info.default, BaseModel):
                items.append(Item(field, self.recipe(type(info.default), None, field)))
            elif any(isinstance(item, OrNone) for item in info.metadata):
                items.append(self.item(field, Text("none", True), told))
            elif not info.is_required() and info.default is not None:
                items.append(self.item(field, tree(info.default, told), told))
        return Group(tuple(items))

    def _recipe_value(self, field: str, info: FieldInfo, node: Node) -> Tree:
        choice, part = _choice(info), model_of(info.annotation)
        if part is not None and isinstance(node, Mapping):
            return self.recipe(part, node, field)
        return self.copy(node) if choice is None else self._chosen(choice, node)

    def _chosen(self, choice: Choice, node: Node) -> Tree:
        """A word with all its arguments; several by name, where each has its own."""
        if isinstance(node, Scalar):
            known = node.text in choice.entries
            return Group((self.word(node, self._said(choice, node, None)),)) if known else self.copy(node)
        if not isinstance(node, Mapping):
            raise TypeError("a list is no word")
        if choice.many(plain(node)):
            inner = (self.item(key.text, self._chosen(choice, value), "", key) for key, value in node.items)
            return Group(tuple(inner))
        key, given = node.items[0]
        return Group((self.word(key, self._said(choice, key, given)),))

    def _said(self, choice: Choice, key: Scalar, given: Node | None) -> Group:
        return self.recipe(choice.entries[key.text], given, key.text)


def ordered(op: type[Op]) -> list[tuple[str, FieldInfo]]:
    """An op's fields: the required first, what it shares with others and how its weights begin last."""
    declared = [name for kind in op.__mro__ for name in inspect.get_annotations(kind)]
    known = [name for name in dict.fromkeys(declared) if name in op.model_fields]
    fields = [(name, op.model_fields[name]) for name in known]
    return sorted(fields, key=lambda field: (not field[1].is_required(), _table(field[1]) is not None))


def chosen(node: Node) -> tuple[Scalar, Node | None]:
    """The word of `batch` or of `{batch: {momentum: 0.9}}`, and its arguments."""
    if isinstance(node, Mapping):
        return node.items[0]
    if isinstance(node, Scalar):
        return node, None
    raise TypeError("a list is no word")


def line(node: Node) -> str:
    """Where a value stands in its own file."""
    return f"line {node.span.line}"


def _choice(info: FieldInfo) -> Choice | None:
    return next((item for item in info.metadata if isinstance(item, Choice)), None)


def _table(info: FieldInfo) -> Table | None:
    return next((item for item in info.metadata if isinstance(item, Table)), None)


def _default(info: FieldInfo) -> Any:
    """A field's default as a spec writes it: 1 for (1, 1), `none` where a table of words has nothing."""
    table, value = _table(info), info.default
    if value is None and table is not None and table.optional:
        return "none"
    if isinstance(value, tuple) and len(value) == 2 and value[0] == value[1]:
        return value[0]
    return value
