"""A whole training with a plain Keras network: the run's folder, what chooses the best epoch, and how runs fail."""

from __future__ import annotations

import csv
import json
import os
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")
import tensorflow as tf  # noqa: E402

import archdsl  # noqa: E402
from archdsl import files  # noqa: E402
from archdsl.data.dataset import load  # noqa: E402
from archdsl.errors import ArchError  # noqa: E402
from archdsl.runs.folder import Result, read_result  # noqa: E402
from archdsl.spec import Spec  # noqa: E402
from archdsl.training import callbacks, fit, report  # noqa: E402
from archdsl.training.tasks import Head, classification  # noqa: E402

pytestmark = [
    pytest.mark.tensorflow,
    # Keras's own `save` makes NumPy say this.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]

TEXT = """\
archdsl: 1
name: Tiny  # ü
input: [8, 8, 1]
args: {width: 8}
model:
  - flatten
  - dense: {units: $width, activation: relu}
  - dense: {units: 10, activation: softmax}
data: {source: digits, batch_size: 64, standardize: true}
train: {epochs: 2, optimizer: {adam: {learning_rate: 0.01}}, seed: 5}
"""
FILES = ["log.csv", "log.jsonl", "model.keras", "run.json", "spec.yaml"]


def spec(*changes: tuple[str, str]) -> Spec:
    """The spec of this file, with other words in some places."""
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return archdsl.loads(text)


def trained(recipe: str) -> Spec:
    """The spec of this file with another recipe."""
    return archdsl.loads(re.sub(r"train: .*", lambda _: f"train: {recipe}", TEXT))


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures and the card have tests of their own."""
    monkeypatch.setattr(report, "write", lambda *_: [])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A run that every test may read and none may change."""
    folder = tmp_path_factory.mktemp("runs") / "deep" / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "write", lambda *_: [])
        return folder, fit.train(spec(), folder, arguments={"width": 16}, epochs=4, command="archdsl train tiny")


def rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "log.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_its_files_and_nothing_else(finished: tuple[Path, Result]) -> None:
    folder, _ = finished
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert (folder / "spec.yaml").read_text(encoding="utf-8") == TEXT


def test_run_json_tells_the_whole_run(finished: tuple[Path, Result]) -> None:
    folder, done = finished
    written = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    dataset = load(spec().data)
    assert written["status"] == "finished"
    assert (written["arguments"], written["seed"], written["epochs"]) == ({"width": 16}, 5, 4)
    assert written["images"] == {"train": 1293, "validation": 144, "test": 360}
    assert np.float32(written["mean"][0]) == dataset.image.statistics.mean[0]
    assert np.float32(written["std"][0]) == dataset.image.statistics.std[0]
    assert set(written["versions"]) == {"python", "archdsl", "keras", "tensorflow", "numpy"}
    assert 0.5 < written["test_accuracy"] <= 1
    assert (written["test_accuracy"] * 360) % 1 == pytest.approx(0, abs=1e-9)
    assert written["seconds"] > 0
    assert read_result(folder) == done


def test_the_log_has_a_row_for_every_epoch(finished: tuple[Path, Result]) -> None:
    folder, _ = finished
    found = rows(folder)
    assert [row["epoch"] for row in found] == ["1", "2", "3", "4"]
    wanted = ["epoch", "seconds", "learning_rate", "accuracy", "loss", "validation_accuracy", "validation_loss"]
    assert list(found[0]) == wanted
    assert {row["learning_rate"] for row in found} == {str(float(np.float32(0.01)))}


def test_the_best_epoch_is_the_one_with_the_best_validation(finished: tuple[Path, Result]) -> None:
    folder, done = finished
    scores = [(float(row["validation_accuracy"]), -float(row["validation_loss"])) for row in rows(folder)]
    assert done.best_epoch == scores.index(max(scores)) + 1
    assert (done.validation_accuracy, -done.validation_loss) == max(scores)


class Scripted:
    """A network whose weight tells when it was saved."""

    def __init__(self) -> None:
        self.optimizer, self.compiled = keras.optimizers.SGD(), True
        self.variables = self.trainable_variables = [keras.Variable(0.0)]

    def save(self, path: Path) -> None:
        assert self.optimizer is None
        path.write_text(str(float(self.variables[0].numpy())))


