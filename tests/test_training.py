"""A whole training with a plain Keras network: the run's folder, what chooses the best epoch, and how runs fail."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")
import tensorflow as tf  # noqa: E402
from rich.console import Console  # noqa: E402

import archdsl.keras  # noqa: E402
from archdsl.errors import ArchError  # noqa: E402
from archdsl.recipe import Data, Train  # noqa: E402
from archdsl.training import callbacks, data, fit, result  # noqa: E402

pytestmark = [
    pytest.mark.tensorflow,
    # Keras's own `save` makes NumPy say this.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]

DATA = Data(source="digits", batch_size=64, standardize=True)
RECIPE = Train.model_validate({"epochs": 2, "optimizer": {"adam": {"learning_rate": 0.01}}, "seed": 5})
FILES = ["curves.png", "log.csv", "model.keras", "run.json", "spec.yaml"]


@dataclass(frozen=True)
class Spec:
    """Stands in for a spec: what training reads of one."""

    name: str = "tiny"
    text: str = "name: tiny  # ü\n"
    data: Data | None = DATA
    train: Train | None = RECIPE


@dataclass
class Runtime:
    """Stands in for `archdsl.keras`: builds a plain network, and notes what it was asked for."""

    asked: list[Any] = field(default_factory=list)
    shape: tuple[int, ...] = (8, 8, 1)
    classes: int = 10
    activation: str | None = "softmax"

    def build(self, spec: Spec, **arguments: Any) -> Any:
        self.asked.append(arguments)
        layers = [keras.Input(self.shape), keras.layers.Flatten(), keras.layers.Dense(16, "relu")]
        return keras.Sequential([*layers, keras.layers.Dense(self.classes, self.activation)])

    def load_model(self, path: Path) -> Any:
        return keras.models.load_model(path)


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch) -> Runtime:
    stand_in = Runtime()
    monkeypatch.setattr(archdsl.keras, "build", stand_in.build)
    monkeypatch.setattr(archdsl.keras, "load_model", stand_in.load_model)
    monkeypatch.setattr(archdsl, "loads", lambda text: replace(Spec(), text=text))
    return stand_in


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, result.Result]:
    """A run that every test may read and none may change."""
    folder = tmp_path_factory.mktemp("runs") / "deep" / "run"
    with pytest.MonkeyPatch.context() as patch:
        stand_in = Runtime()
        patch.setattr(archdsl.keras, "build", stand_in.build)
        patch.setattr(archdsl.keras, "load_model", stand_in.load_model)
        return folder, fit.train(Spec(), folder, arguments={"width": 16}, epochs=4)


def rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "log.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_its_files_and_nothing_else(finished: tuple[Path, result.Result]) -> None:
    folder, _ = finished
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert (folder / "spec.yaml").read_text(encoding="utf-8") == Spec().text
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_run_json_tells_the_whole_run(finished: tuple[Path, result.Result]) -> None:
    folder, done = finished
    written = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    dataset = data.load(Spec().data)
    assert written["status"] == "finished"
    assert (written["arguments"], written["seed"], written["epochs"]) == ({"width": 16}, 5, 4)
    assert written["images"] == {"train": 1293, "validation": 144, "test": 360}
    assert np.float32(written["mean"][0]) == dataset.statistics.mean[0]
    assert np.float32(written["std"][0]) == dataset.statistics.std[0]
    assert set(written["versions"]) == {"python", "archdsl", "keras", "tensorflow", "numpy"}
    assert 0.5 < written["test_accuracy"] <= 1
    assert (written["test_accuracy"] * 360) % 1 == pytest.approx(0, abs=1e-9)
    assert written["seconds"] > 0
    assert result.read(folder) == done


def test_the_log_has_a_row_for_every_epoch(finished: tuple[Path, result.Result]) -> None:
    folder, _ = finished
    found = rows(folder)
    assert [row["epoch"] for row in found] == ["1", "2", "3", "4"]
    wanted = ["epoch", "seconds", "learning_rate", "accuracy", "loss", "validation_accuracy", "validation_loss"]
    assert list(found[0]) == wanted
    assert {row["learning_rate"] for row in found} == {str(float(np.float32(0.01)))}


def test_the_best_epoch_is_the_one_with_the_best_validation(finished: tuple[Path, result.Result]) -> None:
    folder, done = finished
    scores = [(float(row["validation_accuracy"]), -float(row["validation_loss"])) for row in rows(folder)]
    assert done.best_epoch == scores.index(max(scores)) + 1
    assert (done.validation_accuracy, -done.validation_loss) == max(scores)


class Scripted:
    """A network whose weight tells when it was saved."""

    def __init__(self) -> None:
        self.epoch = 0

    def save(self, path: Path) -> None:
        path.write_text(str(self.epoch))


@pytest.mark.parametrize(
    ("scores", "kept"),
    [
        ([(0.5, 1.0), (0.7, 0.9), (0.6, 0.1)], 2),
        ([(0.5, 1.0), (0.5, 0.9), (0.5, 0.95)], 2),
        ([(0.5, 1.0), (0.5, 1.0)], 1),
        ([(0.5, float("nan")), (0.5, 3.0)], 2),
        ([(0.0, float("nan")), (0.0, float("nan"))], 1),
    ],
)
def test_accuracy_decides_and_loss_breaks_ties(scores: list[tuple[float, float]], kept: int, tmp_path: Path) -> None:
    best, model = callbacks.Best(tmp_path), Scripted()
    best.set_model(model)
    for epoch, (accuracy, loss) in enumerate(scores):
        model.epoch = epoch + 1
        # The training's own numbers say the opposite, and must not be listened to.
        best.on_epoch_end(epoch, {"val_accuracy": accuracy, "val_loss": loss, "accuracy": -accuracy, "loss": -loss})
    assert best.epoch == kept
    assert (tmp_path / "model.keras").read_text() == str(kept)


def test_the_kept_network_and_not_the_last_is_tested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ruined = {"optimizer": {"sgd": {"learning_rate": {"step": {"rate": 0.1, "at": [2], "factor": 1e9}}}}, "epochs": 3}
    recipe = Train.model_validate(ruined)
    monkeypatch.setattr(callbacks.StopAtNaN, "on_train_batch_end", lambda *_, **__: None)
    done = fit.train(Spec(train=recipe), tmp_path / "run")
    assert done.best_epoch == 2
    assert done.test_accuracy > 0.5
    assert float(rows(tmp_path / "run")[2]["validation_accuracy"]) < 0.3


def test_evaluate_repeats_the_accuracy_from_the_folder_alone(finished: tuple[Path, result.Result]) -> None:
    folder, done = finished
    found = fit.evaluate(folder)
    assert found.accuracy == done.test_accuracy
    assert found.loss == pytest.approx(done.test_loss, rel=1e-6)
    assert (found.images, found.correct) == (360, round(done.test_accuracy * 360))
    assert fit.evaluate(folder, limit=50).images == 50


def test_evaluate_uses_the_statistics_of_the_run(finished: tuple[Path, result.Result], tmp_path: Path) -> None:
    folder, done = finished
    for name in ("spec.yaml", "model.keras"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    replace(done, mean=[5.0]).write(tmp_path)
    assert fit.evaluate(tmp_path).loss > 2 * done.test_loss


def test_the_seed_repeats_a_run(finished: tuple[Path, result.Result], tmp_path: Path) -> None:
    folder, done = finished
    again = fit.train(Spec(), tmp_path / "again", arguments={"width": 16}, epochs=4)
    fit.train(Spec(), tmp_path / "other", epochs=1, seed=6)
    assert [row["loss"] for row in rows(tmp_path / "again")] == [row["loss"] for row in rows(folder)]
    assert (again.test_accuracy, again.best_epoch) == (done.test_accuracy, done.best_epoch)
    assert rows(tmp_path / "other")[0]["loss"] != rows(folder)[0]["loss"]


def test_fit_sees_another_order_in_every_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    class Spy(keras.Model):
        def train_step(self, batch: Any) -> Any:
            tf.py_function(lambda images: seen.append(hash(images.numpy().tobytes())), [batch[0]], [])
            return super().train_step(batch)

    def build(spec: Spec, **_: Any) -> Any:
        image = keras.Input((8, 8, 1))
        return Spy(image, keras.layers.Dense(10, "softmax")(keras.layers.Flatten()(image)))

    monkeypatch.setattr(archdsl.keras, "build", build)
    monkeypatch.setattr(archdsl.keras, "load_model", lambda path: build(Spec()))
    fit.train(Spec(), tmp_path / "run", epochs=3, limit=300)
    steps = 5
    assert len(seen) == 3 * steps
    assert len(set(seen)) == 3 * steps


def test_a_limit_is_noted(tmp_path: Path, runtime: Runtime) -> None:
    done = fit.train(Spec(), tmp_path / "run", epochs=1, limit=100)
    assert (done.limit, done.images["train"], done.images["validation"], done.images["test"]) == (100, 90, 10, 360)
    assert runtime.asked == [{}]


@pytest.mark.parametrize(
    "loss", ["sparse_categorical_crossentropy", "mean_squared_error", "categorical_focal_crossentropy"]
)
def test_every_loss_trains_and_is_evaluated_alike(loss: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = Spec(train=Train.model_validate({"loss": loss, "epochs": 1, "metrics": ["top_5_accuracy"]}))
    monkeypatch.setattr(archdsl, "loads", lambda text: spec)
    done = fit.train(spec, tmp_path / "run", limit=300)
    assert fit.evaluate(tmp_path / "run").accuracy == done.test_accuracy
    assert "validation_top_5_accuracy" in rows(tmp_path / "run")[0]


def refused(code: str, out: Path, spec: Spec | None = None, **options: Any) -> str:
    """The message of a training that must not begin; it must leave nothing behind that was not there."""
    before = sorted(out.parent.rglob("*"))
    with pytest.raises(ArchError) as caught:
        fit.train(spec or Spec(), out, **options)
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
    assert fit.train(Spec(), tmp_path / "run", epochs=1, limit=100).status == "finished"


def test_a_place_that_cannot_be_a_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    assert "is a file" in refused("ARCH304", tmp_path / "file")
    assert "cannot be" in refused("ARCH304", tmp_path / "file" / "run")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert f"{tmp_path} cannot be written to" in refused("ARCH304", tmp_path / "run")


def test_bad_input_makes_no_folder(tmp_path: Path, runtime: Runtime) -> None:
    missing = Spec(data=Data(source="cifar10"))
    assert "looked in" in refused("ARCH301", tmp_path / "run", missing, data_dir=tmp_path / "nowhere")
    assert "no `data`" in refused("ARCH006", tmp_path / "run", Spec(data=None))
    refused("ARCH203", tmp_path / "run", epochs=0)
    refused("ARCH203", tmp_path / "run", seed=-1)
    refused("ARCH203", tmp_path / "run", limit=0)
    runtime.shape = (32, 32, 3)
    assert "takes 32x32x3, and the images of digits are 8x8x1" in refused("ARCH303", tmp_path / "run")
    runtime.shape, runtime.classes = (8, 8, 1), 7
    assert "gives 7, and digits has 10 classes" in refused("ARCH303", tmp_path / "run")


def test_a_loss_that_is_no_number_stops_the_training(tmp_path: Path, runtime: Runtime) -> None:
    runtime.activation = None
    wild = Train.model_validate(
        {"optimizer": {"sgd": {"learning_rate": 1e30}}, "loss": "mean_squared_error", "epochs": 3}
    )
    with pytest.raises(ArchError, match=r"ARCH401.*the loss became (nan|inf) at step \d+ of epoch 1\n.*learning rate"):
        fit.train(Spec(train=wild), tmp_path / "run")
    kept = result.read(tmp_path / "run")
    assert (kept.status, kept.epochs_run, kept.test_accuracy) == ("failed", 0, None)


def interrupted(epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Presses Ctrl-C in the middle of an epoch, counted from 0."""

    def press(self: Any, step: int, logs: Any = None) -> None:
        if self._epoch == epoch + 1 and step == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(callbacks.StopAtNaN, "on_train_batch_end", press)


