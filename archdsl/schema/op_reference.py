"""The reference of an op, as text for a terminal and as data, generated from the class of the op."""

from __future__ import annotations

import json
import math
import textwrap
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from archdsl.ops import Example, Op
from archdsl.ops.base import DTYPES, KINDS, show
from archdsl.ops.choices import WordChoice
from archdsl.schema import docstrings

_NAMES = {int: "an integer", float: "a number", bool: "a boolean", str: "a string", types.NoneType: "none"}
_SHOWN = 4
"""The number of examples in the text; the data has all of them."""

_ENDS = {"ge": "at least", "gt": "greater than", "le": "at most", "lt": "less than"}
_WORDS = {"norm": "a normalization, such as `batch`,", "activation": "an activation, such as `relu`,"}


def describe(op: type[Op], width: int) -> str:
    """The reference of an op as text, wrapped to `width` characters."""
    blocks = [
        op.name,
        _wrapped(docstrings.summary(op), width, "  "),
        _wrapped(docstrings.rule(op), width, "  "),
        *([_wrapped(dtypes, width, "  ")] if (dtypes := dtypes_of(op)) else []),
        _wrapped(docstrings.source(op), width, "  "),
    ]
    if notes := docstrings.notes(op):
        blocks += ["", _wrapped(notes, width)]
    if op.model_fields:
        blocks += ["", "Arguments", *_arguments(op, width)]
    if tables := {table.what: table for _, table in _tables(op)}:
        blocks += ["", "Values", *(_words(table, width) for table in tables.values())]
    if weights := _weights(op):
        blocks += ["", "Weights in the first example", _wrapped(weights, width, "  ")]
    blocks += ["", "Examples", *_examples(op, width)]
    return "\n".join(blocks) + "\n"


def data(op: type[Op]) -> dict[str, Any]:
    """The reference of an op as data."""
    descriptions = docstrings.arguments(op)
    tables = dict(_tables(op))
    return {
        "name": op.name,
        "kind": op.kind,
        "summary": docstrings.summary(op),
        "shape": docstrings.rule(op),
        "dtypes": {"takes": list(op.takes), "gives": _given(op)},
        "source": docstrings.source(op),
        "notes": docstrings.notes(op),
        "arguments": {
            argument_name(op, name): {
                "type": type_of(name, op.model_fields[name]),
                "required": op.model_fields[name].is_required(),
                "default": None if op.model_fields[name].is_required() else op.model_fields[name].default,
                "description": descriptions[name],
                **({"words": list(tables[name].entries)} if name in tables else {}),
            }
            for name in fields_of(op)
        },
        "examples": [_example(op, example) for example in op.examples],
    }


def dtypes_of(op: type[Op]) -> str:
    """The dtypes that an op takes and gives, as a sentence; empty if it computes with floats only."""
    if op.takes == ("float",):
        return ""
    *others, last = (KINDS[kind] for kind in op.takes)
    takes = f"{', '.join(others)} or {last}" if others else last
    given = _given(op)
    return f"Takes {takes}, and gives {KINDS['float'] if given == 'float' else f'the {given} dtype'}."


def _given(op: type[Op]) -> str:
    """What an op gives: `float`, `same` as the input, or `chosen` by its argument `dtype`."""
    if "dtype" in op.model_fields:
        return "chosen"
    if op.takes == ("float",) or not op.examples:
        return "float"
    example = op.model_validate(op.examples[0].fields)
    taken = [dtype for dtype, kind in DTYPES.items() if kind in op.takes]
    return "same" if [example.gives(dtype) for dtype in taken] == taken else "float"


def fields_of(op: type[Op]) -> list[str]:
    """The fields: the required ones first, and the op's own before inherited ones."""
    own = [name for name in docstrings.arguments(op) if name in op.model_fields]
    return sorted(own, key=lambda name: not op.model_fields[name].is_required())


def argument_name(op: type[BaseModel], name: str) -> str:
    """The name of a field in a spec; `axis` for names that the spec chooses."""
    return "axis" if name == getattr(op, "sizes_by_name", "") else name


def arguments_in_spec(op: type[Op], fields: Mapping[str, Any]) -> Any:
    """The arguments of a step as in a spec: a mapping, or the value that it is short for."""
    written = {name: value for name, value in fields.items() if name != op.sizes_by_name}
    written |= fields.get(op.sizes_by_name, {})
    return written[op.short] if [*written] == [op.short] else written


def type_of(name: str, field: FieldInfo) -> str:
    """The type of a field, in words."""
    if name in _WORDS and field.annotation is Any:
        return f"{_WORDS[name]} or `none`"
    for item in field.metadata:
        if isinstance(item, WordChoice):
            return item.what + (" or `none`" if item.optional else "")
    return _type_in_words(field.annotation, field.metadata)