@pytest.mark.parametrize(
    ("keep", "scores", "kept"),
    [
        ("best", [(0.5, 1.0), (0.7, 0.9), (0.6, 0.1)], 2),
        ("best", [(0.5, 1.0), (0.5, 0.9), (0.5, 0.95)], 2),
        ("best", [(0.5, 1.0), (0.5, 1.0)], 1),
        ("best", [(0.5, float("nan")), (0.5, 3.0)], 2),
        ("best", [(0.0, float("nan")), (0.0, float("nan"))], 1),
        ("last", [(0.5, 1.0), (0.7, 0.9), (0.6, 0.1)], 3),
    ],
)
def test_accuracy_decides_and_loss_breaks_ties(
    keep: Any, scores: list[tuple[float, float]], kept: int, tmp_path: Path
) -> None:
    best, model = callbacks.KeptModel(tmp_path, keep, Head("", "label", classification.TASK)), Scripted()
    best.set_model(model)
    for epoch, (accuracy, loss) in enumerate(scores):
        model.variables[0].assign(epoch + 1.0)
        # The training's own numbers say the opposite, and must not be listened to.
        best.on_epoch_end(epoch, {"val_accuracy": accuracy, "val_loss": loss, "accuracy": -accuracy, "loss": -loss})
    best.write()
    assert best.epoch == kept
    assert (tmp_path / "model.keras").read_text() == f"{kept}.0"
    assert float(model.variables[0].numpy()) == len(scores)
    assert model.compiled


RUINED = "{optimizer: {sgd: {learning_rate: {step: {rate: 0.1, at: [2], factor: 1.0e+9}}}}, epochs: 3, keep: %s}"


@pytest.mark.parametrize("keep", ["best", "last"])
def test_the_kept_network_and_not_another_is_tested(keep: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks.StopAtNaN, "on_train_batch_end", lambda *_, **__: None)
    done = fit.train(trained(RUINED % keep), tmp_path / "run")
    assert done.best_epoch == (2 if keep == "best" else 3)
    assert (done.test_accuracy > 0.5) is (keep == "best")
    assert fit.evaluate(tmp_path / "run").accuracy == done.test_accuracy
    assert float(rows(tmp_path / "run")[2]["validation_accuracy"]) < 0.3


def test_without_a_validation_part_the_last_network_is_kept(tmp_path: Path) -> None:
    done = fit.train(spec(("standardize: true", "standardize: true, validation: 0")), tmp_path / "run")
    assert (done.best_epoch, done.validation_accuracy, done.images["validation"]) == (2, None, 0)
    assert list(rows(tmp_path / "run")[0]) == ["epoch", "seconds", "learning_rate", "accuracy", "loss"]
    assert done.test_accuracy > 0.3


def test_evaluate_repeats_the_accuracy_from_the_folder_alone(finished: tuple[Path, Result]) -> None:
    folder, done = finished
    found = fit.evaluate(folder)
    assert found.accuracy == done.test_accuracy
    assert found.loss == pytest.approx(done.test_loss, rel=1e-6)
    assert (found.images, found.correct) == (360, round(done.test_accuracy * 360))
    assert fit.evaluate(folder, limit=50).images == 50


