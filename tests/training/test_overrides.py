"""A run whose recipe was overridden: its folder has the effective spec, and a later command agrees."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import archdsl
from archdsl.runs.folder import CARD, RUN, SPEC, read_result

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

NET = """\
archdsl: 1
name: Net
input: [8, 8, 1]
model: [flatten, dense: {units: 10, activation: softmax}]
data: {source: digits, limit: 64}
train:
  epochs: 3  # more than needed
  optimizer: adam
"""


def test_the_run_has_the_effective_spec_and_can_be_resumed(tmp_path: Path) -> None:
    words = {"train.epochs": 1, "train.optimizer.sgd.momentum": 0.5, "data.batch_size": 16}
    run = tmp_path / "run"
    done = archdsl.train(archdsl.loads(NET), run, arguments=words)
    assert (done.epochs, done.arguments, done.overridden) == (1, {}, words)
    text = (run / SPEC).read_text(encoding="utf-8")
    assert "epochs: 1  # more than needed\n  optimizer: {sgd: {momentum: 0.5}}\n" in text
    assert "`train.optimizer.sgd.momentum` = `0.5`" in (run / CARD).read_text(encoding="utf-8")
    assert json.loads((run / RUN).read_text(encoding="utf-8"))["overridden"] == words

    replace(done, status="interrupted").write(run)
    again = archdsl.resume(run)
    assert (again.test_loss, again.overridden) == (done.test_loss, words)
    assert read_result(run) == again
