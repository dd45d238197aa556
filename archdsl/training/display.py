"""Shows the progress of a training on stderr, in a terminal, a log file or a notebook."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
from rich.table import Column

from archdsl.errors import Problem
from archdsl.runs.folder import Row
from archdsl.runs.watching import Curves
from archdsl.text import clock
from archdsl.training.callbacks import with_score
from archdsl.training.tasks import Head

REFRESH = 0.25
"""Seconds between updates of the progress bar."""

QUIET = 60.0
"""Seconds between lines in a log file within an epoch."""

NARROW = 80
"""The terminal width below which lines are abbreviated."""


class _Clock:
    """Estimates the time left from the times of steps, and of what follows the last step of an epoch.

    The first step is not counted, because it is mostly compilation. Until the first epoch is over, the time of a
    validation is estimated: a step of it is a forward pass, which takes about a third of a step of training.
    """

    def __init__(self, epochs: int, steps: int, validation_steps: int) -> None:
        self.epochs, self.steps, self.validation_steps = epochs, steps, validation_steps
        self.compiled = False
        self._epoch, self._step, self._at = 0, 0, 0.0
        self._seconds, self._counted = 0.0, 0
        self._ends: list[float] = []

    @property
    def pace(self) -> float | None:
        """The seconds of a step."""
        return self._seconds / self._counted if self._counted and self._seconds else None

    @property
    def left(self) -> float | None:
        """The seconds until the last epoch is over."""
        if self.pace is None:
            return None
        ends = self._ends[1:] or self._ends  # the first one compiles the validation
        end = sum(ends) / len(ends) if ends else self.validation_steps * self.pace / 3
        steps = (self.epochs - self._epoch) * self.steps - self._step
        return steps * self.pace + (self.epochs - self._epoch) * end

    def start_epoch(self, epoch: int, now: float) -> None:
        self._epoch, self._step, self._at = epoch, 0, now

    def finish_step(self, step: int, now: float) -> None:
        if self.compiled:
            self._seconds, self._counted = self._seconds + now - self._at, self._counted + step - self._step
        self.compiled, self._step, self._at = True, step, now

    def finish_epoch(self, now: float) -> None:
        self._ends.append(now - self._at)
        self._epoch, self._step = self._epoch + 1, 0


class _Progress(Progress):
    """A progress bar below the curves, if there are any."""

    def __init__(self, curves: Curves | None, *columns: ProgressColumn, **options: Any) -> None:
        self.curves = curves
        super().__init__(*columns, **options)

    def get_renderables(self) -> Iterator[RenderableType]:
        if self.curves is not None:
            yield self.curves
        yield from super().get_renderables()


class Display(keras.callbacks.Callback):  # type: ignore[misc]
    """Prints a line for each epoch, and shows a progress bar in a terminal. Use it as a context manager.

    Args:
        epochs: the total number of epochs.
        steps: the number of steps per epoch.
        head: the main output.
        first: the number of completed epochs.
        validation_steps: the number of steps of each validation.
        rows: the rows of the log, which grow as the training does, to draw the curves in a terminal.
    """

    def __init__(
        self,
        epochs: int,
        steps: int,
        head: Head,
        first: int = 0,
        console: Console | None = None,
        validation_steps: int = 0,
        rows: Sequence[Row] | None = None,
    ) -> None:
        super().__init__()
        self.epochs, self.steps, self.head = epochs, steps, head
        self.console = console or plain_console()
        self._live = self.console.is_terminal
        columns = (
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=4)),
            TextColumn("{task.fields[tail]}", table_column=Column(no_wrap=True)),
        )
        self._curves = Curves(rows, head.task.facts, epochs) if rows is not None and self._live else None
        options: dict[str, Any] = {"transient": True, "disable": not self._live, "auto_refresh": False, "expand": True}
        self._bar = _Progress(self._curves, *columns, console=self.console, **options)
        self._task = self._bar.add_task("", total=steps, tail="")
        self._clock = _Clock(epochs, steps, validation_steps)
        self._epoch, self._began, self._shown = first, 0.0, 0.0

    def __enter__(self) -> Display:
        self._bar.start()
        self._shown = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
        if self._curves is not None:
            self.console.print(self._curves)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._began, self._epoch = time.perf_counter(), epoch
        self._clock.start_epoch(epoch, self._began)
        self._show(0, None)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        now = time.perf_counter()
        self._clock.finish_step(batch + 1, now)
        if now - self._shown >= (REFRESH if self._live else QUIET):
            self._show(batch + 1, (logs or {}).get("loss"))

    def on_test_begin(self, logs: Any = None) -> None:
        if self._live:
            name, tail = f"{self._epoch_name()} validation", self.progress(self.steps, None)
            self._bar.update(self._task, description=name, completed=self.steps, tail=tail, refresh=True)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._shown = time.perf_counter()
        self._clock.finish_epoch(self._shown)
        line = self.line(epoch + 1, with_score(logs, self.head), self._shown - self._began)
        self.console.print(line, markup=False, soft_wrap=True)

    def warn(self, problem: Problem) -> None:
        """Print a warning above the progress bar."""
        print_warning(problem, self.console)

    def line(self, epoch: int, logs: dict[str, float], seconds: float) -> str:
        """`epoch  3/20  loss 0.4123  accuracy 91.20 %  validation 0.3011  93.75 %  1.2 s`; shorter if narrow."""
        number = f"{epoch:>{len(str(self.epochs))}}/{self.epochs}"
        short = self._narrow
        line = f"{number}  loss {_loss(logs['loss'])}" if short else f"epoch {number}  loss {_loss(logs['loss'])}"
        task = self.head.task.facts
        if task.score in logs:
            line += f"{'' if short else '  ' + task.score_title} {task.score_text(logs[task.score]):>7}"
        if "val_loss" in logs:
            line += f"{'  val' if short else '  validation'} {_loss(logs['val_loss'])}"
        if f"val_{task.score}" in logs:
            line += f"  {task.score_text(logs[f'val_{task.score}']):>7}"
        time_taken = f"{seconds:.1f} s" if seconds < 100 else f"{seconds:,.0f} s"
        return f"{line}  {time_taken}"

    def progress(self, step: int, loss: float | None) -> str:
        """`120/352  12.3 steps/s  loss 0.4123  0:12:03 left`; shorter if narrow."""
        words = [f"{step:>{len(str(self.steps))}}/{self.steps}"]
        pace, left = self._clock.pace, self._clock.left
        if pace is not None and left is not None:
            words.append(f"{1 / pace:.3g} steps/s" if pace < 10 else f"{pace:.1f} s a step")
            words += [] if loss is None or self._narrow else [f"loss {_loss(loss)}"]
            words.append(f"{clock(left)} left")
        elif not self._clock.compiled:
            words.append("compiling the first step")
        return "  ".join(words)

    @property
    def _narrow(self) -> bool:
        return self._live and self.console.width < NARROW + max(0, 2 * len(str(self.epochs)) - 4)

    def _epoch_name(self) -> str:
        return f"{'' if self._narrow else 'epoch '}{self._epoch + 1}/{self.epochs}"

    def _show(self, step: int, loss: float | None) -> None:
        tail = self.progress(step, loss)
        if self._live:
            self._bar.update(self._task, description=self._epoch_name(), completed=step, tail=tail, refresh=True)
        elif 0 < step < self.steps:
            self.console.print(f"{self._epoch_name()}   {tail}", markup=False, soft_wrap=True)
        self._shown = time.perf_counter()


def plain_console() -> Console:
    """A console on stderr; in a notebook on stdout, because notebooks highlight stderr as an error."""
    if Console().is_jupyter:
        return Console(file=sys.stdout, force_jupyter=False, force_terminal=False, highlight=False)
    return Console(file=sys.stderr, highlight=False)


def print_warning(problem: Problem, console: Console | None = None) -> None:
    """Print a warning on stderr, or on stdout in a notebook."""
    (console or plain_console()).print(problem.render(), markup=False, soft_wrap=True)


def _loss(value: float) -> str:
    """Four decimal places, or scientific notation for a huge loss."""
    return f"{value:.4f}" if value < 10_000 else f"{value:.3g}"
