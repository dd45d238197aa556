"""What a network says of test images, and the numbers that come of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Outcome:
    """Probabilities (N, classes), float, of images (N, H, W, C) as they are in the source, and their labels (N,)."""

    probabilities: NDArray[Any]
    labels: NDArray[np.int64]
    images: NDArray[Any]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The likeliest class of each image, (N,)."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    def confusion(self) -> NDArray[np.int64]:
        """How often an image of a class (row) was taken for each class (column): (classes, classes)."""
        classes = self.probabilities.shape[1]
        return np.bincount(self.labels * classes + self.predicted, minlength=classes**2).reshape(classes, classes)

    def class_accuracy(self, names: Sequence[str]) -> dict[str, float]:
        """The share of each class's images that are right; a class without images is left out."""
        counts = self.confusion()
        sizes = counts.sum(axis=1)
        return {name: float(counts[i, i] / sizes[i]) for i, name in enumerate(names) if sizes[i]}

    def mistakes(self) -> NDArray[np.int64]:
        """The rows of wrong predictions, the most confident first."""
        sure = self.probabilities.max(axis=1)
        wrong = np.flatnonzero(self.predicted != self.labels)
        return wrong[np.argsort(-sure[wrong], kind="stable")]

    def mixed_up(self, most: int) -> list[tuple[int, int, int]]:
        """The commonest confusions: the true class, the predicted one, and how often."""
        counts = self.confusion()
        np.fill_diagonal(counts, 0)
        order = np.argsort(-counts, axis=None, kind="stable")[:most]
        pairs = [(int(row), int(column)) for row, column in zip(*np.unravel_index(order, counts.shape), strict=True)]
        return [(row, column, int(counts[row, column])) for row, column in pairs if counts[row, column]]

    def trust(self, least: float) -> tuple[float, float]:
        """How large the share of images is whose prediction has a probability of `least`, and how many are right."""
        sure = self.probabilities.max(axis=1) >= least
        right = self.predicted == self.labels
        return float(sure.mean()), float(right[sure].mean()) if sure.any() else 0.0
