"""Finds the files of each class: `train/CLASS/*` with `test/` and optionally `validation/`, or just `CLASS/*`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archdsl.errors import fail, nearest
from archdsl.text import quantity

SPLITS = {"train": "train", "test": "test", "validation": "validation", "val": "validation", "valid": "validation"}
"""The accepted names of the split folders, in lower case."""

JUNK = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir"})
"""Files that operating systems leave behind, in lower case. They are skipped like hidden files."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """What the files of a class are.

    Attributes:
        noun: one of them.
        suffixes: their extensions, in lower case.
    """

    noun: str
    suffixes: Collection[str]

    def note(self, skipped: Counter[str]) -> tuple[str, ...]:
        """A remark about other files, by extension; none if there are none."""
        shown = ", ".join(f"{count:,} {suffix}" for suffix, count in skipped.most_common(4))
        return (f"skipped files that are not {self.noun}s: {shown}",) if skipped else ()


def listed(root: Path, kind: FileKind, skipped: Counter[str]) -> dict[str, dict[str, list[Path]]]:
    """The files of each split by class.

    Args:
        skipped: counts the files of other kinds, by extension.

    Raises:
        ArchError: there are no classes, or a class has no files (ARCH302); there is only one class, or the splits have
            different classes (ARCH303).
    """
    folders = _splits(root)
    found = {split: _classes(folder, kind, skipped) for split, folder in folders.items()}
    known = tuple(found["train"])
    if len(known) < 2:
        raise _one_class(folders["train"], known)
    for split in found.keys() - {"train"}:
        _check_same_classes(folders[split], tuple(found[split]), folders["train"], known)
    return found


def labeled(files: Mapping[str, list[Path]], classes: Sequence[str]) -> tuple[list[Path], NDArray[np.int64]]:
    """The files of all classes in order, and the number of the class of each."""
    counts = [len(files[name]) for name in classes]
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), counts)
    return [file for name in classes for file in files[name]], labels


def _splits(root: Path) -> dict[str, Path]:
    """The folder of each split. Without such folders, everything is `train`."""
    folders = _folders(root)
    named = {SPLITS[one.name.lower()]: one for one in folders if one.name.lower() in SPLITS}
    if "train" in named:
        return named
    if named.keys() & {"test", "validation"} and all(_folders(one) for one in named.values()):
        shown = ", ".join(f"`{one.name}`" for one in named.values())
        hint = "name the folder for training `train`"
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
        raise fail("ARCH302", f"expected a folder, got the file {folder}") from None
    except OSError as error:
        raise fail("ARCH302", f"{folder} cannot be read: {error.strerror}") from None
    return sorted(kept, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _classes(folder: Path, kind: FileKind, skipped: Counter[str]) -> dict[str, list[Path]]:
    """The files of each class, by name.

    Args:
        skipped: counts the files of other kinds, by extension.

    Raises:
        ArchError: there are no classes, or a class has no files (ARCH302).
    """
    folders = _folders(folder)
    if not folders:
        loose = sum(Path(entry.name).suffix.lower() in kind.suffixes for entry in _entries(folder))
        contents = f"{quantity(loose, kind.noun)} but no class folders" if loose else "no class folders"
        hint = f"put the {kind.noun}s of each class into a folder named after the class"
        raise fail("ARCH302", f"{folder} contains {contents}", hint=hint)
    listed = {one.name: list(_files(one, kind, skipped, (os.path.realpath(folder),), set())) for one in folders}
    for name, files in listed.items():
        if not files:
            inside = [entry.name for entry in _entries(folder / name)]
            contents = f"it contains {', '.join(inside[:5])}{', ...' * (len(inside) > 5)}" if inside else "it is empty"
            hint = f"{contents}; add {kind.noun}s, or remove the folder"
            raise fail("ARCH302", f"{folder / name}: no {kind.noun}s of this class", hint=hint)
    return listed


def _files(
    folder: Path, kind: FileKind, skipped: Counter[str], above: tuple[str, ...], seen: set[str]
) -> Iterator[Path]:
    """The files of a kind below a folder, sorted by name; other files are counted by extension.

    Args:
        seen: the real paths of the class's folders so far. Without it, nested pairs of links could multiply the files
            beyond what any machine can list.

    Raises:
        ArchError: a link leads to a parent folder, or to a folder already listed for the class (ARCH302).
    """
    real = os.path.realpath(folder)
    if real in above:
        raise fail("ARCH302", f"{folder} links back to {real}", hint="remove the link")
    if real in seen:
        message = f"{folder} links to {real}, whose {kind.noun}s are already in this class"
        raise fail("ARCH302", message, hint="remove the link")
    seen.add(real)
    for entry in _entries(folder):
        if _is_folder(entry):
            yield from _files(Path(entry.path), kind, skipped, (*above, real), seen)
        elif (suffix := Path(entry.name).suffix.lower()) in kind.suffixes:
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
