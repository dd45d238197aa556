"""Lists the runs of a folder, and sets runs side by side. Imports no framework."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from archdsl import text
from archdsl.errors import ArchError, fail
from archdsl.runs import folder as result
from archdsl.runs.folder import RUN, SPEC, Result
from archdsl.text import columns

DEPTH = 3
"""How many folders deep runs are looked for."""

NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Kept:
    """A run that was found: what it was, or why that cannot be read. `name` is short, and tells runs apart."""

    folder: Path
    name: str
    result: Result | None
    error: ArchError | None = None

    @property
    def known(self) -> Result:
        """What it was.

        Raises:
            ArchError: that cannot be read (ARCH204).
        """
        if self.result is None:
            raise self.error or fail("ARCH204", f"{self.folder} cannot be read")
        return self.result

    @property
    def began(self) -> str:
        """When it began, as `YYYY-MM-DD hh:mm` of this place; of runs that do not tell, when they were last written."""
        if self.result and self.result.started:
            moment = datetime.fromisoformat(self.result.started).astimezone()
        else:
            path = self.folder / RUN
            moment = datetime.fromtimestamp(os.path.getmtime(path if path.exists() else self.folder))
        return f"{moment:%Y-%m-%d %H:%M}"

    def data(self) -> dict[str, Any]:
        """All of it as plain data, for JSON."""
        told = {"error": self.error.problems[0].data()} if self.error else asdict(self.known)
        return {"run": str(self.folder), **told}


SORTS: dict[str, Callable[[Kept], Any]] = {
    "date": lambda run: run.began,
    "name": lambda run: run.name,
    "accuracy": lambda run: -(run.known.test_accuracy or 0.0),
    "time": lambda run: run.known.seconds or float("inf"),
    "parameters": lambda run: run.known.parameters,
}
"""What runs may be sorted by; the best, the quickest and the smallest stand first, and the newest last."""


def find(folder: Path, sort: str = "date") -> list[Kept]:
    """The runs in a folder and in the folders in it, or the folder's own; those that cannot be read stand last.

    Raises:
        ArchError: there is no such folder, or no run in it (ARCH204).
    """
    if not folder.is_dir():
        raise fail("ARCH204", f"there is no folder {folder}", hint="`archdsl train SPEC` begins a run in `runs`")
    kept = [_read(path, folder) for path in sorted(_below(folder, DEPTH))]
    if not kept:
        raise fail("ARCH204", f"{folder} holds no runs", hint="`archdsl train SPEC` begins one")
    good = sorted((run for run in kept if run.error is None), key=SORTS[sort])
    return [*good, *(run for run in kept if run.error is not None)]


def _below(folder: Path, depth: int) -> Iterator[Path]:
    """Folders that training made; what lies in one of them is its own."""
    if (folder / RUN).exists() or (folder / SPEC).exists():
        yield folder
    elif depth:
        for inside in sorted(folder.iterdir()):
            if inside.is_dir() and not inside.name.startswith("."):
                yield from _below(inside, depth - 1)


def _read(folder: Path, base: Path) -> Kept:
    name = str(folder.relative_to(base)) if folder != base else folder.name
    try:
        return Kept(folder, name, result.read(folder))
    except ArchError as error:
        return Kept(folder, name, None, error)


COLUMNS: dict[str, Callable[[Kept, Result], str]] = {
    "run": lambda run, _: run.name,
    "spec": lambda _, known: f"{known.spec} [{known.variant}]" if known.variant else known.spec,
    "status": lambda _, known: known.status,
    "epochs": lambda _, known: f"{known.epochs_run}/{known.epochs}",
    "accuracy": lambda _, known: percent(known.test_accuracy),
    "time": lambda _, known: duration(known.seconds),
    "parameters": lambda _, known: f"{known.parameters:,}",
    "date": lambda run, _: run.began,
}
"""What the table tells of each run."""

RIGHT = frozenset({"epochs", "accuracy", "time", "parameters"})
SPARED = ("spec", "parameters", "date", "time", "epochs")
"""What is left out, in this order, where the terminal is narrow."""


def to_text(runs: Sequence[Kept], width: int) -> str:
    """The runs as a table of at most `width` characters where that can be."""
    good = [(run, run.result) for run in runs if run.result is not None]
    names = list(COLUMNS)
    spared = iter(SPARED)
    while True:
        lines = [names, *([COLUMNS[name](run, known) for name in names] for run, known in good)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(names))]
        if sum(widths) + 2 * (len(names) - 1) <= width or (least := next(spared, None)) is None:
            break
        names.remove(least)
    table = columns(lines, [at for at, name in enumerate(names) if name in RIGHT]) if good else ""
    broken = [f"{run.name}: {run.error.problems[0].message}" for run in runs if run.error is not None]
    return table + "\n".join(broken) + ("\n" if broken or not good else "")


def percent(share: float | None) -> str:
    """A share of 1 as `text.percent` has it; a dash where it is not known."""
    return NOTHING if share is None else text.percent(share)


def duration(seconds: float | None) -> str:
    """A time as `text.duration` has it; a dash where it is not known."""
    return NOTHING if seconds is None else text.duration(seconds)


def plain(value: Any) -> Any:
    """Mappings and sequences as plain ones, for JSON."""
    if isinstance(value, Mapping):
        return {str(name): plain(entry) for name, entry in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, list | tuple) else value
