"""The networks of text in the zoo against the same networks written by hand in Keras, in a small size."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import archdsl

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning"),
]

SPECS = Path(__file__).parents[2] / "specs"
LENGTH, WORDS, WIDTH = 7, 30, 8


class Maker:
    """Makes layers and remembers them in order."""

    def __init__(self) -> None:
        self.made: list[Any] = []

    def __call__(self, layer: Any) -> Any:
        self.made.append(layer)
        return layer

    def attend(self, query: Any, value: Any, causal: bool = False) -> Any:
        layer = self(layers.MultiHeadAttention(2, WIDTH // 2))
        return layer(query, value, use_causal_mask=causal)

    def norm(self, x: Any, epsilon: float) -> Any:
        return self(layers.LayerNormalization(epsilon=epsilon))(x)

    def think(self, x: Any, hidden: int, activation: Any) -> Any:
        x = self(layers.Dense(hidden, activation=activation))(x)
        return self(layers.Dense(WIDTH))(x)


class Positions(layers.Layer):
    def build(self, shape: Any) -> None:
        self.table = self.add_weight(shape[1:], name="table")

    def call(self, x: Any) -> Any:
        return x + self.table


def ids() -> Any:
    return keras.Input((LENGTH,), dtype="int32")


def lstm_text(make: Maker) -> Any:
    x = words = ids()
    x = make(layers.Embedding(WORDS, 2 * WIDTH))(x)
    x = make(layers.Bidirectional(layers.LSTM(WIDTH, return_sequences=True)))(x)
    x = make(layers.Bidirectional(layers.LSTM(WIDTH)))(x)
    return keras.Model(words, make(layers.Dense(1, activation="sigmoid"))(x))


def gru_text(make: Maker) -> Any:
    x = words = ids()
    x = make(layers.Embedding(WORDS, WIDTH, mask_zero=True))(x)
    x = make(layers.Bidirectional(layers.GRU(WIDTH)))(x)
    x = make(layers.Dense(WIDTH, activation="relu"))(x)
    return keras.Model(words, make(layers.Dense(1))(x))


def gpt2(make: Maker) -> Any:
    words = ids()
    tokens = make(layers.Embedding(WORDS, WIDTH))
    x = make(Positions())(tokens(words))
    for _ in range(2):
        y = make.norm(x, 1e-5)
        x += make.attend(y, y, causal=True)
        x += make.think(make.norm(x, 1e-5), 4 * WIDTH, lambda x: keras.activations.gelu(x, approximate=True))
    x = make.norm(x, 1e-5)
    return keras.Model(words, ops.matmul(x, ops.transpose(ops.convert_to_tensor(tokens.embeddings))))


def bert(make: Maker) -> Any:
    words, sides = ids(), ids()
    x = make(layers.Embedding(WORDS, WIDTH))(words) + make(layers.Embedding(3, WIDTH))(sides)
    x = make.norm(make(Positions())(x), 1e-12)
    for _ in range(2):
        x = make.norm(x + make.attend(x, x), 1e-12)
        x = make.norm(x + make.think(x, 4 * WIDTH, "gelu"), 1e-12)
    return keras.Model([words, sides], [x, make(layers.Dense(WIDTH, activation="tanh"))(x[:, 0])])


def transformer(make: Maker) -> Any:
    source, target = ids(), ids()
    tokens = make(layers.Embedding(WORDS, WIDTH))
    angles = np.arange(LENGTH)[:, None] / 10_000 ** (np.arange(WIDTH) // 2 * 2 / WIDTH)
    places = np.where(np.arange(WIDTH) % 2, np.cos(angles), np.sin(angles)).astype("float32")
    x, y = (tokens(one) * np.float32(WIDTH**0.5) + places for one in (source, target))
    for _ in range(2):
        x = make.norm(x + make.attend(x, x), 1e-5)
        x = make.norm(x + make.think(x, 16, "relu"), 1e-5)
    for _ in range(2):
        y = make.norm(y + make.attend(y, y, causal=True), 1e-5)
        y = make.norm(y + make.attend(y, x), 1e-5)
        y = make.norm(y + make.think(y, 16, "relu"), 1e-5)
    return keras.Model([source, target], ops.matmul(y, ops.transpose(ops.convert_to_tensor(tokens.embeddings))))


DEEP = {"heads": 2, "depth": 2, "drop": 0.0}
CASES: dict[Callable[[Maker], Any], dict[str, Any]] = {
    lstm_text: {},
    gru_text: {},
    gpt2: DEEP,
    bert: {**DEEP, "sentences": 3},
    transformer: {**DEEP, "hidden": 16},
}


@pytest.mark.parametrize("write", CASES, ids=lambda write: write.__name__)
def test_a_network_of_text_is_the_one_written_by_hand(write: Callable[[Maker], Any]) -> None:
    text = (SPECS / f"{write.__name__}.yaml").read_text(encoding="utf-8")
    spec = archdsl.loads(re.sub(r"shape: \[\d+\]", f"shape: [{LENGTH}]", text))
    ours = archdsl.build(spec, vocabulary=WORDS, width=WIDTH, **CASES[write])
    random = np.random.default_rng(0)
    by_path = {weight.path: weight for weight in ours.weights}
    values = []
    for path, weight in archdsl.resolve(spec, vocabulary=WORDS, width=WIDTH, **CASES[write]).weights():
        values.append(random.normal(float("gamma" in path), 0.6, weight.shape))
        by_path[path].assign(values[-1])
    make = Maker()
    write(make)
    weights = [weight for layer in make.made for weight in layer.weights]
    assert [tuple(weight.shape) for weight in weights] == [value.shape for value in values]
    for weight, value in zip(weights, values, strict=True):
        weight.assign(value)
    # Written again around the same layers, as a tied head reads its weight when it is written.
    layers_again = iter(make.made)
    again = Maker()
    again.__class__ = type("Again", (Maker,), {"__call__": lambda self, layer: next(layers_again)})
    theirs = write(again)
    given = [random.integers(1, 3 if write is bert else WORDS, (2, LENGTH), np.int32) for _ in ours.inputs]
    for training in (False, True):
        mine, other = (keras.tree.flatten(model(given, training=training)) for model in (ours, theirs))
        assert len(mine) == len(other) == (2 if write is bert else 1)
        for one, two in zip(mine, other, strict=True):
            assert np.std(one) > 0.001
            assert np.allclose(one, two, atol=1e-4 * float(np.abs(two).max()))
