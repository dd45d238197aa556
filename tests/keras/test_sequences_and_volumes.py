"""Networks for sequences and volumes: the zoo against Keras by hand, causality, and layers used at several ranks."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import archdsl
from archdsl.codegen.module import to_python

pytestmark = pytest.mark.tensorflow
layers = keras.layers


def agrees(ours: Any, theirs: Any, x: Any) -> None:
    """Compare the outputs of two models with the same weights, in the order of creation of the second."""
    random = np.random.default_rng(0)
    shapes = [weight.shape for weight in theirs.weights]
    assert [weight.shape for weight in ours.weights] == shapes
    values = [random.normal(0, 0.3, shape).astype("float32") for shape in shapes]
    ours.set_weights(values)
    theirs.set_weights(values)
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-5)


def wavenet(length: int, width: int, skip: int, levels: int, stacks: int) -> Any:
    x = inputs = keras.Input((length, 256))
    x = layers.Conv1D(width, 2, padding="causal")(x)
    skips = []
    for number in range(levels * stacks):
        dilation = 2 ** (number % levels)
        signal = layers.Conv1D(width, 2, padding="causal", dilation_rate=dilation, activation="tanh")(x)
        gate = layers.Conv1D(width, 2, padding="causal", dilation_rate=dilation, activation="sigmoid")(x)
        gated = layers.Multiply()([signal, gate])
        x = layers.Add()([x, layers.Conv1D(width, 1)(gated)])
        skips.append(layers.Conv1D(skip, 1)(gated))
    y = layers.ReLU()(layers.Add()(skips))
    y = layers.Conv1D(skip, 1, activation="relu")(y)
    # The last sum of the residual path has no reader, and a functional model leaves its convolution out.
    return keras.Model(inputs, [layers.Conv1D(256, 1, activation="softmax")(y), x])


def test_wavenet_counts_as_keras_by_hand() -> None:
    assert archdsl.resolve(archdsl.load("wavenet")).totals.parameters == wavenet(16000, 32, 512, 10, 3).count_params()


def small_wavenet() -> Any:
    text = archdsl.load("wavenet").text.replace("[16000, 256]", "[24, 256]").partition("expect:")[0]
    return archdsl.build(archdsl.loads(text), width=4, skip=6, levels=3, stacks=2)


def test_wavenet_is_causal() -> None:
    model, random = small_wavenet(), np.random.default_rng(0)
    x = random.random((1, 24, 256), np.float32)
    before = np.asarray(model(x))
    for place in (0, 7, 20):
        changed = x.copy()
        changed[:, place] += 1
        moved = np.abs(np.asarray(model(changed)) - before).max((0, 2)) > 1e-7
        assert not moved[:place].any()
        assert moved[place]
    assert (x.shape[1] - 1) >= 15  # the receptive field: 1 + 1 + 2 * (1 + 2 + 4)
    changed = x.copy()
    changed[:, 0] += 1
    assert not (np.abs(np.asarray(model(changed)) - before).max((0, 2)) > 1e-7)[16:].any()


def test_a_temporal_convolutional_network_is_that_of_keras_by_hand() -> None:
    text = archdsl.load("tcn").text.replace("[784, 1]", "[30, 1]").partition("expect:")[0]
    x = inputs = keras.Input((30, 1))
    for level in range(3):
        y = x
        for _ in range(2):
            y = layers.Conv1D(4, 7, padding="causal", dilation_rate=2**level, activation="relu")(y)
            y = layers.SpatialDropout1D(0.05)(y)
        x = layers.ReLU()(layers.Add()([y, x if x.shape[-1] == 4 else layers.Conv1D(4, 1)(x)]))
    theirs = keras.Model(inputs, layers.Dense(10)(x[:, -1]))
    agrees(archdsl.build(archdsl.loads(text), filters=4, levels=3), theirs, np.ones((2, 30, 1)).cumsum(1))


def test_the_3d_unet_has_the_parameters_of_its_paper() -> None:
    graph = archdsl.resolve(archdsl.load("unet_3d"))
    norms = sum(node.totals.parameters for _, node in graph.walk() if node.kind == "batch_norm")
    assert graph.totals.parameters - norms == 19_069_955  # Cicek et al. 2016, section 2.1


TEXT = """
archdsl: 1
name: Two
inputs: {sound: [16, 3], image: [16, 8, 3], film: [4, 6, 8, 3]}
layers:
  Block:
    args: {filters: int, depth: 2}
    steps:
      - conv: {filters: $filters, kernel: 3, padding: same, norm: batch, activation: relu}
        repeat: $depth
      - paths: [[conv: {filters: $filters, kernel: 3, padding: 1, stride: 2}]]
        shortcut: projection
        merge: add
      - max_pool
  Named:
    steps:
      - {max_pool: {size: 3, stride: 1, padding: 1}, name: wide}
      - {upsample: {}, from: input, name: up}
      - {average_pool: {}, from: up, name: down}
      - {add: {}, from: [wide, down]}
