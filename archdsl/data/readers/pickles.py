"""Reads the pickles that CIFAR comes in, by an unpickler that rebuilds byte arrays and nothing else.

Nothing here executes what a file says.
"""

from __future__ import annotations

import io
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.readers.files import AGAIN, reason
from archdsl.errors import fail


def batch(content: bytes, path: Path, pixels: int, label_key: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """The arrays `data` (N, pixels) and the labels (N,) of a pickle, as Python 2 or 3 wrote it.

    Args:
        label_key: the name of the labels.

    Raises:
        ArchError: it is no such pickle, or asks for anything else than arrays (ARCH302).
    """
    try:
        loaded = _ArrayUnpickler(content).load()
        arrays = {key.decode() if isinstance(key, bytes) else key: value for key, value in loaded.items()}
        images, labels = arrays["data"], np.asarray(arrays[label_key])
    except KeyError as error:
        raise fail("ARCH302", f"{path} is no batch of this set: it has no {error}") from None
    except Exception as error:  # a broken pickle can end in nearly every exception there is
        raise fail("ARCH302", f"{path} cannot be read as a batch of images: {reason(error)}", hint=AGAIN) from None
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape[1:] != (pixels,):
        kind = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        raise fail("ARCH302", f"{path}: `data` must be uint8 of shape (N, {pixels}), and is {kind}")
    return images, labels


class _ArrayUnpickler(pickle.Unpickler):
    """Rebuilds NumPy arrays of whole numbers by functions of this module; any other global is refused unseen."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="bytes")

    def find_class(self, module: str, name: str) -> Any:
        """The replacement of a global that the pickle names.

        Raises:
            pickle.UnpicklingError: the global is none of the five that arrays and byte strings need.
        """
        known = {
            ("multiarray", "_reconstruct"): _empty_array,
            ("numeric", "_frombuffer"): _from_buffer,
            ("numpy", "ndarray"): "ndarray",
            ("numpy", "dtype"): _whole_number_type,
            ("_codecs", "encode"): _latin1,
        }
        short = re.sub(r"^numpy\._?core\.", "", module)
        if (short, name) not in known:
            raise pickle.UnpicklingError(f"it asks for `{module}.{name}`, which no batch needs; nothing of it was run")
        return known[short, name]


def _empty_array(*_: Any) -> NDArray[np.uint8]:
    """An array of no size, whatever size is asked for: the pickle's state fills it afterwards."""
    return np.ndarray.__new__(np.ndarray, (0,), np.uint8)


def _from_buffer(buffer: Any, dtype: Any, shape: Any, order: Any) -> NDArray[Any]:
    return np.frombuffer(buffer, dtype).reshape(shape, order=order)


def _whole_number_type(code: Any, align: bool = False, copy: bool = True) -> Any:
    text = code.decode() if isinstance(code, bytes) else code
    if not re.fullmatch("[ui][1248]", text):
        raise pickle.UnpicklingError(f"it holds values of the type {text!r}, where whole numbers are due")
    return np.dtype(text, align=False, copy=True)  # the pickle's state is set on the copy


def _latin1(text: Any, encoding: Any) -> bytes:
    if encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError(f"it holds text in the encoding {encoding!r}")
    return str(text if isinstance(text, str) else text.decode("utf-8")).encode("latin1")
