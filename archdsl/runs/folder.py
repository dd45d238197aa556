"""The folder of a run, and the result that it holds. Imports no framework."""

from __future__ import annotations

import csv
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from archdsl import zoo
from archdsl.errors import fail
from archdsl.files import writing
from archdsl.limits import DEFAULTS, Limits
from archdsl.recipe import Train
from archdsl.spec import Spec

SPEC, MODEL, LOG, CURVES, RUN = "spec.yaml", "model.keras", "log.csv", "curves.png", "run.json"
CONFUSION, MISTAKES, CARD, NETWORK = "confusion.png", "mistakes.png", "card.md", "network.svg"
"""The files of a run's folder."""

Row = dict[str, float]
"""One epoch: `epoch` (from 1), `seconds`, `learning_rate`, and each metric, also as `validation_...`."""

Status = Literal["running", "finished", "interrupted", "failed"]


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
    seed: int
    epochs: int
    limit: int | None
    source: str
    origin: str
    images: Mapping[str, int]
    mean: list[float] | None
    std: list[float] | None
    parameters: int
    versions: Mapping[str, str]
    status: Status = "running"
    epochs_run: int = 0
    best_epoch: int | None = None
    validation_accuracy: float | None = None
    validation_loss: float | None = None
    test_accuracy: float | None = None
    test_loss: float | None = None
    seconds: float | None = None
    plain_test_accuracy: float | None = None
    class_accuracy: Mapping[str, float] | None = None
    classes: Sequence[str] = ()
    variant: str = ""
    started: str = ""
    machine: Mapping[str, Any] | None = None
    tags: Sequence[str] = ()
    command: str = ""
    input: Mapping[str, Any] | None = None
    own: Sequence[str] = ()
    limits: Mapping[str, int] | None = None

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
    names = {field.name for field in fields(Result)}
    with _reading(path, "run"):
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            hint = "a run is a folder that training wrote"
            raise fail("ARCH204", f"{folder} holds no run: there is no {RUN} in it", hint=hint) from None
        return Result(**{name: value for name, value in values.items() if name in names})


@contextmanager
def _reading(path: Path, kind: str) -> Iterator[None]:
    """Explains what goes wrong within the block, which reads a file that training wrote."""
    try:
        yield
    except OSError as error:
        raise fail("ARCH204", f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, AttributeError, RecursionError, csv.Error):
        raise fail("ARCH204", f"{path} is not what training wrote: it cannot be read as a {kind}") from None


def read_spec(folder: Path, run: Result) -> Spec:
    """The spec in a run's folder, with the variant that was trained.

    Raises:
        ArchError: it is not there or cannot be read (ARCH204), or it is wrong.
    """
    path = folder / SPEC
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise fail("ARCH204", f"{path} is not there or cannot be read") from None
    return zoo.loads(text, str(path), run.variant, Limits(**run.limits) if run.limits else DEFAULTS)


def read_recipe(folder: Path) -> Train | None:
    """The recipe that a run was trained by.

    Raises:
        ArchError: as `read_result` and `read_spec`.
    """
    recipe: Train | None = read_spec(folder, read_result(folder)).train
    return recipe


def read_log(folder: Path) -> list[Row]:
    """The rows of a run's `log.csv`; none if no epoch was complete.

    Raises:
        ArchError: it cannot be read (ARCH204).
    """
    path = folder / LOG
    with _reading(path, "log"), suppress(FileNotFoundError), open(path, newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
    return []


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

    Raises:
        ArchError: the folder holds something (ARCH202), is no folder or cannot be made (ARCH304).
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise fail("ARCH304", f"{folder} is a file, and a run wants a folder")
        if folder.exists() and any(folder.iterdir()):
            raise fail("ARCH202", f"{folder} is not empty", hint="name a new folder; nothing was changed in this one")
        nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            raise fail("ARCH304", f"{folder} cannot be made: {nearest} cannot be written to")
    except OSError as error:
        raise fail("ARCH304", f"{folder} cannot be used: {error.strerror}") from None


def create(folder: Path, text: str) -> None:
    """Creates the folder of a run, with its spec in it.

    Raises:
        ArchError: the folder cannot be written to (ARCH304).
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise fail("ARCH304", f"{folder} cannot be made: {error.strerror}") from None
    with writing(folder / SPEC) as partial:
        partial.write_bytes(text.encode())
