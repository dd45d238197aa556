"""Two commands, `archdsl new --data` and `archdsl train`: no edit between data and a model that works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import small_sets
from typer.testing import CliRunner

from archdsl.cli import app
from archdsl.data.dataset import load
from archdsl.data.ports import Ports
from archdsl.keras import load_model
from archdsl.resolution import resolve
from archdsl.runs import folder
from archdsl.training import compilation, evaluation
from archdsl.training.heads import find
from archdsl.training.setup import effective_recipe

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]


def command(*words: str) -> None:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.output


def scores(run: Path, split: str) -> dict[str, float]:
    """The scores of the saved model on a split, not augmented, in inference mode."""
    result = folder.read_result(run)
    spec = folder.read_spec(run, result)
    source, recipe = effective_recipe(spec)
    model, dataset = load_model(run / "model.keras"), load(source, ports=Ports.of(resolve(spec, **result.arguments)))
    dataset = replace(dataset, test=dataset.splits[split])
    heads = find(model, dataset, source, recipe)
    return dict(
        evaluation.evaluate(model, dataset, source, recipe, heads, compilation.make_loss(recipe, model, heads))[
            0
        ].scores
    )


def test_a_few_hundred_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With Keras's momentum of 0.99, batch norm would not settle."""
    monkeypatch.chdir(tmp_path)
    small_sets.digits_as_images(Path("scans/train"), 360)
    small_sets.digits_as_images(Path("scans/test"), 500, after=360)
    command("new", "--data", "scans")
    command("train", "scans.yaml", "--out", "run")
    result = folder.read_result(Path("run"))
    assert result.test_accuracy is not None
    training = scores(Path("run"), "train")["accuracy"]
    assert result.test_accuracy >= 0.9
    assert abs(training - result.test_accuracy) <= 0.03


@pytest.mark.parametrize(
    ("name", "write", "score", "least"),
    [
        ("houses.csv", lambda path: small_sets.houses(path, 400), "r2_score", 0.9),
        ("flowers.csv", lambda path: small_sets.flowers(path, 300), "accuracy", 0.9),
        ("waves.npz", lambda path: small_sets.waves(path, 240), "accuracy", 0.9),
        ("reviews.csv", lambda path: small_sets.reviews(path, 400), "accuracy", 0.9),
        ("opinions", lambda path: small_sets.opinions(path, 400), "accuracy", 0.9),
    ],
)
def test_other_data(
    name: str, write: Callable[[Path], None], score: str, least: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path(name))
    command("new", "--data", name)
    command("train", f"{Path(name).stem}.yaml", "--out", "run")
    assert scores(Path("run"), "test")[score] >= least


def test_a_spec_trained_on_other_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small_sets.photos(Path("photos"), {"cat": 20, "dog": 20, "owl": 20}, (12, 10))
    done = CliRunner().invoke(app, ["train", "digits_resnet", "--data", "photos", "--epochs", "1", "--out", "run"])
    assert done.exit_code == 0, done.output
    assert "classes      3 (was 10): cat, dog, owl" in done.stderr
    result = folder.read_result(Path("run"))
    assert result.arguments == {"classes": 3}
    assert result.classes == ["cat", "dog", "owl"]
    spec = folder.read_spec(Path("run"), result)
    assert spec.data is not None
    assert spec.data.source == {"folder": "photos"}
    assert spec.inputs["input"].shape == (8, 8, 3)
    command("evaluate", "run")
