"""The keys of the language as definitions of a JSON schema. Imports no framework."""

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
from archdsl.ops.base import DTYPES, FLOAT
from archdsl.parsing import VERSION
from archdsl.parsing.steps import ACTIVATIONS, NORMS, PATHS_KEYS
from archdsl.parsing.values import LOOP_KEYS
from archdsl.schema.annotations import EXPRESSION, Annotations, Schema, either, reference, word_or_mapping
from archdsl.schema.docstrings import prose
from archdsl.spec import AXES, INPUT, TYPES, Side
from archdsl.steps import EACH_STEP, SHARE, SHORTCUTS

_CLASS = f"^[A-Z][A-Za-z0-9_]{{0,{LONGEST - 1}}}$"
_NAME = f"^[A-Za-z][A-Za-z0-9_]{{0,{LONGEST - 1}}}$"
_STEP_REF = r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)?$"
_NO_EXPRESSION = "^[^$]*$"


def _ref(name: str, description: str) -> Schema:
    return {**reference(name), "description": description}


STEP_PROPERTIES = {
    "name": _ref("step_name", "The name of the step in `from`, `outputs` and the names of its weights."),
    "repeat": _ref("count", "The number of copies in sequence; 0 passes the input through."),
    "for": _ref("columns", "Repeats the step for each row of a table of columns: `{i: 3, filters: [64, 128, 256]}`."),
    "when": _ref(
        "condition", "A condition, evaluated for each row of `for`. If it is false, the input passes through."
    ),
    "from": _ref("taps", "The inputs of the step, if not the output of the previous step: earlier steps, or `input`."),
}
"""The keys next to an op or a layer, in the order of the published schema."""

SHARE_PROPERTY = _ref("step_name", "Another call of the layer of an earlier step, with the same weights: its name.")
"""The key of a step that shares weights."""

PATHS_PROPERTIES = {
    "paths": _ref("paths", "Parallel branches from the same input, by name or as a list; `merge` joins them."),
    "shortcut": _ref(
        "shortcut", "A connection parallel to the paths: its kind, an expression for it, or a list of steps."
    ),
    "merge": _ref("merge", "The op that joins the paths and the shortcut into one tensor."),
    "after": _ref("body", "A step or a list of steps after the merge."),
}
"""`paths` and the keys next to it."""

_GROUP = {
    "steps": _ref("group", "Steps that `repeat`, `for`, `when`, `from` and `name` apply to together."),
    EACH_STEP: _ref("group", "Steps that are called for each step of the first axis, with the same weights."),
}


def file_words() -> Schema:
    """Return the top-level keys of a file, except the sections defined by Pydantic models."""
    return {
        "archdsl": {"type": "integer", "const": VERSION, "description": f"The version of the language: {VERSION}."},
        "name": _ref("class_name", "The name of the model's class, starting with a capital letter: `FunnyResNet`."),
        "doc": _ref("doc", "A description of the network, used as the docstring of the model's class."),
        "input": _ref("input", "The shape of the input without the batch, `[height, width, channels]`, or a mapping."),
        "inputs": _ref("inputs", "Several inputs by name: `{image: [64, 64, 3], facts: [12]}`."),
        "outputs": _ref("names", "The steps whose outputs the model returns: `[label, age]`. Default: the last step."),
        "args": _ref("args", "The arguments of the model: a type if required, or a default: `{classes: 10}`."),
        "variants": _ref("variants", "Variations of the network, selected with `--variant`."),
        "defaults": _ref("defaults", "Default arguments for each op, which steps can override."),
        "layers": _ref("layers", "Layers defined in this file; each becomes a `keras.layers.Layer` class."),
        "model": _ref("body", "The steps of the model."),
    }


def file_definitions() -> Schema:
    variant = {
        "args": _ref("literals", "Values for the arguments of the model."),
        "input": _ref("own_input", "The input in this variant: its shape, or the keys that differ."),
        "inputs": _ref("own_inputs", "Inputs in this variant, by name: shapes, or the keys that differ."),
        "expect": {
            "$ref": "#/$defs/spec.Expectation",
            "description": "What `archdsl check` verifies about the variant.",
        },
        "data": _ref("data", "Overrides keys of the file's `data`, including single keys of `augment`."),
        "train": _ref("train", "Overrides keys of the file's `train`."),
        "doc": _ref("doc", "A description of the variant."),
    }
    return {
        "doc": {"type": "string"},
        "shape": {"type": "array", "items": Annotations({}).read(Side), "maxItems": 4},
        "input": either(reference("shape"), _input("shape")),
        "own_input": either(reference("shape"), _input()),
        "inputs": _mapping("input_name", reference("input"), minProperties=1),
        "own_inputs": _mapping("input_name", reference("own_input"), minProperties=1),
        "args": _mapping("argument_name", {"anyOf": [{"enum": list(TYPES)}, reference("literal")]}),
        "literals": _mapping("argument_name", reference("literal")),
        "variants": _mapping("step_name", reference("variant")),
        "variant": {"type": "object", "properties": variant, "additionalProperties": False},
    }


