"""Reads files as bytes and arrays, with limits on their size and clear error messages."""

from __future__ import annotations

import errno
import math
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from gzip import BadGzipFile, GzipFile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from archdsl import files
from archdsl.errors import ArchError, fail

LARGEST_FILE = 2**30
"""The most bytes of an unpacked file of a published data set. The largest one has 184 MB."""

AGAIN = "download or save the file again"
"""The hint for a damaged file."""


def budget() -> int:
    """The most bytes of examples to keep in memory: half of what is free, because TensorFlow makes a copy."""
    return free_memory() // 2


def free_memory() -> int:
    """The bytes of memory that this process can still use, also in a container.

    Without Linux, all memory of the machine counts as free; if that is unknown, too, 16 GiB.
    """
    try:
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not every system has these
        free = 16 * 2**30
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    with suppress(OSError, ValueError):  # "max" means no limit
        group = Path("/sys/fs/cgroup")
        limit, used = (int((group / f"memory.{name}").read_text(encoding="ascii")) for name in ("max", "current"))
        free = min(free, max(0, limit - used))
    return free


def content(path: Path, hint: str = "") -> bytes:
    """Read a file of a published data set.

    Raises:
        ArchError: it is missing, too large or cannot be read (ARCH302).
    """
    try:
        return files.content(path, LARGEST_FILE)
    except FileNotFoundError:
        raise fail("ARCH302", f"{path} is missing: the data set is incomplete", hint=hint) from None
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise fail("ARCH302", f"{path} is too large for this data set") from None
        raise fail("ARCH302", f"{path} cannot be read: {error.strerror}") from None


@contextmanager
def unpacking(path: Path) -> Iterator[IO[bytes] | GzipFile]:
    """Open a file that may be compressed by gzip. Only what is read is unpacked and takes memory.

    Raises:
        ArchError: it is missing, not a regular file, or damaged (ARCH302).
    """
    try:
        with files.opened(path) as file:
            if path.suffix != ".gz":
                yield file
                return
            with GzipFile(fileobj=file) as packed:
                yield packed
    except FileNotFoundError:
        raise fail("ARCH302", f"{path} is missing: the data set is incomplete") from None
    except (BadGzipFile, EOFError, zlib.error, OSError) as error:
        verb = "unpacked" if path.suffix == ".gz" else "read"
        raise fail("ARCH302", f"{path} cannot be {verb}: {reason(error)}", hint=AGAIN) from None


def arrays(path: Path, most: int = LARGEST_FILE) -> dict[str, NDArray[Any]]:
    """Read the arrays of an `.npz` file. Arrays of Python objects are rejected, so no code in the file is run.

    Args:
        most: the most bytes that it may unpack to.

    Raises:
        ArchError: it is missing (ARCH301), damaged, not an `.npz` file, or unpacks to more bytes (ARCH302).
    """
    try:
        return _load(path, most)
    except ArchError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise fail("ARCH301", f"{path} does not exist") from None
    except OSError as error:
        raise fail("ARCH302", f"{path} cannot be read: {reason(error)}") from None
    except Exception as error:  # a broken file raises any of a dozen exceptions, from zlib or NumPy
        why, hint = reason(error), AGAIN
        if "allow_pickle" in why:
            why, hint = (
                "it contains an array of Python objects, and archdsl runs no pickles",
                "save numeric arrays only",
            )
        raise fail("ARCH302", f"{path} cannot be read as an .npz file: {why}", hint=hint) from None


def _load(path: Path, most: int) -> dict[str, NDArray[Any]]:
    """Read the arrays of an `.npz` file. Each declared size is checked before memory is allocated.

    Args:
        most: the most bytes that it may unpack to.

    Raises:
        ArchError: it unpacks to more bytes (ARCH302).
        Exception: it cannot be read; a broken file raises any of a dozen exceptions, from zlib or NumPy.
    """
    with files.opened(path) as file:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            if size > most:
                raise fail("ARCH302", f"{path} unpacks to {size:,} bytes: the limit is {most:,}")
            for member in members:
                if member.filename.endswith(".npy"):
                    with archive.open(member) as content:
                        _check_header(content, member)
        file.seek(0)
        with np.load(file, allow_pickle=False) as loaded:
            found = {name: loaded[name] for name in loaded.files}
    return {name: array for name, array in found.items() if isinstance(array, np.ndarray)}


def _check_header(content: IO[bytes], member: zipfile.ZipInfo) -> None:
    """Raise ValueError if an array declares more or fewer bytes than its member of the archive has."""
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(content)
    if version not in readers:
        raise ValueError(f"{member.filename} has version {version} of NumPy's format, which is not supported")
    shape, _, dtype = readers[version](content)
    if dtype.hasobject:
        return  # NumPy rejects it
    declared, size = math.prod(shape) * dtype.itemsize, member.file_size - content.tell()
    if declared != size or not dtype.itemsize or min(shape, default=0) < 0:
        raise ValueError(f"{member.filename} declares {shape} of {dtype} but has {size:,} bytes")


def reason(error: Exception) -> str:
    """The message of an exception, on one line."""
    text = getattr(error, "strerror", None) or " ".join(str(error).split())
    return str(text)[:200] or type(error).__name__


def check_memory(title: str, count: int, needed: int, remedy: str = "a smaller `size`") -> None:
    """Check that examples fit into memory.

    Args:
        title: the name of the data set.
        needed: their size in bytes.
        remedy: what to set in `data` to need less.

    Raises:
        ArchError: they need more than `budget` (ARCH303).
    """
    if needed > budget():
        message = f"{title}: {count:,} examples need {needed:,} bytes, more than half of the free memory"
        hint = f"to stay under {budget():,} bytes, set {remedy} in `data`"
        raise fail("ARCH303", message, hint=hint)
