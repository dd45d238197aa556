"""The `tf.data` pipelines that `fit` and `evaluate` read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from archdsl.data.dataset import Dataset, Split
from archdsl.data.pipeline import random_streams as drawing
from archdsl.data.pipeline.augment import compiled, looks
from archdsl.data.pipeline.mixing import mix
from archdsl.data.pipeline.normalizing import factors, standardize
from archdsl.data.pipeline.random_streams import Draws
from archdsl.errors import fail
from archdsl.recipe import Augment, Data

Made = TypeVar("Made", bound=Callable[..., Any])

plain: Callable[[Made], Made] = tf.autograph.experimental.do_not_convert
"""Marks what is traced as it stands, which is faster."""

AHEAD = 2
"""Batches that are ready before they are asked for."""


def training_batches(
    dataset: Dataset, data: Data, seed: int, one_hot: bool = True, threads: int = AHEAD, first: int = 0
) -> tf.data.Dataset:
    """Batches of the training part without end: epoch after epoch, each in an order and with draws of its own.

    An epoch is `steps(dataset.train, data)` batches, the last of which holds what is left.

    Args:
        threads: batches that are made at a time.
        first: the epoch to begin with.

    Returns:
        Images, float32 (N, H, W, C), and labels: float32 (N, classes) if `one_hot`, else int64 (N,). Where the data
        set has class weights, each image's weight as a third, float32 (N,).

    Raises:
        ArchError: labels are to be mixed that are not `one_hot`, or colours turned in images that have none (ARCH303).
    """
    check(dataset, data, one_hot)
    count, size = len(dataset.train), min(data.batch_size, len(dataset.train))
    with tf.device("CPU:0"):
        images, labels = tf.constant(dataset.train.images), tf.constant(dataset.train.labels)
        weights = None if dataset.class_weights is None else tf.constant(dataset.class_weights, tf.float32)
    paint = compiled(_painter(dataset, data.augment))
    mixed = bool(data.augment.mixup or data.augment.cutmix)

    @plain
    def epoch_of(epoch: tf.Tensor) -> tf.data.Dataset:
        order = drawing.order(count, seed, epoch)
        drawn = drawing.draws(count, data.augment, seed, epoch)
        mixing = drawing.mixing_draws(count, data.augment, seed, epoch) if mixed else {}

        @plain
        def place(step: tf.Tensor) -> tuple[Any, ...]:
            """The rows of a batch and what was drawn for them; behind them their partners', if images are mixed."""
            start = step * size
            rows = tf.gather(order, (start + tf.range(size, dtype=tf.int64)) % count)
            mixes = _rows(mixing, rows)
            seen = tf.concat([rows, mixes["partner"]], axis=0) if mixed else rows
            return seen, _rows(drawn, seen), mixes, tf.minimum(count - start, size)

        return tf.data.Dataset.range(steps(dataset.train, data)).map(place, num_parallel_calls=1)

    @plain
    def batch_of(rows: tf.Tensor, draws: Draws, mixes: Draws, real: tf.Tensor) -> tuple[tf.Tensor, ...]:
        pixels, share = paint(tf.gather(images, rows), draws, mixes)
        targets = _targets(tf.gather(labels, rows), dataset, one_hot)
        if share is not None:
            own, other = tf.split(targets, 2)
            targets = own * (1 - share) + other * share
        batch = (pixels, targets) if weights is None else (pixels, targets, _weights(targets, weights, one_hot))
        # The last batch was filled up, so that one compiled program makes them all.
        return batch if count % size == 0 else tuple(values[:real] for values in batch)

    return _ready(tf.data.Dataset.counter(first).flat_map(epoch_of), batch_of, threads)


