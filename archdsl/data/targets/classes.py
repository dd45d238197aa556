"""One class for each example."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from archdsl.data.broken import checked, empty_cells, faults, reading, rows_of
from archdsl.data.sources.base import RawDataset
from archdsl.data.streams import Values
from archdsl.data.tables import EMPTY, Rows, Table
from archdsl.data.targets.base import Target
from archdsl.errors import fail, nearest
from archdsl.recipe import Data
from archdsl.text import in_line


@dataclass(frozen=True, slots=True)
class ClassTarget(Target):
    """One class for each example: int64 (N,).

    Attributes:
        column: the column of the classes.
        classes: the names of the classes.
        class_weights: as in the recipe.
        weights: the weight of each class in the loss, float32 (classes,), or None if all are 1.
        unseen: the names of classes that only validation and test examples have.
    """

    column: str
    classes: tuple[str, ...]
    class_weights: Literal["none", "balanced"] | Mapping[str, float] = "none"
    weights: NDArray[np.float32] | None = None
    unseen: tuple[str, ...] = ()

    @classmethod
    def of(cls, column: str, raw: RawDataset, data: Data) -> ClassTarget:
        classes = raw.columns[column].classes
        if len(classes) < 2:
            found = f"only `{in_line(classes[0])}`" if classes else "none"
            message = f"expected at least two classes in `{column}`, got {found}"
            raise fail(
                "ARCH303", message, hint="add examples of other classes, or name another column in `data.targets`"
            )
        return cls(column, classes, data.class_weights, unseen=raw.columns[column].unseen)

    def read(self, table: Table) -> NDArray[np.int64]:
        values, found = reading(table, self.column)
        empty = empty_cells(table, self.column, values == EMPTY, found, may_be_mean=False)
        unseen = np.flatnonzero(values < EMPTY)

        def reason(row: int) -> str:
            name = in_line(self.unseen[EMPTY - 1 - int(values[row])])
            return f"{table.places(rows_of(row))[0]}: `{self.column}` is `{name}`, which no training example has"

        hint = "correct these classes, or add training examples of them"
        return checked(values, (*found, *empty, faults(unseen, reason, hint)))

    def fitted(self, values: Values) -> ClassTarget:
        weights = None
        if self.class_weights == "balanced":
            weights = balanced_weights(values[:], len(self.classes))
        elif isinstance(self.class_weights, Mapping):
            weights = np.array([self.class_weights.get(each, 1.0) for each in self.classes], np.float32)
        return replace(self, weights=weights)

    def describe(self) -> dict[str, Any]:
        return {"kind": "class", "classes": list(self.classes)}

    @property
    def is_weighted(self) -> bool:
        return self.weights is not None

    @property
    def is_stratified(self) -> bool:
        return True

    def strata(self, values: Values) -> NDArray[np.int64]:
        return np.asarray(values[:])


def balanced_weights(labels: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """The weights that give all classes the same total weight, float32 (classes,).

    They are n / (classes * count), as in scikit-learn's `compute_class_weight`: the mean over all examples is 1. A
    class without examples has the weight 0.
    """
    counts = np.bincount(labels, minlength=classes)
    balanced = len(labels) / (classes * np.maximum(counts, 1))
    return np.where(counts > 0, balanced, 0).astype(np.float32)


def select(raw: RawDataset, data: Data, targets: Sequence[str]) -> RawDataset:
    """Select the recipe's classes in each split, and number them in the recipe's order.

    Args:
        targets: the columns that the network predicts.

    Raises:
        ArchError: the recipe names an unknown class, or classes where the target has none (ARCH303).
    """
    target = next((name for name in targets if raw.columns[name].kind == "class"), None)
    if target is None:
        for field, given in (("classes", data.classes is not None), ("class_weights", data.class_weights != "none")):
            if given:
                raise fail("ARCH303", f"`data.{field}` is set, but the network predicts no classes")
        return raw
    column = raw.columns[target]
    _check(data.classes or (), column.classes, "classes", data)
    if isinstance(data.class_weights, dict):
        _check(data.class_weights, data.classes or column.classes, "class_weights", data)
    if data.classes is None:
        return raw
    # Empty cells stay, to be reported. Classes that no training example has are left out, as others are.
    left_out = EMPTY - 1
    numbers = np.full(len(column.classes), left_out, np.int64)
    numbers[[column.classes.index(each) for each in data.classes]] = np.arange(len(data.classes))

    def selected(table: Table) -> Table:
        values, _ = reading(table, target)
        kept = table.take(np.flatnonzero(numbered(values) > left_out))

        def read(rows: Rows) -> Rows:
            values, found = reading(kept.take(rows), target)
            return checked(numbered(values), found)

        return kept.replaced(target, read)

    def numbered(values: Rows) -> Rows:
        return np.where(values >= 0, numbers[values], np.where(values == EMPTY, EMPTY, left_out))

    columns = {**raw.columns, target: replace(column, classes=tuple(data.classes), unseen=())}
    validation, test = (None if table is None else selected(table) for table in (raw.validation, raw.test))
    return replace(raw, columns=columns, train=selected(raw.train), validation=validation, test=test)


def _check(names: Iterable[str], classes: Sequence[str], field: str, data: Data) -> None:
    for each in names:
        if each not in classes:
            message = f"unknown class `{each}` in `data.{field}`: {data.source_name} has no such class"
            raise fail("ARCH303", message, hint=nearest(each, classes))
