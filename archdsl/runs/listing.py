"""Finding the runs in a folder and listing them in a table. Imports no framework."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from archdsl import text
from archdsl.errors import LONGEST, ArchError, fail
from archdsl.runs.folder import RUN, SPEC, Result, read_result
from archdsl.spec import titled
from archdsl.text import BOLD, GREEN, RED, YELLOW, columns, first_fitting

DEPTH = 3
"""How many levels of folders are searched for runs."""

UNKNOWN = "-"
"""The cell of a value that a run does not have."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run in its folder: its result, or the error from reading it. `name` is short and unique."""

    folder: Path
    name: str
    result: Result | None
    error: ArchError | None = None

    @property
    def known_result(self) -> Result:
        """The result.

        Raises:
            ArchError: the run cannot be read (ARCH204).
        """
        if self.result is None:
            raise self.error or fail("ARCH204", f"{self.folder} cannot be read")
        return self.result

    @property
    def moment(self) -> datetime:
        """The start in local time, or the last modification if the start is unknown."""
        if self.result and self.result.started:
            return datetime.fromisoformat(self.result.started).astimezone()
        path = self.folder / RUN
        return datetime.fromtimestamp(os.path.getmtime(path if os.path.exists(path) else self.folder)).astimezone()

    @property
    def started(self) -> str:
        """The start as `YYYY-MM-DD hh:mm` in local time."""
        return f"{self.moment:%Y-%m-%d %H:%M}"

    def data(self) -> dict[str, Any]:
        """The run as plain data, for JSON."""
        facts = {"error": self.error.problems[0].data()} if self.error else asdict(self.known_result)
        return {"run": str(self.folder), **facts}


SORTS: dict[str, Callable[[StoredRun], Any]] = {
    "date": lambda run: run.moment,
    "name": lambda run: run.name,
    "score": lambda run: _rank(run.known_result),
    "accuracy": lambda run: _rank(run.known_result),
    "time": lambda run: run.known_result.seconds or float("inf"),
    "parameters": lambda run: run.known_result.parameters,
}
"""Sort keys: the best, fastest and smallest runs come first, the newest last. `accuracy` is the old name of `score`."""


def _rank(result: Result) -> tuple[str, float]:
    """Sort by task, then the best score first; runs without a score come last."""
    if result.score is None:
        return result.task, float("inf")
    return result.task, -result.score if result.judged.larger_is_better else result.score


def find(folder: Path, sort: str = "date") -> list[StoredRun]:
    """Find the run folders in a folder, at several levels; the folder may be a run itself. Unreadable runs come last.

    Raises:
        ArchError: the folder does not exist or contains no run (ARCH204).
    """
    if not folder.is_dir():
        raise fail("ARCH204", f"there is no folder {folder}", hint="`archdsl train SPEC` starts a run in `runs`")
    runs = [_read(path, folder) for path in sorted(_run_folders(folder, DEPTH, set()))]
    if not runs:
        raise fail("ARCH204", f"{folder} contains no runs", hint="`archdsl train SPEC` starts one")
    good = sorted((run for run in runs if run.error is None), key=SORTS[sort])
    return [*good, *(run for run in runs if run.error is not None)]


def _run_folders(folder: Path, depth: int, seen: set[str]) -> Iterator[Path]:
    """Yield folders written by training, without looking inside them.

    Args:
        folder: the folder to search.
        depth: how many levels to search below it.
        seen: the real paths of the folders searched so far: each is searched once, even if several links lead to it.
    """
    if os.path.lexists(folder / RUN) or os.path.lexists(folder / SPEC):
        yield folder
    elif depth and (real := os.path.realpath(folder)) not in seen:
        seen.add(real)
        with suppress(OSError):  # an unreadable folder must not hide runs in others
            for inner in sorted(folder.iterdir()):
                if os.path.isdir(inner) and not inner.name.startswith("."):
                    yield from _run_folders(inner, depth - 1, seen)


def _read(folder: Path, base: Path) -> StoredRun:
    name = str(folder.relative_to(base)) if folder != base else folder.name
    try:
        return StoredRun(folder, name, read_result(folder))
    except ArchError as error:
        return StoredRun(folder, name, None, error)


COLUMNS: dict[str, Callable[[StoredRun, Result], str]] = {
    "run": lambda run, _: run.name,
    "spec": lambda _, result: spec_name(result),
    "status": lambda _, result: result.status,
    "epochs": lambda _, result: f"{result.epochs_run}/{result.epochs}",
    "accuracy": lambda _, result: result.score_text or UNKNOWN,
    "time": lambda _, result: duration(result.seconds),
    "parameters": lambda _, result: f"{result.parameters:,}",
    "date": lambda run, _: run.started,
    "note": lambda _, result: text.in_line(result.note, NOTE) or UNKNOWN,
}
"""The columns of the table; the notes only if there are any."""

NOTE = 40
"""The maximum number of characters of a note in the table."""

COLORS = {
    r"\A(?:run|      ) .*$": BOLD,
    r"^recipe .*$": BOLD,
    r"  (finished)(?=  |$)": GREEN,
    r"  (interrupted|running)(?=  |$)": YELLOW,
    r"  (failed)(?=  |$)": RED,
}
"""Colors of the head of a table and of the status of a run."""

RIGHT_ALIGNED = frozenset({"epochs", "accuracy", "time", "parameters"})
DISPENSABLE = ("spec", "parameters", "note", "date", "time", "epochs")
"""The columns to leave out in a narrow terminal, in this order."""


def to_text(runs: Sequence[StoredRun], width: int | None) -> str:
    """Format the runs as a table, leaving out columns to fit `width` characters if possible."""
    good = [(run, run.result) for run in runs if run.result is not None]
    cells = _columns([result for _, result in good])
    forms = ([name for name in cells if name not in DISPENSABLE[:count]] for count in range(len(DISPENSABLE) + 1))
    tables = ([names, *([cells[name](run, result) for name in names] for run, result in good)] for names in forms)
    rows = first_fitting(tables, width)
    table = columns(rows, [at for at, name in enumerate(rows[0]) if name in RIGHT_ALIGNED]) if good else ""
    broken = [line for run in runs if run.error is not None for line in _reasons(run.name, run.error)]
    return table + "\n".join(broken) + ("\n" if broken or not good else "")


def _columns(results: Sequence[Result]) -> dict[str, Callable[[StoredRun, Result], str]]:
    """The columns of the table of some runs. If not all scores are accuracies, each score is named."""
    kept = {name: cell for name, cell in COLUMNS.items() if name != "note" or any(result.note for result in results)}
    if all(result.judged.score == "accuracy" for result in results):
        return kept
    return {"score" if name == "accuracy" else name: _named if name == "accuracy" else kept[name] for name in kept}


def _named(run: StoredRun, result: Result) -> str:
    return UNKNOWN if result.score is None else f"{result.score_text} {result.judged.score_title}"


def _reasons(name: str, error: ArchError) -> list[str]:
    """The lines that explain why a run cannot be read."""
    problem = error.problems[0]
    lines = [f"{name}: {problem.message}", *(f"  {fact}" for fact in problem.facts)]
    return [text.in_line(line, LONGEST) for line in lines]


def spec_name(result: Result) -> str:
    """Format the name of the spec with its variant: `ResNet[wide]`."""
    return titled(result.spec, result.variant)


def percent(share: float | None) -> str:
    """Format a share like `text.percent`, and None as a dash."""
    return UNKNOWN if share is None else text.percent(share)


def duration(seconds: float | None) -> str:
    """Format a time like `text.duration`, and None as a dash."""
    return UNKNOWN if seconds is None else text.duration(seconds)
