"""Sets that have a name: how each is found and read, and whether what was found can be the set at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from archdsl.data.readers import array_checks as checks
from archdsl.data.readers import files
from archdsl.data.readers.search import Search
from archdsl.data.readers.splits import Found, Stored
from archdsl.errors import fail

ARRAYS = ("x_train", "y_train", "x_test", "y_test")


@dataclass(frozen=True, slots=True)
class KnownSet:
    """A set with its classes and the shape of its images.

    `counts` are the training images and test images of the whole set. `read_folder` gives them from a folder of the
    set's own files; an `.npz` file of `x_train, y_train, x_test, y_test` is read for every set.
    """

    search: Search
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    counts: tuple[int, int]
    read_folder: Callable[[Path], tuple[Stored, Stored]]

    def read(self, folder: Path | None = None) -> Found:
        """The set, from the first place that has it.

        Raises:
            ArchError: it is not there (ARCH301), broken (ARCH302), or another set (ARCH303).
        """
        path, looked = self.search.find(folder)
        if path.is_dir():
            train, test = self.read_folder(path)
        elif path.suffix == ".npz":
            train, test = self._of_arrays(files.arrays(path), path)
        else:
            raise fail("ARCH302", f"{path} is neither an .npz file nor a folder", hint="unpack an archive first")
        checks.every_class(train, str(path), self.classes, f"is this {self.search.title}, and all of it?")
        notes = self._notes(len(train), len(test))
        return Found(train, test, self.classes, self.shape, str(path.absolute()), notes=notes, looked=looked)

    def _of_arrays(self, arrays: dict[str, NDArray[Any]], path: Path) -> tuple[Stored, Stored]:
        require(arrays, ARRAYS, path)
        parts = [
            self.part(arrays[x], arrays[y], f"{path}: {x}") for x, y in (("x_train", "y_train"), ("x_test", "y_test"))
        ]
        return parts[0], parts[1]

    def part(self, images: NDArray[Any], labels: NDArray[Any], name: str) -> Stored:
        """A part of the set, after a look at types, shapes and values; grey images may lack their channel's axis."""
        return part(images, labels, name, self.shape, self.classes)

    def _notes(self, train: int, test: int) -> tuple[str, ...]:
        if (train, test) == self.counts:
            return ()
        whole = " and ".join(f"{count:,}" for count in self.counts)
        return (f"a part of the set: {train:,} training and {test:,} test images, where the whole has {whole}",)


def part(
    images: NDArray[Any], labels: NDArray[Any], name: str, shape: tuple[int, int, int], classes: tuple[str, ...]
) -> Stored:
    """Images and labels of a known set, after a look at types, shapes and values."""
    if shape[2] == 1 and images.ndim == 3:
        images = images[..., None]
    pixels = checks.images_of(images, name, shape)
    return checks.stored(pixels, checks.labels_of(labels, name), name, classes)


def require(arrays: dict[str, NDArray[Any]], names: tuple[str, ...], path: Path) -> None:
    """Raises where an `.npz` file lacks one of these arrays."""
    missing = [name for name in names if name not in arrays]
    if missing:
        holds = f"it holds: {', '.join(list(arrays)[:8])}" if arrays else "it holds no array"
        raise fail("ARCH302", f"{path} has no array {' and no array '.join(missing)}", hint=holds)
