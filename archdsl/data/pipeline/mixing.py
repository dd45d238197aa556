"""Mixup (Zhang et al. 2017) and CutMix (Yun et al. 2019): mix images and their labels in pairs."""

from __future__ import annotations

import tensorflow as tf

from archdsl.data.pipeline.cutout import box_mask
from archdsl.data.pipeline.random_streams import RandomValues


def mix(pixels: tf.Tensor, partners: tf.Tensor, values: RandomValues) -> tuple[tf.Tensor, tf.Tensor]:
    """Blend each image with its partner, or paste a box of the partner into it, depending on its random values.

    Args:
        pixels, partners: float32 (N, H, W, C).
        values: `share`, `pasted` and `box` from `mixing_values`, one row per image.

    Returns:
        The images, and the partner's fraction of each, float32 (N, 1), for mixing the labels: the fraction in the
        blend, or the area of the clipped box.
    """
    height, width = int(pixels.shape[1]), int(pixels.shape[2])
    pasted, side = values["pasted"], tf.sqrt(1 - values["share"])
    tall, wide = (tf.cast(tf.floor(side * size), tf.int32) for size in (height, width))
    box = tf.cast(box_mask(values["box"], tall, wide, height, width), tf.float32)
    taken = tf.where(pasted[:, None, None], box, (1 - values["share"])[:, None, None])
    share = tf.where(pasted, tf.reduce_mean(box, axis=[1, 2]), 1 - values["share"])
    return pixels * (1 - taken[..., None]) + partners * taken[..., None], share[:, None]