model:
  - {Block: {filters: 4}, from: sound, name: s}
  - {Block: {filters: 4}, from: image, name: i}
  - {Block: {filters: 4}, from: film, name: f}
  - {Named: {}, from: s}
  - {global_average_pool: {}, name: one}
  - {Named: {}, from: i}
  - {global_average_pool: {}, name: two}
  - {global_max_pool: {}, from: f, name: three}
  - {concat: {}, from: [one, two, three]}
"""


def test_a_layer_used_at_several_ranks_decides_in_build(tmp_path: Any) -> None:
    spec = archdsl.loads(TEXT)
    source = to_python(spec)
    assert "conv = {3: layers.Conv1D, 4: layers.Conv2D, 5: layers.Conv3D}[len(input_shape)]" in source
    assert "max_pool = {3: layers.MaxPooling1D, 4: layers.MaxPooling2D}[len(inputs.shape)]" in source
    assert "layers.GlobalMaxPooling3D(" in source
    model = archdsl.build(spec)
    x = [np.random.default_rng(0).random((2, *shape), np.float32) for shape in ((16, 3), (16, 8, 3), (4, 6, 8, 3))]
    model.save(tmp_path / "two.keras")
    np.testing.assert_array_equal(archdsl.load_model(tmp_path / "two.keras")(x), model(x))


LISTS = """archdsl: 1
name: Net
input: [12, 3]
args: {edges: [[2, 1]]}
layers:
  Pad:
    args: {edges: list, factors: list, first: int, wide: bool}
    steps:
      - zero_pad: {padding: $edges}
      - crop: {border: "$edges if $wide else 1"}
      - {upsample: {size: $factor}, for: {factor: $factors}}
      - conv: {filters: 2, kernel: 2, padding: [[$first, 0]]}
model:
  - Pad: {edges: $edges, factors: [[2], 3], first: 1, wide: true}
  - Pad: {edges: [[0, 4]], factors: [], first: 2, wide: false}
"""


def test_lists_as_expressions_on_a_sequence(tmp_path: Any) -> None:
    spec = archdsl.loads(LISTS)
    ours = archdsl.build(spec)
    x = inputs = keras.Input((12, 3))
    x = layers.Cropping1D((2, 1))(layers.ZeroPadding1D((2, 1))(x))
    x = layers.UpSampling1D(3)(layers.UpSampling1D(2)(x))
    x = layers.Conv1D(2, 2)(layers.ZeroPadding1D((1, 0))(x))
    x = layers.Cropping1D(1)(layers.ZeroPadding1D((0, 4))(x))
    x = layers.Conv1D(2, 2)(layers.ZeroPadding1D((2, 0))(x))
    images = np.random.default_rng(0).random((2, 12, 3), np.float32)
    agrees(ours, keras.Model(inputs, x), images)
    ours.save(tmp_path / "net.keras")
    np.testing.assert_array_equal(archdsl.load_model(tmp_path / "net.keras")(images), ours(images))
    source = to_python(spec)
    assert "layers.ZeroPadding1D(edges[0], " in source
    assert "layers.Cropping1D(edges[0] if wide else 1, " in source


def test_a_list_as_an_expression_of_a_layer_at_two_ranks() -> None:
    spec = archdsl.loads("""archdsl: 1
name: Net
inputs: {signal: [6, 2], image: [6, 6, 2]}
layers:
  Edge: {args: {edges: list}, steps: [zero_pad: {padding: $edges}]}
model:
  - {Edge: {edges: [[1, 0]]}, from: signal, name: a}
  - {Edge: {edges: [[1, 0], [2, 3]]}, from: image, name: b}
outputs: [a, b]
""")
    model, graph = archdsl.build(spec), archdsl.resolve(spec)
    assert [tuple(end.shape[1:]) for end in model.outputs] == [end.shape for end in graph.outputs.values()]
    assert "self.edges[0] if len(self.edges) == 1 else self.edges" in to_python(spec)
