"""Where data sets are looked for, in this order; and what is said where one lies in none of the places."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from archdsl.data.readers.splits import Looked
from archdsl.errors import ArchError, fail

VARIABLE = "ARCHDSL_DATA"
SYSTEM: tuple[Path, ...] = (Path("/usr/share/datasets"), Path("/usr/share"))
"""Where packages of the system put data sets: Debian's `dataset-fashion-mnist` has been in both."""


def ordered(folder: Path | None = None, system: bool = True) -> list[Path]:
    """The places in the order in which they are looked at. A given folder is the only one.

    Args:
        system: whether those of the system are among them.
    """
    if folder is not None:
        return [_expanded(folder)]
    given = os.environ.get(VARIABLE)
    return [*([_expanded(given)] if given else []), keras_cache(), Path("data"), *(SYSTEM if system else ())]


def keras_cache() -> Path:
    """Where Keras's own loaders put what they download."""
    return _expanded(os.environ.get("KERAS_HOME") or "~/.keras") / "datasets"


def _expanded(path: str | Path) -> Path:
    return Path(os.path.expanduser(path))


@dataclass(frozen=True, slots=True)
class Search:
    """How a set is known: the names that it has inside a place, and what tells that a place is the set itself.

    `elsewhere` says how somebody comes by it without us.
    """

    name: str
    title: str
    inside: tuple[str, ...]
    itself: Callable[[Path], bool]
    elsewhere: str

    @property
    def get_it(self) -> str:
        """What to do where the set is not there."""
        return f"`archdsl data {self.name} --download` puts it where it is looked for; or {self.elsewhere}"

    def find(self, folder: Path | None) -> tuple[Path, tuple[Looked, ...]]:
        """The file or folder that holds the set, and the places that were looked at.

        A place that somebody named, by `--data-dir` or the variable, may be the set itself; elsewhere the set has one
        of its names, for another set may have the same files.

        Raises:
            ArchError: it lies in none of them (ARCH301), or a place cannot be looked at (ARCH302).
        """
        looked: list[Looked] = []
        for place in ordered(folder):
            found = self._in(place, folder is not None or str(place) == str(_expanded(os.environ.get(VARIABLE) or "")))
            looked.append(Looked(place, found is not None))
            if found is not None:
                return found, tuple(looked)
        raise not_there(self.title, [one.place for one in looked], self.get_it)

    def _in(self, place: Path, named: bool) -> Path | None:
        try:
            if named and (place.is_file() or self.itself(place)):
                return place
            return next((place / name for name in self.inside if (place / name).exists()), None)
        except OSError as error:
            raise fail("ARCH302", f"{place} cannot be looked at: {error.strerror}") from None


def not_there(title: str, looked: Sequence[Path], hint: str) -> ArchError:
    """What is said of a set that is in none of the places."""
    return fail("ARCH301", f"{title} is not there; looked in: {', '.join(map(str, looked))}", hint=hint)
