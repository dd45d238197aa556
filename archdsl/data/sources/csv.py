"""A CSV file with a column for each value, or a folder with `train.csv` and optionally `test.csv`, `validation.csv`."""

from __future__ import annotations

from pathlib import Path

from archdsl.data.readers import cells
from archdsl.data.readers.cell_table import Cells
from archdsl.data.sources.table_file import TableFile


class CsvFile(TableFile):
    """Reads a CSV file in UTF-8, with a header line."""

    suffix = ".csv"

    def read_cells(self, path: Path) -> Cells:
        return cells.read_csv(path)


SOURCE = CsvFile()
