"""Integers on their way through generated layers: they stay the same numbers, in half precision too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import archdsl

pytestmark = pytest.mark.tensorflow

# `Read` is a functional graph inside, `Wide` has integers as its output, and the path is a `keras.Model` of its own.
SPEC = """\
archdsl: 1
name: Net
inputs: {ids: {shape: [6], dtype: int32}, numbers: [2, 3, 4]}
layers:
  Wide: {steps: [reshape: {shape: [2, 3]}]}
  Read:
    inputs: [words, more]
    steps:
      - {embedding: {vocabulary: 1000, size: 4}, from: words, name: read}
      - {add: {}, from: [read, more]}
model:
  - {Wide: {}, from: ids, name: wide}
  - paths:
      own: [{Read: {}, from: [wide, numbers]}]
"""


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_large_ids_are_not_rounded(policy: str, tmp_path: Path) -> None:
    import keras

    spec = archdsl.loads(SPEC)
    model = archdsl.compile(spec).Net(dtype=policy)
    table = np.repeat(np.arange(1000, dtype="float32")[:, None], 4, axis=1) / 1000
    next(weight for weight in model.weights if "embeddings" in weight.path).assign(table)
    ids = np.array([[0, 1, 257, 513, 771, 999]], "int32")  # half precision has no 257, 513 or 771
    expected = table[ids].reshape(1, 2, 3, 4)
    tolerance = 0 if policy == "float32" else 0.004
    numbers = np.zeros((1, 2, 3, 4), "float32")
    found = keras.ops.cast(model([ids, numbers]), "float32")
    np.testing.assert_allclose(found, expected, atol=tolerance)
    np.testing.assert_allclose(model.predict([ids, numbers], verbose=0), expected, atol=tolerance)
    model.save(tmp_path / "net.keras")
    again = archdsl.load_model(tmp_path / "net.keras")
    assert [(tensor.shape, tensor.dtype) for tensor in again.inputs] == [
        (tensor.shape, tensor.dtype) for tensor in model.inputs
    ]
    np.testing.assert_array_equal(keras.ops.cast(again([ids, numbers]), "float32"), found)


def test_a_uint8_image() -> None:
    text = "archdsl: 1\nname: Net\ninput: {shape: [4, 4, 3], dtype: uint8}\nmodel: [rescale: {scale: 0.5}]\n"
    model = archdsl.build(archdsl.loads(text))
    image = np.full((1, 4, 4, 3), 255, "uint8")
    np.testing.assert_array_equal(model(image), np.full((1, 4, 4, 3), 127.5, "float32"))
