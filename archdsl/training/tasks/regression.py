"""Regression: a number for each example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from archdsl.data.dataset import Dataset
from archdsl.data.targets import NumberTarget, Target
from archdsl.errors import fail
from archdsl.runs.folder import RESIDUALS, Result
from archdsl.training.reports import residuals
from archdsl.training.tasks.base import Scorer, Task
from archdsl.training.tasks.shapes import fits, output_shapes, shape_text


class Regression(Task):
    """One output, which predicts a number."""

    target = NumberTarget
    word = "regression"

    def fits(self, shape: Any, target: Target) -> bool:
        return fits(shape, (1,))

    def check(
        self, model: keras.Model, output: str, column: str, dataset: Dataset, setting: Callable[[int, int], str]
    ) -> None:
        shape = output_shapes(model)[output]
        if not self.fits(shape, dataset.targets[column]):
            subject = f"the output `{output}`" if output else "the network"
            message = f"{subject} returns {shape_text(shape)}, but `{column}` is one number"
            raise fail("ARCH303", message, hint="end the network with `dense: {units: 1}`")

    def scorer(self, column: str, dataset: Dataset) -> RegressionScorer:
        return RegressionScorer(column)


@dataclass
class RegressionScorer(Scorer):
    """Keeps all predictions, float64 (N,) after joining, for the scores and the picture."""

    column: str
    predicted: list[NDArray[Any]] = field(default_factory=list)
    values: list[NDArray[Any]] = field(default_factory=list)

    def update(self, outputs: NDArray[Any], values: NDArray[Any], single_view: NDArray[Any] | None = None) -> None:
        self.predicted.append(outputs[:, 0].astype(np.float64))
        self.values.append(values[:, 0].astype(np.float64))

    def scores(self) -> dict[str, float]:
        predicted, values = np.concatenate(self.predicted), np.concatenate(self.values)
        errors, spread = predicted - values, ((values - values.mean()) ** 2).sum()
        return {
            "mean_absolute_error": float(np.abs(errors).mean()),
            "root_mean_squared_error": float(np.sqrt((errors**2).mean())),
            "r2_score": float(1 - (errors**2).sum() / spread) if spread else 0.0,
        }

    def facts(self) -> dict[str, Any]:
        return {}

    def draw(self, folder: Path, result: Result, dataset: Dataset) -> list[str]:
        title = f"{result.spec} on {result.source}"
        predicted, values = np.concatenate(self.predicted), np.concatenate(self.values)
        residuals.draw(predicted, values, self.column, title, folder / RESIDUALS)
        return [RESIDUALS]


TASK = Regression()
