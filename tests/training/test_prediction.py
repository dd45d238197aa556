"""Predictions from a run's folder or a file alone, and networks written for use elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documents import printed_by
from finished_run import RUN
from PIL import Image

keras = pytest.importorskip("keras")

import archdsl  # noqa: E402
from archdsl.data import input_description  # noqa: E402
from archdsl.data.dataset import Dataset, Split  # noqa: E402
from archdsl.data.inputs import ImageInput  # noqa: E402
from archdsl.data.pipeline import standardize  # noqa: E402
from archdsl.data.pixels import Statistics  # noqa: E402
from archdsl.data.targets import ClassTarget  # noqa: E402
from archdsl.errors import ArchError  # noqa: E402
from archdsl.keras.runtime import carried_data, carry_data  # noqa: E402
from archdsl.training import export, prediction  # noqa: E402

pytestmark = [
    pytest.mark.tensorflow,
    # Keras's own `save` makes NumPy say this.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]

SPEC = """\
archdsl: 1
name: Small
input: [6, 8, 3]
model:
  - conv: {filters: 4, kernel: 3, norm: batch, activation: relu}
  - global_average_pool: {}
  - dense: {units: 3}
"""
CLASSES = ("cat", "dog", "a $ign")
RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (7, 6, 8, 3), np.uint8)
PART = Split({"": PIXELS}, {"label": np.zeros(7, np.int64)})
STATISTICS = Statistics(np.array([0.4, 0.5, 0.6], np.float32), np.array([0.2, 0.25, 0.3], np.float32))
IMAGE = ImageInput("image", (6, 8, 3), 255, 255.0, statistics=STATISTICS)
DATASET = Dataset(PART, PART, PART, {"": IMAGE}, {"label": ClassTarget("label", CLASSES)}, "/somewhere", "pets")


def network(test_time: dict[str, Any] | None = None) -> Any:
    """An untrained network that knows its data, and ends in logits."""
    keras.utils.set_random_seed(0)
    model = archdsl.build(archdsl.loads(SPEC))
    carry_data(model, input_description.describe(DATASET, "pets", test_time))
    for weight in model.weights:
        if "kernel" in weight.path:
            weight.assign(weight * 4)
    return model


def expected(model: Any) -> Any:
    """What the pipeline's own way gives."""
    return keras.ops.softmax(model(standardize(PIXELS, IMAGE), training=False)).numpy()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, a network that tells nothing, and pictures, some of which are broken."""
    folder = tmp_path_factory.mktemp("predict")
    (folder / "run").mkdir()
    network().save(folder / "run/model.keras")
    (folder / "run/spec.yaml").write_text(SPEC)
    RUN.write(folder / "run")
    plain = keras.Sequential([keras.Input((6, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")])
    plain.save(folder / "plain.keras")
    (folder / "images/deep").mkdir(parents=True)
    for i, pixels in enumerate(PIXELS):
        Image.fromarray(pixels).save(folder / f"images/{'deep/' if i > 4 else ''}{i}.png")
    (folder / "images/3b.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "images/notes.txt").write_text("no image")
    (folder / "images/.hidden.png").write_text("")
    return folder


def test_a_model_tells_in_another_process_how_its_input_is_made(folder: Path) -> None:
    words = [sys.executable, "-m", "archdsl", "predict", "run/model.keras", "images/0.png", "images/1.png", "--json"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    for row, image in enumerate(told):
        assert {one["class"]: one["probability"] for one in image["classes"]} == pytest.approx(
            dict(zip(CLASSES, expected(network())[row].tolist(), strict=True)), abs=1e-5
        )


def test_what_a_model_carries_is_its_own(tmp_path: Path) -> None:
    model = network()
    told = carried_data(model)
    assert told is not None
    assert told["classes"] == list(CLASSES)
    told["classes"].clear()
    assert carried_data(model) == input_description.describe(DATASET, "pets")
    assert carried_data(archdsl.build(archdsl.loads(SPEC))) is None
    model.save(tmp_path / "a.keras")
    assert carried_data(archdsl.load_model(tmp_path / "a.keras")) == carried_data(model)


def test_all_images_are_predicted_and_broken_ones_told(folder: Path, golden: Any) -> None:
    code, text = printed_by("archdsl predict run images 'images/deep/*.png' nowhere.png --top 2", folder)
    assert code == 3
    golden("predict.txt", _rounded(text))


def _rounded(text: str) -> str:
    """Without the digits of probabilities, which are not the same everywhere."""
    lines = [line for line in text.splitlines() if "cuda" not in line.lower()]
    return "\n".join(" ".join("..%" if w.endswith("%") else w for w in line.split()) for line in lines) + "\n"


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_the_batch_changes_nothing(folder: Path, batch: int) -> None:
    predictor = prediction.load(folder / "run")
    paths = sorted((folder / "images").rglob("[0-9].png"))
    found = [prediction.probabilities for prediction in predictor.predict(paths, batch)]
    assert np.allclose(found, expected(network()), atol=1e-5)


def test_csv_has_a_row_for_each_image(folder: Path) -> None:
    code, text = printed_by("archdsl predict run images/0.png images/1.png --csv --top 9", folder)
    lines = [line for line in text.splitlines() if line.startswith("image")]
    assert (code, len(lines)) == (0, 3)
    assert lines[0] == "image,class_1,probability_1,class_2,probability_2,class_3,probability_3"
    assert sum(float(share) for share in lines[1].split(",")[2::2]) == pytest.approx(1, abs=1e-5)


def test_a_file_that_tells_nothing_says_what_it_lacks(folder: Path) -> None:
    code, text = printed_by("archdsl predict plain.keras images/0.png --json", folder)
    assert code == 0
    assert "plain.keras: the classes have no names and are shown by number\n" in text
    assert "plain.keras: the preprocessing is not recorded: pixels are divided by 255" in text
    told = json.loads(text[text.index("\n[") :])
    plain = keras.saving.load_model(folder / "plain.keras")
    want = plain(PIXELS[:1] / np.float32(255)).numpy()[0]
    assert [one["probability"] for one in told[0]["classes"]] == pytest.approx(sorted(want.tolist(), reverse=True))
    assert {one["class"] for one in told[0]["classes"]} == {"0", "1", "2"}


def test_test_time_is_the_recipes(tmp_path: Path) -> None:
    network({"flip": True, "shift": 1}).save(tmp_path / "views.keras")
    found = prediction.load(tmp_path / "views.keras").probabilities(PIXELS)
    padded = np.pad(standardize(PIXELS, IMAGE).numpy(), [(0, 0), (1, 1), (1, 1), (0, 0)], "reflect")
    views = [(0.5, padded[:, 1:-1, 1:-1]), (0.25, padded[:, :-2, :-2]), (0.25, padded[:, 2:, 2:])]
    mean = sum(w / 2 * (network()(v).numpy() + network()(v[:, :, ::-1]).numpy()) for w, v in views)
    assert np.allclose(found, keras.ops.softmax(mean), atol=1e-5)
    assert not np.allclose(found, expected(network()), atol=1e-3)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("predict nowhere images", 2, "error[ARCH204]: nowhere does not exist"),
        ("predict images images", 2, "is not a run"),
        ("predict images/notes.txt images", 3, "notes.txt"),
        ("predict run run", 3, "error[ARCH301]: there are no images in run"),
        ("predict run images --csv --json", 2, "cannot be combined"),
        ("export run --out run/model.keras", 2, "error[ARCH202]: run/model.keras already exists"),
        (
            "export run --out a.h5 --format keras",
            2,
            "error[ARCH203]: expected a `.keras` file for the format `keras`, got a.h5",
        ),
        ("export run --out a.h5", 2, "error[ARCH203]: cannot infer a format from the extension `.h5`"),
        ("export run --out a.keras --format kera", 2, "did you mean `keras`?"),
        ("export plain.keras --out raw.keras --raw", 3, "does not record"),
        ("export nowhere --out a.keras", 2, "nowhere does not exist"),
    ],
)
def test_what_cannot_be_done_is_told(folder: Path, words: str, code: int, message: str) -> None:
    before = sorted(folder.rglob("*"))
    ended, text = printed_by(f"archdsl {words}", folder)
    assert (ended, message in text) == (code, True), text
    assert sorted(folder.rglob("*")) == before


def test_networks_of_another_kind_are_refused(tmp_path: Path) -> None:
    for shape, units in (((5,), 3), ((6, 8, 2), 3), ((6, 8, 3), 1)):
        model = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(units)])
        model.save(tmp_path / "other.keras")
        with pytest.raises(ArchError, match=r"ARCH303.*other.keras: expected an (in|out)put"):
            prediction.load(tmp_path / "other.keras")


def test_an_exported_network_makes_its_own_input(folder: Path, tmp_path: Path) -> None:
    written = export.write_export(folder / "run", tmp_path / "deep/raw.keras", raw=True)
    again = prediction.load(tmp_path / "deep/raw.keras")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["raw.keras"]
    assert (again.raw, again.logits, again.lacks, again.classes) == (True, False, (), CLASSES)
    for predictor in (written, again):
        assert np.allclose(predictor.probabilities(PIXELS), expected(network()), atol=1e-6)
    assert np.allclose(again.model(PIXELS.astype("float32")), expected(network()), atol=1e-6)
    assert export.describe(again) == "input: 6x8x3 pixels from 0 to 255; output: probabilities of 3 classes"


@pytest.mark.parametrize(("divisor", "mean"), [(255.0, None), (1.0, [120.0]), (1.0, None), (16.0, [0.5])])
def test_each_way_to_make_the_input_becomes_layers(divisor: float, mean: list[float] | None) -> None:
    data = {**input_description.describe(DATASET, "pets"), "divisor": divisor, "mean": mean, "std": mean}
    described = input_description.read(data, "model.keras")
    heads = [replace(head, logits=True) for head in described.heads]
    raw = export.with_raw_input(network(), described, heads)
    image = described.inputs[""]
    assert isinstance(image, ImageInput)
    want = keras.ops.softmax(network()(standardize(PIXELS, image), training=False))
    pixels = keras.ops.convert_to_tensor(PIXELS, "float32")
    assert np.allclose(raw(pixels), want, atol=1e-5)


TWO = (
    SPEC.replace("  - dense: {units: 3}\n", "").replace("model:", "outputs: [aside, main]\nmodel:")
    + """\
    name: body
  - dense: {units: 3, activation: softmax}
    name: aside
  - dense: {units: 3}
    from: body
    name: main