def _input(*required: str) -> Schema:
    """Return the schema of an input with a dtype or with flexible axes."""
    axes = sorted({axis for axes in AXES.values() for axis in axes})
    properties = {
        "shape": _ref("shape", "The shape without the batch."),
        "dtype": {"enum": list(DTYPES), "description": f"The dtype. Default: {FLOAT}."},
        "flexible": {
            "type": "array",
            "items": {"enum": axes},
            "uniqueItems": True,
            "minItems": 1,
            "description": "The axes that may have any size. Costs are counted at the size in `shape`.",
        },
    }
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


def _mapping(names: str, values: Schema, **limits: int) -> Schema:
    """Return the schema of a mapping whose keys are names chosen by the user."""
    return {"type": "object", "propertyNames": reference(names), "additionalProperties": values, **limits}


def _layer_words() -> Schema:
    return {
        "doc": _ref("doc", "A description of the layer, used as the docstring of its class."),
        "args": _ref(
            "args", "The arguments of the layer: a type if required, or a default: `{filters: int, stride: 1}`."
        ),
        "inputs": _ref("input_names", "The names of the inputs, if there are several: `[left, right]`."),
        "outputs": _ref(
            "names", "The steps, or outputs of steps (`a.high`), that the layer returns. Default: the last step."
        ),
        "steps": _ref("body", "The steps of the layer."),
        **PATHS_PROPERTIES,
        "like": _ref("class_name", "A layer of this file to copy, with the arguments under `with` fixed."),
        "with": _ref("literals", "Values for arguments of the layer under `like`: `{stride: 2}`."),
    }


def layer_definitions() -> Schema:
    """Return the schemas of layers, which have `like`, `steps` or `paths`."""
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
            "patternProperties": {_CLASS: _ref("layer", "A layer defined in this file.")},
            "additionalProperties": False,
        },
        "layer": layer,
    }


def step_definitions(ops: Mapping[str, type[Op]]) -> Schema:
    """Return the schemas of a body and its steps: names, or mappings with other keys next to the op or layer."""
    return {
        "body": {"if": {"type": "array"}, "then": {"items": reference("step")}, "else": reference("step")},
        "group": {**reference("body"), "minItems": 1},
        "step": {"if": {"type": "object"}, "then": reference("mapping"), "else": reference("word")},
        "word": {
            "description": "An op or a layer of this file, without arguments.",
            "type": "string",
            "anyOf": [{"enum": list(ops)}, {"pattern": _CLASS}],
        },
        "mapping": {
            "description": "An op, a layer of this file, `paths`, `steps` or `time_distributed`, and optional keys.",
            "type": "object",
            "properties": {**_entries(ops), SHARE: SHARE_PROPERTY, **PATHS_PROPERTIES, **_GROUP, **STEP_PROPERTIES},
            "patternProperties": {_CLASS: _ref("arguments", "A layer of this file and its arguments.")},
            "additionalProperties": False,
            "if": {"required": ["paths"]},
            "then": {"propertyNames": {"enum": [*PATHS_PROPERTIES, *STEP_PROPERTIES]}, **reference("merge_where_due")},
            "else": {"properties": dict.fromkeys(PATHS_KEYS, False), **reference("one_step")},
        },
    }


