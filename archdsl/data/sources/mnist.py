"""MNIST: 70,000 handwritten digits, 28x28 (LeCun et al. 1998), as idx files. Also reads those of Fashion-MNIST."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archdsl.data.readers import array_checks, idx
from archdsl.data.sources.published import PublishedSet
from archdsl.data.tables import Table
from archdsl.errors import fail

FIRST_LABELS = {
    "MNIST": ("MNIST's handwritten digits", (5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5, 3, 6, 1, 7)),
    "Fashion-MNIST": ("Fashion-MNIST's clothing", (9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9, 5, 5, 7, 9)),
}
"""What the training sets contain, and their first labels: the files of both have the same names and shapes."""


class IdxSet(PublishedSet):
    """A data set of four idx files, compressed or not.

    `train-images.idx3-ubyte` is accepted for `train-images-idx3-ubyte`.
    """

    def is_set(self, folder: Path) -> bool:
        """Whether a folder contains the training images."""
        return any((folder / name).is_file() for name in _names("train-images-idx3-ubyte"))

    def read_folder(self, folder: Path) -> tuple[Table, Table]:
        """Read the training and test images of the four files; those of another set are rejected."""
        train, test = (self._read(folder, stem) for stem in ("train", "t10k"))
        for title, (what, first) in FIRST_LABELS.items():
            if title != self.title and len(train) >= 10_000 and (*train.read("label")[: len(first)],) == first:
                raise fail("ARCH303", f"{folder} contains {what}, not {self.title}", hint=self.how_to_get)
        return train, test

    def _read(self, folder: Path, stem: str) -> Table:
        path = self._file(folder, f"{stem}-images-idx3-ubyte")
        images = array_checks.exact_images(idx.read(path, 3)[..., None], str(path), self.shape)
        path = self._file(folder, f"{stem}-labels-idx1-ubyte")
        return self.split(images, idx.read(path, 1).astype(np.int64), str(path))

    def _file(self, folder: Path, name: str) -> Path:
        path = next((folder / one for one in _names(name) if (folder / one).is_file()), None)
        if path is None:
            message = f"{folder / name} is missing, with or without `.gz`: the data set is incomplete"
            raise fail("ARCH302", message, hint=self.how_to_get)
        return path


def _names(name: str) -> tuple[str, ...]:
    dotted = name.replace("-idx", ".idx")
    return name, f"{name}.gz", dotted, f"{dotted}.gz"


SOURCE = IdxSet(
    title="MNIST",
    classes=tuple("0123456789"),
    shape=(28, 28, 1),
    counts=(60_000, 10_000),
    folders=("mnist", "MNIST/raw", "MNIST"),
    how_to_get="pass the folder of the four idx files as `--data-dir`",
)
