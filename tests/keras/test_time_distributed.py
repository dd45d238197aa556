"""Networks with `time_distributed` against the same networks written by hand in Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import archdsl

pytestmark = pytest.mark.tensorflow

VIDEO = """
archdsl: 1
name: Video
inputs: {clip: {shape: [3, 9, 9, 2], flexible: [depth]}}
layers:
  Frame:
    args: {width: int}
    steps:
      - conv: {filters: $width, kernel: 3, stride: 2, norm: batch, activation: relu}
      - global_average_pool
model:
  - time_distributed: {Frame: {width: 4}}
  - time_distributed: [{dense: {units: 5}}, layer_norm]
  - gru: {units: 3}
"""


def by_hand(length: int | None) -> keras.Model:
    clip = keras.Input((length, 9, 9, 2))
    frame = keras.Sequential(
        [layers.Conv2D(4, 3, strides=2), layers.BatchNormalization(), layers.ReLU(), layers.GlobalAveragePooling2D()]
    )
    x = layers.TimeDistributed(frame)(clip)
    x = layers.TimeDistributed(layers.Dense(5))(x)
    x = layers.TimeDistributed(layers.LayerNormalization())(x)
    return keras.Model(clip, layers.GRU(3)(x))


def test_a_video_network_is_the_one_written_by_hand(tmp_path: Path) -> None:
    fixed = VIDEO.replace(", flexible: [depth]", "")
    ours, theirs = archdsl.build(archdsl.loads(fixed)), by_hand(3)
    random = np.random.default_rng(0)
    theirs.set_weights([random.uniform(0.5, 1.5, weight.shape) for weight in theirs.weights])
    assert archdsl.copy_weights(theirs, ours).parameters == ours.count_params() == theirs.count_params()
    x = random.normal(size=(2, 3, 9, 9, 2)).astype("float32")
    for training in (False, True):
        np.testing.assert_allclose(ours(x, training=training), theirs(x, training=training), rtol=1e-5, atol=1e-5)
    for one, other in zip(ours.weights, theirs.weights, strict=True):  # moving statistics, too
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    ours.save(tmp_path / "video.keras")
    np.testing.assert_allclose(archdsl.load_model(tmp_path / "video.keras")(x), ours(x), rtol=1e-6)


def test_the_first_axis_may_have_any_length() -> None:
    open_ended, fixed = archdsl.build(archdsl.loads(VIDEO)), archdsl.build(archdsl.loads(VIDEO.replace("[3,", "[5,")))
    assert open_ended.input_shape == (None, None, 9, 9, 2)
    fixed.set_weights(open_ended.get_weights())
    x: Any = np.random.default_rng(0).normal(size=(2, 5, 9, 9, 2)).astype("float32")
    np.testing.assert_allclose(open_ended(x), fixed(x), rtol=1e-5, atol=1e-5)
