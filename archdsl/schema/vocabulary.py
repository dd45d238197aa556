"""What each word of the language may hold, as definitions of a JSON schema. Imports no framework."""

from __future__ import annotations

import builtins
import json
import keyword
from collections import Counter
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Union, get_origin

from archdsl.names import CLASS_RESERVED, LONGEST, RESERVED
from archdsl.ops import Op, field_types, weights
from archdsl.parsing import VERSION
from archdsl.parsing.steps import ACTIVATIONS, NORMS, PATHS_KEYS
from archdsl.parsing.values import LOOP_KEYS
from archdsl.schema.annotations import EXPRESSION, Annotations, Schema, either, reference, word_or_mapping
from archdsl.schema.docstrings import prose
from archdsl.spec import INPUT, SHORTCUTS, TYPES, Side

_CLASS = f"^[A-Z][A-Za-z0-9_]{{0,{LONGEST - 1}}}$"
_NAME = f"^[A-Za-z][A-Za-z0-9_]{{0,{LONGEST - 1}}}$"
_STEP_REF = r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)?$"
_NO_EXPRESSION = "^[^$]*$"


def _ref(name: str, description: str) -> Schema:
    return {**reference(name), "description": description}


STEP_PROPERTIES = {
    "name": _ref("step_name", "What later steps call it in `from` and `outputs`; its weights are called so, too."),
    "repeat": _ref("count", "How many copies stand one behind the other; 0 passes the input on."),
    "for": _ref("columns", "One copy for each row of these columns, such as `{i: 3, filters: [64, 128, 256]}`."),
    "when": _ref(
        "condition", "Whether it is there; asked for each row of `for`. Where it is not, the input passes on."
    ),
    "from": _ref("taps", "What it takes in place of what the step before it gave: names of earlier steps, or `input`."),
}
"""The keys next to a step, in the order of the published schema."""

PATHS_PROPERTIES = {
    "paths": _ref("paths", "Bodies side by side from the same input, by name or as a list; `merge` makes one of them."),
    "shortcut": _ref(
        "shortcut", "What stands beside the paths: a word, an expression that gives one, or a list of steps."
    ),
    "merge": _ref("merge", "What makes one tensor of the paths and the shortcut."),
    "after": _ref("body", "What comes behind the merge: a step, or a list of steps."),
}
"""`paths` and the keys next to it."""


def file_words() -> Schema:
    """What stands at the top of a file, but for the sections that Pydantic models say."""
    return {
        "archdsl": {"type": "integer", "const": VERSION, "description": f"The version of the language: {VERSION}."},
        "name": _ref("class_name", "The model's class, which begins with a capital letter: `FunnyResNet`."),
        "doc": _ref("doc", "What the network is; the docstring of the model's class."),
        "input": _ref("shape", "The input's shape without the batch: `[32, 32, 3]` is height, width, channels."),
        "inputs": _ref("shapes", "The shapes of several inputs by name: `{image: [64, 64, 3], facts: [12]}`."),
        "outputs": _ref("names", "The steps whose outputs the model gives, as `[label, age]`; else the last step's."),
        "args": _ref("args", "The model's own arguments: a type (then required), or a default, as `{classes: 10}`."),
        "variants": _ref("variants", "Networks that differ in little, each chosen by `--variant`."),
        "defaults": _ref("defaults", "What every op of a kind is, unless a step says otherwise."),
        "layers": _ref("layers", "Each entry becomes one `keras.layers.Layer` class."),
        "model": _ref("body", "The model's steps."),
    }


def file_definitions() -> Schema:
    variant = {
        "args": _ref("literals", "Values of the model's arguments."),
        "input": _ref("shape", "Another shape of the input."),
        "inputs": _ref("shapes", "Other shapes of inputs, by name."),
        "expect": {"$ref": "#/$defs/spec.Expectation", "description": "What `archdsl check` holds the variant to."},
        "data": _ref("data", "Laid over the file's `data` key by key, and `augment` by its own keys."),
        "train": _ref("train", "Laid over the file's `train` key by key."),
        "doc": _ref("doc", "What the variant is."),
    }
    return {
        "doc": {"type": "string"},
        "shape": {"type": "array", "items": Annotations({}).read(Side), "maxItems": 4},
        "shapes": _mapping("input_name", reference("shape"), minProperties=1),
        "args": _mapping("argument_name", {"anyOf": [{"enum": list(TYPES)}, reference("literal")]}),
        "literals": _mapping("argument_name", reference("literal")),
        "variants": _mapping("step_name", reference("variant")),
        "variant": {"type": "object", "properties": variant, "additionalProperties": False},
    }


def _mapping(names: str, values: Schema, **limits: int) -> Schema:
    """A mapping whose keys are the user's own names."""
    return {"type": "object", "propertyNames": reference(names), "additionalProperties": values, **limits}


