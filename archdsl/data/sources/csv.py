"""A CSV file with a column for each value, or a folder with `train.csv` and optionally `test.csv`, `validation.csv`."""

from __future__ import annotations

from pathlib import Path

from archdsl.data.images import RequestedFormat
from archdsl.data.ports import Ports
from archdsl.data.readers import cells, search
from archdsl.data.sources.base import RawDataset, Source
from archdsl.errors import fail
from archdsl.recipe import Data

SPLITS = ("train", "validation", "test")


class CsvFile(Source):
    """Reads a CSV file. Columns of numbers are numbers; all others are classes. The last column is the target."""

    def read(
        self, data: Data, data_dir: Path | None, requested: RequestedFormat, ports: Ports | None = None
    ) -> RawDataset:
        """Read the cells of a file.

        Raises:
            ArchError: the file is missing (ARCH301) or cannot be read (ARCH302), or the splits have different columns
                (ARCH303).
        """
        path, searched = search.find(data.argument, "file", data_dir)
        paths = {"train": path}
        if path.is_dir():
            paths = {name: path / f"{name}.csv" for name in SPLITS if (path / f"{name}.csv").exists()}
            if "train" not in paths:
                raise fail(
                    "ARCH302", f"{path} has no `train.csv`", hint="name the file of the training rows `train.csv`"
                )
        read = {name: cells.read_csv(file) for name, file in paths.items()}
        columns, tables = cells.typed(read, data.columns)
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


SOURCE = CsvFile()
