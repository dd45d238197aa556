"""Files and folders that are written whole or not at all, and files that are read with a limit."""

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
"""What file systems answer that cannot sync a folder."""


def opened(path: str | Path) -> BinaryIO:
    """A regular file, open for reading. Nothing else is opened: reading a pipe or a device may never end.

    Raises:
        OSError: the path is not a regular file, or cannot be opened; `strerror` says why.
    """
    try:
        _require_regular(os.stat(path))
        # The path may have become a pipe since: without O_NONBLOCK, opening one waits for somebody to write.
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
    """The bytes of a regular file.

    Args:
        most: how many bytes it may have. They are counted, for files below `/proc` report no size.

    Raises:
        OSError: as `opened`, or it has more bytes.
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
    """A new name beside `path` to write to; the file there takes the place of `path` in one step.

    Whatever ends the program or the machine, `path` holds its old content or its new one. The name has the suffix of
    `path`, and no other process has it: see `is_partial`.

    Raises:
        ArchError: the place cannot be written to (ARCH304).
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
        with suppress(OSError):  # what made it fail may also keep it from being removed
            beside.unlink(missing_ok=True)


def is_partial(name: str) -> bool:
    """Whether a file has a name of `writing`: the program that wrote it was killed, or is still at it."""
    return _PARTIAL.fullmatch(name) is not None


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder outlast a loss of power, where the system can do so.

    Raises:
        OSError: the folder cannot be opened, or its disk fails.
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
    """Writes a file that is not there yet, whole or not at all.

    Raises:
        ArchError: the file is there already, or cannot be written.
    """
    if target.exists():
        raise fail("ARCH202", f"{target} is there already", hint="choose another name, or remove it")
    if not target.parent.is_dir():
        raise fail("ARCH304", f"{target} cannot be written: there is no folder {target.parent}")
    write(target, text)


def write(target: Path, content: str | bytes) -> None:
    """Writes a file, whole or not at all; what stands there is replaced, and a missing folder is made.

    Raises:
        ArchError: the file cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise fail("ARCH304", f"{target} cannot be written: {error.strerror}") from None
    with writing(target) as beside:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that is being written: where its files go now, and where they will stand."""

    path: Path
    target: Path


@contextmanager
def new_folder(target: Path) -> Iterator[Folder]:
    """A folder beside the target, which becomes the target when all is written; nothing is left where it is not.

    Raises:
        ArchError: the target holds something already, or cannot be written.
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
    """Raises where something stands at the target already, but for an empty folder."""
    if target.is_dir() and any(target.iterdir()):
        raise fail("ARCH202", f"{target} holds something already", hint="choose another folder, or remove this one")
    if target.exists() and not target.is_dir():
        raise fail("ARCH202", f"{target} is a file", hint="`--out` is the folder to write")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def next_free(folder: str, name: str) -> Path:
    """`FOLDER/NAME-1`, or the first such number that is free."""
    number = 1
    while (free := Path(folder) / f"{name}-{number}").exists():
        number += 1
    return free
