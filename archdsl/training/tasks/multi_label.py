"""Multi-label classification: any number of classes for each example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from archdsl.data.dataset import Dataset
from archdsl.data.targets import TagsTarget, Target
from archdsl.errors import fail
from archdsl.runs.folder import Result
from archdsl.training.answers import TagsAnswer
from archdsl.training.tasks.base import Link, Scorer, Task
from archdsl.training.tasks.shapes import fits, output_shapes, shape_text


class MultiLabel(Task):
    """One output for each class: the probability that an example has it, or its logit."""

    word = "multi_label"
    link: Link = "sigmoid"

    def fits(self, shape: Any, target: Target) -> bool:
        return isinstance(target, TagsTarget) and fits(shape, (len(target.classes),))

    def check(
        self, model: keras.Model, output: str, column: str, dataset: Dataset, setting: Callable[[int, int], str]
    ) -> None:
        shape, target = output_shapes(model)[output], dataset.targets[column]
        if not self.fits(shape, target) and isinstance(target, TagsTarget):
            subject = f"the output `{output}`" if output else "the network"
            message = f"{subject} returns {shape_text(shape)}, but {dataset.name} has {len(target.classes)} classes"
            raise fail("ARCH303", message, hint=f"end the network with `dense: {{units: {len(target.classes)}}}`")

    def answers(self, values: NDArray[Any], target: Target) -> list[TagsAnswer]:
        assert isinstance(target, TagsTarget)
        return [TagsAnswer(row, target.classes) for row in values]

    def scorer(self, column: str, dataset: Dataset) -> MultiLabelScorer:
        target = dataset.targets[column]
        assert isinstance(target, TagsTarget)
        return MultiLabelScorer(target)


@dataclass
class MultiLabelScorer(Scorer):
    """Keeps all decisions."""

    target: TagsTarget
    outputs: list[NDArray[Any]] = field(default_factory=list)
    values: list[NDArray[Any]] = field(default_factory=list)

    def update(self, outputs: NDArray[Any], values: NDArray[Any], single_view: NDArray[Any] | None = None) -> None:
        self.outputs.append(outputs)
        self.values.append(values)

    def scores(self) -> dict[str, float]:
        outputs, true = np.concatenate(self.outputs), np.concatenate(self.values) > 0.5
        predicted = outputs > (0.5 if ((outputs >= 0) & (outputs <= 1)).all() else 0.0)
        f1 = _f1(predicted, true)
        return {
            "binary_accuracy": float((predicted == true).mean()),
            "f1_score": float(f1.mean()),
            "exact_match": float((predicted == true).all(axis=1).mean()),
        }

    def facts(self) -> dict[str, Any]:
        return {}

    def draw(self, folder: Path, result: Result, dataset: Dataset) -> list[str]:
        return []


def _f1(predicted: NDArray[np.bool_], true: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The F1 score of each class; 0 for a class that is neither there nor predicted, as in Keras."""
    hits = (predicted & true).sum(axis=0)
    total = predicted.sum(axis=0) + true.sum(axis=0)
    return np.asarray(np.divide(2 * hits, total, out=np.zeros(len(hits)), where=total > 0))


TASK = MultiLabel()
