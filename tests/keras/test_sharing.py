"""Shared layers in Keras: the same counts as the graph, the same outputs after saving and loading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from keras import Input, Model, Sequential, layers, ops
from keras.models import clone_model

import archdsl.keras
from archdsl import loads

pytestmark = pytest.mark.tensorflow

SPEC = """archdsl: 1
name: Net
inputs: {left: [8, 8, 3], right: [8, 8, 3]}
layers:
  Encoder:
    steps:
      - {conv: {filters: 3, kernel: 3, padding: 1, norm: batch, activation: relu}, name: body}
      - {share: body, repeat: 2}
      - paths: {one: [{conv: {filters: 4, kernel: 1}, name: c}], two: [relu, share: c]}
        merge: add
      - global_average_pool
model:
  - {Encoder: {}, from: left, name: a}
  - {share: a, from: right, name: b}
  - {subtract: {}, from: [a, b]}
  - {dense: {units: 4}, repeat: 2, name: d}
  - {share: d_2, repeat: 2}
"""


def test_a_model_with_shared_layers_is_built_saved_and_loaded(tmp_path: Path) -> None:
    spec = loads(SPEC)
    model = archdsl.keras.build(spec)
    totals = archdsl.resolve(spec).totals
    assert model.count_params() == totals.parameters
    assert len(model.weights) == totals.variables
    pair = [np.random.default_rng(seed).normal(size=(2, 8, 8, 3)).astype("float32") for seed in (0, 1)]
    for weight in model.weights:
        weight.assign(np.random.default_rng(2).normal(size=weight.shape) ** 2)
    model.save(tmp_path / "net.keras")
    again = archdsl.keras.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(model(pair), again(pair))


def test_shared_twins_compute_what_handwritten_twins_compute() -> None:
    text = """archdsl: 1
name: Twins
inputs: {left: [8, 8, 3], right: [8, 8, 3]}
layers:
  Encoder:
    steps: [conv: {filters: 4, kernel: 3, norm: batch, activation: relu}, global_average_pool, dense: {units: 5}]
model:
  - {Encoder: {}, from: left, name: a}
  - {share: a, from: right, name: b}
  - {subtract: {}, from: [a, b]}
"""
    model = archdsl.keras.build(loads(text))
    left, right = Input((8, 8, 3)), Input((8, 8, 3))
    row = [layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(), layers.GlobalAveragePooling2D()]
    row.append(layers.Dense(5))
    ends = []
    for x in (left, right):
        for layer in row:
            x = layer(x)
        ends.append(x)
    twins = Model([left, right], layers.Subtract()(ends))
    assert model.count_params() == twins.count_params()
    twins.set_weights(model.get_weights())
    pair = [np.random.default_rng(seed).normal(size=(2, 8, 8, 3)).astype("float32") for seed in (0, 1)]
    for training in (False, True):
        np.testing.assert_allclose(model(pair, training=training), twins(pair, training=training), atol=1e-6)
    np.testing.assert_allclose(model.get_weights()[-1], twins.get_weights()[-1], atol=1e-6)


TIED = """archdsl: 1
name: Autoencoder
input: [6]
model:
  - {dense: {units: 4, activation: relu, bias: false}, name: a}
  - dense: {units: 6, activation: sigmoid, kernel: {share: a.kernel, transpose: true}}
"""


def test_a_tied_kernel_is_one_variable_with_both_gradients(tmp_path: Path) -> None:
    spec = loads(TIED)
    model = archdsl.keras.build(spec)
    assert [weight.path for weight in model.weights] == ["a/kernel", "dense_1/bias"]
    assert [weight.path for weight in model.trainable_variables] == ["a/kernel", "dense_1/bias"]
    model.compile("adam", "mse")
    x = np.random.default_rng(0).random((16, 6), np.float32)
    model.fit(x, x, epochs=2, verbose=0, shuffle=False)
    kernel, bias = (np.asarray(weight) for weight in model.weights)
    expected = 1 / (1 + np.exp(-(np.maximum(x @ kernel, 0) @ kernel.T + bias)))
    np.testing.assert_allclose(model(x), expected, atol=1e-5)
    model.save(tmp_path / "net.keras")
    again = archdsl.keras.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(again(x), model(x))
    for one in (model, again):
        one.fit(x, x, epochs=1, verbose=0, shuffle=False)
    for one, other in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_error_of_a_clone_says_how_to_clone_a_tied_kernel() -> None:
    model = archdsl.keras.build(loads(TIED))
    with pytest.raises(NotImplementedError, match=r"type\(model\).from_config\(model.get_config\(\)\)"):
        clone_model(model)
    again = type(model).from_config(model.get_config())
    assert [weight.path for weight in again.weights] == [weight.path for weight in model.weights]


def test_a_tied_kernel_follows_the_dtype_policy() -> None:
    model = archdsl.keras.compile_spec(loads(TIED)).Autoencoder(dtype="mixed_bfloat16")
    assert model(np.ones((2, 6), np.float32)).dtype == "bfloat16"
    assert {weight.dtype for weight in model.weights} == {"float32"}


def test_the_siamese_network_of_the_zoo_computes_what_a_handwritten_one_does() -> None:
    model = archdsl.build("siamese", width=2)
    encoder = Sequential([Input((105, 105, 1))])
    for filters, size in ((2, 10), (4, 7), (4, 4)):
        encoder.add(layers.Conv2D(filters, size, activation="relu"))
        encoder.add(layers.MaxPooling2D())
    encoder.add(layers.Conv2D(8, 4, activation="relu"))
    encoder.add(layers.Flatten())
    encoder.add(layers.Dense(128, activation="sigmoid"))
    left, right = Input((105, 105, 1)), Input((105, 105, 1))
    distance = layers.Lambda(lambda pair: ops.abs(pair[0] - pair[1]))([encoder(left), encoder(right)])
    twins = Model([left, right], layers.Dense(1, activation="sigmoid")(distance))
    assert model.count_params() == twins.count_params()
    twins.set_weights(model.get_weights())
    pair = [np.random.default_rng(seed).random((2, 105, 105, 1), np.float32) for seed in (0, 1)]
    np.testing.assert_allclose(model(pair), twins(pair), atol=1e-6)
    np.testing.assert_allclose(model(pair), model(pair[::-1]), atol=1e-6)


def test_a_head_is_shared_over_the_levels_of_a_pyramid(tmp_path: Path) -> None:
    text = """archdsl: 1
name: Pyramid
input: [8, 8, 3]
outputs: [fine, coarse]
layers:
  Head: {steps: [{conv: {filters: 3, kernel: 3, padding: same, norm: batch, activation: relu}, repeat: 2}]}
model:
  - {Head: {}, name: fine}
  - {max_pool: {size: 2}, from: input}
  - {share: fine, name: coarse}
"""
    model = archdsl.keras.build(loads(text))
    model.save(tmp_path / "net.keras")
    x = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
    one, other = model(x), archdsl.keras.load_model(tmp_path / "net.keras")(x)
    assert {name: y.shape[1:3] for name, y in one.items()} == {"fine": (8, 8), "coarse": (4, 4)}
    for name, y in one.items():
        np.testing.assert_array_equal(y, other[name])
