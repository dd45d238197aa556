"""Adapts a spec to another data set: its source, the size of its head, and the shape of its images."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from archdsl import source
from archdsl.data.ports import Ports
from archdsl.data.survey import Survey, survey
from archdsl.errors import ArchError, fail
from archdsl.parsing import parse
from archdsl.parsing.reshaping import with_settings
from archdsl.recipe import data_at, source_text
from archdsl.resolution import resolve
from archdsl.spec import Expectation, Spec
from archdsl.text import in_line, quantity

AXES = {"class": 1, "tags": 1, "mask": 3}
"""The number of axes of an output, by what it predicts; its last axis has the classes."""

SHOWN = 6
"""The most classes that a change names."""


@dataclass(frozen=True, slots=True)
class Adapted:
    """A spec with another data set.

    Attributes:
        arguments: the values of its arguments, with the one that sets the number of classes.
        changes: what was changed, and how.
    """

    spec: Spec
    arguments: dict[str, Any]
    changes: tuple[tuple[str, str], ...]


def adapted(spec: Spec, arguments: Mapping[str, Any], place: str, data_dir: Path | None = None) -> Adapted:
    """Replace the data set of a spec, and adapt the network to it.

    Args:
        arguments: values for the spec's arguments.
        place: a data set, as in `recipe.source_at`.
        data_dir: the only folder to search.

    Raises:
        ArchError: there is no such data (ARCH301 to ARCH303), or the network cannot be adapted to it (ARCH303).
    """
    seen = survey(data_at(place), data_dir)
    earlier = "none" if spec.data is None else source_text(spec.data.source)
    changes = [("data.source", f"{source_text(seen.data.source)} (was {earlier})")]
    words: dict[str, Any] = {"data.source": seen.data.source}
    if seen.kinds:
        words["data.columns"] = dict(seen.kinds)
        changes.append(("data.columns", ", ".join(f"{name}: {kind}" for name, kind in seen.kinds.items())))
    changes += _without_classes(spec, words)
    if seen.kind == "image":
        changes += _with_images(spec, arguments, seen, words)
    changed, _ = with_settings(spec, words)
    with_classes = _with_classes(changed, arguments, seen)
    return replace(with_classes, changes=(*changes, *with_classes.changes))


def _without_classes(spec: Spec, words: dict[str, Any]) -> list[tuple[str, str]]:
    """Remove what the recipe says about the classes of the earlier data set."""
    changes = list[tuple[str, str]]()
    if spec.data is not None and spec.data.classes is not None:
        words["data.classes"] = None
        changes.append(("data.classes", f"removed (was {_first(spec.data.classes)})"))
    if spec.data is not None and isinstance(spec.data.class_weights, dict):
        words["data.class_weights"] = "none"
        changes.append(("data.class_weights", f"removed (was for {_first(spec.data.class_weights)})"))
    return changes


def _first(classes: Collection[object]) -> str:
    """The first names of some classes, on one line."""
    return f"{in_line(', '.join(map(str, islice(classes, SHOWN))))}{', ...' * (len(classes) > SHOWN)}"


def _with_images(
    spec: Spec, arguments: Mapping[str, Any], seen: Survey, words: dict[str, Any]
) -> list[tuple[str, str]]:
    """Resize the images to the input of the network, or give that their number of channels."""
    ports = Ports.of(resolve(spec, **arguments))
    if any(port.is_integer for port in ports.inputs.values()):
        raise fail("ARCH303", f"{spec.name} takes integers, but {seen.data.source_name} has images")
    shape = ports.image_shape
    if shape is None or ports.inputs.keys() != {""}:
        return []
    changes, (height, width, channels) = list[tuple[str, str]](), seen.shape
    asked = None if spec.data is None else spec.data.size
    if None not in shape[:2] and (asked or (height, width)) != shape[:2]:
        words["data.size"] = list(shape[:2])
        changes.append(("data.size", f"{words['data.size']}, as the network's input; the images are {height}x{width}"))
    if shape[2] != channels and None not in shape:
        words["input"] = [*shape[:2], channels]
        changes.append(("input", f"{words['input']} (was {[*shape]})"))
    return changes


def _with_classes(spec: Spec, arguments: Mapping[str, Any], seen: Survey) -> Adapted:
    """Give the network one output per class: by the argument that sets their number, or in its last dense step."""
    classes, outputs = seen.predicted.classes, Ports.of(resolve(spec, **arguments)).outputs
    shape = outputs[""].shape if outputs.keys() == {""} else ()
    size, count = shape[-1] if shape else None, len(classes)
    unchanged = Adapted(spec, dict(arguments), ())
    if len(shape) != AXES.get(seen.predicted.kind) or size == count or (size == 1 and count == 2):
        return unchanged
    was = f"{count} (was {size}): {_first(classes)}"
    if found := class_argument(spec, arguments, size, count):
        return Adapted(spec, {**arguments, found: count}, ((found, was),))
    changed = _with_units(spec, size, count)
    if changed and resolve(changed, **arguments).shape == (*shape[:-1], count):
        return Adapted(changed, dict(arguments), (("units of the last dense", was),))
    message = f"{spec.name} has {quantity(size or 0, 'output')}, but {seen.data.source_name} has {count} classes"
    hint = f"give the spec an argument `classes`, or run `archdsl new --data {seen.data.argument or seen.data.kind}`"
    raise fail("ARCH303", message, hint=hint)


def _with_units(spec: Spec, units: int | None, count: int) -> Spec | None:
    """The spec with other units in the last `dense` of its model, if the file has that step with a number."""
    root = source.read(spec.text, spec.file, spec.limits)
    steps = root.get("model") if isinstance(root, source.Mapping) else None
    for step in reversed(steps.items if isinstance(steps, source.Sequence) else ()):
        dense = step.get("dense") if isinstance(step, source.Mapping) else None
        if not isinstance(dense, source.Mapping):
            continue
        node = dense.get("units")
        if not isinstance(node, source.Scalar) or node.text != str(units):
            return None
        text = f"{spec.text[: node.start]}{count}{spec.text[node.end :]}"
        changed = parse(text, spec.file, spec.limits)
        changed = changed.varied(spec.variant) if spec.variant else changed
        return replace(changed, expect=Expectation(), overridden=spec.overridden)
    return None


def class_argument(spec: Spec, arguments: Mapping[str, Any], outputs: int | None, classes: int) -> str:
    """The argument that gives the network one output per class; empty if there is none.

    Args:
        outputs: the number of outputs that the network has.
        classes: the number that it should have.
    """
    for name, value in spec.values(arguments).items():
        if value == outputs and type(value) is int:
            try:
                shape = resolve(spec, **{**arguments, name: classes}).shape
            except ArchError:
                continue
            if shape[-1:] == (classes,):
                return name
    return ""
