"""Reads a data set and splits it into training, validation and test examples."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data import roles, sources
from archdsl.data.broken import BrokenExamples, Faults, Screening, reading
from archdsl.data.inputs import ImageInput, Input, kind_of
from archdsl.data.ports import Ports
from archdsl.data.readers import files
from archdsl.data.readers.search import SearchedPath
from archdsl.data.sources.base import RawDataset
from archdsl.data.streams import CHUNK_BYTES, SMALL, Streamed, Values, taken
from archdsl.data.tables import EMPTY, Rows, Table
from archdsl.data.targets import ClassTarget, Target, classes, kinds, target_of
from archdsl.errors import ArchError, fail
from archdsl.recipe import Data, Train
from archdsl.text import in_line, quantity

SPLIT_SEED = 0
"""The seed of the splits. It does not depend on the training seed, so all runs use the same examples."""


@dataclass(frozen=True, slots=True)
class Split:
    """The examples of a split: arrays of the same length, or values that are read when they are needed.

    Attributes:
        inputs: the values of each input of the network by name, such as raw images, uint8 (N, H, W, C). The name is
            empty if the network has one input.
        targets: the values of each target column by name, such as labels, int64 (N,).
    """

    inputs: Mapping[str, NDArray[Any] | Streamed]
    targets: Mapping[str, NDArray[Any] | Streamed]

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def take(self, rows: Rows) -> Split:
        """The examples of the given rows, in their order."""
        inputs, targets = (
            {name: taken(values, rows) for name, values in each.items()} for each in (self.inputs, self.targets)
        )
        return Split(inputs, targets)

    @property
    def streamed(self) -> list[Streamed]:
        """The values that are read when they are needed."""
        return [each for each in (*self.inputs.values(), *self.targets.values()) if isinstance(each, Streamed)]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set in three splits, with its preprocessing.

    Attributes:
        inputs: what each input of the network is made of, by its name; see `Split`.
        targets: what each target column is, by its name.
        origin: the file or folder of the data.
        name: the name of the source, such as `cifar10` or `npz flowers.npz`.
        notes: remarks about the data set, one sentence each.
        searched: the paths that were searched.
        warnings: those of the notes that a training reports.
        skipped: the number of examples by split that were left out.
    """

    train: Split
    validation: Split
    test: Split
    inputs: Mapping[str, Input]
    targets: Mapping[str, Target]
    origin: str
    name: str = ""
    notes: tuple[str, ...] = ()
    searched: tuple[SearchedPath, ...] = ()
    warnings: tuple[str, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)

    @property
    def splits(self) -> dict[str, Split]:
        """The three splits by name: `train`, `validation`, `test`."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def example_bytes(self) -> int:
        """The memory of an example, in bytes."""
        return sum(each.example_bytes for of in (self.inputs, self.targets) for each in of.values())

    @property
    def is_streamed(self) -> bool:
        """Whether examples are read when they are needed; otherwise all are in memory."""
        return any(split.streamed for split in self.splits.values())

    @property
    def failure(self) -> ArchError | None:
        """The first error in reading streamed examples."""
        streamed = [each for split in self.splits.values() for each in split.streamed]
        return next((error for each in streamed for error in each.failures), None)

    @property
    def image_name(self) -> str | None:
        """The name of the input of images, or None if no input has images."""
        return next((name for name, each in self.inputs.items() if isinstance(each, ImageInput)), None)

    @property
    def image(self) -> ImageInput:
        """The input of images. Only for a data set that has one."""
        return next(each for each in self.inputs.values() if isinstance(each, ImageInput))

    def images(self, split: str = "train") -> Values:
        """The raw images of a split, uint8 (N, H, W, C); index the rows that you need.

        Only for a data set that has an input of images.
        """
        name = next(name for name, each in self.inputs.items() if isinstance(each, ImageInput))
        return self.splits[split].inputs[name]

    @property
    def class_name(self) -> str | None:
        """The name of the target of classes, or None if no target has classes."""
        return next((name for name, each in self.targets.items() if isinstance(each, ClassTarget)), None)

    @property
    def label(self) -> ClassTarget:
        """The target of classes. Only for a data set that has one."""
        return next(each for each in self.targets.values() if isinstance(each, ClassTarget))

    def labels(self, split: str = "train") -> NDArray[np.int64]:
        """The number of each example's class in a split, (N,). Only for a data set that has a target of classes."""
        return np.asarray(self.splits[split].targets[self.label.column][:])


def load(
    data: Data,
    data_dir: Path | None = None,
    limit: int | None = None,
    seed: int = SPLIT_SEED,
    ports: Ports | None = None,
    recipe: Train | None = None,
) -> Dataset:
    """Load the data set of a recipe.

    Args:
        data_dir: the only folder to search; by default, those of `readers.search`.
        limit: the number of training examples to use, including those held out for validation. It overrides the recipe
            and does not affect the test split.
        seed: seed for choosing the examples of `limit` and of the validation split.
        ports: the inputs and outputs of the network. Images in folders are resized to its input.
        recipe: what the network is trained for, which decides whether whole numbers are classes.

    Raises:
        ArchError: the data is missing (ARCH301), cannot be read (ARCH302), does not fit the recipe or into memory
            (ARCH303), or a split would be empty (ARCH203).
    """
    dataset = from_raw(sources.read(data, data_dir, ports), data, limit, seed, ports, recipe)
    for warning in dataset.warnings:
        warnings.warn(f"{dataset.name}: {warning}", stacklevel=2)
    return dataset


