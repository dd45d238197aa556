"""Arrays in an `.npz` file: `x_train, y_train, x_test, y_test`, or `x, y`; optionally `classes`, the class names."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.images import RequestedFormat
from archdsl.data.ports import Ports
from archdsl.data.readers import array_checks, files, search
from archdsl.data.readers.search import SearchedPath
from archdsl.data.sources.base import RawDataset, Source, labeled_images
from archdsl.data.tables import Column, in_memory
from archdsl.errors import fail
from archdsl.recipe import Data


class NpzFile(Source):
    """Reads an `.npz` file. `x` is images if the network takes images or is not known, and arrays otherwise."""

    def read(
        self, data: Data, data_dir: Path | None, requested: RequestedFormat, ports: Ports | None = None
    ) -> RawDataset:
        """Read the arrays of a file, in their own size."""
        path, searched = search.find(data.argument, "file", data_dir)
        arrays = files.arrays(path, files.budget())
        only_train = "x" in arrays and "x_train" not in arrays
        array_checks.require(arrays, ("x", "y") if only_train else array_checks.SPLIT_ARRAYS, path)
        parts = [""] if only_train else ["_train", "_test"]
        if ports is not None and not (ports.image_shape and arrays[f"y{parts[0]}"].ndim < 3):
            return self._any(arrays, parts, path, searched)
        return self._labeled_images(arrays, parts, path, searched)

    def _labeled_images(
        self, arrays: dict[str, NDArray[Any]], parts: list[str], path: Path, searched: tuple[SearchedPath, ...]
    ) -> RawDataset:
        labels = [array_checks.labels(arrays[f"y{part}"], f"{path}: y{part}") for part in parts]
        classes = _classes(arrays.get("classes"), labels[0], path)
        images = [array_checks.any_images(arrays[f"x{part}"], f"{path}: x{part}") for part in parts]
        if len({array.shape[1:] for array in images}) > 1:
            shapes = " and ".join(str(array.shape) for array in images)
            raise fail("ARCH302", f"{path}: the images of x_train and x_test differ in shape: {shapes}")
        train, *test = (
            array_checks.split(array, numbers, f"{path}: x{part}", classes)
            for array, numbers, part in zip(images, labels, parts, strict=True)
        )
        array_checks.every_class(train, str(path), classes, "number the classes from 0, without gaps")
        height, width, channels = images[0].shape[1:]
        shape = (int(height), int(width), int(channels))
        return labeled_images(train, test[0] if test else None, classes, shape, str(path.absolute()), searched=searched)

    def _any(
        self, arrays: dict[str, NDArray[Any]], parts: list[str], path: Path, searched: tuple[SearchedPath, ...]
    ) -> RawDataset:
        """Columns of any arrays: all but `classes` are inputs, except for `y`, the target."""
        names = [name.removesuffix(parts[0]) for name in arrays if name.endswith(parts[0]) and name != "classes"]
        tables = []
        for part in parts:
            values = {name: arrays[f"{name}{part}"] for name in names if f"{name}{part}" in arrays}
            counts = {name: len(array) for name, array in values.items()}
            if len(set(counts.values())) > 1:
                shown = ", ".join(f"{name}{part} {count:,}" for name, count in counts.items())
                raise fail("ARCH302", f"{path}: the arrays differ in length: {shown}")
            tables.append(in_memory(**{name: _typed(array) for name, array in values.items()}))
        columns = {name: _column(arrays[f"{name}{parts[0]}"], name, arrays.get("classes"), path) for name in names}
        inputs = tuple(name for name in names if name != "y")
        test = tables[1] if len(tables) > 1 else None
        return RawDataset(columns, inputs, ("y",), tables[0], test, str(path.absolute()), searched=searched)


def _typed(array: NDArray[Any]) -> NDArray[Any]:
    """An array as columns have it: integers as int64, labels (N, 1) as (N,)."""
    if array.dtype.kind in "iub" and array.dtype != np.uint8:
        array = array.astype(np.int64)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 and array.dtype.kind != "f" else array


def _column(array: NDArray[Any], name: str, names: NDArray[Any] | None, path: Path) -> Column:
    """What an array is: classes, numbers, tags or a mask as the target `y`; arrays as inputs."""
    array = _typed(array)
    shape = tuple(map(int, array.shape[1:]))
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise fail("ARCH302", f"{path}: `{name}` has NaN or infinite values")
    if name != "y":
        return Column("array", shape)
    if array.dtype.kind == "f":
        return Column("number", shape)
    if array.ndim == 1:
        return Column("class", classes=_classes(names, array, path))
    if array.ndim == 2 and array.max(initial=0) <= 1:
        return Column("tags", shape, _tags(names, shape[0]))
    return Column("mask", shape, tuple(map(str, range(int(array.max(initial=0)) + 1))))


def _tags(names: NDArray[Any] | None, count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count))) if names is None else tuple(map(str, names))


def _classes(names: NDArray[Any] | None, labels: NDArray[np.int64], path: Path) -> tuple[str, ...]:
    """The names of the classes, or their numbers if the file has no names."""
    if names is None:
        count = int(labels.max(initial=-1)) + 1
        if count > max(1_000, len(labels)):
            message = f"{path}: the label {count - 1:,} is not the number of a class"
            raise fail("ARCH303", message, hint="number the classes from 0, without gaps")
        classes = tuple(str(label) for label in range(count))
    else:
        if names.ndim != 1 or names.dtype.kind not in "USiu":
            kind = f"{names.dtype} of shape {names.shape}"
            raise fail("ARCH302", f"{path}: expected `classes` to be a 1-D array of names, got {kind}")
        classes = tuple(name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names)
        if len(set(classes)) < len(classes):
            twice = Counter(classes).most_common(1)[0][0]
            raise fail("ARCH302", f"{path}: duplicate name `{twice}` in `classes`")
    if len(classes) < 2:
        raise fail("ARCH303", f"{path}: expected at least two classes, got one")
    return classes


SOURCE = NpzFile()
