"""Regression: one or more numbers for each example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from archdsl.data.dataset import Dataset
from archdsl.data.targets import NumberTarget, Target
from archdsl.errors import fail
from archdsl.runs.folder import RESIDUALS, Details, LargeError
from archdsl.text import quantity
from archdsl.training.answers import NumbersAnswer
from archdsl.training.reports import residuals
from archdsl.training.tasks.base import Pictures, Scorer, Task
from archdsl.training.tasks.shapes import ending, fits, output_shapes, shape_text

WORST = 10
"""The number of examples in the table of the largest errors."""


class Regression(Task):
    """One output for each number."""

    word = "regression"

    def fits(self, shape: Any, target: Target) -> bool:
        return isinstance(target, NumberTarget) and fits(shape, (target.size,))

    def check(
        self, model: keras.Model, output: str, column: str, dataset: Dataset, setting: Callable[[int, int], str]
    ) -> None:
        shape, target = output_shapes(model)[output], dataset.targets[column]
        if not self.fits(shape, target) and isinstance(target, NumberTarget):
            subject = f"the output `{output}`" if output else "the network"
            message = f"{subject} returns {shape_text(shape)}, but `{column}` is {quantity(target.size, 'number')}"
            hint = ending(shape, target.size)
            if target.size == 1 and fits(shape, (None,)):
                hint += "; if each number is a class, set `task: classification`"
            raise fail("ARCH303", message, hint=hint)

    def answers(self, values: NDArray[Any], target: Target) -> list[NumbersAnswer]:
        assert isinstance(target, NumberTarget)
        return [NumbersAnswer(row, target.column) for row in target.restored(values)]

    def scorer(self, column: str, dataset: Dataset) -> RegressionScorer:
        target = dataset.targets[column]
        assert isinstance(target, NumberTarget)
        return RegressionScorer(target)


@dataclass
class RegressionScorer(Scorer):
    """Keeps all predictions, float64 (N, size) after joining and in the unit of the target, for scores and picture."""

    target: NumberTarget
    predicted: list[NDArray[Any]] = field(default_factory=list)
    values: list[NDArray[Any]] = field(default_factory=list)

    def update(self, outputs: NDArray[Any], values: NDArray[Any], single_view: NDArray[Any] | None = None) -> None:
        self.predicted.append(self.target.restored(outputs.astype(np.float64)))
        self.values.append(values.astype(np.float64))

    def scores(self) -> dict[str, float]:
        predicted, values = np.concatenate(self.predicted), np.concatenate(self.values)
        errors, spread = predicted - values, ((values - values.mean(axis=0)) ** 2).sum(axis=0)
        unexplained = (errors**2).sum(axis=0)
        r2 = np.divide(unexplained, spread, out=np.ones_like(spread), where=spread > 0)
        return {
            "mean_absolute_error": float(np.abs(errors).mean()),
            "root_mean_squared_error": float(np.sqrt((errors**2).mean())),
            "r2_score": float((1 - r2).mean()),
        }

    def details(self) -> Details:
        predicted, values = np.concatenate(self.predicted), np.concatenate(self.values)
        errors = np.abs(predicted - values)
        worst = np.argsort(-errors.max(axis=1), kind="stable")[:WORST]
        places = [(int(row), int(errors[row].argmax())) for row in worst]
        return Details(
            largest_errors=[LargeError(row, float(values[row, at]), float(predicted[row, at])) for row, at in places]
        )

    def draw(self, pictures: Pictures, dataset: Dataset) -> list[str]:
        predicted, values = np.concatenate(self.predicted), np.concatenate(self.values)
        path = pictures.path(RESIDUALS)
        residuals.draw(predicted.ravel(), values.ravel(), self.target.column, pictures.title, path)
        return [pictures.name(RESIDUALS)]


TASK = Regression()