def from_raw(
    raw: RawDataset,
    data: Data,
    limit: int | None = None,
    seed: int = SPLIT_SEED,
    ports: Ports | None = None,
    recipe: Train | None = None,
) -> Dataset:
    """Select the classes and examples that a recipe asks for, and split them; see `load`."""
    predicted = roles.targets(raw, data, ports)
    raw = kinds.decide(raw, data, recipe or Train(), predicted)
    raw = classes.select(raw, data, predicted)
    inputs = {
        name: kind_of(columns, raw, port).of(columns, raw, data, port)
        for name, columns in roles.inputs(raw, data, ports).items()
        for port in [ports.inputs[name] if ports else None]
    }
    targets = {name: target_of(name, raw, data) for name in predicted}
    screening = Screening(data.broken, data.missing)
    train, validation, test = _screened(raw, inputs, targets, screening)

    def strata(table: Table) -> Rows:
        target = next(iter(targets.values()))
        return target.strata(target.read(table)) if target.is_stratified else np.zeros(len(table), np.int64)

    notes = raw.notes
    if test is None:
        train, test = _hold_out(train, strata(train), data.test, SPLIT_SEED, "test", "example")
        held_out = f"{data.test:.0%} of the examples are held out for testing: the source has no test split"
        notes = (*notes, held_out)
    limit = data.limit if limit is None else limit
    if limit is not None:
        train = train.take(_limited_rows(strata(train), limit, seed))
    if not data.validation:
        validation = train.take(np.arange(0))
    elif validation is None:
        train, validation = _hold_out(train, strata(train), data.validation, seed, "validation", "training example")
    tables = {"train": train, "validation": validation, "test": test}
    count = sum(map(len, tables.values()))
    needed = count * sum(each.example_bytes for of in (inputs, targets) for each in of.values())
    streams = needed > files.budget() if data.stream == "auto" else data.stream
    if not streams:
        files.check_memory(data.source_name, count, needed, "`stream: auto` or a smaller `size`")
    read = {split: read_split(split, table, inputs, targets, screening, streams) for split, table in tables.items()}
    screening.check()
    inputs = {name: each.fitted(read["train"].inputs[name]) for name, each in inputs.items()}
    targets = {name: each.fitted(read["train"].targets[name]) for name, each in targets.items()}
    splits = {
        split: Split({name: _encoded(each, of_split.inputs[name]) for name, each in inputs.items()}, of_split.targets)
        for split, of_split in read.items()
    }
    of_inputs = [note for each in inputs.values() for note in each.notes]
    of_inputs += _unknown_classes(inputs, raw, tables)
    told = (*screening.notes, *of_inputs, *_classes_without_examples(targets, read["train"]))
    return Dataset(
        splits["train"],
        splits["validation"],
        splits["test"],
        inputs,
        targets,
        raw.origin,
        name=data.source_name,
        notes=(*notes, *told),
        searched=raw.searched,
        warnings=told,
        skipped=screening.counts,
    )


def _screened(
    raw: RawDataset, inputs: Mapping[str, Input], targets: Mapping[str, Target], screening: Screening
) -> tuple[Table, Table | None, Table | None]:
    """The tables of a data set without examples whose class is unknown, because splits keep the share of each class.

    Raises:
        ArchError: such examples may not be left out (ARCH302). Then all columns are read, to report all faults at once.
    """
    first = next(iter(targets.values()))
    given = {"train": raw.train, "validation": raw.validation, "test": raw.test}
    tables = {split: table for split, table in given.items() if table is not None}
    kept = {}
    for split, table in tables.items():
        _, found = _values(first, table) if first.is_stratified else (None, ())
        kept[split] = table.take(screening.rows(split, len(table), found)) if found else table
    if screening.kept:
        every = Screening(screening.broken, screening.missing)
        for split, table in tables.items():
            read_split(split, table, inputs, targets, every)
        every.check()
    return kept["train"], kept.get("validation"), kept.get("test")


def read_split(
    split: str,
    table: Table,
    inputs: Mapping[str, Input],
    targets: Mapping[str, Target],
    screening: Screening,
    streams: bool = False,
) -> Split:
    """Read the values of a split, without the examples that are left out.

    Args:
        screening: collects what is wrong with examples.
        streams: whether to read large values later, when they are needed. If broken examples are to be left out, all
            are read once to find them.
    """
    found = list[Faults]()

    def values(column: Input | Target) -> NDArray[Any] | Streamed:
        if streams and len(table) and column.example_bytes > SMALL:
            found.extend(_faults(column, table) if screening.leaves_out else ())
            return Streamed(table, column.read)
        result, of_column = _values(column, table)
        found.extend(of_column)
        return result

    read = Split(
        {name: values(each) for name, each in inputs.items()}, {name: values(each) for name, each in targets.items()}
    )
    rows = screening.rows(split, len(table), found)
    return read if len(rows) == len(table) else read.take(rows)


