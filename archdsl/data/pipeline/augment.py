"""Augments the images of a batch, compiled with XLA if possible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from archdsl.data.dataset import Dataset
from archdsl.data.pipeline.affine import warp, warp_nearest
from archdsl.data.pipeline.color import adjust_colors
from archdsl.data.pipeline.crop import crop_and_flip
from archdsl.data.pipeline.cutout import cut_out
from archdsl.data.pipeline.random_streams import RandomValues
from archdsl.data.pixels import measure
from archdsl.recipe import Augment

INTERPOLATED = ("shift", "rotation", "zoom", "shear")
"""The augmentations that move an image by fractions of a pixel."""


@dataclass(frozen=True)
class ImageAugmentation:
    """The augmentation of single images.

    Attributes:
        largest: the largest possible pixel value.
        cutout_pixel: the raw pixel that cutout fills in, float32 (C,).
    """

    augment: Augment
    largest: float
    cutout_pixel: NDArray[np.float32]

    def __call__(self, images: tf.Tensor, values: RandomValues) -> tf.Tensor:
        """Move, recolor and cut out: (N, H, W, C) of any type -> raw float32 (N, H, W, C).

        Args:
            values: random values, one row per image.
        """
        augment = self.augment
        images = move(images, values, augment)
        pixels = adjust_colors(tf.cast(images, tf.float32), values, augment, self.largest)
        if augment.cutout:
            pixels = cut_out(pixels, values["cutout"], augment.cutout, self.cutout_pixel)
        return pixels


def move(images: tf.Tensor, values: RandomValues, augment: Augment) -> tf.Tensor:
    """Move images without changing their colors. (N, H, W, C) of any type; float32 after an interpolation."""
    if any(getattr(augment, word) for word in INTERPOLATED):
        return warp(images, values, augment)
    if augment.crop or augment.flip != "none":
        return crop_and_flip(images, values, augment)
    return images


def move_masks(masks: tf.Tensor, values: RandomValues, augment: Augment) -> tf.Tensor:
    """Move masks as their images are moved: uint8 (N, H, W) -> the same."""
    if any(getattr(augment, word) for word in INTERPOLATED):
        return warp_nearest(masks, values, augment)
    if augment.crop or augment.flip != "none":
        return crop_and_flip(masks[..., None], values, augment)[..., 0]
    return masks


def image_augmentation(dataset: Dataset, augment: Augment) -> ImageAugmentation:
    """The augmentation of the images of a data set.

    Cutout fills in the raw pixel that standardization maps to 0, or each channel's mean in the training split.
    """
    image, pixel = dataset.image, np.zeros(1, np.float32)
    if augment.cutout:
        if image.statistics is None:
            pixel = measure(dataset.images(), 1.0, True).mean
        else:
            pixel = np.broadcast_to(image.statistics.mean * np.float32(image.divisor), (image.shape[2],))
    return ImageAugmentation(augment, float(image.largest), pixel)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function with XLA, which makes it three to five times as fast here."""
    return tf.function(function, jit_compile=True, autograph=False) if xla_works() else function


@cache
def xla_works() -> bool:
    """Whether this TensorFlow can use XLA in a `tf.data` pipeline."""
    try:
        double = tf.function(lambda number: number * 2, jit_compile=True, autograph=False)
        return int(next(iter(tf.data.Dataset.range(1, 2).map(double)))) == 2
    except (tf.errors.OpError, ValueError):
        return False
