"""The search path for data sets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from archdsl.errors import fail

VARIABLE = "ARCHDSL_DATA"
SYSTEM: tuple[Path, ...] = (Path("/usr/share/datasets"), Path("/usr/share"))
"""The folders of system packages: Debian's `dataset-fashion-mnist` has used both."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class SearchedPath:
    """A path that was searched, and whether the data set was found there."""

    path: Path
    found: bool


def folders(data_dir: Path | None = None, system: bool = True) -> list[Path]:
    """The folders to search, in order. If `data_dir` is given, it is the only one.

    Args:
        system: whether to include system folders.
    """
    if data_dir is not None:
        return [_expanded(data_dir)]
    chosen = os.environ.get(VARIABLE)
    keras_cache = _expanded(os.environ.get("KERAS_HOME") or "~/.keras") / "datasets"
    return [*([_expanded(chosen)] if chosen else []), keras_cache, Path("data"), *(SYSTEM if system else ())]


def is_chosen(folder: Path, data_dir: Path | None) -> bool:
    """Whether the user chose this folder, with `--data-dir` or the environment variable."""
    chosen = os.environ.get(VARIABLE)
    return data_dir is not None or bool(chosen and folder == _expanded(chosen))


def _expanded(path: str | Path) -> Path:
    return Path(os.path.expanduser(path))


def first(
    places: Iterable[Path], look: Callable[[Path], Result | None], title: str, hint: str
) -> tuple[Result, tuple[SearchedPath, ...]]:
    """Search places until `look` finds something.

    Args:
        title: the name of the data, for the message.
        hint: how to get it.

    Returns:
        The result of `look`, and the paths that were searched.

    Raises:
        ArchError: nothing was found (ARCH301), or a place cannot be accessed (ARCH302).
    """
    searched: list[SearchedPath] = []
    for place in places:
        try:
            result = look(place)
        except OSError as error:
            raise fail("ARCH302", f"{place} cannot be accessed: {error.strerror}") from None
        searched.append(SearchedPath(place, result is not None))
        if result is not None:
            return result, tuple(searched)
    looked_in = ", ".join(str(one.path) for one in searched)
    raise fail("ARCH301", f"{title} not found; searched: {looked_in}", hint=hint)


def find(name: str, kind: str, data_dir: Path | None) -> tuple[Path, tuple[SearchedPath, ...]]:
    """Find a file or folder of the user, relative to the working folder or to one of `folders`.

    Args:
        kind: `file` or `folder`.
        data_dir: the only folder to search; it may also be the file or folder itself.

    Raises:
        ArchError: as `first`.
    """
    own = _expanded(name)
    if data_dir is not None:
        data_dir = _expanded(data_dir)
        inside = data_dir / own
        is_it = data_dir.is_file() if kind == "file" else data_dir.is_dir() and not inside.exists()
        candidates = [data_dir if is_it else inside]
    elif own.is_absolute():
        candidates = [own]
    else:
        candidates = list(dict.fromkeys([own, *(folder / own for folder in folders(system=False))]))
    hint = f"paths are relative to the working folder, `--data-dir` or `${VARIABLE}`"
    return first(candidates, lambda path: path if path.exists() else None, f"{kind} {name}", hint)
