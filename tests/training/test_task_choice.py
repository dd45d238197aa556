"""What `task` decides where data, outputs and losses leave it open, and how a task that does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from wrong_data import cells_and_masks  # noqa: E402

import archdsl  # noqa: E402
from archdsl.data import dataset  # noqa: E402
from archdsl.data.ports import Ports  # noqa: E402
from archdsl.data.targets import NumberTarget  # noqa: E402
from archdsl.errors import ArchError  # noqa: E402
from archdsl.recipe import LOSSES, Data, Train  # noqa: E402
from archdsl.training import heads  # noqa: E402

pytestmark = pytest.mark.tensorflow

TEXT = """\
archdsl: 1
name: Small
input: [2]
model:
  - dense: {units: 2}
data: {source: {csv: FILE}, targets: TARGET}
train:
  TRAIN
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CSV file with whole numbers, fractions and words to predict."""
    monkeypatch.chdir(tmp_path)
    rows = [f"{i % 7},{i % 5},{3 + i % 2},{i % 3},{i / 7:.2f},{'cat' if i % 4 else 'dog'}" for i in range(80)]
    Path("table.csv").write_text("a,b,two,three,price,kind\n" + "\n".join(rows) + "\n")
    return Path("table.csv")


def loaded(target: str, train: Train) -> dataset.Dataset:
    data = Data(source={"csv": "table.csv"}, inputs=["a", "b"], targets=target)
    return dataset.load(data, ports=None, recipe=train)


@pytest.mark.parametrize(
    ("target", "train", "kind"),
    [
        ("three", Train(), "number"),
        ("three", Train(task="classification"), "class"),
        ("three", Train(loss=LOSSES["sparse_categorical_crossentropy"]()), "class"),
        ("two", Train(loss=LOSSES["binary_crossentropy"]()), "class"),
        ("three", Train(loss=LOSSES["binary_crossentropy"]()), "number"),
        ("three", Train(loss=LOSSES["huber"]()), "number"),
        ("price", Train(task="classification"), "number"),
        ("kind", Train(task="regression"), "class"),
    ],
)
def test_task_or_loss_decides_what_whole_numbers_are(target: str, train: Train, kind: str, table: Path) -> None:
    found = loaded(target, train)
    assert found.targets[target].describe()["kind"] == kind
    if kind == "class" and target != "kind":
        first = 3 if target == "two" else 0
        names = [str(first + i) for i in range(2 if target == "two" else 3)]
        assert found.targets[target].describe()["classes"] == names
        assert set(np.unique(found.train.targets[target])) == set(range(len(names)))


def test_classes_named_by_numbers_become_numbers(table: Path) -> None:
    data = Data(source={"csv": "table.csv"}, columns={"two": "class"}, inputs=["a"], targets="two")
    as_classes = dataset.load(data, recipe=Train(task="classification"))
    as_numbers = dataset.load(data, recipe=Train(task="regression"))
    assert as_classes.targets["two"].describe()["classes"] == ["3", "4"]
    assert set(np.unique(as_numbers.train.targets["two"])) == {3.0, 4.0}


WRONG = {
    "words_as_numbers": ("kind", "task: regression"),
    "fractions_as_classes": ("price", "task: classification"),
    "numbers_as_masks": ("price", "task: segmentation"),
    "too_few_outputs": ("three", "task: classification"),
    "two_outputs_for_binary": ("kind", "task: binary_classification"),
    "three_classes_for_binary": ("three", "task: binary_classification"),
    "several_numbers": ("three", "epochs: 2"),
    "smoothed_numbers": ("price", "label_smoothing: 0.1"),
    "classes_of_numbers": ("price", "metrics: [mean_squared_error, f1_score]"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_task_that_does_not_fit_is_one_located_error(
    name: str, table: Path, golden: Callable[[str, str], None]
) -> None:
    target, train = WRONG[name]
    text = TEXT.replace("FILE", "table.csv").replace("TARGET", target).replace("TRAIN", train)
    Path("small.yaml").write_text(text.replace("targets:", "inputs: [a, b], targets:"))
    spec = archdsl.load("small.yaml")
    assert spec.data is not None
    assert spec.train is not None
    ports, recipe = Ports.of(archdsl.resolve(spec)), spec.train
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1 if target == "price" else 2)])
    found = dataset.load(spec.data, ports=ports, recipe=recipe)
    with pytest.raises(ArchError) as error:
        heads.find(network, found, spec.data, recipe, places=spec.places)
    golden(f"task_{name}.txt", f"{error.value}\n")


KINDS = {
    "classes_for_an_image": ("{csv: photos.csv}", "[8, 8, 3]", "photo", "kind", ["conv: {filters: 3, kernel: 1}"]),
    "an_image_for_a_vector": ("{csv: photos.csv}", "[8, 8, 3]", "photo", "photo", ["flatten", "dense: {units: 3}"]),
    "numbers_for_an_image": ("{csv: photos.csv}", "[8, 8, 3]", "photo", "size", ["conv: {filters: 3, kernel: 1}"]),
    "numbers_for_a_softmax": ("{csv: table.csv}", "[2]", "[a, b]", "price", ["dense: {units: 3}", "softmax"]),
    "a_mask_for_a_vector": ("{masks: mine}", "[8, 8, 3]", "image", "mask", ["flatten", "dense: {units: 2}"]),
    "a_longer_series": ("{npz: series.npz}", "[16, 2]", "x", "y", ["flatten", "dense: {units: 3}"]),
    "a_class_for_each_step": ("{npz: series.npz}", "[20, 2]", "x", "y", ["dense: {units: 3}"]),
    "too_many_columns": ("{csv: table.csv}", "[2]", "[a, b, two]", "price", ["dense: {units: 1}"]),
    "tokens_of_a_long_text": ("{npz: tokens.npz}", "[8]", "x", "y", ["reshape: {shape: [4, 2]}", "dense: {units: 9}"]),
    "several_tags": ("{csv: table.csv}", "[2]", "[a, b]", "tags", ["dense: {units: 4}"]),
}


def written(name: str, source: str, shape: str, inputs: str, targets: str, steps: list[str], more: str = "") -> Path:
    lines = ["archdsl: 1", "name: Small", f"input: {shape}", "model:", *(f"  - {step}" for step in steps)]
    lines += ["data:", f"  source: {source}", f"  inputs: {inputs}", f"  targets: {targets}"]
    Path(name).write_text("\n".join(lines) + f"\n{more}")
    return Path(name)


def refusal(path: Path) -> str:
    """Why a network does not fit its data."""
    spec = archdsl.load(path)
    assert spec.data is not None
    ports, recipe = Ports.of(archdsl.resolve(spec)), spec.train or Train()
    found = dataset.load(spec.data, ports=ports, recipe=recipe)
    with pytest.raises(ArchError) as error:
        heads.find(archdsl.build(spec), found, spec.data, recipe, places=spec.places)
    assert len(error.value.problems) == 1
    return f"{error.value}\n"


@pytest.fixture
def every_kind(table: Path) -> None:
    """Data of each kind, in files."""
    rows = table.read_text().splitlines()
    tags = ["tags", *(f'"[""{"ab"[i % 2]}"", ""c""]"' for i in range(80))]
    table.write_text("".join(f"{row},{tag}\n" for row, tag in zip(rows, tags, strict=True)))
    cells_and_masks(Path())
    lines = [f"mine/images/{number}.png,{number / 3:.2f},{'ab'[number % 2]}" for number in range(10)]
    Path("photos.csv").write_text("\n".join(["photo,size,kind", *lines]) + "\n")
    np.savez("series.npz", x=np.ones((30, 20, 2), np.float32), y=np.arange(30) % 3)
    np.savez("tokens.npz", x=np.ones((30, 8), np.float32), y=np.arange(240).reshape(30, 8) % 9)


@pytest.mark.parametrize("name", KINDS)
def test_data_of_another_kind_than_the_output_is_one_error(
    name: str, every_kind: None, golden: Callable[[str, str], None]
) -> None:
    golden(f"kind_{name}.txt", refusal(written("small.yaml", *KINDS[name])))


def test_an_output_without_a_column(every_kind: None, golden: Callable[[str, str], None]) -> None:
    steps = ["dense: {units: 1}\n    name: left", "dense: {units: 1}\n    from: left\n    name: right"]
    path = written("two.yaml", "{csv: table.csv}", "[2]", "[a, b]", "{left: price}", steps, "outputs: [left, right]\n")
    golden("kind_an_output_without_a_column.txt", refusal(path))


def test_an_output_of_a_loss_weight_must_exist() -> None:
    text = """\
