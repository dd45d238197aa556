"""The arrays of an `.npz` file become inputs and targets by their names, types and shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archdsl.data import sources
from archdsl.data.dataset import load
from archdsl.data.ports import Port, Ports
from archdsl.data.sources.base import RawDataset
from archdsl.errors import ArchError
from archdsl.recipe import Data

PHOTOS = np.arange(10 * 4 * 4 * 3, dtype=np.uint8).reshape(10, 4, 4, 3)
SOUNDS = np.linspace(0, 1, 10 * 30 * 2, dtype=np.float32).reshape(10, 30, 2)
NUMBERS = np.arange(10) % 2


def read(path: Path, outputs: Any = (), inputs: Any = None, recipe: Any = None, **arrays: Any) -> RawDataset:
    np.savez(path / "mine.npz", **arrays)
    ports = Ports(inputs or {"": Port((30, 2))}, {"": Port(outputs or (2,))})
    return sources.read(Data.model_validate({"source": {"npz": str(path / "mine.npz")}, **(recipe or {})}), ports=ports)


def test_several_inputs_and_targets_by_name(tmp_path: Path) -> None:
    raw = read(tmp_path, photo=PHOTOS, sound=SOUNDS, y=NUMBERS, y_age=SOUNDS[:, 0, 0], classes=["a", "b"])
    kinds = {name: column.kind for name, column in raw.columns.items()}
    assert kinds == {"photo": "image", "sound": "array", "y": "class", "y_age": "number"}
    assert (raw.inputs, raw.targets) == (("photo", "sound"), ("y", "y_age"))
    assert raw.columns["y"].classes == ("a", "b")
    assert raw.columns["photo"].shape == (4, 4, 3)
    recipe = {"targets": "level"}
    named = read(tmp_path, photo=PHOTOS, sound=SOUNDS, level=NUMBERS, level_classes=["a", "b"], recipe=recipe)
    assert (named.inputs, named.columns["level"].classes) == (("photo", "sound"), ("a", "b"))


def test_splits_by_the_ends_of_names(tmp_path: Path) -> None:
    parts = {"train": slice(0, 6), "val": slice(6, 8), "test": slice(8, 10)}
    arrays = {
        f"{name}_{part}": values[rows]
        for name, values in (("sound", SOUNDS), ("y", NUMBERS))
        for part, rows in parts.items()
    }
    raw = read(tmp_path, **arrays)
    assert raw.validation is not None
    assert raw.test is not None
    assert (len(raw.train), len(raw.validation), len(raw.test)) == (6, 2, 2)
    del arrays["sound_val"]
    with pytest.raises(ArchError, match="lacks the array `sound_val`"):
        read(tmp_path, **arrays)


@pytest.mark.parametrize(
    ("y", "outputs", "recipe", "kind", "shape"),
    [
        (SOUNDS[:, 0, 0], (1,), {}, "number", ()),
        (SOUNDS[:, 0], (2,), {}, "number", (2,)),
        (NUMBERS, (2,), {}, "class", ()),
        (NUMBERS, (1,), {"columns": {"y": "number"}}, "number", ()),
        (np.ones((10, 3), np.int64), (3,), {}, "tags", (3,)),
        (np.arange(300).reshape(10, 30) % 7, (30, 7), {}, "tokens", (30,)),
        (np.zeros((10, 4, 4), np.uint8), (4, 4, 1), {}, "mask", (4, 4)),
    ],
)
@pytest.mark.parametrize("image", [False, True])
def test_the_kind_of_a_target(
    y: Any, outputs: Any, recipe: Any, kind: str, shape: Any, image: bool, tmp_path: Path
) -> None:
    inputs = {"": Port((4, 4, 3)) if image else Port((30, 2))}
    raw = read(tmp_path, outputs, inputs, recipe, x=PHOTOS if image else SOUNDS, y=y)
    (target,) = raw.targets
    assert (raw.columns[target].kind, raw.columns[target].shape) == (kind, shape)
    assert raw.columns[raw.inputs[0]].kind == ("image" if image else "array")


def test_a_kind_that_an_array_cannot_have(tmp_path: Path) -> None:
    with pytest.raises(ArchError, match=r"`y` is float32 of shape \(10,\), not class"):
        read(tmp_path, x=SOUNDS, y=SOUNDS[:, 0, 0], recipe={"columns": {"y": "class"}})


def test_numbers_are_predicted_from_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", x=PHOTOS, y=SOUNDS[:, 0, 0])
    data = Data.model_validate({"source": {"npz": str(tmp_path / "mine.npz")}, "validation": 0.0})
    dataset = load(data, ports=Ports({"": Port((4, 4, 3))}, {"": Port((1,))}))
    assert dataset.images().dtype == np.uint8
    assert dataset.train.targets["y"].shape == (8, 1)
