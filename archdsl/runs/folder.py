"""The folder of a run and the result stored in it. Imports no framework."""

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
from archdsl.recipe import TASKS, Train
from archdsl.recipe.tasks import TaskWord
from archdsl.runs.initial_weights import Start
from archdsl.spec import Spec

SPEC, MODEL, LOG, CURVES, RUN = "spec.yaml", "model.keras", "log.csv", "curves.png", "run.json"
CONFUSION, MISTAKES, RESIDUALS, LABELS = "confusion.png", "mistakes.png", "residuals.png", "labels.png"
MASKS, OUTPUTS, CARD, NETWORK = "masks.png", "outputs.png", "card.md", "network.svg"
"""The files in a run folder."""

LOCK = ".lock"
"""The file that exists in a run folder while a process writes to it, and after that process was killed."""

BEFORE_RUN = (LOCK, SPEC, "wandb")
"""What the folder may contain before `run.json` exists: a training that was killed this early left no results."""

Row = dict[str, float]
"""One epoch: `epoch` (counted from 1), `seconds`, `learning_rate`, and each metric, also as `validation_...`."""

Status = Literal["running", "finished", "interrupted", "failed"]

MOST_EPOCHS, LARGEST_RUN, LARGEST_LOG = 100_000, 8_000_000, 32_000_000
"""Limits on the rows of a log and the bytes of `run.json` and `log.csv`: training writes nothing larger."""


def _task(word: str) -> str:
    """Accept the word of a task."""
    if word not in TASKS:
        raise due(f"one of {', '.join(TASKS)}")
    return word


def _moment(text: str) -> str:
    """Accept a time that can be converted to local time."""
    try:
        if text:
            datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError):
        raise due("a time such as `2026-01-31T12:00:00+00:00`") from None
    return text


Count = Annotated[int, Field(ge=0, le=10**15)]
Epoch = Annotated[int, Field(ge=0, le=10**9)]
Seconds = Annotated[float, Field(ge=0, le=10**10, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1.0001, allow_inf_nan=False)]
"""Rounding in float32 may exceed 1. A loss may also be infinite or NaN, after a training that diverged."""
Finite = Annotated[float, Field(allow_inf_nan=False)]
Deviation = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class ClassScores:
    """How well one class is predicted.

    Attributes:
        precision: the fraction of the predictions of the class that are correct.
        recall: the fraction of the examples of the class that are found.
        f1_score: the harmonic mean of both.
        count: the number of test examples of the class.
    """

    precision: Fraction
    recall: Fraction
    f1_score: Fraction
    count: Count


@dataclass(frozen=True, slots=True)
class LargeError:
    """A test example whose number is predicted badly: its row in the test set, counted from 0."""

    row: Count
    true: Finite
    predicted: Finite


@dataclass(frozen=True, slots=True)
class Details:
    """What a task reports about the test examples besides its scores; None for what it does not report.

    Attributes:
        class_accuracy: of a classification: the fraction of the examples of each class that are found, by name.
        class_scores: precision, recall and F1 of each class, by name.
        class_iou: of a segmentation: the intersection over union of each class, by name.
        largest_errors: of a regression: the test examples with the largest errors.
        sample: of token prediction: a text that the network continued.
    """

    class_accuracy: Mapping[str, Fraction] | None = None
    class_scores: Mapping[str, ClassScores] | None = None
    class_iou: Mapping[str, Fraction] | None = None
    largest_errors: Sequence[LargeError] | None = None
    sample: str | None = None


@dataclass(frozen=True, slots=True)
class HeadResult:
    """The results of an output besides the main one."""

    task: Annotated[str, AfterValidator(_task)]
    column: str
    scores: Mapping[str, Finite]
    details: Details


