"""A folder of texts by class: `train/CLASS/*.txt` with `test/` and optionally `validation/`, or just `CLASS/*.txt`."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archdsl.data.broken import checked, faults
from archdsl.data.images import RequestedFormat
from archdsl.data.ports import Ports
from archdsl.data.readers import class_folders, search, texts
from archdsl.data.readers.class_folders import FileKind
from archdsl.data.sources.base import RawDataset, Source
from archdsl.data.tables import Column, Reader, Rows, Table
from archdsl.errors import ArchError
from archdsl.recipe import Data

TEXTS = FileKind("text", (".txt", ".text", ".md"))


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
    readers: dict[str, Reader] = {"text": partial(_read, files), "label": lambda rows: labels[rows]}
    return Table(
        len(files), readers, lambda rows: [str(files[row]) for row in rows.tolist()], "or remove the empty files"
    )


def _read(files: list[Path], rows: Rows) -> NDArray[np.object_]:
    """The texts of some rows.

    Raises:
        BrokenExamples: some cannot be read.
    """
    result, broken = np.full(len(rows), "", object), dict[int, str]()
    for place, row in enumerate(rows):
        try:
            result[place] = texts.read(files[row])
        except ArchError as error:
            broken[place] = error.problems[0].message
    found = faults(np.array(list(broken), np.int64), broken.__getitem__, "save them as UTF-8, or remove them")
    return checked(result, [found])


SOURCE = TextFolder()
