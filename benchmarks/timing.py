"""How benchmarks measure: ratios of medians over interleaved pairs, of calls and of whole processes."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    from resource import struct_rusage

T = TypeVar("T")

ROOT = Path(__file__).parent.parent

BASE = "import pydantic, ruamel.yaml, typer; from pydantic import BaseModel"
"""What a program of these libraries costs before it does anything."""

Found: TypeAlias = dict[str, tuple[float, float, float, float]]
"""By what is measured: the ratio, the least and the largest of a pair, and seconds."""


def pairs(one: Callable[[], float], other: Callable[[], float], count: int) -> tuple[float, float, float, float]:
    """The `summary` of one/other over interleaved pairs."""
    return summary(interleaved(one, other, count))


def interleaved(one: Callable[[], T], other: Callable[[], T], count: int) -> list[tuple[T, T]]:
    """What two measurements give in pairs, after one pair that does not count.

    Which of the two goes first changes from pair to pair, so that drift does not favour one.
    """
    one(), other()
    found = []
    for number in range(count):
        if number % 2:
            first = one()
            found.append((first, other()))
        else:
            second = other()
            found.append((one(), second))
    return found


def summary(times: Sequence[tuple[float, float]]) -> tuple[float, float, float, float]:
    """The ratio of the medians, the least and the largest ratio of a pair, and the first median, in seconds."""
    ratios = [a / b for a, b in times]
    ours, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    return ours / theirs, min(ratios), max(ratios), ours


def process(*command: str) -> Callable[[], float]:
    """Times a whole process."""
    return lambda: seconds(*command)[0]


def seconds(*command: str) -> tuple[float, float]:
    """Wall and CPU time of a whole process."""
    start = time.perf_counter()
    usage = finished(*command)
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime


def memory(*command: str) -> int:
    """The peak memory of a whole process, in bytes.

    Linux counts the memory of the process that starts it, too, where that has more: start it from a small one.
    """
    return finished(*command).ru_maxrss * (1 if os.uname().sysname == "Darwin" else 1024)


def finished(*command: str) -> struct_rusage:
    """Runs a command to its end, and gives what it used."""
    # The libraries were compiled when they were installed, and so is archdsl on a user's machine.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return usage


def timed(action: Callable[[], object]) -> Callable[[], float]:
    """Times a call."""

    def run() -> float:
        start = time.perf_counter()
        action()
        return time.perf_counter() - start

    return run
