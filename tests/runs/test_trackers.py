"""Trackers: each package if it is installed, and the messages if it is not."""

from __future__ import annotations

import re
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from finished_run import RUN

pytest.importorskip("keras")

from archdsl.errors import ArchError
from archdsl.runs import trackers
from archdsl.runs.folder import CARD, CURVES, MASKS, Result
from archdsl.training.callbacks import Tracking

pytestmark = pytest.mark.tensorflow

LOGS = [
    {"loss": 1.5, "accuracy": 0.5, "val_loss": 1.25, "val_accuracy": 0.625},
    {"loss": 1.0, "accuracy": 0.75, "val_loss": 0.5, "val_accuracy": 0.875},
]
RUN_OF_TWO = replace(RUN, epochs_run=2, tags=("first",))


def tracked(name: str, folder: Path, run: Result = RUN_OF_TWO) -> None:
    """Log two epochs and a result, like the training loop."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CARD).write_text("# A card\n")
    picture(folder / CURVES)
    tracking = Tracking(trackers.start([name, name], folder, run))
    assert len(tracking.trackers) == 1
    tracking.set_model(SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.25)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for epoch, logs in enumerate(LOGS):
            tracking.on_epoch_end(epoch, logs)
        tracking.finish(run)


def picture(path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (4, 4), "red").save(path)


def test_tensorboard_reads_what_is_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    tracked("tensorboard", tmp_path / "run")
    read = {part: EventAccumulator(str(tmp_path / "run/tensorboard" / part)) for part in ("train", "validation")}
    told = {}
    for part, events in read.items():
        events.Reload()
        for tag in events.Tags()["tensors"]:
            if tag not in ("card", "curves"):
                told[part, tag] = [(one.step, float(make_ndarray(one.tensor_proto))) for one in events.Tensors(tag)]
    assert told["train", "loss"] == [(1, 1.5), (2, 1.0)]
    assert told["train", "learning_rate"] == [(1, 0.25), (2, 0.25)]
    assert told["validation", "accuracy"] == [(1, 0.625), (2, 0.875)]
    assert {"card", "curves"} <= set(read["train"].Tags()["tensors"])
    assert told["train", "test_accuracy"] == [(2, pytest.approx(0.9889))]


def test_tensorboard_gets_the_values_of_all_outputs_and_the_scores_and_pictures_of_any_task(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    picture(tmp_path / MASKS)
    run = replace(RUN_OF_TWO, task="segmentation", test_accuracy=None, test_scores={"mean_iou": 0.5, "accuracy": 0.75})
    (tracker,) = trackers.start(["tensorboard"], tmp_path, run)
    tracker.log(1, {"loss": 2.0, "left_mean_iou": 0.5, "validation_loss": 1.0, "validation_right_loss": 0.25})
    tracker.finish(run)
    tags = {}
    for part in ("train", "validation"):
        events = EventAccumulator(str(tmp_path / "tensorboard" / part))
        events.Reload()
        tags[part] = set(events.Tags()["tensors"])
    assert tags["validation"] == {"loss", "right_loss"}
    assert {"loss", "left_mean_iou", "test_mean_iou", "test_accuracy", "masks"} <= tags["train"]


@pytest.mark.parametrize("status", ["finished", "interrupted", "failed"])
def test_mlflow_reads_what_is_written(status: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    tracked("mlflow", tmp_path / "run", replace(RUN_OF_TWO, status=status))
    client = mlflow.MlflowClient(tracking_uri=(tmp_path / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("DigitsResNet")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "run"
    assert run.info.status == {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}[status]
    assert (run.data.params["seed"], run.data.params["images_train"]) == ("3", "1293")
    assert run.data.metrics["test_accuracy"] == 0.9889
    told = client.get_metric_history(run.info.run_id, "accuracy")
    assert [(one.step, one.value) for one in told] == [(1, 0.5), (2, 0.75)]
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {"card.md", "curves.png"}


@pytest.mark.slow  # it starts a service of its own
def test_wandb_writes_a_run_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    tracked("wandb", tmp_path / "run")
    (written,) = (tmp_path / "run/wandb").glob("offline-run-*/run-*.wandb")
    content = written.read_bytes()
    assert {b"validation_accuracy", b"test_accuracy", b"learning_rate"} <= set(re.findall(rb"[a-z_]{9,}", content))
    assert list((tmp_path / "run/wandb").glob("offline-run-*/files/media/images/curves*.png"))


@pytest.mark.parametrize("name", trackers.TRACKERS)
def test_a_missing_package_is_reported_with_how_to_install_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ArchError) as caught:
        trackers.start([name], tmp_path / "run", RUN)
    assert f"error[ARCH306]: `--log {name}` requires the package {name}" in str(caught.value)
    assert f"help: run `pip install 'archdsl[{name}]'`" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_an_unknown_tracker_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ArchError, match=r"ARCH203.*unknown tracker `wandbb`\n.*did you mean `wandb`"):
        trackers.start(["wandbb"], tmp_path, RUN)


class Failing(trackers.Tracker):
    """A tracker that can no longer log."""

    logged = 0

    def log(self, epoch: int, values: Any) -> None:
        self.logged += 1
        raise ConnectionError("the network is down")


def test_a_failing_tracker_does_not_end_training(tmp_path: Path) -> None:
    tracker = Failing(tmp_path, RUN)
    tracking = Tracking([tracker])
    tracking.set_model(SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.25)))
    with pytest.warns(UserWarning, match="logging to Failing stopped: ConnectionError: the network is down"):
        tracking.on_epoch_end(0, LOGS[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tracking.on_epoch_end(1, LOGS[1])
        tracking.finish(RUN)
    assert tracker.logged == 1


def test_a_tracker_that_fails_to_start_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nosuch://place")
    with pytest.raises(ArchError, match=r"ARCH203.*`--log mlflow` failed to start: (.|\n)*MLFLOW_TRACKING_URI"):
        trackers.start(["mlflow"], tmp_path / "run", RUN)
