"""Holds arrays to what images and labels must be, and says what is otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archdsl.data.readers.splits import Fetch, Rows, Stored, in_memory
from archdsl.errors import fail
from archdsl.text import quantity

STEP = 1e-3
"""How far a fraction may be away from a whole 255th: float32 and float16 are nearer."""


def images_of(array: NDArray[Any], name: str, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Images of a known set, which have one type and shape.

    Raises:
        ArchError: they have another (ARCH302).
    """
    if array.dtype != np.uint8 or array.shape[1:] != shape:
        wanted = f"uint8 of shape (N, {', '.join(map(str, shape))})"
        raise fail("ARCH302", f"{name}: the images must be {wanted}, and are {array.dtype} of shape {array.shape}")
    return np.ascontiguousarray(array)


def pixels_of(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Images of anybody's array as uint8 (N, H, W, C): of 0 to 255, or of fractions of 1; grey may lack its axis.

    Raises:
        ArchError: they have another shape or type, or values that do not fit (ARCH302).
    """
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or array.shape[3] not in (1, 3, 4):
        message = f"{name}: images have the shape (N, height, width, channels), and these are {_kind(array)}"
        first = array.ndim == 4 and array.shape[1] in (1, 3, 4)
        turn = "channels stand last: `x.transpose(0, 2, 3, 1)`" if first else ""
        raise fail("ARCH302", message, hint=turn or "1, 3 or 4 channels; grey images may also be (N, height, width)")
    if array.dtype.kind not in "biuf":
        raise fail("ARCH302", f"{name}: pixels are numbers, and these are {_kind(array)}")
    if array.dtype == np.uint8 or not array.size:
        return np.ascontiguousarray(array, np.uint8)
    if array.dtype.kind == "b":
        return np.ascontiguousarray(array, np.uint8) * np.uint8(255)
    return _bytes_of(array, name)


def _bytes_of(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Wider whole numbers and fractions as bytes, where that loses nothing."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        count = quantity(int((~np.isfinite(array)).sum()), "pixel")
        raise fail("ARCH302", f"{name}: {count} of {array.size:,} are no finite numbers (NaN or infinite)")
    least, most = array.min(), array.max()
    if least < 0 or most > 255:
        message = f"{name}: pixels lie from {least:g} to {most:g}, and must lie from 0 to 255 or from 0 to 1"
        raise fail("ARCH302", message, hint="save them as they were before anything was taken away or divided")
    values = array * array.dtype.type(255) if array.dtype.kind == "f" and most <= 1 else array
    whole = np.rint(values)
    if array.dtype.kind == "f" and np.abs(values - whole).max() > STEP * 255:
        message = f"{name}: pixels between the 256 steps that images have, such as {_between(array, values, whole):g}"
        raise fail("ARCH302", message, hint="`numpy.rint(255 * x).astype('uint8')` rounds fractions of 1")
    return np.ascontiguousarray(whole, np.uint8)


def _between(array: NDArray[Any], values: NDArray[Any], whole: NDArray[Any]) -> float:
    return float(array.flat[int(np.abs(values - whole).argmax())])


def labels_of(array: NDArray[Any], name: str) -> NDArray[np.int64]:
    """Labels as int64 (N,).

    Raises:
        ArchError: they are no whole numbers, or have another shape (ARCH302).
    """
    if array.dtype.kind not in "iu" or array.shape not in ((array.size,), (array.size, 1)):
        wanted = "whole numbers of shape (N,) or (N, 1)"
        one_hot = array.ndim == 2 and array.shape[1] > 1
        hint = "one-hot labels become numbers by `y.argmax(axis=1)`" if one_hot else ""
        raise fail("ARCH302", f"{name}: the labels must be {wanted}, and are {_kind(array)}", hint=hint)
    return array.reshape(-1).astype(np.int64)


def stored(images: NDArray[np.uint8], labels: NDArray[np.int64], name: str, classes: Sequence[str]) -> Stored:
    """Images and their labels, as many of the one as of the other, each of a class.

    Raises:
        ArchError: they differ in number, there are none (ARCH302), or a label is none of the classes' (ARCH303).
    """
    if len(images) != len(labels):
        raise fail("ARCH302", f"{name}: {quantity(len(images), 'image')}, but {quantity(len(labels), 'label')}")
    if not len(images):
        raise fail("ARCH302", f"{name}: no image")
    wrong = labels[(labels < 0) | (labels >= len(classes))]
    if wrong.size:
        message = f"{name}: the label {wrong[0]} is not among the classes 0 to {len(classes) - 1}"
        have = "has" if wrong.size == 1 else "have"
        raise fail("ARCH303", message, hint=f"{quantity(wrong.size, 'image')} {have} such a label")
    return in_memory(images, labels)


def every_class(train: Stored, origin: str, classes: Sequence[str], hint: str) -> None:
    """Raises where a class has no training image: then labels are shifted, or it is another set."""
    empty = np.flatnonzero(np.bincount(train.labels, minlength=len(classes)) == 0)
    if empty.size:
        shown = ", ".join(f"`{classes[label]}`" for label in empty[:5]) + (", ..." if empty.size > 5 else "")
        raise fail("ARCH303", f"{origin}: no training image of the class {shown}", hint=hint)


def resized(fetch: Fetch, size: Sequence[int]) -> Fetch:
    """Images of another height and width: linear, with antialiasing, without regard to their proportions."""
    height, width = size

    def brought(rows: Rows) -> NDArray[np.uint8]:
        images = fetch(rows)
        made = np.empty((len(images), height, width, images.shape[3]), np.uint8)
        for row, image in enumerate(images):
            made[row] = scaled(image, height, width)
        return made

    return brought


def scaled(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """One image (H, W, C), resized."""
    if image.shape[:2] == (height, width):
        return image
    opened = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    return np.asarray(opened.resize((width, height), Image.Resampling.BILINEAR)).reshape(height, width, -1)


def _kind(array: NDArray[Any]) -> str:
    return f"{array.dtype} of shape {array.shape}"
