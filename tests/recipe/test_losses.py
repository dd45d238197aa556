"""Losses and metrics of the recipe against Keras, with the labels that each expects."""

from __future__ import annotations

import inspect
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from heads import HEADS  # noqa: E402

from archdsl.errors import ArchError  # noqa: E402
from archdsl.recipe import LOSSES, METRICS, Train  # noqa: E402
from archdsl.training import compilation  # noqa: E402

pytestmark = pytest.mark.tensorflow

LEFT_OUT = {
    "CTC": "its labels are sequences, and a data set has one class for each image",
    "Loss": "the base class",
}


def target(model: Any) -> str:
    return str(model.target.partition(".")[2])


def test_every_keras_loss_is_there() -> None:
    exported = {
        name
        for name, found in vars(keras.losses).items()
        if inspect.isclass(found) and issubclass(found, keras.losses.Loss)
    }
    assert {target(model) for model in LOSSES.values()} == exported - LEFT_OUT.keys()
    assert set(LEFT_OUT) <= exported
    assert len(LOSSES) >= 20


def network(activation: str | None = None) -> Any:
    return keras.Sequential([keras.Input((5,)), keras.layers.Dense(4, activation)])


def compiled(**recipe: Any) -> Any:
    model = network(recipe.pop("activation", None))
    heads = [replace(head, classes=4) for head in HEADS]
    compilation.compile_model(model, Train.model_validate(recipe), heads, 1, 1)
    return model


IMAGES = np.random.default_rng(1).normal(size=(8, 5)).astype("float32")
WHOLE = np.arange(8) % 4


@pytest.mark.parametrize("word", LOSSES)
def test_a_step_with_the_expected_labels(word: str) -> None:
    recipe = {"loss": word, "optimizer": {"sgd": {"learning_rate": 0.01}}}
    model = compiled(**recipe, activation="softmax")
    one_hot = compilation.encodings(Train.model_validate(recipe), HEADS)["label"] == "one_hot"
    assert one_hot is not LOSSES[word].sparse
    labels = np.eye(4, dtype="float32")[WHOLE] if one_hot else WHOLE
    made = model.evaluate(IMAGES, labels, verbose=0, return_dict=True)
    assert math.isfinite(made["loss"])
    assert 0 <= made["accuracy"] <= 1
    model.train_on_batch(IMAGES, labels)
    own = getattr(keras.losses, target(LOSSES[word]))
    assert type(model.loss) is own


@pytest.mark.parametrize("activation", ["sigmoid", "softmax", None])
def test_softmax_and_sigmoid_are_distinguished_from_logits(activation: str | None) -> None:
    """Sigmoid outputs do not sum to 1, but are not logits for a loss that treats each class separately."""
    binary = compiled(loss="binary_crossentropy", activation=activation).loss.get_config()
    assert binary["from_logits"] is (activation is None)
    softmax = compiled(loss="categorical_crossentropy", activation=activation).loss.get_config()
    assert softmax["from_logits"] is (activation != "softmax")


def test_smoothing_is_set_for_all_or_for_one() -> None:
    def smoothing(**recipe: Any) -> float:
        return float(compiled(**recipe).loss.get_config()["label_smoothing"])

    assert smoothing(label_smoothing=0.2) == 0.2
    assert smoothing(label_smoothing=0.2, loss="binary_focal_crossentropy") == 0.2
    assert smoothing(label_smoothing=0.2, loss={"categorical_crossentropy": {"label_smoothing": 0.1}}) == 0.1
    assert smoothing() == 0.0


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
def test_metrics_match_the_labels(loss: str) -> None:
    words = [word for word, metric in METRICS.items() if metric.sparse or "sparse" not in loss]
    model = compiled(loss=loss, metrics=words[::-1], activation="softmax")
    labels = WHOLE if "sparse" in loss else np.eye(4, dtype="float32")[WHOLE]
    found = model.evaluate(IMAGES, labels, verbose=0, return_dict=True)
    assert list(found)[:2] == ["accuracy", "loss"] or next(iter(found)) == "accuracy"
    assert set(found) == {"loss", *words}
    np.testing.assert_allclose(found["crossentropy"], found["loss"], rtol=1e-5)
    first = model.predict(IMAGES, verbose=0).argmax(-1)
    np.testing.assert_allclose(found["accuracy"], (first == WHOLE).mean())
    assert found["top_5_accuracy"] == 1.0


def test_a_metric_of_probabilities_is_refused_for_logits() -> None:
    with pytest.raises(ArchError, match=r"outputs logits(.|\n)*top_k: 1"):
        compiled(metrics=["precision"])
    made = compiled(metrics=[{"precision": {"top_k": 1}}, "auc", {"f1_score": {"average": "micro"}}])
    found = made.evaluate(IMAGES, np.eye(4, dtype="float32")[WHOLE], verbose=0, return_dict=True)
    np.testing.assert_allclose(found["precision"], found["accuracy"], rtol=1e-6)
    np.testing.assert_allclose(found["f1_score"], found["accuracy"], rtol=1e-6)


def test_user_metrics_are_added_to_those_of_the_recipe() -> None:
    model = network("softmax")
    optimizer, own = keras.optimizers.SGD(0.5), keras.metrics.MeanSquaredError(name="own")

    def loss(labels: Any, outputs: Any) -> Any:
        return keras.ops.sum(keras.ops.abs(labels - outputs), axis=-1)

    compilation.compile_model(
        model, Train(), HEADS, 1, 1, optimizer=optimizer, loss=loss, metrics=[own], steps_per_execution=3
    )
    assert (model.optimizer, model.loss, model.steps_per_execution) == (optimizer, loss, 3)
    found = model.evaluate(IMAGES, np.eye(4, dtype="float32")[WHOLE], verbose=0, return_dict=True)
    assert set(found) == {"accuracy", "loss", "own"}


def test_the_recipe_decides_how_a_step_runs() -> None:
    model = compiled(jit_compile=True, steps_per_execution=2)
    assert (model.jit_compile, model.steps_per_execution) == (True, 2)
    assert compiled(jit_compile=False).jit_compile is False
