"""The state of a training at an epoch's end, in one file that is whole or not there at all.

It holds what Keras's own files leave out: the states of seed generators, of the optimizer, and of what goes on beside
the network. A training that goes on from it does what it would have done uncut, to the bit.
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
class State:
    """Where a training stands.

    Args:
        epoch: how many epochs are complete.
        rows: the log's.
        notes: plain data, such as how long early stopping has waited.
        arrays: values of variables by what they belong to: `model`, `optimizer`, and what there is besides.
    """

    epoch: int
    rows: Sequence[Row]
    notes: Mapping[str, Any]
    arrays: Mapping[str, Arrays] = field(default_factory=dict)


def save(run: Path, state: State) -> None:
    """Writes the state into a run's folder; whatever ends the program, the old state stands there or the new one.

    Raises:
        ArchError: the place cannot be written to (ARCH304).
    """
    folder = run / FOLDER
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise fail("ARCH304", f"{folder} cannot be made: {error.strerror}") from None
    named = {f"{name}.{i}": value for name, values in state.arrays.items() for i, value in enumerate(values)}
    # NumPy's files know no bfloat16: the bits are kept, and the name beside them.
    types = {name: str(value.dtype) for name, value in named.items() if value.dtype.kind == "V"}
    header = {
        "epoch": state.epoch,
        "rows": state.rows,
        "notes": state.notes,
        "counts": {name: len(values) for name, values in state.arrays.items()},
        "types": types,
    }
    plain = {name: value.view(np.uint16) if name in types else value for name, value in named.items()}
    with writing(folder / FILE) as beside:
        np.savez(beside, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **plain)  # type: ignore[arg-type]


def load(run: Path) -> State | None:
    """The state that a run's folder keeps; None where no epoch was complete.

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
        return State(header["epoch"], header["rows"], header["notes"], arrays)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error):
        hint = "remove the folder `checkpoint` to begin this run anew"
        raise fail("ARCH204", f"{path} is not what training wrote: it cannot be read", hint=hint) from None


def remove(run: Path) -> None:
    """Takes the state away: the run is finished."""
    shutil.rmtree(run / FOLDER, ignore_errors=True)


def values(variables: Sequence[Any]) -> Arrays:
    """Copies of Keras variables' values; those of bfloat16 keep their kind."""
    return [np.array(variable.numpy()) for variable in variables]


def assign(variables: Sequence[keras.Variable], arrays: Sequence[NDArray[Any]]) -> None:
    """Gives variables the values that were kept.

    Raises:
        ArchError: they are not those of this network (ARCH204).
    """
    wanted = [(tuple(variable.shape), str(variable.dtype)) for variable in variables]
    if wanted != [(array.shape, str(array.dtype)) for array in arrays]:
        message = "the checkpoint is not of this network: its weights or its optimizer have other shapes"
        raise fail("ARCH204", message, hint="was it written by another version of archdsl, Keras or TensorFlow?")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def fingerprint(text: str, dataset: Dataset) -> dict[str, int]:
    """Numbers that differ where the spec's text or the data does: labels, statistics, and some two thousand images."""
    parts = {"spec": zlib.crc32(text.encode())}
    for name in ("train", "validation", "test"):
        part = getattr(dataset, name)
        known = zlib.crc32(np.ascontiguousarray(part.labels).tobytes())
        some = part.images[:: max(1, len(part) // 2000)]
        parts[name] = zlib.crc32(np.ascontiguousarray(some).tobytes(), known)
    return parts


def _typed(array: NDArray[Any], kind: str | None) -> NDArray[Any]:
    if kind is None:
        return array
    import ml_dtypes

    return array.view(getattr(ml_dtypes, kind))