"""
)


def test_of_several_outputs_the_one_that_tells_classes_counts(tmp_path: Path) -> None:
    model = archdsl.build(archdsl.loads(TWO))
    carry_data(model, input_description.describe(DATASET, "pets", output="main"))
    model.save(tmp_path / "two.keras")
    want = keras.ops.softmax(model(standardize(PIXELS, IMAGE), training=False)["main"])
    predictor = prediction.load(tmp_path / "two.keras")
    assert (predictor.logits, predictor.classes) == (True, CLASSES)
    assert np.allclose(predictor.probabilities(PIXELS), want, atol=1e-6)
    raw = export.write_export(tmp_path / "two.keras", tmp_path / "raw.keras", raw=True)
    assert np.allclose(raw.probabilities(PIXELS), want, atol=1e-6)
    assert np.allclose(prediction.load(tmp_path / "raw.keras").probabilities(PIXELS), want, atol=1e-6)


def test_an_optimizer_stays_behind(tmp_path: Path) -> None:
    model = network()
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "whole.keras")
    export.write_export(tmp_path / "whole.keras", tmp_path / "bare.keras")
    assert getattr(keras.saving.load_model(tmp_path / "bare.keras"), "optimizer", None) is None


SERVE = """
import sys
sys.modules["archdsl"] = None
import numpy as np, tensorflow as tf
given = np.load(sys.argv[2])
model = tf.saved_model.load(sys.argv[1])
found = model.serve(given["pixels"].astype("float32")).numpy()
assert found.shape == (7, 3) and np.allclose(found, given["want"], atol=1e-5), abs(found - given["want"]).max()
"""


def test_a_saved_model_needs_tensorflow_alone(folder: Path, tmp_path: Path) -> None:
    export.write_export(folder / "run", tmp_path / "saved", raw=True)
    np.savez(tmp_path / "given.npz", pixels=PIXELS, want=expected(network()))
    words = [sys.executable, "-c", SERVE, str(tmp_path / "saved"), str(tmp_path / "given.npz")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["given.npz", "saved"]
