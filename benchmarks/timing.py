"""How benchmarks measure: ratios of medians over interleaved pairs, of calls and of whole processes."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parent.parent

BASE = "import pydantic, ruamel.yaml, typer; from pydantic import BaseModel"
"""What a program of these libraries costs before it does anything."""

Found: TypeAlias = dict[str, tuple[float, float, float, float]]
"""By what is measured: the ratio, the least and the largest of a pair, and seconds."""


def pairs(one: Callable[[], float], other: Callable[[], float], count: int) -> tuple[float, float, float, float]:
    """The ratio one/other of medians over interleaved pairs, the least and largest of a pair, one's median in seconds.

    Which of the two goes first changes from pair to pair, so that drift does not favour one.
    """
    times: tuple[list[float], list[float]] = ([], [])
    one(), other()
    for number in range(count):
        for which in (0, 1) if number % 2 else (1, 0):
            times[which].append((one, other)[which]())
    ratios = [a / b for a, b in zip(*times, strict=True)]
    ours, theirs = (statistics.median(column) for column in times)
    return ours / theirs, min(ratios), max(ratios), ours


def process(*command: str) -> Callable[[], float]:
    """Times a whole process."""

    def run() -> float:
        start = time.perf_counter()
        finished(*command)
        return time.perf_counter() - start

    return run


def finished(*command: str) -> int:
    """Runs a command to its end, and gives its peak memory in bytes.

    Linux counts the memory of the process that starts it, too, where that has more: start it from a small one.
    """
    # The libraries were compiled when they were installed, and so is archdsl on a user's machine.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return usage.ru_maxrss * (1 if os.uname().sysname == "Darwin" else 1024)


def timed(action: Callable[[], object]) -> Callable[[], float]:
    """Times a call."""

    def run() -> float:
        start = time.perf_counter()
        action()
        return time.perf_counter() - start

    return run
