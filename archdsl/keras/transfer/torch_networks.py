"""Builds Keras networks from the tensors of torchvision and timm, whose names show the structure.

A checkpoint of torch has tensors by name, but no network. The names of a family are fixed, so the network can be
rebuilt from them: `layer2.0.downsample.0.weight` is the projection of the first block of the second stage. Afterwards,
weights are matched as those of any other Keras network.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import keras
from numpy.typing import NDArray

from archdsl.errors import fail

Tensors: TypeAlias = Mapping[str, NDArray[Any]]


class TorchTensors:
    """Layers of Keras with the weights of torch, whose kernels are `(out, in, height, width)`.

    Args:
        tensors: the tensors of a checkpoint, by name.
    """

    def __init__(self, tensors: Tensors) -> None:
        self.tensors = {name: value for name, value in tensors.items() if not name.endswith("num_batches_tracked")}
        self.used: set[str] = set()

    def __contains__(self, layer: str) -> bool:
        return f"{layer}.weight" in self.tensors

    def take(self, name: str, rank: int) -> NDArray[Any]:
        """Return a tensor.

        Raises:
            ArchError: it is missing or has another rank (ARCH302).
        """
        value = self.tensors.get(name)
        if value is None or value.ndim != rank:
            found = "is missing" if value is None else f"has the shape {value.shape}"
            raise fail("ARCH302", f"the checkpoint has no network of a known structure: `{name}` {found}")
        self.used.add(name)
        return value

    def conv(self, x: Any, name: str, stride: int = 1) -> Any:
        """A convolution with symmetric padding, as in torch. The number of groups follows from the shapes."""
        kernel = self.take(f"{name}.weight", 4)
        filters, inner, height, width = kernel.shape
        if x.shape[-1] % inner:
            message = f"`{name}.weight` takes {inner} channels a group, but its input has {x.shape[-1]}"
            raise fail("ARCH302", f"the checkpoint has no network of a known structure: {message}")
        if height > 1 or width > 1:
            x = keras.layers.ZeroPadding2D((height // 2, width // 2))(x)
        bias = f"{name}.bias" in self.tensors
        groups = x.shape[-1] // inner
        layer = keras.layers.Conv2D(filters, (height, width), stride, groups=groups, use_bias=bias, name=name)
        x = layer(x)
        layer.set_weights([kernel.transpose(2, 3, 1, 0), *([self.take(f"{name}.bias", 1)] if bias else [])])
        return x

    def norm(self, x: Any, name: str, activation: str = "linear") -> Any:
        """A batch normalization with the epsilon of torch, and an activation."""
        layer = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)
        x = layer(x)
        layer.set_weights(
            [self.take(f"{name}.{word}", 1) for word in ("weight", "bias", "running_mean", "running_var")]
        )
        return keras.layers.Activation(activation)(x) if activation != "linear" else x

    def dense(self, x: Any, name: str, activation: str = "linear") -> Any:
        """A dense layer. If it takes feature maps, they are flattened in the order of Keras."""
        kernel = self.tensors[f"{name}.weight"]
        kernel = self.take(f"{name}.weight", kernel.ndim)
        if len(x.shape) == 4:
            _, height, width, channels = x.shape
            kernel = kernel.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
            x = keras.layers.Flatten()(x)
        layer = keras.layers.Dense(len(kernel), activation, name=name)
        x = layer(x)
        layer.set_weights([kernel.reshape(len(kernel), -1).T, self.take(f"{name}.bias", 1)])
        return x

    def gate(self, x: Any, reduce: str, expand: str, activation: str) -> Any:
        """A squeeze-and-excitation gate of two 1x1 convolutions."""
        gate = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
        gate = keras.layers.Activation(activation)(self.conv(gate, reduce))
        return keras.layers.Multiply()([x, keras.layers.Activation("sigmoid")(self.conv(gate, expand))])


def network(tensors: Tensors) -> keras.Model:
    """Build the network of a checkpoint.

    Args:
        tensors: the tensors by name, float32.

    Raises:
        ArchError: the names are not those of a known family, or tensors are missing or left over (ARCH302).
    """
    layers = TorchTensors(tensors)
    family = next((build for sign, build in FAMILIES.items() if any(re.match(sign, name) for name in tensors)), None)
    if family is None:
        known = "ResNet, VGG, EfficientNet and MobileNetV2"
        message = f"the tensors have no names of a known family, but `{next(iter(tensors), '')}`"
        raise fail("ARCH302", message, hint=f"use a checkpoint of torchvision's or timm's {known}, or a `.keras` file")
    try:
        model = family(layers)
    except (ValueError, TypeError) as error:
        message = f"the checkpoint has no network of a known structure: {' '.join(str(error).split())[:200]}"
        raise fail("ARCH302", message) from None
    left = sorted(layers.tensors.keys() - layers.used)
    if left:
        message = f"the checkpoint has no network of a known structure: `{left[0]}` is left over"
        raise fail("ARCH302", message, hint="use a `.keras` file of the same network")
    return model


def _input(layers: TorchTensors, name: str, size: int | None = None) -> Any:
    return keras.Input((size, size, layers.take(f"{name}.weight", 4).shape[1]))


def _blocks(layers: TorchTensors, pattern: str) -> list[tuple[int, ...]]:
    """The numbers of the stages and of their blocks, in order."""
    found = (re.match(pattern, name) for name in layers.tensors)
    return sorted({tuple(map(int, one.groups())) for one in found if one})


def _resnet(layers: TorchTensors) -> keras.Model:
    """ResNet, ResNeXt, wide and SE-ResNet, with a plain or a deep stem."""
    if "conv1" in layers:
        x = inputs = _input(layers, "conv1")
        x = layers.conv(x, "conv1", 2)
    else:
        x = inputs = _input(layers, "conv1.0")
        x = layers.norm(layers.conv(x, "conv1.0", 2), "conv1.1", "relu")
        x = layers.conv(layers.norm(layers.conv(x, "conv1.3"), "conv1.4", "relu"), "conv1.6")
    x = layers.norm(x, "bn1", "relu")
    x = keras.layers.MaxPooling2D(3, 2)(keras.layers.ZeroPadding2D(1)(x))
    for stage, block in _blocks(layers, r"layer(\d+)\.(\d+)\.conv1\."):
        x = _residual(layers, x, f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.dense(x, "fc") if "fc" in layers else x)


def _residual(layers: TorchTensors, x: Any, name: str, stride: int) -> Any:
    """A basic block or a bottleneck; the 3x3 convolution of a bottleneck has the stride."""
    shortcut = x
    last = 3 if f"{name}.conv3" in layers else 2
    for number in range(1, last + 1):
        x = layers.conv(x, f"{name}.conv{number}", stride if number == last - 1 else 1)
        x = layers.norm(x, f"{name}.bn{number}", "relu" if number < last else "linear")
    if f"{name}.se.fc1" in layers:
        x = layers.gate(x, f"{name}.se.fc1", f"{name}.se.fc2", "relu")
    if f"{name}.downsample.2" in layers:  # a pool comes first, and has the stride
        pooled = keras.layers.AveragePooling2D(stride, padding="same")(shortcut) if stride > 1 else shortcut
        shortcut = layers.norm(layers.conv(pooled, f"{name}.downsample.1"), f"{name}.downsample.2")
    elif f"{name}.downsample.0" in layers:
        shortcut = layers.norm(layers.conv(shortcut, f"{name}.downsample.0", stride), f"{name}.downsample.1")
    return keras.layers.Activation("relu")(keras.layers.Add()([x, shortcut]))


def _vgg(layers: TorchTensors) -> keras.Model:
    """VGG, with or without batch norm. A pool takes a number between two convolutions."""
    numbers = sorted({int(name.split(".")[1]) for name in layers.tensors if name.startswith("features.")})
    convs = [number for number in numbers if layers.tensors[f"features.{number}.weight"].ndim == 4]
    heads = [["classifier.0", "classifier.3", "classifier.6"], ["pre_logits.fc1", "pre_logits.fc2", "head.fc"]]
    head = next((names for names in heads if names[0] in layers), [])
    x = inputs = _input(layers, "features.0", 224 if head else None)
    for number, following in itertools.zip_longest(convs, convs[1:]):
        is_normed = f"features.{number + 1}" in layers
        x = layers.conv(x, f"features.{number}")
        x = layers.norm(x, f"features.{number + 1}") if is_normed else x
        x = keras.layers.Activation("relu")(x)
        if following is None or following - number > 2 + is_normed:
            x = keras.layers.MaxPooling2D(2)(x)
    for name in (name for name in head if name in layers):
        x = layers.dense(x, name, "relu" if name != head[-1] else "linear")
    return keras.Model(inputs, x)


def _efficientnet(layers: TorchTensors) -> keras.Model:
    """EfficientNet and MobileNetV2 as in timm: depthwise separable blocks, then inverted residuals."""
    activation = "silu" if any(".se." in name for name in layers.tensors) else "relu6"
    x = inputs = _input(layers, "conv_stem")
    x = layers.norm(layers.conv(x, "conv_stem", 2), "bn1", activation)
    for stage, number in _blocks(layers, r"blocks\.(\d+)\.(\d+)\."):
        name, before = f"blocks.{stage}.{number}", x
        inverted = f"{name}.conv_pwl" in layers
        convs = ("conv_pw", "conv_dw", "conv_pwl") if inverted else ("conv_dw", "conv_pw")
        for at, conv in enumerate(convs, 1):
            if conv == convs[-1] and f"{name}.se.conv_reduce" in layers:
                x = layers.gate(x, f"{name}.se.conv_reduce", f"{name}.se.conv_expand", activation)
            x = layers.norm(
                layers.conv(x, f"{name}.{conv}"), f"{name}.bn{at}", "linear" if conv == convs[-1] else activation
            )
        # A stage with a stride also changes the channels.
        x = keras.layers.Add()([x, before]) if x.shape[-1] == before.shape[-1] else x
    x = layers.norm(layers.conv(x, "conv_head"), "bn2", activation)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.dense(x, "classifier") if "classifier" in layers else x)


FAMILIES: Mapping[str, Callable[[TorchTensors], keras.Model]] = {
    r"layer1\.0\.conv1\.": _resnet,
    r"features\.0\.weight": _vgg,
    r"conv_stem\.": _efficientnet,
}
"""The builder of each family, by how the name of one of its tensors begins."""
