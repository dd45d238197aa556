"""The lock of a run folder, which lets only one process write to it at a time.

The lock is an operating system lock on the file `.lock`, not the file itself: the system releases it when the process
ends, however that happens. The content of the file names the holder, who removes the file as the last step. A process
that waited for a file that was then removed would hold a useless lock. After locking, it therefore checks that the name
still leads to the locked file.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from archdsl.errors import ArchError, fail
from archdsl.files import is_partial
from archdsl.runs.folder import BEFORE_RUN, LOCK, RUN, check_free, utc_now

ATTEMPTS, PAUSE = 50, 0.02
"""How often to try again, and after how many seconds, while another process is creating or removing the lock."""


@contextmanager
def new_run(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder for a new run. If there is no `run.json` at the end, the folder is restored.

    Raises:
        ArchError: another process holds the lock, or the folder is not empty (ARCH202), or not writable (ARCH304).
    """
    if not (folder / LOCK).is_file():
        check_free(folder)
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    with _locked(folder, missing):
        check_free(folder)
        yield


@contextmanager
def known_run(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder that contains a run.

    Raises:
        ArchError: another process holds the lock (ARCH202), or the folder is not writable (ARCH304).
    """
    with _locked(folder, ()):
        yield


@contextmanager
def _locked(folder: Path, missing: Sequence[Path]) -> Iterator[None]:
    file = _acquire(folder)
    try:
        _remove_partial(folder)
        yield
    finally:
        _release(folder, file, missing)


def _acquire(folder: Path) -> int:
    """Open and lock the file `.lock`."""
    path = folder / LOCK
    try:
        for _ in range(ATTEMPTS):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
            except FileNotFoundError:  # another process has just removed the folder
                continue
            if not _lock(file):
                raise _held(folder, file)
            if _leads_to(path, file):
                holder = {"host": socket.gethostname(), "pid": os.getpid(), "since": utc_now()}
                os.ftruncate(file, 0)
                os.lseek(file, 0, os.SEEK_SET)
                os.write(file, json.dumps(holder).encode())
                return file
            os.close(file)
            time.sleep(PAUSE)
    except OSError as error:
        raise fail("ARCH304", f"{path} cannot be written: {error.strerror}") from None
    raise fail("ARCH202", f"{folder} is in use by other processes")


def _release(folder: Path, file: int, missing: Sequence[Path]) -> None:
    """Release the lock, and restore the folder if no run started in it."""
    with suppress(OSError):
        begun = (folder / RUN).exists()
        if not begun:
            for name in BEFORE_RUN[1:]:
                path = folder / name
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        (folder / LOCK).unlink(missing_ok=True)
        for path in () if begun else missing:
            path.rmdir()
    os.close(file)


def _lock(file: int) -> bool:
    """Try to lock an open file."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(file, 1 << 20, os.SEEK_SET)  # locked bytes cannot be read, so lock some beyond the end
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        reason = f"cannot lock the run folder: {error.strerror}"
        warnings.warn(f"{reason}; do not start another training in it", stacklevel=2)
    return True


def _leads_to(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file))
    except FileNotFoundError:
        return False


def _held(folder: Path, file: int) -> ArchError:
    """Return the error that names the holder of the lock; closes the file."""
    who = "another process"
    try:
        for _ in range(ATTEMPTS):
            os.lseek(file, 0, os.SEEK_SET)
            try:
                holder = json.loads(os.read(file, 4096))
                who = f"process {holder['pid']:d} on {holder['host']} since {holder['since']}"
                break
            except (ValueError, KeyError, TypeError):  # the holder has not written its name yet
                time.sleep(PAUSE)
    finally:
        os.close(file)
    return fail("ARCH202", f"{folder} is in use by {who}", hint="wait for it to finish, or choose another folder")


def _remove_partial(folder: Path) -> None:
    """Remove partial files of killed processes."""
    for path in (*folder.glob(".*.partial*"), *folder.glob("*/.*.partial*")):
        if is_partial(path.name):
            path.unlink(missing_ok=True)
