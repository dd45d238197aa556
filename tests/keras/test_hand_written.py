"""Networks with integer inputs, flexible sizes or chosen merges, against hand-written Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archdsl

pytestmark = pytest.mark.tensorflow

SPECS = Path(__file__).parent.parent.parent / "specs"


def entity_embeddings() -> Any:
    import keras
    from keras import layers

    sizes = {"store": (1115, 10), "weekday": (7, 6), "promotion": None, "year": (3, 2), "month": (12, 6)}
    sizes |= {"day": (31, 10), "state": (12, 6)}
    inputs, vectors = [], []
    for name, size in sizes.items():
        inputs.append(keras.Input((1,) if size is None else (), name=name, dtype=None if size is None else "int32"))
        vectors.append((layers.Dense(1) if size is None else layers.Embedding(*size))(inputs[-1]))
    x = layers.Concatenate()(vectors)
    x = layers.Dense(1000, activation="relu")(x)
    x = layers.Dense(500, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))


def fcn(width: int, hidden: int, classes: int) -> Any:
    import keras
    from keras import layers

    def scores(x: Any) -> Any:
        return layers.Conv2D(classes, 1)(x)

    def grown(x: Any, factor: int) -> Any:
        return layers.Conv2DTranspose(classes, 2 * factor, strides=factor, padding="same", use_bias=False)(x)

    x = inputs = keras.Input((None, None, 3))
    kept = []
    for filters, depth in zip((1, 2, 4, 8, 8), (2, 2, 3, 3, 3), strict=True):
        for _ in range(depth):
            x = layers.Conv2D(filters * width, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
        kept.append(x)
    for kernel in (7, 1):
        x = layers.Conv2D(hidden, kernel, padding="same", activation="relu")(x)
        x = layers.Dropout(0.5)(x)
    x = scores(x)
    for fine in (kept[3], kept[2]):
        fine_scores = scores(fine)
        x = layers.Add()([grown(x, 2), fine_scores])
    return keras.Model(inputs, grown(x, 8))


def test_entity_embeddings() -> None:
    import keras

    keras.utils.set_random_seed(1)
    spec = archdsl.load(SPECS / "entity_embeddings.yaml")
    mine, other = archdsl.build(spec), entity_embeddings()
    assert mine.count_params() == other.count_params()
    archdsl.copy_weights(other, mine)
    random = np.random.default_rng(0)
    largest = {"store": 1115, "weekday": 7, "year": 3, "month": 12, "day": 31, "state": 12}
    ids = {name: random.integers(0, most, 6).astype("int32") for name, most in largest.items()}
    x = [ids.get(name, random.random((6, 1), np.float32)) for name in spec.inputs]
    np.testing.assert_allclose(mine.predict(x, verbose=0), other.predict(x, verbose=0), atol=1e-6)


def test_fcn_at_three_sizes() -> None:
    import keras

    keras.utils.set_random_seed(1)
    mine = archdsl.build(archdsl.load(SPECS / "fcn.yaml"), width=4, hidden=8, classes=5)
    other = fcn(4, 8, 5)
    assert mine.count_params() == other.count_params()
    archdsl.copy_weights(other, mine)
    for side in (64, 96, 160):
        x = np.random.default_rng(side).random((1, side, 64, 3), np.float32)
        np.testing.assert_allclose(mine(x), other(x), atol=1e-5)


CHOSEN = """
archdsl: 1
name: Chosen
input: [6, 5, 3]
layers:
  Both:
    args: {how: add}
    paths:
      wide: [conv: {filters: 3, kernel: 3, padding: same}]
      narrow: [conv: {filters: 3, kernel: 1}]
    shortcut: identity
    merge: $how
    after: relu
model: [Both, Both: {how: concat}]
"""


def test_a_merge_from_an_argument() -> None:
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    x = inputs = keras.Input((6, 5, 3))
    for merge in (layers.Add(), layers.Concatenate()):
        x = layers.ReLU()(merge([x, layers.Conv2D(3, 3, padding="same")(x), layers.Conv2D(3, 1)(x)]))
    other, mine = keras.Model(inputs, x), archdsl.build(archdsl.loads(CHOSEN))
    mine.set_weights(other.get_weights())
    images = np.random.default_rng(0).normal(size=(2, 6, 5, 3)).astype("float32")
    np.testing.assert_allclose(mine(images), other(images), atol=1e-6)
    copy = archdsl.compile(archdsl.loads(CHOSEN)).Both.from_config(mine.layers[-1].get_config())
    assert copy.how == "concat"
    assert copy.compute_output_shape((None, 6, 5, 3)) == (None, 6, 5, 9)
    with pytest.raises(ValueError, match="`how` must be 'add' or 'concat'"):
        type(copy)(how="average")
