"""What happens during `fit`: the log, the best network's file, the display, and a stop where the loss is no number."""

from __future__ import annotations

import csv
import math
import time
from pathlib import Path
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from archdsl.errors import fail
from archdsl.training.result import LOG, MODEL, Row, writing


class Log(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps a row for each epoch, and writes all of them to `log.csv` after each."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.rows: list[Row] = []
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        given = {name.replace("val_", "validation_", 1): float(value) for name, value in (logs or {}).items()}
        rate = float(self.model.optimizer.learning_rate.numpy())
        seconds = round(time.perf_counter() - self._began, 3)
        self.rows.append({"epoch": epoch + 1, "seconds": seconds, "learning_rate": rate, **given})
        with writing(self.folder / LOG) as beside, open(beside, "w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, list(self.rows[0]))
            table.writeheader()
            table.writerows(self.rows)


class Best(keras.callbacks.Callback):  # type: ignore[misc]
    """Saves the network after each epoch that beats all before it on the validation part.

    The higher accuracy wins, and of two equal ones the lower loss. The test set has no say.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.epoch: int | None = None
        self.accuracy = self.loss = -math.inf

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        accuracy, loss = float(logs["val_accuracy"]), float(logs["val_loss"])
        if self.epoch is not None and not _better((accuracy, loss), (self.accuracy, self.loss)):
            return
        with writing(self.folder / MODEL) as beside:
            self.model.save(beside)
        self.epoch, self.accuracy, self.loss = epoch + 1, accuracy, loss


class StopAtNaN(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends the training with ARCH401 at the first step whose loss is no finite number."""

    def __init__(self) -> None:
        super().__init__()
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            message = f"the loss became {loss} at step {batch + 1} of epoch {self._epoch}"
            raise fail("ARCH401", message, hint="a lower learning rate, `warmup`, or `clipnorm`")


class Display(keras.callbacks.Callback):  # type: ignore[misc]
    """One line on stderr for each epoch; on a terminal, a bar for the running one too. Use it as a context."""

    def __init__(self, epochs: int, steps: int, console: Console | None = None) -> None:
        super().__init__()
        self.epochs, self.steps = epochs, steps
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        hidden = not self.console.is_terminal
        self._bar = Progress(*columns, console=self.console, transient=True, disable=hidden)
        self._task = self._bar.add_task("", total=steps)
        self._began = 0.0

    def __enter__(self) -> Display:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._began = time.perf_counter()
        self._bar.reset(self._task, description=f"epoch {epoch + 1}/{self.epochs}", total=self.steps)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._bar.update(self._task, completed=batch + 1)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.console.print(self.line(epoch + 1, logs or {}, time.perf_counter() - self._began), markup=False)

    def line(self, epoch: int, logs: dict[str, float], seconds: float) -> str:
        """`epoch  3/20   loss 0.4123  accuracy 91.20 %   validation 0.3011  93.75 %   1.2 s`."""
        width = len(str(self.epochs))
        return (
            f"epoch {epoch:>{width}}/{self.epochs}   loss {_loss(logs['loss'])}"
            f"  accuracy {logs['accuracy'] * 100:5.2f} %"
            f"   validation {_loss(logs['val_loss'])}  {logs['val_accuracy'] * 100:5.2f} %   {seconds:.1f} s"
        )


def _better(new: tuple[float, float], old: tuple[float, float]) -> bool:
    """Whether an accuracy and a loss beat others; a loss that is no number counts as the worst."""
    (accuracy, loss), (best_accuracy, best_loss) = new, old
    if accuracy != best_accuracy:
        return accuracy > best_accuracy
    return loss < best_loss or (math.isnan(best_loss) and not math.isnan(loss))


def _loss(value: float) -> str:
    """Four places behind the point; a loss that explodes is told by its power of ten."""
    return f"{value:.4f}" if value < 10_000 else f"{value:.3g}"
