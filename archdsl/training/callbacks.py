"""The Keras callbacks of a run: logging, tracking, keeping the best model, and early stopping."""

from __future__ import annotations

import csv
import io
import json
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from archdsl import recipe
from archdsl.errors import Problem, fail
from archdsl.files import writing
from archdsl.recipe.train import LOSS
from archdsl.runs.folder import LOG, MODEL, Result, Row
from archdsl.runs.trackers import Tracker
from archdsl.training import traps
from archdsl.training.averaging import averaged_values
from archdsl.training.checkpoints import KeptEpoch, Waiting
from archdsl.training.tasks import Head

LOG_LINES = "log.jsonl"

WRITING_SHARE = 0.02
"""The largest fraction of the training time spent on saving the kept model."""


class EpochLog(keras.callbacks.Callback):  # type: ignore[misc]
    """Logs each epoch as a row of `log.csv` and as a line of JSON in `log.jsonl`.

    Args:
        head: the main output.
    """

    def __init__(self, folder: Path, head: Head) -> None:
        super().__init__()
        self.folder, self.head = folder, head
        self.rows: list[Row] = []
        self._began = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the log, with the rows up to the checkpoint if the training is resumed."""
        for name, text in ((LOG, _csv(self.rows)), (LOG_LINES, "".join(map(_line, self.rows)))):
            with writing(self.folder / name) as partial:
                partial.write_text(text, encoding="utf-8", newline="")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        values = logged_values(with_score(logs, self.head))
        rate = float(self.model.optimizer.learning_rate.numpy())
        seconds = round(time.perf_counter() - self._began, 3)
        self.rows.append({"epoch": epoch + 1, "seconds": seconds, "learning_rate": rate, **values})
        self._append(LOG, _csv(self.rows) if epoch == 0 else _csv(self.rows[-1:], list(self.rows[0])))
        self._append(LOG_LINES, _line(self.rows[-1]))

    def _append(self, name: str, text: str) -> None:
        try:
            with open(self.folder / name, "a", encoding="utf-8", newline="") as file:
                file.write(text)
        except OSError as error:
            raise fail("ARCH304", f"{self.folder / name} cannot be written: {error.strerror}") from None


class Tracking(keras.callbacks.Callback):  # type: ignore[misc]
    """Passes each epoch and the result to trackers.

    A tracker that fails is dropped with a warning, and the training continues.
    """

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        super().__init__()
        self.trackers = list(trackers)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        values = {**logged_values(logs or {}), "learning_rate": float(self.model.optimizer.learning_rate)}
        self._for_each(lambda tracker: tracker.log(epoch + 1, values))

    def finish(self, result: Result) -> None:
        """Pass on the result of a run, however it ended."""
        self._for_each(lambda tracker: tracker.finish(result))

    def _for_each(self, act: Callable[[Tracker], None]) -> None:
        for tracker in [*self.trackers]:
            try:
                act(tracker)
            except Exception as error:  # trackers raise many kinds, from networks and disks
                self.trackers.remove(tracker)
                first = " ".join(str(error).split())[:200]
                message = f"logging to {type(tracker).__name__} stopped: {type(error).__name__}: {first}"
                warnings.warn(message, stacklevel=2)


class KeptModel(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the model of the best epoch on the validation split, or of the last epoch.

    The epoch with the best validation score wins, such as the highest accuracy; the lower loss breaks ties. If the
    optimizer averages weights, the averages are kept. The file is saved immediately while that is cheap, otherwise by
    `write`.

    Args:
        head: the output whose score decides.
        by_loss: whether the loss decides alone.
    """

    def __init__(self, folder: Path, keep: Literal["best", "last"], head: Head, by_loss: bool = False) -> None:
        super().__init__()
        self.folder, self.keep, self.head, self.by_loss = folder, keep, head, by_loss
        self.epoch: int | None = None
        self.score: float | None = None
        self.loss: float | None = None
        self.values: list[NDArray[Any]] = []
        self._written: int | None = None
        self._spent, self._began = 0.0, time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        values, task = with_score(logs, self.head), self.head.task
        score, loss = values.get(f"val_{task.facts.score}"), values.get("val_loss")
        judged = (None, loss, None, self.loss) if self.by_loss else (score, loss, self.score, self.loss)
        if self.keep == "best" and self.epoch is not None and not task.better(*judged):
            return
        self.epoch, self.score, self.loss = epoch + 1, score, loss
        self.values = averaged_values(self.model)
        if self._spent <= WRITING_SHARE * (time.perf_counter() - self._began):
            self.write()

    def write(self) -> None:
        """Save the kept model, unless it is saved already or there is none."""
        if self.epoch == self._written:
            return
        began = time.perf_counter()
        with holding(self.model, self.values), uncompiled(self.model), writing(self.folder / MODEL) as partial:
            self.model.save(partial)
        self._written = self.epoch
        self._spent += time.perf_counter() - began

    def notes(self) -> KeptEpoch:
        return KeptEpoch(self.epoch, self.score, self.loss)

    def restore(self, notes: KeptEpoch, values: list[NDArray[Any]]) -> None:
        self.epoch, self.score, self.loss, self.values = notes.epoch, notes.score, notes.loss, values


