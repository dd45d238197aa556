"""What a network says of images that it was not trained on, and how much of it is right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from archdsl.data import pipeline
from archdsl.data.dataset import Dataset, Split
from archdsl.errors import fail
from archdsl.recipe import Data, TestTime, Train
from archdsl.training import compilation

Outputs = dict[str, NDArray[np.float32]]
"""Numbers (N, classes) of each output that tells classes, by its name; of one output by nothing."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How a run's network does on test images: `accuracy` is `correct` / `images`.

    `plain_accuracy` is that of single looks, where the recipe has a `test_time`.
    """

    accuracy: float
    loss: float
    images: int
    correct: int
    origin: str
    plain_accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """What a network says of a part: one look at each image, and the mean of several where `test_time` wants it."""

    plain: Outputs
    mean: Outputs | None

    @property
    def best(self) -> Outputs:
        """The mean, or else the single looks."""
        return self.mean or self.plain

    @property
    def main(self) -> NDArray[np.float32]:
        """The numbers (N, classes) of the output that tells the classes: the first."""
        return next(iter(self.best.values()))

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """The same as probabilities (N, classes)."""
        outputs = self.main.astype(np.float64)
        if (outputs >= 0).all() and np.allclose(outputs.sum(axis=1), 1, atol=1e-2):
            return self.main
        powers: NDArray[np.float64] = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def check_views(test_time: TestTime | None, shape: tuple[int, int, int]) -> None:
    """Refuses a shift that leaves nothing of an image.

    Raises:
        ArchError: it is too large (ARCH303).
    """
    if test_time and test_time.shift >= min(shape[:2]):
        message = f"`test_time` shifts by {test_time.shift} pixels, and the images are {shape[0]}x{shape[1]}"
        raise fail("ARCH303", message, hint="a smaller `shift`, or 0")


def views(images: tf.Tensor, test_time: TestTime | None) -> Iterator[tuple[float, tf.Tensor]]:
    """Changed images of (N, H, W, C), each with its weight in the mean; the weights add up to 1.

    The images themselves and their mirror images weigh as much as those moved up-left and down-right together.
    """
    groups = [(1.0, [images])]
    if test_time and test_time.shift:
        by, (height, width) = test_time.shift, images.shape[1:3]
        padded = tf.pad(images, [[0, 0], [by, by], [by, by], [0, 0]], "REFLECT")
        moved = [padded[:, :height, :width], padded[:, 2 * by :, 2 * by :]]
        groups = [(0.5, [images]), (0.5, moved)]
    for weight, members in groups:
        if test_time and test_time.flip:
            members = [*members, *(tf.reverse(member, [2]) for member in members)]
        for member in members:
            yield weight / len(members), member


def answer(
    model: keras.Model,
    part: Split,
    dataset: Dataset,
    source: Data,
    test_time: TestTime | None = None,
    heads: Sequence[str] = (),
) -> Answers:
    """What a network says of the images of a part, in their order.

    Args:
        heads: the outputs that tell classes, where the network has several.
    """
    signature = [tf.TensorSpec([None, *dataset.image_shape], tf.float32)]
    look = tf.function(
        lambda images: _told(model, model(images, training=False), heads),
        input_signature=signature,
        jit_compile=model.jit_compile,
    )
    plain: list[Outputs] = []
    mean: list[Outputs] = []
    for batch in pipeline.evaluation_batches(part, dataset, source, one_hot=False):
        found = [(weight, _numbers(look(images))) for weight, images in views(batch[0], test_time)]
        plain.append(found[0][1])
        if test_time:
            mean.append({name: _mean([(weight, told[name]) for weight, told in found]) for name in found[0][1]})
    return Answers(_joined(plain), _joined(mean) if mean else None)


def evaluate(answers: Answers, labels: NDArray[np.int64], recipe: Train, loss: Any, origin: str) -> Evaluation:
    """How right the answers are.

    Args:
        loss: the Keras loss, or one for each output by name.
    """
    right = correct(answers.main, labels)
    plain = next(iter(answers.plain.values()))
    single = int(correct(plain, labels).sum()) / len(labels) if answers.mean else None
    count = int(right.sum())
    return Evaluation(
        count / len(labels), _loss(answers.best, labels, recipe, loss), len(labels), count, origin, single
    )


def correct(numbers: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """For each image (N,), whether the class that is told is its own."""
    return np.asarray(numbers.argmax(axis=1) == labels)


def _loss(found: Outputs, labels: NDArray[np.int64], recipe: Train, loss: Any) -> float:
    targets: Any = labels
    if compilation.one_hot(recipe):
        targets = np.eye(next(iter(found.values())).shape[1], dtype=np.float32)[labels]
    losses = loss if isinstance(loss, dict) else dict.fromkeys(found, loss)
    told = (keras.losses.get(losses[name])(targets, numbers) for name, numbers in found.items() if name in losses)
    return float(sum(map(float, told)))


def _told(model: keras.Model, given: Any, heads: Sequence[str]) -> dict[str, Any]:
    """What the heads gave, by their names; the one output by nothing."""
    if not heads:
        return {"": given}
    known = given if isinstance(given, dict) else dict(zip(model.output_names, given, strict=True))
    return {head: known[head] for head in heads}


def _numbers(told: dict[str, Any]) -> Outputs:
    return {name: np.asarray(tf.cast(value, tf.float32)) for name, value in told.items()}


def _mean(found: Sequence[tuple[float, NDArray[np.float32]]]) -> NDArray[np.float32]:
    return np.asarray(sum(weight * numbers for weight, numbers in found), np.float32)


def _joined(batches: list[Outputs]) -> Outputs:
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
