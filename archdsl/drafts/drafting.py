"""New specs, created from a template or copied from another spec with its comments, and new packages with ops."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from archdsl import source, zoo
from archdsl.errors import Span, fail, nearest
from archdsl.expansion import lay_over
from archdsl.graph import Graph
from archdsl.names import class_fault, name_fault
from archdsl.parsing import parse
from archdsl.resolution import expectations, resolve
from archdsl.schema import modeline
from archdsl.source import Mapping
from archdsl.spec import Spec

STARTER = "starter"
"""The default template."""

FOLDER = Path(__file__).parents[1] / "templates"
"""The folder of the templates."""

_OP_PACKAGE = FOLDER / "op_package"
_MODELINE = re.compile(r"#\s*yaml-language-server:.*\n?")


@dataclass(frozen=True, slots=True)
class Draft:
    """A new spec that is not written to a file yet.

    Attributes:
        graphs: The networks that it defines.
        decisions: What was decided for it, and why, by subject.
    """

    text: str
    spec: Spec
    graphs: tuple[Graph, ...]
    decisions: tuple[tuple[str, str], ...] = ()


def templates() -> dict[str, Path]:
    """Return the paths of the templates by name, the default one first."""
    paths = {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}
    return {STARTER: paths[STARTER], **paths}


def from_template(target: Path, template: str = STARTER, name: str = "") -> Draft:
    """Create a spec from a template.

    Args:
        target: The file that the spec will be written to.
        template: The name of the template.
        name: The name of the model's class. Default: derived from the name of the file.

    Raises:
        ArchError: If the template does not exist or the name is invalid.
    """
    known = templates()
    if template not in known:
        raise fail("ARCH203", f"unknown template `{template}`", hint=nearest(template, known))
    return _draft(target, source.read_file(known[template]), name, f"the template {template}", "")


def from_spec(target: Path, other: str, name: str = "", variant: str = "") -> Draft:
    """Create a spec from another spec.

    Args:
        target: The file that the spec will be written to.
        other: The path of the other spec, or its name in the zoo; a variant may follow in brackets.
        name: The name of the model's class. Default: derived from the name of the file.
        variant: The name of one of its `variants` to apply.

    Raises:
        ArchError: If the other spec does not exist, is invalid or has no such variant, or if the name is invalid.
    """
    path, variant = zoo.choose(other, variant)
    other, _ = zoo.split(other)
    text = source.read_file(path)
    text = lay_over(text, str(path), variant) if variant else text
    parse(text, str(path))
    origin = f"the spec {other}" if len(Path(other).parts) == 1 else f"the spec {path.name}"
    return _draft(target, text, name, f"{origin}, variant {variant}" if variant else origin, other)


def op_package(folder: Path) -> dict[Path, str]:
    """Create a package with an op, its Keras layer, a test and an example.

    Args:
        folder: The folder that the package will be written to, new or empty. Its name becomes that of the package.

    Returns:
        The texts of the files by path.

    Raises:
        ArchError: If the folder's name cannot be the name of a package, or the folder is not empty.
    """
    name = folder.name.replace("-", "_")
    if fault := name_fault(name) or ("archdsl itself has this name" if name == "archdsl" else ""):
        raise fail("ARCH203", f"invalid package name `{folder.name}`: {fault}", hint="for example, `--op my_ops`")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise fail("ARCH202", f"{folder} already exists", hint="choose another name, or remove it")
    texts = {}
    for path in sorted(_OP_PACKAGE.rglob("*.txt")):
        target = folder / str(path.relative_to(_OP_PACKAGE)).removesuffix(".txt").replace("my_ops", name)
        text = path.read_text(encoding="utf-8")
        texts[target] = text.replace("my_ops", name).replace("my-ops", name.replace("_", "-"))
    return texts


def _draft(target: Path, text: str, name: str, origin: str, other: str) -> Draft:
    name = class_name(target, name)
    text = _renamed(_MODELINE.sub("", text), name, other)
    return drafted(target, f"# Based on {origin}.\n{text}")


def drafted(target: Path, text: str, decisions: tuple[tuple[str, str], ...] = ()) -> Draft:
    """Check the text of a new spec."""
    text = f"{modeline()}\n{text}"
    spec = parse(text, str(target))
    graphs = []
    for one in spec.every():
        graph = resolve(one)
        expectations.check(one, graph)
        graphs.append(graph)
    return Draft(text, spec, tuple(graphs), decisions)


def class_name(target: Path, name: str) -> str:
    """Return the name of the model's class: the given one, or `MyNet` for `my_net.yaml`."""
    if target.suffix not in (".yaml", ".yml"):
        raise fail(
            "ARCH203",
            f"`{target}` is not the name of a spec file",
            hint=f"use the extension .yaml: `{target.name}.yaml`",
        )
    words = re.split(r"[\W_]+", target.stem, flags=re.ASCII)
    chosen = name or "".join(word[:1].upper() + word[1:] for word in words)
    if fault := class_fault(chosen) if chosen else "it has no ASCII letters or digits":
        hint = "choose a different `--name`" if name else "choose one with `--name MyNet`"
        raise fail("ARCH203", f"invalid class name `{chosen or target.stem}`: {fault}", hint=hint)
    return chosen


def _renamed(text: str, name: str, other: str) -> str:
    """Replace the name of the model's class in a text."""
    root = source.read(text, other)
    place = root.get("name") if isinstance(root, Mapping) else None
    layers = root.get("layers") if isinstance(root, Mapping) else None
    if isinstance(layers, Mapping) and layers.get(name) is not None:
        message = f"invalid class name `{name}`: it is a layer of `{other or 'this template'}`"
        raise fail("ARCH203", message, hint="choose a different one with `--name`")
    return text if place is None else _replaced(text, place.span, name)


def _replaced(text: str, span: Span, word: str) -> str:
    """Replace one place of a text with a word."""
    lines = text.splitlines(keepends=True)
    before, rest = lines[span.line - 1][: span.column - 1], lines[span.line - 1][span.column - 1 + span.width :]
    # A comment after the word stays in its column if there is room.
    kept = rest.lstrip(" ")
    gap = len(rest) - len(kept) + span.width - len(word)
    lines[span.line - 1] = before + word + (" " * max(2, gap) + kept if kept.startswith("#") else rest)
    return "".join(lines)