def test_ctrl_c_leaves_a_run_that_can_be_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted(2, monkeypatch)
    with pytest.raises(ArchError, match=r"ARCH401.*interrupted in epoch 3 of 4; .*run holds the best network so far"):
        fit.train(Spec(), tmp_path / "run", epochs=4)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == FILES
    kept = result.read(tmp_path / "run")
    assert (kept.status, kept.epochs_run, kept.test_accuracy) == ("interrupted", 2, None)
    assert fit.evaluate(tmp_path / "run").accuracy > 0.4


def test_ctrl_c_in_the_first_epoch_says_that_there_is_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(0, monkeypatch)
    with pytest.raises(ArchError, match=r"ARCH401.*epoch 1 of 2; no epoch was complete"):
        fit.train(Spec(), tmp_path / "run")
    with pytest.raises(ArchError, match=r"ARCH204.*model.keras is not there"):
        fit.evaluate(tmp_path / "run")


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, finished: tuple[Path, result.Result]) -> None:
    with pytest.raises(ArchError, match=r"ARCH204.*holds no run"):
        fit.evaluate(tmp_path / "nowhere")
    for text in ("", "[1]", "{}", '{"spec": "tiny"}', "[" * 100_000):
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(ArchError, match=r"ARCH204.*run.json is not what training wrote"):
            fit.evaluate(tmp_path)
    finished[1].write(tmp_path)
    with pytest.raises(ArchError, match=r"ARCH204.*spec.yaml is not there"):
        fit.evaluate(tmp_path)
    (tmp_path / "spec.yaml").write_text("")
    for content in (b"", b"not a network", (finished[0] / "model.keras").read_bytes()[:3000]):
        (tmp_path / "model.keras").write_bytes(content)
        with pytest.raises(ArchError, match=r"ARCH204.*model.keras cannot be read as a network"):
            fit.evaluate(tmp_path)


