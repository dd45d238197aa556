"""Convert the types of Pydantic fields to JSON schemas of their values in a spec. Imports no framework."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel, Discriminator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from archdsl.ops.choices import WordChoice
from archdsl.recipe import LossChoice, ObjectChoice
from archdsl.recipe.base import OrNone
from archdsl.schema.docstrings import arguments, prose

Schema: TypeAlias = dict[str, Any]

EXPRESSION: Schema = {
    "type": "string",
    "pattern": r"\$",
    "patternErrorMessage": "Expected an expression: a string that contains `$`.",
}
"""An expression, as far as a schema can describe it. Editors show the message; validators ignore it."""

_ABOUT = ("description", "default")
_SCALARS = {int: "integer", float: "number", bool: "boolean", str: "string", NoneType: "null", None: "null"}
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_LENGTHS = {"string": {"min_length": "minLength", "max_length": "maxLength"}}
_LENGTHS["array"] = {"min_length": "minItems", "max_length": "maxItems"}


class Annotations:
    """Converts the fields of models.

    Args:
        definitions: The schemas of nested models, by name. New ones are added.
        expressions: Whether every value can also be an expression.
        named: Schemas that already have a name and are referred to by it.
    """

    def __init__(
        self, definitions: Schema, expressions: bool = False, named: Mapping[str, Schema] | None = None
    ) -> None:
        self.definitions, self.expressions, self.named = definitions, expressions, named or {}

    def fields(self, model: type[BaseModel], own: Mapping[str, Schema] | None = None) -> Schema:
        """Return the schema of a model's fields, required ones first, with descriptions and defaults.

        Args:
            own: The schemas of fields whose annotations do not define one.
        """
        descriptions = arguments(model)
        properties = {}
        for name, info in sorted(model.model_fields.items(), key=lambda item: not item[1].is_required()):
            schema = (own or {}).get(name) or self.read(info.annotation, _metadata(info))
            default = _plain(info.default)
            given = {} if default is None else {"default": default}
            text = descriptions.get(name) or f"The argument `{name}`."
            properties[name] = {**schema, "description": text[:1].upper() + text[1:], **given}
        return {"type": "object", "properties": properties, "additionalProperties": False}

    def model(self, model: type[BaseModel]) -> Schema:
        """Return a reference to the schema of a model, and add that schema to the definitions."""
        name = _name(model)
        if name not in self.definitions:
            required = [field for field, info in model.model_fields.items() if info.is_required()]
            self.definitions[name] = {**self.fields(model), **({"required": required} if required else {})}
        return reference(name)

    def read(self, annotation: Any, metadata: tuple[Any, ...] = ()) -> Schema:
        """Return the schema of an annotation; an empty one if the annotation is not supported."""
        schema = self._read(annotation, metadata)
        schema = either(schema, EXPRESSION) if self.expressions else schema
        return next((reference(name) for name, known in self.named.items() if known == schema), schema)

    def _read(self, annotation: Any, metadata: tuple[Any, ...]) -> Schema:
        origin, members = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self._read(members[0], (*_flat(members[1:]), *metadata))
        for item in metadata:
            if isinstance(item, ObjectChoice):
                return self._choice(item)
            if isinstance(item, OrNone):
                inner = tuple(member for member in members if member is not NoneType)
                return either({"enum": ["none"]}, *(self._read(member, ()) for member in inner))
            if isinstance(item, WordChoice):
                return self._table(item)
            taken = getattr(item, "json_schema_input_type", PydanticUndefined)
            if taken not in (PydanticUndefined, Any):
                return self._read(taken, ())
        if origin in (Union, UnionType) or any(isinstance(item, Discriminator) for item in metadata):
            return either(*(self._read(member, ()) for member in members))
        if origin is Literal:
            return {"enum": list(members)}
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return self.model(annotation)
        if annotation in _SCALARS:
            kind = _SCALARS[annotation]
            limits = _limits(metadata, _BOUNDS | _LENGTHS.get(kind, {}))
            return {"type": kind, **limits}
        return self._collection(origin or annotation, members, metadata)

    def _collection(self, origin: Any, members: tuple[Any, ...], metadata: tuple[Any, ...]) -> Schema:
        if origin is dict:
            return {"type": "object", "additionalProperties": self.read(members[1]) if members else {}}
        if origin not in (list, tuple):
            return {}
        items = {"items": self.read(members[0])} if members else {}
        limits = _limits(metadata, _LENGTHS["array"])
        if origin is tuple and Ellipsis not in members:
            limits = {"minItems": len(members), "maxItems": len(members)}
        return {"type": "array", **items, **limits}

    def _choice(self, choice: ObjectChoice) -> Schema:
        """Return the schema of `adam` or `{adam: {...}}`, of a number, or of one choice per output."""
        name = f"words.{choice.what.split()[-1]}"
        self.definitions[name] = self.definitions.get(name) or self._words(choice)
        words = reference(name)
        if isinstance(choice, LossChoice):
            return either({"type": "object", "additionalProperties": words}, words)
        return either(words, {"type": "number", "exclusiveMinimum": 0}) if choice.number else words

    def _words(self, choice: ObjectChoice) -> Schema:
        entries: dict[str, Schema] = {}
        bare = []
        for word, entry in choice.entries.items():
            complete = not any(info.is_required() for info in entry.model_fields.values())
            bare += [word] if complete else []
            inner = either(self.model(entry), *([{"type": "null"}] if complete else []))
            entries[word] = {**inner, "description": prose(entry)}
        return word_or_mapping(entries, bare)

    def _table(self, table: WordChoice) -> Schema:
        """Return the schema of `he_normal`, `{l2: 0.0001}` or `{truncated_normal: {stddev: 0.02}}`."""
        entries = {}
        for word, entry in table.entries.items():
            name = _name(entry)
            if name not in self.definitions:
                fields = self.fields(entry)
                alone = [fields["properties"][entry.first]] if entry.first else []
                alone = [{key: value for key, value in one.items() if key not in _ABOUT} for one in alone]
                schema = either(fields, {"type": "null"}, *alone)
                self.definitions[name] = {**schema, "description": prose(entry)}
            entries[word] = reference(name)
        return word_or_mapping(entries, [*table.entries, *(["none"] if table.optional else [])])


def _name(model: type) -> str:
    """Return the name of a model among the definitions, such as `optimizers.Adam`."""
    module = model.__module__.rpartition(".")[2]
    # The published schema uses the former name of this module.
    return f"{'initial' if module == 'weights' else module}.{model.__name__}"


def reference(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def word_or_mapping(entries: Mapping[str, Schema], bare: list[str]) -> Schema:
    """Return the schema of a plain name (one of `bare`), or of a mapping from one name to its arguments."""
    mapping = {
        "type": "object",
        "properties": dict(entries),
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    return either({"enum": bare}, mapping) if bare else mapping


def either(*schemas: Schema) -> Schema:
    """Combine the schemas of alternative values.

    Schemas of different types become one flat schema: a keyword applies only to values of its own type, and editors
    report errors in flat schemas best. The remaining schemas go into `anyOf`.
    """
    alternatives = [a for schema in schemas for a in (schema["anyOf"] if set(schema) == {"anyOf"} else [schema])]
    if {} in alternatives:
        return {}
    if {"type": "string"} in alternatives:
        alternatives = [a for a in alternatives if a != EXPRESSION]
    flat: Schema = {}
    apart: list[Schema] = []
    for schema in alternatives:
        types = _types(schema)
        if not types or set(schema) & {"enum", "$ref"} or types & _types(flat):
            if schema not in apart:
                apart.append(schema)
            continue
        both = [*_listed(flat), *_listed(schema)]
        flat = {**flat, **schema, "type": both if len(both) > 1 else both[0]}
    alternatives = [*apart, flat] if flat else apart
    return alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}


def _listed(schema: Schema) -> list[str]:
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _types(schema: Schema) -> set[str]:
    """Return the types of a schema, with integers counted as numbers."""
    return {"number" if kind == "integer" else kind for kind in _listed(schema)}


def _flat(metadata: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return metadata, with the content of each `Field(...)` in its place."""
    return tuple(part for item in metadata for part in (item.metadata if isinstance(item, FieldInfo) else [item]))


def _metadata(info: FieldInfo) -> tuple[Any, ...]:
    discriminator = (info.discriminator,) if isinstance(info.discriminator, Discriminator) else ()
    return (*info.metadata, *discriminator)


def _limits(metadata: tuple[Any, ...], words: Mapping[str, str]) -> Schema:
    values = {word: getattr(item, key, None) for item in metadata for key, word in words.items() if hasattr(item, key)}
    return {word: value for word, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    """Convert a default to JSON values; None if that is not possible."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, bool | int | float | str) else None
