"""One class for each example."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from archdsl.data.sources.base import RawDataset
from archdsl.data.tables import Table
from archdsl.data.targets.base import Target
from archdsl.errors import fail, nearest
from archdsl.recipe import Data


@dataclass(frozen=True, slots=True)
class ClassTarget(Target):
    """One class for each example: int64 (N,).

    Attributes:
        column: the column of the classes.
        classes: the names of the classes.
        class_weights: as in the recipe.
        weights: the weight of each class in the loss, float32 (classes,), or None if all are 1.
    """

    column: str
    classes: tuple[str, ...]
    class_weights: Literal["none", "balanced"] | Mapping[str, float] = "none"
    weights: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, column: str, raw: RawDataset, data: Data) -> ClassTarget:
        return cls(column, raw.columns[column].classes, data.class_weights)

    def read(self, table: Table) -> NDArray[np.int64]:
        return table.read(self.column)

    def fitted(self, values: NDArray[np.int64]) -> ClassTarget:
        weights = None
        if self.class_weights == "balanced":
            weights = balanced_weights(values, len(self.classes))
        elif isinstance(self.class_weights, Mapping):
            weights = np.array([self.class_weights.get(each, 1.0) for each in self.classes], np.float32)
        return replace(self, weights=weights)

    def describe(self) -> dict[str, Any]:
        return {"kind": "class", "classes": list(self.classes)}

    @property
    def is_weighted(self) -> bool:
        return self.weights is not None

    def strata(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        return values


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
    numbers = np.full(len(column.classes), -1, np.int64)
    numbers[[column.classes.index(each) for each in data.classes]] = np.arange(len(data.classes))

    def selected(table: Table) -> Table:
        kept = table.take(np.flatnonzero(numbers[table.read(target)] >= 0))
        return kept.replaced(target, lambda rows: numbers[kept.readers[target](rows)])

    columns = {**raw.columns, target: replace(column, classes=tuple(data.classes))}
    validation, test = (None if table is None else selected(table) for table in (raw.validation, raw.test))
    return replace(raw, columns=columns, train=selected(raw.train), validation=validation, test=test)


def _check(names: Iterable[str], classes: Sequence[str], field: str, data: Data) -> None:
    for each in names:
        if each not in classes:
            message = f"unknown class `{each}` in `data.{field}`: {data.source_name} has no such class"
            raise fail("ARCH303", message, hint=nearest(each, classes))
