"""Where images come from: one module for each word of the recipe's `source`, named after it.

To add one, write `archdsl/data/sources/NAME.py` with a `SOURCE`, and add NAME to `DATA_SOURCES` in `archdsl.recipe`.
A module is imported only when its source is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from archdsl.data.images import RequestedFormat
from archdsl.data.sources.base import RawDataset, Source
from archdsl.recipe import Data


def source(name: str) -> Source:
    """The data source of a word in `DATA_SOURCES`."""
    instance: Source = import_module(f"{__name__}.{name}").SOURCE
    return instance


def read(
    data: Data,
    data_dir: Path | None = None,
    shape: Sequence[int | None] | None = None,
    fallback_side: int | None = None,
) -> RawDataset:
    """The data set of a recipe's source. Images in files of their own are only listed; they are read later.

    Args:
        data_dir: the only folder to search (`--data-dir`).
        shape: of the network's input, if it takes images: height, width, channels, None where one is open.
        fallback_side: the side of images that differ in size, where neither the recipe nor the network sets one.

    Raises:
        ArchError: as `Source.read`.
    """
    height, width, channels = shape if shape is not None and len(shape) == 3 else (None, None, None)
    height, width = data.size or (height, width)
    requested = RequestedFormat(height, width, channels if channels in (1, 3, 4) else None, fallback_side)
    return source(data.kind).read(data, data_dir, requested)


def download(data: Data, data_dir: Path | None = None) -> None:
    """Puts a recipe's data set where `read` searches for it. Imports TensorFlow.

    Raises:
        ArchError: as `Source.download`.
    """
    source(data.kind).download(data, data_dir)
