"""Where images come from: one file for each set that has a name, and for each format of anybody's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archdsl.data.readers.search import VARIABLE, not_there, ordered
from archdsl.data.readers.splits import Found, Looked, Stored, Wanted
from archdsl.data.sources import cifar10, cifar100, digits, fashion_mnist, folder, npz
from archdsl.errors import fail
from archdsl.recipe import SOURCES, Data

__all__ = ["KNOWN", "Found", "Looked", "Stored", "Wanted", "read", "title"]

KNOWN = {"fashion_mnist": fashion_mnist.SET, "cifar10": cifar10.SET, "cifar100": cifar100.SET}
"""The sets that lie somewhere on a machine and have a name."""


def read(
    data: Data,
    given: Path | None = None,
    shape: Sequence[int | None] | None = None,
    otherwise: int | None = None,
) -> Found:
    """What a recipe's source holds. Images that lie in files of their own are listed, and read later.

    Args:
        given: the only place to look at (`--data-dir`).
        shape: of the network's input, if it takes images: height, width, channels, None where one is open.
        otherwise: the side of images that differ in size, where nobody says a size.

    Raises:
        ArchError: it is not there (ARCH301), cannot be read (ARCH302), or holds what is no set of images (ARCH303).
    """
    if data.kind in KNOWN:
        return KNOWN[data.kind].read(given)
    if data.kind in SOURCES:
        return digits.read()
    if data.kind == "tfds":
        from archdsl.data.sources import tfds  # it imports TensorFlow, and is an extra

        return tfds.read(data.place, given, _wanted(data, shape, otherwise))
    path, looked = _path(data.place, given, data.kind)
    if data.kind == "npz":
        return npz.read(path, looked)
    return folder.read(path, _wanted(data, shape, otherwise), looked)


def title(data: Data) -> str:
    """What a source is called in messages: `cifar10`, `npz flowers.npz`."""
    return " ".join(word for word in (data.kind, data.place) if word)


def _wanted(data: Data, shape: Sequence[int | None] | None, otherwise: int | None) -> Wanted:
    sides: Sequence[int | None] = shape if shape is not None and len(shape) == 3 else (None, None, None)
    channels = sides[2] if sides[2] in (1, 3, 4) else None
    height, width = data.size or sides[:2]
    return Wanted(height, width, channels, otherwise)


def _path(name: str, given: Path | None, kind: str) -> tuple[Path, tuple[Looked, ...]]:
    """A path as it stands, or in one of the places; a given place may be it itself."""
    candidates = _candidates(name, given, kind)
    looked = []
    for path in candidates:
        try:
            there = path.exists()
        except OSError as error:
            raise fail("ARCH302", f"{path} cannot be looked at: {error.strerror}") from None
        looked.append(Looked(path, there))
        if there:
            return path, tuple(looked)
    what = f"the file {name}" if kind == "npz" else f"the folder {name}"
    hint = f"a path is taken from the working folder, from --data-dir, or from {VARIABLE}"
    raise not_there(what, candidates, hint)


def _candidates(name: str, given: Path | None, kind: str) -> list[Path]:
    own = Path(name).expanduser()
    if given is not None:
        given = given.expanduser()
        inside = given / own
        itself = given.is_file() if kind == "npz" else given.is_dir() and not inside.exists()
        return [given] if itself else [inside]
    if own.is_absolute():
        return [own]
    return list(dict.fromkeys([own, *(place / own for place in ordered(system=False))]))
