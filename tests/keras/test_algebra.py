"""Networks with `rearrange`, `reduce`, `einsum`, `weight` and `sample_normal` against Keras written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import archdsl

pytestmark = pytest.mark.tensorflow

SPECS = Path(__file__).parents[2] / "specs"


def images(*shape: int) -> Any:
    return np.random.default_rng(0).random(shape, np.float32)


def same_weights(ours: Any, other: Any) -> None:
    """Give both models the same random weights, in the order of their layers."""
    random = np.random.default_rng(1)
    assert [w.shape for w in ours.weights] == [w.shape for w in other.weights]
    values = [random.normal(0.0, 0.1, w.shape).astype("float32") for w in ours.weights]
    ours.set_weights(values)
    other.set_weights(values)


def block_of_mixer(x: Any, tokens: int, hidden: int) -> Any:
    length, width = x.shape[1:]
    y = layers.Permute((2, 1))(layers.LayerNormalization(epsilon=1e-6)(x))
    y = layers.Dense(length)(layers.Dense(tokens, activation="gelu")(y))
    x = layers.Add()([x, layers.Permute((2, 1))(y)])
    y = layers.Dense(hidden, activation="gelu")(layers.LayerNormalization(epsilon=1e-6)(x))
    return layers.Add()([x, layers.Dense(width)(y)])


def test_mixer_is_that_of_keras_by_hand() -> None:
    text = (SPECS / "mlp_mixer.yaml").read_text(encoding="utf-8").replace("[224, 224, 3]", "[32, 32, 3]")
    small = {"patch": 8, "width": 12, "depth": 2, "tokens": 10, "hidden": 20, "classes": 5}
    ours = archdsl.build(archdsl.loads(text), **small)
    inputs = keras.Input((32, 32, 3))
    # A convolution with the stride of its kernel is a dense layer on patches; its kernel has the same order.
    x = layers.Reshape((16, 12))(layers.Conv2D(12, 8, strides=8)(inputs))
    x = block_of_mixer(block_of_mixer(x, 10, 20), 10, 20)
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization(epsilon=1e-6)(x))
    other = keras.Model(inputs, layers.Dense(5)(x))
    random = np.random.default_rng(1)
    for mine, its in zip(ours.weights, other.weights, strict=True):
        value = random.normal(0.0, 0.1, mine.shape).astype("float32")
        mine.assign(value)
        its.assign(value.reshape(its.shape))
    np.testing.assert_allclose(ours(images(3, 32, 32, 3)), other(images(3, 32, 32, 3)), atol=1e-5)


class Sampling(layers.Layer):
    """The layer of Keras's example, with the divergence as a loss."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        mean, log_variance = inputs
        kl = -0.5 * (1 + log_variance - ops.square(mean) - ops.exp(log_variance))
        self.add_loss(ops.mean(ops.sum(kl, axis=1)))
        return mean


def vae_by_hand() -> Any:
    inputs = keras.Input((28, 28, 1))
    x = layers.Conv2D(32, 3, activation="relu", strides=2, padding="same")(inputs)
    x = layers.Conv2D(64, 3, activation="relu", strides=2, padding="same")(x)
    x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
    x = Sampling()([layers.Dense(2)(x), layers.Dense(2)(x)])
    x = layers.Reshape((7, 7, 64))(layers.Dense(7 * 7 * 64, activation="relu")(x))
    x = layers.Conv2DTranspose(64, 3, activation="relu", strides=2, padding="same")(x)
    x = layers.Conv2DTranspose(32, 3, activation="relu", strides=2, padding="same")(x)
    return keras.Model(inputs, layers.Conv2DTranspose(1, 3, activation="sigmoid", padding="same")(x))


def test_a_vae_and_its_loss_are_those_of_keras_by_hand() -> None:
    ours, other, x = archdsl.build(archdsl.load("vae")), vae_by_hand(), images(4, 28, 28, 1)
    same_weights(ours, other)
    np.testing.assert_allclose(ours(x), other(x), atol=1e-5)
    ((kl,), (expected,)) = ours.losses, other.losses
    assert float(kl) == pytest.approx(float(expected), rel=1e-5)
    assert float(kl) > 0
    for model in (ours, other):
        model.compile(loss="binary_crossentropy")
    both = [model.evaluate(x, x, verbose=0) for model in (ours, other)]
    assert both[0] == pytest.approx(both[1], rel=1e-5)
    assert both[0] > float(kl)


NORMAL = """
archdsl: 1
name: Net
inputs: {mean: [3], log_variance: [3]}
model:
  - {sample_normal: {seed: 7}, from: [mean, log_variance]}
"""


