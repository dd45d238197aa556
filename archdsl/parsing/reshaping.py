"""Override the inputs and the recipe of a spec, in its text too, so that runs and saved models carry them."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingType
from dataclasses import replace
from typing import Any

from archdsl import source
from archdsl.errors import Span, fail, nearest, shown
from archdsl.parsing import parse
from archdsl.parsing.overriding import is_recipe_word, with_recipe
from archdsl.source import Mapping, Node
from archdsl.spec import INPUT, Expectation, Spec

WORDS = ("input", "inputs")
"""The keys of a file that hold the shapes, and the names by which they are overridden."""


def with_settings(spec: Spec, settings: MappingType[str, Any]) -> tuple[Spec, dict[str, Any]]:
    """Return the spec with the given inputs and words of its recipe, and the other settings.

    A spec with other inputs is another network, so that it has no `expect`.

    Args:
        spec: The spec.
        settings: Values of the model's arguments, a shape as `input`, shapes by name as `inputs`, and values of words
            of the recipe, such as `train.epochs`.

    Raises:
        ArchError: If a value is not a shape, there is no such input, or its shape spans several lines; if there is no
            such word in the recipe, or its value is invalid.
    """
    words = {name: value for name, value in settings.items() if is_recipe_word(name)}
    spec = with_recipe(spec, words) if words else spec
    arguments = {name: value for name, value in settings.items() if name not in WORDS and name not in words}
    if not settings.keys() & set(WORDS):
        return spec, arguments
    text = spec.text
    root = source.read(text, spec.file, spec.limits)
    starts = [0, *(match.end() for match in source.LINE_END.finditer(text))]
    edits: dict[tuple[int, int], str] = {}
    for name, shape in _shapes(spec, settings).items():
        for place in _places(root, spec.variant, name):
            start = starts[place.line - 1] + place.column - 1
            if text[start] != "[" or text[start + place.width - 1] != "]":
                hint = f"write the shape on one line, as in `{name}: {shape}`"
                raise fail("ARCH203", f"cannot override the shape of `{name}`", place, hint)
            edits[start, start + place.width] = str(shape)
    for (start, end), new in sorted(edits.items(), reverse=True):
        text = text[:start] + new + text[end:]
    changed = parse(text, spec.file, spec.limits)
    changed = changed.varied(spec.variant) if spec.variant else changed
    given = {name: settings[name] for name in WORDS if name in settings}
    return replace(changed, expect=Expectation(), overridden={**spec.overridden, **given}), arguments


def is_another_network(settings: MappingType[str, Any]) -> bool:
    """Whether settings override more than the recipe, so that `expect` does not apply."""
    return not all(map(is_recipe_word, settings))


def _shapes(spec: Spec, settings: MappingType[str, Any]) -> dict[str, list[int]]:
    """Return the new shapes by the name of the input."""
    given = settings.get("inputs", {})
    if not isinstance(given, dict):
        hint = "map names to shapes, as in `--set 'inputs={left: [64, 64, 3]}'`"
        raise fail("ARCH203", f"`inputs` must be a mapping, got {shown(given)}", hint=hint)
    shapes = {**given, **({INPUT: settings["input"]} if "input" in settings else {})}
    for name, shape in shapes.items():
        if name not in spec.inputs:
            hint = nearest(name, spec.inputs)
            if INPUT in (name, *spec.inputs):
                one = next(iter(spec.inputs))
                hint = f"set `{one}`" if one == INPUT else f"write `--set 'inputs={{{one}: [...]}}'`"
            raise fail("ARCH203", f"`{spec.name}` has no input `{name}`", hint=hint)
        if not isinstance(shape, list) or not shape or not all(type(side) is int for side in shape):
            hint = "write the shape without the batch size, as in `[160, 160, 3]`"
            raise fail("ARCH203", f"`{name}` must be a list of integers, got {shown(shape)}", hint=hint)
    return shapes


def _places(root: Node, variant: str, name: str) -> Iterator[Span]:
    """Yield the places of the shape of an input: in the file, and in its variant if that overrides it."""
    variants = _inner(root, "variants")
    for owner in (root, _inner(variants, variant)):
        node = _inner(owner, INPUT) if name == INPUT else _inner(_inner(owner, "inputs"), name)
        node = _inner(node, "shape") if isinstance(node, Mapping) else node
        if node is not None:
            yield node.span


def _inner(node: Node | None, key: str) -> Node | None:
    return node.get(key) if isinstance(node, Mapping) and key else None
