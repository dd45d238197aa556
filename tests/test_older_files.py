"""Model files and run folders that an earlier version wrote still open, resume, list and predict."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archdsl
from archdsl.cli import main

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]

WRITTEN = Path(__file__).parent / "data/version_0_1_0"
LAYERS = {
    *("ActivationFunction", "ChannelShuffle", "ChannelSlice", "ClassToken", "CoveringMaxPooling2D", "DepthToSpace"),
    *("LowestPadding2D", "PositionEmbedding", "SelfAttention", "SpaceToDepth", "StandardizedConv2D", "TakeAt"),
}
RENAMED = {"CoveringMaxPooling2D": "CoveringMaxPooling", "LowestPadding2D": "LowestPadding"}
INNER_LAYERS = {"GatedLinearUnit", "LayerScale", "PaddingShortcut", "StochasticDepth"}
"""The layers that are only inside of archdsl's own model, which stores its spec and no layers."""
IMAGE = 1 / 40
"""The weight of one validation image in the accuracy: another kind of CPU may classify one of them differently."""

OPEN = """
import json, sys
import archdsl.keras  # registers what is opened
import keras, numpy as np

known = [name for name in sys.argv[1:] if keras.saving.get_registered_object("archdsl_extra>" + name)]

stored = np.load("outputs.npz")
report = {"registered": known}
for how, load in (("keras", keras.saving.load_model), ("archdsl", __import__("archdsl").load_model)):
    model, layers = load("model.keras"), load("layers.keras")
    schedule = model.optimizer.get_config()["learning_rate"]["registered_name"]
    state = np.concatenate([np.asarray(variable, "float32").ravel() for variable in model.optimizer.variables])
    report[how] = {
        "model": np.abs(model.predict(stored["images"], verbose=0) - stored["model"]).max().item(),
        "layers": np.abs(layers.predict(stored["maps"], verbose=0) - stored["layers"]).max().item(),
        "optimizer": [type(model.optimizer).__name__, schedule, np.array_equal(state, stored["optimizer"])],
        "names": [sorted({type(layer).__name__ for layer in each._flatten_layers()}) for each in (model, layers)],
    }
print(json.dumps(report))
"""


def python(folder: Path, *words: str) -> str:
    """What a fresh process prints: in this one, other tests may have registered classes with Keras."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "COLUMNS": "118", "TZ": "UTC"}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(WRITTEN, tmp_path / "written"))


def test_model_files_open_in_a_fresh_process(folder: Path) -> None:
    names = sorted(LAYERS | INNER_LAYERS | {"MuonSGD", "OneCycle", "RatedAdam", "RatedMuonSGD", "WarmUp"})
    report = json.loads(python(folder, "-c", OPEN, *names).splitlines()[-1])
    # Keras also looks into the module that the file names, which may have moved: the registered names must not change.
    assert report.pop("registered") == names
    assert report.keys() == {"keras", "archdsl"}
    for found in report.values():
        assert found["model"] < 1e-5
        assert found["layers"] < 1e-4
        assert found["optimizer"] == ["RatedMuonSGD", "archdsl_extra>WarmUp", True]
        model, layers = map(set, found["names"])
        now = {RENAMED.get(name, name) for name in LAYERS}
        assert model >= now | INNER_LAYERS
        assert layers >= now


def test_an_interrupted_run_resumes_to_its_end(folder: Path) -> None:
    printed = python(folder, "-m", "archdsl", "train", "--resume", "runs/cut_run")
    assert printed.startswith("runs/cut_run: ")
    stored = json.loads((folder / "resumed.json").read_text("utf-8"))
    run = json.loads((folder / "runs/cut_run/run.json").read_text("utf-8"))
    rows = [json.loads(line) for line in (folder / "runs/cut_run/log.jsonl").read_text("utf-8").splitlines()]
    assert (run["status"], run["best_epoch"]) == ("finished", stored["best_epoch"])
    assert rows[:2] == stored["log"][:2]
    for name, found in {**rows[2], **{key: run[key] for key in ("test_accuracy", "test_loss")}}.items():
        known = (stored["log"][2] | stored)[name]
        tolerance = 1.01 * IMAGE if "accuracy" in name else 1e-3
        assert name == "seconds" or found == pytest.approx(known, abs=tolerance), name
    model = archdsl.load_model(folder / "runs/cut_run/model.keras")
    values = [np.asarray(variable) for variable in model.variables if "seed" not in variable.path]
    with np.load(folder / "resumed.npz") as weights:
        assert len(values) == len(weights.files) == 8
        for number, value in enumerate(values):
            np.testing.assert_allclose(value, weights[f"weight_{number}"], atol=1e-3)


def test_a_run_is_listed_and_predicts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def printed(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["archdsl", *words])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capsys.readouterr()
        assert not caught.value.code, err
        return out

    monkeypatch.chdir(folder)
    assert python(folder, "-m", "archdsl", "runs", "runs") == (folder / "runs.txt").read_text("utf-8")
    found = json.loads(printed("predict", "runs/cut_run", "images", "--json"))
    known = json.loads((folder / "predict.json").read_text("utf-8"))
    assert len(found) == len(known) == 2
    for image, stored in zip(found, known, strict=True):
        assert (probabilities(image), image["image"]) == (pytest.approx(probabilities(stored)), stored["image"])


def probabilities(image: Any) -> dict[str, float]:
    return {row["class"]: row["probability"] for row in image["classes"]}
