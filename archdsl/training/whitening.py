"""A frozen first convolution that whitens patches of the training images (Jordan 2024, arXiv 2404.00498)."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from archdsl.data.dataset import Dataset
from archdsl.data.pipeline import standardize
from archdsl.errors import fail, nearest
from archdsl.recipe import Whiten

MOST_IMAGES, MOST_NUMBERS, NUMBERS_AT_ONCE = 5_000, 60_000_000, 8_000_000
"""Limits for computing the statistics: images, numbers in their patches, and numbers at a time."""


def find(model: keras.Model, recipe: Whiten) -> Any:
    """Find the whitening convolution.

    Raises:
        ArchError: there is no such convolution, or it is unsuitable (ARCH303).
    """
    layers = {layer.name: layer for layer in model.layers}
    layer, subject = layers.get(recipe.layer), f"`whiten` names `{recipe.layer}`"
    if layer is None:
        raise fail("ARCH303", f"{subject}, but the model has no such step", hint=nearest(recipe.layer, layers))
    if not isinstance(layer, keras.layers.Conv2D):
        raise fail("ARCH303", f"{subject}, which is not a convolution")
    if layer.input is not model.inputs[0]:
        hint = "name the convolution that reads the images"
        raise fail("ARCH303", f"{subject}, which does not read the input", hint=hint)
    if layer.groups != 1 or set(layer.dilation_rate) != {1}:
        hint = "name a convolution without groups and dilation"
        raise fail("ARCH303", f"{subject}, which has groups or dilation", hint=hint)
    height, width, channels, filters = layer.kernel.shape
    most = 2 * height * width * channels
    if filters > most:
        message = f"{subject}: expected at most {most} filters for {height}x{width}x{channels} patches, got {filters}"
        raise fail("ARCH303", message, hint=f"set `filters` to {most}")
    return layer


def whiten(model: keras.Model, recipe: Whiten, dataset: Dataset) -> None:
    """Set the kernel of a convolution to whiten patches of the training images, and freeze it, except for the bias."""
    layer = find(model, recipe)
    height, width, channels, filters = layer.kernel.shape
    layer.kernel.assign(kernel(moments(dataset, height, width), recipe.epsilon, (height, width, channels, filters)))
    layer.kernel.trainable = False


def kernel(moment: NDArray[np.float64], epsilon: float, shape: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """A kernel (height, width, channels, filters) of leading eigenvectors, each divided by the root of its eigenvalue.

    The first half of the filters are the eigenvectors of the largest eigenvalues, the second half their negatives.

    Args:
        moment: mean products of the numbers in a patch (n, n), with n = height * width * channels.
        epsilon: a constant added to each eigenvalue.
    """
    eigenvalues, vectors = np.linalg.eigh(moment)
    scaled = (vectors / np.sqrt(eigenvalues + epsilon))[:, ::-1]
    filters = shape[-1]
    both = np.concatenate([scaled[:, : (filters + 1) // 2], -scaled[:, : filters // 2]], axis=1)
    return both.reshape(shape).astype(np.float32)


def moments(dataset: Dataset, height: int, width: int) -> NDArray[np.float64]:
    """Compute the mean products of numbers in a patch (n, n) over the standardized training images."""
    images = dataset.images()
    rows, columns, channels = images.shape[1] - height + 1, images.shape[2] - width + 1, images.shape[3]
    size = height * width * channels
    count = min(len(images), MOST_IMAGES, max(1, MOST_NUMBERS // (rows * columns * size)))
    chosen = images[np.linspace(0, len(images) - 1, count).round().astype(int)]
    step = max(1, NUMBERS_AT_ONCE // (rows * columns * size))
    total = np.zeros((size, size))
    for start in range(0, count, step):
        pixels = standardize(tf.cast(chosen[start : start + step], tf.float32), dataset.image).numpy()
        windows = np.lib.stride_tricks.sliding_window_view(pixels, (height, width), axis=(1, 2))
        patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, size)
        total += patches.T @ patches
    return np.asarray(total / (count * rows * columns))
