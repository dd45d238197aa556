"""Anybody's arrays in an `.npz` file: `x_train, y_train, x_test, y_test`, or `x, y`; perhaps `classes`, their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.readers import array_checks as checks
from archdsl.data.readers import files
from archdsl.data.readers.splits import Found, Looked, Stored
from archdsl.data.sources.known import ARRAYS, require
from archdsl.errors import fail


def read(path: Path, looked: tuple[Looked, ...] = ()) -> Found:
    """The images of a file.

    Raises:
        ArchError: it cannot be read or holds no images (ARCH302), or its labels are none of its classes' (ARCH303).
    """
    arrays = files.arrays(path, files.budget())
    alone = "x" in arrays and "x_train" not in arrays
    require(arrays, ("x", "y") if alone else ARRAYS, path)
    pairs = [("x", "y")] if alone else [("x_train", "y_train"), ("x_test", "y_test")]
    labels = [checks.labels_of(arrays[y], f"{path}: {y}") for _, y in pairs]
    classes = _classes(arrays.get("classes"), labels[0], path)
    images = [checks.pixels_of(arrays[x], f"{path}: {x}") for x, _ in pairs]
    if len({array.shape[1:] for array in images}) > 1:
        shapes = " and ".join(str(array.shape) for array in images)
        raise fail("ARCH302", f"{path}: the images of x_train and x_test differ in shape: {shapes}")
    parts: list[Stored] = [
        checks.stored(array, numbers, f"{path}: {x}", classes)
        for array, numbers, (x, _) in zip(images, labels, pairs, strict=True)
    ]
    checks.every_class(parts[0], str(path), classes, "labels are counted from 0, without a gap")
    height, width, channels = images[0].shape[1:]
    shape = (int(height), int(width), int(channels))
    test = None if alone else parts[1]
    return Found(parts[0], test, classes, shape, str(path.absolute()), looked=looked)


def _classes(names: NDArray[Any] | None, labels: NDArray[np.int64], path: Path) -> tuple[str, ...]:
    """The names of the classes; without the array, they are called by their numbers."""
    if names is None:
        count = int(labels.max(initial=-1)) + 1
        if count > max(1_000, len(labels)):
            raise fail("ARCH303", f"{path}: the label {count - 1:,} is no number of a class", hint="they count from 0")
        classes = tuple(str(label) for label in range(count))
    else:
        classes = _named(names, path)
    if len(classes) < 2:
        raise fail("ARCH303", f"{path} holds one class alone: a network tells at least two apart")
    return classes


def _named(names: NDArray[Any], path: Path) -> tuple[str, ...]:
    if names.ndim != 1 or names.dtype.kind not in "USiu":
        kind = f"{names.dtype} of shape {names.shape}"
        raise fail("ARCH302", f"{path}: `classes` must be an array of names, of shape (classes,), and is {kind}")
    classes = tuple(name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names)
    if len(set(classes)) < len(classes):
        twice = next(name for name in classes if classes.count(name) > 1)
        raise fail("ARCH302", f"{path}: `classes` names `{twice}` twice")
    return classes
