"""Raw rows, arrays and texts are predicted by a file alone, as the training encoded them, for each task."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documents import printed_by
from PIL import Image

keras = pytest.importorskip("keras")

import archdsl  # noqa: E402
from archdsl.data import images, input_description, other_data  # noqa: E402
from archdsl.data.ports import Ports  # noqa: E402
from archdsl.errors import ArchError  # noqa: E402
from archdsl.keras.runtime import carried_data, carry_data  # noqa: E402
from archdsl.training import export, prediction  # noqa: E402
from archdsl.training.answers import MaskAnswer  # noqa: E402
from archdsl.training.generation import Generator  # noqa: E402
from archdsl.training.setup import Overrides, PreparedTraining, prepare  # noqa: E402

pytestmark = [
    pytest.mark.tensorflow,
    # Keras's own `save` makes NumPy say this.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]

RANDOM = np.random.RandomState(0)

CLIENTS = """\
archdsl: 1
name: Clients
inputs:
  facts: [3]
  job: {shape: [], dtype: int32}
  note: {shape: [4], dtype: int32}
outputs: [income, buys, shop]
model:
  - {embedding: {vocabulary: 4, size: 2}, from: job, name: of_job}
  - {embedding: {vocabulary: 50, size: 2, mask_zero: true}, from: note}
  - {global_average_pool: {}, name: of_note}
  - {concat: {}, from: [facts, of_job, of_note], name: all}
  - {dense: {units: 1}, from: all, name: income}
  - {dense: {units: 3}, from: all, name: shop}
  - {dense: {units: 1}, from: all, name: buys}
data:
  source: {csv: clients.csv}
  inputs: {facts: [age, home], job: job, note: note}
  targets: {income: income, buys: buys, shop: shop}
  columns: {note: text}
  missing: mean
train: {loss: {income: mean_squared_error, buys: binary_crossentropy, shop: categorical_crossentropy}}
"""

BIRDS = """\
archdsl: 1
name: Birds
input: [8, 8, 1]
model: [flatten, {dense: {units: 2}}]
data: {source: {csv: birds.csv}, targets: kind}
"""

SERIES = """\
archdsl: 1
name: Series
input: [6, 2]
model: [flatten, {dense: {units: 3}}]
data: {source: {npz: series.npz}, standardize: channel}
"""

CELLS = """\
archdsl: 1
name: Cells
input: [8, 8, 1]
model:
  - conv: {filters: 2, kernel: 1}
data: {source: {masks: cells}}
"""

CHARACTERS = """\
archdsl: 1
name: Characters
input: {shape: [8], dtype: int32}
model:
  - embedding: {vocabulary: 30, size: 4}
  - gru: {units: 4, return_sequences: true}
  - dense: {units: 30}
