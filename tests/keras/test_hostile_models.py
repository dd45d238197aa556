"""Model files that mean harm end in one message, within a second and 300 MB beyond what a good file takes."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from finished_run import RUN
from forked import run_commands
from hostile_models import DATA, SPEC, cases, write
from PIL import Image

import archdsl
from archdsl.errors import ArchError
from archdsl.keras.runtime import carry_data
from archdsl.limits import Limits
from archdsl.training import prediction

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.skipif(sys.platform != "linux", reason="forks a process that has TensorFlow"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]

MODULES = ("archdsl.keras", "archdsl.training.prediction", "archdsl.training.fit", "archdsl.data.images")
SECONDS, MEGABYTES = 1.0, 300
SAMPLE = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good file, a run with it, an image, and the bad files."""
    folder = tmp_path_factory.mktemp("models")
    keras.utils.set_random_seed(0)
    model = archdsl.build(archdsl.loads(SPEC))
    carry_data(model, DATA)
    model.save(folder / "good.keras")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / "image.png")
    (folder / "bad").mkdir()
    return folder


def faults_of(folder: Path, names: Sequence[str], command: str) -> list[str]:
    """What is wrong with how the command ends for the bad files of these names."""
    files = {"good": folder / "good.keras", **write(folder / "good.keras", folder / "bad", names)}
    words = {}
    for name in ("good", *names):
        words[name] = ["predict", str(files[name]), "image.png"]
        if command == "evaluate":
            run = folder / f"run_{files[name].stem}"
            run.mkdir(exist_ok=True)
            (run / "spec.yaml").write_text(SPEC, encoding="utf-8")
            replace(RUN, spec="Small", arguments={}, input=None).write(run)
            shutil.copy(files[name], run / "model.keras")
            words[name] = ["evaluate", run.name]
    ended = run_commands(words, folder, MODULES)
    good = ended.pop("good")
    assert not good.code, good.text
    most = SECONDS + good.cpu, MEGABYTES + good.memory / 1e6
    return [f"{name}: {fault}" for name, one in ended.items() for fault in one.faults(*most)]


def test_each_wrong_field_of_the_data_is_named(folder: Path) -> None:
    model = archdsl.load_model(folder / "good.keras")
    carry_data(model, {**DATA, "shape": [8, "x", 1], "largest": -1, "mean": None, "classes": [1]})
    model.save(folder / "wrong.keras")
    with pytest.raises(ArchError) as caught:
        prediction.load(folder / "wrong.keras")
    (problem,) = caught.value.problems
    assert problem.code == "ARCH302"
    assert [fact.split("`")[1] for fact in problem.facts] == ["shape.1", "largest", "classes.0"]


def test_there_are_enough_cases() -> None:
    assert len(cases()) >= 150


def test_a_sample_of_hostile_files_ends_in_one_message(folder: Path) -> None:
    assert not faults_of(folder, random.Random(1).sample(sorted(cases()), SAMPLE), "predict")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_all_hostile_files_end_in_one_message(folder: Path, command: str) -> None:
    assert not faults_of(folder, sorted(cases()), command)


def test_a_file_raises_no_limit_and_its_opener_does(tmp_path: Path) -> None:
    """The run's own limits are in the file: they can lower what opening may cost, and raise nothing."""
    deep = "archdsl: 1\nname: Deep\ninput: [8]\nmodel: [{relu: {}, repeat: 9}]\n"
    archdsl.build(archdsl.loads(deep, limits=Limits(steps=10))).save(tmp_path / "deep.keras")
    assert archdsl.load_model(tmp_path / "deep.keras")
    with pytest.raises(ArchError, match="ARCH025") as caught:
        archdsl.load_model(tmp_path / "deep.keras", limits=Limits(steps=5))
    assert "--allow steps=" in str(caught.value)


@pytest.mark.parametrize("name", ["a repeat without end", "a recursion without end", "a division by zero"])
def test_the_carried_spec_is_resolved_before_it_is_compiled(folder: Path, name: str) -> None:
    case = f"spec: {name}"
    path = write(folder / "good.keras", folder / "bad", [case])[case]
    for load in (archdsl.load_model, keras.saving.load_model):
        with pytest.raises(ArchError) as caught:
            load(path)
        assert caught.value.problems[0].code in ("ARCH013", "ARCH024", "ARCH025")


def test_what_a_later_version_wrote_is_said_to_be_that(folder: Path) -> None:
    names = [name for name in cases() if name.startswith("carried: later") and "missing" not in name]
    assert names
    files = write(folder / "good.keras", folder / "bad", names[:1])
    with pytest.raises(ArchError, match="unknown to archdsl") as caught:
        archdsl.load_model(files[names[0]])
    assert caught.value.problems[0].code == "ARCH204"
