"""Crops and flips, which move images by whole pixels and change no values."""

from __future__ import annotations

import tensorflow as tf

from archdsl.data.pipeline.fill_mode import in_bounds, source_positions
from archdsl.data.pipeline.random_streams import RandomValues
from archdsl.recipe import Augment


def crop_and_flip(images: tf.Tensor, values: RandomValues, augment: Augment) -> tf.Tensor:
    """Crop each image after padding it by `augment.crop` pixels on each side, and flip it.

    Instead of padding, each row and column of the result is looked up in the original.

    Args:
        images: (N, H, W, C) of any type.
        values: uniform numbers in `crop`, and the images to flip in `mirror`.
    """
    height, width = int(images.shape[1]), int(images.shape[2])
    top, left = crop_offsets(values, augment) if augment.crop else (None, None)
    mirror = values.get("mirror")
    for axis, size, offset, column in ((1, height, top, 1), (2, width, left, 0)):
        if offset is None and (mirror is None or augment.flip in _UNCHANGED_BY[axis]):
            continue
        positions = tf.range(size)[None]
        if mirror is not None:
            positions = tf.where(mirror[:, column, None], size - 1 - positions, positions)
        if offset is not None:
            positions = positions + offset[:, None]
        images = _gather(images, positions, axis, augment.fill)
    return images


def crop_offsets(values: RandomValues, augment: Augment) -> tuple[tf.Tensor, tf.Tensor]:
    """The offset of the crop from the upper left corner, down and right, in pixels: int32 (N,) each."""
    moved = tf.cast(tf.floor(values["crop"] * (2 * augment.crop + 1)), tf.int32) - augment.crop
    return moved[:, 0], moved[:, 1]


_UNCHANGED_BY = {1: ("none", "horizontal", "alternate"), 2: ("none", "vertical")}
"""For each axis, the flips that leave it unchanged."""


def _gather(images: tf.Tensor, positions: tf.Tensor, axis: int, fill: str) -> tf.Tensor:
    """The rows (axis 1) or columns (axis 2) of each image at the given positions."""
    _, height, width, channels = images.shape
    size = height if axis == 1 else width
    # Whole rows are copied faster than pixels.
    lines = tf.reshape(images, [-1, height, width * channels]) if axis == 1 else images
    gathered = tf.gather(lines, source_positions(positions, size, fill), axis=axis, batch_dims=1)
    pixels = tf.reshape(gathered, [-1, height, width, channels])
    if fill != "black":
        return pixels
    shape = [-1, size, 1, 1] if axis == 1 else [-1, 1, size, 1]
    return tf.where(tf.reshape(in_bounds(positions, size), shape), pixels, tf.zeros_like(pixels))