data: {source: {text: book.txt}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained networks of several tasks, with what encodes their inputs."""
    folder = tmp_path_factory.mktemp("tasks")
    rows = ["age,home,job,note,income,buys,shop"]
    for row in range(40):
        age = "" if row == 3 else f"{20 + row * 1.5}"
        home, job = ("own", "rent")[row % 2], ("cook", "clerk", "nurse")[row % 3]
        rows.append(
            f"{age},{home},{job},a word{row % 5} said,{1000 + 10 * row},{('no', 'yes')[row % 2]},{'abc'[row % 3]}"
        )
    (folder / "clients.csv").write_text("\n".join(rows) + "\n")
    x = RANDOM.normal(3, 2, (30, 6, 2)).astype("float32")
    np.savez(folder / "series.npz", x=x, y=np.arange(90).reshape(30, 3) % 2, classes=np.array(["up", "down", "flat"]))
    for kind in ("images", "masks"):
        (folder / "cells" / kind).mkdir(parents=True)
        for i in range(8):
            pixels = RANDOM.randint(0, 2, (8, 8)).astype("uint8")
            Image.fromarray(pixels * (200 if kind == "images" else 1)).save(folder / "cells" / kind / f"{i}.png")
    kinds = [f"cells/images/{row % 8}.png,{('crow', 'wren')[row % 2]}" for row in range(40)]
    (folder / "birds.csv").write_text("photo,kind\n" + "\n".join(kinds) + "\n")
    (folder / "book.txt").write_text("the cat sat on the mat, and the dog sat on the log. " * 8)
    Image.fromarray(RANDOM.randint(0, 255, (16, 24)).astype("uint8")).save(folder / "large.png")
    return folder


@pytest.fixture(scope="module")
def made(folder: Path) -> dict[str, PreparedTraining]:
    texts = {"clients": CLIENTS, "birds": BIRDS, "series": SERIES, "cells": CELLS, "characters": CHARACTERS}
    found = {}
    for name, text in texts.items():
        prepared = prepare(archdsl.loads(text), Overrides(data_dir=folder))
        for weight in prepared.model.weights:
            if "kernel" in weight.path:
                weight.assign(weight * 3)
        prepared.model.save(folder / f"{name}.keras")
        found[name] = prepared
    return found


def test_rows_are_encoded_as_in_training(folder: Path, made: dict[str, PreparedTraining]) -> None:
    """By hand: what the pipeline feeds to the network for the test rows, and NumPy's formulas behind it."""
    prepared = made["clients"]
    split, target = prepared.dataset.test, prepared.dataset.targets["income"]
    outputs = prepared.model(dict(split.inputs), training=False)
    income = outputs["income"].numpy()[:, 0] * target.std[0] + target.mean[0]  # type: ignore[attr-defined]
    yes = 1 / (1 + np.exp(-outputs["buys"].numpy()[:, 0].astype("float64")))
    known = {float(values[0]): place for place, values in enumerate(split.targets["income"])}
    found = archdsl.predict(folder / "clients.keras", folder / "clients.csv")
    assert len(found) == 40
    lines = (folder / "clients.csv").read_text().splitlines()[1:]
    checked = 0
    for line, one in zip(lines, found, strict=True):
        place = known.get(float(line.split(",")[4]))
        if place is not None:
            assert one.answers["income"].value == pytest.approx(income[place], rel=1e-5)
            assert one.answers["buys"].probabilities[1] == pytest.approx(yes[place], abs=1e-5)  # type: ignore[attr-defined]
            checked += 1
    assert checked == 8


ROW = {"age": 31, "home": "own", "job": "clerk", "note": "a word1 said"}


def test_all_forms_of_rows_give_the_same(folder: Path, made: dict[str, PreparedTraining], tmp_path: Path) -> None:
    (tmp_path / "row.csv").write_text("note;age;job;home\na word1 said;31;clerk;own\n")
    (tmp_path / "row.jsonl").write_text(json.dumps(ROW) + "\n")
    columns = {name: [value] for name, value in ROW.items()}
    network = folder / "clients.keras"
    forms: list[Any] = [tmp_path / "row.csv", [tmp_path / "row.jsonl"], [ROW], columns]
    if find_spec("pyarrow"):
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
        parquet.write_table(arrow.table(columns), tmp_path / "row.parquet")
        forms.append(tmp_path / "row.parquet")
    values = [archdsl.predict(network, form)[0].value for form in forms]
    assert len(set(values)) == 1


def test_the_batch_changes_nothing_and_an_empty_cell_is_the_mean(folder: Path, made: dict[str, Any]) -> None:
    predictor = prediction.load(folder / "clients.keras")
    mean = predictor.description.inputs["facts"].mean["age"]  # type: ignore[attr-defined]
    rows = [{**ROW, "age": ""}, {**ROW, "age": mean}, {**ROW, "job": "pilot"}, ROW]
    examples = [*prediction.raw_examples.of_values(rows, predictor.description.columns)]
    found = [[one.value for one in predictor.predict(examples, batch)] for batch in (1, 3, 100)]
    assert np.allclose(found[0], found[1])
    assert np.allclose(found[0], found[2])
    assert found[0][0] == pytest.approx(found[0][1])
    assert predictor.converter.unknown == {"job": (3, "`pilot` (row 3)")}


def test_raw_exports_take_raw_columns(folder: Path, made: dict[str, PreparedTraining], tmp_path: Path) -> None:
    rows = [ROW, {**ROW, "job": "pilot", "age": None}, {**ROW, "note": "?!"}]
    want = archdsl.predict(folder / "clients.keras", rows)
    assert not any(np.isnan(one.value) for one in want), "a mean over no words is NaN"
    export.write_export(folder / "clients.keras", tmp_path / "raw.keras", raw=True)
    model = archdsl.load_model(tmp_path / "raw.keras")
    given = {
        "age": np.array([[31], [np.nan], [31]], "float32"),
        "home": np.array([["own"]] * 3),
        "job": np.array(["clerk", "pilot", "clerk"]),
        "note": np.array(["a word1 said", "a word1 said", "?!"]),
    }
    found = model({name: keras.ops.convert_to_tensor(values) for name, values in given.items()})
    for row, one in enumerate(want):
        assert float(found["income"][row, 0]) == pytest.approx(one.answers["income"].value, rel=1e-5)
        assert float(found["buys"][row, 0]) == pytest.approx(float(one.answers["buys"].probabilities[1]), abs=1e-6)  # type: ignore[attr-defined]
    # The exported file itself predicts, too.
    again = archdsl.predict(tmp_path / "raw.keras", [ROW])
    assert again[0].value == want[0].value
    with pytest.raises(ArchError, match=r"ARCH303.*continues texts takes the numbers of tokens"):
        export.write_export(folder / "characters.keras", tmp_path / "c.keras", raw=True)


def test_arrays_and_tags(folder: Path, made: dict[str, PreparedTraining], tmp_path: Path) -> None:
    prepared = made["series"]
    found = archdsl.predict(folder / "series.keras", folder / "series.npz")
    with np.load(folder / "series.npz") as stored:
        x = stored["x"]
    given = prepared.dataset.inputs[""]
    logits = prepared.model(((x - given.mean) / given.std).astype("float32"), training=False).numpy()  # type: ignore[attr-defined]
    want = 1 / (1 + np.exp(-logits.astype("float64")))
    assert np.allclose([one.probabilities for one in found], want, atol=1e-5)
    assert found[0].value == tuple(np.array(["up", "down", "flat"])[want[0] > 0.5])
    np.savez(tmp_path / "short.npz", x=x[:2, :5])
    for one in archdsl.predict(folder / "series.keras", tmp_path / "short.npz"):
        assert "short.npz, row" in str(one.error)
        assert "expected an array of 6x2, got 5x2" in str(one.error)


def test_a_column_of_images_keeps_its_name(folder: Path, made: dict[str, PreparedTraining]) -> None:
    (folder / "photos.csv").write_text("photo\ncells/images/3.png\n")
    (row,) = archdsl.predict(folder / "birds.keras", folder / "photos.csv")
    (image,) = archdsl.predict(folder / "birds.keras", [folder / "cells/images/3.png"])
    assert row.value == image.value
    assert np.array_equal(row.probabilities, image.probabilities)
    assert list(prediction.load(folder / "birds.keras").description.targets) == ["kind"]


@pytest.mark.parametrize("how", ["crop", "pad"])
def test_masks_of_fitted_images_are_fitted_back(how: Any) -> None:
    """A mask of an image of 10x20 pixels, whose left half has class 1 and right half class 2."""
    original = Image.fromarray(np.repeat([[1, 2]], 10, axis=1).repeat(10, axis=0).astype("uint8"))
    seen = np.asarray(images.fit(original, (8, 8), how, Image.Resampling.NEAREST))
    again = np.asarray(MaskAnswer(seen, ("none", "left", "right")).picture((10, 20), how))
    want = np.asarray(original).copy()
    if how == "crop":
        want[:, :5] = want[:, 15:] = 0
    assert np.array_equal(again, want)


def test_masks_have_the_size_of_their_images(folder: Path, made: dict[str, PreparedTraining], tmp_path: Path) -> None:
    code, text = printed_by(f"archdsl predict cells.keras large.png --out {tmp_path}/masks --json", folder)
    assert code == 0, text
    (told,) = json.loads(text[text.index("[\n") : text.index("\n]") + 2])
    with Image.open(tmp_path / "masks/large.png") as mask:
        assert (mask.mode, mask.size) == ("P", (24, 16))
        values = np.asarray(mask)
    fractions = {each["number"]: each["fraction"] for each in told["classes"]}
    assert fractions[1] == pytest.approx((values == 1).mean(), abs=1e-6)


def test_texts_are_continued_as_the_network_says(folder: Path, made: dict[str, PreparedTraining]) -> None:
    generator = Generator(prediction.load(folder / "characters.keras"))
    given = made["characters"].dataset.inputs[""]
    text = "the cat"
    for _ in range(6):  # greedily, by hand: longer than the window at the end
        ids = [given.classes.index(letter) for letter in text[-8:]]  # type: ignore[attr-defined]
        window = np.array([ids + [0] * (8 - len(ids))], "int32")
        scores = made["characters"].model(window, training=False).numpy()[0, len(ids) - 1, : len(given.classes)]  # type: ignore[attr-defined]
        text += given.classes[1 + int(scores[1:].argmax())]  # type: ignore[attr-defined]
    assert generator.text("the cat", 6, temperature=0) == text
    drawn = {generator.text("the cat", 20, seed=seed) for seed in (1, 1, 2)}
    assert len(drawn) == 2
    with pytest.raises(ArchError, match=r"ARCH203.*prompt is empty"):
        generator.text("", 3)


@pytest.mark.slow
def test_a_file_predicts_in_another_process(folder: Path, made: dict[str, PreparedTraining], tmp_path: Path) -> None:
    (tmp_path / "row.csv").write_text("note,age,job,home\na word1 said,31,clerk,own\n")
    (tmp_path / "model.keras").write_bytes((folder / "clients.keras").read_bytes())
    words = [sys.executable, "-m", "archdsl", "predict", "model.keras", "row.csv", "--json"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    (want,) = archdsl.predict(folder / "clients.keras", [ROW])
    assert told["outputs"]["income"]["income"] == pytest.approx(want.value, rel=1e-5)


ALONE = """\
import json
import sys
import tensorflow as tf

model = tf.saved_model.load("raw")
row = {
    "age": tf.constant([[31.0]]), "home": tf.constant([["own"]]), "job": tf.constant(["clerk"]),
    "note": tf.constant(["a word1 said"]),
}
outputs = model.signatures["serving_default"](**row)
assert not any(name.startswith("archdsl") for name in sys.modules)
print(json.dumps({name: values.numpy().tolist() for name, values in outputs.items()}))
"""


@pytest.mark.slow
def test_a_raw_saved_model_of_a_table_needs_tensorflow_alone(
    folder: Path, made: dict[str, PreparedTraining], tmp_path: Path
) -> None:
    export.write_export(folder / "clients.keras", tmp_path / "raw", raw=True)
    done = subprocess.run(
        [sys.executable, "-P", "-c", ALONE], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    (want,) = archdsl.predict(folder / "clients.keras", [ROW])
    assert told["income"][0][0] == pytest.approx(want.answers["income"].value, rel=1e-5)
    for name in ("buys", "shop"):
        probabilities = want.answers[name].probabilities  # type: ignore[attr-defined]
        assert told[name][0] == pytest.approx(probabilities[-len(told[name][0]) :].tolist(), abs=1e-5)


def test_what_is_wrong_with_rows_is_located(folder: Path, made: dict[str, PreparedTraining], golden: Any) -> None:
    lines = ["age,home,job,note", "31,own,clerk,x", "abc,own,clerk,x", "1,2", ",own,pilot,x", "inf,own,cook,x"]
    (folder / "wrong.csv").write_text("\n".join(lines) + "\n")
    (folder / "wrong.jsonl").write_text('{"age": 1}\n[1]\n{"age": [1], "home": "own", "job": "cook", "note": 5}\n{\n')
    (folder / "other.csv").write_text("agee,job\n1,cook\n")
    said = []
    for words in (
        *("clients.keras wrong.csv --csv", "clients.keras wrong.jsonl", "clients.keras other.csv"),
        *("clients.keras nowhere.csv", "clients.keras large.png", "clients.keras --text x", "clients.keras"),
        *("clients.keras clients.csv --out folder", "cells.keras --text x", "characters.keras --text ''"),
    ):
        code, text = printed_by(f"archdsl predict {words}", folder)
        said.append(f"$ archdsl predict {words}\n{text}exit code {code}\n")
    lines = [re.sub(r"\d+\.\d+", "..", line) for line in "\n".join(said).splitlines() if "cuda" not in line.lower()]
    golden("wrong_rows.txt", "\n".join(lines) + "\n")


def test_a_description_survives_json(folder: Path, made: dict[str, PreparedTraining]) -> None:
    for name, prepared in made.items():
        written = json.loads(json.dumps(carried_data(prepared.model)))
        read = input_description.read(written, "model.keras")
        again = {
            **written,
            "inputs": {key: each.describe() for key, each in read.inputs.items()},
            "targets": {key: each.describe() for key, each in read.targets.items()},
        }
        assert json.loads(json.dumps(again)) == written, name
        for key, each in read.inputs.items():
            raw = RANDOM.randint(0, 1, (2, *each.made_shape)) if name != "clients" else None
            if raw is not None:
                assert np.array_equal(each.encoded(raw), prepared.dataset.inputs[key].encoded(raw))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"later": 1}, "`later`"),
        ({"heads": [{"output": "", "column": "z", "task": "regression", "logits": None}]}, "predict `z`"),
        ({"targets": {"next": {"kind": "tokens", "classes": [1], "length": 8}}}, "targets.next.tokens.classes.0"),
        ({"inputs": {"": {"kind": "sound"}}}, "inputs."),
        ({"inputs": {}}, "`inputs`"),
    ],
)
def test_a_description_that_is_wrong_is_refused(
    made: dict[str, PreparedTraining], folder: Path, tmp_path: Path, change: dict[str, Any], place: str
) -> None:
    model = archdsl.build(archdsl.loads(CHARACTERS))
    carry_data(model, {**(carried_data(made["characters"].model) or {}), **change})
    model.save(tmp_path / "wrong.keras")
    with pytest.raises(ArchError, match=r"ARCH302.*wrong.keras has an invalid description") as caught:
        prediction.load(tmp_path / "wrong.keras")
    assert place in str(caught.value)


