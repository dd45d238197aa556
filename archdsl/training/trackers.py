"""Logs a run elsewhere, too: TensorBoard, MLflow, Weights & Biases. Each is an extra, and none may end a training."""

from __future__ import annotations

import importlib
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from archdsl.errors import fail, nearest
from archdsl.runs.folder import CARD, CONFUSION, CURVES, MISTAKES, NETWORK, SPEC, Result

PICTURES = (CURVES, CONFUSION, MISTAKES)
FILES = (SPEC, CARD, NETWORK, *PICTURES)
"""What goes where files can be kept."""

SCORES = ("test_accuracy", "plain_test_accuracy", "test_loss", "validation_accuracy", "validation_loss", "seconds")
"""Of a result, what is known at the end."""


class Tracker(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells each epoch's numbers, and at the end what came of the run. Where that fails, it warns once and stops.

    Args:
        folder: the run's.
        result: what is known at its beginning.
    """

    def __init__(self, folder: Path, result: Result) -> None:
        super().__init__()
        self.folder, self.begun = folder, result
        self._works = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        values = {name.replace("val_", "validation_", 1): float(value) for name, value in (logs or {}).items()}
        values["learning_rate"] = float(self.model.optimizer.learning_rate)
        self._try(lambda: self.log(epoch + 1, values))

    def close(self, result: Result) -> None:
        """Tells what came of the run, whatever way it ended."""
        self._try(lambda: self.finish(result))

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Tells the numbers of an epoch, which counts from 1."""
        raise NotImplementedError

    def finish(self, result: Result) -> None:
        """Tells the result, and the pictures that lie in the run's folder."""
        raise NotImplementedError

    def _try(self, told: Any) -> None:
        if not self._works:
            return
        try:
            told()
        except Exception as error:  # these packages have errors of their own, of networks and of disks
            self._works = False
            first = " ".join(str(error).split())[:200]
            message = f"{type(self).__name__} is told nothing any more: {type(error).__name__}: {first}"
            warnings.warn(message, stacklevel=2)

    def _files(self, names: Sequence[str]) -> Iterator[Path]:
        return (self.folder / name for name in names if (self.folder / name).is_file())


class TensorBoard(Tracker):
    """Event files in the run's folder: `tensorboard --logdir runs` shows them, training and validation in one chart."""

    def __init__(self, folder: Path, result: Result) -> None:
        super().__init__(folder, result)
        _package("tensorboard", "tensorboard")
        self._writers: dict[str, Any] = {}

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            held = name.startswith("validation_")
            with self._writer("validation" if held else "train").as_default(step=epoch):
                tf.summary.scalar(name.removeprefix("validation_"), value)
        for writer in self._writers.values():
            writer.flush()

    def finish(self, result: Result) -> None:
        with self._writer("train").as_default(step=result.epochs_run):
            for path in self._files([CARD]):
                tf.summary.text("card", path.read_text(encoding="utf-8"))
            for path in self._files(PICTURES):
                tf.summary.image(path.stem, tf.io.decode_png(path.read_bytes(), channels=3)[None])
        for writer in self._writers.values():
            writer.close()

    def _writer(self, part: str) -> Any:
        if part not in self._writers:
            self._writers[part] = tf.summary.create_file_writer(str(self.folder / "tensorboard" / part))
        return self._writers[part]


class MLflow(Tracker):
    """A run of MLflow, in the experiment named as the spec.

    It goes where MLFLOW_TRACKING_URI says, or else into files of `mlruns` beside the run's folder.
    """

    def __init__(self, folder: Path, result: Result) -> None:
        super().__init__(folder, result)
        mlflow = _package("mlflow", "mlflow")
        place = os.environ.get("MLFLOW_TRACKING_URI")
        if not place:
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # else MLflow 3.17 takes databases alone
            place = (folder.absolute().parent / "mlruns").as_uri()
        try:
            self._client = mlflow.MlflowClient(tracking_uri=place)
            known = self._client.get_experiment_by_name(result.spec)
            experiment = known.experiment_id if known else self._client.create_experiment(result.spec)
            tags = dict.fromkeys(result.tags, "true")
            self._id = self._client.create_run(experiment, run_name=folder.name, tags=tags).info.run_id
            for name, value in _settings(result).items():
                self._client.log_param(self._id, name, value)
        except Exception as error:
            raise _refused("mlflow", error, "MLFLOW_TRACKING_URI says where MLflow is") from None

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._client.log_metric(self._id, name, value, step=epoch)

    def finish(self, result: Result) -> None:
        for name, value in _scores(result).items():
            self._client.log_metric(self._id, name, value, step=result.epochs_run)
        for path in self._files(FILES):
            self._client.log_artifact(self._id, str(path))
        status = {"finished": "FINISHED", "interrupted": "KILLED"}.get(result.status, "FAILED")
        self._client.set_terminated(self._id, status)


class WandB(Tracker):
    """A run of Weights & Biases, in the project that WANDB_PROJECT names, or `archdsl`."""

    def __init__(self, folder: Path, result: Result) -> None:
        super().__init__(folder, result)
        self._wandb = _package("wandb", "wandb")
        was_there = folder.exists()
        folder.mkdir(parents=True, exist_ok=True)  # else it would write somewhere else
        try:
            self._run = self._wandb.init(
                project=os.environ.get("WANDB_PROJECT", "archdsl"),
                name=folder.name,
                dir=str(folder),
                config=_settings(result),
                tags=list(result.tags),
                settings=self._wandb.Settings(silent=True),
            )
        except Exception as error:
            if not was_there:
                shutil.rmtree(folder, ignore_errors=True)
            raise _refused("wandb", error, "`wandb login`, or WANDB_MODE=offline") from None

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=epoch)

    def finish(self, result: Result) -> None:
        self._run.summary.update(_scores(result))
        pictures = {path.stem: self._wandb.Image(str(path)) for path in self._files(PICTURES)}
        if pictures:
            self._run.log(pictures)
        self._run.finish(exit_code=0 if result.status == "finished" else 1)


