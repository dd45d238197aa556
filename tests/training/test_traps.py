"""Warnings about settings and data that ruin a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from archdsl.training import dry_run, fit, traps
from archdsl.training.setup import Overrides, prepare
from archdsl.zoo import loads

pytestmark = pytest.mark.tensorflow

TEXT = """archdsl: 1
name: Tiny
input: [4, 4, 1]
model:
  - conv: {filters: 2, kernel: 3, bias: false, norm: batch, activation: relu}
  - global_average_pool
  - dense: {units: 2, activation: softmax}
data: {source: {npz: {path}}, {data}}
train: {epochs: {epochs}, {train}}
"""


@pytest.fixture
def found(tmp_path: Path) -> Any:
    """The codes and texts of the warnings about a training on images of noise."""

    def warnings(
        data: str = "batch_size: 8, validation: 0.4",
        train: str = "jit_compile: false",
        epochs: int = 100,
        positives: int = 160,
        repeated: int = 0,
        side: int = 4,
    ) -> dict[str, str]:
        random = np.random.default_rng(0)
        images = random.integers(0, 256, (320, side, side, 1), dtype=np.uint8)
        test = random.integers(0, 256, (200, side, side, 1), dtype=np.uint8)
        test[:repeated] = images[0]
        labels = (np.arange(320) < positives).astype(np.int64)
        np.savez(
            tmp_path / "noise.npz",
            x_train=images,
            y_train=labels,
            x_test=test,
            y_test=np.arange(200) % 2,
        )
        text = TEXT.replace("{path}", str(tmp_path / "noise.npz")).replace("{data}", data).replace("{train}", train)
        text = text.replace("{epochs}", str(epochs)).replace("[4, 4, 1]", f"[{side}, {side}, 1]")
        return {each.code: each.render() for each in traps.find(prepare(loads(text, "tiny.yaml"), Overrides()))}

    return warnings


def test_a_sound_training_has_no_warning(found: Any) -> None:
    assert found() == {}


def test_batch_norm_that_cannot_settle(found: Any) -> None:
    text = found(epochs=3)["ARCH521"]
    assert "tiny.yaml:5:5: warning[ARCH521]" in text
    assert "set `momentum: 0.9` for `batch_norm`" in text
    assert "after 72 steps, 48 % of" in text
    assert "ARCH521" not in found(epochs=40)


def test_a_test_set_that_overlaps_the_training_set(found: Any) -> None:
    warnings = found(data="batch_size: 8, validation: 0", train="keep: last", repeated=1, side=6)
    assert "1 of the 200 test examples is also in the training set" in warnings["ARCH601"]


def test_a_few_examples_of_few_values_may_agree(found: Any) -> None:
    data = "batch_size: 8, validation: 0"
    assert "ARCH601" not in found(data=data, train="keep: last", repeated=1)
    assert "20 of the 200 test examples are" in found(data=data, train="keep: last", repeated=20)["ARCH601"]


def test_unbalanced_classes(found: Any) -> None:
    text = found(positives=40)["ARCH602"]
    assert "168 training examples of `0`, 24 of `1`" in text
    assert "a network that always predicts `0` reaches 87.50 %" in text
    assert "ARCH602" not in found(data="batch_size: 8, validation: 0.4, class_weights: balanced", positives=40)


def test_a_validation_set_too_small_to_choose_by(found: Any) -> None:
    text = found(data="batch_size: 8, validation: 0.1")["ARCH603"]
    assert "the best epoch is chosen by 32 validation examples" in text
    assert "at 90 % accuracy, that is within 10.4 percentage points, with 95 % confidence" in text
    assert "ARCH603" not in found(data="batch_size: 8, validation: 0.1", train="keep: last")


def test_bfloat16_with_xla_on_a_cpu(found: Any) -> None:
    text = found(train="jit_compile: true, precision: mixed_bfloat16")["ARCH604"]
    assert "help: set `jit_compile: false` in `train`" in text
    assert "ARCH604" not in found(train="jit_compile: false, precision: mixed_bfloat16")


@pytest.mark.parametrize(("loss", "first", "told"), [(100.0, 2.3, True), (2.0, 2.3, False), (7.0, 2.3, False)])
def test_a_loss_that_is_finite_and_far_above_its_start(loss: float, first: float, told: bool) -> None:
    problem = traps.diverged(loss, first, 0.02, "in epoch 2")
    assert (problem is not None) == told
    if problem:
        assert problem.message == "the loss is 100 in epoch 2, far above the 2.3 of the first step"
        assert "lower the learning rate, for example to 0.002" in problem.hint


def test_the_error_bar_of_an_accuracy() -> None:
    """Against the textbook's example: 52 % of 1,000 answers are known within 3.1 points."""
    assert round(100 * traps.margin(0.52, 1000), 1) == 3.1


def test_a_run_that_diverges_says_so_in_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = TEXT.replace("{path}", str(tmp_path / "noise.npz")).replace("{data}", "batch_size: 8, validation: 0.4")
    text = text.replace("{train}", "steps_per_execution: 1, optimizer: {sgd: {learning_rate: 30.0}}").replace(
        "{epochs}", "2"
    )
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (320, 4, 4, 1), dtype=np.uint8), random.integers(0, 2, 320)
    np.savez(tmp_path / "noise.npz", x=images, y=labels)
    planned = dry_run.try_training(loads(text, "tiny.yaml"), tmp_path / "run", Overrides())
    assert [problem.code for problem in planned.warnings] == ["ARCH521", "ARCH605"]
    result = fit.train(loads(text, "tiny.yaml"), tmp_path / "run")
    assert [warning[:8] for warning in result.warnings] == ["ARCH521:", "ARCH605:"]
    assert capsys.readouterr().err.count("warning[ARCH605]") == 1
    assert "- Warning ARCH605: the loss is " in (tmp_path / "run/card.md").read_text()
