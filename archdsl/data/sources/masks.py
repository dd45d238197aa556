"""A folder of images with masks of the same names: `images/*.png` and `masks/*.png`, also in `train/` and `test/`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from archdsl.data import images
from archdsl.data.ports import Ports
from archdsl.data.readers import search
from archdsl.data.sources.base import RawDataset, Source
from archdsl.data.tables import Column, Table
from archdsl.errors import ArchError, Problem, fail
from archdsl.recipe import Data
from archdsl.text import quantity

IMAGES, MASKS, CLASSES = "images", "masks", "classes.txt"
"""The two folders, and the file that may name the classes, one a line."""

SPLITS = ("train", "validation", "test")
SHOWN = 10
"""The most faults that a message lists."""


class MaskFolder(Source):
    """Reads images with masks. The value of a pixel in a mask is the number of its class."""

    def read(
        self, data: Data, data_dir: Path | None, requested: images.RequestedFormat, ports: Ports | None = None
    ) -> RawDataset:
        """List the images and masks. They are read when their rows are fetched.

        Raises:
            ArchError: the folder is missing (ARCH301), or an image has no mask or one of another size (ARCH302).
        """
        root, searched = search.find(data.argument, "folder", data_dir)
        folders = {name: root / name for name in SPLITS if (root / name / IMAGES).is_dir()} or {"train": root}
        if "train" not in folders:
            raise fail("ARCH302", f"{root} has no folder `train/{IMAGES}`")
        pairs = {name: _pairs(folder) for name, folder in folders.items()}
        image_format = images.choose_format([image for each in pairs.values() for image, _ in each], requested)
        size = image_format.shape[:2]
        tables = {
            name: Table(
                len(each),
                {
                    "image": partial(images.read_rows, [image for image, _ in each], image_format, name),
                    "mask": partial(images.read_masks, [mask for _, mask in each], size, name),
                },
            )
            for name, each in pairs.items()
        }
        classes = _classes(root, tables["train"])
        columns = {"image": Column("image", image_format.shape), "mask": Column("mask", size, classes)}
        return RawDataset(
            columns,
            ("image",),
            ("mask",),
            tables["train"],
            tables.get("test"),
            str(root.absolute()),
            tables.get("validation"),
            notes=(image_format.note,) if image_format.note else (),
            searched=searched,
        )


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    """The images of a folder with their masks, by name.

    Raises:
        ArchError: there is no such folder, it is empty, or an image has no mask (ARCH302).
    """
    for name in (IMAGES, MASKS):
        if not (folder / name).is_dir():
            raise fail("ARCH302", f"{folder} has no folder `{name}`", hint=f"put the {name} into `{folder / name}`")
    found = images.find([folder / IMAGES])
    masks = {path.relative_to(folder / MASKS).with_suffix(""): path for path in images.find([folder / MASKS])}
    pairs = [(path, masks.get(path.relative_to(folder / IMAGES).with_suffix(""))) for path in found]
    if not pairs:
        raise fail("ARCH302", f"{folder / IMAGES} contains no images")
    if lacking := [str(path) for path, mask in pairs if mask is None]:
        shown = (*lacking[:SHOWN], *([f"... and {len(lacking) - SHOWN:,} more"] if len(lacking) > SHOWN else []))
        message = f"{quantity(len(lacking), 'image')} without a mask of the same name in {folder / MASKS}"
        raise ArchError(Problem("ARCH302", message, facts=shown))
    return [(path, mask) for path, mask in pairs if mask is not None]


def _classes(root: Path, train: Table) -> tuple[str, ...]:
    """The names of the classes: those of `classes.txt`, or numbers up to the largest one in the training masks."""
    starts = range(0, len(train), 100)
    most = max(int(train.take(np.arange(start, min(start + 100, len(train)))).read("mask").max()) for start in starts)
    path = root / CLASSES
    if not path.is_file():
        return tuple(map(str, range(most + 1)))
    names = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    if len(names) <= most:
        raise fail("ARCH303", f"{path} names {len(names)} classes, but a mask has the class {most}")
    return names


SOURCE = MaskFolder()
