"""Arrays in an `.npz` file: `x_train, y_train, x_test, y_test`, or `x, y`; optionally `classes`, the class names."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.images import RequestedFormat
from archdsl.data.readers import array_checks, files, search
from archdsl.data.sources.base import RawDataset, Source, labeled_images
from archdsl.errors import fail
from archdsl.recipe import Data


class NpzFile(Source):
    """Reads an `.npz` file."""

    def read(self, data: Data, data_dir: Path | None, requested: RequestedFormat) -> RawDataset:
        """Read the images of a file, in their own size."""
        path, searched = search.find(data.argument, "file", data_dir)
        arrays = files.arrays(path, files.budget())
        only_train = "x" in arrays and "x_train" not in arrays
        array_checks.require(arrays, ("x", "y") if only_train else array_checks.SPLIT_ARRAYS, path)
        pairs = [("x", "y")] if only_train else [("x_train", "y_train"), ("x_test", "y_test")]
        labels = [array_checks.labels(arrays[y], f"{path}: {y}") for _, y in pairs]
        classes = _classes(arrays.get("classes"), labels[0], path)
        images = [array_checks.any_images(arrays[x], f"{path}: {x}") for x, _ in pairs]
        if len({array.shape[1:] for array in images}) > 1:
            shapes = " and ".join(str(array.shape) for array in images)
            raise fail("ARCH302", f"{path}: the images of x_train and x_test differ in shape: {shapes}")
        train, *test = (
            array_checks.split(array, numbers, f"{path}: {x}", classes)
            for array, numbers, (x, _) in zip(images, labels, pairs, strict=True)
        )
        array_checks.every_class(train, str(path), classes, "number the classes from 0, without gaps")
        height, width, channels = images[0].shape[1:]
        shape = (int(height), int(width), int(channels))
        return labeled_images(train, test[0] if test else None, classes, shape, str(path.absolute()), searched=searched)


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