def write_half(path: Path) -> None:
    with result.writing(path) as beside:
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
    with result.writing(path) as beside:
        beside.write_text("new")
    assert path.read_text() == "new"


def test_a_full_disk_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Sequential, "save", full)
    with pytest.raises(ArchError, match=r"ARCH304.*model.keras cannot be written: No space left on device"):
        fit.train(Spec(), tmp_path / "run", limit=100)
    assert result.read(tmp_path / "run").status == "failed"


def test_the_kept_network_is_a_whole_file(finished: tuple[Path, result.Result]) -> None:
    with zipfile.ZipFile(finished[0] / "model.keras") as archive:
        assert archive.testzip() is None


LOGS = {"loss": 0.41234, "accuracy": 0.912, "val_loss": 0.30114, "val_accuracy": 0.9375}


@pytest.mark.parametrize("terminal", [False, True])
def test_the_display_writes_a_line_for_an_epoch(terminal: bool) -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, soft_wrap=True, highlight=False, width=120)
    with callbacks.Display(20, 3, console) as display:
        display.on_epoch_begin(2)
        display.on_train_batch_end(0, LOGS)
        display.on_epoch_end(2, LOGS)
    line = "epoch  3/20   loss 0.4123  accuracy 91.20 %   validation 0.3011  93.75 %   0.0 s\n"
    assert line in stream.getvalue()
    assert (stream.getvalue() == line) is not terminal


def test_progress_goes_to_stderr_and_stdout_stays_clean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit.train(Spec(), tmp_path / "run", limit=100)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert [line[:9] for line in printed.err.splitlines()] == ["epoch 1/2", "epoch 2/2"]
