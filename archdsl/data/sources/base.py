"""The base class of data sources, and the data set that they return."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from archdsl.data.images import RequestedFormat
from archdsl.data.ports import Ports
from archdsl.data.readers.search import SearchedPath
from archdsl.data.tables import Column, Table
from archdsl.errors import fail
from archdsl.ops import Shape
from archdsl.recipe import Data


@dataclass(frozen=True, slots=True)
class RawDataset:
    """A data set as its source provides it, before a recipe selects and splits it.

    Attributes:
        columns: what is in each column of the tables, by name.
        inputs: the columns that a network takes, unless the recipe says otherwise.
        targets: the columns that a network predicts, unless the recipe says otherwise.
        test, validation: None if the source has no such split.
        origin: the file or folder, or `embedded`.
        notes: remarks about the data set, one sentence each.
        searched: the paths that were searched.
    """

    columns: Mapping[str, Column]
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    train: Table
    test: Table | None
    origin: str
    validation: Table | None = None
    notes: tuple[str, ...] = ()
    searched: tuple[SearchedPath, ...] = ()


def labeled_images(
    train: Table,
    test: Table | None,
    classes: tuple[str, ...],
    shape: tuple[int, int, int],
    origin: str,
    *,
    validation: Table | None = None,
    largest: int = 255,
    notes: tuple[str, ...] = (),
    searched: tuple[SearchedPath, ...] = (),
) -> RawDataset:
    """A data set of images, each of one class: tables with the columns `image` and `label`."""
    columns = {"image": Column("image", shape, largest=largest), "label": Column("class", classes=classes)}
    return RawDataset(columns, ("image",), ("label",), train, test, origin, validation, notes, searched)


class Source(ABC):
    """A data source. Its module has one instance, `SOURCE`."""

    why_no_download: ClassVar[str] = "is local"

    def fits(self, image: Shape, output: Shape) -> bool:
        """Whether the images and classes, known before reading, fit a network's input and output."""
        return False

    @abstractmethod
    def read(
        self, data: Data, data_dir: Path | None, requested: RequestedFormat, ports: Ports | None = None
    ) -> RawDataset:
        """Read the data set of a recipe.

        Args:
            data: the recipe; `data.argument` is the path or name given with the source.
            data_dir: the only folder to search (`--data-dir`).
            requested: the required size and channels, for sources whose images vary.
            ports: the inputs and outputs of the network, if it is known.

        Raises:
            ArchError: the data is missing (ARCH301), cannot be read (ARCH302), or is not labeled images (ARCH303).
        """

    def download(self, data: Data, data_dir: Path | None) -> None:
        """Download the data set to a folder that `read` searches.

        Raises:
            ArchError: the source or the folder does not allow it (ARCH203), the download fails (ARCH301), or a package
                is not installed (ARCH306).
        """
        raise fail("ARCH203", f"`--download` does not apply: {data.source_name} {self.why_no_download}")
