"""Recurrent layers, attention and masks: a padded sequence is the sequence, in every kind of generated class."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import archdsl
from archdsl.codegen.module import to_python
from archdsl.keras.runtime import compile_spec

pytestmark = pytest.mark.tensorflow

MASKED = """
archdsl: 1
name: Masked
inputs: {tokens: {shape: [LENGTH], dtype: int32}}
args: {both: true}
layers:
  Plain:
    args: {units: int}
    steps:
      - paths: {main: [{lstm: {units: $units, return_sequences: true, bidirectional: sum}}, dense: {units: $units}]}
        shortcut: identity
        merge: add
      - layer_norm
  Drawn:
    args: {units: int}
    steps:
      - {dense: {units: $units}, name: a}
      - {attention: {heads: 2, key: 4}, name: b}
      - {add: {}, from: [a, b], name: c}
      - {attention: {heads: 2, key: 4}, from: [c, a], name: d}
      - {add: {}, from: [c, d]}
  Pooled:
    args: {units: int, both: bool}
    steps:
      - gru: {units: $units, bidirectional: $both}
      - dense: {units: $units}
model:
  - embedding: {vocabulary: 20, size: 8, mask_zero: true}
  - layer_scale: {init: 2.0}
  - Plain: {units: 8}
  - Drawn: {units: 8}
  - attention: {heads: 4, key: 2, kv_heads: 2}
  - Pooled: {units: 4, both: $both}
"""


@pytest.mark.filterwarnings("ignore:Layer .functional.* was passed an input with a mask:UserWarning")
@pytest.mark.filterwarnings("ignore:Layer .main. .* was passed an input with a mask:UserWarning")
@pytest.mark.filterwarnings("ignore:The structure of `inputs`:UserWarning")
def test_a_padded_sequence_gives_what_it_gives_alone() -> None:
    padded, alone = (archdsl.build(archdsl.loads(MASKED.replace("LENGTH", n))) for n in ("9", "5"))
    random = np.random.default_rng(0)
    padded.set_weights([random.normal(0, 0.4, weight.shape) for weight in padded.weights])
    alone.set_weights(padded.get_weights())
    x = random.integers(1, 20, (2, 9)).astype("int32")
    x[:, 5:] = 0
    y = np.asarray(padded(x))
    assert np.std(y) > 0.1
    assert np.allclose(y, alone(x[:, :5]), atol=1e-5)
    x[:, 4] = 0
    assert not np.allclose(y, padded(x), atol=1e-2)


def test_only_specs_with_padding_speak_of_masks() -> None:
    text = MASKED.replace("LENGTH", "9")
    assert to_python(archdsl.loads(text)).count("def compute_mask(self, inputs, previous_mask)") == 3
    assert "previous_mask" not in to_python(archdsl.loads(text.replace(", mask_zero: true", "")))


RECURRENT = """
archdsl: 1
name: Net
input: [6, 5]
model:
  - lstm: {units: 4, bidirectional: true, return_sequences: true, recurrent_activation: hard_sigmoid}
  - gru: {units: 3, bidirectional: ave, return_sequences: true, reset_after: false}
  - simple_rnn: {units: 3, activation: relu, return_sequences: true, go_backwards: true}
  - gru: {units: 7}
"""


def test_recurrent_layers_are_those_of_keras() -> None:
    kinds = keras.layers
    theirs = keras.Sequential(
        [
            keras.Input((6, 5)),
            kinds.Bidirectional(kinds.LSTM(4, return_sequences=True, recurrent_activation="hard_sigmoid")),
            kinds.Bidirectional(kinds.GRU(3, return_sequences=True, reset_after=False), merge_mode="ave"),
            kinds.SimpleRNN(3, activation="relu", return_sequences=True, go_backwards=True),
            kinds.GRU(7),
        ]
    )
    ours = archdsl.build(archdsl.loads(RECURRENT))
    archdsl.copy_weights(theirs, ours)
    x = np.random.default_rng(0).standard_normal((3, 6, 5)).astype("float32")
    assert np.allclose(ours(x), theirs(x), atol=1e-6)
    assert [w.path for w in ours.weights][3:5] == [
        "lstm_1/backward_lstm/lstm_cell/kernel",
        "lstm_1/backward_lstm/lstm_cell/recurrent_kernel",
    ]


def in_mixed_precision(model: Any) -> set[str]:
    return {layer.compute_dtype for layer in model._flatten_layers() if layer.weights}


def test_a_layer_that_is_wrapped_has_the_precision_of_the_model() -> None:
    model = compile_spec(archdsl.loads(RECURRENT)).Net(dtype="mixed_bfloat16")
    assert in_mixed_precision(model) == {"bfloat16"}
