"""From a recipe to Keras's objects, and whether a network takes the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from heads import HEADS  # noqa: E402

from archdsl.data import dataset  # noqa: E402
from archdsl.errors import ArchError  # noqa: E402
from archdsl.ops.base import Call  # noqa: E402
from archdsl.recipe import Data, Train  # noqa: E402
from archdsl.training import compilation, heads  # noqa: E402

pytestmark = pytest.mark.tensorflow

DIGITS = Data(source="digits")


def test_a_network_of_open_size_takes_any_image() -> None:
    image = keras.Input((None, None, 1))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(image))
    open_sized = keras.Model(image, keras.layers.Dense(10)(pooled))
    digits = dataset.load(DIGITS)
    (head,) = heads.find(open_sized, digits, DIGITS, Train())
    assert (head.output, head.column) == ("", "label")
    two = keras.Model([image, keras.Input((3,))], pooled)
    with pytest.raises(ArchError, match=r"expected one image as input, got 2 tensors \(\?x\?x1, 3\)"):
        heads.find(two, digits, DIGITS, Train())


@pytest.mark.parametrize(
    ("activation", "given", "logits"),
    [("softmax", None, False), (None, None, True), ("relu", None, True), ("softmax", True, True), (None, False, False)],
)
def test_logits_are_seen_from_the_network_unless_the_recipe_says(activation: Any, given: Any, logits: bool) -> None:
    inner = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10, activation)])
    nested = keras.Sequential([keras.Input((8, 8, 1)), inner])
    made = compilation.make_loss(Train(from_logits=given), nested, HEADS)
    assert made.get_config()["from_logits"] is logits


def test_logits_of_ids_are_not_taken_for_probabilities() -> None:
    """The logit of the ids 0 is 0.3, as if it were a probability; of others it is not."""
    given = keras.Input((3,), dtype="int32")
    known = keras.layers.Embedding(4, 1, embeddings_initializer=lambda shape, dtype=None: [[0.3], [0.4], [0.5], [2.0]])
    pooled = keras.layers.GlobalAveragePooling1D()(known(given))
    assert not compilation.gives_probabilities(keras.Model(given, pooled), each=True)
    assert compilation.gives_probabilities(keras.Model(given, keras.ops.sigmoid(pooled)), each=True)


def test_calls_become_keras_objects_however_nested() -> None:
    recipe = {"sgd": {"momentum": 0.9, "learning_rate": {"cosine": {"rate": 0.5, "final": 0.1, "warmup": 1}}}}
    optimizer = compilation.instantiate(Train.model_validate({"optimizer": recipe}).optimizer.to_call(10, 20))
    assert isinstance(optimizer, keras.optimizers.SGD)
    rates = [float(optimizer._learning_rate(step)) for step in (0, 10, 20, 110, 200, 300)]
    np.testing.assert_allclose(rates, [0, 0.25, 0.5, 0.275, 0.05, 0.05], atol=1e-6)
    assert compilation.instantiate([1, Call("losses.MeanSquaredError")])[1].name == "mean_squared_error"


def test_a_step_falls_at_the_start_of_its_epoch() -> None:
    recipe = Train.model_validate({"optimizer": {"sgd": {"learning_rate": {"step": {"rate": 1.0, "at": [1, 3]}}}}})
    schedule = compilation.instantiate(recipe.optimizer.to_call(5, 4))._learning_rate
    rates = [float(schedule(step)) for step in range(20)]
    np.testing.assert_allclose(rates, [1.0] * 4 + [0.1] * 8 + [0.01] * 8, rtol=1e-6)


def test_labels_are_smoothed() -> None:
    made = compilation.make_loss(
        Train(label_smoothing=0.1), keras.Sequential([keras.Input((4,)), keras.layers.Dense(10)]), HEADS
    )
    assert made.get_config()["label_smoothing"] == 0.1