def _values(column: Input | Target, table: Table) -> tuple[NDArray[Any], tuple[Faults, ...]]:
    try:
        return column.read(table), ()
    except BrokenExamples as error:
        return error.values, error.faults


def _faults(column: Input | Target, table: Table) -> Iterator[Faults]:
    """What is wrong with the values of a column, which are not kept."""
    step = max(1, CHUNK_BYTES // column.example_bytes)
    for start in range(0, len(table), step):
        _, found = _values(column, table.take(np.arange(start, min(start + step, len(table)))))
        yield from (replace(each, rows=each.rows + start) for each in found)


def _encoded(each: Input, values: NDArray[Any] | Streamed) -> NDArray[Any] | Streamed:
    return values.mapped(each.encoded) if isinstance(values, Streamed) else each.encoded(values)


def _unknown_classes(inputs: Mapping[str, Input], raw: RawDataset, tables: Mapping[str, Table]) -> Iterator[str]:
    """Notes on classes in columns of inputs that no training example has. The network takes them as unknown."""
    for name in dict.fromkeys(name for each in inputs.values() for name in each.needs):
        column = raw.columns[name]
        for split, table in tables.items() if column.kind == "class" and column.unseen else ():
            values, _ = reading(table, name)
            unknown = values[values < EMPTY]
            if len(unknown):
                first = in_line(column.unseen[EMPTY - 1 - int(unknown[0])])
                of_split = f"{len(unknown):,} of {len(table):,} {split} examples"
                yield f"`{name}` is unknown in {of_split}, such as `{first}`, which no training example has"


def _classes_without_examples(targets: Mapping[str, Target], train: Split) -> Iterator[str]:
    """Notes on classes that the network cannot learn."""
    for name, target in targets.items():
        if isinstance(target, ClassTarget):
            counts = np.bincount(train.targets[name][:], minlength=len(target.classes))
            if len(empty := np.flatnonzero(counts == 0)):
                shown = ", ".join(f"`{in_line(target.classes[number])}`" for number in empty[:5])
                more = f" and {len(empty) - 5:,} more" if len(empty) > 5 else ""
                yield f"no training example has the class {shown}{more}"


def limited(split: Split, targets: Mapping[str, Target], limit: int, seed: int = SPLIT_SEED) -> Split:
    """Select `limit` examples of a split, with the class proportions unchanged.

    Raises:
        ArchError: `limit` is not a positive number (ARCH203).
    """
    name, target = next(iter(targets.items()))
    return split.take(_limited_rows(target.strata(split.targets[name]), limit, seed))


def _limited_rows(strata: Rows, limit: int, seed: int) -> Rows:
    if limit < 1:
        raise fail("ARCH203", f"expected a limit of at least 1 example, got {limit}")
    return stratified_rows(strata, limit, seed)


def stratified_rows(strata: Rows, count: int, seed: int) -> Rows:
    """Choose `count` examples at random, with the proportions of the strata unchanged; all if there are fewer.

    Args:
        strata: the number of each example's group, such as its class.

    Returns:
        The sorted rows of the examples.
    """
    # RandomState rather than the newer Generator: NumPy guarantees that its numbers never change.
    random = np.random.RandomState(seed)
    sizes = np.bincount(strata)
    shares = min(count, len(strata)) * sizes / len(strata)
    taken = np.floor(shares).astype(int)
    largest_remainders = np.argsort(taken - shares, kind="stable")[: min(count, len(strata)) - taken.sum()]
    taken[largest_remainders] += 1
    rows_of_strata = np.split(np.argsort(strata, kind="stable"), np.cumsum(sizes)[:-1])
    rows = [random.permutation(rows)[:size] for rows, size in zip(rows_of_strata, taken, strict=True)]
    return np.sort(np.concatenate(rows)).astype(np.int64)


def _hold_out(table: Table, strata: Rows, share: float, seed: int, name: str, kind: str) -> tuple[Table, Table]:
    """Hold out a fraction of each stratum of a split.

    Args:
        name: the name of the new split: `test` or `validation`.
        kind: a noun for the examples of `table`, for the message.

    Returns:
        The remaining examples, and those held out.
    """
    held = stratified_rows(strata, round(share * len(table)), seed) if len(table) else np.arange(0)
    rest = np.setdiff1d(np.arange(len(table)), held)
    if not len(held) or not len(rest):
        message = f"`data.{name}: {share:g}` of {quantity(len(table), kind)} leaves an empty split"
        # A limit applies to what is left after the test examples are held out.
        or_limit = ", or raise the limit" if name == "validation" else ""
        raise fail("ARCH203", message, hint=f"change `data.{name}`{or_limit}")
    return table.take(rest), table.take(held)
