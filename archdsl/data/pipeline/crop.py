"""Crops and flips: moves by whole pixels, in which no value changes."""

from __future__ import annotations

import tensorflow as tf

from archdsl.data.pipeline.fill_mode import inside, seen
from archdsl.data.pipeline.random_streams import Draws
from archdsl.recipe import Augment


def cut(images: tf.Tensor, draws: Draws, augment: Augment) -> tf.Tensor:
    """Crops each image out of itself padded by `augment.crop` pixels on each side, and mirrors it.

    Nothing is padded in fact: a row and a column of the result each know where theirs stands in the original.

    Args:
        images: (N, H, W, C) of any type.
        draws: uniform numbers under `crop`, and what flips under `mirror`.
    """
    height, width = int(images.shape[1]), int(images.shape[2])
    top, left = offsets(draws, augment) if augment.crop else (None, None)
    mirror = draws.get("mirror")
    for axis, size, offset, column in ((1, height, top, 1), (2, width, left, 0)):
        if offset is None and (mirror is None or augment.flip in _STILL[axis]):
            continue
        places = tf.range(size)[None]
        if mirror is not None:
            places = tf.where(mirror[:, column, None], size - 1 - places, places)
        if offset is not None:
            places = places + offset[:, None]
        images = _taken(images, places, axis, augment.fill)
    return images


def offsets(draws: Draws, augment: Augment) -> tuple[tf.Tensor, tf.Tensor]:
    """How far the crop's upper left corner lies below and to the right of the image's: int32 (N,) each."""
    moved = tf.cast(tf.floor(draws["crop"] * (2 * augment.crop + 1)), tf.int32) - augment.crop
    return moved[:, 0], moved[:, 1]


_STILL = {1: ("none", "horizontal", "alternate"), 2: ("none", "vertical")}
"""By axis, the flips that leave it as it is."""


def _taken(images: tf.Tensor, places: tf.Tensor, axis: int, fill: str) -> tf.Tensor:
    """The rows (axis 1) or columns (axis 2) at these places of each image."""
    _, height, width, channels = images.shape
    size = height if axis == 1 else width
    # As rows of one piece, which are copied faster than pixels.
    lines = tf.reshape(images, [-1, height, width * channels]) if axis == 1 else images
    found = tf.reshape(
        tf.gather(lines, inside(places, size, fill), axis=axis, batch_dims=1), [-1, height, width, channels]
    )
    if fill != "black":
        return found
    shape = [-1, size, 1, 1] if axis == 1 else [-1, 1, size, 1]
    return tf.where(tf.reshape(seen(places, size), shape), found, tf.zeros_like(found))
