"""Fashion-MNIST: 70,000 images of clothing, 28x28, 10 classes (Xiao et al. 2017), as idx files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archdsl.data.readers import idx
from archdsl.data.sources.published import PublishedSet
from archdsl.data.tables import Table
from archdsl.errors import fail

MNIST_LABELS = (5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5, 3, 6, 1, 7)
"""The first labels of MNIST's training set. Its files have the same names and shapes."""


class FashionMnist(PublishedSet):
    """Reads the four files, compressed or not. `train-images.idx3-ubyte` is accepted for `train-images-idx3-ubyte`."""

    def is_set(self, folder: Path) -> bool:
        """Whether a folder contains the training images."""
        return any((folder / name).is_file() for name in _names("train-images-idx3-ubyte"))

    def read_folder(self, folder: Path) -> tuple[Table, Table]:
        """Read the training and test images of the four files; those of MNIST are rejected."""
        train, test = (self._read(folder, stem) for stem in ("train", "t10k"))
        if tuple(train.read("label")[: len(MNIST_LABELS)]) == MNIST_LABELS and len(train) >= 10_000:
            message = f"{folder} contains MNIST's handwritten digits, not Fashion-MNIST"
            raise fail("ARCH303", message, hint=self.how_to_get)
        return train, test

    def _read(self, folder: Path, stem: str) -> Table:
        images = idx.read(self._file(folder, f"{stem}-images-idx3-ubyte"), 3)
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


SOURCE = FashionMnist(
    title="Fashion-MNIST",
    classes=(
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    shape=(28, 28, 1),
    counts=(60_000, 10_000),
    folders=("fashion-mnist", "fashion_mnist", "dataset-fashion-mnist", "FashionMNIST/raw"),
    how_to_get=(
        "run `apt install dataset-fashion-mnist`, or download the four files from "
        "https://github.com/zalandoresearch/fashion-mnist and pass their folder as `--data-dir`"
    ),
)
