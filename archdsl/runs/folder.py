"""The folder of a run, and the result that it holds. Imports no framework."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from archdsl import zoo
from archdsl.errors import SHOWN, fail, shown
from archdsl.files import content, is_partial, writing
from archdsl.limits import DEFAULTS, Limits
from archdsl.parsing.stored import due, read_json, unreadable
from archdsl.recipe import Train
from archdsl.spec import Spec

SPEC, MODEL, LOG, CURVES, RUN = "spec.yaml", "model.keras", "log.csv", "curves.png", "run.json"
CONFUSION, MISTAKES, CARD, NETWORK = "confusion.png", "mistakes.png", "card.md", "network.svg"
"""The files of a run's folder."""

LOCK = ".lock"
"""The file that a run's folder has while a process writes there, and after that process was killed."""

BEFORE_RUN = (LOCK, SPEC, "wandb")
"""What may be in the folder before `run.json` is: a training that was killed this early has begun nothing."""

Row = dict[str, float]
"""One epoch: `epoch` (from 1), `seconds`, `learning_rate`, and each metric, also as `validation_...`."""

Status = Literal["running", "finished", "interrupted", "failed"]

MOST_EPOCHS, LARGEST_RUN, LARGEST_LOG = 100_000, 8_000_000, 32_000_000
"""The rows of a log, and the bytes of `run.json` and of `log.csv`: what is larger was not written by training."""


def _moment(text: str) -> str:
    """Takes a time that can be shown as one of this place."""
    try:
        if text:
            datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError):
        raise due("a time as `2026-01-31T12:00:00+00:00`") from None
    return text


Count = Annotated[int, Field(ge=0, le=10**15)]
Epoch = Annotated[int, Field(ge=0, le=10**9)]
Seconds = Annotated[float, Field(ge=0, le=10**10, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1.0001, allow_inf_nan=False)]
"""What float32 rounds may exceed 1. A loss may also be infinite or no number: that of a training that went wrong."""
Finite = Annotated[float, Field(allow_inf_nan=False)]
Deviation = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Result:
    """A run as `run.json` holds it; what is not known yet is None.

    Attributes:
        epochs: how many were asked for; `epochs_run` of them are complete.
        mean, std: the statistics of the training images that the input is standardized with.
        best_epoch: the one whose network was kept, counted from 1.
        test_accuracy: a fraction, as every accuracy; where the recipe has a `test_time`, by the mean of several views.
        plain_test_accuracy: where the recipe has a `test_time`, that of single views.
        seconds: the time of training, validation included.
        class_accuracy: the accuracy on the test images of each class, by its name.
        started: in UTC.
        machine: what the numbers depend on: see `describe_machine`.
        tags: the user's own words.
        command: what repeats the run.
        input: how the network's input is computed, as its file carries it.
        own: the names of the caller's own Keras objects that replaced the recipe's.
        limits: what the spec may cost, where that was raised.
    """

    spec: str
    arguments: Mapping[str, Any]
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    epochs: Annotated[Epoch, Field(ge=1)]
    limit: Annotated[Count, Field(ge=1)] | None
    source: str
    origin: str
    images: Mapping[str, Count]
    mean: list[Finite] | None
    std: list[Deviation] | None
    parameters: Count
    versions: Mapping[str, str]
    status: Status = "running"
    epochs_run: Epoch = 0
    best_epoch: Annotated[Epoch, Field(ge=1)] | None = None
    validation_accuracy: Fraction | None = None
    validation_loss: float | None = None
    test_accuracy: Fraction | None = None
    test_loss: float | None = None
    seconds: Seconds | None = None
    plain_test_accuracy: Fraction | None = None
    class_accuracy: Mapping[str, Fraction] | None = None
    classes: Sequence[str] = ()
    variant: str = ""
    started: Annotated[str, AfterValidator(_moment)] = ""
    machine: Mapping[str, Any] | None = None
    tags: Sequence[str] = ()
    command: str = ""
    input: Mapping[str, Any] | None = None
    own: Sequence[str] = ()
    limits: Mapping[str, Annotated[Count, Field(ge=1)]] | None = None

    def write(self, folder: Path) -> None:
        """Writes `run.json` in one step.

        Raises:
            ArchError: the folder cannot be written to (ARCH304).
        """
        with writing(folder / RUN) as partial:
            partial.write_text(
                json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n"
            )


def read_result(folder: Path) -> Result:
    """The result of the run in a folder.

    Raises:
        ArchError: there is no run, or its `run.json` cannot be read (ARCH204).
    """
    path = folder / RUN
    try:
        text = _bounded(path, LARGEST_RUN)
    except (FileNotFoundError, NotADirectoryError):
        hint = "a run is a folder that training wrote"
        raise fail("ARCH204", f"{folder} holds no run: there is no {RUN} in it", hint=hint) from None
    except OSError as error:
        raise fail("ARCH204", f"{path} cannot be read: {error.strerror}") from None
    return read_json(Result, text, path, "run", _conflicts)


def _conflicts(run: Result) -> Iterator[str]:
    for name in ("epochs_run", "best_epoch"):
        if (getattr(run, name) or 0) > run.epochs:
            yield f"`{name}`: at most `epochs`, {run.epochs:,}, is due, and here is `{getattr(run, name)}`"
    if len(run.mean or ()) != len(run.std or ()):
        yield f"`mean` and `std`: as many numbers are due, and here are {len(run.mean or ())} and {len(run.std or ())}"


