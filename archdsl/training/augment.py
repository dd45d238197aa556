"""The batches that a network sees: shuffled, moved about, scaled and standardized, by stateless draws alone.

Which image stands where, and what happens to it, is a pure function of (seed, epoch, index of the image). Neither
the batch size nor the number of threads can change what happens to an image.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from archdsl.recipe import Augment, Data
from archdsl.training.data import Dataset, Part

DRAWS = 8
"""Random numbers for one image in one epoch: angle, shifts, shear, zooms, flips."""


def training_batches(
    dataset: Dataset, data: Data, seed: int, one_hot: bool = True, threads: int = tf.data.AUTOTUNE
) -> tf.data.Dataset:
    """Batches of the training part without end: epoch after epoch, each in an order and with draws of its own.

    An epoch is `steps(dataset.train, data)` batches, the last of which holds what is left. The images are moved as
    raw pixels, in floating point, and then scaled: interpolation is linear, so that the order of the two does not
    matter, and no value is rounded in between.

    Returns:
        Pairs of images, float32 (N, H, W, C), and labels: float32 (N, classes) if `one_hot`, else int64 (N,).
    """
    part, moves = dataset.train, data.augment != Augment()
    with tf.device("CPU:0"):
        images, labels = tf.constant(part.images), tf.constant(part.labels)

    def epoch_of(epoch: tf.Tensor) -> tf.data.Dataset:
        rows = order(len(part), seed, epoch)
        chances = tf.gather(draws(len(part), seed, epoch), rows)
        return tf.data.Dataset.from_tensor_slices((rows, chances)).batch(data.batch_size)

    def batch_of(rows: tf.Tensor, chances: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels = tf.cast(tf.gather(images, rows), tf.float32)
        if moves:
            pixels = move(pixels, chances, data.augment)
        return standardize(pixels, dataset), _targets(tf.gather(labels, rows), dataset, one_hot)

    epochs = tf.data.Dataset.counter().flat_map(epoch_of)
    return _ready(epochs.map(batch_of, num_parallel_calls=threads, deterministic=True))


def evaluation_batches(part: Part, dataset: Dataset, data: Data, one_hot: bool = True) -> tf.data.Dataset:
    """The images of a part in their own order, once, scaled and standardized but not moved. As `training_batches`."""

    def batch_of(pixels: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return standardize(tf.cast(pixels, tf.float32), dataset), _targets(labels, dataset, one_hot)

    batches = tf.data.Dataset.from_tensor_slices((part.images, part.labels)).batch(data.batch_size)
    return _ready(batches.map(batch_of, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True))


def steps(part: Part, data: Data) -> int:
    """Batches in one epoch."""
    return math.ceil(len(part) / data.batch_size)


def order(count: int, seed: int, epoch: Any) -> tf.Tensor:
    """A permutation of `count` rows, int64: the order of one epoch."""
    full = {"minval": None, "maxval": None, "dtype": tf.int64, "alg": "philox"}
    return tf.argsort(tf.random.stateless_uniform([count], _key(seed, epoch, 0), **full), stable=True)


def draws(count: int, seed: int, epoch: Any) -> tf.Tensor:
    """Uniform numbers in [0, 1), float32 (count, 8); row i belongs to image i, whatever its place in the epoch."""
    return tf.random.stateless_uniform([count, DRAWS], _key(seed, epoch, 1), alg="philox")


def move(images: tf.Tensor, chances: tf.Tensor, augment: Augment) -> tf.Tensor:
    """Rotates, shifts, shears, zooms and flips each image by one affine map about its centre.

    The map is that of Keras's `ImageDataGenerator`: where an image shows nothing it repeats its border, and between
    pixels it interpolates linearly.

    Args:
        images: float32 (N, H, W, C).
        chances: uniform numbers in [0, 1), float32 (N, 8).
    """
    height, width = images.shape[1], images.shape[2]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=maps(chances, augment, height, width),
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )


def maps(chances: tf.Tensor, augment: Augment, height: int, width: int) -> tf.Tensor:
    """Maps from a pixel's place in the moved image to the one in the original, as rows of 8 numbers: float32 (N, 8)."""
    spread = 2 * chances - 1
    angle = spread[:, 0] * math.radians(augment.rotation)
    shear = spread[:, 3] * math.radians(augment.shear)
    mirror_x = _sign(chances[:, 6], augment.flip in ("horizontal", "both"))
    mirror_y = _sign(chances[:, 7], augment.flip in ("vertical", "both"))
    x, y = (width - 1) / 2, (height - 1) / 2
    chain = [
        _affine(angle, x=x, y=y),
        _affine(angle, a=tf.cos(angle), b=-tf.sin(angle), c=tf.sin(angle), d=tf.cos(angle)),
        _affine(angle, x=spread[:, 1] * augment.shift * width, y=spread[:, 2] * augment.shift * height),
        _affine(angle, b=-tf.sin(shear), d=tf.cos(shear)),
        _affine(angle, a=1 + spread[:, 4] * augment.zoom, d=1 + spread[:, 5] * augment.zoom),
        _affine(angle, a=mirror_x, d=mirror_y),
        _affine(angle, x=-x, y=-y),
    ]
    whole = chain[0]
    for step in chain[1:]:
        whole = tf.matmul(whole, step)
    return tf.reshape(whole, [-1, 9])[:, :8]


def standardize(pixels: tf.Tensor, dataset: Dataset) -> tf.Tensor:
    """Raw pixels, float32, as the network sees them."""
    scaled = pixels / np.float32(dataset.divisor)
    if dataset.statistics is None:
        return scaled
    return (scaled - dataset.statistics.mean) / (dataset.statistics.std + np.float32(1e-7))


def _affine(like: tf.Tensor, a: Any = 1.0, b: Any = 0.0, x: Any = 0.0, c: Any = 0.0, d: Any = 1.0, y: Any = 0.0) -> Any:
    """Matrices [[a, b, x], [c, d, y], [0, 0, 1]], (N, 3, 3), of numbers and of vectors as long as `like`."""
    rows = (a, b, x, c, d, y, 0.0, 0.0, 1.0)
    entries = [tf.broadcast_to(tf.cast(value, tf.float32), tf.shape(like)) for value in rows]
    return tf.reshape(tf.stack(entries, axis=1), [-1, 3, 3])


def _sign(chance: tf.Tensor, wanted: bool) -> tf.Tensor:
    """-1 for half of the chances if `wanted`, else 1."""
    return tf.where((chance < 0.5) & wanted, -1.0, 1.0)


def _targets(labels: tf.Tensor, dataset: Dataset, one_hot: bool) -> tf.Tensor:
    return tf.one_hot(labels, len(dataset.classes)) if one_hot else labels


def _key(seed: int, epoch: Any, stream: int) -> tf.Tensor:
    """The two numbers that a stateless draw starts from; the streams of order and moves never meet."""
    return tf.stack([tf.constant(seed, tf.int64), 2 * tf.cast(epoch, tf.int64) + stream])


def _ready(batches: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    options.deterministic = True
    return batches.with_options(options).prefetch(tf.data.AUTOTUNE)
