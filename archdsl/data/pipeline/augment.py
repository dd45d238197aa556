"""What happens to a batch's images and labels, compiled into one program where TensorFlow can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from archdsl.data import dataset as sources
from archdsl.data.dataset import Dataset
from archdsl.data.pipeline.affine import warp
from archdsl.data.pipeline.color import recolour
from archdsl.data.pipeline.crop import cut
from archdsl.data.pipeline.cutout import cut_out
from archdsl.data.pipeline.random_streams import Draws
from archdsl.recipe import Augment

TURNING = ("shift", "rotation", "zoom", "shear")
"""The words that move an image by parts of a pixel."""


@dataclass(frozen=True)
class Looks:
    """How images look after augmentation.

    Attributes:
        largest: the largest value that a pixel can have.
        grey: what cutout puts, raw, float32 (C,).
    """

    augment: Augment
    largest: float
    grey: NDArray[np.float32]

    def __call__(self, images: tf.Tensor, draws: Draws) -> tf.Tensor:
        """Moves, recolours and cuts out: (N, H, W, C) of any type -> float32 (N, H, W, C), raw.

        Args:
            draws: a row for each image.
        """
        augment = self.augment
        if any(getattr(augment, word) for word in TURNING):
            images = warp(images, draws, augment)
        elif augment.crop or augment.flip != "none":
            images = cut(images, draws, augment)
        pixels = recolour(tf.cast(images, tf.float32), draws, augment, self.largest)
        if augment.cutout:
            pixels = cut_out(pixels, draws["cutout"], augment.cutout, self.grey)
        return pixels


def looks(dataset: Dataset, augment: Augment) -> Looks:
    """How the images of a data set look after augmentation."""
    return Looks(augment, float(dataset.largest), grey(dataset) if augment.cutout else np.zeros(1, np.float32))


def grey(dataset: Dataset) -> NDArray[np.float32]:
    """The raw pixel that becomes 0 by standardizing, or the training part's mean of each channel: float32 (C,)."""
    channels = dataset.image_shape[2]
    if dataset.statistics is None:
        return sources.measure(dataset.train.images, 1.0, True).mean
    return np.broadcast_to(dataset.statistics.mean * np.float32(dataset.divisor), (channels,))


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as one program by XLA: here it is three to five times as fast as its operations one by one."""
    return tf.function(function, jit_compile=True, autograph=False) if xla_works() else function


@cache
def xla_works() -> bool:
    """Whether this TensorFlow compiles what a `tf.data` pipeline does."""
    try:
        double = tf.function(lambda number: number * 2, jit_compile=True, autograph=False)
        return int(next(iter(tf.data.Dataset.range(1, 2).map(double)))) == 2
    except (tf.errors.OpError, ValueError):
        return False
