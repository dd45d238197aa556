"""Watches a run in a terminal: its curves, drawn anew as the training goes on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.live import Live
from rich.text import Text

from archdsl.errors import ArchError
from archdsl.recipe.tasks import TaskWord
from archdsl.runs import terminal_curves
from archdsl.runs.folder import Result, Row, read_log, read_result
from archdsl.text import in_line, wants_color

INTERVAL = 1.0
"""Seconds between two looks at a run."""

NO_TERMINAL = "`--watch` draws curves only in a terminal"


class Curves:
    """The curves of some rows, drawn as wide as the terminal is.

    Args:
        rows: the rows of the log, which may grow.
        task: the task of the run.
        epochs: the number of epochs of the horizontal axis.
    """

    def __init__(self, rows: Sequence[Row], task: TaskWord, epochs: int) -> None:
        self.rows, self.task, self.epochs = rows, task, epochs
        self._drawn: tuple[object, str] = (None, "")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        height = min(terminal_curves.HEIGHT, console.height - 6)
        state = len(self.rows), options.max_width, height, wants_color(console.file)
        if state != self._drawn[0]:
            _, width, height, color = state
            self._drawn = state, terminal_curves.draw(self.rows, self.task, self.epochs, width, height, color)
        if self._drawn[1]:
            yield Text.from_ansi(self._drawn[1], no_wrap=True)


def watch(run: Path, wait: Callable[[float], None] = time.sleep) -> Result:
    """Draw the curves of a run in the terminal until it ends. Ctrl-C ends only the watching.

    Raises:
        ArchError: there is no such run (ARCH204), or the package that draws is not installed (ARCH306).
    """
    terminal_curves.check()
    result, rows = read_result(run), read_log(run)
    console = Console(file=sys.stdout, highlight=False)
    with Live(console=console, auto_refresh=False) as live:
        while True:
            curves = Curves(rows, result.judged, result.epochs)
            live.update(Group(curves, Text(state_line(run, result, rows))), refresh=True)
            if result.status != "running":
                return result
            try:
                wait(INTERVAL)
            except KeyboardInterrupt:
                return result
            with suppress(ArchError):  # the training may be writing its files
                result, rows = read_result(run), read_log(run)


def state_line(run: Path, result: Result, rows: Sequence[Row]) -> str:
    """`runs/net-1: running, epoch 3/20, validation accuracy 93.75 %`."""
    line = f"{in_line(str(run))}: {result.status}, epoch {len(rows)}/{result.epochs}"
    score = rows[-1].get(f"validation_{result.judged.score}") if rows else None
    return (
        line if score is None else f"{line}, validation {result.judged.score_title} {result.judged.score_text(score)}"
    )