def test_other_data_is_encoded_and_numbered_as_in_training(
    folder: Path, made: dict[str, PreparedTraining], tmp_path: Path
) -> None:
    """A file with fewer classes in another order, and with one that is new."""
    prepared = made["clients"]
    description = input_description.read(carried_data(prepared.model) or {}, "model.keras")
    head, *rows = (folder / "clients.csv").read_text().splitlines()
    taken = [rows[7], rows[4], rows[9], rows[10]]
    (tmp_path / "some.csv").write_text("\n".join([head, *taken]).replace("clerk", "pilot") + "\n")
    data = other_data.source_of(str(tmp_path / "some.csv"), prepared.source)
    ports = Ports.of(prepared.graph)
    dataset = other_data.load(data, description, ports, prepared.recipe)
    assert (len(dataset.train), len(dataset.test)) == (0, 4)
    assert dataset.test.inputs["job"].tolist() == [0, 0, 2, 0]  # unknown, and after `clerk` and `cook`, `nurse` is 3
    assert [description.targets["shop"].classes[label] for label in dataset.test.targets["shop"]] == [*"bbab"]  # type: ignore[attr-defined]
    facts, age = dataset.test.inputs["facts"][:, 0], description.inputs["facts"]
    ages = np.array([float(row.split(",")[0]) for row in taken])
    assert np.allclose(facts, (ages - age.mean["age"]) / age.std["age"], atol=1e-6)  # type: ignore[attr-defined]
    lines = [dict(zip(head.split(","), row.replace("clerk", "pilot").split(","), strict=True)) for row in taken]
    (tmp_path / "some.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    of_lines = other_data.source_of(str(tmp_path / "some.jsonl"), prepared.source)
    again = other_data.load(of_lines, description, ports, prepared.recipe)
    assert all(np.array_equal(values, again.test.inputs[name]) for name, values in dataset.test.inputs.items())
    (tmp_path / "new.csv").write_text("\n".join([head, rows[7], rows[4][:-1] + "z"]) + "\n")
    with pytest.raises(ArchError, match=r"new.csv.*: `shop` is `z`, which no training example has"):
        other_data.load(other_data.source_of(str(tmp_path / "new.csv"), data), description, ports, prepared.recipe)
    (tmp_path / "less.csv").write_text("age,home\n1,own\n2,rent\n")
    with pytest.raises(ArchError, match=r"ARCH303.*less.csv has no column `job`"):
        other_data.load(other_data.source_of(f"csv:{tmp_path}/less.csv", data), description, ports, prepared.recipe)
