"""The lock of a run's folder: one process at a time writes there.

The system's own lock on the file `.lock` holds, and not the file: the system releases it when the process ends, however
that happens. The file says who holds it. The last that its holder does is to remove it; whoever waits for a file that
was removed in the meantime would hold nothing, and so looks whether the name still leads to what it locked.
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
"""How often, and after how many seconds, a lock that another process makes or removes at this moment is looked at."""


@contextmanager
def new_run(folder: Path) -> Iterator[None]:
    """Holds the lock of a folder in which a run begins; without a `run.json` at the end, nothing is left there.

    Raises:
        ArchError: another process has it, or it holds something (ARCH202), or it cannot be written to (ARCH304).
    """
    if not (folder / LOCK).is_file():
        check_free(folder)
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    with _locked(folder, missing):
        check_free(folder)
        yield


@contextmanager
def known_run(folder: Path) -> Iterator[None]:
    """Holds the lock of a folder that has a run.

    Raises:
        ArchError: another process has it (ARCH202), or it cannot be written to (ARCH304).
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
    """The open file `.lock`, which this process has locked."""
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
    """Gives the lock back; a folder in which no run began is as it was before."""
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
    """Whether this process has the lock of an open file now."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(file, 1 << 20, os.SEEK_SET)  # what is locked there cannot be read
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        warnings.warn(f"nothing keeps another training from this folder: {error.strerror}", stacklevel=2)
    return True


def _leads_to(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file))
    except FileNotFoundError:
        return False


def _held(folder: Path, file: int) -> ArchError:
    """Says who has the lock; closes the file."""
    who = "another process"
    try:
        for _ in range(ATTEMPTS):
            os.lseek(file, 0, os.SEEK_SET)
            try:
                holder = json.loads(os.read(file, 4096))
                who = f"process {holder['pid']:d} on {holder['host']}, since {holder['since']}"
                break
            except (ValueError, KeyError, TypeError):  # it has the lock, and has not yet written who it is
                time.sleep(PAUSE)
    finally:
        os.close(file)
    return fail("ARCH202", f"{folder} is in use: {who}", hint="wait until it ends, or name another folder")


def _remove_partial(folder: Path) -> None:
    """Removes what killed processes were writing."""
    for path in (*folder.glob(".*.partial*"), *folder.glob("*/.*.partial*")):
        if is_partial(path.name):
            path.unlink(missing_ok=True)