def _bounded(path: Path, most: int) -> bytes:
    """The bytes of a file.

    Raises:
        OSError: it cannot be read.
        ArchError: it is too large (ARCH204).
    """
    try:
        return content(path, most)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise unreadable(path, [f"it has more than {most:,} bytes"]) from None
        raise


def read_spec(folder: Path, run: Result, limits: Limits = DEFAULTS) -> Spec:
    """The spec in a run's folder, with the variant that was trained.

    Args:
        limits: what it may cost; the run's own limits only lower them.

    Raises:
        ArchError: it is not there or cannot be read (ARCH204), or it is wrong.
    """
    path = folder / SPEC
    known = {field.name for field in fields(Limits)}
    own = {name: value for name, value in (run.limits or {}).items() if name in known}
    limits = limits.lowered(own, str(folder / RUN))
    try:
        text = content(path, limits.bytes).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        raise fail("ARCH204", f"{path} is not there or cannot be read") from None
    return zoo.loads(text, str(path), run.variant, limits)


def read_recipe(folder: Path, limits: Limits = DEFAULTS) -> Train | None:
    """The recipe that a run was trained by.

    Args:
        limits: see `read_spec`.

    Raises:
        ArchError: as `read_result` and `read_spec`.
    """
    recipe: Train | None = read_spec(folder, read_result(folder), limits).train
    return recipe


def read_log(folder: Path) -> list[Row]:
    """The rows of a run's `log.csv`; none if no epoch was complete.

    Raises:
        ArchError: it cannot be read (ARCH204).
    """
    path = folder / LOG
    try:
        text = _bounded(path, LARGEST_LOG).decode("utf-8")
        table = list(islice(csv.reader(io.StringIO(text, newline="")), MOST_EPOCHS + 2))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise fail("ARCH204", f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error):
        raise unreadable(path, ["it cannot be read as a log"]) from None
    if not table:
        return []
    if len(table) > MOST_EPOCHS + 1:
        raise unreadable(path, [f"it has more than {MOST_EPOCHS:,} rows"])
    names, rows, faults = table[0], list[Row](), list[str]()
    if "epoch" not in names or len(set(names)) < len(names):
        raise unreadable(path, ["line 1: different columns are due, `epoch` among them"])
    for epoch, cells in enumerate(table[1:], 1):
        row = _row(names, cells, epoch, faults)
        rows.append(row)
        if len(faults) > SHOWN:
            break
    if faults:
        raise unreadable(path, faults)
    return rows


def _row(names: Sequence[str], cells: Sequence[str], epoch: int, faults: list[str]) -> Row:
    """A row of the log; what an epoch does not have is empty. What is wrong with it is added to the faults."""
    where, row = f"line {epoch + 1}", Row()
    if len(cells) != len(names):
        faults.append(f"{where}: {len(names)} values are due, and here are {len(cells)}")
        return row
    for name, cell in zip(names, cells, strict=True):
        try:
            if cell:
                row[name] = float(cell)
        except ValueError:
            faults.append(f"{where}: `{name[:40]}`: a number is due, and here is {shown(cell)}")
    if not faults and row.get("epoch") != epoch:
        faults.append(f"{where}: `epoch`: {epoch} is due, and here is {shown(row.get('epoch'))}")
    return row


def utc_now() -> str:
    """The time in UTC, to the second: `2026-01-31T12:00:00+00:00`."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def describe_machine(accelerators: Sequence[str] = ()) -> dict[str, Any]:
    """What a run's numbers depend on, and nothing that identifies the machine.

    Args:
        accelerators: the names of the GPUs that are used.

    Returns:
        `system`, `processor`, `cpus` (those that this process may use), `accelerators`.
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cpus": cpus,
        "accelerators": list(accelerators),
    }


def check_free(folder: Path) -> None:
    """Refuses a folder for a new run that is taken or cannot be written to; creates nothing.

    It may hold what a training left that was killed before its `run.json` was there.

    Raises:
        ArchError: the folder holds something else (ARCH202), is no folder or cannot be made (ARCH304).
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise fail("ARCH304", f"{folder} is a file, and a run wants a folder")
        names = {path.name for path in folder.iterdir()} if folder.exists() else set()
        if {LOCK, RUN} <= names:
            hint = f"`archdsl train --resume {folder}` goes on with it; or name a new folder"
            raise fail("ARCH202", f"{folder} holds a run that was killed", hint=hint)
        if names and not (LOCK in names and all(name in BEFORE_RUN or is_partial(name) for name in names)):
            raise fail("ARCH202", f"{folder} is not empty", hint="name a new folder; nothing was changed in this one")
        nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            raise fail("ARCH304", f"{folder} cannot be made: {nearest} cannot be written to")
    except OSError as error:
        raise fail("ARCH304", f"{folder} cannot be used: {error.strerror}") from None


def create(folder: Path, text: str) -> None:
    """Writes the spec into the folder of a run, which is made if it is not there.

    Raises:
        ArchError: the folder cannot be written to (ARCH304).
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise fail("ARCH304", f"{folder} cannot be made: {error.strerror}") from None
    with writing(folder / SPEC) as partial:
        partial.write_bytes(text.encode())
