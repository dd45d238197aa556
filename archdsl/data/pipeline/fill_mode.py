"""Fills the outside of an image: `fill` maps any position to one inside.

A row of pixels a b c d, extended on both sides:

    nearest   a a a | a b c d | d d d
    reflect   d c b | a b c d | c b a    without repeating the border: `reflect` in NumPy and PyTorch, `mirror` in SciPy
    wrap      b c d | a b c d | a b c
    black     0 0 0 | a b c d | 0 0 0
"""

from __future__ import annotations

import tensorflow as tf


def source_positions(positions: tf.Tensor, size: int, fill: str) -> tf.Tensor:
    """Map positions to [0, size): int32 of any shape -> the same.

    With `black`, the caller blackens those that are not `in_bounds`.
    """
    if fill == "wrap":
        return _modulo(positions, size)
    if fill == "reflect" and size > 1:
        period = 2 * (size - 1)
        turned = _modulo(positions, period)
        return tf.minimum(turned, period - turned)
    return tf.clip_by_value(positions, 0, size - 1)


def in_bounds(positions: tf.Tensor, size: int) -> tf.Tensor:
    """Whether positions, int32 of any shape, are inside of the image."""
    return (positions >= 0) & (positions < size)


def _modulo(positions: tf.Tensor, size: int) -> tf.Tensor:
    """The positions modulo `size`; exact below 2**24."""
    # Division of floats is vectorized, that of integers is not.
    return positions - size * tf.cast(tf.floor(tf.cast(positions, tf.float32) / size), tf.int32)
