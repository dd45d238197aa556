"""The random numbers of an epoch: stateless, and each purpose has a stream of its own."""

from __future__ import annotations

from typing import Any, TypeAlias

import tensorflow as tf

from archdsl.recipe import Augment

RandomValues: TypeAlias = dict[str, tf.Tensor]
"""The values of each purpose: row i belongs to image i, whatever its position in the epoch."""

STREAMS = (
    *("order", "angle", "shift", "shear", "zoom", "flip", "turn", "crop", "cutout"),
    *("brightness", "contrast", "saturation", "hue", "partner", "mixup", "cutmix", "box", "choice"),
)
"""A stream's position here decides its numbers: new ones go to the end."""

STREAMS_PER_EPOCH = 64
"""How many streams an epoch can have."""

UNIFORM = {
    "angle": 1,
    "shift": 2,
    "shear": 1,
    "zoom": 2,
    "crop": 2,
    "cutout": 2,
    "brightness": 1,
    "contrast": 1,
    "saturation": 1,
    "hue": 1,
}
"""Streams of uniform numbers, and how many each image gets."""

FIELDS = {"angle": "rotation"}
"""The field of `Augment` that uses a stream, where its name differs from the stream's."""


def permutation(count: int, seed: int, epoch: Any) -> tf.Tensor:
    """The order of one epoch: a permutation of `count` rows, int32."""
    full = {"minval": None, "maxval": None, "dtype": tf.int64, "alg": "philox"}
    return tf.argsort(tf.random.stateless_uniform([count], key(seed, epoch, "order"), **full), stable=True)


def augmentation_values(count: int, augment: Augment, seed: int, epoch: Any) -> RandomValues:
    """The random values with which an epoch augments `count` images, of what `augment` asks for.

    Returns:
        Uniform numbers in [0, 1), float32 (count,) or (count, 2), and under `mirror` which images flip: left to
        right and above to below, bool (count, 2).
    """
    values = {}
    for name, size in UNIFORM.items():
        if getattr(augment, FIELDS.get(name, name)):
            values[name] = uniform(count, size, key(seed, epoch, name))
    if augment.flip != "none":
        values["mirror"] = mirrored(count, augment, seed, epoch)
    return values


def mirrored(count: int, augment: Augment, seed: int, epoch: Any) -> tf.Tensor:
    """Which images are mirrored left to right, and which above to below: bool (count, 2)."""
    if augment.flip == "alternate":
        initial = uniform(count, 1, key(seed, 0, "turn")) < 0.5
        mirror = tf.math.logical_xor(initial, tf.cast(epoch, tf.int64) % 2 == 1)
        return tf.stack([mirror, tf.zeros_like(mirror)], axis=1)
    axes = [augment.flip in ("horizontal", "both"), augment.flip in ("vertical", "both")]
    return (uniform(count, 2, key(seed, epoch, "flip")) < 0.5) & tf.constant(axes)


def mixing_values(count: int, augment: Augment, seed: int, epoch: Any) -> RandomValues:
    """The random values with which an epoch mixes each of `count` images with another.

    Returns:
        partner: the other image's row, int32 (count,).
        share: what an image keeps of itself, in (0, 1), float32 (count,).
        pasted: whether a box of the other is pasted into it, and not all of it blended, bool (count,).
        box: uniform numbers for the box's centre, float32 (count, 2).
    """
    partner = tf.random.stateless_uniform(
        [count], key(seed, epoch, "partner"), minval=0, maxval=count, dtype=tf.int32, alg="philox"
    )
    pasted = tf.fill([count], augment.cutmix > 0)
    if augment.mixup and augment.cutmix:
        pasted = uniform(count, 1, key(seed, epoch, "choice")) < 0.5
    blended = _beta(count, augment.mixup, key(seed, epoch, "mixup")) if augment.mixup else tf.ones([count])
    kept = _beta(count, augment.cutmix, key(seed, epoch, "cutmix")) if augment.cutmix else tf.ones([count])
    box = uniform(count, 2, key(seed, epoch, "box"))
    return {"partner": partner, "share": tf.where(pasted, kept, blended), "pasted": pasted, "box": box}


def uniform(count: int, size: int, start: tf.Tensor) -> tf.Tensor:
    """Uniform numbers in [0, 1), float32 (count, size), or (count,) for a size of 1."""
    return tf.random.stateless_uniform([count] if size == 1 else [count, size], start, alg="philox")


def key(seed: int, epoch: Any, stream: str) -> tf.Tensor:
    """The two numbers that a stateless draw starts from; no two of them are equal."""
    number = STREAMS_PER_EPOCH * tf.cast(epoch, tf.int64) + STREAMS.index(stream)
    return tf.stack([tf.constant(seed, tf.int64), number])


def _beta(count: int, alpha: float, start: tf.Tensor) -> tf.Tensor:
    """Numbers of Beta(alpha, alpha), float32 (count,): a / (a + b) for two of Gamma(alpha)."""
    # In float64, where a Gamma of a small alpha does not become 0.
    pair = tf.random.stateless_gamma([count, 2], start, alpha=tf.constant(alpha, tf.float64), dtype=tf.float64)
    return tf.cast(pair[:, 0] / tf.maximum(tf.reduce_sum(pair, axis=1), 1e-300), tf.float32)
