"""Inspects a `.keras` file before Keras opens it: each declared size is checked before memory is allocated.

Keras compresses neither the members nor the arrays of its HDF5 file, so nothing that it reads is much larger than the
file itself. The limits leave some room for files compressed by other programs.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import h5py

from archdsl.errors import ArchError, fail

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
ASSETS = "assets/"

JSON_BYTES, JSON_VALUES, JSON_DEPTH = 16_000_000, 500_000, 200
"""Limits on the model's config, about 100 times those of a large network."""

MEMBERS = 10_000
"""The most files in the archive: the three above, and the assets of layers."""

DIRECTORY = 2_000_000
"""The most bytes of the archive's directory."""

RATIO, ROOM = 8, 16_000_000
"""The largest ratio of weights in memory to those in the file, and the bytes that are always allowed."""

ARRAYS = 50_000
"""The most arrays and groups of weights."""

_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents of a `.keras` file.

    Args:
        config: the model's config, as parsed JSON.
        weights: the size of the weights, in bytes.
    """

    config: Any
    weights: int


def inspect(path: Path) -> Contents:
    """Check all sizes in a `.keras` file, and read its config.

    Raises:
        ArchError: it is not a `.keras` file, or declares wrong sizes (ARCH302).
    """
    try:
        with open(path, "rb") as file:
            _check_directory(path, file)
            with zipfile.ZipFile(file) as archive:
                members = _members(path, archive, os.fstat(file.fileno()).st_size)
                config = _json(path, archive, CONFIG)
                _json(path, archive, METADATA)
                _check_weights(path, archive.read(WEIGHTS))
    except ArchError:
        raise
    except OSError as error:
        raise _damaged(path, error.strerror or _line(error)) from None
    # For a damaged file, `zipfile`, `json` and `h5py` raise a dozen kinds of errors.
    except Exception as error:
        raise _damaged(path, _line(error)) from None
    return Contents(config, members[WEIGHTS].file_size)


def generated(config: Any, registered: str) -> Iterator[tuple[dict[str, Any], Any]]:
    """The config and build config of each object in a config that is registered under a name."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if value.get("registered_name") == registered and isinstance(value.get("config"), dict):
                yield value["config"], value.get("build_config")
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _damaged(path: Path, why: str) -> ArchError:
    return fail("ARCH302", f"{path} is not a valid .keras file: {why}")


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _check_directory(path: Path, file: io.BufferedReader) -> None:
    """Check the size of the directory, which `zipfile` reads as a whole."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 66_000))
    end = file.read()
    place = end.rfind(b"PK\5\6")
    if place < 0 or len(end) - place < 22:
        raise _damaged(path, "it is not a zip archive, or it is truncated")
    if place >= 20 and end[place - 20 : place - 16] == b"PK\6\7":  # of archives over 4 GB
        file.seek(min(size, int.from_bytes(end[place - 12 : place - 4], "little")))
        directory = int.from_bytes(file.read(56)[40:48], "little")
    else:
        directory = int.from_bytes(end[place + 12 : place + 16], "little")
    if directory > DIRECTORY:
        raise _damaged(path, f"its directory has more than {DIRECTORY:,} bytes")
    file.seek(0)


def _members(path: Path, archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """The members by name, after checking that their sizes are plausible for a file of this size."""
    infos = archive.infolist()
    members = {info.filename: info for info in infos}
    if len(infos) > MEMBERS or len(members) < len(infos):
        raise _damaged(path, f"it has a duplicate file, or more than {MEMBERS:,} files")
    if strange := [name for name in members if name not in (CONFIG, METADATA, WEIGHTS) and not _is_asset(name)]:
        raise _damaged(path, f"unexpected file `{strange[0][:60]!a}`")
    if missing := [name for name in (CONFIG, METADATA, WEIGHTS) if name not in members]:
        raise _damaged(path, f"missing file `{missing[0]}`")
    if sum(info.compress_size for info in infos) > size:
        raise _damaged(path, "its files are larger than the archive")
    for info in infos:
        most = JSON_BYTES if info.filename.endswith(".json") else max(ROOM, RATIO * info.compress_size)
        if info.file_size > most:
            raise _damaged(path, f"`{info.filename[:60]!a}` declares {info.file_size:,} bytes: the limit is {most:,}")
    return members


def _is_asset(name: str) -> bool:
    return name.startswith(ASSETS) and ".." not in PurePosixPath(name).parts


def _json(path: Path, archive: zipfile.ZipFile, name: str) -> Any:
    text = archive.read(name)
    bare = _TEXT.sub(b"", text)
    depth = deepest = 0
    for byte in bare.translate(None, delete=bytes(set(range(256)) - set(b"[]{}"))):
        depth += 1 if byte in b"[{" else -1
        deepest = max(deepest, depth)
    values = sum(map(bare.count, (b",", b"[", b"{")))
    if values > JSON_VALUES or deepest > JSON_DEPTH:
        raise _damaged(path, f"its `{name}` has more than {JSON_VALUES:,} values, or is nested too deeply")
    value = json.loads(text)
    if not isinstance(value, dict):
        raise _damaged(path, f"its `{name}` is not a mapping")
    return value


def _check_weights(path: Path, content: bytes) -> None:
    """Check that no array of the HDF5 file of weights is larger than the file or stored outside of it."""
    most, total, links, seen = max(ROOM, RATIO * len(content)), 0, 0, set[int]()
    with h5py.File(io.BytesIO(content), "r") as file:
        waiting: list[Any] = [file]
        while waiting:
            group = waiting.pop()
            for name in group:
                links += 1
                if links > ARRAYS or not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise _damaged(path, f"its weights have external links, or more than {ARRAYS:,} arrays")
                item = group[name]
                address = h5py.h5o.get_info(item.id).addr
                if address in seen:  # a group may contain itself
                    continue
                seen.add(address)
                if isinstance(item, h5py.Group):
                    waiting.append(item)
                    continue
                total += getattr(item, "nbytes", 0)
                if not isinstance(item, h5py.Dataset) or item.is_virtual or item.external or total > most:
                    raise _damaged(path, f"its weights declare more than {most:,} bytes, or are stored elsewhere")
