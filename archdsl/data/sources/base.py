"""What a data source is, and what reading it gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from archdsl.data.images import RequestedFormat
from archdsl.data.readers.search import SearchedPath
from archdsl.data.readers.splits import LazySplit
from archdsl.errors import fail
from archdsl.ops import Shape
from archdsl.recipe import Data


@dataclass(frozen=True, slots=True)
class RawDataset:
    """A data set as its source holds it, before a recipe chooses from it and splits it.

    Attributes:
        test: None where the source has no test split of its own; `validation` likewise.
        shape: of one image: height, width, channels.
        origin: the file or folder, or `embedded`.
        largest: the largest value that a pixel can have.
        notes: sentences on what a reader of the data set should know.
        searched: the places where it was searched for.
    """

    train: LazySplit
    test: LazySplit | None
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    origin: str
    validation: LazySplit | None = None
    largest: int = 255
    notes: tuple[str, ...] = ()
    searched: tuple[SearchedPath, ...] = ()


class Source(ABC):
    """Reads one word of the recipe's `source`; the module of that name has one instance, `SOURCE`."""

    why_no_download: ClassVar[str] = "is local"

    def fits(self, image: Shape, output: Shape) -> bool:
        """Whether the images and classes, known before reading, fit a network's input and output."""
        return False

    @abstractmethod
    def read(self, data: Data, data_dir: Path | None, requested: RequestedFormat) -> RawDataset:
        """The data set that a recipe names.

        Args:
            data: the recipe; `data.argument` is the path or the name that is written with the source's word.
            data_dir: the only folder to search (`--data-dir`).
            requested: the size and channels of the images, for sources whose files may have any.

        Raises:
            ArchError: it is not there (ARCH301), cannot be read (ARCH302), or holds no images with labels (ARCH303).
        """

    def download(self, data: Data, data_dir: Path | None) -> None:
        """Puts the data set where `read` searches for it.

        Raises:
            ArchError: it cannot be downloaded, or not there (ARCH203); the download fails (ARCH301); a package that it
                needs is not installed (ARCH306).
        """
        raise fail("ARCH203", f"`--download` does not apply: {data.source_name} {self.why_no_download}")
