"""Run folders with every kind of damage: each command ends with a message, quickly, and without a traceback."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("needs fork, and Linux's count of memory", allow_module_level=True)

import hostile_runs
from forked import run_commands

LISTINGS = ("runs RUN", "runs good RUN", "runs RUN --json", "runs RUN good --json")
DRAWING = "runs good RUN --out both.png"
TRAININGS = ("train --resume RUN", "train --resume RUN", "evaluate RUN")

REFUSED, BUILT = (1, 300), (30, 600)
"""Limits on the processor time (s) and memory (MB) of a command, and of one that builds a network."""


def faults(runs: list[Path], commands: Sequence[str], modules: Sequence[str] = ()) -> list[str]:
    """The faults of the commands, which take turns on the runs."""
    chosen = {}
    for number, run in enumerate(runs):
        words = commands[number % len(commands)].split()
        chosen[f"{' '.join(words)}: {run.name}"] = [run.name if word == "RUN" else word for word in words]
    ended = run_commands(chosen, runs[0].parent, modules)
    assert len(ended) == len(runs)
    return [
        f"{name}: {fault}"
        for name, each in ended.items()
        for fault in each.faults(*(BUILT if AFTER_BUILDING.search(each.text) else REFUSED))
    ]


AFTER_BUILDING = re.compile("test accuracy|does not match this network|has changed since the run started|notes.early")
"""What is said after a network was built."""


def test_damaged_runs_are_listed_and_compared(tmp_path: Path) -> None:
    assert faults(hostile_runs.write(tmp_path, 50, seed=0), LISTINGS) == []


@pytest.mark.slow
def test_many_damaged_runs_are_listed_and_compared(tmp_path: Path) -> None:
    modules = ("matplotlib.figure", "archdsl.runs.curves", "archdsl.runs.comparison")
    assert faults(hostile_runs.write(tmp_path, 224, seed=1), (*LISTINGS, DRAWING), modules) == []


@pytest.mark.slow
@pytest.mark.tensorflow
def test_damaged_runs_are_resumed_or_rejected(tmp_path: Path) -> None:
    runs = hostile_runs.write(tmp_path, 28, seed=2, checkpoints=True)
    assert faults(runs, TRAININGS, ("archdsl.training.fit",)) == []
