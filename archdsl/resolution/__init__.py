"""Resolve a typed spec to a graph: expand layers, evaluate arguments and infer shapes."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from archdsl.errors import fail
from archdsl.graph import Graph
from archdsl.resolution.expectations import check_recipe
from archdsl.resolution.flexibility import check_flexible
from archdsl.resolution.loops import Budget
from archdsl.resolution.resolver import Resolver
from archdsl.spec import Spec


def resolve(spec: Spec, budget: Budget | None = None, /, **arguments: Any) -> Graph:
    """Resolve a spec to the graph of its model.

    Args:
        spec: A spec returned by `archdsl.load`.
        budget: A budget to share among several variants of a spec. Default: a budget for this spec only.
        arguments: Values for arguments of the model, which override the defaults in the file.

    Raises:
        ArchError: For the first argument, expression or shape that is invalid.
    """
    try:
        with _without_garbage_collection():
            values = spec.values(arguments)
            budget = budget or Budget(spec.limits)
            budget.sizes = {} if any(one.flexible for one in spec.inputs.values()) else None
            graph = Resolver(spec, budget).model(values)
            check_flexible(spec, values, graph, budget.sizes or {})
    except RecursionError:
        raise fail("ARCH024", "layers are nested too deeply", spec.span) from None
    check_recipe(spec, graph)
    return graph


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Disable Python's garbage collection, which would take half of the time: all nodes stay alive anyway."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