archdsl: 1
name: Two
input: [2]
model:
  - dense: {units: 2}
    name: left
  - dense: {units: 2}
    from: left
    name: right
outputs: [left, right]
train: {loss: {left: huber, right: huber}, loss_weights: {wrong: 2.0}, task: {lift: regression}, monitor: rigt}
"""
    with pytest.raises(ArchError) as error:
        archdsl.loads(text)
    assert [problem.message for problem in error.value.problems] == [
        "unknown output `wrong`",
        "unknown output `lift`",
        "unknown value `rigt` of `monitor`",
    ]


def test_monitor_chooses_the_main_output() -> None:
    inputs = keras.Input((2,))
    both = keras.Model(inputs, {name: keras.layers.Dense(1, name=name)(inputs) for name in ("left", "right")})
    data = Data(source="digits", targets={"left": "y", "right": "y"})

    def order(**words: Any) -> list[str]:
        return [head.output for head in heads.find(both, _numbers(), data, Train(**words))]

    assert order() == ["left", "right"]
    assert order(monitor="right") == ["right", "left"]


def _numbers() -> dataset.Dataset:
    split = dataset.Split({"": np.zeros((4, 2), np.float32)}, {"y": np.zeros((4, 1), np.float32)})
    return dataset.Dataset(split, split, split, {}, {"y": NumberTarget("y")}, "made")
