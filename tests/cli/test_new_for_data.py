"""`archdsl new --data`: the spec that it writes for each kind of data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import small_sets
from house import loaded_modules
from typer.testing import CliRunner

from archdsl import drafts, zoo
from archdsl.cli import app
from archdsl.drafts.plans import SETTLED, momentum
from archdsl.errors import ArchError
from archdsl.linting import lint
from archdsl.recipe import data_at
from archdsl.resolution import resolve

Golden = Callable[[str, str], None]

SETS: dict[str, Callable[[Path], None]] = {
    "scans": lambda path: small_sets.digits_as_images(path, 360),
    "photos": lambda path: small_sets.photos(path, {"cat": 30, "dog": 60}),
    "cells": lambda path: small_sets.squares_with_masks(path, 12),
    "houses.csv": lambda path: small_sets.houses(path, 400),
    "flowers.csv": lambda path: small_sets.flowers(path, 150),
    "waves.npz": lambda path: small_sets.waves(path, 120),
    "reviews.csv": lambda path: small_sets.reviews(path, 200),
    "counting.txt": lambda path: small_sets.counting(path, 2_000),
}


@pytest.mark.parametrize("name", SETS)
def test_the_spec_for_a_kind_of_data(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    monkeypatch.chdir(tmp_path)
    SETS[name](Path(name))
    done = CliRunner().invoke(app, ["new", "--data", name])
    assert done.exit_code == 0, done.output
    file = tmp_path / f"{Path(name).stem}.yaml"
    assert done.stdout == ""
    text = file.read_text(encoding="utf-8").partition("\n")[2]
    golden(f"new_for_data/{file.name}", f"{text}\n{done.stderr}")
    assert max(map(len, text.split("\n"))) <= 120
    spec = zoo.load(file)
    assert spec.data is not None
    assert spec.data.argument == name
    assert lint(spec, resolve(spec)) == ()


def test_the_momentum_settles_whatever_the_number_of_steps() -> None:
    for steps in (1, 30, 90, 360, 1_500, 4_000, 1_000_000):
        chosen = float(momentum(steps).value)
        assert chosen ** (steps / 5) <= SETTLED or chosen == 0.5
    assert [momentum(steps).value for steps in (90, 360, 1_500, 4_000)] == ["0.7", "0.9", "0.98", "0.99"]


def test_columns_that_cannot_be_used_are_left_out(tmp_path: Path) -> None:
    small_sets.houses(tmp_path / "houses.csv", 50)
    lines = (tmp_path / "houses.csv").read_text(encoding="utf-8").splitlines()
    noted = [f"{line},{'note' if number == 0 else f'n{number}'}" for number, line in enumerate(lines)]
    swapped = [",".join([*cells[:4], cells[5], cells[4]]) for cells in (line.split(",") for line in noted)]
    (tmp_path / "noted.csv").write_text("\n".join(swapped), encoding="utf-8", newline="\n")
    draft = drafts.for_data(tmp_path / "net.yaml", data_at(str(tmp_path / "noted.csv")))
    assert draft.spec.data is not None
    assert draft.spec.data.inputs == ["area", "rooms", "town"]
    assert draft.spec.data.targets == "price"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere", "there is no data set `nowhere`"),
        ("nothing.csv", "file nothing.csv not found"),
        ("empty", "empty contains no class folders"),
        ("one.csv", "one.csv has only the column `a`, and nothing to predict it from"),
    ],
)
def test_data_for_which_there_is_no_spec(
    place: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("one.csv").write_text("n,a\n1,1.5\n2,2.5\n3,0.5\n", encoding="utf-8", newline="\n")
    done = CliRunner().invoke(app, ["new", "--data", place])
    assert isinstance(done.exception, ArchError)
    assert message in str(done.exception)
    assert not [*tmp_path.glob("*.yaml")]


def test_data_and_a_template_are_not_combined() -> None:
    done = CliRunner().invoke(app, ["new", "--data", "digits", "--template", "unet"])
    assert "`--data` cannot be combined" in str(done.exception)


def test_nothing_heavy_is_loaded_without_data(tmp_path: Path) -> None:
    loaded = loaded_modules([["new", str(tmp_path / "net.yaml")]], tmp_path)
    assert not {"numpy", "tensorflow", "keras"} & loaded
    loaded = loaded_modules([["new", "--data", "digits"]], tmp_path)
    assert not {"tensorflow", "keras"} & loaded
