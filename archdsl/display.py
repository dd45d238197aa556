"""Registration of the functions that display specs, layers and graphs.

The modules for tables and pictures depend on `spec.py` and `graph.py`. They register their functions here, so `spec.py`
and `graph.py` do not have to import them.
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
    draw: Callable[[Any, str | Path, dict[str, Any], int | None], None],
) -> None:
    """Register the functions that format a graph as text, display objects in a notebook, and draw a graph."""
    _registered.update(table=table, bundle=bundle, draw=draw)


def table(graph: Any) -> str:
    """Return the table of `archdsl show` for a graph."""
    shown: str = _registered["table"](graph)
    return shown


def bundle(value: Any) -> dict[str, str]:
    """Return the representations of a graph, a spec or a layer for a notebook, by MIME type."""
    shown: dict[str, str] = _registered["bundle"](value)
    return shown


def draw(graph: Any, path: str | Path, look: dict[str, Any], dpi: int | None) -> None:
    """Draw a graph into a file.

    Args:
        graph: The graph.
        path: The file.
        look: The fields of `archdsl.diagrams.Options`.
        dpi: The resolution of a PNG or JPEG.
    """
    _registered["draw"](graph, path, look, dpi)
