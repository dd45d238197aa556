"""Looks at a data set to choose a network for it: its columns, how many examples there are, and what is in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data import sources
from archdsl.data.ports import Port, Ports
from archdsl.data.sources.base import RawDataset
from archdsl.data.tables import Column, Table
from archdsl.errors import ArchError, fail
from archdsl.recipe import Data
from archdsl.recipe.columns import KindOfColumn

SIDE = 96
"""Height and width for images that differ in size."""

MOST_NUMBERS = 20
"""Integers with at most as many different values may number classes."""

MOST_TEXTS = 10_000
"""The most texts whose words are counted."""

ANYTHING = Ports({"": Port(())}, {})
"""A network for which a source has no special columns."""


@dataclass(frozen=True, slots=True)
class TextFacts:
    """What the texts of the training examples are like.

    Attributes:
        length: the number of words that 95 % of them do not exceed.
        words: the number of words that occur more than once.
    """

    length: int
    words: int


@dataclass(frozen=True, slots=True)
class Survey:
    """A data set, as far as the choice of a network depends on it.

    Attributes:
        data: the recipe of the source alone, without preprocessing.
        inputs: the columns that a network can take together, by name.
        left_out: the other columns, with the reason.
        target: the name of the column to predict.
        predicted: what is in it.
        kinds: kinds of columns that differ from what the source suggests, as in `data.columns`.
        examples: the number of examples that are not held out for the test yet, and may never be.
        has_test, has_validation: whether the source has these splits.
        class_counts: the number of these examples for each class of the target; empty if it has no classes.
        empty: the number of rows with an empty cell.
        text: of an input that is a text.
        notes: remarks of the source.
    """

    data: Data
    inputs: Mapping[str, Column]
    target: str
    predicted: Column
    examples: int
    has_test: bool
    has_validation: bool
    left_out: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, KindOfColumn] = field(default_factory=dict)
    class_counts: tuple[int, ...] = ()
    empty: int = 0
    text: TextFacts | None = None
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The kind of the inputs: `number` for any columns of numbers and classes."""
        kinds = {column.kind for column in self.inputs.values()}
        return "number" if kinds <= {"number", "class"} else next(iter(kinds))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example as a network takes it, unless it is a text."""
        if self.kind == "number":
            return (sum(max(1, len(column.classes)) for column in self.inputs.values()),)
        return next(iter(self.inputs.values())).shape


def survey(data: Data, data_dir: Path | None = None) -> Survey:
    """Look at the data set of a recipe.

    Args:
        data: the recipe; only its source and the kinds of columns matter.
        data_dir: the only folder to search.

    Raises:
        ArchError: the data is missing or broken (ARCH301, ARCH302), or there is nothing to predict (ARCH303).
    """
    raw = _read(data, data_dir)
    if not raw.targets:
        raise fail("ARCH303", f"{data.source_name} has nothing to predict: no labels, masks or target column")
    target = raw.targets[0]
    if data.columns.get(target) is None and _numbers_classes(raw, target):
        data = data.model_copy(update={"columns": {**data.columns, target: "class"}})
        raw = _read(data, data_dir)
    inputs, left_out = _inputs(raw, target)
    predicted, labels = raw.columns[target], None
    if predicted.kind == "class":
        labels = raw.train.read(target)
    vector = [name for name, column in inputs.items() if column.kind == "number"]
    return Survey(
        data,
        inputs,
        target,
        predicted,
        len(raw.train),
        raw.test is not None,
        raw.validation is not None,
        left_out,
        dict(data.columns),
        () if labels is None else tuple(np.bincount(labels[labels >= 0], minlength=len(predicted.classes)).tolist()),
        _empty_rows(raw.train, vector),
        _text_facts(raw.train, next(iter(inputs))) if {c.kind for c in inputs.values()} == {"text"} else None,
        raw.notes,
    )


def _read(data: Data, data_dir: Path | None) -> RawDataset:
    """The data set as a network of images takes it, or else as any other network does."""
    try:
        return sources.read(data, data_dir, fallback_side=SIDE)
    except ArchError as error:
        if error.problems[0].code == "ARCH301":
            raise
        try:
            return sources.read(data, data_dir, ANYTHING)
        except ArchError:
            raise error from None


def _numbers_classes(raw: RawDataset, target: str) -> bool:
    """Whether a column of numbers has a few integers from 0 or 1 on, each of them often."""
    column = raw.columns[target]
    if column.kind != "number" or column.shape not in ((), (1,)):
        return False
    values = np.unique(np.asarray(raw.train.read(target), np.float64))
    few = 2 <= len(values) <= min(MOST_NUMBERS, len(raw.train) // 10)
    return bool(few and np.isfinite(values).all() and values[0] in (0, 1) and (np.diff(values) == 1).all())


def _inputs(raw: RawDataset, target: str) -> tuple[dict[str, Column], dict[str, str]]:
    """The columns that a network can take together, and the others with the reason.

    Raises:
        ArchError: there is none (ARCH303).
    """
    columns = {name: raw.columns[name] for name in raw.inputs if name != target}
    left_out = {name: "it numbers the rows" for name, column in columns.items() if _numbers_rows(raw, name, column)}
    columns = {name: column for name, column in columns.items() if name not in left_out}
    vector = {name: column for name, column in columns.items() if column.kind in ("number", "class")}
    others = {name: column for name, column in columns.items() if name not in vector}
    if vector and not (others and _is_main(raw, others)):
        return vector, {
            **left_out,
            **{name: f"{column.kind}s need a network of their own" for name, column in others.items()},
        }
    if not others:
        raise fail("ARCH303", f"{raw.origin} has only the column `{target}`, and nothing to predict it from")
    name = next(iter(others))
    rest = {other: "the network takes one column" for other in columns if other != name}
    return {name: others[name]}, {**left_out, **rest}


def _is_main(raw: RawDataset, others: Mapping[str, Column]) -> bool:
    """Whether the first column that is no number or class tells more than those: an image, an array, a sentence."""
    name, column = next(iter(others.items()))
    if column.kind != "text":
        return True
    texts = raw.train.readers[name](np.arange(min(100, len(raw.train))))
    return sum(len(str(text).split()) for text in texts) >= 3 * len(texts)


def _numbers_rows(raw: RawDataset, name: str, column: Column) -> bool:
    if column.kind != "number" or column.shape or len(raw.train) < 3:
        return False
    values = np.asarray(raw.train.read(name), np.float64)
    return bool((np.diff(values) == 1).all())


def _empty_rows(train: Table, columns: list[str]) -> int:
    rows = np.zeros(len(train), bool)
    for name in columns:
        rows |= np.isnan(np.asarray(train.read(name), np.float64))
    return int(rows.sum())


def _text_facts(train: Table, name: str) -> TextFacts:
    """Count words as `TextVectorization` splits them: in lower case, without punctuation."""
    chosen = np.linspace(0, len(train) - 1, min(len(train), MOST_TEXTS)).astype(np.int64)
    lengths, counts = [], Counter[str]()
    texts: NDArray[Any] = train.readers[name](chosen)
    for text in texts:
        words = re.sub(r"[^\w\s]", "", str(text).lower()).split()
        lengths.append(len(words))
        counts.update(words)
    length = int(np.ceil(np.percentile(lengths, 95)))
    return TextFacts(max(1, length), sum(count > 1 for count in counts.values()))
