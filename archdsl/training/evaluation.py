"""A network's outputs for a split of the data, with test-time augmentation, and their accuracy and loss."""

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
"""Values (N, classes) of each output that classifies, by its name; the key is empty if the network has one output."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The results of a run's network on test images: `accuracy` is `correct` / `images`.

    `plain_accuracy` is that of single views, if the recipe has a `test_time`.
    """

    accuracy: float
    loss: float
    images: int
    correct: int
    origin: str
    plain_accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class SplitOutputs:
    """A network's outputs for the images of a split, in their order.

    Attributes:
        single_view: for each image itself.
        averaged: the mean over several views of each image, or None without `test_time`.
    """

    single_view: Outputs
    averaged: Outputs | None

    @property
    def best(self) -> Outputs:
        """The mean over several views, or else the single views."""
        return self.averaged or self.single_view

    @property
    def main(self) -> NDArray[np.float32]:
        """The best values (N, classes) of the main output: the first."""
        return next(iter(self.best.values()))

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """The same as probabilities (N, classes)."""
        values = self.main.astype(np.float64)
        if (values >= 0).all() and np.allclose(values.sum(axis=1), 1, atol=1e-2):
            return self.main
        powers: NDArray[np.float64] = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def check_views(test_time: TestTime | None, shape: tuple[int, int, int]) -> None:
    """Refuses a shift that leaves nothing of an image.

    Raises:
        ArchError: it is too large (ARCH303).
    """
    if test_time and test_time.shift >= min(shape[:2]):
        message = f"`test_time` shifts by {test_time.shift} pixels, but the images are {shape[0]}x{shape[1]}"
        raise fail("ARCH303", message, hint=f"set `shift` to at most {min(shape[:2]) - 1}")


def views(images: tf.Tensor, test_time: TestTime | None) -> Iterator[tuple[float, tf.Tensor]]:
    """Views of images (N, H, W, C), each with its weight in the mean; the weights add up to 1.

    The images themselves and their mirror images weigh as much as those shifted up-left and down-right together.
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
    """Runs a network on the test images.

    Args:
        heads: the names of the outputs that classify; empty if the network has one output.
    """

    def head_outputs(images: tf.Tensor) -> dict[str, Any]:
        given = model(images, training=False)
        if not heads:
            return {"": given}
        by_name = given if isinstance(given, dict) else dict(zip(model.output_names, given, strict=True))
        return {head: by_name[head] for head in heads}

    signature = [tf.TensorSpec([None, *dataset.image_shape], tf.float32)]
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
    """Evaluates a network on the test images.

    Args:
        heads: the names of the outputs that classify; empty if the network has one output.
        loss: the Keras loss, or one for each output by name.
    """
    outputs, labels = predict_test_split(model, dataset, source, recipe.test_time, heads), dataset.test.labels
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