@dataclass(frozen=True, slots=True)
class Result:
    """The content of `run.json`. Values that are not known yet are None.

    Attributes:
        epochs: the number of epochs requested, `epochs_run` of them complete.
        mean: the mean of the training images, for standardization.
        std: the standard deviation of the training images, for standardization.
        best_epoch: the epoch of the saved weights, counted from 1.
        task: the task of the main output.
        test_scores: the scores of the main output on the test examples by name; that of the task first.
        validation_score: the score of the saved weights on the validation examples.
        test_accuracy: a fraction, as all accuracies; with `test_time` in the recipe, from the mean of several views.
        plain_test_accuracy: with `test_time` in the recipe, the accuracy from single views.
        seconds: the training time, including validation.
        class_accuracy: the test accuracy of each class, by name.
        class_scores, class_iou, largest_errors, sample: see `Details`.
        heads: the results of all outputs but the main one, by name.
        started: the start in UTC.
        machine: the hardware that the results depend on, see `describe_machine`.
        tags: tags chosen by the user.
        command: the command that repeats the run.
        input: the preprocessing of the input, as stored in the model file.
        own: the names of Keras objects passed by the caller, which override the recipe.
        limits: the limits on the spec that were raised.
        warnings: what may have ruined the training: code and message of each warning.
        note: a note of the user's.
        overridden: the words of the recipe and the inputs that were overridden, with their values, as in `spec.yaml`.
        skipped: the number of examples by split that were left out because they are broken or have empty cells.
        skip_broken: whether examples that cannot be read are left out, though the recipe does not say so.
        streamed_bytes: the most memory of examples that are streamed; None if all were in memory.
        start: where the weights came from, and which of them were trained; None if all were new, and trained alike.
        data_license: the license of the data, if known.
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
    task: Annotated[str, AfterValidator(_task)] = "classification"
    test_scores: Mapping[str, Finite] | None = None
    validation_score: Finite | None = None
    class_iou: Mapping[str, Fraction] | None = None
    class_scores: Mapping[str, ClassScores] | None = None
    largest_errors: Sequence[LargeError] | None = None
    sample: str | None = None
    heads: Mapping[str, HeadResult] | None = None
    limits: Mapping[str, Annotated[Count, Field(ge=1)]] | None = None
    warnings: Sequence[str] = ()
    overridden: Mapping[str, Any] | None = None
    note: str = ""
    skipped: Mapping[str, Count] | None = None
    skip_broken: bool = False
    streamed_bytes: Count | None = None
    start: Start | None = None
    data_license: str = ""

    @property
    def judged(self) -> TaskWord:
        """What is known about its task."""
        return TASKS[self.task]

    @property
    def score(self) -> float | None:
        """The score on the test examples, such as the accuracy."""
        return (self.test_scores or {}).get(self.judged.score, self.test_accuracy)

    @property
    def score_text(self) -> str | None:
        """The score, formatted: `98.33 %`."""
        return None if self.score is None else self.judged.score_text(self.score)

    @property
    def validation_score_text(self) -> str | None:
        """The score of the saved weights on the validation examples, formatted."""
        score = self.validation_accuracy if self.validation_score is None else self.validation_score
        return None if score is None else self.judged.score_text(score)

    def write(self, folder: Path) -> None:
        """Write `run.json` atomically.

        Raises:
            ArchError: the folder is not writable (ARCH304).
        """
        with writing(folder / RUN) as partial:
            partial.write_text(
                json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n"
            )


def read_result(folder: Path) -> Result:
    """Read the result of the run in a folder.

    Raises:
        ArchError: there is no run, or its `run.json` cannot be read (ARCH204).
    """
    path = folder / RUN
    try:
        text = _bounded(path, LARGEST_RUN)
    except (FileNotFoundError, NotADirectoryError):
        hint = "name a folder written by `archdsl train`"
        raise fail("ARCH204", f"{folder} is not a run: it contains no {RUN}", hint=hint) from None
    except OSError as error:
        raise fail("ARCH204", f"{path} cannot be read: {error.strerror}") from None
    return read_json(Result, text, path, "run", _conflicts)


def _conflicts(run: Result) -> Iterator[str]:
    for name in ("epochs_run", "best_epoch"):
        if (getattr(run, name) or 0) > run.epochs:
            yield f"`{name}`: expected at most `epochs`, {run.epochs:,}, got `{getattr(run, name)}`"
    if len(run.mean or ()) != len(run.std or ()):
        yield f"`mean` and `std`: expected the same length, got {len(run.mean or ())} and {len(run.std or ())}"


def _bounded(path: Path, most: int) -> bytes:
    """Read the bytes of a file.

    Raises:
        OSError: the file cannot be read.
        ArchError: the file is too large (ARCH204).
    """
    try:
        return content(path, most)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise unreadable(path, [f"it is larger than {most:,} bytes"]) from None
        raise


def read_spec(folder: Path, run: Result, limits: Limits = DEFAULTS) -> Spec:
    """Read the spec in a run folder, with the variant that was trained.

    Args:
        folder: the run folder.
        run: the result of the run.
        limits: limits on the size of the spec; the limits stored with the run can only lower them.

    Raises:
        ArchError: the spec is missing, cannot be read (ARCH204), or is invalid.
    """
    path = folder / SPEC
    known = {field.name for field in fields(Limits)}
    own = {name: value for name, value in (run.limits or {}).items() if name in known}
    limits = limits.lowered(own, str(folder / RUN))
    try:
        text = content(path, limits.bytes).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        raise fail("ARCH204", f"{path} is missing or cannot be read") from None
    return zoo.loads(text, str(path), run.variant, limits)


def read_recipe(folder: Path, limits: Limits = DEFAULTS) -> Train | None:
    """Read the training recipe of a run.

    Args:
        folder: the run folder.
        limits: see `read_spec`.

    Raises:
        ArchError: see `read_result` and `read_spec`.
    """
    recipe: Train | None = read_spec(folder, read_result(folder), limits).train
    return recipe


def read_log(folder: Path) -> list[Row]:
    """Read the rows of `log.csv`; there are none if no epoch is complete.

    Raises:
        ArchError: the log cannot be read (ARCH204).
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
        raise unreadable(path, ["it is not a readable CSV file"]) from None
    if not table:
        return []
    if len(table) > MOST_EPOCHS + 1:
        raise unreadable(path, [f"it has more than {MOST_EPOCHS:,} rows"])
    names, rows, faults = table[0], list[Row](), list[str]()
    if "epoch" not in names or len(set(names)) < len(names):
        raise unreadable(path, ["line 1: expected unique column names, including `epoch`"])
    for epoch, cells in enumerate(table[1:], 1):
        row = _row(names, cells, epoch, faults)
        rows.append(row)
        if len(faults) > SHOWN:
            break
    if faults:
        raise unreadable(path, faults)
    return rows


