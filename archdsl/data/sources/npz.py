"""Arrays in an `.npz` file: `x_train, y_train, x_test, y_test`, or `x, y`; optionally `classes`, the class names.

Other names are further inputs, and those that begin with `y_` further targets: `sound_train`, `y_age_train`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.broken import guarded
from archdsl.data.images import RequestedFormat
from archdsl.data.ports import Ports
from archdsl.data.readers import array_checks, files, search
from archdsl.data.readers.search import SearchedPath
from archdsl.data.sources.base import RawDataset, Source, labeled_images
from archdsl.data.tables import EMPTY, Column, Table
from archdsl.errors import fail
from archdsl.recipe import Data
from archdsl.recipe.columns import word_of

MOST_UNSEEN = 1_000_000
"""The most classes that only test examples have."""


class NpzFile(Source):
    """Reads an `.npz` file. `x` is images if the network takes images or is not known, and arrays otherwise."""

    def read(
        self, data: Data, data_dir: Path | None, requested: RequestedFormat, ports: Ports | None = None
    ) -> RawDataset:
        """Read the arrays of a file, in their own size."""
        path, searched = search.find(data.argument, "file", data_dir)
        arrays = files.arrays(path, files.budget())
        only_train = "x_train" not in arrays if "x" in arrays else not any(name.endswith("_train") for name in arrays)
        parts = {"train": ""} if only_train else {"train": "_train", **_other_parts(arrays)}
        names = _names(arrays, parts["train"])
        targets = data.named_targets or tuple(name for name in names if name == "y" or name.startswith("y_"))
        if "x" in names or not {*names} - {*targets} or not targets:
            is_whole = "x" in arrays and "x_train" not in arrays
            array_checks.require(arrays, ("x", "y") if is_whole else array_checks.SPLIT_ARRAYS, path)
        one_input = ports is None or "" in ports.inputs
        is_usual = (
            {"x", "y"} <= {*names} and one_input and targets == ("y",) and data.columns.get("y", "class") == "class"
        )
        tokens = ports is not None and any(len(end.shape) == 2 for end in ports.outputs.values())
        if is_usual and ports is not None:
            labels = arrays[f"y{parts['train']}"]
            is_usual = ports.image_shape is not None and not tokens and _may_be_labels(labels)
        if is_usual:
            return self._labeled_images(arrays, [*parts.values()], path, searched)
        return self._any(arrays, parts, names, targets, path, searched, data, tokens)

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
        self,
        arrays: dict[str, NDArray[Any]],
        parts: Mapping[str, str],
        names: Sequence[str],
        targets: Sequence[str],
        path: Path,
        searched: tuple[SearchedPath, ...],
        data: Data,
        tokens: bool,
    ) -> RawDataset:
        """Columns of any arrays.

        Args:
            parts: the ending of the names of each split.
            names: the names of the columns.
            tokens: as in `_target`.
        """
        lacking = [f"{name}{part}" for part in parts.values() for name in names if f"{name}{part}" not in arrays]
        if lacking:
            hint = "save each array for both splits"
            raise fail("ARCH302", f"{path} lacks the array `{lacking[0]}`, which training has", hint=hint)
        keys = [f"{name}{part}" for part in parts.values() for name in names]
        typed = {key: _typed(arrays[key], f"{path}: {key}") for key in keys}
        for part in parts.values():
            counts = {f"{name}{part}": len(typed[f"{name}{part}"]) for name in names}
            if len(set(counts.values())) > 1:
                shown = ", ".join(f"{name} {count:,}" for name, count in counts.items())
                hint = "save one row for each example in each array"
                raise fail("ARCH302", f"{path}: the arrays differ in length: {shown}", hint=hint)
        columns: dict[str, Column] = {}
        for name in names:
            array, kind = typed[f"{name}{parts['train']}"], data.columns.get(name)
            if name in targets:
                of_classes = arrays.get("classes" if name == "y" else f"{name}_classes")
                columns[name] = _target(array, name, None if kind is None else word_of(kind), of_classes, path, tokens)
            else:
                columns[name] = _input(array)
            for split in parts.keys() - {"train"}:
                columns[name] = _common(columns[name], typed[f"{name}{parts[split]}"], name, path)
        tables = {
            split: _table({name: typed[f"{name}{part}"] for name in names}, columns, path, part)
            for split, part in parts.items()
        }
        return RawDataset(
            columns,
            tuple(name for name in names if name not in targets),
            tuple(targets),
            tables["train"],
            tables.get("test"),
            str(path.absolute()),
            tables.get("validation"),
            searched=searched,
        )


def _other_parts(arrays: Mapping[str, NDArray[Any]]) -> dict[str, str]:
    """The endings of the arrays of the test and the validation split, as far as there are any."""
    endings = {"test": ("_test",), "validation": ("_validation", "_val")}
    found = {
        split: next((one for one in ends if any(name.endswith(one) for name in arrays)), "")
        for split, ends in endings.items()
    }
    return {split: ending for split, ending in found.items() if ending}


def _names(arrays: Mapping[str, NDArray[Any]], ending: str) -> list[str]:
    """The names of the columns: those of the arrays without the ending of their split."""
    names = [name.removesuffix(ending) for name in arrays if name.endswith(ending)]
    return [name for name in names if name != "classes" and not name.endswith("_classes")]


def _may_be_labels(array: NDArray[Any]) -> bool:
    """Whether the target of an image is its class: not if it is numbers, a mask, or tags."""
    if array.ndim == 2 and array.shape[1] > 1 and array.dtype.kind in "biu" and array.max(initial=0) <= 1:
        return bool((array.sum(axis=1) == 1).all())
    return array.ndim < 3 and array.dtype.kind != "f"


def _typed(array: NDArray[Any], name: str) -> NDArray[Any]:
    """An array as columns have it: integers as int64, labels (N, 1) as (N,).

    Raises:
        ArchError: it has no numbers (ARCH302).
    """
    hints = {
        "c": "save the real and the imaginary parts as two channels",
        "U": "number the classes: `classes, y = numpy.unique(y, return_inverse=True)`, and save both",
        "M": "convert times to numbers, such as seconds",
    }
    if array.dtype.kind not in "iubf":
        message = f"{name}: expected numbers, got {array.dtype}"
        raise fail("ARCH302", message, hint=hints.get(array.dtype.kind.replace("S", "U").replace("m", "M"), ""))
    if array.ndim == 0:
        raise fail("ARCH302", f"{name}: expected an array with a row for each example, got one number")
    if not len(array):
        raise fail("ARCH302", f"{name}: no examples")
    if not array.size:
        raise fail("ARCH302", f"{name}: expected values, got an empty array of shape {array.shape}")
    if array.dtype.kind in "iub" and array.dtype != np.uint8:
        array = array.astype(np.int64)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 and array.dtype.kind != "f" else array


def _table(arrays: Mapping[str, NDArray[Any]], columns: Mapping[str, Column], path: Path, part: str) -> Table:
    """A table of arrays, which raises `BrokenExamples` for rows with NaN or infinite values."""
    readers = {}
    for name, array in arrays.items():
        values, wrong = array, list[int]()
        if array.dtype.kind == "f":
            wrong = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1)).tolist()
        if columns[name].kind == "class":
            # The classes that training does not have follow the others: they become -2, -3, ...
            beyond = array - len(columns[name].classes)
            values = np.where(beyond < 0, array, EMPTY - 1 - beyond)

        def reason(row: int, name: str = name) -> str:
            return f"{path}: {name}{part}[{row}] has NaN or infinite values"

        readers[name] = guarded(values, (wrong, reason, "correct these arrays"))
    count = len(next(iter(arrays.values())))
    split = f"{part.removeprefix('_')} " if part else ""
    return Table(count, readers, lambda rows: [f"{path}: {split}row {row}" for row in rows.tolist()])


def _input(array: NDArray[Any]) -> Column:
    """What an input is: images if it is bytes (N, height, width, channels), and otherwise arrays."""
    shape = tuple(map(int, array.shape[1:]))
    is_image = array.dtype == np.uint8 and len(shape) == 3 and shape[2] in (1, 3, 4)
    return Column("image" if is_image else "array", shape)


def _target(
    array: NDArray[Any], name: str, kind: str | None, names: NDArray[Any] | None, path: Path, tokens: bool
) -> Column:
    """What a target is: classes, numbers, tags, a mask, or tokens.

    Args:
        kind: the kind that the recipe gives.
        names: the names of the classes, if the file has them.
        tokens: whether the network returns a vector for each step, so that integers (N, length) are tokens.
    """
    shape = tuple(map(int, array.shape[1:]))
    if kind == "number" or (kind is None and array.dtype.kind == "f"):
        return Column("number", shape)
    if array.dtype.kind == "f" or kind not in (None, "class", "tags"):
        hint = f"remove `{name}` from `data.columns`"
        raise fail("ARCH303", f"{path}: `{name}` is {array.dtype} of shape {array.shape}, not {kind}", hint=hint)
    if (least := int(array.min())) < 0:
        message = f"{path}: expected `{name}` to be classes from 0, got {least}"
        raise fail("ARCH303", message, hint="number the classes from 0, or save numbers as float32")
    if array.ndim == 1:
        return Column("class", classes=_classes(names, array, path))
    most = int(array.max())
    if array.ndim == 2 and (kind == "tags" or (most <= 1 and not tokens)):
        return Column("tags", shape, _tags(names, shape[0], path))
    if array.ndim == 2 and tokens:
        return Column("tokens", shape, _tags(names, most + 1, path))
    if array.ndim != 3:
        message = f"{path}: `{name}` of shape {array.shape} has integers up to {most}"
        hint = "save classes (N,), tags of 0 and 1 (N, classes), masks (N, height, width), or numbers as float32"
        raise fail("ARCH302", message, hint=hint)
    return Column("mask", shape, tuple(map(str, range(max(most, 1) + 1))))


def _common(column: Column, test: NDArray[Any], name: str, path: Path) -> Column:
    """A column of training and test examples.

    Raises:
        ArchError: they differ in shape (ARCH302).
    """
    if column.kind == "class" and test.ndim == 1 and test.dtype.kind in "iu":
        numbers = range(len(column.classes), int(test.max()) + 1)
        return replace(column, unseen=tuple(str(number) for number in numbers[:MOST_UNSEEN]))
    shape = tuple(map(int, test.shape[1:]))
    if shape != column.shape:
        message = f"{path}: the rows of {name}_train have the shape {column.shape}, those of {name}_test {shape}"
        raise fail("ARCH302", message, hint="save both in the same shape")
    return column


def _tags(names: NDArray[Any] | None, count: int, path: Path) -> tuple[str, ...]:
    if names is not None and names.shape != (count,):
        message = f"{path}: `classes` has {names.size:,} names, but the rows of `y` have {count:,} tags"
        raise fail("ARCH303", message, hint="save a name for each tag")
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
        raise fail("ARCH303", f"{path}: expected at least two classes, got one", hint="add examples of other classes")
    return classes


SOURCE = NpzFile()
