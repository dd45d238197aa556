"""Evaluates a network on a split, optionally with test-time augmentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from archdsl.data import pipeline
from archdsl.data.dataset import Dataset
from archdsl.data.pipeline.targets import encoded
from archdsl.errors import fail
from archdsl.recipe import Data, TestTime, Train
from archdsl.training import compilation
from archdsl.training.tasks import Head, Scorer

Outputs = dict[str, NDArray[np.float32]]
"""The values (N, ...) of each head by the name of its output."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The results on the test examples.

    Attributes:
        accuracy: of a classification: `correct` / `images`.
        images: the number of examples.
        correct: of a classification: the number of examples that are classified correctly.
        plain_accuracy: of a classification: the accuracy without test-time augmentation, if the recipe uses it.
        task: the task of the main output.
        scores: all its scores by name; that of the task first.
    """

    accuracy: float | None
    loss: float
    images: int
    correct: int | None
    origin: str
    plain_accuracy: float | None
    task: str
    scores: Mapping[str, float]


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


def test_outputs(
    model: keras.Model, dataset: Dataset, source: Data, test_time: TestTime | None, heads: Sequence[Head]
) -> Iterator[tuple[Outputs, Outputs | None]]:
    """Run a network on the test examples, batch by batch.

    Yields:
        The outputs of a batch: with `test_time`, their mean over several views of each image. Then, with `test_time`,
        the outputs for the images themselves; otherwise None.
    """

    def head_outputs(inputs: Any) -> dict[str, Any]:
        given = model(inputs, training=False)
        if not heads[0].output:
            return {"": given}
        by_name = given if isinstance(given, dict) else dict(zip(model.output_names, given, strict=True))
        return {head.output: by_name[head.output] for head in heads}

    batches = pipeline.evaluation_batches(dataset.test, dataset, source, {})
    signature = tf.nest.map_structure(_any_count, batches.element_spec[0])
    run = tf.function(head_outputs, input_signature=[signature], jit_compile=model.jit_compile)
    for inputs, _ in batches:
        weights, outputs = [], []
        for weight, view in views(inputs, test_time) if test_time else [(1.0, inputs)]:
            weights.append(weight)
            outputs.append({name: np.asarray(tf.cast(value, tf.float32)) for name, value in run(view).items()})
        if not test_time:
            yield outputs[0], None
            continue
        summed = {
            name: np.asarray(sum(w * each[name] for w, each in zip(weights, outputs, strict=True)), np.float32)
            for name in outputs[0]
        }
        yield summed, outputs[0]


def _any_count(spec: tf.TensorSpec) -> tf.TensorSpec:
    return tf.TensorSpec([None, *spec.shape[1:]], spec.dtype)


def evaluate(
    model: keras.Model, dataset: Dataset, source: Data, recipe: Train, heads: Sequence[Head], loss: Any
) -> tuple[Evaluation, Scorer]:
    """Evaluate a network on the test examples.

    Args:
        heads: the outputs that are trained, the main one first.
        loss: the Keras loss, or a loss for each output by name.

    Returns:
        The results, and the judge of the main output.
    """
    main, encodings, count = heads[0], compilation.encodings(recipe, heads), len(dataset.test)
    losses = loss if isinstance(loss, dict) else {head.output: loss for head in heads}
    weights = compilation.loss_weights(recipe, heads) or {}
    scorer = main.task.scorer(main.column, dataset)
    summed, first = 0.0, 0
    for outputs, single_view in test_outputs(model, dataset, source, recipe.test_time, heads):
        rows = slice(first, first + len(outputs[main.output]))
        first = rows.stop
        values = {name: array[rows] for name, array in dataset.test.targets.items()}
        scorer.update(outputs[main.output], values[main.column], single_view[main.output] if single_view else None)
        for head in heads:
            if head.output in losses:
                target = encoded(tf.constant(values[head.column]), dataset.targets[head.column], encodings[head.column])
                each = keras.losses.get(losses[head.output])
                size = 1 if getattr(each, "reduction", "") == "sum" else (rows.stop - rows.start) / count
                summed += float(each(target, outputs[head.output])) * size * weights.get(head.output, 1.0)
    scores = scorer.scores()
    accuracy = scores.get("accuracy")
    correct = None if accuracy is None else round(accuracy * count)
    single = scores.get("single_view_accuracy")
    return Evaluation(accuracy, summed, count, correct, dataset.origin, single, main.task.word, scores), scorer
