"""Recognizes data by its place: a file by its extension, a folder by its layout. No file is read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

EXTENSIONS = {
    ".npz": "npz",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "text",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
"""The source that reads files of an extension."""

MOST = 1_000
"""The most entries of a folder to look at."""


def kind_at(path: str | Path) -> str:
    """The source that reads a file or folder, by its name in `DATA_SOURCES`; empty if there is none.

    Only a folder must exist: a missing file is reported by its source. The layout may be that of the folder `train`.
    """
    path = Path(path)
    if not os.path.isdir(path):
        return EXTENSIONS.get(path.suffix.lower(), "")
    layouts = (_kind_by_layout(folder) for folder in (path / "train", path) if os.path.isdir(folder))
    return next(filter(None, layouts), "folder")


def _kind_by_layout(folder: Path) -> str:
    """The source of a layout other than one folder of images for each class."""
    entries = [*islice(_entries(folder), MOST)]
    folders = {entry.name for entry in entries if os.path.isdir(entry.path)}
    files = {entry.name.lower() for entry in entries} - folders
    if {"images", "masks"} <= folders:
        return "masks"
    if "shards.json" in files:
        return "shards"
    for suffix, kind in EXTENSIONS.items():
        if f"train{suffix}" in files and kind in ("csv", "jsonl", "parquet"):
            return kind
    if any(_has_texts(folder / name) for name in sorted(folders)):
        return "text_folder"
    return "text" if not folders and any(name.endswith(".txt") for name in files) else ""


def _has_texts(folder: Path) -> bool:
    """Whether most of the first files of a class are texts."""
    names = [entry.name.lower() for entry in islice(_entries(folder), 20)]
    return 2 * sum(name.endswith(".txt") for name in names) > len(names)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """The entries of a folder that are not hidden; none of a folder that cannot be read: its source reports that."""
    try:
        with os.scandir(folder) as entries:
            yield from (entry for entry in entries if not entry.name.startswith("."))
    except OSError:
        return