TRACKERS: dict[str, type[Tracker]] = {"tensorboard": TensorBoard, "mlflow": MLflow, "wandb": WandB}
"""By the word of `--log`, which is also the name of the extra."""


def callbacks(names: Sequence[str], folder: Path, result: Result) -> list[Tracker]:
    """Trackers for a run that begins; their `close` is to be called at its end.

    Raises:
        ArchError: one is not known or refuses (ARCH203), or its package is not there (ARCH306).
    """
    for name in names:
        if name not in TRACKERS:
            raise fail("ARCH203", f"`{name}` is no place to log to", hint=nearest(name, TRACKERS))
    return [TRACKERS[name](folder, result) for name in dict.fromkeys(names)]


def _package(module: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        message = f"`--log {extra}` wants the package {module}, which cannot be imported: {error}"
        raise fail("ARCH306", message, hint=f"`pip install 'archdsl[{extra}]'`") from None


def _refused(name: str, error: Exception, hint: str) -> Exception:
    first = " ".join(str(error).split())[:300] or type(error).__name__
    return fail("ARCH203", f"`--log {name}` cannot begin: {first}", hint=hint)


def _settings(result: Result) -> dict[str, Any]:
    """What a run was told, and what it is; nothing that tells of its machine more than `machine` does."""
    told = asdict(result)
    names = ("spec", "variant", "seed", "epochs", "limit", "source", "parameters")
    arguments = {f"argument_{name}": value for name, value in told["arguments"].items()}
    images = {f"images_{name}": count for name, count in told["images"].items()}
    return {name: told[name] for name in names} | arguments | images


def _scores(result: Result) -> dict[str, float]:
    return {name: value for name in SCORES if (value := getattr(result, name)) is not None}
