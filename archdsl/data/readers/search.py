"""Where data sets are searched for, and in which order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from archdsl.errors import fail

VARIABLE = "ARCHDSL_DATA"
SYSTEM: tuple[Path, ...] = (Path("/usr/share/datasets"), Path("/usr/share"))
"""Where packages of the system put data sets: Debian's `dataset-fashion-mnist` has been in both."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class SearchedPath:
    """A place that was searched, and whether the data set is there."""

    path: Path
    found: bool


def folders(data_dir: Path | None = None, system: bool = True) -> list[Path]:
    """The folders that are searched, in this order. A given `data_dir` is the only one.

    Args:
        system: whether those of the system are among them.
    """
    if data_dir is not None:
        return [_expanded(data_dir)]
    chosen = os.environ.get(VARIABLE)
    keras_cache = _expanded(os.environ.get("KERAS_HOME") or "~/.keras") / "datasets"
    return [*([_expanded(chosen)] if chosen else []), keras_cache, Path("data"), *(SYSTEM if system else ())]


def is_chosen(folder: Path, data_dir: Path | None) -> bool:
    """Whether the user named this one of `folders`, by `--data-dir` or by the variable."""
    chosen = os.environ.get(VARIABLE)
    return data_dir is not None or bool(chosen and folder == _expanded(chosen))


def _expanded(path: str | Path) -> Path:
    return Path(os.path.expanduser(path))


def first(
    places: Iterable[Path], look: Callable[[Path], Result | None], title: str, hint: str
) -> tuple[Result, tuple[SearchedPath, ...]]:
    """What `look` returns at the first place where it returns something, and the places that were searched.

    Args:
        title: what is searched for.
        hint: how to get it where it is in none of the places.

    Raises:
        ArchError: it is in none of them (ARCH301), or a place cannot be looked at (ARCH302).
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
    """A user's own file or folder: relative to the working folder, or in one of `folders`.

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
