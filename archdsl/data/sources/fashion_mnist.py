"""Fashion-MNIST: 70,000 pictures of clothes of 28x28 in 10 classes (Xiao et al. 2017), as idx files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archdsl.data.readers import idx
from archdsl.data.readers.search import Search
from archdsl.data.readers.splits import Stored
from archdsl.data.sources.known import KnownSet, part
from archdsl.errors import fail

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
SHAPE = (28, 28, 1)
ELSEWHERE = (
    "`apt install dataset-fashion-mnist`; or take its four files from "
    "https://github.com/zalandoresearch/fashion-mnist, and name their folder with --data-dir"
)
DIGITS = (5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5, 3, 6, 1, 7)
"""The first labels of MNIST's training set, whose files have the same names and shapes."""


def read_folder(folder: Path) -> tuple[Stored, Stored]:
    """The training images and the test images of the four files.

    Raises:
        ArchError: a file is missing or broken (ARCH302), or it is MNIST (ARCH303).
    """
    parts = [_part(folder, stem) for stem in ("train", "t10k")]
    if tuple(parts[0].labels[: len(DIGITS)]) == DIGITS and len(parts[0]) >= 10_000:
        raise fail("ARCH303", f"{folder} holds MNIST's handwritten digits, and not Fashion-MNIST", hint=ELSEWHERE)
    return parts[0], parts[1]


def _part(folder: Path, stem: str) -> Stored:
    images = idx.read(_file(folder, f"{stem}-images-idx3-ubyte"), 3)
    path = _file(folder, f"{stem}-labels-idx1-ubyte")
    return part(images, idx.read(path, 1).astype(np.int64), str(path), SHAPE, CLASSES)


def _file(folder: Path, name: str) -> Path:
    """The file as it is, or packed by gzip; `train-images.idx3-ubyte` is the same name."""
    names = (name, f"{name}.gz", name.replace("-idx", ".idx"), f"{name.replace('-idx', '.idx')}.gz")
    found = next((folder / one for one in names if (folder / one).is_file()), None)
    if found is None:
        message = f"{folder / name} is missing, packed or not: the folder holds a part of the set"
        raise fail("ARCH302", message, hint=ELSEWHERE)
    return found


def _itself(folder: Path) -> bool:
    names = (f"train-images{dash}idx3-ubyte{packed}" for dash in "-." for packed in ("", ".gz"))
    return any((folder / name).is_file() for name in names)


INSIDE = ("fashion_mnist.npz", "fashion-mnist", "fashion_mnist", "dataset-fashion-mnist", "FashionMNIST/raw")
SEARCH = Search("fashion_mnist", "Fashion-MNIST", INSIDE, _itself, ELSEWHERE)
SET = KnownSet(SEARCH, CLASSES, SHAPE, (60_000, 10_000), read_folder)
