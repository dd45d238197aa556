"""Convert errors of Pydantic to problems with a place in the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator
from collections.abc import Mapping as MappingType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from archdsl.errors import Problem, Problems, Span, nearest, shown
from archdsl.expr import is_expression
from archdsl.ops.choices import WordChoice
from archdsl.source import Mapping, Node, Scalar, Sequence
from archdsl.steps import Fields
from archdsl.text import is_number

Model = TypeVar("Model", bound=BaseModel)

_EXPECTED = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "bool_type": "a boolean",
    "string_type": "a string",
    "list_type": "a list",
    "tuple_type": "a list",
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "dataclass_type": "a mapping",
    "finite_number": "a finite number",
}
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
_TRUTHS = {"yes": "true", "on": "true", "no": "false", "off": "false"}


MISSING = "missing required key"
NO_EXPRESSION = "expressions are not allowed here"


def got(node: Node) -> str:
    """Name a node in a message: the value of a scalar, or the kind of anything else."""
    return shown(node.value) if isinstance(node, Scalar) else "a list" if isinstance(node, Sequence) else "a mapping"


def plain(node: Node) -> Any:
    """Convert a node to plain Python values."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return {key.text: plain(value) for key, value in node.items}


def is_null(node: Node) -> bool:
    """Return whether a key has no value."""
    return isinstance(node, Scalar) and node.value is None


def is_empty(node: Node) -> bool:
    """Return whether a key has no value, or an empty list."""
    return is_null(node) or (isinstance(node, Sequence) and not node.items)


def _scalars(node: Node) -> Iterator[Scalar]:
    if isinstance(node, Scalar):
        yield node
    else:
        for item in node.items:
            yield from _scalars(item[1] if isinstance(item, tuple) else item)


def validate(
    model: type[Model],
    node: Node,
    problems: Problems,
    context: MappingType[str, Any] | None = None,
    values: MappingType[str, Any] | None = None,
) -> Model | None:
    """Validate a node against a model. Returns None if there are problems.

    Args:
        model: The Pydantic model.
        node: The node with the values.
        problems: Collects the problems.
        context: Additional context for validators.
        values: Already converted entries of the node, if any.
    """
    if not isinstance(node, Mapping):
        hint = f"write `{{{next(iter(model.model_fields))}: ...}}`"
        problems.add("ARCH007", f"expected a mapping, got {got(node)}", node.span, hint)
        return None
    if expressions := [scalar for scalar in _scalars(node) if is_expression(scalar.value)]:
        for scalar in expressions:
            problems.add("ARCH019", NO_EXPRESSION, scalar.span, "write the value itself")
        return None
    try:
        return model.model_validate(plain(node) if values is None else values, context=context)
    except ValidationError as error:
        for fault in _faults(error):
            problems.collected.append(_problem(fault, node, model))
        return None


def _faults(error: ValidationError) -> Iterator[Any]:
    """Yield the errors of Pydantic, with those of numbers in a list at their own place."""
    for fault in error.errors(include_url=False):
        if fault["type"] == "entry":
            context = fault["ctx"]
            yield {**context["fault"], "loc": (*fault["loc"], *context["at"])}
        else:
            yield fault


def faults(
    model: type[BaseModel], values: MappingType[str, Any], span: Callable[..., Span], skip: Container[object] = ()
) -> list[Problem]:
    """Return the problems of single fields.

    Args:
        model: The Pydantic model.
        values: The values of the fields.
        span: Returns the place of a field, or of an entry of a field.
        skip: Fields without a known value.
    """
    try:
        model.model_validate(dict(values))
    except ValidationError as error:
        known = [f for f in _faults(error) if not f["loc"] or f["loc"][0] not in skip]
        return [describe(f, span(*(f["loc"] or ("",)))) for f in known]
    return []


def field_places(fields: Fields, span: Span) -> Callable[..., Span]:
    """Return a function that returns the place of a field of an op, or of an entry of a field.

    It returns `span` for a field that the spec does not have.
    """

    def place(name: str, *inner: str | int) -> Span:
        if name not in fields:
            return span
        value = fields[name]
        for segment in inner:  # one that is not found is a branch of a union
            if isinstance(value.content, dict):
                value = value.content.get(segment, value)
            elif isinstance(value.content, tuple) and isinstance(segment, int) and segment < len(value.content):
                value = value.content[segment]
        return value.span

    return place