def test_samples_have_the_mean_and_the_variance() -> None:
    model = archdsl.build(archdsl.loads(NORMAL))
    mean = np.tile(np.float32([0.0, 1.0, -2.0]), (20_000, 1))
    log_variance = np.tile(np.log(np.float32([1.0, 4.0, 0.25])), (20_000, 1))
    given = {"mean": mean, "log_variance": log_variance}
    np.testing.assert_array_equal(model(given), mean)
    samples = np.asarray(model(given, training=True))
    np.testing.assert_allclose(samples.mean(0), [0.0, 1.0, -2.0], atol=0.06)
    np.testing.assert_allclose(samples.var(0), [1.0, 4.0, 0.25], rtol=0.06)
    assert not np.array_equal(samples, np.asarray(model(given, training=True)))
    again = archdsl.build(archdsl.loads(NORMAL))
    np.testing.assert_array_equal(samples, np.asarray(again(given, training=True)))
    assert model.losses == []


WEIGHTS = """
archdsl: 1
name: Net
input: [6, 4]
layers:
  Pool:
    args: {size: int}
    steps:
      - {weight: {shape: [$size, $channels]}, name: queries}
      - {einsum: "q c, t c -> q t", from: [queries, input]}
      - {softmax: {}, name: scores}
      - {matmul: {}, from: [scores, input]}
model:
  - Pool: {size: 3}
  - paths: [[weight: {shape: [2, 4], initializer: ones}]]
    shortcut: identity
    merge: WORD
"""


@pytest.mark.parametrize("batch", [1, 5])
def test_a_weight_is_the_same_for_each_example(batch: int, tmp_path: Path) -> None:
    text = WEIGHTS.replace("WORD", "concat").replace("[2, 4]", "[3, 2]")
    model, x = archdsl.build(archdsl.loads(text)), images(batch, 6, 4)
    assert [w.path for w in model.weights] == ["Pool_1/queries/weight", "path_1/weight_1/weight"]
    queries = np.asarray(model.weights[0])
    scores = np.exp(np.einsum("qc,btc->bqt", queries, x))
    pooled = scores / scores.sum(-1, keepdims=True) @ x
    expected = np.concatenate([pooled, np.ones((batch, 3, 2))], -1)
    np.testing.assert_allclose(model(x), expected, atol=1e-5)
    model.save(tmp_path / "net.keras")
    np.testing.assert_array_equal(archdsl.load_model(tmp_path / "net.keras")(x), model(x))


def test_a_weight_learns_and_a_constant_one_does_not() -> None:
    text = WEIGHTS.replace("WORD", "multiply").replace("shape: [2, 4]", "shape: [1, 4], trainable: false")
    model, x = archdsl.build(archdsl.loads(text)), images(4, 6, 4)
    assert [w.trainable for w in model.weights] == [True, False]
    before = [np.asarray(w) for w in model.weights]
    model.compile("sgd", "mse")
    model.fit(x, np.ones((4, 3, 4)), verbose=0)
    moved = [not np.array_equal(one, w) for one, w in zip(before, model.weights, strict=True)]
    assert moved == [True, False]


def attention_by_hand(x: Any, weights: Any) -> Any:
    """The attention module of Woo et al. 2018 in NumPy."""
    first, first_bias, second, second_bias, kernel, gamma, beta, mean, variance = weights

    def hidden(y: Any) -> Any:
        return np.maximum(y @ first + first_bias, 0) @ second + second_bias

    gate = hidden(x.mean((1, 2))) + hidden(x.max((1, 2)))
    x = x / (1 + np.exp(-gate[:, None, None]))
    both = np.stack([x.mean(-1), x.max(-1)], -1)
    padded = np.pad(both, ((0, 0), (3, 3), (3, 3), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (7, 7), (1, 2))
    spatial = np.einsum("bhwcij,ijck->bhwk", windows, kernel)
    spatial = (spatial - mean) / np.sqrt(variance + 1e-5) * gamma + beta
    return x / (1 + np.exp(-spatial))


def test_the_attention_of_cbam_is_that_of_numpy() -> None:
    text = (SPECS / "cbam_resnet.yaml").read_text(encoding="utf-8")
    head = text[: text.index("model:")].replace("[224, 224, 3]", "[9, 8, 32]")
    head = head[: head.index("args:")] + head[head.index("defaults:") :]
    head = head[: head.index("  BasicBlock:")]
    model = archdsl.build(archdsl.loads(f"{head}model: [ChannelGate, SpatialGate]\n"))
    random = np.random.default_rng(0)
    model.set_weights(
        [
            random.uniform(0.1, 0.5, w.shape) * random.choice([-1, 1]) ** (w.name != "moving_variance")
            for w in model.weights
        ]
    )
    x = images(2, 9, 8, 32) - 0.5
    expected = attention_by_hand(x, [np.asarray(w) for w in model.weights])
    np.testing.assert_allclose(model(x), expected, atol=1e-5)
