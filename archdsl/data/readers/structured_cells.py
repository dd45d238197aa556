"""Cells that have more than one value: tags, arrays, and the paths of images."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data import images
from archdsl.data.broken import BrokenExamples, checked, faults, guarded
from archdsl.data.images import ImageFormat, RequestedFormat
from archdsl.data.readers.cell_table import Cells, NumberCells, shown
from archdsl.data.tables import Column, Reader, Rows
from archdsl.errors import fail

MOST_TAGS = 1_000
"""The most different tags of a column."""

SEPARATORS = "|;,"
"""What may separate tags."""

Made = tuple[Column, dict[str, Reader]]
"""A column, and its reader for each split."""


def inferred(texts: Sequence[str]) -> str | None:
    """The kind of a column that is none of numbers, classes or texts: None if it is one of these."""
    if isinstance(texts, NumberCells):
        return None
    filled = [text for text in texts if text]
    if filled and all(Path(text).suffix.lower() in images.SUFFIXES for text in filled):
        return "image"
    if filled and all(text[0] == "[" and text[-1] == "]" for text in filled):
        lists = [value for value in map(_list, filled) if value]
        if lists and all(isinstance(each, str) for value in lists for each in value):
            return "tags"
        return "array" if lists and any(array_of(text) is not None for text in filled) else None
    return None


def made(
    kind: str, name: str, splits: Mapping[str, Cells], argument: str, requested: RequestedFormat
) -> tuple[Column, dict[str, Reader]]:
    """A column of a kind in `KINDS`, and its reader for each split.

    Args:
        argument: the argument of the kind in the recipe; empty if it has none.

    Raises:
        ArchError: there are no cells, too many tags (ARCH303), or no images (ARCH301).
    """
    if not any(splits["train"].columns[name]):
        raise fail("ARCH303", f"`{name}` has only empty cells, so it has no {kind}", hint="leave the column out")
    return KINDS[kind](name, splits, argument, requested)


def _tags(name: str, splits: Mapping[str, Cells], separator: str, requested: RequestedFormat) -> Made:
    """Whether each row has each tag: uint8 (tags,). An empty cell has none."""
    texts = splits["train"].columns[name]
    separator = separator or max(SEPARATORS, key=Counter(letter for text in texts for letter in text).__getitem__)
    found = {split: [_tags_of(text, separator) for text in cells.columns[name]] for split, cells in splits.items()}
    tags = tuple(sorted({tag for of_row in found["train"] for tag in of_row}))
    if len(tags) > MOST_TAGS:
        message = f"`{name}` has {len(tags):,} different tags, such as `{shown(tags[0])}`: the most is {MOST_TAGS:,}"
        raise fail("ARCH303", message, hint=f'name what separates them: `columns: {{{name}: {{tags: "|"}}}}`')
    numbers = {tag: number for number, tag in enumerate(tags)}

    def reader(cells: Cells, of_rows: Sequence[Sequence[str]]) -> Reader:
        values = np.zeros((len(of_rows), len(tags)), np.uint8)
        for row, of_row in enumerate(of_rows):
            values[row, [numbers[tag] for tag in of_row if tag in numbers]] = 1
        unseen = {row: tag for row, of_row in enumerate(of_rows) for tag in of_row if tag not in numbers}

        def reason(row: int) -> str:
            return f"{cells.place(row)}: `{name}` has `{shown(unseen[row])}`, which no training example has"

        return _guarded(values, cells, (unseen, reason, "correct these tags, or add training examples of them"))

    column = Column("tags", (len(tags),), tags)
    return column, {split: reader(cells, found[split]) for split, cells in splits.items()}


def _tags_of(text: str, separator: str) -> list[str]:
    given = _list(text) if text.startswith("[") else None
    return [tag for each in (text.split(separator) if given is None else given) if (tag := str(each).strip())]


def _list(text: str) -> list[Any] | None:
    """The list that a cell has in JSON, or None."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None


def _arrays(name: str, splits: Mapping[str, Cells], argument: str, requested: RequestedFormat) -> Made:
    """Arrays of the shape that most training rows have: int64 if all numbers are integers, float32 otherwise."""
    found = {split: [array_of(text) for text in cells.columns[name]] for split, cells in splits.items()}
    shapes = Counter(array.shape for array in found["train"] if array is not None)
    if not shapes:
        example = next(filter(None, splits["train"].columns[name]))
        raise fail("ARCH303", f"`{name}` has no arrays of numbers: a cell is `{shown(example)}`")
    ((shape, _),) = shapes.most_common(1)
    every = [array for arrays in found.values() for array in arrays if array is not None and array.shape == shape]
    dtype: type[np.generic] = np.int64 if all(array.dtype == np.int64 for array in every) else np.float32

    def reader(cells: Cells, arrays: Sequence[NDArray[Any] | None]) -> Reader:
        values = np.zeros((len(arrays), *shape), dtype)
        wrong = [row for row, array in enumerate(arrays) if array is None or array.shape != shape]
        for row, array in enumerate(arrays):
            if array is not None and array.shape == shape:
                values[row] = array

        def reason(row: int) -> str:
            array, text = arrays[row], cells.columns[name][row]
            what = f"is `{shown(text)}`, not an array of numbers" if text else "is empty"
            if array is not None:
                what = f"has the shape {array.shape}, but other rows have {shape}"
            return f"{cells.place(row)}: `{name}` {what}"

        return _guarded(values, cells, (wrong, reason, "correct these cells"))

    return Column("array", shape), {split: reader(cells, found[split]) for split, cells in splits.items()}


