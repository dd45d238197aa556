"""Write out all fields of ops and recipes: those of the file, those of `defaults`, and the defaults of Keras."""

from __future__ import annotations

import inspect
from collections.abc import Container
from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from archdsl.expansion.comments import Comments, in_brackets
from archdsl.expansion.overlay import line
from archdsl.expansion.printer import OutputEntry, OutputGroup, OutputScalar, Tree, output_scalar, output_tree
from archdsl.expr import is_expression
from archdsl.ops import Op
from archdsl.ops.choices import WordChoice
from archdsl.parsing.steps import ACTIVATIONS, NORMS
from archdsl.parsing.validation import model_of, plain
from archdsl.recipe import ObjectChoice
from archdsl.recipe.base import OrNone
from archdsl.source import Mapping, Node, Scalar, entries

Kind = TypeVar("Kind")

_ROLES: dict[str, MappingType[str, type[Op]]] = {"norm": NORMS, "activation": ACTIVATIONS}


@dataclass(frozen=True)
class FieldWriter:
    """Copies parts of a file and adds missing fields.

    Args:
        comments: The comments of the file.
        laid_origins: The origins of nodes that override the file, by identity.
        defaults: The `defaults` of the file, by op.
        keep_lines: Whether copied values keep their style, with or without brackets.
    """

    comments: Comments
    laid_origins: MappingType[int, str]
    defaults: MappingType[str, Mapping]
    keep_lines: bool = False

    def item(self, key: str, value: Tree, origin: str, *anchors: Node | None) -> OutputEntry:
        """Return an entry with the comments of its anchors.

        Args:
            origin: The origin of a scalar. The entries of a group have their own origins.
        """
        own = [anchor for anchor in anchors if anchor is not None and id(anchor) not in self.laid_origins]
        has_own = isinstance(value, OutputGroup) and value.entries
        return OutputEntry(key, value, "" if has_own else origin, self.comments.take(*own))

    def copy(self, node: Node, origin: str = "") -> Tree:
        """Copy a value of the file.

        Args:
            origin: Its origin, if not its own line. Its comments then stay at their place.
        """
        if isinstance(node, Scalar):
            return output_scalar(node.value, node.text)
        is_open = self.keep_lines and not in_brackets(node)
        if isinstance(node, Mapping):
            return OutputGroup(tuple(self.entry(key, inner, origin) for key, inner in node.items), open=is_open)
        items = (
            self.item("", self.copy(inner, origin), origin or line(inner), None if origin else inner)
            for inner in node.items
        )
        return OutputGroup(tuple(items), listed=True, open=is_open)

    def entry(self, key: Scalar, node: Node, origin: str = "", prose: bool = False) -> OutputEntry:
        """Copy an entry of a mapping.

        Args:
            origin: Its origin, if not its own line.
            prose: Whether to join the lines of a `doc`.
        """
        anchor = None if origin else key
        origin = origin or self.laid_origins.get(id(node), "")
        if (prose or self.keep_lines) and key.text == "doc" and isinstance(node, Scalar):
            value: Tree = OutputScalar(" ".join(node.text.split()), True)
        else:
            value = self.copy(node, origin)
        return self.item(key.text, value, origin or self.laid_origins.get(id(node), line(node)), anchor)

    def call(self, key: Scalar, fields: OutputGroup, origin: str = "") -> OutputEntry:
        """Return the entry of a name that became a mapping of its arguments. It has an origin itself."""
        comments = self.comments.take(*([] if origin else [key]))
        return OutputEntry(key.text, fields, origin or line(key), comments)

    def op(self, op: type[Op], given: Node | None, origin: str = "", skip: Container[str] = ()) -> OutputGroup:
        """Return all fields of an op, required ones first.

        Args:
            op: The op.
            given: The fields in the file.
            origin: The origin of these fields, if not their own lines.
            skip: Fields to omit.
        """
        own = {key.text: (key, node) for key, node in entries(given)}
        if op.short and isinstance(given, Scalar) and given.value is not None:
            own[op.short] = given, given
        shared = {key.text: (key, node) for key, node in entries(self.defaults.get(op.name))}
        items = []
        tied = own.keys() & op.tied_layers.keys()
        for name, info in _ordered(op):
            if name in skip or name.partition("_")[0] in tied:
                continue
            if name in own or name in shared:
                key, node = own.get(name) or shared[name]
                source = origin if name in own else f"defaults, {line(node)}"
                is_op = name in op.block_fields
                value = self._block_op(name, node, source) if is_op else self._op_field(info, node, source)
                items.append(self.item(name, value, source or line(node), None if source else key))
            elif not info.is_required() and name != op.sizes_by_name:
                items.append(self._default(name, _default_as_written(info), op.name))
        further = [own[name] for name in own if name not in op.model_fields]
        further = further or [shared[name] for name in shared if name not in op.model_fields]
        items += [self.entry(key, node, origin or line(node)) for key, node in further]
        return OutputGroup(tuple(items))

    def _block_op(self, role: str, node: Node, origin: str) -> Tree:
        """The normalization or activation of a block, with all of its fields."""
        key, given = word_of(node)
        if key.text == "none" or is_expression(key.value):
            return self.copy(node, origin)
        return OutputGroup((self.call(key, self.op(_ROLES[role][key.text], given, origin), origin),))

    def _op_field(self, info: FieldInfo, node: Node, origin: str) -> Tree:
        """The value of one field; a word that has arguments gets all of them."""
        table = _annotated(info, WordChoice)
        if table is not None and isinstance(node, Mapping):
            return self._table_entry(table, node, origin)
        if table is not None and table.optional and isinstance(node, Scalar) and node.value is None:
            return OutputScalar("none")
        return self.copy(node, origin)

    def _table_entry(self, table: WordChoice, node: Mapping, origin: str) -> Tree:
        """`{l2: 0.0001}` with all arguments by name; a word without arguments is Keras's own string."""
        key, given = node.items[0]
        model = table.entries[key.text]
        if isinstance(given, Scalar) and given.value is not None:
            first = output_scalar(given.value, given.text)
            own = {model.first: OutputEntry(model.first, first, origin or line(given))}
        else:
            own = {inner.text: self.entry(inner, value, origin) for inner, value in entries(given)}
        if not own:
            return OutputScalar(key.text, True)
        fields = (
            own.get(name) or self._default(name, info.default, key.text) for name, info in model.model_fields.items()
        )
        return OutputGroup((self.call(key, OutputGroup(tuple(fields)), origin),))

    def recipe(
        self, model: type[BaseModel], node: Node | None, name: str, defaults: MappingType[str, Any] | None = None
    ) -> OutputGroup:
        """Return all fields of `data` or `train`, or of a part of them, except those without a default.

        Args:
            model: The Pydantic model.
            node: The fields in the file.
            name: The name of the section or part.
            defaults: Defaults that differ from those of the model.
        """
        defaults = defaults or {}
        given = {key.text: (key, value) for key, value in entries(node)}
        items = []
        for field, info in model.model_fields.items():
            choice = _annotated(info, ObjectChoice)
            if field in given:
                key, value = given[field]
                part = model_of(info.annotation)
                if part is not None and isinstance(value, Mapping):
                    tree: Tree = self.recipe(part, value, field)
                else:
                    tree = self.copy(value) if choice is None else self._choice(choice, value)
                items.append(self.item(field, tree, line(value), key))
            elif field in defaults:
                items.append(self._default(field, defaults[field], name))
            elif choice is not None and isinstance(info.default, str):
                inner = self.recipe(choice.entries[info.default], None, info.default)
                word = OutputEntry(info.default, inner, f"default of {name}")
                items.append(OutputEntry(field, OutputGroup((word,))))
            elif isinstance(info.default, BaseModel):
                items.append(OutputEntry(field, self.recipe(type(info.default), None, field)))
            elif _annotated(info, OrNone) is not None:
                items.append(self._default(field, "none", name))
            elif not info.is_required() and info.default is not None:
                items.append(self._default(field, info.default, name))
        return OutputGroup(tuple(items))

    def _choice(self, choice: ObjectChoice, node: Node) -> Tree:
        """Return a name with all its arguments, or several of them by output."""
        if isinstance(node, Mapping) and choice.many(plain(node)):
            return OutputGroup(
                tuple(self.item(key.text, self._choice(choice, inner), "", key) for key, inner in node.items)
            )
        key, given = word_of(node)
        if key.text not in choice.entries:
            return self.copy(node)
        return OutputGroup((self.call(key, self.recipe(choice.entries[key.text], given, key.text)),))

    def _default(self, name: str, value: Any, owner: str) -> OutputEntry:
        origin = f"default of {owner}"
        return self.item(name, output_tree(value, origin), origin)