def test_evaluate_uses_the_statistics_of_the_run(finished: tuple[Path, Result], tmp_path: Path) -> None:
    folder, done = finished
    for name in ("spec.yaml", "model.keras"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    replace(done, mean=[5.0]).write(tmp_path)
    assert fit.evaluate(tmp_path).loss > 2 * done.test_loss


def test_the_seed_repeats_a_run(finished: tuple[Path, Result], tmp_path: Path) -> None:
    folder, done = finished
    again = fit.train(spec(), tmp_path / "again", arguments={"width": 16}, epochs=4)
    fit.train(spec(), tmp_path / "other", epochs=1, seed=6)
    assert [row["loss"] for row in rows(tmp_path / "again")] == [row["loss"] for row in rows(folder)]
    assert (again.test_accuracy, again.best_epoch) == (done.test_accuracy, done.best_epoch)
    assert rows(tmp_path / "other")[0]["loss"] != rows(folder)[0]["loss"]


def test_fit_sees_another_order_in_every_epoch(tmp_path: Path) -> None:
    seen: list[int] = []

    class Watched(keras.losses.CategoricalCrossentropy):
        """A user's own loss, which notes the labels of each step."""

        def call(self, y_true: Any, y_pred: Any) -> Any:
            tf.py_function(lambda labels: seen.append(hash(labels.numpy().tobytes())), [y_true], [])
            return super().call(y_true, y_pred)

    given = spec(("standardize: true", "standardize: true, validation: 0"))
    fit.train(given, tmp_path / "run", epochs=3, limit=300, loss=Watched())
    steps, test_steps = 5, 6
    assert len(seen) == len(set(seen)) == 3 * steps + test_steps
    assert read_result(tmp_path / "run").own == ["loss"]


class Counting(keras.callbacks.Callback):
    """A user's own callback, which sees every step."""

    def __init__(self) -> None:
        super().__init__()
        self.steps, self.names = 0, set()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.steps += 1
        self.names |= set(logs)


def test_a_users_own_keras_objects_take_part(tmp_path: Path) -> None:
    counting, optimizer = Counting(), keras.optimizers.Lion(0.003)
    more = {"callbacks": [counting], "metrics": [keras.metrics.F1Score(name="f1", average="micro")]}
    archdsl.train(spec(), tmp_path / "run", limit=300, optimizer=optimizer, **more)
    assert counting.steps == 2 * 5
    assert {"loss", "accuracy", "f1"} <= counting.names
    assert int(optimizer.iterations) == 2 * 5
    assert "validation_f1" in rows(tmp_path / "run")[0]


TWO = """\
archdsl: 1
name: Two
input: [8, 8, 1]
model:
  - flatten
  - dense: {units: 16, activation: relu}
    name: body
  - dense: {units: 10, activation: softmax}
    name: aside
  - dense: {units: 10, activation: softmax}
    from: body
    name: main
outputs: [aside, main]
data: {source: digits, batch_size: 64}
train: {epochs: 2, loss: {main: categorical_crossentropy, aside: mean_squared_error}, test_time: {shift: 0}}
"""


def test_a_hint_sets_the_argument_that_fits_the_classes(tmp_path: Path) -> None:
    with_argument = spec(("units: 10", "units: $classes"), ("args: {", "args: {classes: 7, "))
    told = refused("ARCH303", tmp_path / "run", with_argument)
    assert "has 7 outputs, but digits has 10 classes\n  help: pass `--set classes=10`" in told
    assert archdsl.train(with_argument, tmp_path / "run", arguments={"classes": 10}, epochs=1, limit=100).epochs == 1


def test_a_hint_resizes_images_of_the_right_channels(tmp_path: Path) -> None:
    larger = ("[8, 8, 1]", "[12, 12, 1]")
    told = refused("ARCH303", tmp_path / "run", spec(larger))
    assert "  help: to resize the images, add `size: [12, 12]` to `data`" in told
    resized = spec(larger, ("source: digits", "source: digits, size: [12, 12]"))
    assert archdsl.train(resized, tmp_path / "run", epochs=1, limit=100).epochs == 1


def test_a_network_of_two_outputs_is_judged_by_the_first_that_has_a_loss(tmp_path: Path) -> None:
    done = archdsl.train(archdsl.loads(TWO), tmp_path / "run", limit=300)
    found = rows(tmp_path / "run")[-1]
    assert found["validation_accuracy"] == found["validation_main_accuracy"]
    again = fit.evaluate(tmp_path / "run")
    assert (again.accuracy, again.plain_accuracy) == (done.test_accuracy, done.plain_test_accuracy)
    assert done.plain_test_accuracy is not None


def test_what_does_not_fit_of_several_inputs_and_outputs_is_told(tmp_path: Path) -> None:
    narrow = TWO.replace("units: 10, activation: softmax}\n    name: aside", "units: 1}\n    name: aside")
    told = refused("ARCH303", tmp_path / "run", archdsl.loads(narrow))
    assert "the output `aside` is 1, but digits has 10 classes" in told
    assert "end it with `dense: {units: 10}`, or remove `aside` from `outputs`" in told
    two = """
archdsl: 1
name: Joined
inputs: {image: [8, 8, 1], facts: [3]}
model:
  - flatten: {}
    from: image
    name: seen
  - concat: {}
    from: [seen, facts]
  - dense: {units: 10, activation: softmax}
data: {source: digits}
"""
    assert "the data set has no column for the input `facts`" in refused(
        "ARCH303", tmp_path / "run", archdsl.loads(two)
    )


def test_a_limit_is_noted(tmp_path: Path) -> None:
    done = fit.train(spec(), tmp_path / "run", epochs=1, limit=100)
    assert (done.limit, done.images["train"], done.images["validation"], done.images["test"]) == (100, 90, 10, 360)
    assert done.arguments == {}


@pytest.mark.parametrize(
    "loss", ["sparse_categorical_crossentropy", "mean_squared_error", "categorical_focal_crossentropy"]
)
def test_every_loss_trains_and_is_evaluated_alike(loss: str, tmp_path: Path) -> None:
    recipe = f"{{loss: {loss}, epochs: 1, metrics: [top_5_accuracy]}}"
    done = fit.train(trained(recipe), tmp_path / "run", limit=300)
    assert fit.evaluate(tmp_path / "run").accuracy == done.test_accuracy
    assert "validation_top_5_accuracy" in rows(tmp_path / "run")[0]


def refused(code: str, out: Path, given: Spec | None = None, **options: Any) -> str:
    """The message of a training that must not begin; it must leave nothing behind that was not there."""
    before = sorted(out.parent.rglob("*"))
    with pytest.raises(ArchError) as caught:
        fit.train(given or spec(), out, **options)
    assert [problem.code for problem in caught.value.problems] == [code]
    assert sorted(out.parent.rglob("*")) == before
    return str(caught.value)


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("mine")
    assert "run is not empty" in refused("ARCH202", tmp_path / "run")
    assert (tmp_path / "run" / "mine.txt").read_text() == "mine"


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert fit.train(spec(), tmp_path / "run", epochs=1, limit=100).status == "finished"


def test_a_place_that_cannot_be_a_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    assert "is a file" in refused("ARCH304", tmp_path / "file")
    assert "cannot be" in refused("ARCH304", tmp_path / "file" / "run")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert f"{tmp_path} is not writable" in refused("ARCH304", tmp_path / "run")


def test_bad_input_makes_no_folder(tmp_path: Path) -> None:
    run = tmp_path / "run"
    missing = spec(("source: digits", "source: cifar10"))
    assert "not found; searched" in refused("ARCH301", run, missing, data_dir=tmp_path / "nowhere")
    refused("ARCH203", run, epochs=0)
    refused("ARCH203", run, seed=-1)
    refused("ARCH203", run, limit=0)
    large = spec(("[8, 8, 1]", "[32, 32, 3]"))
    told = refused("ARCH303", run, large)
    assert (
        "expects images of 32x32x3, but those of digits are 8x8x1\n  help: set the spec's `input` to [8, 8, 1]" in told
    )
    few = spec(("units: 10", "units: 7"))
    told = refused("ARCH303", run, few)
    assert "has 7 outputs, but digits has 10 classes\n  help: set `units` of the last `dense` to 10" in told
    assert "has no `data`" in refused("ARCH006", run, replace_data())


def replace_data() -> Spec:
    return archdsl.loads("".join(line for line in TEXT.splitlines(True) if not line.startswith(("data", "train"))))


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ("{steps_per_execution: 4}", "`steps_per_execution: 4` does not divide an epoch of 23 steps"),
        ("{test_time: {shift: 8}}", "`test_time` shifts by 8 pixels, but the images are 8x8"),
    ],
)
def test_a_recipe_that_does_not_fit_makes_no_folder(recipe: str, told: str, tmp_path: Path) -> None:
    given = re.sub(r"train: .*", lambda _: f"train: {recipe}", TEXT).replace(
        "standardize", "validation: 0, standardize"
    )
    assert told in refused("ARCH303", tmp_path / "run", archdsl.loads(given))


