"""Cutout: erases a square of each image (DeVries & Taylor 2017)."""

from __future__ import annotations

import tensorflow as tf


def box_mask(center: tf.Tensor, tall: tf.Tensor, wide: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Mask the pixels of a box, clipped at the border: bool (N, height, width).

    Args:
        center: uniform numbers in [0, 1) for the row and column of the center, float32 (N, 2).
        tall: the number of rows, int32 (N,) or ().
        wide: the number of columns.
    """
    middle = tf.cast(tf.floor(center * tf.constant([height, width], tf.float32)), tf.int32)
    rows, columns = tf.range(height)[None], tf.range(width)[None]
    top, left = (middle[:, 0] - tall // 2)[:, None], (middle[:, 1] - wide // 2)[:, None]
    tall, wide = tf.reshape(tall, [-1, 1]), tf.reshape(wide, [-1, 1])
    lines = (rows >= top) & (rows < top + tall)
    return lines[:, :, None] & ((columns >= left) & (columns < left + wide))[:, None]


def cut_out(pixels: tf.Tensor, center: tf.Tensor, side: int, pixel: tf.Tensor) -> tf.Tensor:
    """Fill a square of each image. Its center can be any pixel, so the border may clip it.

    Args:
        pixels: float32 (N, H, W, C).
        center: as in `box_mask`.
        side: the side of the square, in pixels.
        pixel: the value to fill in, float32 (C,).
    """
    height, width = int(pixels.shape[1]), int(pixels.shape[2])
    sides = tf.constant(side)
    return tf.where(box_mask(center, sides, sides, height, width)[..., None], pixel, pixels)
