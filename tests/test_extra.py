"""The Keras layers that archdsl brings along: what they compute, their shapes, their configs, and that they travel."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import archdsl
from archdsl.backends import extra
from archdsl.backends.python import extra_classes, to_python
from archdsl.spec import EXTRA, RESERVED

pytestmark = pytest.mark.tensorflow

LAYERS = {"LowestPadding2D": {"padding": [[1, 0], [2, 3]]}, "GatedLinearUnit": {}}


def test_every_extra_layer_is_tested_and_known_by_name() -> None:
    assert set(LAYERS) == set(extra_classes()) == EXTRA
    assert EXTRA <= RESERVED


@pytest.mark.parametrize("name", LAYERS)
def test_shape_and_config_of_an_extra_layer(name: str) -> None:
    layer = getattr(extra, name)(**LAYERS[name])
    x = np.random.default_rng(0).random((2, 4, 5, 6), np.float32)
    y = layer(x)
    assert layer.compute_output_shape((None, 4, 5, 6)) == (None, *y.shape[1:])
    again = type(layer).from_config(layer.get_config())
    assert np.array_equal(again(x), y)
    assert layer.compute_output_shape((None, None, None, 6))[:3] == (None, None, None)
    assert not layer.weights


@pytest.mark.parametrize("padding", [2, [[0, 1], [2, 3]]])
def test_lowest_padding_pads_with_minus_infinity(padding: Any) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype("float32")
    sides = [[2, 2]] * 2 if padding == 2 else padding
    expected = np.pad(x, [[0, 0], *sides, [0, 0]], constant_values=-np.inf)
    assert np.array_equal(extra.LowestPadding2D(padding)(x), expected)


def test_a_gated_linear_unit_is_a_half_times_the_sigmoid_of_the_other() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 3, 8)).astype("float32")
    expected = x[..., :4] / (1 + np.exp(-x[..., 4:]))
    assert np.allclose(extra.GatedLinearUnit()(x), expected, atol=1e-6)


SPEC = """
archdsl: 1
name: Net
input: [6, 6, 4]
layers:
  Own: {steps: [conv: {filters: 8, kernel: 1, activation: glu}, max_pool: {size: 3, stride: 2, padding: 1}]}
model: [Own, conv: {filters: 2, kernel: 1}]
"""


def test_extra_layers_stand_in_the_source_and_are_found_on_loading(tmp_path: Path) -> None:
    spec = archdsl.loads(SPEC)
    classes = [node.name for node in ast.parse(to_python(spec)).body if isinstance(node, ast.ClassDef)]
    assert sorted(classes) == sorted([*LAYERS, "Own", "Net"])
    model = archdsl.build(spec)
    assert model.output_shape == (None, 3, 3, 2)
    inner = keras.Sequential([keras.Input((6, 6, 4)), extra.GatedLinearUnit(), extra.LowestPadding2D(1)])
    x = np.random.default_rng(0).random((2, 6, 6, 4), np.float32)
    for name, made in (("net", model), ("inner", inner)):
        made.save(tmp_path / f"{name}.keras")
        assert np.array_equal(archdsl.load_model(tmp_path / f"{name}.keras")(x), made(x))