def array_of(text: str) -> NDArray[Any] | None:
    """The numbers in a cell, int64 or float32; None if it has others, or rows of different lengths."""
    value: Any = _list(text) if text.startswith("[") else re.split(r"[\s,;]+", text)
    try:
        array = np.array(value if isinstance(value, list) else None)
        array = array.astype(np.float64) if array.dtype.kind in "USf" else array
    except (ValueError, OverflowError):
        return None
    if array.dtype.kind == "f":
        whole = not text.startswith("[") and np.isfinite(array).all() and (array == np.floor(array)).all()
        array = array.astype(np.int64 if whole and np.abs(array).max(initial=0) < 2**53 else np.float32)
    return array if array.dtype.kind in "if" and array.size and math.prod(array.shape) and _finite(array) else None


def _finite(array: NDArray[Any]) -> bool:
    return bool(np.isfinite(array).all())


def _images(name: str, splits: Mapping[str, Cells], place: str, requested: RequestedFormat) -> Made:
    """Images by their paths, which are read when their rows are fetched."""
    paths = {
        split: [path_of(cells.path.parent, place, text) for text in cells.columns[name]]
        for split, cells in splits.items()
    }
    _check_place(name, splits["train"], paths["train"])
    image_format = images.choose_format([path for each in paths.values() for path in each], requested)
    readers: dict[str, Reader] = {
        split: partial(_read_images, name, splits[split], each, image_format, split) for split, each in paths.items()
    }
    return Column("image", image_format.shape, place=place), readers


def _read_images(
    name: str, cells: Cells, paths: Sequence[Path], image_format: ImageFormat, split: str, rows: Rows
) -> NDArray[Any]:
    """The images of some rows.

    Raises:
        BrokenExamples: some cells are empty, or name no image that can be read.
    """
    try:
        return images.read_rows(paths, image_format, split, rows)
    except BrokenExamples as error:
        broken = [place for each in error.faults for place in each.rows.tolist()]
        # Only the first ones have a reason.
        reasons = {
            place: why for each in error.faults for place, why in zip(each.rows.tolist(), each.reasons, strict=False)
        }
        values = error.values
    uneven = [place for place in broken if rows[place] in cells.faults]
    empty = [place for place in broken if rows[place] not in cells.faults and not cells.columns[name][rows[place]]]
    others = np.setdiff1d(broken, uneven + empty)

    def unreadable(place: int) -> str:
        return f"{cells.place(rows[place])}: {reasons.get(place) or f'{paths[rows[place]]} cannot be read'}"

    def is_empty(place: int) -> str:
        return f"{cells.place(rows[place])}: `{name}` is empty"

    found = (
        faults(np.array(uneven, np.int64), lambda place: cells.faults[rows[place]], "correct these lines"),
        faults(np.array(empty, np.int64), is_empty, "fill the empty cells, or set `missing: drop` in `data`", "empty"),
        faults(others, unreadable, "replace these files, or remove their rows"),
    )
    return checked(values, found)


def path_of(folder: Path, place: str, text: str) -> Path:
    """The path of the image that a cell names.

    Args:
        folder: that of the table.
        place: a folder in it, or a pattern with `*` in place of the cell; empty for the folder itself.
    """
    return folder / (place.replace("*", text) if "*" in place else Path(place, text))


def _check_place(name: str, cells: Cells, paths: Sequence[Path]) -> None:
    """Raise an error if none of the first images exists (ARCH301): they are in another folder."""
    row, path = next((row, path) for row, path in enumerate(paths) if cells.columns[name][row])
    if any(path.exists() for path in islice(paths, row, row + 10)):
        return
    text, folder = cells.columns[name][row], cells.path.parent
    message = f"{path} does not exist, which `{name}` names in {cells.place(row)}"
    for found in islice(folder.glob(f"*/{Path(text).name}*"), 100):
        pattern = found.parent.name if found.name == text else f"{found.parent.name}/*{found.suffix}"
        if path_of(folder, pattern, text) == found:
            raise fail("ARCH301", message, hint=f"set `columns: {{{name}: {{image: {pattern}}}}}` in `data`")
    hint = f"name their folder, from {folder}: `columns: {{{name}: {{image: FOLDER}}}}`; or set `{name}: text`"
    raise fail("ARCH301", message, hint=hint)


def _guarded(values: NDArray[Any], cells: Cells, guard: Any) -> Reader:
    return guarded(values, (cells.faults, cells.faults.__getitem__, "correct these lines"), guard)


KINDS: Mapping[str, Callable[[str, Mapping[str, Cells], str, RequestedFormat], Made]] = {
    "tags": _tags,
    "array": _arrays,
    "image": _images,
}
"""What makes a column of a kind: of its name, the cells of each split, the argument of the kind, and the format."""
