"""Rotation, shift, zoom, shear, flips and crop, as one bilinear affine transformation per image."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np
import tensorflow as tf

from archdsl.data.pipeline.crop import crop_offsets
from archdsl.data.pipeline.fill_mode import in_bounds, source_positions
from archdsl.data.pipeline.random_streams import RandomValues
from archdsl.recipe import Augment


def warp(images: tf.Tensor, values: RandomValues, augment: Augment) -> tf.Tensor:
    """Transform each image by its matrix. (N, H, W, C) of any type -> float32 (N, H, W, C)."""
    height, width = int(images.shape[1]), int(images.shape[2])
    return sample(images, matrices(values, augment, height, width), augment.fill)


def sample(images: tf.Tensor, matrix: tf.Tensor, fill: str) -> tf.Tensor:
    """Transform each image by a matrix.

    Args:
        images: (N, H, W, C).
        matrix: maps a position (x, y, 1) in the result to one in the original, float32 (N, 3, 3).
    """
    height, width, channels = (int(size) for size in images.shape[1:])
    rows, columns = np.indices((height, width), np.float32)
    entry = tf.reshape(matrix, [-1, 9])[:, :, None, None]
    x = entry[:, 0] * columns + entry[:, 1] * rows + entry[:, 2]
    y = entry[:, 3] * columns + entry[:, 4] * rows + entry[:, 5]
    left, above = tf.floor(x), tf.floor(y)
    right_share, lower_share = (x - left)[..., None], (y - above)[..., None]
    left, above = tf.cast(left, tf.int32), tf.cast(above, tf.int32)
    flat = tf.reshape(images, [-1, height * width, channels])

    def at(row: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
        positions = source_positions(row, height, fill) * width + source_positions(column, width, fill)
        pixels = tf.cast(tf.gather(flat, positions, axis=1, batch_dims=1), tf.float32)
        if fill != "black":
            return pixels
        return pixels * tf.cast(in_bounds(row, height) & in_bounds(column, width), tf.float32)[..., None]

    upper = at(above, left) * (1 - right_share) + at(above, left + 1) * right_share
    lower = at(above + 1, left) * (1 - right_share) + at(above + 1, left + 1) * right_share
    return upper * (1 - lower_share) + lower * lower_share


def warp_nearest(masks: tf.Tensor, values: RandomValues, augment: Augment) -> tf.Tensor:
    """Transform masks as `warp` transforms their images, to the nearest pixel: uint8 (N, H, W) -> the same."""
    height, width = int(masks.shape[1]), int(masks.shape[2])
    rows, columns = np.indices((height, width), np.float32)
    entry = tf.reshape(matrices(values, augment, height, width), [-1, 9])[:, :, None, None]
    x = tf.cast(tf.round(entry[:, 0] * columns + entry[:, 1] * rows + entry[:, 2]), tf.int32)
    y = tf.cast(tf.round(entry[:, 3] * columns + entry[:, 4] * rows + entry[:, 5]), tf.int32)
    positions = source_positions(y, height, augment.fill) * width + source_positions(x, width, augment.fill)
    moved = tf.gather(tf.reshape(masks, [-1, height * width]), positions, axis=1, batch_dims=1)
    if augment.fill != "black":
        return moved
    return moved * tf.cast(in_bounds(y, height) & in_bounds(x, width), masks.dtype)


def matrices(values: RandomValues, augment: Augment, height: int, width: int) -> tf.Tensor:
    """The matrix of each image for `sample`, float32 (N, 3, 3).

    It is the matrix of Keras's `ImageDataGenerator` about the center of the image, applied after the crop.
    """
    like = tf.zeros_like(next(iter(values.values())), tf.float32)
    like = like if like.shape.rank == 1 else like[:, 0]

    def spread(name: str, axis: int = 0) -> tf.Tensor:
        """Numbers in [-1, 1), or 0 without a drawn value."""
        if name not in values:
            return like
        drawn = values[name]
        return 2 * (drawn if drawn.shape.rank == 1 else drawn[:, axis]) - 1

    angle = spread("angle") * math.radians(augment.rotation)
    shear = spread("shear") * math.radians(augment.shear)
    mirror = tf.where(values["mirror"], -1.0, 1.0) if "mirror" in values else tf.ones_like(like)[:, None] * [1.0, 1.0]
    top, left = (
        (tf.cast(offset, tf.float32) for offset in crop_offsets(values, augment)) if augment.crop else (0.0, 0.0)
    )
    x, y = (width - 1) / 2, (height - 1) / 2
    chain = [
        _matrix(like, x=x + left, y=y + top),
        _matrix(like, a=tf.cos(angle), b=-tf.sin(angle), c=tf.sin(angle), d=tf.cos(angle)),
        _matrix(like, x=spread("shift", 0) * augment.shift * width, y=spread("shift", 1) * augment.shift * height),
        _matrix(like, b=-tf.sin(shear), d=tf.cos(shear)),
        _matrix(like, a=1 + spread("zoom", 0) * augment.zoom, d=1 + spread("zoom", 1) * augment.zoom),
        _matrix(like, a=mirror[:, 0], d=mirror[:, 1]),
        _matrix(like, x=-x, y=-y),
    ]
    return reduce(tf.matmul, chain)


def _matrix(like: tf.Tensor, a: Any = 1.0, b: Any = 0.0, x: Any = 0.0, c: Any = 0.0, d: Any = 1.0, y: Any = 0.0) -> Any:
    """Matrices [[a, b, x], [c, d, y], [0, 0, 1]], (N, 3, 3), from numbers and vectors of the length of `like`."""
    rows = (a, b, x, c, d, y, 0.0, 0.0, 1.0)
    entries = [tf.broadcast_to(tf.cast(value, tf.float32), tf.shape(like)) for value in rows]
    return tf.reshape(tf.stack(entries, axis=1), [-1, 3, 3])
