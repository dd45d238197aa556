"""Shards of a data set, which `archdsl data SPEC --write-shards FOLDER` writes; see `archdsl.data.shards`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.images import RequestedFormat
from archdsl.data.ports import Ports
from archdsl.data.readers import files, search
from archdsl.data.readers.records import Records
from archdsl.data.shards import INDEX, TEXT, Shard, Shards, StoredColumn, is_small
from archdsl.data.sources.base import RawDataset, Source
from archdsl.data.tables import Column, Reader, Rows, Table
from archdsl.errors import ArchError, Problem, fail
from archdsl.parsing.stored import read_json
from archdsl.recipe import Data
from archdsl.text import quantity

SHOWN = 10
"""The most damaged shards that a message lists."""

AGAIN = "write the shards again with `archdsl data SPEC --write-shards FOLDER`"

MOST_VALUES, MOST_BYTES = 5_000_000, 2**28
"""The most values and bytes in `shards.json`. A hundred thousand shards take a tenth of them."""


class ShardFolder(Source):
    """Reads a folder of shards."""

    why_no_download = "are local"

    def read(
        self, data: Data, data_dir: Path | None, requested: RequestedFormat, ports: Ports | None = None
    ) -> RawDataset:
        """Check that all shards are complete. Their examples are read when their rows are fetched.

        Raises:
            ArchError: the folder is missing (ARCH301), or shards are missing or truncated (ARCH302).
        """
        root, searched = search.find(data.argument, "folder", data_dir)
        path = root / INDEX
        if not path.is_file():
            raise fail("ARCH302", f"{root} has no `{INDEX}`", hint=AGAIN)
        shards = read_json(Shards, files.content(path), path, "description of shards", _conflicts, AGAIN, MOST_VALUES)
        _check_complete(root, [shard for split in shards.splits.values() for shard in split])
        tables = {name: _table(root, name, split, shards) for name, split in shards.splits.items()}
        columns = {
            name: Column(each.kind, each.shape, each.classes, each.unseen, each.largest)
            for name, each in shards.columns.items()
        }
        return RawDataset(
            columns,
            shards.inputs,
            shards.targets,
            tables["train"],
            tables.get("test"),
            str(root.absolute()),
            tables.get("validation"),
            searched=searched,
        )


def _conflicts(shards: Shards) -> Iterator[str]:
    for field, names in (("inputs", shards.inputs), ("targets", shards.targets)):
        for name in names:
            if name not in shards.columns:
                yield f"`{field}`: there is no column `{name}`"
    if "train" not in shards.splits:
        yield "`splits`: there is no split `train`"
    for name, column in shards.columns.items():
        try:
            known = column.dtype == TEXT or np.dtype(column.dtype).kind in "biuf"
        except (TypeError, ValueError, SyntaxError):
            known = False
        if not known:
            yield f"`columns.{name}.dtype`: expected a type of numbers or `{TEXT}`, got `{column.dtype}`"
    for split in shards.splits.values():
        for shard in split:
            if Path(shard.file).name != shard.file:
                yield f"`splits`: expected the name of a file, got `{shard.file}`"


def _check_complete(root: Path, shards: list[Shard]) -> None:
    """Compare the size of each file with that when it was written.

    Raises:
        ArchError: files are missing or have another size (ARCH302).
    """
    faults = []
    for shard in shards:
        path = root / shard.file
        if not path.is_file():
            faults.append(f"{shard.file} is missing")
        elif (size := path.stat().st_size) != shard.bytes:
            faults.append(f"{shard.file} has {size:,} of {shard.bytes:,} bytes")
    if faults:
        shown = (*faults[:SHOWN], *([f"... and {len(faults) - SHOWN:,} more"] if len(faults) > SHOWN else []))
        message = f"{root}: {quantity(len(faults), 'shard')} of {len(shards):,} incomplete"
        raise ArchError(Problem("ARCH302", message, facts=shown, hint=AGAIN))


def _table(root: Path, split: str, shards: tuple[Shard, ...], known: Shards) -> Table:
    path, count = root / f"{split}.npz", sum(shard.examples for shard in shards)
    if not path.is_file():
        raise fail("ARCH302", f"{path} is missing", hint=AGAIN)
    index = files.arrays(path, files.budget())
    small = {name for name, column in known.columns.items() if is_small(column)}
    for name in ("sizes", *(f"columns/{name}" for name in small)):
        if name not in index or len(index[name]) != count:
            found = f"{len(index[name]):,}" if name in index else "no"
            raise fail("ARCH302", f"{path} has {found} values of `{name}` for {quantity(count, 'example')}", hint=AGAIN)
    sizes = index["sizes"].astype(np.int64)
    records = Records([root / shard.file for shard in shards], [shard.examples for shard in shards], sizes)
    readers: dict[str, Reader] = {
        name: index[f"columns/{name}"].__getitem__ if name in small else partial(_values, records, name, column)
        for name, column in known.columns.items()
    }
    return Table(count, readers)


def _values(records: Records, name: str, column: StoredColumn, rows: Rows) -> NDArray[Any]:
    """The values of a column in some examples."""
    import tensorflow as tf

    feature = {name: tf.io.FixedLenFeature([], tf.string)}
    try:
        with tf.device("CPU:0"):
            encoded = tf.io.parse_example(tf.constant(records.read(rows), tf.string), feature)[name]
            if column.dtype == TEXT:
                return np.array([each.decode() for each in encoded.numpy()], object)
            dtype = np.dtype(column.dtype)
            raw: NDArray[np.uint8] = tf.io.decode_raw(encoded, tf.uint8).numpy()
            return raw.view(dtype).reshape(len(rows), *column.shape)
    except (tf.errors.OpError, ValueError) as error:
        reason = files.reason(error)
        raise fail("ARCH302", f"`{name}` cannot be read from a shard: {reason}", hint=AGAIN) from None


SOURCE = ShardFolder()
