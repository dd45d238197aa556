"""The state of a training at the end of an epoch, in one file that is written whole or not at all.

It holds what Keras's own files leave out: the states of seed generators, of the optimizer, and of callbacks. A training
that resumes from it does exactly what it would have done without the interruption, to the bit.
"""

from __future__ import annotations

import json
import shutil
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from archdsl.data.dataset import Dataset
from archdsl.errors import fail
from archdsl.files import writing
from archdsl.runs.folder import Row

FOLDER, FILE = "checkpoint", "state.npz"

Arrays = list[NDArray[Any]]


@dataclass(frozen=True, slots=True)
class TrainingState:
    """The state of a training.

    Args:
        epoch: how many epochs are complete.
        rows: the log's.
        notes: plain data, such as how long early stopping has waited.
        arrays: values of variables by what they belong to: `model`, `optimizer`, and others.
    """

    epoch: int
    rows: Sequence[Row]
    notes: Mapping[str, Any]
    arrays: Mapping[str, Arrays] = field(default_factory=dict)


def save(run: Path, state: TrainingState) -> None:
    """Writes the state into a run's folder; whatever ends the program, the old state or the new one is there.

    Raises:
        ArchError: the folder cannot be written to (ARCH304).
    """
    folder = run / FOLDER
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise fail("ARCH304", f"{folder} cannot be made: {error.strerror}") from None
    named = {f"{name}.{i}": value for name, values in state.arrays.items() for i, value in enumerate(values)}
    # NumPy's files know no bfloat16: the bits are stored, and the name of the type in the header.
    types = {name: str(value.dtype) for name, value in named.items() if value.dtype.kind == "V"}
    header = {
        "epoch": state.epoch,
        "rows": state.rows,
        "notes": state.notes,
        "counts": {name: len(values) for name, values in state.arrays.items()},
        "types": types,
    }
    plain = {name: value.view(np.uint16) if name in types else value for name, value in named.items()}
    with writing(folder / FILE) as partial:
        np.savez(partial, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **plain)  # type: ignore[arg-type]


def load(run: Path) -> TrainingState | None:
    """The state in a run's folder; None if no epoch was complete.

    Raises:
        ArchError: it cannot be read (ARCH204).
    """
    path = run / FOLDER / FILE
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            header = json.loads(file["header"].tobytes())
            arrays = {
                name: [_typed(file[f"{name}.{i}"], header["types"].get(f"{name}.{i}")) for i in range(count)]
                for name, count in header["counts"].items()
            }
        return TrainingState(header["epoch"], header["rows"], header["notes"], arrays)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error):
        hint = "remove the folder `checkpoint` to begin this run anew"
        raise fail("ARCH204", f"{path} is not what training wrote: it cannot be read", hint=hint) from None


def remove(run: Path) -> None:
    """Removes the state: the run is finished."""
    shutil.rmtree(run / FOLDER, ignore_errors=True)


def values(variables: Sequence[Any]) -> Arrays:
    """Copies of the values of Keras's variables; those of bfloat16 keep their type."""
    return [np.array(variable.numpy()) for variable in variables]


def assign(variables: Sequence[keras.Variable], arrays: Sequence[NDArray[Any]]) -> None:
    """Assigns the values of a checkpoint to variables.

    Raises:
        ArchError: they are not those of this network (ARCH204).
    """
    expected = [(tuple(variable.shape), str(variable.dtype)) for variable in variables]
    if expected != [(array.shape, str(array.dtype)) for array in arrays]:
        message = "the checkpoint is not of this network: its weights or its optimizer have other shapes"
        raise fail("ARCH204", message, hint="was it written by another version of archdsl, Keras or TensorFlow?")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def fingerprint(text: str, dataset: Dataset) -> dict[str, int]:
    """Checksums of the spec's text and of each part of the data: its labels and some two thousand of its images."""
    parts = {"spec": zlib.crc32(text.encode())}
    for name in ("train", "validation", "test"):
        part = getattr(dataset, name)
        of_labels = zlib.crc32(np.ascontiguousarray(part.labels).tobytes())
        some = part.images[:: max(1, len(part) // 2000)]
        parts[name] = zlib.crc32(np.ascontiguousarray(some).tobytes(), of_labels)
    return parts


def _typed(array: NDArray[Any], name: str | None) -> NDArray[Any]:
    if name is None:
        return array
    import ml_dtypes

    return array.view(getattr(ml_dtypes, name))