def paths_definitions(ops: Mapping[str, type[Op]]) -> Schema:
    """Return the schemas of `paths` and the keys next to it."""
    merges = _entries({name: op for name, op in ops.items() if op.many})
    loop = {key: schema for key, schema in STEP_PROPERTIES.items() if key in LOOP_KEYS}
    once = {"properties": {"repeat": False, "for": False}}
    one_path = {"maxItems": 1, "maxProperties": 1, "items": once, "additionalProperties": once}
    words = {"enum": list(SHORTCUTS)}
    body = {
        "steps": _ref("body", "The steps of the path; `[]` passes the input through."),
        "from": _ref("taps", "The tensor that the path begins with, if not the common input: an earlier step."),
    }
    either_key = {"if": {"type": "object"}, "then": {"anyOf": [{"required": [word]} for word in body]}}
    steps = {
        "type": ["array", "object"],
        "items": reference("step"),
        "properties": body,
        "additionalProperties": False,
        **either_key,
    }
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
            "description": "A list of steps, or `{steps: [...]}` with `from`, `repeat`, `for` or `when`.",
            "type": ["array", "object"],
            "items": reference("step"),
            "properties": {**body, **loop},
            "additionalProperties": False,
            **either_key,
        },
        "merge_where_due": {
            "$comment": "A single path without a loop and a shortcut needs no `merge`.",
            "if": {"properties": {"paths": one_path, "shortcut": {"const": "none"}}},
            "else": {"required": ["merge"]},
        },
        "shortcut": {
            "description": "; ".join(f"`{word}`: {meaning}" for word, meaning in SHORTCUTS.items()) + ".",
            **either(words, steps, EXPRESSION),
        },
        "merge": either(word_or_mapping(merges, list(merges)), EXPRESSION),
    }


def _entries(ops: Mapping[str, type[Op]]) -> Schema:
    return {name: reference(f"op.{name}") for name in ops}


def counting_definitions() -> Schema:
    """Return the schemas that require exactly one op, layer or `paths` key per step.

    A JSON schema cannot count only some keys. So it counts all keys, and allows one more for each optional key present.
    """
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
    comment = f"Exactly one key other than {', '.join(words)}: each of these that is present allows one more key."
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
        "names": {"type": "array", "items": step_ref, "minItems": 1, "uniqueItems": True},
        "input_names": {"type": "array", "items": reference("input_name"), "minItems": 1, "uniqueItems": True},
        "taps": {"type": ["string", "array"], "pattern": _STEP_REF, "items": step_ref, "minItems": 1},
        "tied_weight": {
            "type": "object",
            "properties": {
                SHARE: {
                    "type": "string",
                    "pattern": _STEP_REF,
                    "description": "The step and its weight: `step.weight`.",
                },
                "transpose": {"type": "boolean", "default": False, "description": "Whether to transpose the weight."},
            },
            "additionalProperties": False,
            "required": [SHARE],
        },
        "count": count,
        "condition": either({"type": "boolean"}, EXPRESSION),
        "columns": _mapping("argument_name", column, minProperties=1),
        "value": {"type": anything, "items": reference("value")},
        "arguments": {"type": ["object", "null"], "additionalProperties": reference("value")},
        "literal": {"type": anything, "pattern": _NO_EXPRESSION, "items": reference("literal")},
        "no_expression": {
            "$comment": "No string with a `$`, at any depth.",
            "pattern": _NO_EXPRESSION,
            "items": reference("no_expression"),
            "additionalProperties": reference("no_expression"),
        },
    }


def _not_reserved(reserved: set[str]) -> Schema:
    return {"type": "string", "pattern": _NAME, "not": {"enum": sorted(reserved)}}


def op_definitions(ops: Mapping[str, type[Op]]) -> Schema:
    """Return the schemas of all ops' arguments and of the types they share."""
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
        fields = reader.fields(op, {role: roles[role] for role in op.block_fields})
        if op.sizes_by_name:
            sizes = fields["properties"].pop(op.sizes_by_name)
            fields["additionalProperties"] = sizes["additionalProperties"]
            fields["propertyNames"] = {"pattern": _NAME}
        fields["properties"] |= {
            word: _ref("tied_weight", f"A weight of an earlier step, used as the {word}.") for word in op.tied_layers
        }
        definitions[f"op.{name}"] = {"description": prose(op), **fields, "type": ["object", "null"]}
    share(definitions, "op.")
    for name, op in ops.items():
        if op.short:
            long_form = definitions[f"op.{name}"]
            alone = {k: v for k, v in long_form["properties"][op.short].items() if k not in ("description", "default")}
            alone = named.get(alone.get("$ref", "").rpartition("/")[2], alone)
            definitions[f"op.{name}"] = either(long_form, alone)
    entries = _entries(ops)
    for role, table in (("norm", NORMS), ("activation", ACTIVATIONS)):
        chosen = {word: entries[op.name] for word, op in table.items() if op.name in ops}
        definitions[role] = either(word_or_mapping(chosen, [*chosen, "none"]), EXPRESSION)
    definitions["defaults"] = {
        "allOf": [reference("no_expression")],
        "type": "object",
        "properties": entries,
        "additionalProperties": False,
    }
    return named | definitions


def share(definitions: Schema, prefix: str) -> None:
    """Move fields that several models share into definitions, and make the models refer to them.

    Args:
        definitions: The definitions to change.
        prefix: The prefix of the names of the models.
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
