"""Numbers are predicted standardized, and judged in their own unit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from archdsl import zoo
from archdsl.errors import ArchError
from archdsl.recipe import LOSSES, METRICS
from archdsl.runs.folder import CARD, read_log, read_result

pytestmark = pytest.mark.tensorflow

SPEC = """\
archdsl: 1
name: Prices
input: [2]
model: [dense: {units: 1}]
data: {source: {csv: houses.csv}, validation: 0.25, test: 0.25, batch_size: 30}
train: {epochs: 40, optimizer: {adam: {learning_rate: 0.1}}, metrics: [mean_squared_error]}
"""


def houses(path: Path) -> None:
    random = np.random.default_rng(0)
    size, rooms = random.uniform(40, 200, 160), random.integers(1, 7, 160)
    price = 90_000 + 2_500 * size + 12_000 * rooms + random.normal(0, 9_000, 160)
    rows = [f"{a:.2f},{b},{c:.0f}" for a, b, c in zip(size, rooms, price, strict=True)]
    path.write_text("size,rooms,price\n" + "\n".join(rows) + "\n", encoding="utf-8")


def test_prices_are_learned_whatever_their_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archdsl.data.dataset import load
    from archdsl.keras import load_model
    from archdsl.keras.runtime import carried_data
    from archdsl.training.fit import evaluate, train

    monkeypatch.chdir(tmp_path)
    houses(tmp_path / "houses.csv")
    spec = zoo.loads(SPEC)
    result = train(spec, tmp_path / "run")
    # Least squares by NumPy, on the same examples.
    assert spec.data is not None
    dataset = load(spec.data)
    inputs = {name: np.c_[split.inputs[""], np.ones(len(split))] for name, split in dataset.splits.items()}
    prices = {name: split.targets["price"][:, 0].astype(np.float64) for name, split in dataset.splits.items()}
    weights = np.linalg.lstsq(inputs["train"], prices["train"], rcond=None)[0]
    best = np.abs(inputs["test"] @ weights - prices["test"]).mean()
    assert result.score == pytest.approx(best, rel=0.1)
    # The loss is that of standardized prices, and the metrics of the log are in their unit.
    scores = result.test_scores or {}
    assert result.test_loss == pytest.approx((scores["root_mean_squared_error"] / prices["train"].std()) ** 2, rel=1e-3)
    last = read_log(tmp_path / "run")[-1]
    mean_square = prices["train"].std() ** 2 * last["validation_loss"]
    assert last["validation_mean_squared_error"] == pytest.approx(mean_square, rel=1e-3)
    # The model carries what a prediction needs; another data set does not change it.
    model = load_model(tmp_path / "run" / "model.keras", compile=False)
    described = (carried_data(model) or {})["targets"]["price"]
    assert described == {
        "kind": "number",
        "size": 1,
        "mean": [pytest.approx(prices["train"].mean())],
        "std": [pytest.approx(prices["train"].std())],
    }
    predicted = np.asarray(model(dataset.test.inputs[""]))[:, 0] * described["std"][0] + described["mean"][0]
    assert np.abs(predicted - prices["test"]).mean() == pytest.approx(result.score, rel=1e-5)
    assert evaluate(tmp_path / "run").scores["mean_absolute_error"] == pytest.approx(result.score, rel=1e-6)
    assert "standardized" in (tmp_path / "run" / CARD).read_text(encoding="utf-8")
    assert read_result(tmp_path / "run").test_loss == result.test_loss


def test_a_loss_of_numbers_in_their_own_unit_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archdsl.training.setup import Overrides, prepare

    monkeypatch.chdir(tmp_path)
    houses(tmp_path / "houses.csv")
    text = SPEC.replace("train: {", "train: {loss: poisson, ")
    with pytest.raises(ArchError) as caught:
        prepare(zoo.loads(text), Overrides())
    problem = caught.value.problems[0]
    assert problem.message == "`poisson` takes numbers in their own unit, but `price` is standardized"
    assert problem.hint == "set `standardize_targets: false` in `data`"
    prepared = prepare(zoo.loads(text.replace("data: {", "data: {standardize_targets: false, ")), Overrides())
    assert prepared.head.numbers is not None
    assert prepared.head.numbers.describe() == {"kind": "number", "size": 1, "mean": None, "std": None}


def test_an_output_that_cannot_be_negative_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archdsl.training.setup import Overrides, prepare

    monkeypatch.chdir(tmp_path)
    houses(tmp_path / "houses.csv")
    for activation, limit in (("relu", "is never negative"), ("sigmoid", "is never negative")):
        text = SPEC.replace("units: 1", f"units: 1, activation: {activation}")
        with pytest.raises(ArchError, match=f"the network's output {limit}, but `price` is standardized"):
            prepare(zoo.loads(text), Overrides())
    prepare(zoo.loads(text.replace("data: {", "data: {standardize_targets: false, ")), Overrides())


def test_the_losses_of_differences_do_not_change_when_a_constant_is_added() -> None:
    import keras

    true, predicted = np.array([[1.0], [2.0], [5.0]]), np.array([[2.0], [2.5], [3.0]])
    told = {word for word, loss in LOSSES.items() if loss.of_difference}
    found = set()
    for word in told | {"poisson", "mean_squared_logarithmic_error", "mean_absolute_percentage_error"}:
        loss = getattr(keras.losses, LOSSES[word].target.rpartition(".")[2])()
        if np.isclose(float(loss(true, predicted)), float(loss(true + 7, predicted + 7)), rtol=1e-5):
            found.add(word)
    assert found == told
    assert "r2_score" in METRICS