def _layer_words() -> Schema:
    return {
        "doc": _ref("doc", "What the layer does; the docstring of its class."),
        "args": _ref(
            "args", "The layer's arguments: a type (then required), or a default: `{filters: int, stride: 1}`."
        ),
        "inputs": _ref("input_names", "The names of several inputs: `[left, right]`."),
        "outputs": _ref("names", "The steps whose outputs the layer gives; else the last step's."),
        "steps": _ref("body", "The layer's steps."),
        **PATHS_PROPERTIES,
        "like": _ref("class_name", "Another layer of this file, some of whose arguments are fixed by `with`."),
        "with": _ref("literals", "Arguments of the layer that this one is like: `{stride: 2}`."),
    }


def layer_definitions() -> Schema:
    """A layer is like another one, or has steps, or has paths."""
    properties = _layer_words()
    beside_like = dict.fromkeys([word for word in properties if word not in ("doc", "like", "with")], False)
    with_paths = {"properties": {"steps": False}, **reference("merge_where_due")}
    with_steps = {"properties": dict.fromkeys(PATHS_KEYS, False), "required": ["steps"]}
    layer = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "if": {"required": ["like"]},
        "then": {"properties": beside_like, "required": ["with"]},
        "else": {
            "properties": {"with": False},
            "if": {"required": ["paths"]},
            "then": with_paths,
            "else": with_steps,
        },
    }
    reserved = [name for name in sorted(CLASS_RESERVED) if name[0].isupper() and name not in dir(builtins)]
    return {
        "layers": {
            "type": ["object", "null"],
            "propertyNames": {"not": {"enum": reserved}},
            "patternProperties": {_CLASS: _ref("layer", "A layer of this file.")},
            "additionalProperties": False,
        },
        "layer": layer,
    }


def step_definitions(ops: Mapping[str, type[Op]]) -> Schema:
    """A body and its steps: words, and mappings of one key and its neighbours."""
    return {
        "body": {"if": {"type": "array"}, "then": {"items": reference("step")}, "else": reference("step")},
        "step": {"if": {"type": "object"}, "then": reference("mapping"), "else": reference("word")},
        "word": {
            "description": "An op or a layer of this file, with no arguments and no neighbours.",
            "type": "string",
            "anyOf": [{"enum": list(ops)}, {"pattern": _CLASS}],
        },
        "mapping": {
            "description": "One op, one layer of this file or `paths`, with what stands beside it.",
            "type": "object",
            "properties": {**_entries(ops), **PATHS_PROPERTIES, **STEP_PROPERTIES},
            "patternProperties": {_CLASS: _ref("arguments", "A layer of this file, with its arguments.")},
            "additionalProperties": False,
            "if": {"required": ["paths"]},
            "then": {"propertyNames": {"enum": [*PATHS_PROPERTIES, *STEP_PROPERTIES]}, **reference("merge_where_due")},
            "else": {"properties": dict.fromkeys(PATHS_KEYS, False), **reference("one_step")},
        },
    }


def paths_definitions(ops: Mapping[str, type[Op]]) -> Schema:
    """Paths, and what stands beside them."""
    merges = _entries({name: op for name, op in ops.items() if op.many})
    loop = {key: schema for key, schema in STEP_PROPERTIES.items() if key in LOOP_KEYS}
    once = {"properties": {"repeat": False, "for": False}}
    one_path = {"maxItems": 1, "maxProperties": 1, "items": once, "additionalProperties": once}
    words = {"enum": list(SHORTCUTS)}
    return {
        "paths": {
            "type": ["object", "array"],
            "propertyNames": {"allOf": [reference("step_name"), {"not": {"const": "shortcut"}}]},
            "additionalProperties": reference("path"),
            "items": reference("path"),
            "minProperties": 1,
            "minItems": 1,
        },
        "path": {
            "description": "A list of steps, or `{steps: [...]}` with `repeat`, `for` or `when` beside it.",
            "type": ["array", "object"],
            "items": reference("step"),
            "properties": {"steps": _ref("body", "The path's steps; `[]` passes the input on."), **loop},
            "additionalProperties": False,
            "required": ["steps"],
        },
        "merge_where_due": {
            "$comment": "Only one path that is there once, without a shortcut, needs no `merge`.",
            "if": {"properties": {"paths": one_path, "shortcut": {"const": "none"}}},
            "else": {"required": ["merge"]},
        },
        "shortcut": {
            "description": "; ".join(f"`{word}`: {meaning}" for word, meaning in SHORTCUTS.items()) + ".",
            **either(words, {"type": "array", "items": reference("step")}, EXPRESSION),
        },
        "merge": word_or_mapping(merges, list(merges)),
    }


