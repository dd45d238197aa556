"""Multi-label classification: any number of classes for each example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from archdsl.data.dataset import Dataset
from archdsl.data.targets import TagsTarget, Target
from archdsl.errors import fail
from archdsl.runs.folder import LABELS, Details
from archdsl.training.answers import TagsAnswer
from archdsl.training.reports import labels
from archdsl.training.reports.labeled_predictions import scores_of
from archdsl.training.tasks.base import Link, Pictures, Scorer, Task
from archdsl.training.tasks.shapes import ending, fits, output_shapes, shape_text


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
            raise fail("ARCH303", message, hint=ending(shape, len(target.classes)))

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

    def decisions(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which classes each example is said to have, and has: (N, classes)."""
        outputs, true = np.concatenate(self.outputs), np.concatenate(self.values) > 0.5
        return outputs > 0.5, true

    def scores(self) -> dict[str, float]:
        predicted, true = self.decisions()
        f1 = [each.f1_score for each in (self.details().class_scores or {}).values()]
        return {
            "binary_accuracy": float((predicted == true).mean()),
            "f1_score": float(np.mean(f1)),
            "exact_match": float((predicted == true).all(axis=1).mean()),
        }

    def details(self) -> Details:
        predicted, true = self.decisions()
        hits = (predicted & true).sum(axis=0)
        return Details(class_scores=scores_of(hits, predicted.sum(axis=0), true.sum(axis=0), self.target.classes))

    def draw(self, pictures: Pictures, dataset: Dataset) -> list[str]:
        labels.draw(self.details().class_scores or {}, pictures.title, pictures.path(LABELS))
        return [pictures.name(LABELS)]


TASK = MultiLabel()
