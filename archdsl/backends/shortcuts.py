"""What a shortcut may be in a layer's source, and how its projection is written."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archdsl.expr import Expression, parse
from archdsl.ops import Op
from archdsl.ops.base import OPS
from archdsl.spec import SHORTCUTS, Bunch, Fields, Part, Path, Spec, Step, Use, Value

_KEEPS_CHANNELS = {"zero_pad", "lowest_pad", "max_pool", "average_pool"}


def words_of(spec: Spec, shortcut: Value | tuple[Step, ...]) -> tuple[str, ...]:
    """The words that a shortcut may be, over all values that the file gives to its arguments."""
    if not isinstance(shortcut, Value):
        return ()
    owner = _owner(spec, shortcut)
    found = _words(spec, owner, shortcut, frozenset())
    return tuple(word for word in SHORTCUTS if word in found)


def _owner(spec: Spec, shortcut: Value) -> str:
    """The layer in whose body the shortcut stands; nothing for the model's."""
    for layer in spec.layers.values():
        if any(bunch.shortcut is shortcut for bunch in bunches(layer.steps)):
            return layer.name
    return ""


def bunches(steps: Sequence[Step]) -> Iterator[Bunch]:
    """Every bunch of the steps, and those inside their paths."""
    for step in steps:
        if isinstance(step.action, Bunch):
            yield step.action
            for path in step.action.paths:
                yield from bunches(path.steps)
            if not isinstance(step.action.shortcut, Value):
                yield from bunches(step.action.shortcut)
            yield from bunches(step.action.after)


def uses(steps: Sequence[Step]) -> Iterator[Use]:
    """Every use of a layer in the steps, and inside their paths."""
    for step in steps:
        if isinstance(step.action, Use):
            yield step.action
    for bunch in bunches(steps):
        inner = [step for path in bunch.paths for step in path.steps] + list(bunch.after)
        inner += [] if isinstance(bunch.shortcut, Value) else list(bunch.shortcut)
        yield from (step.action for step in inner if isinstance(step.action, Use))


def _words(spec: Spec, owner: str, value: Value, seen: frozenset[tuple[str, str]]) -> set[str]:
    if not isinstance(value.content, Expression):
        return {str(value.content)}
    tree = value.content.tree
    if not isinstance(tree, ast.Name):
        return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in SHORTCUTS}
    if (owner, tree.id) in seen:
        return set()
    return _argument_words(spec, owner, tree.id, seen | {(owner, tree.id)})


def _argument_words(spec: Spec, owner: str, name: str, seen: frozenset[tuple[str, str]]) -> set[str]:
    """The words that some use in the file passes for an argument, and its default."""
    args = spec.layers[owner].args if owner else spec.args
    if name not in args:
        return set(SHORTCUTS)
    default = args[name].default
    found = {str(default.content)} if default else set()
    likes = {owner}
    for layer in spec.layers.values():
        if layer.like in likes:
            likes.add(layer.name)
            found |= {str(layer.fixed[name])} if name in layer.fixed else set()
    bodies = {layer.name: layer.steps for layer in spec.layers.values()} | {"": spec.model}
    for place, steps in bodies.items():
        for use in uses(steps):
            if use.layer in likes and name in use.arguments:
                found |= _words(spec, place, use.arguments[name], seen)
    return found if found & set(SHORTCUTS) else set(SHORTCUTS)


@dataclass(frozen=True)
class Projection:
    """The fields of a projection that come from the paths: known as source, or only from shapes at build."""

    filters: Value | None
    stride: Value | None

    def parts(self, bunch: Bunch) -> tuple[Part, ...]:
        """The projection's conv block; what is not known reads `$filters` and `$stride`."""
        span = bunch.projection[0].fields["kernel"].span
        own = {
            "filters": self.filters or Value(parse("$filters"), span),
            "stride": self.stride or Value(parse("$stride"), span),
        }
        return tuple(Part(p.role, p.op, {**p.fields, **own}) if p.role == "main" else p for p in bunch.projection)

    @property
    def known(self) -> bool:
        return self.filters is not None and self.stride is not None


def projection(bunch: Bunch) -> Projection:
    """What a bunch's first path tells of its projection without being built."""
    path = bunch.paths[0] if bunch.paths else None
    parts = _plain_parts(path) if path else None
    if parts is None:
        return Projection(None, None)
    return Projection(_filters(parts), _stride(parts))


def _plain_parts(path: Path) -> list[Part] | None:
    """The ops of a path that is nothing but ops, each once."""
    if path.loop.many or path.loop.when is not None:
        return None
    found: list[Part] = []
    for step in path.steps:
        if not isinstance(step.action, tuple) or step.loop.many or step.loop.when is not None:
            return None
        found += step.action
    return found


def _filters(parts: Sequence[Part]) -> Value | None:
    for part in reversed(parts):
        if value := part.fields.get("filters") or part.fields.get("units"):
            return value
        if part.op.shape is not Op.shape and part.op.name not in _KEEPS_CHANNELS:
            return None
    return None


def _stride(parts: Sequence[Part]) -> Value | None:
    """The product of the strides, where each is one number or one expression."""
    number, factors, span = 1, [], None
    for part in parts:
        value = _own_stride(part.op, part.fields)
        if value is None:
            continue
        span = value.span
        if isinstance(value.content, Expression):
            factors.append(
                value.content.text if isinstance(value.content.tree, ast.Name) else f"({value.content.text})"
            )
        elif type(value.content) is int:
            number *= value.content
        else:
            return None
    if not factors:
        return Value(number, span or parts[0].fields["padding"].span) if span else Value(1, _any_span(parts))
    text = " * ".join(factors if number == 1 else [*factors, str(number)])
    return Value(parse(text), span) if span else None


def _any_span(parts: Sequence[Part]):  # type: ignore[no-untyped-def]
    return next((value.span for part in parts for value in part.fields.values()), None)


def _own_stride(op: type[Op], fields: Fields) -> Value | None:
    if "stride" in fields:
        return fields["stride"]
    if "size" in OPS[op.name].model_fields:
        return fields.get("size")
    return None
