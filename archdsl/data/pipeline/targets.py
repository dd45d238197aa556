"""Converts the values of targets to what losses take."""

from __future__ import annotations

import tensorflow as tf

from archdsl.data.targets import ClassTarget, Target


def encoded(values: tf.Tensor, target: Target, one_hot: bool, share: tf.Tensor | None = None) -> tf.Tensor:
    """The values of a target as its loss takes them.

    Args:
        values: (N, ...), or with mixed images (2N, ...): those of the images, followed by those of their partners.
        one_hot: whether the loss takes one-hot classes: float32 (N, classes) instead of int64 (N,).
        share: the partner's fraction of each image, (N, 1).
    """
    if one_hot and isinstance(target, ClassTarget):
        values = tf.one_hot(values, len(target.classes))
    if share is None:
        return values
    own, other = tf.split(values, 2)
    return own * (1 - share) + other * share


def example_weights(values: tf.Tensor, target: Target) -> tf.Tensor:
    """The weight of each example in the loss, float32 (N,): that of its class, or the mean for mixed classes.

    Args:
        values: encoded values.
    """
    if not isinstance(target, ClassTarget) or target.weights is None:
        return tf.ones(tf.shape(values)[:1])
    weights = tf.constant(target.weights, tf.float32)
    return tf.linalg.matvec(values, weights) if values.dtype.is_floating else tf.gather(weights, values)
