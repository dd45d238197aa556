"""What stands outside an image: `fill` as a rule from any place to one inside.

With the pixels a b c d in a row, and what stands beside them on either side:

    nearest   a a a | a b c d | d d d
    reflect   d c b | a b c d | c b a    the border is not repeated: NumPy's and PyTorch's `reflect`, SciPy's `mirror`
    wrap      b c d | a b c d | a b c
    black     0 0 0 | a b c d | 0 0 0
"""

from __future__ import annotations

import tensorflow as tf


def inside(places: tf.Tensor, size: int, fill: str) -> tf.Tensor:
    """The places, int32 of any shape, in [0, size) whose pixels stand at the given ones; see `seen` for `black`."""
    if fill == "wrap":
        return _modulo(places, size)
    if fill == "reflect" and size > 1:
        period = 2 * (size - 1)
        turned = _modulo(places, period)
        return tf.minimum(turned, period - turned)
    return tf.clip_by_value(places, 0, size - 1)


def seen(places: tf.Tensor, size: int) -> tf.Tensor:
    """Whether the places, int32 of any shape, lie inside."""
    return (places >= 0) & (places < size)


def _modulo(places: tf.Tensor, size: int) -> tf.Tensor:
    """The places modulo `size`; exact for places below 2**24."""
    # Floats divide many at a time, whole numbers one by one.
    return places - size * tf.cast(tf.floor(tf.cast(places, tf.float32) / size), tf.int32)
