"""Evaluates a network on a split, optionally with test-time augmentation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from archdsl.data import pipeline
from archdsl.data.dataset import Dataset
from archdsl.errors import fail
from archdsl.recipe import Data, TestTime, Train
from archdsl.training import compilation

Outputs = dict[str, NDArray[np.float32]]
"""Values (N, classes) of each output that classifies, by name; the name is empty if the network has one output."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The results on the test images: `accuracy` is `correct` / `images`.

    `plain_accuracy` is the accuracy without test-time augmentation, if the recipe uses it.
    """

    accuracy: float
    loss: float
    images: int
    correct: int
    origin: str
    plain_accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class SplitOutputs:
    """The outputs of a network for the images of a split, in order.

    Attributes:
        single_view: the outputs for the images themselves.
        averaged: the mean outputs over several views of each image, or None without `test_time`.
    """

    single_view: Outputs
    averaged: Outputs | None

    @property
    def best(self) -> Outputs:
        """The averaged outputs if available, otherwise those of single views."""
        return self.averaged or self.single_view

    @property
    def main(self) -> NDArray[np.float32]:
        """The best values (N, classes) of the main output, which is the first."""
        return next(iter(self.best.values()))

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """The values of the main output as probabilities (N, classes)."""
        values = self.main.astype(np.float64)
        if (values >= 0).all() and np.allclose(values.sum(axis=1), 1, atol=1e-2):
            return self.main
        powers: NDArray[np.float64] = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def check_views(test_time: TestTime | None, shape: tuple[int, int, int]) -> None:
    """Check that the shift of test-time augmentation is smaller than the images.

    Raises:
        ArchError: it is too large (ARCH303).
    """
    if test_time and test_time.shift >= min(shape[:2]):
        message = f"`test_time` shifts by {test_time.shift} pixels, but the images are {shape[0]}x{shape[1]}"
        raise fail("ARCH303", message, hint=f"set `shift` to at most {min(shape[:2]) - 1}")


def views(images: tf.Tensor, test_time: TestTime | None) -> Iterator[tuple[float, tf.Tensor]]:
    """Make views of images (N, H, W, C), each with its weight in the mean; the weights sum to 1.

    The images and their mirror images have the same total weight as those shifted up-left and down-right.
    """
    groups = [(1.0, [images])]
    if test_time and test_time.shift:
        shift, (height, width) = test_time.shift, images.shape[1:3]
        padded = tf.pad(images, [[0, 0], [shift, shift], [shift, shift], [0, 0]], "REFLECT")
        shifted = [padded[:, :height, :width], padded[:, 2 * shift :, 2 * shift :]]
        groups = [(0.5, [images]), (0.5, shifted)]
    for weight, members in groups:
        if test_time and test_time.flip:
            members = [*members, *(tf.reverse(member, [2]) for member in members)]
        for member in members:
            yield weight / len(members), member


def predict_test_split(
    model: keras.Model, dataset: Dataset, source: Data, test_time: TestTime | None, heads: Sequence[str]
) -> SplitOutputs:
    """Run a network on the test images.

    Args:
        heads: the names of the outputs that classify; empty if the network has one output.
    """

    def head_outputs(images: tf.Tensor) -> dict[str, Any]:
        given = model(images, training=False)
        if not heads:
            return {"": given}
        by_name = given if isinstance(given, dict) else dict(zip(model.output_names, given, strict=True))
        return {head: by_name[head] for head in heads}

    signature = [tf.TensorSpec([None, *dataset.image.shape], tf.float32)]
    run = tf.function(head_outputs, input_signature=signature, jit_compile=model.jit_compile)
    single_view: list[Outputs] = []
    averaged: list[Outputs] = []
    for images, *_ in pipeline.evaluation_batches(dataset.test, dataset, source, one_hot=False):
        weights, outputs = [], []
        for weight, view in views(images, test_time):
            weights.append(weight)
            outputs.append({name: np.asarray(tf.cast(value, tf.float32)) for name, value in run(view).items()})
        single_view.append(outputs[0])
        if test_time:
            averaged.append(
                {
                    name: np.asarray(sum(w * each[name] for w, each in zip(weights, outputs, strict=True)), np.float32)
                    for name in outputs[0]
                }
            )
    return SplitOutputs(_concatenated(single_view), _concatenated(averaged) if averaged else None)


def _concatenated(batches: Sequence[Outputs]) -> Outputs:
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def evaluate(
    model: keras.Model, dataset: Dataset, source: Data, recipe: Train, heads: Sequence[str], loss: Any
) -> tuple[Evaluation, SplitOutputs]:
    """Evaluate a network on the test images.

    Args:
        heads: the names of the outputs that classify; empty if the network has one output.
        loss: the Keras loss, or a loss for each output by name.
    """
    outputs, labels = predict_test_split(model, dataset, source, recipe.test_time, heads), dataset.labels("test")
    count = len(labels)
    correct = int((outputs.main.argmax(axis=1) == labels).sum())
    single_view = next(iter(outputs.single_view.values()))
    plain = int((single_view.argmax(axis=1) == labels).sum()) / count if outputs.averaged else None
    targets: Any = labels
    if compilation.one_hot(recipe):
        targets = np.eye(outputs.main.shape[1], dtype=np.float32)[labels]
    losses = loss if isinstance(loss, dict) else dict.fromkeys(outputs.best, loss)
    each = [keras.losses.get(losses[name])(targets, y) for name, y in outputs.best.items() if name in losses]
    return Evaluation(correct / count, float(sum(map(float, each))), count, correct, dataset.origin, plain), outputs
