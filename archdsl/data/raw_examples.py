"""Raw examples to predict: read one after the other from files, and converted to the columns that a network takes."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from archdsl import files
from archdsl.data import images
from archdsl.data.readers import files as data_files
from archdsl.data.readers import structured_cells, texts
from archdsl.data.sources.jsonl import flattened
from archdsl.data.tables import EMPTY, Column, Table, in_memory
from archdsl.errors import ArchError, fail, nearest
from archdsl.text import in_line

ROWS = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".npz": "npz"}
"""The extensions of files with many examples."""

LONGEST_LINE = 2**24
"""The most characters of a line of JSON."""

Key: TypeAlias = Literal["image", "row", "text"]
"""What names an example: its file, its number from 1, or its text."""


@dataclass(frozen=True, slots=True)
class RawExample:
    """One example with its raw values.

    Attributes:
        key: what names it.
        name: its name.
        place: where it is, for messages: `bank.csv, line 3`.
        cells: its values by column.
        base: the folder of relative paths in it.
        error: what is wrong with it, if it cannot be read.
    """

    key: Key
    name: str | int
    place: str
    cells: Mapping[str, Any]
    base: Path = Path()
    error: ArchError | None = None


def find(words: Sequence[str | Path], columns: Mapping[str, Column]) -> Iterator[RawExample]:
    """Find examples by the names of files: tables, arrays, texts and images.

    Args:
        words: files; for a network of one image, also folders and patterns.
        columns: the columns that the network takes.

    Raises:
        ArchError: a file is missing (ARCH301), cannot be read (ARCH302), or has not these columns (ARCH303).
    """
    name, kind = next((name, column.kind) for name, column in columns.items())
    rows = [path for path in map(Path, words) if path.suffix.lower() in ROWS and path.is_file()]
    others = [word for word in words if Path(word) not in rows]
    if len(columns) == 1 and kind == "image":
        for image in images.find(others):
            yield RawExample("image", str(image), str(image), {name: image})
        others = []
    for path in (*rows, *map(Path, others)):
        if path in rows:
            yield from _READERS[ROWS[path.suffix.lower()]](path, columns)
        elif len(columns) == 1 and kind == "text":
            yield RawExample("text", str(path), str(path), {name: text_of(path)})
        elif not path.exists():
            raise fail("ARCH301", f"{path} does not exist")
        else:
            raise fail(
                "ARCH303",
                f"{path}: expected a file of rows with the columns {listed(columns)}",
                hint=f"pass a file that ends in {', '.join(ROWS)}",
            )


def text_of(path: Path) -> str:
    """The text in a file.

    Raises:
        ArchError: it is missing (ARCH301) or not UTF-8 (ARCH302).
    """
    if not path.exists():
        raise fail("ARCH301", f"{path} does not exist")
    return texts.read(path)


def of_values(values: Any, columns: Mapping[str, Column]) -> Iterator[RawExample]:
    """Examples in Python.

    Args:
        values: a list of mappings; a mapping or a data frame of columns of the same length; for a network of one
            column, also its values as one array or list.

    Raises:
        ArchError: columns are missing, or differ in length (ARCH303).
    """
    if isinstance(values, Sequence) and values and all(isinstance(each, Mapping) for each in values):
        for number, row in enumerate(values, 1):
            yield RawExample("row", number, f"row {number:,}", row)
        return
    if hasattr(values, "columns") and hasattr(values, "__getitem__"):  # of pandas or Polars
        values = {str(name): values[name].to_numpy() for name in values.columns}
    if not isinstance(values, Mapping):
        if len(columns) > 1:
            raise fail("ARCH303", f"the network takes the columns {listed(columns)}", hint="pass them as a mapping")
        values = {next(iter(columns)): values}
    _check_columns([*values], columns, "the examples")
    counts = {name: len(values[name]) for name in columns}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        raise fail("ARCH303", f"the columns differ in length: {shown}")
    for row in range(next(iter(counts.values()))):
        yield RawExample("row", row + 1, f"row {row + 1:,}", {name: values[name][row] for name in columns})


def listed(columns: Iterable[str]) -> str:
    """Names of columns in a message; of many, the first ones."""
    names = [*columns]
    return ", ".join(f"`{name}`" for name in names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _check_columns(names: Sequence[str], columns: Mapping[str, Column], place: object) -> None:
    missing = [name for name in columns if name not in names]
    if missing:
        word = "column" if len(missing) == 1 else "columns"
        raise fail("ARCH303", f"{place}: missing {word} {listed(missing)}", hint=nearest(missing[0], names))


def _csv(path: Path, columns: Mapping[str, Column]) -> Iterator[RawExample]:
    try:
        with files.opened(path) as binary, _decoded(binary) as text:
            header = text.readline()
            reader = csv.reader([header], delimiter=_delimiter(header))
            names = [name.strip() for name in next(reader, [])]
            _check_columns(names, columns, path)
            rows = csv.reader(text, delimiter=_delimiter(header), strict=True)
            for number, cells in enumerate(filter(None, rows), 1):
                place = f"{path}, line {rows.line_num + 1:,}"
                if len(cells) != len(names):
                    error = fail("ARCH302", f"{place}: expected {len(names)} cells, got {len(cells)}")
                    yield RawExample("row", number, place, {}, error=error)
                    continue
                row = dict(zip(names, map(str.strip, cells), strict=True))
                yield RawExample("row", number, place, row, path.parent)
    except csv.Error as error:
        raise fail("ARCH302", f"{path} cannot be read as CSV: {error}") from None
    except OSError as error:
        raise fail("ARCH302", f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise fail("ARCH302", f"{path} is not UTF-8 text", hint="save it as UTF-8") from None


def _decoded(binary: BinaryIO) -> io.TextIOWrapper:
    return io.TextIOWrapper(binary, encoding="utf-8-sig", newline="")


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


def _jsonl(path: Path, columns: Mapping[str, Column]) -> Iterator[RawExample]:
    try:
        with files.opened(path) as binary, _decoded(binary) as text:
            number = 0
            for line_number, line in enumerate(iter(lambda: text.readline(LONGEST_LINE), ""), 1):
                if not line.strip():
                    continue
                number += 1
                place = f"{path}, line {line_number:,}"
                try:
                    row = json.loads(line)
                    reason = "" if isinstance(row, dict) else "expected an object"
                    row = dict(flattened(row)) if isinstance(row, dict) else {}
                except (ValueError, RecursionError):
                    row, reason = {}, "invalid JSON"
                if reason:
                    error = fail("ARCH302", f"{place}: {reason}", hint='write a line such as `{"column": 1}`')
                    yield RawExample("row", number, place, {}, error=error)
                    continue
                yield RawExample("row", number, place, row, path.parent)
    except UnicodeDecodeError:
        raise fail("ARCH302", f"{path} is not UTF-8 text", hint="save it as UTF-8") from None
    except OSError as error:
        raise fail("ARCH302", f"{path} cannot be read: {error.strerror}") from None


def _parquet(path: Path, columns: Mapping[str, Column]) -> Iterator[RawExample]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        hint = "run `pip install 'archdsl[parquet]'`"
        raise fail("ARCH306", f"{path}: reading Parquet requires the package pyarrow", hint=hint) from None
    try:
        file = parquet.ParquetFile(path)
        _check_columns(file.schema_arrow.names, columns, path)
        number = 0
        for batch in file.iter_batches(batch_size=1_024, columns=[*columns]):
            for row in batch.to_pylist():
                number += 1
                yield RawExample("row", number, f"{path}, row {number:,}", dict(flattened(row)), path.parent)
    except (ArrowException, OSError) as error:
        raise fail("ARCH302", f"{path} cannot be read as Parquet: {in_line(str(error), 200)}") from None


def _npz(path: Path, columns: Mapping[str, Column]) -> Iterator[RawExample]:
    arrays = data_files.arrays(path, data_files.budget())
    if len(columns) == 1 and (name := next(iter(columns))) not in arrays:
        alone = arrays.get("x", next(iter(arrays.values())) if len(arrays) == 1 else None)
        arrays = arrays if alone is None else {name: alone}
    _check_columns([*arrays], columns, path)
    counts = {name: len(arrays[name]) if arrays[name].ndim else 0 for name in columns}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        raise fail("ARCH302", f"{path}: the arrays differ in length: {shown}")
    for row in range(next(iter(counts.values()))):
        place = f"{path}, row {row + 1:,}"
        yield RawExample("row", row + 1, place, {name: arrays[name][row] for name in columns})


_READERS = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet, "npz": _npz}


class Converter:
    """Converts raw values to what columns have.

    Attributes:
        columns: the columns that the network takes.
        unknown: how many values of each column are classes that the network does not know, and the first of them.
    """

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self.columns = columns
        self.unknown: dict[str, tuple[int, str]] = {}
        self._numbers = {
            name: {each: number for number, each in enumerate(column.classes)}
            for name, column in columns.items()
            if column.kind == "class"
        }

    def values(self, example: RawExample) -> dict[str, Any]:
        """The values of an example by column.

        Raises:
            ArchError: a value is missing, or is not what the column has (ARCH302).
        """
        if example.error is not None:
            raise example.error
        values: dict[str, Any] = {}
        for name, column in self.columns.items():
            if name not in example.cells:
                names = [str(key) for key in example.cells]
                raise fail("ARCH302", f"{example.place}: missing `{name}`", hint=nearest(name, names))
            value = example.cells[name]
            if column.kind == "image":
                values[name] = _image(value, column, example)
            elif column.kind == "class":
                values[name] = self._class(name, value, example)
            else:
                try:
                    values[name] = _VALUES[column.kind](value, column)
                except _UnsuitableError as error:
                    raise fail("ARCH302", f"{example.place}: `{name}`: {error}") from None
        return values

    def _class(self, name: str, value: Any, example: RawExample) -> np.int64:
        """The number of a class, given its name or a number that is its name."""
        numbers, text = self._numbers[name], "" if value is None else str(value)
        if isinstance(value, bool):
            text = text.lower() if text.lower() in numbers else text
        elif isinstance(value, float | np.floating) and text not in numbers and float(value).is_integer():
            text = str(int(value))
        if not text and text not in numbers:
            return np.int64(EMPTY)
        number = numbers.get(text, EMPTY - 1)
        if number < 0:
            count, first = self.unknown.get(name, (0, f"`{in_line(text, 40)}` ({example.place})"))
            self.unknown[name] = count + 1, first
        return np.int64(number)


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Column], places: Sequence[str]) -> Table:
    """The table of some converted examples.

    Args:
        places: where they are, for messages.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for name, column in columns.items():
        values = [row[name] for row in rows]
        arrays[name] = np.array(values, object if column.kind == "text" else None)
    made = in_memory(**arrays)
    return Table(len(made), made.readers, lambda chosen: [places[row] for row in chosen.tolist()])


