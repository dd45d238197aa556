"""Find and load specs, by path or by name in the zoo that ships with archdsl."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from archdsl.errors import fail, nearest
from archdsl.limits import DEFAULTS, Limits
from archdsl.parsing import parse
from archdsl.source import read_file
from archdsl.spec import Spec, titled

INDEX = "index.json"
_PACKAGE = Path(__file__).parent
_CHOICE = re.compile(r"([^\[\]]+)\[(\w+)\]")


def folder() -> Path:
    """Return the folder of the zoo: inside the package in a wheel, next to it in a checkout."""
    inside = _PACKAGE / "specs"
    return inside if inside.is_dir() else _PACKAGE.parent / "specs"


def names() -> dict[str, Path]:
    """Return the paths of the specs in the zoo, by name."""
    return {path.stem: path for path in sorted(folder().glob("*.yaml"))}


def index() -> dict[str, dict[str, Any]]:
    """Return the class, `doc`, number of parameters and variants of each spec in the zoo, by name.

    Resolving all specs takes a second, so the facts are stored in a file, which `pytest --update-golden` writes.
    """
    facts: dict[str, dict[str, Any]] = json.loads((folder() / INDEX).read_text(encoding="utf-8"))
    return facts


def choose(name: str | Path, variant: str = "") -> tuple[Path, str]:
    """Return the path of a spec and the name of its variant.

    Args:
        name: A path, or the name of a spec in the zoo; a variant may follow in brackets: `resnet[resnet101]`.
        variant: The name of the variant, if it is not in brackets.

    Raises:
        ArchError: If there is no such spec, or there are two variants.
    """
    spec, bracketed = split(name)
    if variant and bracketed not in ("", variant):
        message = f"two variants of `{spec}`: `{bracketed}` and `{variant}`"
        raise fail("ARCH203", message, hint="keep one of them")
    return find(spec), bracketed or variant


def split(name: str | Path) -> tuple[str, str]:
    """Split `resnet[resnet101]` into spec and variant; without brackets, the variant is empty."""
    match = _CHOICE.fullmatch(str(name))
    return (str(name), "") if match is None or os.path.exists(name) else (match[1], match[2])


def find(name: str | Path) -> Path:
    """Return the path of a spec.

    Args:
        name: A path, or the name of a spec in the zoo.

    Raises:
        ArchError: If there is no such spec.
    """
    path, known = Path(name), names()
    if path.suffix in (".yaml", ".yml") or os.path.exists(path) or len(path.parts) > 1:
        return path if os.path.exists(path) else _example(path) or path
    if str(name) not in known:
        raise fail("ARCH201", f"unknown spec `{name}`", hint=_hint(str(name), known))
    return known[str(name)]


def _example(path: Path) -> Path | None:
    """Return the file of `examples/NAME`, which an installed package has inside, if there is one."""
    inside = (_PACKAGE if (_PACKAGE / "examples").is_dir() else _PACKAGE.parent) / path.with_suffix(".yaml")
    return inside if path.parent == Path("examples") and inside.is_file() else None


def _hint(name: str, known: Iterable[str]) -> str:
    if name.endswith("]"):
        return "write the name of one variant in the brackets, as in `resnet[resnet101]`"
    owners = [spec for spec, facts in index().items() if name in facts["variants"]]
    if owners:
        return "did you mean " + " or ".join(f"`{titled(spec, name)}`" for spec in owners) + "?"
    return f"{nearest(name, known)} To use a file, pass its path."


def load(path: str | Path, variant: str = "", limits: Limits = DEFAULTS) -> Spec:
    """Load a spec from a file or from the zoo.

    Args:
        path: The path of the file, or the name of a spec in the zoo, as in `resnet` or `resnet[resnet101]`.
        variant: The name of one of its `variants` to apply, if it is not in brackets.
        limits: Limits on the size of the spec.

    Raises:
        ArchError: If the spec does not exist or is invalid.
    """
    file, variant = choose(path, variant)
    spec = parse(read_file(file, limits), str(file), limits)
    return spec.varied(variant) if variant else spec


def loads(text: str, name: str = "<text>", variant: str = "", limits: Limits = DEFAULTS) -> Spec:
    """Load a spec from a string.

    Args:
        text: The YAML text.
        name: The name of the text in messages.
        variant: The name of one of its `variants` to apply.
        limits: Limits on the size of the spec.

    Raises:
        ArchError: If the spec is invalid.
    """
    spec = parse(text, name, limits)
    return spec.varied(variant) if variant else spec
