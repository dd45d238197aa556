"""Brightness, contrast, saturation and hue, each defined as in its Keras layer."""

from __future__ import annotations

import tensorflow as tf

from archdsl.data.pipeline.random_streams import RandomValues
from archdsl.recipe import Augment

EPSILON = 1e-7
"""The epsilon of Keras, which keeps full saturation finite."""


def adjust_colors(pixels: tf.Tensor, values: RandomValues, augment: Augment, largest: float) -> tf.Tensor:
    """Change the colors of each image. Raw float32 (N, H, W, C) -> the same.

    - `brightness` b: adds a fraction in [-b, b] of `largest`. `RandomBrightness(b)`.
    - `contrast` c: multiplies the distance from each channel's mean by a factor in [1 - c, 1 + c]. `RandomContrast(c)`.
    - `saturation` s: Keras's factor f is in [(1 - s) / 2, (1 + s) / 2] and multiplies by f / (1 - f), which is 1 in the
      middle. `RandomSaturation(((1 - s) / 2, (1 + s) / 2))`.
    - `hue` h: rotates the hue by at most h / 2 in either direction. `RandomHue(h)`.

    Values out of range are clipped. Saturation and hue require three channels.
    """
    if augment.brightness:
        pixels = adjust_brightness(pixels, _between(values["brightness"], 0, augment.brightness), largest)
    if augment.contrast:
        pixels = adjust_contrast(pixels, _between(values["contrast"], 1, augment.contrast), largest)
    if augment.saturation:
        pixels = adjust_saturation(pixels, _between(values["saturation"], 0.5, augment.saturation / 2))
    if augment.hue:
        pixels = adjust_hue(pixels, _between(values["hue"], 0, augment.hue / 2))
    return pixels


def adjust_brightness(pixels: tf.Tensor, share: tf.Tensor, largest: float) -> tf.Tensor:
    """Add a fraction, float32 (N,), of `largest` to each image."""
    return tf.clip_by_value(pixels + _each(share) * largest, 0.0, largest)


def adjust_contrast(pixels: tf.Tensor, factor: tf.Tensor, largest: float) -> tf.Tensor:
    """Multiply the distance of each pixel from the mean of its image and channel by a factor, float32 (N,)."""
    mean = tf.reduce_mean(pixels, axis=[1, 2], keepdims=True)
    return tf.clip_by_value((pixels - mean) * _each(factor) + mean, 0.0, largest)


def adjust_saturation(pixels: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Multiply the HSV saturation of each image by f / (1 - f), for its factor f, float32 (N,), up to 1."""
    value = tf.reduce_max(pixels, axis=-1, keepdims=True)
    chroma = value - tf.reduce_min(pixels, axis=-1, keepdims=True)
    gain = tf.minimum(_each(factor / (1 - factor + EPSILON)), value / tf.maximum(chroma, EPSILON))
    return value - (value - pixels) * gain


def adjust_hue(pixels: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Rotate the HSV hue of each image by a fraction of the circle, float32 (N,)."""
    # TensorFlow's own conversion tests which channel equals the maximum. Once compiled, it may compute the two with
    # different rounding and pick a wrong color. Here, the three formulas agree if two channels are nearly equal.
    red, green, blue = tf.unstack(pixels, axis=-1)
    value = tf.reduce_max(pixels, axis=-1)
    chroma = value - tf.reduce_min(pixels, axis=-1)
    divisor = tf.maximum(chroma, EPSILON)
    greenish, bluish = 2 + (blue - red) / divisor, 4 + (red - green) / divisor
    rest = tf.where(green >= blue, greenish, bluish)
    hue = tf.where((red >= green) & (red >= blue), (green - blue) / divisor, rest) + 6 * share[:, None, None]
    sixths = [tf.math.floormod(hue + start, 6.0) for start in (5.0, 3.0, 1.0)]
    channels = [value - chroma * tf.clip_by_value(tf.minimum(sixth, 4 - sixth), 0.0, 1.0) for sixth in sixths]
    return tf.stack(channels, axis=-1)


def _between(uniform: tf.Tensor, middle: float, width: float) -> tf.Tensor:
    return middle + (2 * uniform - 1) * width


def _each(values: tf.Tensor) -> tf.Tensor:
    return values[:, None, None, None]
