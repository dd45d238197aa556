"""Reads files as bytes and arrays: with a limit on their size, and with one message for whatever is wrong."""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from gzip import BadGzipFile, GzipFile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archdsl.errors import ArchError, fail

LARGEST_FILE = 2**30
"""Bytes of one file of a published set, unpacked. The largest of them takes 184 MB."""

AGAIN = "fetch it, or save it, again"
"""What helps where a file is damaged."""


def budget() -> int:
    """Bytes of images that are held in memory: half of the machine's, for TensorFlow makes its own copy."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):  # not every system has these
        return 8 * 2**30


def content(path: Path, hint: str = "") -> bytes:
    """The bytes of a file of a published set.

    Raises:
        ArchError: it is missing, too large or cannot be read (ARCH302).
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise fail("ARCH302", f"{path} is larger than this set can be")
        return path.read_bytes()
    except FileNotFoundError:
        raise fail("ARCH302", f"{path} is missing: the folder holds a part of the set", hint=hint) from None
    except OSError as error:
        raise fail("ARCH302", f"{path} cannot be read: {error.strerror}") from None


def unzipped(path: Path, hint: str = "") -> bytes:
    """The bytes of a file that gzip may have packed.

    Raises:
        ArchError: as `content`, or it is damaged, or unpacks to more than the set can need (ARCH302).
    """
    if path.suffix != ".gz":
        return content(path, hint)
    content(path, hint)
    try:
        with GzipFile(path) as packed:
            unpacked = packed.read(LARGEST_FILE + 1)
    except (BadGzipFile, EOFError, zlib.error, OSError) as error:
        raise fail("ARCH302", f"{path} cannot be unpacked: {reason(error)}", hint=AGAIN) from None
    if len(unpacked) > LARGEST_FILE:
        raise fail("ARCH302", f"{path} unpacks to more than {LARGEST_FILE:,} bytes, more than this set can need")
    return unpacked


def arrays(path: Path, most: int = LARGEST_FILE) -> dict[str, NDArray[Any]]:
    """The arrays of an `.npz` file. Nothing in it is run: arrays of objects are refused.

    Args:
        most: bytes that it may unpack to.

    Raises:
        ArchError: it is not there (ARCH301), damaged, no such file, or unpacks to more (ARCH302).
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > most:
            raise fail("ARCH302", f"{path} unpacks to {size:,} bytes; more than {most:,} are not read")
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except ArchError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise fail("ARCH301", f"{path} is not there") from None
    except OSError as error:
        raise fail("ARCH302", f"{path} cannot be read: {reason(error)}") from None
    except Exception as error:  # a broken file ends in any of a dozen exceptions, from zlib's to NumPy's
        why = reason(error)
        if "allow_pickle" in why:
            why = "it holds an array of objects, which is a pickle, and no pickle is run"
        raise fail("ARCH302", f"{path} cannot be read as an .npz file: {why}", hint=AGAIN) from None


def reason(error: Exception) -> str:
    """An exception's own message, on one line."""
    text = getattr(error, "strerror", None) or " ".join(str(error).split())
    return str(text)[:200] or type(error).__name__


def check_memory(title: str, count: int, shape: tuple[int, int, int]) -> None:
    """Refuses more images than memory holds.

    Args:
        title: of the data set.
        shape: of one image: height, width, channels.

    Raises:
        ArchError: they take more than `budget` (ARCH303).
    """
    needed = count * math.prod(shape)
    if needed > budget():
        each = " x ".join(map(str, shape))
        hint = f"half of this machine's are {budget():,}: a smaller `size`, a `limit`, or fewer `classes` in `data`"
        raise fail("ARCH303", f"{title}: {count:,} images of {each} take {needed:,} bytes of memory", hint=hint)