class _UnsuitableError(ValueError):
    """What was expected of a value, and what it is."""


def _number(value: Any, column: Column) -> np.float64:
    if value is None or (isinstance(value, str) and not value.strip()):
        return np.float64(math.nan)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise _UnsuitableError(f"expected a number, got `{in_line(str(value), 40)}`") from None
    if math.isinf(number) or (math.isnan(number) and isinstance(value, str)):
        raise _UnsuitableError(f"expected a number, got `{in_line(str(value), 40)}`")
    return np.float64(number)


def _text(value: Any, column: Column) -> str:
    if not isinstance(value, str):
        raise _UnsuitableError(f"expected a text, got `{in_line(str(value), 40)}`")
    return value


def _array(value: Any, column: Column) -> NDArray[np.float64]:
    try:
        array = np.asarray(structured_cells.array_of(value) if isinstance(value, str) else value, np.float64)
    except (TypeError, ValueError):
        raise _UnsuitableError(f"expected an array of {_sides(column.shape)} numbers") from None
    if array.shape != column.shape:
        raise _UnsuitableError(f"expected an array of {_sides(column.shape)}, got {_sides(array.shape)}")
    if not np.isfinite(array).all():
        raise _UnsuitableError("has NaN or infinite values")
    return array


def _sides(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "one number"


_VALUES: dict[str, Any] = {"number": _number, "text": _text, "array": _array, "tokens": _array}


def _image(value: Any, column: Column, example: RawExample) -> NDArray[np.float32]:
    """The pixels of a file or an array, from 0 to the largest value of the source."""
    height, width, channels = column.shape
    if isinstance(value, str | Path):
        size = (height, width) if height and width else None
        with images.reject_bombs():
            path = structured_cells.path_of(example.base, column.place, str(value))
            pixels = images.read(path, channels, size, column.resize)
        return np.asarray(pixels * (column.largest / 255), np.float32)
    array = np.asarray(value)
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[2] != channels or array.dtype.kind not in "uif":
        shape = f"{height or '?'}x{width or '?'}x{channels}"
        raise fail("ARCH302", f"{example.place}: expected an image of {shape}, got an array of {_sides(array.shape)}")
    if height and width and array.shape[:2] != (height, width):
        if array.dtype != np.uint8:
            message = f"{example.place}: expected an image of {height}x{width}, got {_sides(array.shape[:2])}"
            raise fail("ARCH302", message)
        array = images.resize(array, height, width, column.resize)
    return array.astype(np.float32)
