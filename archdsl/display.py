"""How a spec, a layer and a graph show themselves.

Tables and pictures are made far above the classes that they show. What makes them is registered here from above, so
that `spec.py` and `graph.py` import nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

_registered: dict[str, Callable[..., Any]] = {}


def register(
    *,
    table: Callable[[Any], str],
    bundle: Callable[[Any], dict[str, str]],
    draw: Callable[[Any, str | Path, dict[str, Any]], None],
) -> None:
    """Sets what draws: `table` a graph as text, `bundle` a graph, a spec or a layer for a notebook."""
    _registered.update(table=table, bundle=bundle, draw=draw)


def table(graph: Any) -> str:
    """A graph as the table of `archdsl show`."""
    shown: str = _registered["table"](graph)
    return shown


def bundle(value: Any) -> dict[str, str]:
    """What a notebook shows of a graph, a spec or a layer, by MIME type."""
    shown: dict[str, str] = _registered["bundle"](value)
    return shown


def draw(graph: Any, path: str | Path, **options: Any) -> None:
    """Draws a graph into a file."""
    _registered["draw"](graph, path, options)
