"""New specs: from a template, or from another spec with its comments, under a name of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from archdsl import source, zoo
from archdsl.errors import Span, fail, nearest
from archdsl.expansion import lay_over
from archdsl.graph import Graph
from archdsl.names import class_fault
from archdsl.parsing import parse
from archdsl.resolution import expectations, resolve
from archdsl.schema import modeline
from archdsl.source import Mapping
from archdsl.spec import Spec

STARTER = "starter"
"""The template of those who ask for none."""

_FOLDER = Path(__file__).with_name("templates")
_MODELINE = re.compile(r"#\s*yaml-language-server:.*\n?")


@dataclass(frozen=True, slots=True)
class Draft:
    """A spec that is written nowhere yet, and the networks that it says."""

    text: str
    spec: Spec
    graphs: tuple[Graph, ...]


def templates() -> dict[str, Path]:
    """The templates by name, the starter first."""
    paths = {path.stem: path for path in sorted(_FOLDER.glob("*.yaml"))}
    return {STARTER: paths[STARTER], **paths}


def from_template(target: Path, template: str = STARTER, name: str = "") -> Draft:
    """A spec like a template's.

    Args:
        target: where it will stand.
        name: the model's class; without it, one is made of the file's name.

    Raises:
        ArchError: there is no such template, or the name cannot be used.
    """
    known = templates()
    if template not in known:
        raise fail("ARCH203", f"there is no template `{template}`", hint=nearest(template, known))
    return _draft(target, source.read_file(known[template]), name, f"the template {template}", "")


def from_spec(target: Path, other: str, name: str = "", variant: str = "") -> Draft:
    """A spec like another one.

    Args:
        target: where it will stand.
        other: a spec's file, or its name in the zoo.
        name: the model's class; without it, one is made of the file's name.
        variant: one of the other's `variants`, laid over it.

    Raises:
        ArchError: the other spec is not there or wrong, has no such variant, or the name cannot be used.
    """
    path = zoo.find(other)
    text = source.read_file(path)
    text = lay_over(text, str(path), variant) if variant else text
    parse(text, str(path))
    origin = f"the spec {other}" if len(Path(other).parts) == 1 else f"the spec {path.name}"
    return _draft(target, text, name, f"{origin}, variant {variant}" if variant else origin, other)


def _draft(target: Path, text: str, name: str, origin: str, other: str) -> Draft:
    name = _class_name(target, name)
    text = _renamed(_MODELINE.sub("", text), name, other)
    text = f"{modeline()}\n# Based on {origin}.\n{text}"
    spec = parse(text, str(target))
    graphs = []
    for one in spec.every():
        graph = resolve(one)
        expectations.check(one, graph)
        graphs.append(graph)
    return Draft(text, spec, tuple(graphs))


def _class_name(target: Path, name: str) -> str:
    """The model's class: what is asked for, or `MyNet` for `my_net.yaml`."""
    if target.suffix not in (".yaml", ".yml"):
        raise fail("ARCH203", f"`{target}` is no spec's name", hint=f"a spec ends in .yaml: `{target.name}.yaml`")
    words = re.split(r"[\W_]+", target.stem, flags=re.ASCII)
    chosen = name or "".join(word[:1].upper() + word[1:] for word in words)
    if fault := class_fault(chosen) if chosen else "a name has letters, digits and `_`, and begins with a letter":
        hint = "another `--name`" if name else "choose one: `--name MyNet`"
        raise fail("ARCH203", f"`{chosen or target.stem}` cannot name the model's class: {fault}", hint=hint)
    return chosen


def _renamed(text: str, name: str, other: str) -> str:
    """The text with another name of the model's class."""
    root = source.read(text, other)
    place = root.get("name") if isinstance(root, Mapping) else None
    layers = root.get("layers") if isinstance(root, Mapping) else None
    if isinstance(layers, Mapping) and layers.get(name) is not None:
        message = f"`{name}` cannot name the model's class: it is a layer of `{other or 'this template'}`"
        raise fail("ARCH203", message, hint="choose another one by `--name`")
    return text if place is None else _replaced(text, place.span, name)


def _replaced(text: str, span: Span, word: str) -> str:
    """The text with a word in one place."""
    lines = text.splitlines(keepends=True)
    before, rest = lines[span.line - 1][: span.column - 1], lines[span.line - 1][span.column - 1 + span.width :]
    # What follows on the line, such as a comment, stays in its column where there is room.
    kept = rest.lstrip(" ")
    gap = len(rest) - len(kept) + span.width - len(word)
    lines[span.line - 1] = before + word + (" " * max(2, gap) + kept if kept.startswith("#") else rest)
    return "".join(lines)
