"""Finds the weights that the patterns of a recipe name: those to freeze, to unfreeze, and with a rate of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archdsl.errors import Problems, fail, nearest
from archdsl.graph import Graph
from archdsl.names import path_matches, unmatched_part
from archdsl.recipe import Train
from archdsl.spec import Spec
from archdsl.text import quantity

MOST_COMPARISONS = 250_000
"""The maximum number of patterns times weights."""


def matching(patterns: Iterable[str], paths: Iterable[str]) -> set[str]:
    """Return the paths that match any of the patterns."""
    patterns = tuple(patterns)
    return {path for path in paths if any(path_matches(pattern, path) for pattern in patterns)}


def frozen(train: Train, paths: Iterable[str]) -> set[str]:
    """Return the weights that are frozen at the start."""
    return matching(train.freeze, paths) if train.freeze else set()


def unfrozen(train: Train, frozen_paths: Iterable[str]) -> set[str]:
    """Return the frozen weights that are trained later, without regard to batch normalizations."""
    if train.unfreeze is None:
        return set()
    return matching(train.unfreeze.weights, frozen_paths) if train.unfreeze.weights else set(frozen_paths)


def rates(train: Train, paths: Iterable[str]) -> dict[str, float]:
    """Return the learning rate multipliers of the parts, by weight; the last matching pattern applies."""
    found = {}
    for path in paths if train.rates.parts else ():
        factors = [rate for pattern, rate in train.rates.parts.items() if path_matches(pattern, path)]
        if factors:
            found[path] = factors[-1]
    return found


def check(spec: Spec, graph: Graph) -> None:
    """Check that each pattern of the recipe matches weights, and that some weights are trained from the start.

    Raises:
        ArchError: With all patterns that match nothing (ARCH018), if all weights are frozen (ARCH008), or if there are
            too many patterns for so many weights (ARCH025).
    """
    train: Train | None = spec.train
    named = list(_named(train)) if train is not None else []
    if train is None or not named:
        return
    if len(named) * graph.totals.variables > MOST_COMPARISONS:
        message = f"too many patterns: {len(named)} for {quantity(graph.totals.variables, 'weight')}"
        hint = f"use at most {MOST_COMPARISONS // graph.totals.variables} patterns"
        raise fail("ARCH025", message, spec.places.get(named[0][0]), hint)
    weights = dict(graph.weights())
    problems, held = Problems(), frozen(train, weights)
    for place, pattern in named:
        found = matching([pattern], weights)
        if not found:
            problems.add("ARCH018", f"no weights match `{pattern}`", spec.places.get(place), _advice(pattern, weights))
        elif place.startswith("train.unfreeze") and not found & held:
            hint = "add it to `freeze`, or remove it"
            problems.add("ARCH008", f"`{pattern}` is not frozen", spec.places.get(place), hint)
    if not any(weight.trainable for path, weight in weights.items() if path not in held):
        hint = "freeze less: at least the last layer must be trained"
        problems.add("ARCH008", "`freeze` leaves no weights to train", spec.places.get("train.freeze"), hint)
    problems.stop()


def _named(train: Train) -> Iterator[tuple[str, str]]:
    """Yield the patterns of a recipe, each with its path in the file."""
    lists = {"freeze": train.freeze, "unfreeze.weights": train.unfreeze.weights if train.unfreeze else []}
    for key, patterns in lists.items():
        yield from ((f"train.{key}.{number}", pattern) for number, pattern in enumerate(patterns))
    yield from ((f"train.rates.parts.{pattern}", pattern) for pattern in train.rates.parts)


def _advice(pattern: str, paths: Iterable[str]) -> str:
    part, names = unmatched_part(pattern, paths)
    return nearest(part.strip("*?_"), names) if names else ""