def _type_in_words(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """A type in words, with its range."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_in_words(inner[0], annotation.__metadata__)
    flat = [item for part in metadata for item in (part.metadata if isinstance(part, FieldInfo) else [part])]
    wanted = next((item.json_schema_input_type for item in flat if isinstance(item, BeforeValidator)), None)
    if get_origin(wanted) in (Union, types.UnionType):
        return _type_in_words(wanted)
    if origin is Literal:
        return _either(_choices(annotation))
    if origin in (Union, types.UnionType):
        parts = [_choices(part) if get_origin(part) is Literal else [_type_in_words(part)] for part in inner]
        kinds = list(dict.fromkeys(word for part in parts for word in part if word != "none"))
        alike = _list_of(kinds[0]) if " " in kinds[0] else ""
        return _either([alike.partition(" (")[0] if kind == alike else kind for kind in kinds])
    if origin is tuple and get_origin(inner[0]) is tuple:
        return "a list of pairs such as [[top, bottom], [left, right]]"
    if origin is tuple and len(inner) == 2 and Ellipsis not in inner:
        return "[height, width]"
    if origin is dict:
        return _type_in_words(inner[1])
    if origin in (list, tuple):
        return _list_of(_type_in_words(inner[0]))
    return _NAMES.get(annotation, str(annotation)) + _range(flat)


def _list_of(kind: str) -> str:
    """`a list of integers (1 to 8)` for `an integer (1 to 8)`."""
    _, noun, *limits = kind.split(" ", 2)
    return " ".join([f"a list of {noun}s", *limits])


def _choices(literal: Any) -> list[str]:
    return [f"`{word}`" if isinstance(word, str) else str(word) for word in get_args(literal)]


def _range(metadata: Sequence[Any]) -> str:
    ends = {key: getattr(item, key) for item in metadata for key in _ENDS if hasattr(item, key)}
    if {"ge", "le"} <= ends.keys():
        return f" ({_figure(ends['ge'])} to {_figure(ends['le'])})"
    limits = " and ".join(f"{_ENDS[key]} {_figure(end)}" for key, end in ends.items())
    return f" ({limits})" if limits else ""


def _figure(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def _either(words: list[str]) -> str:
    return " or ".join(words) if len(words) < 3 else ", ".join(words[:-1]) + f", or {words[-1]}"


def _tables(op: type[Op]) -> Iterator[tuple[str, WordChoice]]:
    for name, field in op.model_fields.items():
        yield from ((name, item) for item in field.metadata if isinstance(item, WordChoice))


def _arguments(op: type[Op], width: int) -> Iterator[str]:
    descriptions, fields = docstrings.arguments(op), fields_of(op)
    longest = max(len(argument_name(op, name)) for name in fields)
    indent = " " * (longest + 4)
    for name in fields:
        text = descriptions[name]
        first = _wrapped(text[0].upper() + text[1:], width, indent, f"  {argument_name(op, name).ljust(longest)}  ")
        field = op.model_fields[name]
        yield f"{first}\n{_wrapped(f'{type_of(name, field)}; {default_of(field)}', width, indent)}"


def default_of(field: FieldInfo) -> str:
    """The default of a field, in words."""
    if field.is_required():
        return "required"
    if field.default not in (None, {}):
        alike = isinstance(field.default, tuple) and len({*field.default}) == 1
        return f"default {written(field.default[0] if alike else field.default)}"
    takes_none = any(isinstance(item, WordChoice) and item.optional for item in field.metadata)
    return "default none" if takes_none else "optional"


def _words(table: WordChoice, width: int) -> str:
    entries = []
    for word, entry in table.entries.items():
        fields = {name: field.default for name, field in entry.model_fields.items() if field.default is not None}
        entries.append(f"{word} {written(fields)}" if fields else word)
    return _wrapped(f"{table.what.split()[-1]}s: {'; '.join(entries)}", width, "    ", "  ")


def _weights(op: type[Op]) -> str:
    weights = _example(op, op.examples[0])["weights"] if op.examples else {}
    return ", ".join(
        f"{name} {show(tuple(weight['shape']))}{'' if weight['trainable'] else ' (non-trainable)'}"
        for name, weight in weights.items()
    )


def _examples(op: type[Op], width: int) -> Iterator[str]:
    for example in op.examples[:_SHOWN]:
        given = arguments_in_spec(op, example.fields)
        full = f"  - {op.name}: {written(given)}"
        step = full if example.fields else f"  - {op.name}"
        comment = f"# {' and '.join(map(show, example.inputs))} -> {show(example.output)}"
        if parameters := _example(op, example)["parameters"]:
            comment += f", {parameters:,} parameters"
        if len(step) + len(comment) + 2 <= width:
            yield f"{step}  {comment}"
            continue
        if len(full) > width and isinstance(given, Mapping):
            full = "\n".join([f"  - {op.name}:", *(f"      {k}: {written(v)}" for k, v in given.items())])
        yield f"  {comment}\n{full}"


def _example(op: type[Op], example: Example) -> dict[str, Any]:
    made = op.model_validate(dict(example.fields))
    weights = made.weights(*example.inputs)
    return {
        "fields": arguments_in_spec(op, example.fields),
        "inputs": [list(shape) for shape in example.inputs],
        "output": list(example.output),
        "weights": {name: {"shape": list(w.shape), "trainable": w.trainable} for name, w in weights.items()},
        "parameters": sum(math.prod(w.shape) for w in weights.values()),
    }


def written(value: Any) -> str:
    """A value on one line, in the notation of a spec."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return value if isinstance(value, str) and " " not in value else json.dumps(value)


def _wrapped(text: str, width: int, indent: str = "", first: str | None = None) -> str:
    return textwrap.fill(
        text,
        max(width, len(indent) + 24),
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