def _row(names: Sequence[str], cells: Sequence[str], epoch: int, faults: list[str]) -> Row:
    """Parse a row of the log and add its problems to `faults`. Cells without a value are empty."""
    where, row = f"line {epoch + 1}", Row()
    if len(cells) != len(names):
        faults.append(f"{where}: expected {len(names)} values, got {len(cells)}")
        return row
    for name, cell in zip(names, cells, strict=True):
        try:
            if cell:
                row[name] = float(cell)
        except ValueError:
            faults.append(f"{where}: `{name[:40]}`: expected a number, got {shown(cell)}")
    if not faults and row.get("epoch") != epoch:
        faults.append(f"{where}: `epoch`: expected {epoch}, got {shown(row.get('epoch'))}")
    return row


def utc_now() -> str:
    """Return the current time in UTC, to the second: `2026-01-31T12:00:00+00:00`."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def describe_machine(accelerators: Sequence[str] = ()) -> dict[str, Any]:
    """Describe the hardware that results depend on, without anything that identifies the machine.

    Args:
        accelerators: the names of the GPUs in use.

    Returns:
        `system`, `processor`, `cpus` (available to this process), `accelerators`.
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cpus": cpus,
        "accelerators": list(accelerators),
    }


def check_free(folder: Path) -> None:
    """Check that a folder can be used for a new run, without creating anything.

    It may contain files of a training that was killed before it wrote `run.json`.

    Raises:
        ArchError: the folder contains anything else (ARCH202), is not a folder, or cannot be created (ARCH304).
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise fail("ARCH304", f"expected a folder for the run, but {folder} is a file")
        names = {path.name for path in folder.iterdir()} if folder.exists() else set()
        if {LOCK, RUN} <= names:
            hint = f"resume it with `archdsl train --resume {folder}`, or choose a new folder"
            raise fail("ARCH202", f"{folder} contains a run that was killed", hint=hint)
        if names and not (LOCK in names and all(name in BEFORE_RUN or is_partial(name) for name in names)):
            raise fail("ARCH202", f"{folder} is not empty", hint="choose a new folder; this one was not changed")
        nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            raise fail("ARCH304", f"{folder} cannot be created: {nearest} is not writable")
    except OSError as error:
        raise fail("ARCH304", f"{folder} cannot be used: {error.strerror}") from None


def create(folder: Path, text: str) -> None:
    """Write the spec to a run folder, which is created if necessary.

    Raises:
        ArchError: the folder is not writable (ARCH304).
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise fail("ARCH304", f"{folder} cannot be created: {error.strerror}") from None
    with writing(folder / SPEC) as partial:
        partial.write_bytes(text.encode())
