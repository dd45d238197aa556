"""Atomic writing of files and folders, and reading of files up to a size limit."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from archdsl.errors import fail

_PARTIAL = re.compile(r"\..+\.partial(\.\w+)?")
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)
"""Errors of file systems that cannot sync a folder."""


def opened(path: str | Path) -> BinaryIO:
    """Open a regular file for reading. Pipes and devices are rejected, because reading them may never end.

    Raises:
        OSError: If the path is not a regular file or cannot be opened; `strerror` contains the reason.
    """
    try:
        _require_regular(os.stat(path))
        # The path may have become a pipe since: without O_NONBLOCK, opening it waits for a writer.
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError as error:  # a path with a null character in it
        raise OSError(errno.EINVAL, str(error)) from None
    try:
        _require_regular(os.fstat(number))
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def content(path: str | Path, most: int) -> bytes:
    """Read the bytes of a regular file.

    Args:
        path: The path of the file.
        most: The maximum number of bytes. They are counted, because files under `/proc` report no size.

    Raises:
        OSError: As in `opened`, or if the file is larger.
    """
    with opened(path) as file:
        if os.fstat(file.fileno()).st_size <= most and len(data := file.read(most + 1)) <= most:
            return data
    raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes")


def _require_regular(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        kinds = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
        raise OSError(errno.EINVAL, f"it is {kinds.get(stat.S_IFMT(status.st_mode), 'a device')}, not a regular file")


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path` to write to; afterwards, rename that file to `path`.

    After a crash of the program or the machine, `path` has either its old or its new content. The temporary name has
    the suffix of `path` and is unique to this process: see `is_partial`.

    Raises:
        ArchError: If the file cannot be written (ARCH304).
    """
    beside = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.partial{path.suffix}")
    try:
        yield beside
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
        sync_folder(path.parent)
    except OSError as error:
        raise fail("ARCH304", f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):  # the cause of the failure may also prevent the removal
            beside.unlink(missing_ok=True)


def is_partial(name: str) -> bool:
    """Return whether a name is a temporary one of `writing`: its program was killed or is still running."""
    return _PARTIAL.fullmatch(name) is not None


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that its entries survive a power failure, if the system supports it.

    Raises:
        OSError: If the folder cannot be opened or the disk fails.
    """
    if sys.platform == "win32":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(number)


def write_new(target: Path, text: str) -> None:
    """Write a new file atomically.

    Raises:
        ArchError: If the file already exists or cannot be written.
    """
    if target.exists():
        raise fail("ARCH202", f"{target} already exists", hint="choose another name, or remove it")
    if not target.parent.is_dir():
        raise fail("ARCH304", f"{target} cannot be written: the folder {target.parent} does not exist")
    write(target, text)


def write(target: Path, content: str | bytes) -> None:
    """Write a file atomically. An existing file is replaced, and missing folders are created.

    Raises:
        ArchError: If the file cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise fail("ARCH304", f"{target} cannot be written: {error.strerror}") from None
    with writing(target) as beside:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder during writing: its temporary path and its final path."""

    path: Path
    target: Path


@contextmanager
def new_folder(target: Path) -> Iterator[Folder]:
    """Yield a temporary folder next to the target; afterwards, rename it to the target. Remove it after a failure.

    Raises:
        ArchError: If the target already exists and is not empty, or cannot be written.
    """
    refuse_full(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise fail("ARCH304", f"{target} cannot be written: {error.strerror}") from None
    try:
        yield Folder(made, target)
        made.chmod(0o777 & ~_umask())
        os.replace(made, target)
        sync_folder(target.parent)
    except OSError as error:
        raise fail("ARCH304", f"{target} cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(made, ignore_errors=True)


def refuse_full(target: Path) -> None:
    """Raise an error if the target already exists, unless it is an empty folder."""
    if target.is_dir() and any(target.iterdir()):
        raise fail("ARCH202", f"{target} is not empty", hint="choose another folder, or remove this one")
    if target.exists() and not target.is_dir():
        raise fail("ARCH202", f"{target} is a file", hint="`--out` must be a folder")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def next_free(folder: str, name: str) -> Path:
    """Return `FOLDER/NAME-1`, or the first number that is not in use."""
    number = 1
    while (free := Path(folder) / f"{name}-{number}").exists():
        number += 1
    return free
