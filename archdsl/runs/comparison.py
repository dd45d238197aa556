"""Comparison of runs: results, recipes and networks. Imports no framework."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from archdsl.diff import compare, text
from archdsl.errors import ArchError, fail
from archdsl.graph import Graph
from archdsl.ops.keras_objects import KerasObject
from archdsl.recipe import Train
from archdsl.resolution import resolve
from archdsl.runs.folder import Result, read_result, read_spec
from archdsl.runs.listing import UNKNOWN, StoredRun, duration, percent, spec_name
from archdsl.text import columns, first_fitting, in_line

NUMBERS: dict[str, Callable[[Result], str]] = {
    "spec": spec_name,
    "status": lambda result: result.status,
    "epochs": lambda result: f"{result.epochs_run}/{result.epochs}",
    "best epoch": lambda result: UNKNOWN if result.best_epoch is None else str(result.best_epoch),
    "task": lambda result: UNKNOWN if result.task == "classification" else result.task.replace("_", " "),
    "test score": lambda result: UNKNOWN if result.task == "classification" else _named_score(result),
    "test accuracy": lambda result: percent(result.test_accuracy),
    "single-view accuracy": lambda result: percent(result.plain_test_accuracy),
    "test loss": lambda result: _loss(result.test_loss),
    "validation accuracy": lambda result: percent(result.validation_accuracy),
    "validation loss": lambda result: _loss(result.validation_loss),
    "time": lambda result: duration(result.seconds),
    "parameters": lambda result: f"{result.parameters:,}",
    "note": lambda result: in_line(result.note, 30) or UNKNOWN,
}
"""The rows of the table of results."""


def read(folders: Sequence[Path]) -> list[StoredRun]:
    """Read the runs in some folders and give each a unique name.

    Raises:
        ArchError: a folder contains no readable run (ARCH204).
    """
    names = [folder.name or str(folder) for folder in folders]
    names = names if len(set(names)) == len(names) else [str(folder) for folder in folders]
    return [StoredRun(folder, name, read_result(folder)) for folder, name in zip(folders, names, strict=True)]


def check_one_score(runs: Sequence[StoredRun]) -> None:
    """Check that all runs are judged by the same score, so that their curves can be drawn together.

    Raises:
        ArchError: they are not (ARCH203).
    """
    first = runs[0].known_result.judged
    for run in runs[1:]:
        other = run.known_result.judged
        if other.score != first.score:
            scores = f"{runs[0].name} has the score {first.score_title}, {run.name} has {other.score_title}"
            hint = "name runs with the same score, or compare them without `--out`"
            raise fail("ARCH203", f"cannot draw the curves of different tasks: {scores}", hint=hint)


def to_text(runs: Sequence[StoredRun], width: int | None = None) -> str:
    """Format the results side by side, then the differences between recipes, then those from the first network."""
    names = [run.name for run in runs]
    numbers = [[label, *(cell(run.known_result) for run in runs)] for label, cell in NUMBERS.items()]
    blocks = _side_by_side([["", *names], *(row for row in numbers if {*row[1:]} != {UNKNOWN})], width)
    if rows := [[key, *values] for key, values in recipe_differences(runs)]:
        blocks += _side_by_side([["recipe", *names], *rows], width)
    else:
        blocks.append("the recipes are identical\n")
    blocks += [_compare_networks(runs[0], other, width) for other in runs[1:]]
    return "\n".join(blocks)


def _side_by_side(rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """The rows as a table with a column for each run; as several tables if the columns do not fit the width."""
    tables, start, count = [], 1, len(rows[0])
    while start < count:
        ends = range(count, start, -1)
        table = first_fitting(([[row[0], *row[start:end]] for row in rows] for end in ends), width)
        tables.append(columns(table, range(1, len(table[0]))))
        start += len(table[0]) - 1
    return tables


def to_data(runs: Sequence[StoredRun]) -> dict[str, Any]:
    """Convert the comparison to plain data."""
    names = [run.name for run in runs]
    networks = {
        other.name: text.to_data(compare(_graph(runs[0]), _graph(other)), (runs[0].name, other.name))
        for other in runs[1:]
    }
    recipe = {key: dict(zip(names, values, strict=True)) for key, values in recipe_differences(runs)}
    return {"runs": [run.data() for run in runs], "recipe": recipe, "networks": networks}


def recipe_differences(runs: Sequence[StoredRun]) -> list[tuple[str, list[str]]]:
    """Return the keys of `data` and `train` that differ, each with its value in every run."""
    recipes = [dict(_recipe(run)) for run in runs]
    keys = dict.fromkeys(key for recipe in recipes for key in recipe)
    rows = [(key, [recipe.get(key, UNKNOWN) for recipe in recipes]) for key in keys]
    return [(key, values) for key, values in rows if len(set(values)) > 1]


def _recipe(run: StoredRun) -> Iterator[tuple[str, str]]:
    """Yield each key of a recipe as a path, with its value; command-line options override the spec."""
    result = run.known_result
    spec = read_spec(run.folder, result)
    if spec.data is not None:
        yield from _keys("data", spec.data)
    if result.limit is not None:
        yield "data.limit", str(result.limit)
    train = (spec.train or Train()).model_copy(update={"epochs": result.epochs, "seed": result.seed})
    yield from _keys("train", train)


def _keys(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, BaseModel):
        yield path, _value_text(value)
        return
    if isinstance(value, KerasObject):
        yield path, value.word
    for name in type(value).model_fields:
        yield from _keys(f"{path}.{name}", getattr(value, name))


def _value_text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {_value_text(entry)}' for name, entry in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value_text, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _compare_networks(first: StoredRun, other: StoredRun, width: int | None) -> str:
    try:
        difference = compare(_graph(first), _graph(other))
    except ArchError as error:
        return f"the networks cannot be compared: {error.problems[0].message}\n"
    if difference.is_equal:
        return f"{first.name} and {other.name} have the same network\n"
    return text.to_text(difference, (first.name, other.name), width=width)


def _graph(run: StoredRun) -> Graph:
    return resolve(read_spec(run.folder, run.known_result), **run.known_result.arguments)


def _named_score(result: Result) -> str:
    return UNKNOWN if result.score is None else f"{result.score_text} {result.judged.score_title}"


def _loss(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.4f}"
