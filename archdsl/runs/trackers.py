"""Logging of runs to TensorBoard, MLflow or Weights & Biases, each an optional extra of this package.

A tracker is one class here, one entry in `TRACKERS`, and one extra in `pyproject.toml`. The command line reads its name
from `TRACKERS`. Nothing is imported until a tracker is created.

The Keras callbacks of these packages are not used, because they would log something other than what a run folder holds.
Keras's `TensorBoard` numbers epochs from 0, names the values `epoch_loss` and cannot add a card or a picture.
`mlflow.keras.MlflowCallback` needs a process-wide active run, and logs the optimizer's settings and a model summary
instead of the recipe. `WandbMetricsLogger` prefixes each name with `epoch/`. All three raise if the network or the disk
fails, which would end the training.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from archdsl.errors import fail, nearest
from archdsl.runs.folder import CARD, CONFUSION, CURVES, MASKS, MISTAKES, NETWORK, OUTPUTS, RESIDUALS, SPEC, Result

PICTURES = (CURVES, CONFUSION, MISTAKES, RESIDUALS, MASKS, OUTPUTS)
FILES = (SPEC, CARD, NETWORK, *PICTURES)
"""The files in a run folder that are uploaded to trackers that store files."""

SETTINGS = ("spec", "variant", "seed", "epochs", "limit", "source", "parameters")
SCORES = ("test_accuracy", "plain_test_accuracy", "test_loss", "validation_accuracy", "validation_loss", "seconds")
"""The fields of a result that are known at the start of a run, and those that are known at its end."""


class Tracker:
    """Base class of trackers, which log the values of each epoch, and at the end the result and the files of a run.

    Args:
        folder: the run folder.
        result: the result as known at the start of the run.

    Raises:
        ArchError: the tracker cannot start (ARCH203), or its package is not installed (ARCH306).
    """

    def __init__(self, folder: Path, result: Result) -> None:
        self.folder = folder

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Log the values of an epoch, counted from 1."""
        raise NotImplementedError

    def finish(self, result: Result) -> None:
        """Log the result and the files of a run, however it ended."""
        raise NotImplementedError

    def files(self, names: Sequence[str]) -> Iterator[Path]:
        """Return the paths of those files that exist in the run folder."""
        return (self.folder / name for name in names if (self.folder / name).is_file())


class TensorBoard(Tracker):
    """Writes event files to the run folder. `tensorboard --logdir runs` shows training and validation in one chart."""

    def __init__(self, folder: Path, result: Result) -> None:
        super().__init__(folder, result)
        _package("tensorboard")
        self._tf = importlib.import_module("tensorflow")
        self._writers: dict[str, Any] = {}

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            part = "validation" if name.startswith("validation_") else "train"
            with self._writer(part).as_default(step=epoch):
                self._tf.summary.scalar(name.removeprefix("validation_"), value)
        for writer in self._writers.values():
            writer.flush()

    def finish(self, result: Result) -> None:
        with self._writer("train").as_default(step=result.epochs_run):
            for name, value in scores(result).items():
                self._tf.summary.scalar(name, value)
            for path in self.files([CARD]):
                self._tf.summary.text("card", path.read_text(encoding="utf-8"))
            for path in self.files(PICTURES):
                self._tf.summary.image(path.stem, self._tf.io.decode_png(path.read_bytes(), channels=3)[None])
        for writer in self._writers.values():
            writer.close()

    def _writer(self, part: str) -> Any:
        if part not in self._writers:
            self._writers[part] = self._tf.summary.create_file_writer(str(self.folder / "tensorboard" / part))
        return self._writers[part]


