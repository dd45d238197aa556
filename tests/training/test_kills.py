"""Trainings that are killed at any event in their folder end with what an uncut one gives, to the bit."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from killed import Warm, digest

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.skipif(sys.platform != "linux", reason="forks, and reads /proc"),
]

TEXT = """\
archdsl: 1
name: Tiny
input: [8, 8, 1]
model: [flatten, {dropout: {rate: 0.2}}, {dense: {units: 10, activation: softmax}}]
data: {source: digits, batch_size: 64, limit: 100, standardize: true}
train: {epochs: %d, seed: %d, optimizer: {adam: {learning_rate: 0.01}}, deterministic: true}
"""


@dataclass(frozen=True)
class Whole:
    """An uncut run: its spec, how many events it has, and what others must agree with."""

    spec: str
    events: int
    optimizer: list[str]
    digest: dict[str, Any]


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    with Warm() as process:
        yield process


def whole(warm: Warm, run: Path, epochs: int, seed: int, pictures: bool = False) -> Whole:
    spec = TEXT % (epochs, seed)
    ended = warm.run(run, spec, pictures=pictures)
    assert ended["code"] == 0, ended
    assert ended["events"] >= 40, ended["names"]
    return Whole(spec, ended["events"], ended["optimizer"], digest(run))


def again(warm: Warm, run: Path, known: Whole, pictures: bool = False) -> str:
    """Goes on after a kill as the messages say; what is wrong with the outcome."""
    begun = (run / "run.json").exists()
    ended = warm.run(run, known.spec, resume=begun, pictures=pictures)
    if ended["code"] and begun and "is finished" in ended.get("error", ""):
        ended = {"optimizer": ended.get("optimizer") or known.optimizer}
    elif ended["code"]:
        return str(ended)
    if ended["optimizer"] != known.optimizer:
        return "another state of the optimizer"
    found = digest(run)
    return ", ".join(
        f"{name}: {found[name]} for {known.digest[name]}" for name in found if found[name] != known.digest[name]
    )


def kill(warm: Warm, run: Path, known: Whole, at: int, after: bool, pictures: bool = False) -> str:
    """Kills a run at an event, and goes on; what is wrong."""
    shutil.rmtree(run, ignore_errors=True)
    ended = warm.run(run, known.spec, at=at, after=after, pictures=pictures)
    return again(warm, run, known, pictures) if ended["code"] == -9 else f"not killed: {ended}"


def places(known: Whole, most: int = 10_000) -> list[tuple[int, bool]]:
    """At most so many of the places of a run, spread over all of it."""
    every = [(at, after) for at in range(known.events) for after in (False, True)]
    return [every[number * len(every) // most] for number in range(most)] if most < len(every) else every


def test_a_killed_run_goes_on_to_the_same_bits(warm: Warm, tmp_path: Path) -> None:
    known = whole(warm, tmp_path / "whole", 2, 1)
    wrong = {place: fault for place in places(known, 6) if (fault := kill(warm, tmp_path / "run", known, *place))}
    assert not wrong


@pytest.mark.slow
@pytest.mark.parametrize(("epochs", "seed"), [(2, 1), (3, 2)])
def test_every_place_of_a_run_goes_on_to_the_same_bits(epochs: int, seed: int, warm: Warm, tmp_path: Path) -> None:
    known = whole(warm, tmp_path / "whole", epochs, seed)
    every = places(known)
    wrong = {place: fault for place in every if (fault := kill(warm, tmp_path / "run", known, *place))}
    print(f"{len(every) - len(wrong)} of {len(every)} agree")
    assert len(every) >= 150
    assert not wrong


@pytest.mark.slow
def test_a_resumed_run_that_is_killed_again_goes_on_to_the_same_bits(warm: Warm, tmp_path: Path) -> None:
    known = whole(warm, tmp_path / "whole", 3, 3)
    cut, run = tmp_path / "cut", tmp_path / "run"
    middle = known.events // 2
    assert warm.run(cut, known.spec, at=middle)["code"] == -9
    shutil.copytree(cut, run)
    events = warm.run(run, resume=True)["events"]
    tried, wrong = 0, {}
    for at in range(events):
        for after in (False, True):
            shutil.rmtree(run)
            shutil.copytree(cut, run)
            assert warm.run(run, resume=True, at=at, after=after)["code"] == -9
            tried += 1
            if fault := again(warm, run, known):
                wrong[at, after] = fault
    print(f"{tried - len(wrong)} of {tried} agree")
    assert not wrong