def word_of(node: Node) -> tuple[Scalar, Node | None]:
    """Return the name and the arguments of `batch` or `{batch: {momentum: 0.9}}`."""
    if isinstance(node, Mapping):
        return node.items[0]
    if isinstance(node, Scalar):
        return node, None
    raise TypeError("expected a name, got a list")


def _ordered(op: type[Op]) -> list[tuple[str, FieldInfo]]:
    """Return the fields of an op: required ones first, shared ones and initializers last."""
    declared = [name for kind in op.__mro__ for name in inspect.get_annotations(kind)]
    fields = [(name, op.model_fields[name]) for name in dict.fromkeys(declared) if name in op.model_fields]
    return sorted(fields, key=lambda field: (not field[1].is_required(), _annotated(field[1], WordChoice) is not None))


def _annotated(info: FieldInfo, kind: type[Kind]) -> Kind | None:
    """Return the metadata of a field that has the given type."""
    return next((item for item in info.metadata if isinstance(item, kind)), None)


def _default_as_written(info: FieldInfo) -> Any:
    """Return the default of a field in the syntax of a spec: 1 for (1, 1), `none` for an optional choice."""
    table, value = _annotated(info, WordChoice), info.default
    if value is None and table is not None and table.optional:
        return "none"
    if isinstance(value, tuple) and len(value) == 2 and value[0] == value[1]:
        return value[0]
    return value
