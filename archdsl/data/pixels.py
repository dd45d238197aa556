"""Counts and statistics of pixel values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archdsl.data.streams import Values, chunks


@dataclass(frozen=True, slots=True)
class Statistics:
    """The mean and standard deviation for `standardize`: float32 of shape (1,), or (C,) for `channel`."""

    mean: NDArray[np.float32]
    std: NDArray[np.float32]


def measure(images: Values, divisor: float, each_channel: bool) -> Statistics:
    """Compute the mean and standard deviation of pixels divided by `divisor`.

    They are computed from the counts of the 256 values, so they do not depend on the order of the images.
    """
    counts = histogram(images)
    if not each_channel:
        counts = counts.sum(axis=0, keepdims=True)
    mean, std = moments(counts, divisor)
    return Statistics(mean.astype(np.float32), std.astype(np.float32))


def moments(counts: NDArray[np.int64], divisor: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute mean and standard deviation (C,) of pixels divided by `divisor`, from counts (C, 256) of their values."""
    values = np.arange(256) / divisor
    total = counts.sum(axis=1)
    mean = counts @ values / total
    variance = (counts * (values - mean[:, None]) ** 2).sum(axis=1) / total
    return mean, np.sqrt(variance)


def histogram(images: Values) -> NDArray[np.int64]:
    """Count the 256 values in each channel: (C, 256)."""
    channels = images.shape[-1]
    counts = np.zeros((channels, 256), np.int64)
    for chunk in chunks(images):
        for channel in range(channels):
            counts[channel] += np.bincount(chunk[..., channel].ravel(), minlength=256)
    return counts
