"""Evaluates a network on a split, optionally with test-time augmentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
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
from archdsl.runs.folder import ClassScores, HeadResult, LargeError
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
        class_accuracy, class_scores, class_iou, largest_errors, sample: see `archdsl.runs.folder.Details`.
        heads: the results of all outputs but the main one, by name.
    """

    accuracy: float | None
    loss: float
    images: int
    correct: int | None
    origin: str
    plain_accuracy: float | None
    task: str
    scores: Mapping[str, float]
    class_accuracy: Mapping[str, float] | None = None
    class_scores: Mapping[str, ClassScores] | None = None
    class_iou: Mapping[str, float] | None = None
    largest_errors: Sequence[LargeError] | None = None
    sample: str | None = None
    heads: Mapping[str, HeadResult] | None = None


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

    batches = pipeline.evaluation_batches(dataset.test, dataset, source, {})
    signature = tf.nest.map_structure(_any_count, batches.element_spec[0])
    run = tf.function(head_outputs(model, heads), input_signature=[signature], jit_compile=model.jit_compile)
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


def head_outputs(model: keras.Model, heads: Sequence[Head]) -> Callable[[Any], dict[str, Any]]:
    """A function from inputs to the outputs of the heads by name."""

    def outputs(inputs: Any) -> dict[str, Any]:
        given = model(inputs, training=False)
        if not heads[0].output:
            return {"": given}
        by_name = given if isinstance(given, dict) else dict(zip(model.output_names, given, strict=True))
        return {head.output: by_name[head.output] for head in heads}

    return outputs


def _any_count(spec: tf.TensorSpec) -> tf.TensorSpec:
    return tf.TensorSpec([None, *spec.shape[1:]], spec.dtype)


def evaluate(
    model: keras.Model,
    dataset: Dataset,
    source: Data,
    recipe: Train,
    heads: Sequence[Head],
    loss: Any,
    try_out: bool = False,
) -> tuple[Evaluation, dict[str, Scorer]]:
    """Evaluate a network on the test examples.

    Args:
        heads: the outputs that are trained, the main one first.
        loss: the Keras loss, or a loss for each output by name.
        try_out: whether scorers may run the network on inputs of their own, see `Scorer.try_out`.

    Returns:
        The results, and the judge of each output by its name, that of the main output first.
    """
    main, encodings, count = heads[0], compilation.encodings(recipe, heads), len(dataset.test)
    losses = loss if isinstance(loss, dict) else {head.output: loss for head in heads}
    weights = compilation.loss_weights(recipe, heads) or {}
    scorers = {head.output: head.task.scorer(head.column, dataset) for head in heads}
    logits = compilation.sigmoid_logits(recipe, model, heads)
    summed, first = 0.0, 0
    for outputs, single_view in test_outputs(model, dataset, source, recipe.test_time, heads):
        rows = slice(first, first + len(outputs[main.output]))
        first = rows.stop
        values = {name: array[rows] for name, array in dataset.test.targets.items()}
        for head in heads:
            judged, single = outputs[head.output], single_view[head.output] if single_view else None
            if head.output in logits:
                judged, single = _sigmoid(judged), None if single is None else _sigmoid(single)
            scorers[head.output].update(judged, values[head.column], single)
            if head.output in losses:
                target = encoded(tf.constant(values[head.column]), dataset.targets[head.column], encodings[head.column])
                each = keras.losses.get(losses[head.output])
                size = 1 if getattr(each, "reduction", "") == "sum" else (rows.stop - rows.start) / count
                summed += float(each(target, outputs[head.output])) * size * weights.get(head.output, 1.0)
    if try_out and len(dataset.inputs) == 1:
        run, (name,) = head_outputs(model, heads), dataset.test.inputs
        for head in heads:
            scorers[head.output].try_out(partial(_run_one, run, head.output), dataset.test.inputs[name][:1])
    scores = scorers[main.output].scores()
    accuracy = scores.get("accuracy") if main.task.facts.target == "class" else None
    others = {
        head.output: HeadResult(head.task.word, head.column, scorer.scores(), scorer.details())
        for head in heads[1:]
        for scorer in [scorers[head.output]]
    }
    details = scorers[main.output].details()
    evaluation = Evaluation(
        accuracy=accuracy,
        loss=summed,
        images=count,
        correct=None if accuracy is None else round(accuracy * count),
        origin=dataset.origin,
        plain_accuracy=scores.get("single_view_accuracy"),
        task=main.task.word,
        scores=scores,
        **{each.name: getattr(details, each.name) for each in fields(details)},
        heads=others or None,
    )
    return evaluation, scorers


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(keras.ops.sigmoid(logits), np.float32)


def _run_one(run: Callable[[Any], dict[str, Any]], output: str, inputs: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(tf.cast(run(tf.constant(inputs))[output], tf.float32))