def evaluation_batches(part: Split, dataset: Dataset, data: Data, one_hot: bool = True) -> tf.data.Dataset:
    """The images of a part in their own order, once, scaled and standardized but not moved.

    Returns:
        Images and labels as `training_batches`; never with weights.
    """
    count = len(part)
    with tf.device("CPU:0"):
        images, labels = tf.constant(part.images), tf.constant(part.labels)

    @plain
    def batch_of(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        rows = slice(step * data.batch_size, tf.minimum((step + 1) * data.batch_size, count))
        return standardize(images[rows], dataset), _targets(labels[rows], dataset, one_hot)

    return _ready(tf.data.Dataset.range(steps(part, data)), batch_of, AHEAD)


def augmented(dataset: Dataset, data: Data, seed: int, epoch: int, rows: Sequence[int]) -> NDArray[np.float32]:
    """The training images of these rows as an epoch shows them, before they are mixed, scaled and standardized.

    Returns:
        float32 (rows, H, W, C), in [0, `dataset.largest`].
    """
    check(dataset, data, True)
    taken = tf.constant(np.asarray(rows, np.int64))
    drawn = _rows(drawing.draws(len(dataset.train), data.augment, seed, epoch), taken)
    pixels = looks(dataset, data.augment)(tf.constant(dataset.train.images[taken.numpy()]), drawn)
    return np.asarray(pixels, np.float32)


def steps(part: Split, data: Data) -> int:
    """Batches in one epoch."""
    return math.ceil(len(part) / data.batch_size)


def check(dataset: Dataset, data: Data, one_hot: bool) -> None:
    """Looks whether the data can be augmented so.

    Raises:
        ArchError: it cannot (ARCH303).
    """
    augment, channels = data.augment, dataset.image_shape[2]
    for word in ("mixup", "cutmix"):
        if getattr(augment, word) and not one_hot:
            hint = "`loss: categorical_crossentropy`, which takes shares of classes"
            raise fail("ARCH303", f"`{word}` mixes labels, and this loss takes whole ones", hint=hint)
    for word in ("saturation", "hue"):
        if getattr(augment, word) and channels != 3:
            message = f"`{word}` changes colours, and these images have {channels} channel{'s' * (channels != 1)}"
            raise fail("ARCH303", message, hint="images of 3 channels, or `brightness` and `contrast` alone")


def _painter(dataset: Dataset, augment: Augment) -> Any:
    """What makes the network's input of raw images and of what was drawn for them: standardized, and mixed, if so.

    It gives the partner's share in each image too, (N, 1); without mixing, None.
    """
    look, (factor, offset) = looks(dataset, augment), factors(dataset)

    def paint(images: tf.Tensor, draws: Draws, mixes: Draws) -> tuple[tf.Tensor, tf.Tensor | None]:
        pixels = look(images, draws) * factor + offset
        if not mixes:
            return pixels, None
        own, partners = tf.split(pixels, 2)
        return mix(own, partners, mixes)

    return paint


def _targets(labels: tf.Tensor, dataset: Dataset, one_hot: bool) -> tf.Tensor:
    return tf.one_hot(labels, len(dataset.classes)) if one_hot else labels


def _weights(targets: tf.Tensor, weights: tf.Tensor, one_hot: bool) -> tf.Tensor:
    """What each image weighs: that of its class, or those of its classes by their shares."""
    return tf.linalg.matvec(targets, weights) if one_hot else tf.gather(weights, targets)


def _rows(draws: Draws, rows: tf.Tensor) -> Draws:
    return {name: tf.gather(values, rows) for name, values in draws.items()}


def _ready(source: tf.data.Dataset, make: Any, threads: int) -> tf.data.Dataset:
    options = tf.data.Options()
    options.deterministic = True
    # They find nothing here, and copy all images that a pipeline holds, more than once, before the first batch.
    options.experimental_optimization.apply_default_optimizations = False
    # Nothing here is tuned, and the tuner's thread, which sleeps for up to a minute, would hold up the program's end.
    options.autotune.enabled = False
    batches = source.map(make, num_parallel_calls=threads, deterministic=True)
    return batches.with_options(options).prefetch(AHEAD)
