"""Typed spec -> graph: layers are expanded, arguments evaluated, shapes inferred, equal calls resolved once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from archdsl.errors import fail
from archdsl.graph import Graph
from archdsl.resolution.expectations import check_recipe
from archdsl.resolution.loops import Budget
from archdsl.resolution.resolver import Resolver
from archdsl.spec import Spec


def resolve(spec: Spec, budget: Budget | None = None, /, **arguments: Any) -> Graph:
    """The graph of a spec's model.

    Args:
        spec: what `archdsl.load` gives.
        budget: one for all variants of a spec, each of which takes from it; without it, the spec has its own.
        arguments: the model's arguments, where they are not to be the file's own.

    Raises:
        ArchError: an argument, an expression or a shape does not fit; the first one that is met.
    """
    try:
        with _without_garbage_collection():
            graph = Resolver(spec, budget or Budget(spec.limits)).model(spec.values(arguments))
    except RecursionError:
        raise fail("ARCH024", "the layers are nested too deep", spec.span) from None
    check_recipe(spec, graph)
    return graph


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Keeps Python from looking for garbage: all nodes are kept, and among many it would look half of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
