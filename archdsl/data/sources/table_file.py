"""The base class of sources that are tables: a file, or a folder with a file for each split."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from archdsl.data.images import RequestedFormat
from archdsl.data.ports import Ports
from archdsl.data.readers import cells, search
from archdsl.data.readers.cell_table import Cells
from archdsl.data.sources.base import RawDataset, Source
from archdsl.errors import fail
from archdsl.recipe import Data

SPLITS = ("train", "validation", "test")


class TableFile(Source):
    """A table with typed columns, whatever its file is. The last column is the target, and all others are inputs."""

    suffix: ClassVar[str]
    """The extension of the files in a folder: `train.csv`."""

    @abstractmethod
    def read_cells(self, path: Path) -> Cells:
        """Read the cells of a file.

        Raises:
            ArchError: the file cannot be read, or has no rows (ARCH302); it has one column (ARCH303).
        """

    def read(
        self, data: Data, data_dir: Path | None, requested: RequestedFormat, ports: Ports | None = None
    ) -> RawDataset:
        """Read the table of a recipe. Images are only listed, and read later.

        Raises:
            ArchError: the file is missing (ARCH301) or cannot be read (ARCH302), or the splits have different columns
                (ARCH303).
        """
        path, searched = search.find(data.argument, "file", data_dir)
        paths = {"train": path}
        if path.is_dir():
            paths = {name: path / f"{name}{self.suffix}" for name in SPLITS}
            paths = {name: file for name, file in paths.items() if file.exists()}
            if "train" not in paths:
                hint = f"name the file of the training rows `train{self.suffix}`"
                raise fail("ARCH302", f"{path} has no `train{self.suffix}`", hint=hint)
        read = {name: self.read_cells(file) for name, file in paths.items()}
        columns, tables = cells.typed(read, data.columns, requested)
        *_, target = columns
        return RawDataset(
            columns,
            tuple(columns),
            (target,),
            tables["train"],
            tables.get("test"),
            str(path.absolute()),
            tables.get("validation"),
            notes=tuple(cells.notes(read["train"], columns)),
            searched=searched,
        )
