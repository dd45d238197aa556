"""The JSON schema (2020-12) of the language, for editors, generated from the tables that the parser uses.

It covers all keys of the language and the types of their values. The file `schema.json` contains the result of `text`
for the ops of this package. Imports no framework.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from archdsl.ops import OPS, Op, plugins
from archdsl.parsing import VERSION
from archdsl.recipe import Data, Train
from archdsl.schema import vocabulary
from archdsl.schema.annotations import Annotations, Schema, reference
from archdsl.spec import Expectation
from archdsl.version import __version__

FILE = Path(__file__).with_name("schema.json")
"""The schema file in the package."""

ADDRESS = f"https://raw.githubusercontent.com/archdsl/archdsl/v{__version__}/archdsl/schema/schema.json"
"""The published schema of this release."""

_WIDTH = 120


def own_ops() -> dict[str, type[Op]]:
    """Return the ops of this package, without those of other packages."""
    return {name: op for name, op in OPS.items() if op.__module__.split(".")[0] == __name__.split(".")[0]}


def all_ops() -> dict[str, type[Op]]:
    """Return the ops of this package and of installed packages.

    Raises:
        ArchError: If an op of an installed package cannot be used.
    """
    return own_ops() | {name: op for name in plugins.names() if (op := plugins.find(name)) is not None}


def language(ops: Mapping[str, type[Op]] | None = None) -> Schema:
    """Return the schema.

    Args:
        ops: The ops to include. Default: those of this package.
    """
    ops = own_ops() if ops is None else ops
    definitions = {
        **vocabulary.file_definitions(),
        **vocabulary.layer_definitions(),
        **vocabulary.step_definitions(ops),
        **vocabulary.paths_definitions(ops),
        **vocabulary.counting_definitions(),
        **vocabulary.value_definitions(),
        **vocabulary.op_definitions(ops),
    }
    root = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:archdsl:spec:{VERSION}",
        "title": f"archdsl {VERSION}",
        "description": "A neural network architecture. `archdsl check` also verifies names and shapes, which a schema"
        " cannot. `archdsl schema --installed` prints a schema that includes the ops of installed packages.",
        "type": "object",
        "properties": {**vocabulary.file_words(), **_sections(definitions)},
        "additionalProperties": False,
        "required": ["archdsl", "name", "model"],
        "if": {"required": ["inputs"]},
        "then": {"properties": {"input": False}},
        "else": {"required": ["input"]},
    }
    return {**root, "$defs": _used(root, definitions)}


def text(ops: Mapping[str, type[Op]] | None = None) -> str:
    """Return the schema as JSON, with each value on one line if it fits."""
    return _printed(language(ops), 0, 0) + "\n"


def modeline() -> str:
    """Return the comment that names the schema of this release to editors.

    The address is the same on every machine. `archdsl schema --path` prints the file for editors without a network.
    """
    return f"# yaml-language-server: $schema={ADDRESS}"


def _sections(definitions: Schema) -> Schema:
    """Return the sections of a file that are defined by Pydantic models."""
    recipe = Annotations(definitions)
    for word, model in (("data", Data), ("train", Train)):
        # A variant overrides single keys of the file, so none is required.
        definitions[word] = recipe.fields(model)
    for prefix in ("optimizers.", "losses."):
        vocabulary.share(definitions, prefix)
    return {
        "expect": {
            **recipe.model(Expectation),
            "description": "What `archdsl check` verifies about the network.",
        },
        "data": {
            **reference("data"),
            "required": [name for name, info in Data.model_fields.items() if info.is_required()],
            "description": "The data set and its preprocessing.",
        },
        "train": {**reference("train"), "description": "The training recipe, in the terms of Keras."},
    }


def _used(root: Schema, definitions: Schema) -> Schema:
    """Return the definitions that are referred to."""
    used: set[str] = set()
    pending = [root]
    while pending:
        new = {name.split("/")[2] for name in _references(pending.pop())} - used
        used |= new
        pending += [definitions[name] for name in new]
    return {name: schema for name, schema in sorted(definitions.items()) if name in used}


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else []:
        yield from _references(inner)


def _printed(value: Any, depth: int, before: int) -> str:
    """Return a value as JSON, on one line if it fits.

    Args:
        depth: The nesting depth of the value.
        before: The number of characters before the value on its line.
    """
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or before + len(line) < _WIDTH:
        return line
    pad = "  " * (depth + 1)
    if isinstance(value, list):
        items, ends = [_printed(item, depth + 1, len(pad)) for item in value], "[]"
        if all(not isinstance(item, dict | list) for item in value):
            items = textwrap.wrap(
                ", ".join(items), _WIDTH - len(pad) - 1, break_long_words=False, break_on_hyphens=False
            )
            return f"[\n{pad}" + f"\n{pad}".join(items) + f"\n{pad[2:]}]"
    else:
        keys = {json.dumps(key): inner for key, inner in value.items()}
        items, ends = [f"{k}: {_printed(v, depth + 1, len(pad) + len(k) + 2)}" for k, v in keys.items()], "{}"
    return ends[0] + "\n" + ",\n".join(pad + item for item in items) + "\n" + pad[2:] + ends[1]