def test_a_loss_that_is_no_number_stops_the_training(tmp_path: Path) -> None:
    wild = "{optimizer: {sgd: {learning_rate: 1.0e+30}}, loss: mean_squared_error, epochs: 3}"
    given = archdsl.loads(
        re.sub(r"train: .*", lambda _: f"train: {wild}", TEXT).replace("units: 10, activation: softmax", "units: 10")
    )
    with pytest.raises(ArchError, match=r"ARCH401.*the loss became (nan|inf) at step \d+ of epoch 1\n.*learning rate"):
        fit.train(given, tmp_path / "run")
    kept = read_result(tmp_path / "run")
    assert (kept.status, kept.epochs_run, kept.test_accuracy) == ("failed", 0, None)


def interrupted(epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Presses Ctrl-C in the middle of an epoch, counted from 0."""

    def press(self: Any, step: int, logs: Any = None) -> None:
        if self._epoch == epoch + 1 and step >= 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(callbacks.StopAtNaN, "on_train_batch_end", press)


def test_ctrl_c_leaves_a_run_that_can_be_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted(2, monkeypatch)
    with pytest.raises(ArchError, match=r"ARCH401.*interrupted in epoch 3 of 4; .*run has the model of epoch"):
        fit.train(spec(), tmp_path / "run", epochs=4)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == sorted([*FILES, "checkpoint"])
    kept = read_result(tmp_path / "run")
    assert (kept.status, kept.epochs_run, kept.test_accuracy) == ("interrupted", 2, None)
    assert fit.evaluate(tmp_path / "run").accuracy > 0.4


def test_ctrl_c_in_the_first_epoch_says_that_there_is_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(0, monkeypatch)
    with pytest.raises(ArchError, match=r"ARCH401.*epoch 1 of 2; .*has no model yet"):
        fit.train(spec(), tmp_path / "run")
    with pytest.raises(ArchError, match=r"ARCH204.*model.keras does not exist"):
        fit.evaluate(tmp_path / "run")


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, finished: tuple[Path, Result]) -> None:
    with pytest.raises(ArchError, match=r"ARCH204.*is not a run"):
        fit.evaluate(tmp_path / "nowhere")
    for text in ("", "[1]", "{}", '{"spec": "tiny"}', "[" * 100_000):
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(ArchError, match=r"ARCH204.*run.json is invalid"):
            fit.evaluate(tmp_path)
    finished[1].write(tmp_path)
    with pytest.raises(ArchError, match=r"ARCH204.*spec.yaml is missing"):
        fit.evaluate(tmp_path)
    (tmp_path / "spec.yaml").write_text(TEXT)
    for content in (b"", b"not a network", (finished[0] / "model.keras").read_bytes()[:3000]):
        (tmp_path / "model.keras").write_bytes(content)
        with pytest.raises(ArchError, match=r"ARCH302.*model.keras is not a valid .keras file"):
            fit.evaluate(tmp_path)


def write_half(path: Path) -> None:
    with files.writing(path) as beside:
        beside.write_text("ha")
        assert (beside.suffix, path.read_text()) == (".keras", "old")
        raise KeyboardInterrupt


def test_a_file_takes_its_name_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_half(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.keras"]
    assert path.read_text() == "old"
    with files.writing(path) as beside:
        beside.write_text("new")
    assert path.read_text() == "new"


def test_a_full_disk_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save", full)
    with pytest.raises(ArchError, match=r"ARCH304.*model.keras cannot be written: No space left on device"):
        fit.train(spec(), tmp_path / "run", limit=100)
    assert read_result(tmp_path / "run").status == "failed"


def test_the_kept_network_is_a_whole_file(finished: tuple[Path, Result]) -> None:
    with zipfile.ZipFile(finished[0] / "model.keras") as archive:
        assert archive.testzip() is None


def test_progress_goes_to_stderr_and_stdout_stays_clean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit.train(spec(), tmp_path / "run", limit=100)
    printed = capsys.readouterr()
    assert printed.out == ""
    starts = [line[:9] for line in printed.err.splitlines() if not line.startswith(" ")]
    assert starts == ["warning[A", "epoch 1/2", "epoch 2/2"]
