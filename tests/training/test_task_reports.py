"""What each task reports, next to Keras's own metrics and to NumPy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from documents import printed_by
from PIL import Image

keras = pytest.importorskip("keras")
import tensorflow as tf  # noqa: E402

import archdsl  # noqa: E402
from archdsl.data.targets import ClassTarget, ImageTarget, MaskTarget, NumberTarget, TagsTarget  # noqa: E402
from archdsl.recipe import Train  # noqa: E402
from archdsl.runs.folder import read_result  # noqa: E402
from archdsl.training import compilation  # noqa: E402
from archdsl.training.evaluation import evaluate  # noqa: E402
from archdsl.training.setup import Overrides, prepare  # noqa: E402
from archdsl.training.tasks import Head, Pictures, task_named  # noqa: E402
from archdsl.training.tasks.classification import ClassificationScorer  # noqa: E402
from archdsl.training.tasks.image_to_image import ImageScorer  # noqa: E402
from archdsl.training.tasks.multi_label import MultiLabelScorer  # noqa: E402
from archdsl.training.tasks.regression import RegressionScorer  # noqa: E402
from archdsl.training.tasks.segmentation import SegmentationScorer  # noqa: E402
from archdsl.training.tasks.token_prediction import TokenScorer  # noqa: E402

pytestmark = pytest.mark.tensorflow

RANDOM = np.random.default_rng(3)
NAMES = ("cat", "dog", "owl")


def in_batches(scorer: object, outputs: np.ndarray, values: np.ndarray) -> None:
    for rows in (slice(0, 17), slice(17, None)):
        scorer.update(outputs[rows], values[rows])  # type: ignore[attr-defined]


def test_the_scores_of_classes_are_those_of_keras() -> None:
    outputs = RANDOM.dirichlet(np.ones(3), 90).astype("float32")
    labels = np.where(RANDOM.random(90) < 0.5, outputs.argmax(1), RANDOM.integers(0, 3, 90))
    scorer = ClassificationScorer(ClassTarget("label", NAMES))
    in_batches(scorer, outputs, labels)
    found = list((scorer.details().class_scores or {}).values())
    decided, true = np.eye(3)[outputs.argmax(1)], np.eye(3)[labels]
    f1 = keras.metrics.F1Score()
    f1.update_state(true, outputs)
    np.testing.assert_allclose([one.f1_score for one in found], f1.result(), rtol=1e-5)
    for number, one in enumerate(found):
        for kind, value in ((keras.metrics.Precision, one.precision), (keras.metrics.Recall, one.recall)):
            metric = kind(class_id=number)
            metric.update_state(true, decided)
            assert value == pytest.approx(float(metric.result()))
        assert one.count == (labels == number).sum()


def test_labels_are_decided_one_by_one(tmp_path: Path) -> None:
    shares = RANDOM.random((60, 3)).astype("float32")
    values = (RANDOM.random((60, 3)) < shares).astype("float32")
    scorer = MultiLabelScorer(TagsTarget("tags", NAMES))
    in_batches(scorer, shares, values)
    metrics = {
        "f1_score": keras.metrics.F1Score(average="macro", threshold=0.5),
        "binary_accuracy": keras.metrics.BinaryAccuracy(),
    }
    for name, metric in metrics.items():
        metric.update_state(values, shares)
        assert scorer.scores()[name] == pytest.approx(float(metric.result()), rel=1e-5), name
    assert scorer.draw(Pictures(tmp_path, "tags", "animals"), None) == ["labels-animals.png"]  # type: ignore[arg-type]
    assert (tmp_path / "labels-animals.png").read_bytes().startswith(b"\x89PNG")


def test_masks_are_judged_as_keras_judges_them() -> None:
    outputs = RANDOM.random((20, 4, 4, 3)).astype("float32")
    masks = RANDOM.integers(0, 3, (20, 4, 4)).astype(np.uint8)
    scorer = SegmentationScorer(MaskTarget("mask", NAMES, (4, 4)), np.zeros((3, 3), np.int64))
    in_batches(scorer, outputs, masks)
    metric = keras.metrics.MeanIoU(3, sparse_y_pred=False)
    metric.update_state(masks, outputs)
    assert scorer.scores()["mean_iou"] == pytest.approx(float(metric.result()))
    assert np.mean(list((scorer.details().class_iou or {}).values())) == pytest.approx(float(metric.result()))


def test_numbers_are_judged_in_their_own_unit() -> None:
    target = NumberTarget("price", mean=np.array([200.0]), std=np.array([50.0]))
    outputs = RANDOM.normal(size=(40, 1)).astype("float32")
    prices = (200 + 50 * (outputs + RANDOM.normal(size=(40, 1)))).astype("float32")
    scorer = RegressionScorer(target)
    in_batches(scorer, outputs, prices)
    predicted = outputs * 50 + 200
    for name, metric in {
        "mean_absolute_error": keras.metrics.MeanAbsoluteError(),
        "root_mean_squared_error": keras.metrics.RootMeanSquaredError(),
        "r2_score": keras.metrics.R2Score(),
    }.items():
        metric.update_state(prices, predicted)
        assert scorer.scores()[name] == pytest.approx(float(metric.result()), rel=1e-4), name
    worst = (scorer.details().largest_errors or [])[0]
    assert worst.row == int(np.abs(prices - predicted).argmax())
    assert worst.predicted - worst.true == pytest.approx(float((predicted - prices)[worst.row, 0]), rel=1e-4)


def test_images_are_judged_by_the_noise_ratio() -> None:
    outputs = RANDOM.random((30, 4, 4, 1)).astype("float32")
    images = RANDOM.integers(0, 256, (30, 4, 4, 1)).astype(np.uint8)
    scorer = ImageScorer(ImageTarget("image", (4, 4, 1), 255))
    in_batches(scorer, outputs, images)
    whole = (1, 120, 4, 1)
    expected = tf.image.psnr((images / 255).astype("float32").reshape(whole), outputs.reshape(whole), 1.0)
    assert scorer.scores()["peak_signal_to_noise_ratio"] == pytest.approx(float(expected[0]), rel=1e-4)


def test_tokens_are_judged_by_perplexity_and_continued() -> None:
    outputs = RANDOM.dirichlet(np.ones(3), (20, 5)).astype("float32")
    values = RANDOM.integers(0, 3, (20, 5))
    scorer = TokenScorer(("a", "b", "c"))
    in_batches(scorer, outputs, values)
    loss = keras.losses.SparseCategoricalCrossentropy()(values, outputs)
    assert scorer.scores()["perplexity"] == pytest.approx(float(np.exp(loss)), rel=1e-4)
    seen: list[list[int]] = []

    def after(window: np.ndarray) -> np.ndarray:
        """A network that says the letter after the last one."""
        seen.append(window[0].tolist())
        return np.eye(3)[(window + 1) % 3]

    scorer.try_out(after, np.array([[0, 1, 2, 0, 1]]))
    assert (scorer.details().sample or "").startswith("cabcabca")
    assert seen[:2] == [[0, 1, 2, 0, 1], [1, 2, 0, 1, 2]]


def test_one_output_and_several_labels_have_thresholds() -> None:
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="sigmoid")])
    recipe = Train.model_validate({"metrics": ["f1_score", "accuracy", "mean_squared_error"]})
    for word in ("binary_classification", "multi_label"):
        head = Head("", "label", task_named(word), 2)
        made = {metric.name: metric for metric in compilation.make_metrics(recipe, network, [head])}
        assert made["f1_score"].threshold == 0.5
        assert isinstance(made["accuracy"], keras.metrics.BinaryAccuracy)


TWO = """\
archdsl: 1
name: Two
inputs: {x: [2]}
model:
  - {dense: {units: 8, activation: relu}, name: seen}
  - {dense: {units: 3, activation: softmax}, from: seen, name: grade}
  - {dense: {units: 1}, from: seen, name: value}