class ResumableEarlyStopping(keras.callbacks.Callback):  # type: ignore[misc]
    """Stops training when a validation metric stops improving. Unlike Keras's own callback, it can be resumed."""

    def __init__(self, early_stopping: recipe.EarlyStopping, head: Head) -> None:
        super().__init__()
        self.recipe, self.head = early_stopping, head
        self.best: float | None = None
        self.waited = 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        task = self.head.task.facts
        by_loss = self.recipe.monitor == LOSS
        name, larger = ("loss", False) if by_loss else (task.score, task.larger_is_better)
        value = with_score(logs, self.head)[f"val_{name}"]
        gain = math.inf if self.best is None else (value - self.best) * (1 if larger else -1)
        if gain > self.recipe.min_delta:
            self.best, self.waited = float(value), 0
            return
        self.waited += 1
        if self.waited >= self.recipe.patience:
            self.model.stop_training = True

    def notes(self) -> Waiting:
        return Waiting(self.best, self.waited)

    def restore(self, notes: Waiting) -> None:
        self.best, self.waited = notes.best, notes.waited


class StopAtNaN(keras.callbacks.Callback):  # type: ignore[misc]
    """Stops training with ARCH401 at the first step with a loss that is not finite."""

    def __init__(self) -> None:
        super().__init__()
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            hint = "lower the learning rate, or add `warmup` or `clipnorm`"
            if "float16" in str(self.model.dtype_policy.name):
                hint += ", or use `mixed_bfloat16`, which has a wider range than float16"
            raise fail("ARCH401", f"the loss became {loss} at step {batch + 1} of epoch {self._epoch}", hint=hint)


class WarnOfDivergence(keras.callbacks.Callback):  # type: ignore[misc]
    """Warns once if the loss of an epoch is far above that of the first step.

    Args:
        warn: shows a warning.
    """

    def __init__(self, warn: Callable[[Problem], None]) -> None:
        super().__init__()
        self.warn = warn
        self._first: float | None = None
        self._warned = False

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._first is None:
            self._first = float((logs or {})["loss"])

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._first is None or self._warned:
            return
        loss, rate = float((logs or {})["loss"]), float(self.model.optimizer.learning_rate)
        if problem := traps.diverged(loss, self._first, rate, f"in epoch {epoch + 1}"):
            self._warned = True
            self.warn(problem)


def with_score(logs: Mapping[str, Any] | None, head: Head) -> dict[str, Any]:
    """Add the score of the main output to Keras's logs, such as `accuracy`, without the name of the output."""
    values, score = dict(logs or {}), head.task.facts.score
    for part in ("", "val_"):
        if f"{part}{head.output}_{score}" in values:
            values.setdefault(f"{part}{score}", values[f"{part}{head.output}_{score}"])
    return values


def logged_values(logs: Mapping[str, Any]) -> dict[str, float]:
    """Rename Keras's logs for `log.csv`: `val_loss` becomes `validation_loss`."""
    return {name.replace("val_", "validation_", 1): float(value) for name, value in logs.items()}


@contextmanager
def holding(model: keras.Model, values: Sequence[NDArray[Any]]) -> Iterator[None]:
    """Replace the values of a network within the block."""
    own = [np.array(variable.numpy()) for variable in model.variables]
    for variable, value in zip(model.variables, values, strict=True):
        variable.assign(value)
    try:
        yield
    finally:
        for variable, value in zip(model.variables, own, strict=True):
            variable.assign(value)


@contextmanager
def uncompiled(model: keras.Model) -> Iterator[None]:
    """Takes a network's optimizer away within the block: its state is large, and is saved in the checkpoint."""
    optimizer, compiled = model.optimizer, model.compiled
    model.optimizer, model.compiled = None, False
    try:
        yield
    finally:
        model.optimizer, model.compiled = optimizer, compiled


def _csv(rows: Sequence[Row], columns: list[str] | None = None) -> str:
    """Format rows as CSV, with a header unless the columns are given."""
    if not rows:
        return ""
    text = io.StringIO()
    table = csv.DictWriter(text, columns or list(rows[0]), restval="", extrasaction="ignore")
    if columns is None:
        table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def _line(row: Row) -> str:
    return json.dumps({name: value if math.isfinite(value) else None for name, value in row.items()}) + "\n"
