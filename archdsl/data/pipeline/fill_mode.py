"""What fills the outside of an image: `fill` as a rule from any position to one inside.

The pixels a b c d of a row, with what `fill` puts on either side:

    nearest   a a a | a b c d | d d d
    reflect   d c b | a b c d | c b a    the border is not repeated: NumPy's and PyTorch's `reflect`, SciPy's `mirror`
    wrap      b c d | a b c d | a b c
    black     0 0 0 | a b c d | 0 0 0
"""

from __future__ import annotations

import tensorflow as tf


def source_positions(positions: tf.Tensor, size: int, fill: str) -> tf.Tensor:
    """The positions in [0, size) whose pixels appear at the given ones: int32 of any shape -> the same.

    With `black`, those that are not `in_bounds` are black instead.
    """
    if fill == "wrap":
        return _modulo(positions, size)
    if fill == "reflect" and size > 1:
        period = 2 * (size - 1)
        turned = _modulo(positions, period)
        return tf.minimum(turned, period - turned)
    return tf.clip_by_value(positions, 0, size - 1)


def in_bounds(positions: tf.Tensor, size: int) -> tf.Tensor:
    """Whether positions, int32 of any shape, are inside the image."""
    return (positions >= 0) & (positions < size)


def _modulo(positions: tf.Tensor, size: int) -> tf.Tensor:
    """The positions modulo `size`; exact below 2**24."""
    # Floats divide many at a time, whole numbers one by one.
    return positions - size * tf.cast(tf.floor(tf.cast(positions, tf.float32) / size), tf.int32)
