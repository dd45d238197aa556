"""The article's network written by hand in Keras, as its notebook does, and the comparison with what archdsl makes.

The sum is (first + second) + shortcut. Comparing untrained networks proves nothing: with small weights even one
without its inner ReLUs agrees. So `enliven` scales all weights such that every layer matters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers


class TwinLayer(layers.Layer):
    """The article's residual layer: two paths of three convs each, beside the input itself."""

    def __init__(self, kernel, filters, out, stride=1, **kwargs):
        super().__init__(**kwargs)
        self.first_conv1 = layers.Conv2D(filters, 1)
        self.first_norm1 = layers.BatchNormalization()
        self.first_conv2 = layers.Conv2D(filters, kernel, padding="same")
        self.first_norm2 = layers.BatchNormalization()
        self.first_conv3 = layers.Conv2D(out, 1, strides=stride)
        self.first_norm3 = layers.BatchNormalization()
        self.second_conv1 = layers.Conv2D(filters // 4, 1)
        self.second_norm1 = layers.BatchNormalization()
        self.second_conv2 = layers.Conv2D(filters // 4, kernel, padding="same")
        self.second_norm2 = layers.BatchNormalization()
        self.second_conv3 = layers.Conv2D(out, 1, strides=stride)
        self.second_norm3 = layers.BatchNormalization()

    def shortcut(self, inputs, training):
        return inputs

    def call(self, inputs, training=False):
        first = tf.nn.relu(self.first_norm1(self.first_conv1(inputs), training=training))
        first = tf.nn.relu(self.first_norm2(self.first_conv2(first), training=training))
        first = self.first_norm3(self.first_conv3(first), training=training)
        second = tf.nn.relu(self.second_norm1(self.second_conv1(inputs), training=training))
        second = tf.nn.relu(self.second_norm2(self.second_conv2(second), training=training))
        second = self.second_norm3(self.second_conv3(second), training=training)
        return tf.nn.relu(first + second + self.shortcut(inputs, training))

    def children(self) -> Iterator[tuple[str, layers.Layer]]:
        """Its layers by the paths that archdsl gives them."""
        for path, ours in (("first", "wide"), ("second", "narrow")):
            for number in (1, 2, 3):
                yield f"{ours}/conv_{number}", getattr(self, f"{path}_conv{number}")
                yield f"{ours}/conv_{number}_norm", getattr(self, f"{path}_norm{number}")


class TwinLayerScal(TwinLayer):
    """The article's scaling layer: it halves the map, and projects the shortcut."""

    def __init__(self, kernel, filters, out, **kwargs):
        super().__init__(kernel, filters, out, stride=2, **kwargs)
        self.shortcut_conv = layers.Conv2D(out, 1, strides=2)
        self.shortcut_norm = layers.BatchNormalization()

    def shortcut(self, inputs, training):
        return self.shortcut_norm(self.shortcut_conv(inputs), training=training)

    def children(self) -> Iterator[tuple[str, layers.Layer]]:
        yield from super().children()
        yield "shortcut/conv_1", self.shortcut_conv
        yield "shortcut/conv_1_norm", self.shortcut_norm


class TwinNet(keras.Model):
    """The whole network of the notebook: stem, three blocks of five, flatten, dense. It gives logits."""

    def __init__(self, classes=10, width=128, depth=5, **kwargs):
        super().__init__(**kwargs)
        self.depth = depth
        self.conv = layers.Conv2D(64, 3, strides=2, activation="relu")
        self.norm = layers.BatchNormalization()
        self.relu = layers.ReLU()
        self.blocks = []
        for kernel, filters in ((3, width), (5, width * 2), (7, width * 4)):
            self.blocks.append(TwinLayerScal(kernel, filters, filters * 2))
            self.blocks += [TwinLayer(kernel, filters, filters * 2) for _ in range(depth - 1)]
        self.flatten = layers.Flatten()
        self.dense = layers.Dense(classes)

    def call(self, inputs, training=False):
        x = self.relu(self.norm(self.conv(inputs), training=training))
        for block in self.blocks:
            x = block(x, training=training)
        return self.dense(self.flatten(x))

    def children(self) -> Iterator[tuple[str, layers.Layer]]:
        yield "conv_1", self.conv
        yield "batch_norm_1", self.norm
        for index, block in enumerate(self.blocks):
            number, place = divmod(index, self.depth)
            name = f"ResidualLayer_{place}" if place else "ResidualLayerScal_1"
            for path, child in block.children():
                yield f"ResidualBlock_{number + 1}/{name}/{path}", child
        yield "dense_1", self.dense


def built(**arguments: Any) -> keras.Model:
    """The twin of the whole network, with all its weights made."""
    model = TwinNet(**arguments)
    model(keras.Input((32, 32, 3)))
    return model


def variables(ours: Any, scope: str = "") -> dict[str, Any]:
    """The weights of something that archdsl made, by their paths below `scope`."""
    return {weight.path.removeprefix(scope): weight for weight in ours.weights if "seed_generator" not in weight.path}


def paired(ours: Mapping[str, Any], theirs: Iterator[tuple[str, layers.Layer]]) -> list[tuple[Any, Any]]:
    """Each weight beside its twin; every weight must have one."""
    left, pairs = dict(ours), []
    for path, layer in theirs:
        for weight in layer.weights:
            pairs.append((left.pop(f"{path}/{weight.name}"), weight))
    assert not left, f"without a twin: {sorted(left)}"
    assert pairs
    return pairs


def enliven(pairs: list[tuple[Any, Any]], seed: int = 0, gamma: float = 0.5) -> None:
    """Gives both sides the same weights: kernels by fan-in, gamma near 0.5, moving variance near 1.

    Args:
        gamma: another one, for a network that is deep without shortcuts: what comes in fades by it in each layer.
    """
    random = np.random.default_rng(seed)
    for mine, other in pairs:
        shape = tuple(mine.shape)
        assert shape == tuple(other.shape)
        value = random.standard_normal(shape, np.float32)
        if mine.name.endswith("kernel"):
            depthwise = len(shape) == 4 and shape[3] == 1
            value *= np.sqrt(2 / np.prod(shape[:2] if depthwise else shape[:-1]))
        elif mine.name == "gamma":
            value = gamma * (1 + 0.1 * value)
        elif mine.name == "moving_variance":
            value = 1 + 0.1 * np.abs(value)
        else:
            value *= 0.1
        mine.assign(value)
        other.assign(value)


def difference(mine: Any, other: Any) -> float:
    """The largest difference, as a share of the largest number."""
    mine, other = np.asarray(mine), np.asarray(other)
    assert mine.shape == other.shape
    assert np.isfinite(mine).all()
    largest = float(np.abs(other).max())
    return float(np.abs(mine - other).max()) / largest if largest else float(np.abs(mine).max())


def assert_agree(ours: Any, theirs: Any, pairs: list[tuple[Any, Any]], x: Any, within: float = 0.0) -> None:
    """Holds two networks with the same weights to one another: inference, training mode, moved statistics.

    Args:
        within: the largest difference that is allowed, as a share of the largest number; 0 is to the bit.
    """
    outputs = [np.asarray(net(x, training=False)) for net in (ours, theirs)]
    assert np.std(outputs[1]) > 0.01, "the networks are dead: nothing would show"
    assert difference(*outputs) <= within, "they differ in inference"
    outputs = [np.asarray(net(x, training=True)) for net in (ours, theirs)]
    assert difference(*outputs) <= within, "they differ in training mode"
    moved = [pair for pair in pairs if pair[0].name.startswith("moving")]
    for mine, other in moved:
        assert difference(mine, other) <= within, f"{mine.path} has moved differently"


def assert_same_gradients(ours: Any, theirs: Any, pairs: list[tuple[Any, Any]], x: Any, within: float = 1e-6) -> None:
    """Holds the gradients of each weight to its twin's, as a share of each tensor's largest entry."""
    trainable = [(mine, other) for mine, other in pairs if mine.trainable]
    found = []
    for side, net in enumerate((ours, theirs)):
        with tf.GradientTape() as tape:
            y = net(x, training=True)
            loss = tf.reduce_mean(y * tf.reshape(tf.linspace(-1.0, 1.0, tf.size(y)), tf.shape(y)))
        found.append(tape.gradient(loss, [pair[side].value for pair in trainable]))
    for (mine, _), one, other in zip(trainable, *found, strict=True):
        assert difference(one, other) <= within, f"the gradients of {mine.path} differ"


def resnet50_children(model: Any) -> Iterator[tuple[str, layers.Layer]]:
    """The layers of `keras.applications.ResNet50` by the paths that archdsl gives them."""
    yield "conv_1", model.get_layer("conv1_conv")
    yield "conv_1_norm", model.get_layer("conv1_bn")
    for stage, depth in enumerate((3, 4, 6, 3), start=1):
        for block in range(1, depth + 1):
            numbers = (1, 2, 3) if block > 1 else (0, 1, 2, 3)
            for number in numbers:
                path = f"main/conv_{number}" if number else "shortcut/conv_1"
                name = f"conv{stage + 1}_block{block}_{number}"
                yield f"Stage_{stage}/Bottleneck_{block}/{path}", model.get_layer(f"{name}_conv")
                yield f"Stage_{stage}/Bottleneck_{block}/{path}_norm", model.get_layer(f"{name}_bn")
    yield "dense_1", model.get_layer("predictions")


def resnet50_v2_children(model: Any) -> Iterator[tuple[str, layers.Layer]]:
    """The layers of `keras.applications.ResNet50V2` by the paths that archdsl gives them."""
    own = {"main/batch_norm_1": "preact_bn", "main/conv_3": "3_conv"}
    own |= {f"main/conv_{number}": f"{number}_conv" for number in (1, 2)}
    own |= {f"main/conv_{number}_norm": f"{number}_bn" for number in (1, 2)}
    yield "conv_1", model.get_layer("conv1_conv")
    for stage, depth in enumerate((3, 4, 6, 3), start=1):
        for block in range(1, depth + 1):
            for path, name in (own | {"shortcut/conv_1": "0_conv"} if block == 1 else own).items():
                yield (
                    f"Stage_{stage}/Bottleneck_{block}/{path}",
                    model.get_layer(f"conv{stage + 1}_block{block}_{name}"),
                )
    yield "batch_norm_1", model.get_layer("post_bn")
    yield "dense_1", model.get_layer("predictions")
