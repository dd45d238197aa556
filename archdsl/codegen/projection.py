"""What a shortcut may be in a layer's source, and how its projection is written."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from archdsl.codegen.printer import Bracket, Names
from archdsl.codegen.references import every_step
from archdsl.codegen.sequences import Place, kind_of, sequential_call
from archdsl.errors import Span
from archdsl.expr import Expression, parse
from archdsl.ops import Op
from archdsl.resolution.shortcuts import plain_parts, shortcut_steps
from archdsl.spec import SHORTCUTS, Branches, Fields, LayerCall, OpCall, Spec, Step, Value

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
        if any(_is_of(step, shortcut) for step in every_step(layer.steps)):
            return layer.name
    return ""


def _is_of(step: Step, shortcut: Value) -> bool:
    return isinstance(step.action, Branches) and step.action.shortcut is shortcut


def _words(spec: Spec, owner: str, value: Value, seen: frozenset[tuple[str, str]]) -> set[str]:
    if not isinstance(value.content, Expression):
        return {str(value.content)}
    return _tree_words(spec, owner, value.content.tree, seen)


def _tree_words(spec: Spec, owner: str, tree: ast.expr, seen: frozenset[tuple[str, str]]) -> set[str]:
    match tree:
        case ast.Constant():
            return {str(tree.value)}
        case ast.IfExp():
            return _tree_words(spec, owner, tree.body, seen) | _tree_words(spec, owner, tree.orelse, seen)
        case ast.Name():
            key = owner, tree.id
            return set() if key in seen else _argument_words(spec, owner, tree.id, seen | {key})
    return set(SHORTCUTS)


def _argument_words(spec: Spec, owner: str, name: str, seen: frozenset[tuple[str, str]]) -> set[str]:
    """The words that some use in the file passes for an argument, and its default."""
    if not owner or name not in spec.layers[owner].args:  # whoever builds the model may choose
        return set(SHORTCUTS)
    args = spec.layers[owner].args
    default = args[name].default
    found = {str(default.content)} if default else set()
    likes = {owner}
    for layer in spec.layers.values():
        if layer.like in likes:
            likes.add(layer.name)
            found |= {str(layer.fixed[name])} if name in layer.fixed else set()
    bodies = {layer.name: layer.steps for layer in spec.layers.values()} | {"": spec.model}
    for place, steps in bodies.items():
        for use in (step.action for step in every_step(steps) if isinstance(step.action, LayerCall)):
            if use.layer in likes and name in use.arguments:
                found |= _words(spec, place, use.arguments[name], seen)
    return found if found & set(SHORTCUTS) else set(SHORTCUTS)


FILTERS, STRIDES = "shapes", "parts"
"""Stand for what a projection takes from the shapes; no argument has these names."""

FROM_SHAPES = {FILTERS: "merged[-1]", STRIDES: "strides"}


@dataclass(frozen=True)
class Projection:
    """The fields of a projection that come from the paths: known as source, or only from shapes at build."""

    filters: Value | None
    stride: Value | None

    def steps(self, branches: Branches, word: str) -> tuple[Step, ...]:
        """The steps that a word stands for; what is not known comes from the shapes."""
        span = branches.place
        filters = self.filters or Value(parse(f"${FILTERS}"), span)
        return shortcut_steps(word, branches.projection, filters, self.stride or Value(parse(f"${STRIDES}"), span))

    @property
    def known(self) -> bool:
        return self.filters is not None and self.stride is not None


def projection(branches: Branches, types: Mapping[str, str]) -> Projection:
    """What the first of some branches tells of its projection without being built.

    Args:
        types: of the names that expressions see.
    """
    path = branches.paths[0] if branches.paths else None
    parts = plain_parts(path) if path else None
    if not parts:
        return Projection(None, None)
    return Projection(_filters(parts), _stride(parts, types, branches.place))


def shortcut_call(place: Place, branches: Branches, word: str, name: str) -> Bracket:
    """A shortcut that is made of layers, as a `keras.Sequential`.

    Args:
        name: as source.
    """
    named = replace(place.fresh(), names=Names({**place.names.by_name, **FROM_SHAPES}))
    return sequential_call(projection(branches, place.types).steps(branches, word), named, name)


def _filters(parts: Sequence[OpCall]) -> Value | None:
    for part in reversed(parts):
        if value := part.fields.get("filters") or part.fields.get("units"):
            return value
        if part.op.output is not Op.output and part.op.name not in _KEEPS_CHANNELS:
            return None
    return None


def _stride(parts: Sequence[OpCall], types: Mapping[str, str], span: Span) -> Value | None:
    """The product of the strides, where each is one number or one expression of a whole number."""
    number, factors = 1, []
    for part in parts:
        value = _own_stride(part.op, part.fields, span)
        if value is None:
            continue
        if isinstance(value.content, Expression):
            factors.append(value.content)
        elif type(value.content) is int:
            number *= value.content
        else:
            return None
    if not factors:
        return Value(number, span)
    if len(factors) == 1 and number == 1:
        return Value(factors[0], span)
    if any(kind_of(factor.tree, types) != "int" for factor in factors):
        return None
    texts = [f.text if isinstance(f.tree, ast.Name) else f"({f.text})" for f in factors]
    return Value(parse(" * ".join([*texts, *([str(number)] if number != 1 else [])])), span)


def _own_stride(op: type[Op], fields: Fields, span: Span) -> Value | None:
    if "stride" in fields:
        return fields["stride"]
    size = op.model_fields.get("size")
    return None if size is None else fields.get("size", Value(size.default[0], span))