def _problem(fault: Any, root: Node, model: type[BaseModel]) -> Problem:
    """Convert an error of Pydantic to a problem, following its `loc` through the nodes."""
    node: Node = root
    span, unknown = root.span, fault["type"] == "extra_forbidden"
    by_key = unknown or fault.get("ctx", {}).get("at_key", False)
    for segment in fault["loc"]:
        inner = _inside(node, segment)
        if inner is None:
            continue
        key = node.key(str(segment)) if isinstance(node, Mapping) else None
        node, span = inner, key.span if by_key and key else inner.span
    if fault["type"] == "union_tag_invalid" and isinstance(node, Mapping) and len(node.items) == 1:
        span = node.items[0][0].span
    if unknown:
        word = str(fault["loc"][-1])
        section = kind_at(model, fault["loc"][:-1])
        known = getattr(section, "model_fields", {})
        hint = getattr(section, "misplaced", {}).get(word) or nearest(word, known)
        return Problem("ARCH005", f"unknown key `{word}`", span, hint=hint)
    return describe(fault, span)


def _inside(node: Node, segment: str | int) -> Node | None:
    if isinstance(node, Mapping):
        return node.get(str(segment))
    there = isinstance(node, Sequence) and isinstance(segment, int) and segment < len(node.items)
    return node.items[int(segment)] if isinstance(node, Sequence) and there else None


def kind_at(model: type[BaseModel], path: tuple[str | int, ...]) -> Any:
    """Return what a path of fields and words leads to: a model, a choice of words, or None for anything else."""
    current: Any = model
    for segment in path:
        if isinstance(current, type) and issubclass(current, BaseModel) and segment in current.model_fields:
            info = current.model_fields[str(segment)]
            current = choice_of(info.annotation, info.metadata) or model_of(info.annotation)
        elif isinstance(current, WordChoice):
            current = current.entries.get(str(segment), current)
    return current


def choice_of(annotation: Any, metadata: Iterable[Any]) -> WordChoice | None:
    """Return the `WordChoice` of a field or of the items of a list."""
    inner = [item for member in getattr(annotation, "__args__", ()) for item in getattr(member, "__metadata__", ())]
    return next((item for item in (*metadata, *inner) if isinstance(item, WordChoice)), None)


def model_of(annotation: Any) -> Any:
    """Return the model in an annotation such as `Model` or `Model | None`."""
    members = getattr(annotation, "__args__", (annotation,))
    models = [member for member in members if isinstance(member, type) and issubclass(member, BaseModel)]
    return models[0] if models else None


def describe(fault: Any, span: Span | None) -> Problem:
    """Convert an error of Pydantic to a problem at a given place."""
    kind, context, given = fault["type"], fault.get("ctx", {}), fault.get("input")
    if kind == "conflict":
        return Problem(context["code"], context["message"], span, hint=context["hint"])
    here = shown(given)
    if kind == "pattern":
        offset, width = context["offset"], context["width"]
        place = span.inside(given, offset, width) if span and width else span
        return Problem("ARCH029", context["message"], place, hint=context["hint"])
    if kind == "missing":
        name = fault["loc"][-1]
        return Problem("ARCH006", f"{MISSING} `{name}`", span, hint=f"add `{name}: ...`")
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return Problem("ARCH008", f"expected {words} {_figure(context[key])}, got {here}", span)
    if kind == "literal_error":
        choices = [word.strip(" '") for word in context["expected"].replace(" or ", ", ").split(",")]
        return Problem("ARCH007", f"unknown value {here}", span, hint=nearest(here.strip("`"), choices))
    if kind == "union_tag_invalid":
        choices = [word for word in context["expected_tags"].replace("'", "").split(", ") if word != "number"]
        if isinstance(given, str) or (isinstance(given, dict) and len(given) == 1):
            word = context["tag"]
            hint = context.get("hint") or nearest(word, choices)
            return Problem("ARCH007", f"unknown value `{word}`", span, hint=hint)
        only = given[0] if isinstance(given, list) and len(given) == 1 else None
        hint = f"write `{only}`" if only in choices else f"write a name, such as `{choices[0]}`"
        return Problem("ARCH007", f"expected a name, got {here}", span, hint=hint)
    if kind == "kind":
        choices = re.findall(r"`([a-z_]+)`", context["wanted"])
        hint = _advice("bool_type", given) if "true" in choices else ""
        near = nearest(given, choices) if isinstance(given, str) else ""
        hint = near if near.startswith("did you mean") else hint
        return Problem("ARCH007", f"expected {context['wanted']}, got {here}", span, hint=hint)
    expected = _EXPECTED.get(kind)
    if expected is None:
        return Problem("ARCH008", str(fault["msg"]), span)
    return Problem("ARCH007", f"expected {expected}, got {here}", span, hint=_advice(kind, given))


def _figure(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def _advice(kind: str, value: Any) -> str:
    if kind == "bool_type" and isinstance(value, str) and value.lower() in _TRUTHS:
        return f"did you mean `{_TRUTHS[value.lower()]}`?"
    if kind in ("int_type", "float_type") and isinstance(value, str):
        if is_number(value):
            return "remove the quotes"
        if any(c in value for c in "+-*/("):
            return "write the result: text without a `$` is not evaluated"
    if kind == "list_type" and isinstance(value, str | int | float):
        return f"write `[{value}]`"
    return ""
