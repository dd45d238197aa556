"""Segmentation: a class for each pixel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from archdsl.data.dataset import Dataset
from archdsl.data.pipeline.targets import Encoding
from archdsl.data.targets import MaskTarget, Target
from archdsl.errors import fail
from archdsl.recipe.losses import Loss
from archdsl.runs.folder import MASKS, Details
from archdsl.training.answers import MaskAnswer
from archdsl.training.reports import overlays
from archdsl.training.tasks.base import Link, Pictures, Scorer, Task
from archdsl.training.tasks.shapes import fits, output_shapes, shape_text

KEPT = 6
"""The number of images whose masks are drawn: those with the lowest mean intersection over union."""


class Segmentation(Task):
    """An output of the size of the images, with a channel for each class."""

    word = "segmentation"
    link: Link = "softmax"
    is_picture = True

    def fits(self, shape: Any, target: Target) -> bool:
        return isinstance(target, MaskTarget) and fits(shape, (*target.shape, self.channels(target)))

    def channels(self, target: MaskTarget) -> int:
        """The number of channels of the output."""
        return len(target.classes)

    def check(
        self, model: keras.Model, output: str, column: str, dataset: Dataset, setting: Callable[[int, int], str]
    ) -> None:
        shape, target = output_shapes(model)[output], dataset.targets[column]
        if self.fits(shape, target) or not isinstance(target, MaskTarget):
            return
        subject = f"the output `{output}`" if output else "the network"
        wanted = (None, *target.shape, len(target.classes))
        message = f"{subject} returns {shape_text(shape)}, but the masks need {shape_text(wanted)}"
        hint = f"end the network with `conv: {{filters: {len(target.classes)}, kernel: 1}}` at the size of the images"
        raise fail("ARCH303", message, hint=hint)

    def answers(self, values: NDArray[Any], target: Target) -> list[MaskAnswer]:
        assert isinstance(target, MaskTarget)
        masks = values.argmax(axis=-1) if values.shape[-1] > 1 else values[..., 0] > 0.5
        return [MaskAnswer(mask, target.classes) for mask in masks.astype(np.uint8)]

    def scorer(self, column: str, dataset: Dataset) -> SegmentationScorer:
        target = dataset.targets[column]
        assert isinstance(target, MaskTarget)
        return SegmentationScorer(target, np.zeros((len(target.classes),) * 2, np.int64))


class BinarySegmentation(Segmentation):
    """An output of the size of the images with one channel, which decides between two classes."""

    word = "binary_segmentation"
    link: Link = "sigmoid"

    def fits(self, shape: Any, target: Target) -> bool:
        return super().fits(shape, target) and isinstance(target, MaskTarget) and len(target.classes) == 2

    def channels(self, target: MaskTarget) -> int:
        return 1

    def encoding(self, loss: Loss) -> Encoding:
        return "binary"


@dataclass
class SegmentationScorer(Scorer):
    """Counts pixels by true and predicted class, and keeps the worst masks.

    Attributes:
        counts: the number of pixels of each true class (row) and predicted class (column).
        worst: the lowest scores with the row of the image and its predicted mask.
        seen: the number of images so far.
    """

    target: MaskTarget
    counts: NDArray[np.int64]
    worst: list[tuple[float, int, NDArray[np.uint8]]] = field(default_factory=list)
    seen: int = 0

    def update(self, outputs: NDArray[Any], values: NDArray[Any], single_view: NDArray[Any] | None = None) -> None:
        predicted = _predicted(outputs)
        for mask, true in zip(predicted, values, strict=True):
            counts = _counts(true, mask, len(self.target.classes))
            self.counts += counts
            self.worst.append((_mean(_ious(counts)), self.seen, mask))
            self.seen += 1
        self.worst = sorted(self.worst, key=lambda each: each[:2])[:KEPT]

    def scores(self) -> dict[str, float]:
        return {
            "mean_iou": _mean(_ious(self.counts)),
            "accuracy": float(np.trace(self.counts) / max(1, self.counts.sum())),
        }

    def details(self) -> Details:
        ious = zip(self.target.classes, _ious(self.counts).tolist(), strict=True)
        return Details(class_iou={name: iou for name, iou in ious if not np.isnan(iou)})

    def draw(self, pictures: Pictures, dataset: Dataset) -> list[str]:
        if dataset.image_name is None:
            return []
        rows = [row for _, row, _ in self.worst]
        images, masks = dataset.images("test")[rows], dataset.test.targets[self.target.column][rows]
        predicted = [mask for *_, mask in self.worst]
        scores = [score for score, *_ in self.worst]
        title, largest = f"{pictures.title}: the test images with the lowest mean IoU", dataset.image.largest
        overlays.draw(images, masks, predicted, scores, self.target.classes, largest, title, pictures.path(MASKS))
        return [pictures.name(MASKS)]


def _predicted(outputs: NDArray[Any]) -> NDArray[np.uint8]:
    """The class of each pixel: (N, H, W, channels) -> uint8 (N, H, W)."""
    if outputs.shape[-1] > 1:
        return np.asarray(outputs.argmax(axis=-1), np.uint8)
    return np.asarray(outputs[..., 0] > 0.5, np.uint8)


def _counts(true: NDArray[np.uint8], predicted: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    pairs = true.astype(np.int64).ravel() * classes + predicted.ravel()
    return np.bincount(pairs, minlength=classes**2)[: classes**2].reshape(classes, classes)


def _ious(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The intersection over union of each class; NaN for a class that is neither there nor predicted."""
    hits = np.diag(counts).astype(np.float64)
    union = counts.sum(axis=0) + counts.sum(axis=1) - hits
    return np.asarray(np.divide(hits, union, out=np.full(len(hits), np.nan), where=union > 0))


def _mean(ious: NDArray[np.float64]) -> float:
    return float(np.nanmean(ious)) if not np.isnan(ious).all() else 0.0


TASK, BINARY = Segmentation(), BinarySegmentation()
