"""Finds specs: by path, or by name among those that ship with archdsl."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from archdsl.errors import fail, nearest
from archdsl.limits import DEFAULTS, Limits
from archdsl.parsing import parse
from archdsl.source import read_file
from archdsl.spec import Spec

INDEX = "index.json"
_PACKAGE = Path(__file__).parent


def folder() -> Path:
    """The zoo's folder: inside the package in a wheel, beside it in a checkout."""
    inside = _PACKAGE / "specs"
    return inside if inside.is_dir() else _PACKAGE.parent / "specs"


def names() -> dict[str, Path]:
    """The zoo's specs by name."""
    return {path.stem: path for path in sorted(folder().glob("*.yaml"))}


def index() -> dict[str, dict[str, Any]]:
    """Each spec's class, `doc`, number of parameters and variants, by its name.

    Resolving all of them takes a second, so that they are kept in a file: `pytest --update-golden` writes it.
    """
    facts: dict[str, dict[str, Any]] = json.loads((folder() / INDEX).read_text(encoding="utf-8"))
    return facts


def find(name: str | Path) -> Path:
    """The file of a spec.

    Args:
        name: a path, or the name of a spec of the zoo.

    Raises:
        ArchError: there is neither.
    """
    path, known = Path(name), names()
    if path.suffix in (".yaml", ".yml") or os.path.exists(path) or len(path.parts) > 1:
        return path if os.path.exists(path) else _example(path) or path
    if str(name) not in known:
        raise fail("ARCH201", f"there is no spec `{name}`", hint=_hint(str(name), known))
    return known[str(name)]


def _example(path: Path) -> Path | None:
    """Return the file of `examples/NAME`, which an installed package has inside, if there is one."""
    inside = (_PACKAGE if (_PACKAGE / "examples").is_dir() else _PACKAGE.parent) / path.with_suffix(".yaml")
    return inside if path.parent == Path("examples") and inside.is_file() else None


def _hint(name: str, known: Iterable[str]) -> str:
    owners = [spec for spec, facts in index().items() if name in facts["variants"]]
    if owners:
        return f"`{name}` is a variant: " + " or ".join(f"`{spec} --variant {name}`" for spec in owners)
    return f"{nearest(name, known)}; a file is given by its path"


def load(path: str | Path, variant: str = "", limits: Limits = DEFAULTS) -> Spec:
    """Reads a spec from a file, or from the zoo by its name.

    Args:
        path: the file, or the name.
        variant: one of its `variants`, laid over it.
        limits: what it may cost.

    Raises:
        ArchError: there is no such spec, or it is wrong.
    """
    file = find(path)
    spec = parse(read_file(file, limits), str(file), limits)
    return spec.varied(variant) if variant else spec


def loads(text: str, name: str = "<text>", variant: str = "", limits: Limits = DEFAULTS) -> Spec:
    """Reads a spec from its text.

    Args:
        text: the YAML.
        name: what to call the text in messages.
        variant: one of its `variants`, laid over it.
        limits: what it may cost.

    Raises:
        ArchError: the spec is wrong.
    """
    spec = parse(text, name, limits)
    return spec.varied(variant) if variant else spec
