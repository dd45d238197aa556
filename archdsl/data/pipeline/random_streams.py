"""Stateless random numbers of an epoch, in a separate stream for each purpose."""

from __future__ import annotations

from typing import Any, TypeAlias

import tensorflow as tf

from archdsl.recipe import Augment

RandomValues: TypeAlias = dict[str, tf.Tensor]
"""Random values by purpose: row i belongs to image i, whatever its position in the epoch."""

STREAMS = (
    *("order", "angle", "shift", "shear", "zoom", "flip", "turn", "crop", "cutout"),
    *("brightness", "contrast", "saturation", "hue", "partner", "mixup", "cutmix", "box", "choice"),
)
"""The position of a stream determines its numbers: append new ones."""

STREAMS_PER_EPOCH = 64
"""The most streams of an epoch."""

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
"""Streams of uniform numbers, with the count per image."""

FIELDS = {"angle": "rotation"}
"""The fields of `Augment` whose streams have another name."""


def permutation(count: int, seed: int, epoch: Any) -> tf.Tensor:
    """The order of an epoch: a permutation of `count` rows, int32."""
    full = {"minval": None, "maxval": None, "dtype": tf.int64, "alg": "philox"}
    return tf.argsort(tf.random.stateless_uniform([count], key(seed, epoch, "order"), **full), stable=True)


def augmentation_values(count: int, augment: Augment, seed: int, epoch: Any) -> RandomValues:
    """Draw the random values that augment `count` images in an epoch.

    Returns:
        Uniform numbers in [0, 1), float32 (count,) or (count, 2), for each active augmentation; in `mirror`, the images
        to flip horizontally and vertically, bool (count, 2).
    """
    values = {}
    for name, size in UNIFORM.items():
        if getattr(augment, FIELDS.get(name, name)):
            values[name] = uniform(count, size, key(seed, epoch, name))
    if augment.flip != "none":
        values["mirror"] = mirrored(count, augment, seed, epoch)
    return values


def mirrored(count: int, augment: Augment, seed: int, epoch: Any) -> tf.Tensor:
    """The images to flip horizontally and vertically: bool (count, 2)."""
    if augment.flip == "alternate":
        initial = uniform(count, 1, key(seed, 0, "turn")) < 0.5
        mirror = tf.math.logical_xor(initial, tf.cast(epoch, tf.int64) % 2 == 1)
        return tf.stack([mirror, tf.zeros_like(mirror)], axis=1)
    axes = [augment.flip in ("horizontal", "both"), augment.flip in ("vertical", "both")]
    return (uniform(count, 2, key(seed, epoch, "flip")) < 0.5) & tf.constant(axes)


def mixing_values(count: int, augment: Augment, seed: int, epoch: Any) -> RandomValues:
    """Draw the random values that mix each of `count` images with another one in an epoch.

    Returns:
        partner: the other image's row, int32 (count,).
        share: the fraction that an image keeps of itself, in (0, 1), float32 (count,).
        pasted: whether to paste a box of the other image rather than to blend the two, bool (count,).
        box: uniform numbers for the center of the box, float32 (count, 2).
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
    """Draw uniform numbers in [0, 1), float32 (count, size), or (count,) for a size of 1."""
    return tf.random.stateless_uniform([count] if size == 1 else [count, size], start, alg="philox")


def key(seed: int, epoch: Any, stream: str) -> tf.Tensor:
    """The seed of a stateless draw, different for each epoch and stream."""
    number = STREAMS_PER_EPOCH * tf.cast(epoch, tf.int64) + STREAMS.index(stream)
    return tf.stack([tf.constant(seed, tf.int64), number])


def _beta(count: int, alpha: float, start: tf.Tensor) -> tf.Tensor:
    """Draw from Beta(alpha, alpha), float32 (count,), as a / (a + b) with a and b from Gamma(alpha)."""
    # In float64, because Gamma underflows to 0 in float32 for a small alpha.
    pair = tf.random.stateless_gamma([count, 2], start, alpha=tf.constant(alpha, tf.float64), dtype=tf.float64)
    return tf.cast(pair[:, 0] / tf.maximum(tf.reduce_sum(pair, axis=1), 1e-300), tf.float32)
