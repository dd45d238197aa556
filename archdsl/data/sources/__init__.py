"""Data sources: one module for each, named after the word in the recipe.

To add one, write `archdsl/data/sources/NAME.py` with a `SOURCE`, and add NAME to `DATA_SOURCES` in `archdsl.recipe`.
A module is imported only when its source is used.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from archdsl.data.images import RequestedFormat
from archdsl.data.ports import Ports
from archdsl.data.sources.base import RawDataset, Source
from archdsl.recipe import Data


def source(name: str) -> Source:
    """The source of a name in `DATA_SOURCES`."""
    instance: Source = import_module(f"{__name__}.{name}").SOURCE
    return instance


def read(
    data: Data,
    data_dir: Path | None = None,
    ports: Ports | None = None,
    fallback_side: int | None = None,
) -> RawDataset:
    """Read the data set of a recipe. Image files are only listed, and read later.

    Args:
        data_dir: the only folder to search (`--data-dir`).
        ports: the inputs and outputs of the network, if it is known.
        fallback_side: height and width for images that differ in size, if neither recipe nor network sets a size.

    Raises:
        ArchError: as `Source.read`.
    """
    height, width, channels = (ports and ports.image_shape) or (None, None, None)
    height, width = data.size or (height, width)
    requested = RequestedFormat(height, width, channels if channels in (1, 3, 4) else None, fallback_side, data.resize)
    return source(data.kind).read(data, data_dir, requested, ports)


def download(data: Data, data_dir: Path | None = None) -> None:
    """Download the data set of a recipe to a folder that `read` searches. Imports TensorFlow.

    Raises:
        ArchError: as `Source.download`.
    """
    source(data.kind).download(data, data_dir)
