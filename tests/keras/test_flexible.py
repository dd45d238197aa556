"""Networks with flexible axes, built once and called at three sizes: the shapes are those of the graph at each size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import archdsl
from archdsl.ops import Shape
from archdsl.spec import Spec

pytestmark = pytest.mark.tensorflow

MAP = "input: {shape: [16, 16, 3], flexible: [height, width]}"
SEQUENCE = "input: {shape: [12, 4], flexible: [length]}"
UNET = """\
layers:
  Block:
    args: {filters: int, stride: 1}
    paths: [[conv: {filters: $filters, kernel: 3, stride: $stride, padding: same, norm: batch, activation: relu}]]
    shortcut: auto
    merge: add
  Down:
    args: {filters: int, depth: 2}
    outputs: [fine, coarse]
    steps:
      - {Block: {filters: $filters}, repeat: $depth, name: fine}
      - {max_pool: {size: 2}, name: coarse}
model:
  - {Down: {filters: 4}, name: down}
  - {Block: {filters: 4, stride: 2}, from: down.coarse}
  - conv_transpose: {filters: 4, kernel: 4, stride: 2, padding: same}
  - {upsample: {size: 2, interpolation: bilinear}, name: grown}
  - {concat: {}, from: [down.fine, grown]}
  - conv: {filters: 2, kernel: 1}
"""
POOLED = """\
model:
  - conv: {filters: 4, kernel: 3, stride: 2, activation: relu}
  - paths:
      gate: [global_average_pool: {keepdims: true}, conv: {filters: 4, kernel: 1, activation: sigmoid}]
    shortcut: identity
    merge: multiply
  - adaptive_average_pool: {size: 2}
  - flatten
  - dense: {units: 3}
"""
TOKENS = "model: [layer_norm, attention: {heads: 2, key: 2}, dense: {units: 3}]\n"


def at(spec: Spec, shape: Shape) -> Shape:
    inputs = {name: replace(one, shape=shape) for name, one in spec.inputs.items()}
    return archdsl.resolve(replace(spec, inputs=inputs)).shape


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        (f"{MAP}\n{UNET}", [(16, 16, 3), (32, 8, 3), (20, 44, 3)]),
        (f"{MAP}\n{POOLED}", [(16, 16, 3), (9, 31, 3), (40, 12, 3)]),
        (f"{SEQUENCE}\n{TOKENS}", [(12, 4), (5, 4), (33, 4)]),
    ],
    ids=["u_net", "pooled", "tokens"],
)
def test_the_shapes_are_those_of_the_graph(text: str, shapes: Sequence[Shape], tmp_path: Path) -> None:
    spec = archdsl.loads(f"archdsl: 1\nname: Net\n{text}")
    model = archdsl.build(spec)
    for shape in shapes:
        found = model(np.zeros((2, *shape), "float32"))
        assert tuple(found.shape) == (2, *at(spec, shape)), shape
    model.save(tmp_path / "net.keras")
    again, x = archdsl.load_model(tmp_path / "net.keras"), np.ones((1, *shapes[-1]), "float32")
    assert again.input_shape == model.input_shape
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
