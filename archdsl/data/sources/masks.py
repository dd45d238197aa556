"""A folder of images with masks of the same names: `images/*.png` and `masks/*.png`, also in `train/` and `test/`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from archdsl.data import images
from archdsl.data.broken import reading
from archdsl.data.ports import Ports
from archdsl.data.readers import files, search
from archdsl.data.sources.base import RawDataset, Source
from archdsl.data.tables import Column, Table
from archdsl.errors import fail
from archdsl.recipe import Data
from archdsl.text import in_line, quantity

IMAGES, MASKS, CLASSES = "images", "masks", "classes.txt"
"""The two folders, and the file that may name the classes, one a line."""

SPLITS = ("train", "validation", "test")

Pair: TypeAlias = tuple[Path, Path | str]
"""An image and its mask, or what is wrong."""


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
            hint = f"put the training images into `{root / 'train' / IMAGES}`"
            raise fail("ARCH302", f"{root} has no folder `train/{IMAGES}`", hint=hint)
        pairs = {name: _pairs(folder) for name, folder in folders.items()}
        extra = [note for name, folder in folders.items() for note in _extra_masks(folder, pairs[name])]
        image_format = images.choose_format([image for each in pairs.values() for image, _ in each], requested)
        size = image_format.shape[:2]
        classes, divisor = _classes(root, _table(pairs["train"], image_format, "train"))
        tables = {name: _table(each, image_format, name, len(classes), divisor) for name, each in pairs.items()}
        columns = {"image": Column("image", image_format.shape), "mask": Column("mask", size, classes)}
        return RawDataset(
            columns,
            ("image",),
            ("mask",),
            tables["train"],
            tables.get("test"),
            str(root.absolute()),
            tables.get("validation"),
            notes=(*([image_format.note] if image_format.note else []), *extra),
            searched=searched,
        )


def _table(
    pairs: list[Pair], image_format: images.ImageFormat, split: str, classes: int = 256, divisor: int = 1
) -> Table:
    paths = [image for image, _ in pairs]
    readers = {
        "image": partial(images.read_rows, paths, image_format, split),
        "mask": partial(images.read_masks, pairs, image_format, divisor, classes, split),
    }
    return Table(len(pairs), readers, lambda rows: [str(paths[row]) for row in rows.tolist()])


def _pairs(folder: Path) -> list[Pair]:
    """The images of a folder with their masks, by name.

    Raises:
        ArchError: there is no such folder, it is empty, or no image has a mask (ARCH302).
    """
    for name in (IMAGES, MASKS):
        if not (folder / name).is_dir():
            raise fail("ARCH302", f"{folder} has no folder `{name}`", hint=f"put the {name} into `{folder / name}`")
    found, masks = images.find([folder / IMAGES]), defaultdict[Path, list[Path]](list)
    for path in images.find([folder / MASKS]):
        masks[path.relative_to(folder / MASKS).with_suffix("")].append(path)
    if not found:
        raise fail("ARCH302", f"{folder / IMAGES} contains no images", hint="add images, or remove the folder")
    pairs = [(path, masks[path.relative_to(folder / IMAGES).with_suffix("")]) for path in found]
    if not any(of_image for _, of_image in pairs):
        message = f"no image in {folder / IMAGES} has a mask of the same name in {folder / MASKS}"
        raise fail("ARCH302", message, hint=f"give a mask the name of its image, such as `{found[0].stem}.png`")
    return [(path, _mask(path, of_image, folder / MASKS)) for path, of_image in pairs]


def _mask(path: Path, masks: list[Path], folder: Path) -> Path | str:
    """The mask of an image, or what is wrong."""
    if not masks:
        return f"{path} has no mask of the same name in {folder}"
    if len(masks) > 1:
        return f"{path} has {len(masks)} masks: {', '.join(mask.name for mask in masks[:3])}"
    return masks[0]


def _extra_masks(folder: Path, pairs: list[Pair]) -> Iterator[str]:
    """A note on masks without an image."""
    used = {mask for _, mask in pairs}
    images_of = {path.relative_to(folder / IMAGES).with_suffix("") for path, _ in pairs}
    extra = [
        path
        for path in images.find([folder / MASKS])
        if path not in used and path.relative_to(folder / MASKS).with_suffix("") not in images_of
    ]
    if extra:
        yield f"{quantity(len(extra), 'mask')} without an image of the same name, such as {extra[0]}"


def _classes(root: Path, train: Table) -> tuple[tuple[str, ...], int]:
    """The names of the classes, and what divides the values: 255 if there are no others but 0.

    The names are those of `classes.txt`, or numbers up to the largest one in the training masks.

    Raises:
        ArchError: the masks have fewer than two classes, or numbers that are no classes (ARCH303).
    """
    values: set[int] = set()
    for start in range(0, len(train), 100):
        rows = np.arange(start, min(start + 100, len(train)))
        masks, found = reading(train.take(rows), "mask")
        broken = {row for each in found for row in each.rows.tolist()}
        values |= set(np.unique(masks[[row for row in range(len(rows)) if row not in broken]]).tolist())
    divisor = 255 if 255 in values and values <= {0, 255} else 1
    path = root / CLASSES
    if path.is_file():
        return _names(path), divisor
    classes = {value // divisor for value in values}
    if values and len(classes) < 2 and divisor == 1:
        message = f"the training masks in {root} have only the class {min(classes)}: expected at least two"
        raise fail("ARCH303", message, hint=f"name the classes, one a line, in `{path}`, or mark objects in the masks")
    most = max(classes, default=1)
    if most >= len(classes) and divisor == 1 and values:
        missing = next(number for number in range(most) if number not in classes)
        message = f"the training masks in {root} have values up to {most}, but not {missing}: they are no class numbers"
        hint = f"save masks as PNG without smoothing, or name the classes, one a line, in `{path}`"
        raise fail("ARCH303", message, hint=hint)
    return tuple(map(str, range(max(most, 1) + 1))), divisor


def _names(path: Path) -> tuple[str, ...]:
    """The names of the classes in a file, one a line."""
    try:
        lines = files.content(path).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        message = f"{path} is not UTF-8 text: byte {error.start:,} is invalid"
        raise fail("ARCH302", message, hint="save it as UTF-8") from None
    names = tuple(line.strip() for line in lines if line.strip())
    if twice := [name for name in names if names.count(name) > 1][:1]:
        raise fail(
            "ARCH303", f"{path} names the class `{in_line(twice[0])}` twice", hint="give each class its own name"
        )
    if len(names) < 2:
        message = f"{path}: expected the names of at least two classes, one a line, got {len(names)}"
        raise fail("ARCH303", message, hint="the first line names the class 0, such as the background")
    return names


SOURCE = MaskFolder()