class MLflow(Tracker):
    """Logs to MLflow, in an experiment named like the spec.

    The destination is MLFLOW_TRACKING_URI, or by default the folder `mlruns` next to the run folder.
    """

    def __init__(self, folder: Path, result: Result) -> None:
        super().__init__(folder, result)
        mlflow = _package("mlflow")
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        if not uri:
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # otherwise MLflow 3.17 accepts only databases
            uri = (folder.absolute().parent / "mlruns").as_uri()
        try:
            self._client = mlflow.MlflowClient(tracking_uri=uri)
            known = self._client.get_experiment_by_name(result.spec)
            experiment = known.experiment_id if known else self._client.create_experiment(result.spec)
            tags = dict.fromkeys(result.tags, "true")
            self._id = self._client.create_run(experiment, run_name=folder.name, tags=tags).info.run_id
            for name, value in settings(result).items():
                self._client.log_param(self._id, name, value)
        except Exception as error:
            raise _refused("mlflow", error, "set MLFLOW_TRACKING_URI to the address of your MLflow server") from None

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._client.log_metric(self._id, name, value, step=epoch)

    def finish(self, result: Result) -> None:
        self.log(result.epochs_run, scores(result))
        for path in self.files(FILES):
            self._client.log_artifact(self._id, str(path))
        status = {"finished": "FINISHED", "interrupted": "KILLED"}.get(result.status, "FAILED")
        self._client.set_terminated(self._id, status)


class WandB(Tracker):
    """Logs to Weights & Biases, in the project WANDB_PROJECT, by default `archdsl`."""

    def __init__(self, folder: Path, result: Result) -> None:
        super().__init__(folder, result)
        self._wandb = _package("wandb")
        was_there = folder.exists()
        folder.mkdir(parents=True, exist_ok=True)  # otherwise wandb would write to another folder
        try:
            self._run = self._wandb.init(
                project=os.environ.get("WANDB_PROJECT", "archdsl"),
                name=folder.name,
                dir=str(folder),
                config=settings(result),
                tags=list(result.tags),
                settings=self._wandb.Settings(silent=True),
            )
        except Exception as error:
            if not was_there:
                shutil.rmtree(folder, ignore_errors=True)
            raise _refused("wandb", error, "run `wandb login`, or set WANDB_MODE=offline") from None

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=epoch)

    def finish(self, result: Result) -> None:
        self._run.summary.update(scores(result))
        pictures = {path.stem: self._wandb.Image(str(path)) for path in self.files(PICTURES)}
        if pictures:
            self._run.log(pictures)
        self._run.finish(exit_code=0 if result.status == "finished" else 1)


TRACKERS: dict[str, type[Tracker]] = {"tensorboard": TensorBoard, "mlflow": MLflow, "wandb": WandB}
"""The trackers by the value of `--log`, which is also the name of the package and of the extra."""


def start(names: Sequence[str], folder: Path, result: Result) -> list[Tracker]:
    """Start trackers for a new run.

    Raises:
        ArchError: a tracker is unknown or cannot start (ARCH203), or its package is not installed (ARCH306).
    """
    for name in names:
        if name not in TRACKERS:
            raise fail("ARCH203", f"unknown tracker `{name}`", hint=nearest(name, TRACKERS))
    return [TRACKERS[name](folder, result) for name in dict.fromkeys(names)]


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        message = f"`--log {name}` requires the package {name}, which cannot be imported: {error}"
        raise fail("ARCH306", message, hint=f"run `pip install 'archdsl[{name}]'`") from None


def _refused(name: str, error: Exception, hint: str) -> Exception:
    first = " ".join(str(error).split())[:300] or type(error).__name__
    return fail("ARCH203", f"`--log {name}` failed to start: {first}", hint=hint)


def settings(result: Result) -> dict[str, Any]:
    """Return the settings of a run as flat data, without anything that identifies the machine."""
    values = asdict(result)
    arguments = {f"argument_{name}": value for name, value in values["arguments"].items()}
    images = {f"images_{name}": count for name, count in values["images"].items()}
    return {name: values[name] for name in SETTINGS} | arguments | images


def scores(result: Result) -> dict[str, float]:
    """Return the values that are known at the end of a run."""
    known = {f"test_{name}": value for name, value in (result.test_scores or {}).items()}
    return known | {name: value for name in SCORES if (value := getattr(result, name)) is not None}