def _entries(ops: Mapping[str, type[Op]]) -> Schema:
    return {name: reference(f"op.{name}") for name in ops}


def counting_definitions() -> Schema:
    """A step has one key of its own. A schema cannot count some keys, so it counts all, and those beside it away."""
    words = [*STEP_PROPERTIES]
    inner: Schema = {}
    for number, word in enumerate(words):
        for most in range(1, number + 2):
            then, otherwise = (
                f"{words[number + 1]}_{m}" if number + 1 < len(words) else f"{m}" for m in (most + 1, most)
            )
            inner[f"{word}_{most}"] = {
                "if": {"required": [word]},
                "then": reference(f"one_step/$defs/{then}"),
                "else": reference(f"one_step/$defs/{otherwise}"),
            }
    for most in range(1, len(words) + 2):
        inner[f"{most}"] = {"minProperties": most, "maxProperties": most}
    comment = f"One key beside {', '.join(words)}: each of these that is there lets one key more stand."
    return {"one_step": {"$comment": comment, **reference(f"one_step/$defs/{words[0]}_1"), "$defs": inner}}


def value_definitions() -> Schema:
    step_ref = {"type": "string", "pattern": _STEP_REF}
    count = either({"type": "integer", "minimum": 0}, EXPRESSION)
    column = either(count, {"type": "array", "items": reference("value")})
    anything = ["string", "number", "boolean", "array"]
    return {
        "class_name": {"type": "string", "pattern": _CLASS},
        "step_name": _not_reserved(set(keyword.kwlist)),
        "argument_name": _not_reserved({*keyword.kwlist, *RESERVED}),
        "input_name": _not_reserved({*keyword.kwlist, INPUT}),
        "names": {"type": "array", "items": reference("step_name"), "minItems": 1, "uniqueItems": True},
        "input_names": {"type": "array", "items": reference("input_name"), "minItems": 1, "uniqueItems": True},
        "taps": {"type": ["string", "array"], "pattern": _STEP_REF, "items": step_ref, "minItems": 1},
        "count": count,
        "condition": either({"type": "boolean"}, EXPRESSION),
        "columns": _mapping("argument_name", column, minProperties=1),
        "value": {"type": anything, "items": reference("value")},
        "arguments": {"type": ["object", "null"], "additionalProperties": reference("value")},
        "literal": {"type": anything, "pattern": _NO_EXPRESSION, "items": reference("literal")},
        "no_expression": {
            "$comment": "No text with a `$` in it, however deep.",
            "pattern": _NO_EXPRESSION,
            "items": reference("no_expression"),
            "additionalProperties": reference("no_expression"),
        },
    }


def _not_reserved(reserved: set[str]) -> Schema:
    return {"type": "string", "pattern": _NAME, "not": {"enum": sorted(reserved)}}


def op_definitions(ops: Mapping[str, type[Op]]) -> Schema:
    """Each op's arguments, and the types that they share."""
    definitions: Schema = {}
    named: Schema = {}
    for module in (field_types, weights):
        for name, alias in vars(module).items():
            if get_origin(alias) in (Annotated, Union, UnionType):
                schema = Annotations(definitions, expressions=True, named=named).read(alias)
                named |= {f"type.{name.lower()}": schema} if schema and "$ref" not in schema else {}
    reader = Annotations(definitions, expressions=True, named=named)
    roles = {"norm": reference("norm"), "activation": reference("activation")}
    for name, op in ops.items():
        definitions[f"op.{name}"] = {"description": prose(op), **reader.fields(op, roles), "type": ["object", "null"]}
    share(definitions, "op.")
    entries = _entries(ops)
    for role, table in (("norm", NORMS), ("activation", ACTIVATIONS)):
        chosen = {word: entries[op.name] for word, op in table.items() if op.name in ops}
        definitions[role] = word_or_mapping(chosen, [*chosen, "none"])
    definitions["defaults"] = {
        "allOf": [reference("no_expression")],
        "type": "object",
        "properties": entries,
        "additionalProperties": False,
    }
    return named | definitions


def share(definitions: Schema, prefix: str) -> None:
    """Gives a place of their own to fields that several models have alike; each model then refers to them.

    Args:
        definitions: where they are kept.
        prefix: what the names of these models begin with.
    """
    models = [schema["properties"] for name, schema in definitions.items() if name.startswith(prefix)]
    counted = Counter((name, json.dumps(schema)) for fields in models for name, schema in fields.items())
    place = "field." if prefix == "op." else f"field.{prefix}"
    shared: Schema = {}
    for (name, text), often in counted.most_common():
        if often >= 3 and place + name not in shared:
            shared[place + name] = json.loads(text)
    for fields in models:
        for name, schema in fields.items():
            if shared.get(place + name) == schema:
                fields[name] = reference(place + name)
    definitions |= shared
