"""Classification: one of several classes for each example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from archdsl.data.dataset import Dataset
from archdsl.data.pipeline.targets import Encoding
from archdsl.data.streams import Values
from archdsl.data.targets import ClassTarget, Target
from archdsl.errors import fail
from archdsl.recipe.losses import Loss
from archdsl.runs.card import Reliability
from archdsl.runs.folder import CONFUSION, MISTAKES, Details
from archdsl.text import percent, quantity
from archdsl.training.answers import ClassAnswer
from archdsl.training.reports import confusion, mistakes
from archdsl.training.reports.labeled_predictions import LabeledPredictions, class_scores, confusion_counts
from archdsl.training.tasks.base import Link, Pictures, Scorer, Task
from archdsl.training.tasks.shapes import ending, fits, output_shapes, shape_text


class Classification(Task):
    """One output for each class, as probabilities or logits."""

    word = "classification"
    link: Link = "softmax"

    def fits(self, shape: Any, target: Target) -> bool:
        return isinstance(target, ClassTarget) and fits(shape, (len(target.classes),))

    def check(
        self, model: keras.Model, output: str, column: str, dataset: Dataset, setting: Callable[[int, int], str]
    ) -> None:
        classes, shapes = len(_target(column, dataset).classes), output_shapes(model)
        shape = shapes[output]
        if self.fits(shape, dataset.targets[column]):
            return
        if output:
            message = f"the output `{output}` is {shape_text(shape)}, but {dataset.name} has {classes} classes"
            hint = f"end it with `dense: {{units: {classes}}}`, or remove `{output}` from `outputs`"
            raise fail("ARCH303", message, hint=hint)
        if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] is None:
            message = f"expected an output of one number per class ({classes}), got {shape_text(shape)}"
            raise fail("ARCH303", message, hint=ending(shape, classes))
        message = f"the network has {quantity(shape[1], 'output')}, but {dataset.name} has {classes} classes"
        if found := setting(shape[1], classes):
            raise fail("ARCH303", message, hint=f"pass `--set {found}`")
        is_dense = any(isinstance(layer, keras.layers.Dense) and layer.units == shape[1] for layer in model.layers[-2:])
        raise fail("ARCH303", message, hint=f"set `units` of the last `dense` to {classes}" if is_dense else "")

    def answers(self, values: NDArray[Any], target: Target) -> list[ClassAnswer]:
        assert isinstance(target, ClassTarget)
        rows = two_columns(values) if values.shape[1] == 1 else values
        return [ClassAnswer(row, target.classes) for row in rows]

    def scorer(self, column: str, dataset: Dataset) -> ClassificationScorer:
        return ClassificationScorer(_target(column, dataset))


class BinaryClassification(Classification):
    """One output, which decides between two classes: the probability of the second one, or its logit."""

    word = "binary_classification"
    link: Link = "sigmoid"

    def fits(self, shape: Any, target: Target) -> bool:
        return isinstance(target, ClassTarget) and len(target.classes) == 2 and fits(shape, (1,))

    def check(
        self, model: keras.Model, output: str, column: str, dataset: Dataset, setting: Callable[[int, int], str]
    ) -> None:
        shape, classes = output_shapes(model)[output], len(_target(column, dataset).classes)
        if classes != 2:
            raise fail("ARCH303", f"expected two classes, but `{column}` has {classes}", hint="use `classification`")
        if not fits(shape, (1,)):
            subject = f"the output `{output}`" if output else "the network"
            hint = "end it with `dense: {units: 1, activation: sigmoid}`, or use `classification`"
            raise fail("ARCH303", f"expected one number, but {subject} returns {shape_text(shape)}", hint=hint)

    def encoding(self, loss: Loss) -> Encoding:
        return "binary"


def _target(column: str, dataset: Dataset) -> ClassTarget:
    target = dataset.targets[column]
    assert isinstance(target, ClassTarget)
    return target


@dataclass
class ClassificationScorer(Scorer):
    """Counts correct predictions, and keeps all of them for the pictures."""

    target: ClassTarget
    outputs: list[NDArray[np.float32]] = field(default_factory=list)
    labels: list[NDArray[np.int64]] = field(default_factory=list)
    correct: int = 0
    single_view_correct: int | None = None

    def update(self, outputs: NDArray[Any], values: NDArray[Any], single_view: NDArray[Any] | None = None) -> None:
        if outputs.shape[1] == 1:
            outputs, single_view = two_columns(outputs), None if single_view is None else two_columns(single_view)
        self.outputs.append(outputs)
        self.labels.append(values)
        self.correct += int((outputs.argmax(axis=1) == values).sum())
        if single_view is not None:
            right = int((single_view.argmax(axis=1) == values).sum())
            self.single_view_correct = (self.single_view_correct or 0) + right

    def scores(self) -> dict[str, float]:
        count, single = sum(map(len, self.labels)), self.single_view_correct
        scores = {"accuracy": self.correct / count}
        return scores if single is None else {**scores, "single_view_accuracy": single / count}

    def details(self) -> Details:
        labels, predicted = np.concatenate(self.labels), np.concatenate(self.outputs).argmax(axis=1)
        scores = class_scores(confusion_counts(predicted, labels, len(self.target.classes)), self.target.classes)
        return Details({name: one.recall for name, one in scores.items() if one.count}, scores)

    def predictions(self, images: Values) -> LabeledPredictions:
        """The predictions of the main output with the raw images."""
        return LabeledPredictions(probabilities(np.concatenate(self.outputs)), np.concatenate(self.labels), images)

    def draw(self, pictures: Pictures, dataset: Dataset) -> list[str]:
        images = dataset.images("test") if dataset.image_name is not None else np.empty(0)
        predictions, classes = self.predictions(images), self.target.classes
        accuracy = f"{pictures.title}: test accuracy {percent(predictions.accuracy)}"
        confusion.draw(predictions.confusion(), classes, accuracy, pictures.path(CONFUSION))
        drawn = [pictures.name(CONFUSION)]
        if dataset.image_name is not None and mistakes.draw(
            predictions, classes, dataset.image.largest, pictures.title, pictures.path(MISTAKES)
        ):
            drawn.append(pictures.name(MISTAKES))
        return drawn

    def reliability(self) -> Reliability:
        return self.predictions(np.empty(0)).reliability()


def two_columns(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The probability of the second class, (N, 1), as probabilities of both classes, (N, 2)."""
    second = values.astype(np.float64)
    return np.concatenate([1 - second, second], axis=1).astype(np.float32)


def probabilities(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Outputs (N, classes) as probabilities; logits go through a softmax."""
    wide = values.astype(np.float64)
    if (wide >= 0).all() and np.allclose(wide.sum(axis=1), 1, atol=1e-2):
        return values
    powers: NDArray[np.float64] = np.exp(wide - wide.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


TASK, BINARY = Classification(), BinaryClassification()
