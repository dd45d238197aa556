"""Checkpoints: the state of a training after an epoch, and after the one before, written atomically.

A checkpoint includes what Keras's own files omit: the states of seed generators, optimizer and callbacks. A resumed
training is bit-identical to one without interruption.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, AliasChoices, FailFast, Field

from archdsl.data.dataset import Dataset
from archdsl.data.streams import SMALL, chunks
from archdsl.errors import ArchError, fail, shown
from archdsl.files import sync_folder, writing
from archdsl.parsing.stored import due, read_json, unreadable
from archdsl.runs.folder import Row

FOLDER, FILE, PREVIOUS, DAMAGED = "checkpoint", "state.npz", "state.previous.npz", "state.damaged.npz"

Arrays = list[NDArray[Any]]


MOST_EPOCHS, LARGEST_HEADER, MOST_VALUES = 100_000, 64_000_000, 1_500_000
"""Limits on the header of a checkpoint, which has a row of numbers for each epoch."""

_HINT = "to restart this run, remove its folder `checkpoint`"


def _number(value: Any) -> Any:
    """Accept an integer or a float unchanged: rows are written as they were read."""
    if type(value) is float or (type(value) is int and abs(value) < 2**63):
        return value
    raise due("a number")


Checksum = Annotated[int, Field(ge=0, lt=2**32)]
Epoch = Annotated[int, Field(ge=0, le=MOST_EPOCHS)]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Checksums of the spec and of each split: its targets and about 2,000 of its examples."""

    spec: Checksum
    train: Checksum
    validation: Checksum
    test: Checksum


@dataclass(frozen=True, slots=True)
class KeptEpoch:
    """The epoch of the kept model, with its validation results; all None if there is none."""

    epoch: Epoch | None
    score: Annotated[float | None, Field(validation_alias=AliasChoices("score", "accuracy"))]
    loss: float | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The state of early stopping: the best value, and the number of epochs without improvement."""

    best: float | None
    waited: Epoch


@dataclass(frozen=True, slots=True)
class Notes:
    """The state of a training besides its arrays.

    Attributes:
        seconds: the training time so far.
        stopped: whether it stopped before its last epoch.
        early: the state of early stopping, if used.
    """

    fingerprint: Fingerprint
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    stopped: bool
    kept: KeptEpoch
    early: Waiting | None


@dataclass(frozen=True, slots=True)
class TrainingState:
    """The state of a training.

    Args:
        epoch: the number of completed epochs.
        rows: the rows of the log.
        arrays: values of variables by owner: `model`, `optimizer` and others.
    """

    epoch: int
    rows: Sequence[Row]
    notes: Notes
    arrays: Mapping[str, Arrays] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a checkpoint: how many arrays each name has, and the types that NumPy does not know."""

    epoch: Epoch
    rows: Annotated[list[dict[str, Annotated[Any, AfterValidator(_number)]]], FailFast()]
    notes: Notes
    counts: dict[str, Annotated[int, Field(ge=0, le=10_000_000)]]
    types: dict[str, Literal["bfloat16"]]


def save(run: Path, state: TrainingState) -> None:
    """Save the state in a run folder and keep the previous one. At least one of them survives any interruption.

    Raises:
        ArchError: the folder cannot be written to (ARCH304).
    """
    folder = run / FOLDER
    try:
        folder.mkdir(exist_ok=True)
        sync_folder(run)
    except OSError as error:
        raise fail("ARCH304", f"{folder} cannot be created: {error.strerror}") from None
    named = {f"{name}.{i}": value for name, values in state.arrays.items() for i, value in enumerate(values)}
    # NumPy cannot store bfloat16: the file has the bits, and the header the name of the type.
    types = {name: str(value.dtype) for name, value in named.items() if value.dtype.kind == "V"}
    header = {
        "epoch": state.epoch,
        "rows": state.rows,
        "notes": asdict(state.notes),
        "counts": {name: len(values) for name, values in state.arrays.items()},
        "types": types,
    }
    plain = {name: value.view(np.uint16) if name in types else value for name, value in named.items()}
    with writing(folder / FILE) as partial:
        np.savez(partial, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **plain)  # type: ignore[arg-type]
        if (folder / FILE).exists():
            os.replace(folder / FILE, folder / PREVIOUS)


def load(run: Path) -> TrainingState | None:
    """Load the state from a run folder; None if no epoch was completed.

    A damaged state is renamed with a warning, and the previous one is used instead.

    Raises:
        ArchError: it cannot be read (ARCH204).
    """
    newest, previous = run / FOLDER / FILE, run / FOLDER / PREVIOUS
    if not newest.exists():  # the program may have been killed between the two renames of `save`
        return _read(previous) if previous.is_file() else None
    try:
        return _read(newest)
    except ArchError:
        if not previous.is_file():
            raise
        try:
            state = _read(previous)
        except ArchError:
            state = None
        if state is None:
            raise
    try:
        os.replace(newest, newest.with_name(DAMAGED))  # otherwise `save` would replace the good one by it
    except OSError as error:
        raise fail("ARCH304", f"{newest} is damaged and cannot be renamed: {error.strerror}") from None
    warnings.warn(f"{newest} is damaged: resuming from epoch {state.epoch}", stacklevel=2)
    return state


