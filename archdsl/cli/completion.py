"""Shell completion of specs, variants, ops and codes: reads names and keys, resolves no network."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

from archdsl import zoo
from archdsl.errors import ArchError
from archdsl.source import Mapping, entries, read, read_file
from archdsl.spec import titled

Suggestions = list[tuple[str, str]]
"""Words, each with a description that some shells show."""

SUFFIXES = (".yaml", ".yml")


def specs(incomplete: str) -> Suggestions:
    """Suggest the zoo's specs, and the specs and folders in the current folder; after a bracket, variants.

    Anything else, such as a file in another folder, is left to the shell: it completes files if this is empty.
    """
    name, bracket, _ = incomplete.partition("[")
    if bracket:
        return _matching(incomplete, {titled(name, variant): "" for variant in _variants(name)})
    if os.sep in incomplete:
        return []
    known = {name: str(facts["doc"]) for name, facts in zoo.index().items()}
    with os.scandir() as children:
        found = {entry.name: entry.is_dir() for entry in children if not entry.name.startswith(".")}
    known |= {name: "" for name in sorted(found) if name.endswith(SUFFIXES)}
    if not any(name.startswith(incomplete) for name in known):
        return []
    return _matching(incomplete, known | {f"{name}{os.sep}": "" for name in sorted(found) if found[name]})


def data(incomplete: str) -> Suggestions:
    """Suggest the built-in data sets, and specs."""
    from archdsl.recipe import DATA_SOURCES

    known = {name: "" for name, source in DATA_SOURCES.items() if not source.takes}
    return _matching(incomplete, known) + specs(incomplete)


def variants(context: typer.Context, incomplete: str) -> Suggestions:
    """Suggest the variants of the specs that are already typed."""
    typed = [value for value in context.params.values() if isinstance(value, str | list | tuple)]
    # Without its value, `--variant` ends the parsing of options, and the spec is not among the parameters.
    words = [word for value in (*typed, context.args) for word in ([value] if isinstance(value, str) else value)]
    return _matching(incomplete, {variant: "" for word in words for variant in _variants(str(word))})


def ops(incomplete: str) -> Suggestions:
    """Suggest the ops of archdsl and of installed packages."""
    from archdsl.ops import OPS, plugins

    return _matching(incomplete, dict.fromkeys(sorted({*OPS, *plugins.names()}), ""))


def codes(incomplete: str) -> Suggestions:
    """Suggest the codes of errors and lint rules."""
    from archdsl.schema import explanations

    return _matching(incomplete, explanations.CODES)


def pages(incomplete: str) -> Suggestions:
    """Suggest the pages of the documentation: by their short names until a folder is typed."""
    from archdsl.schema import pages

    known = {name if "/" in incomplete else name.rpartition("/")[2]: "" for name in pages.names()}
    return _matching(incomplete, known)


def templates(incomplete: str) -> Suggestions:
    """Suggest the templates of `archdsl new`."""
    from archdsl import drafts

    return _matching(incomplete, dict.fromkeys(drafts.templates(), ""))


def files(incomplete: str) -> Suggestions:
    """Leave it to the shell, which completes files and folders."""
    return []


def one_of(*words: str) -> Any:
    """Make a completer that suggests fixed words."""

    def completer(incomplete: str) -> Suggestions:
        return _matching(incomplete, dict.fromkeys(words, ""))

    return completer


def _variants(name: str) -> list[str]:
    """Read the names of a spec's variants, even if the spec is invalid."""
    try:
        path = zoo.find(name)
        root = read(read_file(path), str(path)) if Path(path).is_file() else None
    except ArchError:
        return []
    found = root.get("variants") if isinstance(root, Mapping) else None
    return [key.text for key, _ in entries(found)]


def _matching(incomplete: str, words: Any) -> Suggestions:
    """Keep what begins with the typed characters and can be printed."""
    items: Iterable[tuple[str, str]] = words.items()
    return [(word, text) for word, text in items if word.startswith(incomplete) and word.isprintable()]
