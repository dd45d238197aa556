"""What differs between runs: their recipes, their networks, and what came of them. Imports no framework."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from archdsl.diff import compare, text
from archdsl.errors import ArchError
from archdsl.graph import Graph
from archdsl.ops.keras_objects import KerasObject
from archdsl.recipe import Train
from archdsl.resolution import resolve
from archdsl.runs import folder as result
from archdsl.runs.folder import Result
from archdsl.runs.listing import NOTHING, Kept, duration, percent
from archdsl.text import columns

NUMBERS: dict[str, Callable[[Result], str]] = {
    "spec": lambda run: f"{run.spec} [{run.variant}]" if run.variant else run.spec,
    "status": lambda run: run.status,
    "epochs": lambda run: f"{run.epochs_run}/{run.epochs}",
    "epoch kept": lambda run: NOTHING if run.best_epoch is None else str(run.best_epoch),
    "test accuracy": lambda run: percent(run.test_accuracy),
    "of one look": lambda run: percent(run.plain_test_accuracy),
    "test loss": lambda run: _loss(run.test_loss),
    "validation accuracy": lambda run: percent(run.validation_accuracy),
    "validation loss": lambda run: _loss(run.validation_loss),
    "time": lambda run: duration(run.seconds),
    "parameters": lambda run: f"{run.parameters:,}",
}
"""What stands side by side of each run."""


def read(folders: Sequence[Path]) -> list[Kept]:
    """The runs of folders, each under a name that tells it apart.

    Raises:
        ArchError: one of them holds no run that can be read (ARCH204).
    """
    names = [folder.name or str(folder) for folder in folders]
    told = names if len(set(names)) == len(names) else [str(folder) for folder in folders]
    return [Kept(folder, name, result.read(folder)) for folder, name in zip(folders, told, strict=True)]


def to_text(runs: Sequence[Kept]) -> str:
    """Numbers side by side, then the words of the recipe that differ, then how the networks differ from the first."""
    known = [run.known for run in runs]
    numbers = [(name, [told(one) for one in known]) for name, told in NUMBERS.items()]
    blocks = [_table(("", [run.name for run in runs]), [row for row in numbers if set(row[1]) != {NOTHING}])]
    if rows := recipes(runs):
        blocks.append(_table(("recipe", [run.name for run in runs]), rows))
    else:
        blocks.append("the recipes are equal\n")
    blocks += [_networks(runs[0], other) for other in runs[1:]]
    return "\n".join(blocks)


def to_data(runs: Sequence[Kept]) -> dict[str, Any]:
    """The same as plain data."""
    networks = {}
    for other in runs[1:]:
        first, second = _graph(runs[0]), _graph(other)
        networks[other.name] = text.to_data(compare(first, second), (runs[0].name, other.name))
    names = [run.name for run in runs]
    recipe = {word: dict(zip(names, values, strict=True)) for word, values in recipes(runs)}
    return {"runs": [run.data() for run in runs], "recipe": recipe, "networks": networks}


def recipes(runs: Sequence[Kept]) -> list[tuple[str, list[str]]]:
    """The words of `data` and `train` whose values differ, each with its value in every run."""
    told = [dict(_recipe(run)) for run in runs]
    words = dict.fromkeys(word for one in told for word in one)
    rows = [(word, [one.get(word, NOTHING) for one in told]) for word in words]
    return [(word, values) for word, values in rows if len(set(values)) > 1]


def _recipe(run: Kept) -> Iterator[tuple[str, str]]:
    """Each word of a run's recipe by its path, with its value; and what the command set in its place."""
    known, spec = run.known, result.spec_of(run.folder, run.known)
    if spec.data is not None:
        yield from _words("data", spec.data)
    if known.limit is not None:
        yield "data.limit", str(known.limit)
    told = {"epochs": known.epochs, "seed": known.seed}
    yield from _words("train", (spec.train or Train()).model_copy(update=told))


def _words(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, BaseModel):
        yield path, _told(value)
        return
    if isinstance(value, KerasObject):
        yield path, value.word
    for name in type(value).model_fields:
        yield from _words(f"{path}.{name}", getattr(value, name))


def _told(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_told, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _networks(first: Kept, other: Kept) -> str:
    try:
        found = compare(_graph(first), _graph(other))
    except ArchError as error:
        return f"the networks cannot be compared: {error.problems[0].message}\n"
    if found.is_equal:
        return f"{first.name} and {other.name} are of the same network\n"
    return text.to_text(found, (first.name, other.name))


def _graph(run: Kept) -> Graph:
    return resolve(result.spec_of(run.folder, run.known), **run.known.arguments)


def _loss(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.4f}"


def _table(head: tuple[str, list[str]], rows: Sequence[tuple[str, list[str]]]) -> str:
    return columns([[name, *values] for name, values in (head, *rows)], right=range(1, len(head[1]) + 1))