def _read(path: Path) -> TrainingState:
    """Read the state from a file.

    Raises:
        ArchError: it cannot be read (ARCH204).
    """
    if not path.is_file():
        raise unreadable(path, ["it is not a file"], _HINT)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_sizes(archive, path)
            text = _array(archive, "header", LARGEST_HEADER).tobytes()
            header = read_json(Header, text, path, "checkpoint", _conflicts, _HINT, MOST_VALUES)
            arrays = {
                name: [_typed(_array(archive, f"{name}.{i}"), header.types.get(f"{name}.{i}")) for i in range(count)]
                for name, count in header.counts.items()
            }
    except KeyError as error:
        raise unreadable(path, [str(error.args[0]).replace("There is no item named", "there is no")], _HINT) from None
    except (OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error):
        raise unreadable(path, ["it cannot be read"], _HINT) from None
    return TrainingState(header.epoch, header.rows, header.notes, arrays)


def _check_sizes(archive: zipfile.ZipFile, path: Path) -> None:
    """Reject an archive that NumPy did not write: compressed, or with members that share bytes."""
    members = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ValueError("compressed")
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise ValueError("larger than the file")


def _array(archive: zipfile.ZipFile, name: str, most: int | None = None) -> NDArray[Any]:
    """Read an array of the archive. Its declared size is checked before memory is allocated.

    Args:
        most: the most bytes of the array.

    Raises:
        KeyError: there is no such array.
        ValueError: NumPy did not write it.
    """
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version not in _HEADERS:
            raise ValueError("another version")
        shape, _, dtype = _HEADERS[version](member)
        size = math.prod(shape) * dtype.itemsize
        if dtype.hasobject or member.tell() + size != info.file_size or (most is not None and size > most):
            raise ValueError("another size")
    with archive.open(info) as member:
        return np.asarray(np.lib.format.read_array(member, allow_pickle=False))


_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def _conflicts(header: Header) -> Iterator[str]:
    epoch, kept = header.epoch, header.notes.kept.epoch
    if len(header.rows) != epoch:
        yield f"`rows`: expected {epoch:,}, as `epoch` says, got {len(header.rows):,}"
    wrong = next((at for at, row in enumerate(header.rows) if row.get("epoch") != at + 1), None)
    if wrong is not None:
        yield f"`rows[{wrong}].epoch`: expected {wrong + 1}, got {shown(header.rows[wrong].get('epoch'))}"
    if kept is not None and not 1 <= kept <= epoch:
        yield f"`notes.kept.epoch`: expected an epoch from 1 to {epoch}, got `{kept}`"
    if lacking := {"model", "optimizer", *(["kept"] if kept != epoch else [])} - header.counts.keys():
        yield f"`counts` lacks {' and '.join(f'`{name}`' for name in sorted(lacking))}"


def remove(run: Path) -> None:
    """Remove the state of a finished run."""
    shutil.rmtree(run / FOLDER, ignore_errors=True)


def values(variables: Sequence[Any]) -> Arrays:
    """Copy the values of Keras variables; bfloat16 is kept."""
    return [np.array(variable.numpy()) for variable in variables]


def assign(variables: Sequence[keras.Variable], arrays: Sequence[NDArray[Any]]) -> None:
    """Assign the values of a checkpoint to variables.

    Raises:
        ArchError: they belong to another network (ARCH204).
    """
    check(variables, arrays)
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def check(variables: Sequence[keras.Variable], arrays: Sequence[NDArray[Any]]) -> None:
    """Check that values have the shapes and types of these variables.

    Raises:
        ArchError: they belong to another network (ARCH204).
    """
    expected = [(tuple(variable.shape), str(variable.dtype)) for variable in variables]
    if expected != [(array.shape, str(array.dtype)) for array in arrays]:
        message = "the checkpoint does not match this network: its weights or optimizer have other shapes"
        raise fail("ARCH204", message, hint="was it written by another version of archdsl, Keras or TensorFlow?")


def fingerprint(text: str, dataset: Dataset) -> Fingerprint:
    """Compute the checksums of a spec and of its data."""
    parts = {}
    for name, part in dataset.splits.items():
        checksum = 0
        some = max(1, len(part) // 2000)
        large = {name: dataset.targets[name].example_bytes > SMALL for name in part.targets}
        every = [(values, some if large[name] else 1) for name, values in part.targets.items()]
        every += [(values, some) for values in part.inputs.values()]
        for values, step in every:
            for chunk in chunks(values, step):
                checksum = zlib.crc32(np.ascontiguousarray(chunk).tobytes(), checksum)
        parts[name] = checksum
    return Fingerprint(spec=zlib.crc32(text.encode()), **parts)


def _typed(array: NDArray[Any], name: str | None) -> NDArray[Any]:
    if name is None:
        return array
    import ml_dtypes

    return array.view(getattr(ml_dtypes, name))
