"""Converts the values of targets to what losses take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import tensorflow as tf

from archdsl.data.targets import ClassTarget, ImageTarget, MaskTarget, NumberTarget, Target

Encoding: TypeAlias = Literal["one_hot", "ids", "binary"]
"""How a loss takes classes: one-hot, float32 (N, classes); as numbers, int64 (N,); or as 0 and 1, float32 (N, 1)."""

Encodings: TypeAlias = Mapping[str, Encoding]
"""The encoding of each target by name. Targets that are not classes have none."""


def encoded(values: tf.Tensor, target: Target, encoding: Encoding, share: tf.Tensor | None = None) -> tf.Tensor:
    """The values of a target as its loss takes them.

    Args:
        values: (N, ...), or with mixed images (2N, ...): those of the images, followed by those of their partners.
        share: the partner's fraction of each image, (N, 1).
    """
    if isinstance(target, ImageTarget):
        return tf.cast(values, tf.float32) / target.largest
    if isinstance(target, NumberTarget):
        return target.standardized(values)
    if isinstance(target, ClassTarget | MaskTarget):
        if encoding == "one_hot":
            values = tf.one_hot(tf.cast(values, tf.int64), len(target.classes))
        elif encoding == "binary":
            values = tf.cast(values, tf.float32)[..., None]
    if share is None:
        return values
    own, other = tf.split(values, 2)
    return own * (1 - share) + other * share


def example_weights(values: tf.Tensor, target: Target, encoding: Encoding) -> tf.Tensor:
    """The weight of each example in the loss, float32 (N,): that of its class, or the mean for mixed classes.

    Args:
        values: encoded values.
    """
    if not isinstance(target, ClassTarget) or target.weights is None:
        return tf.ones(tf.shape(values)[:1])
    weights = tf.constant(target.weights, tf.float32)
    if encoding == "ids":
        return tf.gather(weights, values)
    if encoding == "binary":
        return weights[0] * (1 - values[:, 0]) + weights[1] * values[:, 0]
    return tf.linalg.matvec(values, weights)
