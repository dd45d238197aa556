"""Damaged and hostile data sets of every format: one message each, in little time and memory, and nothing is run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from forked import run_commands
from hostile_data import corpus

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and measures what a fork takes")

MODULES = (
    *("archdsl.data.dataset", "archdsl.data.inspection", "archdsl.data.samples", "PIL.PngImagePlugin"),
    *(f"archdsl.data.sources.{name}" for name in ("npz", "folder", "fashion_mnist", "cifar10", "cifar100")),
)


@pytest.mark.parametrize(
    ("seed", "count"), [pytest.param(14, 40, id="some"), pytest.param(15, 260, id="all", marks=pytest.mark.slow)]
)
def test_no_data_set_does_harm(seed: int, count: int, tmp_path: Path) -> None:
    commands = corpus(tmp_path / "sets", count, seed)
    place = tmp_path / "place"
    place.mkdir()
    ended = run_commands(commands, place, MODULES, KERAS_HOME=str(tmp_path / "keras"))
    faults = {name: found for name, one in ended.items() if (found := one.faults(5, 300))}
    assert not faults
    assert not list(place.iterdir())
    assert sum(one.code == 3 for one in ended.values()) > count * 0.7
