"""Reads the pickles of CIFAR with an unpickler that can rebuild arrays and nothing else.

No code from a file is executed.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.data.readers.files import AGAIN, reason
from archdsl.errors import fail


def batch(content: bytes, path: Path, pixels: int, label_key: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read the images (N, pixels) and labels (N,) of a pickle written by Python 2 or 3.

    Args:
        label_key: the key of the labels.

    Raises:
        ArchError: it is not such a pickle, or asks for anything but arrays (ARCH302).
    """
    try:
        _check_opcodes(content)
        loaded = _ArrayUnpickler(content).load()
        arrays = {key.decode() if isinstance(key, bytes) else key: value for key, value in loaded.items()}
        images, labels = arrays["data"], arrays[label_key]
    except KeyError as error:
        raise fail("ARCH302", f"{path} is not a batch of this data set: missing key {error}") from None
    except Exception as error:  # a broken pickle can raise nearly any exception
        raise fail("ARCH302", f"{path} cannot be read as a batch of images: {reason(error)}", hint=AGAIN) from None
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape[1:] != (pixels,):
        kind = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        raise fail("ARCH302", f"{path}: expected `data` to be uint8 of shape (N, {pixels}), got {kind}")
    # Nested lists that repeat one another would make an array of any size.
    if isinstance(labels, list) and all(isinstance(label, int) and abs(label) < 2**31 for label in labels):
        labels = np.array(labels, np.int64)
    if not isinstance(labels, np.ndarray):
        raise fail("ARCH302", f"{path}: expected the labels to be a list of integers")
    return images, labels


_STRINGS = {
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
}
_TUPLES = {"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"}
_REMEMBERED = {*_STRINGS, *_TUPLES, "EMPTY_LIST", "LIST", "EMPTY_DICT", "DICT", "GLOBAL", "STACK_GLOBAL", "REDUCE"}
_OPCODES = {
    *(*_REMEMBERED, "EMPTY_TUPLE", "PROTO", "FRAME", "MARK", "STOP", "NONE", "NEWTRUE", "NEWFALSE", "BUILD"),
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "APPEND", "APPENDS", "SETITEM", "SETITEMS"),
    *("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET"),
}
"""The opcodes of batches: no sets, no references outside the file, no removals from the stack."""

MOST_STATES = 16
"""The most arrays and array types in a batch: each state may copy the whole file."""


def _operations(content: bytes) -> Iterator[tuple[pickletools.OpcodeInfo, Any, int | None]]:
    """The opcodes of a pickle, with the unpickler's error for a broken one."""
    try:
        yield from pickletools.genops(content)
    except ValueError as error:
        unknown = re.search(r"opcode b?(.+) unknown", str(error))
        reason = f"invalid load key, {unknown.group(1)}." if unknown else "pickle data was truncated"
        raise pickle.UnpicklingError(reason) from None


def _check_opcodes(content: bytes) -> None:
    """Raise UnpicklingError if a pickle could take more time or memory than its length justifies.

    The unpickler allocates as many places as the largest memo index. Nested tuples that contain one another twice take
    exponential time to hash, so no tuple may be reused.
    """
    made, kinds, states = "", dict[int, str](), 0
    for opcode, argument, at in _operations(content):
        name = opcode.name
        if name not in _OPCODES:
            raise pickle.UnpicklingError(f"unexpected opcode {name} at byte {at}")
        states += name == "BUILD"
        if "PUT" in name or name == "MEMOIZE":
            place = len(kinds) if name == "MEMOIZE" else int(argument or 0)
            if made not in _REMEMBERED or place > 2 * len(kinds) + 16:
                raise pickle.UnpicklingError(f"unexpected memo entry at byte {at}")
            kinds[place] = made
        elif "GET" in name:
            if kinds.get(int(argument or 0), "TUPLE") in _TUPLES:
                raise pickle.UnpicklingError(f"unexpected repeated value at byte {at}")
            made = ""
        elif name != "FRAME":  # it may come between a value and its memo index
            made = name
    if states > MOST_STATES:
        raise pickle.UnpicklingError(f"expected at most {MOST_STATES} array states, got {states:,}")


class _ArrayUnpickler(pickle.Unpickler):
    """Rebuilds NumPy arrays of integers with functions of this module; any other global is rejected."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="bytes")
        self._left = len(content)

    def find_class(self, module: str, name: str) -> Any:
        """Replace a global that the pickle names.

        Raises:
            pickle.UnpicklingError: the global is not one of the five that arrays and byte strings need.
        """
        known = {
            ("multiarray", "_reconstruct"): _empty_array,
            ("numeric", "_frombuffer"): _from_buffer,
            ("numpy", "ndarray"): "ndarray",
            ("numpy", "dtype"): _whole_number_type,
            ("_codecs", "encode"): self._latin1,
        }
        short = re.sub(r"^numpy\._?core\.", "", module)
        if (short, name) not in known:
            raise pickle.UnpicklingError(f"it asks for `{module}.{name}`, which is not allowed; nothing was run")
        return known[short, name]

    def _latin1(self, text: Any, encoding: Any) -> bytes:
        if encoding not in ("latin1", b"latin1"):
            raise pickle.UnpicklingError(f"expected text encoded as latin1, got {encoding!r}")
        self._left -= len(text)  # the same text may be encoded again and again
        if self._left < 0:
            raise pickle.UnpicklingError("it encodes more text than it contains")
        return str(text if isinstance(text, str) else text.decode("utf-8")).encode("latin1")


def _empty_array(*_: Any) -> NDArray[np.uint8]:
    """An empty array, whatever size is asked for: the pickle's state fills it afterwards."""
    return np.ndarray.__new__(np.ndarray, (0,), np.uint8)


def _from_buffer(buffer: Any, dtype: Any, shape: Any, order: Any) -> NDArray[Any]:
    return np.frombuffer(buffer, dtype).reshape(shape, order=order)


def _whole_number_type(code: Any, align: bool = False, copy: bool = True) -> Any:
    text = code.decode() if isinstance(code, bytes) else code
    if not re.fullmatch("[ui][1248]", text):
        raise pickle.UnpicklingError(f"expected an integer type, got {text!r}")
    return np.dtype(text, align=False, copy=True)  # the pickle's state is set on the copy
