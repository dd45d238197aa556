"""archdsl: a YAML spec becomes Keras layers, a picture, and a trained network.

`__init__.pyi` lists the public names. Each is imported when it is first used: `archdsl --version` needs none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lazy_loader

from archdsl import display
from archdsl.version import __version__ as __version__

if TYPE_CHECKING:
    from pathlib import Path

    from archdsl.graph import Graph

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def _table(graph: Graph) -> str:
    from archdsl.reports.summary import to_text

    return to_text(graph).rstrip()


def _bundle(value: Any) -> dict[str, str]:
    from archdsl.diagrams import notebook

    return notebook.bundle(value)


def _draw(graph: Graph, path: str | Path, look: dict[str, Any], dpi: int | None) -> None:
    from archdsl.diagrams import Options, pictures

    pictures.draw_graph(graph, path, Options(**look), dpi)


display.register(table=_table, bundle=_bundle, draw=_draw)
