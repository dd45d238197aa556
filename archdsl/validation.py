"""Pydantic's findings, told as problems of the file: where each stands, and what would be right."""

from __future__ import annotations

from collections.abc import Callable, Container
from collections.abc import Mapping as MappingType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from archdsl.errors import Problem, Problems, Span, nearest
from archdsl.source import Mapping, Node, Scalar, Sequence

Model = TypeVar("Model", bound=BaseModel)

_DUE = {
    "int_type": "a whole number is due",
    "int_from_float": "a whole number is due",
    "float_type": "a number is due",
    "bool_type": "`true` or `false` is due",
    "string_type": "text is due",
    "list_type": "a list is due",
    "tuple_type": "a list is due",
    "model_type": "a mapping is due",
    "dict_type": "a mapping is due",
    "finite_number": "a finite number is due",
}
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
_TRUTHS = {"yes": "true", "on": "true", "no": "false", "off": "false"}


def plain(node: Node) -> Any:
    """A node as Python's own values."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return {key.text: plain(value) for key, value in node.items}


def validate(model: type[Model], node: Node, problems: Problems) -> Model | None:
    """The model that a node says; None where it has problems, which are collected."""
    if not isinstance(node, Mapping):
        problems.add("ARCH007", f"a mapping is due, and here is {shown(plain(node))}", node.span)
        return None
    try:
        return model.model_validate(plain(node))
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            problems.found.append(_problem(fault, node, model))
        return None


def faults(
    model: type[BaseModel], values: MappingType[str, Any], span: Callable[[str], Span], skip: Container[object] = ()
) -> list[Problem]:
    """What is wrong with fields that are known one by one.

    Args:
        values: the fields that have values.
        span: where a field stands.
        skip: fields whose values are not known yet.
    """
    try:
        model.model_validate(dict(values))
    except ValidationError as error:
        found = [f for f in error.errors(include_url=False) if not f["loc"] or f["loc"][0] not in skip]
        return [_describe(f, span(str(f["loc"][0])) if f["loc"] else span("")) for f in found]
    return []


def shown(value: Any) -> str:
    """A value as the file would write it, cut where it is long."""
    if isinstance(value, dict):
        return "a mapping"
    words = {True: "`true`", False: "`false`", None: "nothing"}
    if value is None or isinstance(value, bool):
        return words[value]
    text = str(value) if isinstance(value, str) else repr(value)
    return f"`{text if len(text) <= 40 else text[:37] + '...'}`"


def _problem(fault: Any, root: Node, model: type[BaseModel]) -> Problem:
    """The problem of one of Pydantic's errors, whose `loc` is walked through the nodes."""
    node: Node = root
    span, unknown = root.span, fault["type"] == "extra_forbidden"
    for segment in fault["loc"]:
        inner = _inside(node, segment)
        if inner is None:
            continue
        key = node.key(str(segment)) if isinstance(node, Mapping) else None
        node, span = inner, key.span if unknown and key else inner.span
    if unknown:
        word = str(fault["loc"][-1])
        known = _fields(model, fault["loc"][:-1])
        return Problem("ARCH005", f"`{word}` is not known here", span, hint=nearest(word, known))
    return _describe(fault, span)


def _inside(node: Node, segment: str | int) -> Node | None:
    if isinstance(node, Mapping):
        return node.get(str(segment))
    there = isinstance(node, Sequence) and isinstance(segment, int) and segment < len(node.items)
    return node.items[int(segment)] if isinstance(node, Sequence) and there else None


def _fields(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """The fields of the model that a path of fields and tags ends in."""
    current: Any = model
    for segment in path:
        if isinstance(current, type) and issubclass(current, BaseModel) and segment in current.model_fields:
            info = current.model_fields[str(segment)]
            current = info.annotation
            continue
        current = _tagged(current, str(segment)) or current
    return list(current.model_fields) if isinstance(current, type) and issubclass(current, BaseModel) else []


def _tagged(union: Any, tag: str) -> Any:
    for member in getattr(union, "__args__", ()):
        metadata = getattr(member, "__metadata__", ())
        if any(getattr(item, "tag", None) == tag for item in metadata):
            return member.__origin__
    return None


def _describe(fault: Any, span: Span) -> Problem:
    kind, context, here = fault["type"], fault.get("ctx", {}), shown(fault.get("input"))
    name = f"`{fault['loc'][-1]}`" if fault["loc"] and isinstance(fault["loc"][-1], str) else "this"
    if kind == "missing":
        return Problem("ARCH006", f"{name} is missing", span, hint=f"add `{fault['loc'][-1]}: ...`")
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return Problem("ARCH008", f"{words} {context[key]:,} is due, and here is {here}", span)
    if kind == "literal_error":
        choices = [word.strip(" '") for word in context["expected"].replace(" or ", ", ").split(",")]
        return Problem("ARCH007", f"{here} is not known here", span, hint=nearest(here.strip("`"), choices))
    if kind == "union_tag_invalid":
        choices = [word for word in context["expected_tags"].replace("'", "").split(", ") if word != "number"]
        return Problem("ARCH007", f"`{context['tag']}` is not known here", span, hint=nearest(context["tag"], choices))
    if kind == "kind":
        return Problem("ARCH007", f"{context['wanted']} is due, and here is {here}", span)
    due = _DUE.get(kind)
    if due is None:
        return Problem("ARCH008", str(fault["msg"]), span)
    return Problem("ARCH007", f"{due}, and here is {here}", span, hint=_advice(kind, fault.get("input")))


def _advice(kind: str, value: Any) -> str:
    if kind == "bool_type" and isinstance(value, str) and value.lower() in _TRUTHS:
        return f"did you mean `{_TRUTHS[value.lower()]}`?"
    if kind in ("int_type", "float_type") and isinstance(value, str):
        if value.replace(".", "").replace("e", "").replace("-", "").isdigit():
            return "remove the quotes"
        return "an expression has a `$` before every argument" if any(c in value for c in "+-*/") else ""
    return "use `//` to divide without rest" if kind == "int_from_float" else ""
