"""Checks that arrays contain valid images and labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.tables import Table, in_memory
from archdsl.errors import fail
from archdsl.text import quantity

SPLIT_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
"""The arrays of an `.npz` file with a training and a test split."""

STEP = 1e-3
"""The largest tolerated distance of a fraction from a multiple of 1/255; rounding to float16 stays below it."""


def require(arrays: dict[str, NDArray[Any]], names: Sequence[str], path: Path) -> None:
    """Raise an error if an `.npz` file lacks one of these arrays (ARCH302)."""
    missing = [name for name in names if name not in arrays]
    if missing:
        found = ", ".join(list(arrays)[:8]) or "none"
        hint = f"save them by name: `numpy.savez(FILE, {', '.join(f'{name}=...' for name in names)})`"
        raise fail("ARCH302", f"{path}: expected the arrays {', '.join(names)}, got {found}", hint=hint)


def exact_images(array: NDArray[Any], name: str, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Check images of a published data set: uint8 of a given shape.

    Raises:
        ArchError: the type or shape is different (ARCH302).
    """
    if array.dtype != np.uint8 or array.shape[1:] != shape:
        expected = f"uint8 of shape (N, {', '.join(map(str, shape))})"
        raise fail("ARCH302", f"{name}: expected {expected}, got {_kind(array)}")
    return np.ascontiguousarray(array)


def any_images(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Convert any array of images to uint8 (N, H, W, C).

    Pixels are from 0 to 255 or from 0 to 1. Grayscale images may lack the channel axis.

    Raises:
        ArchError: the shape, type or values are invalid (ARCH302).
    """
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or array.shape[3] not in (1, 3, 4):
        message = f"{name}: expected images of shape (N, height, width, channels), got {_kind(array)}"
        hint = "use 1, 3 or 4 channels; grayscale images may also have the shape (N, height, width)"
        if array.ndim == 4 and array.shape[1] in (1, 3, 4):
            hint = "move the channels to the last axis: `x.transpose(0, 2, 3, 1)`"
        raise fail("ARCH302", message, hint=hint)
    if 0 in array.shape[1:]:
        raise fail("ARCH302", f"{name}: expected images with at least one pixel, got {_kind(array)}")
    if array.dtype.kind not in "biuf":
        raise fail("ARCH302", f"{name}: expected numeric pixels, got {_kind(array)}")
    if array.dtype == np.uint8 or not array.size:
        return np.ascontiguousarray(array, np.uint8)
    if array.dtype.kind == "b":
        return np.ascontiguousarray(array, np.uint8) * np.uint8(255)
    return _bytes_of(array, name)


def _bytes_of(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Convert wider integers and fractions to bytes, if that loses nothing."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        count = quantity(int((~np.isfinite(array)).sum()), "pixel")
        raise fail("ARCH302", f"{name}: NaN or infinite values in {count} of {array.size:,}")
    least, most = array.min(), array.max()
    if least < 0 or most > 255:
        message = f"{name}: expected pixels from 0 to 255 or from 0 to 1, got {least:g} to {most:g}"
        raise fail("ARCH302", message, hint="save the raw pixels, before scaling or standardization")
    values = array * array.dtype.type(255) if array.dtype.kind == "f" and most <= 1 else array
    whole = np.rint(values)
    if array.dtype.kind == "f" and np.abs(values - whole).max() > STEP * 255:
        example = float(array.flat[int(np.abs(values - whole).argmax())])
        message = f"{name}: expected at most 256 pixel values, evenly spaced, got {example:g}"
        rounded = "255 * x" if most <= 1 else "x"
        raise fail("ARCH302", message, hint=f"to round them, save `numpy.rint({rounded}).astype('uint8')`")
    return np.ascontiguousarray(whole, np.uint8)


def labels(array: NDArray[Any], name: str) -> NDArray[np.int64]:
    """Convert labels to int64 (N,).

    Raises:
        ArchError: they are not integers, or have another shape (ARCH302).
    """
    if array.dtype.kind not in "iu" or array.shape not in ((array.size,), (array.size, 1)):
        one_hot = array.ndim == 2 and array.shape[1] > 1
        hint = "convert one-hot labels with `y.argmax(axis=1)`" if one_hot else ""
        message = f"{name}: expected integer labels of shape (N,) or (N, 1), got {_kind(array)}"
        raise fail("ARCH302", message, hint=hint)
    return array.reshape(-1).astype(np.int64)


def split(images: NDArray[np.uint8], labels: NDArray[np.int64], name: str, classes: Sequence[str]) -> Table:
    """Combine images and their labels.

    Raises:
        ArchError: their numbers differ, there are none (ARCH302), or a label is out of range (ARCH303).
    """
    if len(images) != len(labels):
        raise fail("ARCH302", f"{name}: {quantity(len(images), 'image')} but {quantity(len(labels), 'label')}")
    if not len(images):
        raise fail("ARCH302", f"{name}: no images")
    wrong = labels[(labels < 0) | (labels >= len(classes))]
    if wrong.size:
        expected = f"expected labels from 0 to {len(classes) - 1}"
        raise fail("ARCH303", f"{name}: {expected}, got {wrong[0]} ({quantity(wrong.size, 'label')} out of range)")
    return in_memory(image=images, label=labels)


def every_class(train: Table, origin: str, classes: Sequence[str], hint: str) -> None:
    """Raise an error if a class has no training images: the labels are shifted, or it is another data set."""
    empty = np.flatnonzero(np.bincount(train.read("label"), minlength=len(classes)) == 0)
    if empty.size:
        shown = ", ".join(f"`{classes[label]}`" for label in empty[:5]) + (", ..." if empty.size > 5 else "")
        raise fail("ARCH303", f"{origin}: no training images of {shown}", hint=hint)


def _kind(array: NDArray[Any]) -> str:
    return f"{array.dtype} of shape {array.shape}"
