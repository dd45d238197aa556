"""Files of data sets, made small."""

from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from archdsl.data.ports import Port, Ports

RANDOM = np.random.RandomState(3)

# Golden texts show statistics of these images: they are drawn in this order.
IMAGES = RANDOM.randint(0, 256, (40, 6, 5, 3)).astype(np.uint8)
CLOTHES = RANDOM.randint(0, 256, (60, 28, 28)).astype(np.uint8)
KINDS = (np.arange(60) % 10).astype(np.uint8)


def picture(path: Path, size: tuple[int, int] = (6, 6), **how: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RANDOM.randint(0, 256, (size[1], size[0], 3)).astype(np.uint8)).save(path, **how)
    return path


def pictures(folder: Path, names: str = "ant bee", parts: str = "", count: int = 6) -> Path:
    """A folder `mine` of a few images of each class."""
    for part in parts.split() or ["."]:
        for name in names.split():
            for number in range(count):
                picture(folder / "mine" / part / name / f"{number}.png")
    return folder / "mine"


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def fashion(folder: Path, packed: bool = True, **changed: Any) -> Path:
    """The four files of Fashion-MNIST, with 40 and 20 images."""
    made = folder / "fashion-mnist"
    made.mkdir(parents=True, exist_ok=True)
    for stem, rows in (("train", slice(0, 40)), ("t10k", slice(40, 60))):
        for kind, axes, array in (("images", 3, CLOTHES[rows]), ("labels", 1, KINDS[rows])):
            content = changed.get(f"{stem}_{kind}", idx(array))
            name = f"{stem}-{kind}-idx{axes}-ubyte" + (".gz" if packed else "")
            (made / name).write_bytes(gzip.compress(content) if packed else content)
    return made


def cifar100(folder: Path, **changed: Any) -> Path:
    """The pickles of CIFAR-100, with an image of each class in both parts."""
    made = folder / "cifar-100-python"
    made.mkdir()
    for name in ("train", "test"):
        batch = {"data": RANDOM.randint(0, 256, (100, 3072)).astype(np.uint8), "fine_labels": list(range(100))}
        content = changed.get(name, batch)
        (made / name).write_bytes(pickle.dumps({key.encode(): value for key, value in content.items()}, 2))
    return made


def of_images(*shape: int | None) -> Ports:
    """A network of one input of images."""
    return Ports({"": Port(shape)}, {})
