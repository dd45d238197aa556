"""Shared layers in Keras: the same counts as the graph, the same outputs after saving and loading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from keras import Input, Model, layers

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