outputs: [grade, value]
data:
  source: {csv: two.csv}
  inputs: {x: [a, b]}
  targets: {grade: grade, value: price}
train:
  epochs: 2
  task: {grade: classification}
  loss: {grade: categorical_crossentropy, value: huber}
  loss_weights: {value: 0.5}
  monitor: value
"""


def test_each_output_has_its_own_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{i % 7},{i % 5},{3 + i % 3},{(i % 7) * 10}" for i in range(90)]
    Path("two.csv").write_text("a,b,grade,price\n" + "\n".join(rows) + "\n")
    done = archdsl.train(archdsl.loads(TWO), tmp_path / "run")
    assert done.task == "regression"
    assert done.heads is not None
    grade = done.heads["grade"]
    assert (grade.task, grade.column) == ("classification", "grade")
    assert set(grade.details.class_scores or {}) == {"3", "4", "5"}
    assert {"residuals.png", "confusion-grade.png"} <= {path.name for path in (tmp_path / "run").iterdir()}
    card = (tmp_path / "run" / "card.md").read_text()
    assert "## Output `grade`" in card
    assert "largest errors" in card
    assert read_result(tmp_path / "run") == done
    code, text = printed_by("archdsl evaluate run --json", tmp_path)
    assert code == 0, text
    told = json.loads(text[text.index("{\n") : text.rindex("}") + 1])
    assert told["largest_errors"][0]["row"] == done.largest_errors[0].row  # type: ignore[index]
    assert told["heads"]["grade"]["details"]["class_scores"]["3"].keys() == {"precision", "recall", "f1_score", "count"}
    again = archdsl.evaluate(tmp_path / "run")
    assert again.heads == done.heads
    assert again.scores == done.test_scores
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    best = min(log, key=lambda row: row["validation_value_mean_absolute_error"])
    assert done.best_epoch == best["epoch"]
    total = log[0]["validation_grade_loss"] + 0.5 * log[0]["validation_value_loss"]
    assert log[0]["validation_loss"] == pytest.approx(total, rel=1e-4)


MASKS = """\
archdsl: 1
name: Cells
input: [8, 8, 1]
model: [conv: {filters: 2, kernel: 1}]
data: {source: {masks: cells}}
train: {epochs: 1}
"""

TAGS = """\
archdsl: 1
name: Tags
input: [4]
model: [dense: {units: 3}]
data: {source: {npz: tags.npz}}
train: {epochs: 1}
"""


@pytest.mark.slow
def test_json_has_the_numbers_of_each_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("tags.npz", x=RANDOM.random((40, 4)), y=RANDOM.integers(0, 2, (40, 3)), classes=np.array(NAMES))
    for kind in ("images", "masks"):
        (tmp_path / "cells" / kind).mkdir(parents=True)
        for i in range(20):
            pixels = RANDOM.integers(0, 2, (8, 8)).astype("uint8")
            Image.fromarray(pixels * (200 if kind == "images" else 1)).save(tmp_path / "cells" / kind / f"{i}.png")
    expected = {"masks": ("class_iou", {"0", "1"}), "tags": ("class_scores", {*NAMES})}
    for name, (field, classes) in expected.items():
        Path(f"{name}.yaml").write_text({"masks": MASKS, "tags": TAGS}[name])
        done = archdsl.train(archdsl.load(f"{name}.yaml"), tmp_path / name)
        code, text = printed_by(f"archdsl evaluate {name} --json", tmp_path)
        assert code == 0, text
        told = json.loads(text[text.index("{\n") : text.rindex("}") + 1])
        assert told[field].keys() == classes
        assert told["scores"] == done.test_scores
        card = (tmp_path / name / "card.md").read_text()
        assert all(f"| {each} |" in card for each in classes)
        assert ("Test mean IoU (4 images) | " if name == "masks" else "Test F1 score (8 examples) | ") in card
    code, text = printed_by("archdsl runs masks tags", tmp_path)
    assert code == 0
    assert "{masks: cells}  {npz: tags.npz}" in text


BINARY = """\
archdsl: 1
name: Binary
input: [1]
model: [{dense: {units: 1}}]
data: {source: {csv: binary.csv}, targets: kind, batch_size: 1}
"""


def test_small_logits_are_not_taken_for_probabilities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone in a batch, a logit of 0.3 looks like a probability, but the second class is likelier."""
    monkeypatch.chdir(tmp_path)
    rows = [f"{(i - 30) / 10},{'ab'[i > 30]}" for i in range(61)]
    Path("binary.csv").write_text("x,kind\n" + "\n".join(rows) + "\n")
    made = prepare(archdsl.loads(BINARY), Overrides())
    made.model.layers[-1].kernel.assign([[1.0]])
    loss = compilation.make_loss(made.recipe, made.model, made.heads)
    tested, _ = evaluate(made.model, made.dataset, made.source, made.recipe, made.heads, loss)
    logits = made.dataset.test.inputs[""][:, 0]
    assert ((logits > 0) & (logits < 0.5)).sum() >= 2
    assert tested.accuracy == np.mean((logits > 0) == made.dataset.labels("test"))
