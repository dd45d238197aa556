"""A folder of texts by class: `train/CLASS/*.txt` with `test/` and optionally `validation/`, or just `CLASS/*.txt`."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archdsl.data.images import RequestedFormat
from archdsl.data.ports import Ports
from archdsl.data.readers import class_folders, search, texts
from archdsl.data.readers.class_folders import FileKind
from archdsl.data.sources.base import RawDataset, Source
from archdsl.data.tables import Column, Rows, Table
from archdsl.errors import ArchError, Problem
from archdsl.recipe import Data
from archdsl.text import quantity

TEXTS = FileKind("text", (".txt", ".text", ".md"))

SHOWN = 10
"""The most broken files that a message lists."""


class TextFolder(Source):
    """Reads a folder of texts with a folder for each class."""

    def read(
        self, data: Data, data_dir: Path | None, requested: RequestedFormat, ports: Ports | None = None
    ) -> RawDataset:
        """List the texts of a folder. They are read when their rows are fetched.

        Raises:
            ArchError: the folder is missing (ARCH301); it has no classes, or a class has no texts (ARCH302); it has
                only one class, or the splits have different classes (ARCH303).
        """
        root, searched = search.find(data.argument, "folder", data_dir)
        skipped: Counter[str] = Counter()
        listed = class_folders.listed(root, TEXTS, skipped)
        classes = tuple(listed["train"])
        tables = {split: _table(of_classes, classes) for split, of_classes in listed.items()}
        columns = {"text": Column("text"), "label": Column("class", classes=classes)}
        return RawDataset(
            columns,
            ("text",),
            ("label",),
            tables["train"],
            tables.get("test"),
            str(root.absolute()),
            tables.get("validation"),
            notes=TEXTS.note(skipped),
            searched=searched,
        )


def _table(listed: dict[str, list[Path]], classes: tuple[str, ...]) -> Table:
    files, labels = class_folders.labeled(listed, classes)
    return Table(len(files), {"text": partial(_read, files), "label": lambda rows: labels[rows]})


def _read(files: list[Path], rows: Rows) -> NDArray[np.object_]:
    """The texts of some rows.

    Raises:
        ArchError: some cannot be read (ARCH302); the message counts them and explains the first ones.
    """
    result, broken = np.full(len(rows), "", object), list[Problem]()
    for place, row in enumerate(rows):
        try:
            result[place] = texts.read(files[row])
        except ArchError as error:
            broken += error.problems
    if len(broken) == 1:
        raise ArchError(*broken)
    if broken:
        more = [f"... and {len(broken) - SHOWN:,} more"] if len(broken) > SHOWN else []
        facts = (*(problem.message for problem in broken[:SHOWN]), *more)
        message = f"{len(broken):,} of {quantity(len(rows), 'text')} cannot be read"
        raise ArchError(Problem("ARCH302", message, facts=facts, hint="save them as UTF-8, or remove them"))
    return result


SOURCE = TextFolder()
