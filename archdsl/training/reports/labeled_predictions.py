"""Predictions for labeled images, and statistics of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.streams import Values
from archdsl.runs.card import Reliability
from archdsl.runs.folder import ClassScores

CONFIDENT = 0.9
"""The smallest probability of a confident prediction."""


@dataclass(frozen=True, slots=True)
class LabeledPredictions:
    """Probabilities (N, classes) and labels (N,) of raw images (N, H, W, C)."""

    probabilities: NDArray[Any]
    labels: NDArray[np.int64]
    images: Values

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The most likely class of each image, (N,)."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @property
    def accuracy(self) -> float:
        """The fraction of the images that are classified correctly."""
        return float((self.predicted == self.labels).mean())

    def confusion(self) -> NDArray[np.int64]:
        """The number of images of each true class (row) and predicted class (column): (classes, classes)."""
        return confusion_counts(self.predicted, self.labels, self.probabilities.shape[1])

    def mistakes(self) -> NDArray[np.int64]:
        """The rows of wrong predictions, most confident first."""
        confidence = self.probabilities.max(axis=1)
        wrong = np.flatnonzero(self.predicted != self.labels)
        return wrong[np.argsort(-confidence[wrong], kind="stable")]

    def reliability(self, threshold: float = CONFIDENT, most: int = 3) -> Reliability:
        """Summarize the predictions for the model card.

        Args:
            threshold: the smallest probability of a confident prediction.
            most: the most confusions to list.
        """
        confident = self.probabilities.max(axis=1) >= threshold
        right = (self.predicted == self.labels)[confident]
        counts = self.confusion()
        np.fill_diagonal(counts, 0)
        order = np.argsort(-counts, axis=None, kind="stable")[:most]
        pairs = [(int(row), int(column)) for row, column in zip(*np.unravel_index(order, counts.shape), strict=True)]
        confusions = [(*pair, int(counts[pair])) for pair in pairs if counts[pair]]
        return Reliability(threshold, float(confident.mean()), float(right.mean()) if len(right) else 0.0, confusions)


def confusion_counts(predicted: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """The number of examples of each true class (row) and predicted class (column): (classes, classes)."""
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def class_scores(counts: NDArray[np.int64], classes: Sequence[str]) -> dict[str, ClassScores]:
    """Precision, recall and F1 of each class by name; 0 where nothing was predicted or nothing exists, as in Keras.

    Args:
        counts: the number of examples of each true class (row) and predicted class (column).
    """
    return scores_of(np.diag(counts), counts.sum(axis=0), counts.sum(axis=1), classes)


def scores_of(
    hits: NDArray[Any], predicted: NDArray[Any], true: NDArray[Any], classes: Sequence[str]
) -> dict[str, ClassScores]:
    """The scores of each class by name, from the numbers of its correct predictions, predictions and examples."""

    def share(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0))

    columns = (share(hits, predicted), share(hits, true), share(2 * hits, predicted + true))
    rows = zip(*(column.tolist() for column in (*columns, np.asarray(true).astype(int))), strict=True)
    return {name: ClassScores(*row) for name, row in zip(classes, rows, strict=True)}
