"""Writes a data set as shards: TFRecord files of `tf.train.Example`, with an index that finds each example.

    shards.json                     the columns, and the files of each split
    train-00000-of-00004.tfrecord   examples: numbers as int64 or float, texts as UTF-8, all else as raw bytes
    train.npz                       `sizes`, the bytes of each record, and small columns such as labels

The examples keep the order of their source, so that a recipe gives the same bits with either.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from rich.progress import Progress

from archdsl import files
from archdsl.data.sources.base import RawDataset
from archdsl.data.streams import SMALL, progress_bar
from archdsl.data.tables import Column, Kind, Table
from archdsl.errors import fail

INDEX = "shards.json"
"""The file that describes the shards of a folder."""

SHARD_BYTES = 2**28
"""A shard ends with the record that reaches so many bytes."""

AT_ONCE = 2**24
"""The most bytes of examples that are read at a time."""

TEXT = "text"
"""The data type of texts; that of other columns is NumPy's."""

Count = Annotated[int, Field(ge=0, le=10**12)]


@dataclass(frozen=True)
class Shard:
    """A file of examples, and its size in bytes."""

    file: str
    examples: Count
    bytes: Count


@dataclass(frozen=True)
class StoredColumn:
    """A column, as `archdsl.data.tables.Column`, with the data type of its values."""

    kind: Kind
    dtype: str
    shape: tuple[Count, ...] = ()
    classes: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    largest: Count = 255


@dataclass(frozen=True)
class Shards:
    """The content of `shards.json`."""

    columns: Mapping[str, StoredColumn]
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    splits: Mapping[Literal["train", "validation", "test"], tuple[Shard, ...]]
    origin: str = ""


def write(raw: RawDataset, target: Path, shard_bytes: int = SHARD_BYTES) -> Shards:
    """Write a data set as shards into a new folder, which appears when it is complete. Imports TensorFlow.

    Raises:
        ArchError: the folder is not empty (ARCH202) or cannot be written (ARCH304), or an example cannot be read
            (ARCH302).
    """
    tables = {"train": raw.train, "validation": raw.validation, "test": raw.test}
    with files.new_folder(target) as folder, progress_bar() as bar:
        first = {name: raw.train.take(np.arange(1)).read(name) for name in raw.columns}
        columns = {name: _stored(column, first[name]) for name, column in raw.columns.items()}
        splits = {
            split: tuple(_write_split(folder.path, split, table, columns, shard_bytes, bar))
            for split, table in tables.items()
            if table is not None
        }
        shards = Shards(columns, raw.inputs, raw.targets, splits, raw.origin)  # type: ignore[arg-type]
        text = json.dumps(asdict(shards), indent=1, ensure_ascii=False)
        (folder.path / INDEX).write_text(text, encoding="utf-8", newline="")
        for path in folder.path.iterdir():
            with open(path, "rb+") as file:
                os.fsync(file.fileno())
    return shards


def _stored(column: Column, values: NDArray[Any]) -> StoredColumn:
    dtype = TEXT if values.dtype == object else values.dtype.newbyteorder("<").str
    return StoredColumn(column.kind, dtype, tuple(values.shape[1:]), column.classes, column.unseen, column.largest)


def is_small(column: StoredColumn) -> bool:
    """Whether the values of a column are also in the index."""
    return column.dtype != TEXT and np.dtype(column.dtype).itemsize * math.prod(column.shape) <= SMALL


def _write_split(
    folder: Path, split: str, table: Table, columns: Mapping[str, StoredColumn], shard_bytes: int, bar: Progress
) -> Iterator[Shard]:
    import tensorflow as tf

    sizes: list[int] = []
    small: dict[str, list[NDArray[Any]]] = {name: [] for name, column in columns.items() if is_small(column)}
    paths: list[Path] = []
    counts: list[int] = []
    writer, written = None, 0
    for values in _read(table, columns, split, bar):
        for name, parts in small.items():
            parts.append(values[name])
        for row in range(len(next(iter(values.values())))):
            if writer is None or written >= shard_bytes:
                if writer is not None:
                    writer.close()
                paths.append(folder / f"{split}-{len(paths):05}.tfrecord")
                counts.append(0)
                writer, written = tf.io.TFRecordWriter(str(paths[-1])), 0
            record = _example({name: each[row] for name, each in values.items()}, columns)
            writer.write(record)
            sizes.append(len(record))
            written += len(record)
            counts[-1] += 1
    if writer is not None:
        writer.close()
    index = {f"columns/{name}": np.concatenate(parts) for name, parts in small.items() if parts}
    np.savez_compressed(folder / f"{split}.npz", sizes=np.array(sizes, np.int64), **index)  # type: ignore[arg-type]
    for number, (path, count) in enumerate(zip(paths, counts, strict=True)):
        named = path.with_name(f"{split}-{number:05}-of-{len(paths):05}.tfrecord")
        path.rename(named)
        yield Shard(named.name, count, named.stat().st_size)


def _read(
    table: Table, columns: Mapping[str, StoredColumn], split: str, bar: Progress
) -> Iterator[dict[str, NDArray[Any]]]:
    """The values of all columns, some examples at a time."""
    each = sum(
        np.dtype(object if column.dtype == TEXT else column.dtype).itemsize * math.prod(column.shape)
        for column in columns.values()
    )
    step = max(1, min(10_000, AT_ONCE // max(1, each)))
    task = bar.add_task(f"writing {split} examples", total=len(table))
    for start in range(0, len(table), step):
        rows = np.arange(start, min(start + step, len(table)))
        yield {name: _checked(table.readers[name](rows), name, column) for name, column in columns.items()}
        bar.advance(task, len(rows))


def _checked(values: NDArray[Any], name: str, column: StoredColumn) -> NDArray[Any]:
    if column.dtype == TEXT:
        return values
    if tuple(values.shape[1:]) != column.shape:
        raise fail("ARCH303", f"the values of `{name}` differ in shape: {column.shape} and {tuple(values.shape[1:])}")
    return values.astype(column.dtype, copy=False)


def _example(values: Mapping[str, Any], columns: Mapping[str, StoredColumn]) -> bytes:
    import tensorflow as tf

    features = {}
    for name, value in values.items():
        column = columns[name]
        if column.dtype == TEXT:
            feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[str(value).encode()]))
        elif not column.shape and np.dtype(column.dtype).kind in "iub":
            feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[int(value)]))
        elif not column.shape:
            feature = tf.train.Feature(float_list=tf.train.FloatList(value=[float(value)]))
        else:
            feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.tobytes()]))
        features[name] = feature
    encoded: bytes = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
    return encoded
