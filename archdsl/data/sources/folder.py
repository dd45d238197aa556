"""A folder of images by class: `train/CLASS/*.png` with `test/` and optionally `validation/`, or just `CLASS/*.png`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from archdsl.data import images
from archdsl.data.ports import Ports
from archdsl.data.readers import search
from archdsl.data.sources.base import RawDataset, Source, labeled_images
from archdsl.data.tables import Table
from archdsl.errors import fail, nearest
from archdsl.recipe import Data
from archdsl.text import quantity

SPLITS = {"train": "train", "test": "test", "validation": "validation", "val": "validation", "valid": "validation"}
"""The accepted names of the split folders, in lower case."""

JUNK = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir"})
"""Files that operating systems leave behind, in lower case. They are skipped like hidden files."""


class ImageFolder(Source):
    """Reads a folder of images with a folder for each class."""

    def read(
        self, data: Data, data_dir: Path | None, requested: images.RequestedFormat, ports: Ports | None = None
    ) -> RawDataset:
        """List the images of a folder. They are read when their rows are fetched.

        Raises:
            ArchError: the folder is missing (ARCH301); it has no classes, or a class has no images (ARCH302); it has
                only one class, the splits have different classes, or the images differ in size and no size is
                requested (ARCH303).
        """
        root, searched = search.find(data.argument, "folder", data_dir)
        folders = _splits(root)
        skipped: Counter[str] = Counter()
        listed = {split: _classes(folder, skipped) for split, folder in folders.items()}
        classes = tuple(listed["train"])
        if len(classes) < 2:
            raise _one_class(folders["train"], classes)
        for split in listed.keys() - {"train"}:
            _check_same_classes(folders[split], tuple(listed[split]), folders["train"], classes)
        every_file = [file for split in listed.values() for files in split.values() for file in files]
        image_format = images.choose_format(every_file, requested)
        splits = {split: _table(listed[split], classes, image_format, split) for split in listed}
        notes = [image_format.note] if image_format.note else []
        if skipped:
            shown = ", ".join(f"{count:,} {suffix}" for suffix, count in skipped.most_common(4))
            notes.append(f"skipped files that are not images: {shown}")
        return labeled_images(
            splits["train"],
            splits.get("test"),
            classes,
            image_format.shape,
            str(root.absolute()),
            validation=splits.get("validation"),
            notes=tuple(notes),
            searched=searched,
        )


def _splits(root: Path) -> dict[str, Path]:
    """The folder of each split. Without such folders, everything is `train`."""
    folders = _folders(root)
    named = {SPLITS[one.name.lower()]: one for one in folders if one.name.lower() in SPLITS}
    if "train" in named:
        return named
    if named.keys() & {"test", "validation"} and all(_folders(one) for one in named.values()):
        shown = ", ".join(f"`{one.name}`" for one in named.values())
        hint = "name the folder of training images `train`"
        raise fail("ARCH302", f"{root} has {shown} but no `train`", hint=hint)
    return {"train": root}


def _folders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted by name, without hidden and system folders."""
    return [Path(entry.path) for entry in _entries(folder) if _is_folder(entry)]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder, sorted by name, without hidden and system files.

    Raises:
        ArchError: it is not a folder, or cannot be read (ARCH302).
    """
    try:
        with os.scandir(folder) as entries:
            kept = [e for e in entries if not e.name.startswith(".") and e.name.lower() not in JUNK]
    except NotADirectoryError:
        raise fail("ARCH302", f"expected a folder of images, got the file {folder}") from None
    except OSError as error:
        raise fail("ARCH302", f"{folder} cannot be read: {error.strerror}") from None
    return sorted(kept, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _classes(folder: Path, skipped: Counter[str]) -> dict[str, list[Path]]:
    """The image files of each class, by name.

    Raises:
        ArchError: there are no classes, or a class has no images (ARCH302).
    """
    folders = _folders(folder)
    if not folders:
        loose = sum(Path(entry.name).suffix.lower() in images.SUFFIXES for entry in _entries(folder))
        contents = f"{quantity(loose, 'image')} but no class folders" if loose else "no class folders"
        hint = "put the images of each class into a folder named after the class"
        raise fail("ARCH302", f"{folder} contains {contents}", hint=hint)
    listed = {one.name: list(_files(one, skipped, (os.path.realpath(folder),), set())) for one in folders}
    for name, files in listed.items():
        if not files:
            inside = [entry.name for entry in _entries(folder / name)]
            contents = f"it contains {', '.join(inside[:5])}{', ...' * (len(inside) > 5)}" if inside else "it is empty"
            hint = f"{contents}; add images, or remove the folder"
            raise fail("ARCH302", f"{folder / name}: no images of this class", hint=hint)
    return listed


def _files(folder: Path, skipped: Counter[str], above: tuple[str, ...], seen: set[str]) -> Iterator[Path]:
    """The images below a folder, sorted by name; other files are counted by extension.

    Args:
        seen: the real paths of the class's folders so far. Without it, nested pairs of links could multiply the images
            beyond what any machine can list.

    Raises:
        ArchError: a link leads to a parent folder, or to a folder already listed for the class (ARCH302).
    """
    real = os.path.realpath(folder)
    if real in above:
        raise fail("ARCH302", f"{folder} links back to {real}", hint="remove the link")
    if real in seen:
        message = f"{folder} links to {real}, whose images are already in this class"
        raise fail("ARCH302", message, hint="remove the link")
    seen.add(real)
    for entry in _entries(folder):
        if _is_folder(entry):
            yield from _files(Path(entry.path), skipped, (*above, real), seen)
        elif (suffix := Path(entry.name).suffix.lower()) in images.SUFFIXES:
            yield Path(entry.path)
        else:
            skipped[suffix or "without an extension"] += 1


def _one_class(folder: Path, classes: tuple[str, ...]) -> Exception:
    inside = _folders(folder / classes[0])
    hint = "put each class into a folder of its own"
    if len(inside) > 1:
        hint = f"did you mean `{folder / classes[0]}`?"
    return fail("ARCH303", f"{folder}: expected at least two class folders, got only `{classes[0]}`", hint=hint)


def _check_same_classes(folder: Path, classes: tuple[str, ...], training: Path, known: tuple[str, ...]) -> None:
    """Raise an error if a split and the training split have different classes."""
    for name in classes:
        if name not in known:
            message = f"{folder} has the class `{name}`, which {training} lacks"
            raise fail("ARCH303", message, hint=nearest(name, known))
    missing = [name for name in known if name not in classes]
    if missing:
        shown = ", ".join(f"`{name}`" for name in missing[:5]) + (", ..." if len(missing) > 5 else "")
        message = f"{folder} lacks {shown}, which {training} has"
        raise fail("ARCH303", message, hint="give every split the same class folders")


def _table(
    listed: dict[str, list[Path]], classes: tuple[str, ...], image_format: images.ImageFormat, split: str
) -> Table:
    counts = [len(listed[name]) for name in classes]
    files = [file for name in classes for file in listed[name]]
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), counts)
    read_images = partial(images.read_rows, files, image_format, split)
    return Table(len(files), {"image": read_images, "label": lambda rows: labels[rows]})


SOURCE = ImageFolder()
