"""Reads data that a network was not trained on, encoded as its saved model describes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data import sources
from archdsl.data.broken import BrokenExamples, Screening
from archdsl.data.dataset import Dataset, Split, read_split
from archdsl.data.input_description import Description
from archdsl.data.inputs import ImageInput, Input
from archdsl.data.ports import Ports
from archdsl.data.sources.base import RawDataset
from archdsl.data.tables import EMPTY, Column, Table
from archdsl.data.targets import ClassTarget, Target
from archdsl.errors import fail, nearest
from archdsl.recipe import DATA_SOURCES, Data, Train
from archdsl.recipe.data import source_at
from archdsl.recipe.places import kind_at
from archdsl.text import in_line

TYPED = ("number", "class", "text")
"""The kinds of columns that a recipe can ask for."""

ROWS = ("csv", "jsonl", "parquet")
"""The sources whose rows have the same columns in any of them."""


def source_of(place: str, data: Data) -> Data:
    """The recipe of other data.

    Args:
        place: the name of a data set, `NAME:PLACE`, or a file or folder that the source of the recipe reads.
        data: the recipe of the training data.
    """
    prefix, colon, argument = place.partition(":")
    source: Any = source_at(place)
    if colon and prefix in DATA_SOURCES and DATA_SOURCES[prefix].takes:
        source = {prefix: argument}
    elif not (isinstance(source, str) and not Path(place).exists()) and DATA_SOURCES[data.kind].takes in (
        "file",
        "folder",
    ):
        # Rows may be in a file of another format.
        other = kind_at(place) if data.kind in ROWS else ""
        source = {other if other in ROWS else data.kind: place}
    if source is None:
        hint = "name a data set, a file or a folder, or write `NAME:PLACE`, as in `folder:photos`"
        raise fail("ARCH301", f"there is no data at `{in_line(place)}`", hint=hint)
    return data.model_copy(update={"source": source, "columns": {}, "classes": None, "limit": None})


def load(data: Data, description: Description, ports: Ports, recipe: Train, data_dir: Path | None = None) -> Dataset:
    """Load other data: its test split, or all of it if it has none. It becomes the test split.

    Args:
        data: as `source_of` returns it.
        description: what encodes the inputs, and what is predicted.
        ports: the inputs and outputs of the network.

    Raises:
        ArchError: the data is missing (ARCH301) or cannot be read (ARCH302), or its columns or classes are not those
            of the training data (ARCH303).
    """
    raw = _read(data, description, ports, data_dir)
    table, inputs = raw.test or raw.train, dict(description.inputs)
    targets = dict(description.targets)
    for name, known in _known(description).items():
        names = raw.columns[name].classes
        unseen = tuple(each for each in (*names, *raw.columns[name].unseen) if each not in known.classes)
        if known.kind in ("mask", "tags") and (unseen or (known.kind == "tags" and names != known.classes)):
            shown = ", ".join(map(in_line, (unseen or names)[:5]))
            raise fail(
                "ARCH303",
                f"`{name}` of {data.source_name} has the classes {shown}, on which the network is not trained",
            )
        table = _renumbered(table, name, raw.columns[name], known, unseen)
        target = targets.get(name)
        if isinstance(target, ClassTarget):
            targets[name] = replace(target, unseen=unseen)
    screening = Screening(data.broken, data.missing)
    read = read_split("test", table, inputs, targets, screening)
    screening.check()
    encoded = {name: _encoded(each, read.inputs[name], raw) for name, each in inputs.items()}
    test = Split(encoded, read.targets)
    if not len(test):
        raise fail("ARCH303", f"{raw.origin} has no examples")
    none = test.take(np.arange(0))
    return Dataset(none, none, test, inputs, targets, raw.origin, data.source_name, raw.notes, skipped=screening.counts)


def _read(data: Data, description: Description, ports: Ports, data_dir: Path | None) -> RawDataset:
    """The raw data set, whose columns have the kinds of those of the training data."""
    wanted = {**description.columns, **{name: _column(each) for name, each in description.targets.items()}}
    raw = sources.read(data, data_dir, ports)
    for name in wanted:
        if name not in raw.columns:
            raise fail("ARCH303", f"{data.source_name} has no column `{name}`", hint=nearest(name, raw.columns))
    other = {name: column.kind for name, column in wanted.items() if raw.columns[name].kind != column.kind}
    if other and set(other.values()) <= set(TYPED):
        raw = sources.read(data.model_copy(update={"columns": other}), data_dir, ports)
    for name, column in wanted.items():
        if (kind := raw.columns[name].kind) != column.kind:
            message = f"`{name}` of {data.source_name} is a column of the kind {kind}, but the network is trained on "
            raise fail("ARCH303", message + column.kind)
    return raw


def _column(target: Target) -> Column:
    described = target.describe()
    return Column(described["kind"], classes=tuple(described.get("classes", ())))


def _known(description: Description) -> dict[str, Column]:
    """The columns with classes, as the network knows them."""
    columns = {**description.columns, **{name: _column(each) for name, each in description.targets.items()}}
    return {name: column for name, column in columns.items() if column.classes}


def _renumbered(table: Table, name: str, column: Column, known: Column, unseen: tuple[str, ...]) -> Table:
    """The table with the numbers of the classes that the network knows."""
    if column.classes == known.classes and not column.unseen:
        return table
    if known.kind == "tokens":
        numbers = [known.classes.index(each) if each in known.classes else 0 for each in column.classes]
    else:
        numbers = [
            known.classes.index(each) if each in known.classes else EMPTY - 1 - unseen.index(each)
            for each in column.classes
        ]
    # Behind the classes, in the order of negative indices: unseen ones from the last to the first, and the empty cell.
    later = [
        known.classes.index(each) if each in known.classes else EMPTY - 1 - unseen.index(each)
        for each in column.unseen[::-1]
    ]
    index = np.array([*numbers, *later, EMPTY], np.int64)
    read = table.readers[name]

    def convert(values: NDArray[Any]) -> NDArray[Any]:
        return index[values.astype(np.int64)].astype(values.dtype)

    def renumbered(rows: NDArray[np.int64]) -> NDArray[Any]:
        try:
            return convert(read(rows))
        except BrokenExamples as error:
            raise BrokenExamples(convert(error.values), *error.faults) from None

    return table.replaced(name, renumbered)


def _encoded(each: Input, values: Any, raw: RawDataset) -> Any:
    """Encoded values; pixels of another range become those of the training data."""
    if isinstance(each, ImageInput):
        largest = raw.columns[each.column].largest
        return values if largest == each.largest else values.astype(np.float32) * np.float32(each.largest / largest)
    return each.encoded(values)
