"""Brightness, contrast, saturation and hue, each as the Keras layer of its name means it."""

from __future__ import annotations

import tensorflow as tf

from archdsl.recipe import Augment
from archdsl.training.pipeline.draws import Draws

EPSILON = 1e-7
"""Keras's, which keeps a full saturation finite."""


def recolour(pixels: tf.Tensor, draws: Draws, augment: Augment, largest: float) -> tf.Tensor:
    """Changes each image's colours, by what was drawn for it. float32 (N, H, W, C), raw -> the same.

    - `brightness` b: adds a share of `largest` in [-b, b]. `RandomBrightness(b)`.
    - `contrast` c: multiplies the distance from each channel's mean by a factor in [1 - c, 1 + c]. `RandomContrast(c)`.
    - `saturation` s: Keras's factor f lies in [(1 - s) / 2, (1 + s) / 2], and multiplies by f / (1 - f): 1 for its
      middle. `RandomSaturation(((1 - s) / 2, (1 + s) / 2))`.
    - `hue` h: turns the circle of colours by at most h / 2 either way. `RandomHue(h)`.

    What leaves the range is clipped. Saturation and hue leave images of other than three channels as they are.
    """
    if augment.brightness:
        pixels = brighten(pixels, _between(draws["brightness"], 0, augment.brightness), largest)
    if augment.contrast:
        pixels = contrast(pixels, _between(draws["contrast"], 1, augment.contrast), largest)
    if pixels.shape[-1] == 3 and (augment.saturation or augment.hue):
        factor = _between(draws["saturation"], 0.5, augment.saturation / 2) if augment.saturation else None
        turn = _between(draws["hue"], 0, augment.hue / 2) if augment.hue else None
        pixels = tint(pixels, factor, turn, largest)
    return pixels


def brighten(pixels: tf.Tensor, share: tf.Tensor, largest: float) -> tf.Tensor:
    """Adds a share, float32 (N,), of `largest` to each image."""
    return tf.clip_by_value(pixels + _each(share) * largest, 0.0, largest)


def contrast(pixels: tf.Tensor, factor: tf.Tensor, largest: float) -> tf.Tensor:
    """Multiplies each pixel's distance from the mean of its image and channel by a factor, float32 (N,)."""
    mean = tf.reduce_mean(pixels, axis=[1, 2], keepdims=True)
    return tf.clip_by_value((pixels - mean) * _each(factor) + mean, 0.0, largest)


def tint(pixels: tf.Tensor, factor: tf.Tensor | None, turn: tf.Tensor | None, largest: float) -> tf.Tensor:
    """Multiplies the saturation by f / (1 - f) for each factor f, then turns the hue by a share of the circle."""
    hue, saturation, value = tf.unstack(tf.image.rgb_to_hsv(pixels / largest), axis=-1)
    if factor is not None:
        saturation = tf.clip_by_value(saturation * (factor / (1 - factor + EPSILON))[:, None, None], 0.0, 1.0)
    if turn is not None:
        hue = tf.math.floormod(hue + turn[:, None, None], 1.0)
    return tf.clip_by_value(tf.image.hsv_to_rgb(tf.stack([hue, saturation, value], axis=-1)) * largest, 0.0, largest)


def _between(chance: tf.Tensor, middle: float, width: float) -> tf.Tensor:
    return middle + (2 * chance - 1) * width


def _each(values: tf.Tensor) -> tf.Tensor:
    return values[:, None, None, None]
