"""The Keras layers that archdsl brings along: what they compute, their shapes, their configs, and that they travel."""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import archdsl
from archdsl.codegen.module import extra_classes, to_python
from archdsl.keras import layers
from archdsl.names import RESERVED
from archdsl.ops import OPS

pytestmark = pytest.mark.tensorflow

IMAGES: dict[str, dict[str, Any]] = {
    "ActivationFunction": {"function": "celu", "alpha": 0.5},
    "ChannelShuffle": {"groups": 2},
    "ChannelSlice": {"start": 1, "stop": 5, "step": 2},
    "CoveringMaxPooling": {"output_size": [3, 1]},
    "DepthToSpace": {"block": 2},
    "GatedLinearUnit": {},
    "LayerScale": {"init": 0.5, "regularizer": "l2", "constraint": "non_neg"},
    "LowestPadding": {"padding": [[1, 0], [2, 3]]},
    "PaddingShortcut": {"filters": 9, "strides": [1, 2]},
    "PositionEmbedding": {"initializer": "ones", "regularizer": "l2", "constraint": "non_neg"},
    "SelfAttention": {"num_heads": 2, "key_dim": 3},
    "SpaceToDepth": {"block": 2},
    "StandardizedConv2D": {"filters": 5, "kernel_size": (3, 2), "epsilon": 0.1},
    "StochasticDepth": {"rate": 0.5, "seed": 3},
    "TakeAt": {"index": -1},
}
TOKENS: dict[str, dict[str, Any]] = {
    "ClassToken": {"initializer": "ones", "regularizer": "l2", "constraint": "non_neg"},
    "PositionEncoding": {"max_wavelength": 100.0},
    "GroupedAttention": {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2, "use_causal_mask": True},
    "SelfAttention": {"num_heads": 2, "key_dim": 3, "use_causal_mask": True, "kernel_initializer": "ones"},
    "TakeAt": {"index": 0},
}
ELSEWHERE = OPS.layers() - IMAGES.keys() - TOKENS.keys()
"""Layers with tests of their own: of several tensors, of patterns, without an input, of other ranks."""
CASES = [(name, fields, (4, 6, 8)) for name, fields in IMAGES.items()]
CASES += [(name, fields, (5, 8)) for name, fields in TOKENS.items()]


def test_every_extra_layer_is_tested_and_known_by_name() -> None:
    tied = {layer for op in OPS.values() for layer in op.tied_layers.values()}  # tested in test_sharing.py
    assert IMAGES.keys() | TOKENS.keys() | ELSEWHERE | tied == set(extra_classes()) == OPS.layers() | tied
    assert OPS.layers() | tied <= RESERVED


def test_every_extra_class_stands_alone() -> None:
    """`eject` copies the source of one class without its neighbours, and imports only keras and its layers."""
    for name, source in extra_classes().items():
        assert not [other for other in OPS.layers() - {name} if re.search(rf"\b{other}\b", source)]
        namespace: dict[str, Any] = {"keras": keras, "layers": keras.layers}
        exec(source.replace("archdsl_extra", "alone"), namespace)  # noqa: S102 - our own
        assert issubclass(namespace[name], keras.Layer)


@pytest.mark.parametrize(("name", "fields", "shape"), CASES)
def test_shape_and_config_of_an_extra_layer(name: str, fields: Any, shape: tuple[int, ...]) -> None:
    layer = getattr(layers, name)(**fields)
    x = np.random.default_rng(0).random((2, *shape), np.float32)
    y = layer(x)
    assert layer.compute_output_shape((None, *shape)) == (None, *y.shape[1:])
    config = layer.get_config()
    assert fields.keys() <= config.keys()
    again = type(layer).from_config(config)
    again(x)
    again.set_weights(layer.get_weights())
    assert np.array_equal(again(x), y)
    assert again.get_config() == config
    if name != "PositionEmbedding":  # that one has a weight for each place
        spatial = (None,) * (len(shape) - 1)
        assert layer.compute_output_shape((None, *spatial, shape[-1]))[0] is None


def test_the_source_is_clean_where_it_is_copied_to() -> None:
    """It is formatted for the lines of this package, and for ruff's own, which are shorter."""
    source = "\n\n\n".join(["import keras\nfrom keras import layers", *extra_classes().values()]) + "\n"
    for arguments in (["format", "--diff"], ["check"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "-"]
        done = subprocess.run(command, input=source, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_stochastic_depth_drops_whole_examples_and_keeps_the_mean() -> None:
    layer, x = layers.StochasticDepth(0.25, seed=1), np.ones((4000, 3, 2), np.float32)
    assert np.array_equal(layer(x), x)
    y = np.asarray(layer(x, training=True))
    kept = y[:, 0, 0] > 0
    assert np.array_equal(y, np.where(kept[:, None, None], np.float32(1 / 0.75), 0) * x)
    assert abs(kept.mean() - 0.75) < 0.03
    assert not np.array_equal(np.asarray(layer(x, training=True)), y)
    assert np.array_equal(layers.StochasticDepth(0.25, seed=1)(x, training=True), y)
    assert np.array_equal(layers.StochasticDepth(0.0)(x, training=True), x)


def test_self_attention_is_keras_attention_of_a_tensor_to_itself() -> None:
    x = np.random.default_rng(0).standard_normal((2, 5, 8)).astype("float32")
    for causal in (False, True):
        own, theirs = layers.SelfAttention(2, 3, use_causal_mask=causal), keras.layers.MultiHeadAttention(2, 3)
        y = own(x)
        theirs(x, x)
        theirs.set_weights(own.get_weights())
        assert np.allclose(y, theirs(x, x, use_causal_mask=causal), atol=1e-6)
        changed = np.concatenate([x[:, :-1], x[:, -1:] + 1], axis=1)
        assert np.allclose(own(changed)[:, :-1], y[:, :-1], atol=1e-6) == causal


def test_attention_of_several_tensors_is_that_of_keras() -> None:
    """With masks, which Keras passes to a layer in a list, and the mask of the output is that of the query."""
    random = np.random.default_rng(0)
    made = [random.standard_normal((2, length, 8)).astype("float32") for length in (5, 4, 4)]
    tensors = [keras.ops.convert_to_tensor(x) for x in made]
    masks = [keras.ops.convert_to_tensor(random.random(x.shape[:2]) < 0.7) for x in made]
    grouped = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}
    pairs = [
        (layers.CrossAttention(2, 3, use_causal_mask=True), keras.layers.MultiHeadAttention(2, 3)),
        (layers.GroupedAttention(**grouped, use_causal_mask=True), keras.layers.GroupQueryAttention(**grouped)),
    ]
    for (own, theirs), count in itertools.product(pairs, (2, 3)):
        given, names = tensors[:count], ("query_mask", "value_mask", "key_mask")
        own, theirs = (type(one).from_config(one.get_config()) for one in (own, theirs))
        own(given), theirs(*given)
        theirs.set_weights(own.get_weights())
        y = own(given, mask=masks[:count])
        expected = theirs(*given, **dict(zip(names, masks[:count], strict=False)), use_causal_mask=True)
        real = np.asarray(masks[0])
        assert np.allclose(np.asarray(y)[real], np.asarray(expected)[real], atol=1e-6)
        assert not np.allclose(y, own(given), atol=1e-3)
        assert np.array_equal(y._keras_mask, masks[0])


def test_tokens_and_places() -> None:
    x = np.random.default_rng(0).random((2, 5, 8), np.float32)
    token = layers.ClassToken("ones")
    y = token(x)
    assert np.array_equal(y, np.concatenate([np.ones((2, 1, 8), np.float32), x], axis=1))
    assert np.array_equal(layers.TakeAt(0)(y), np.ones((2, 8)))
    assert np.array_equal(layers.PositionEmbedding("ones")(x), x + 1)
    angle = np.arange(5)[:, None] / 10_000 ** (np.arange(4) / 4)
    waves = np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(5, 8)
    assert np.allclose(layers.PositionEncoding()(x), x + waves, atol=1e-6)
    assert np.array_equal(layers.LayerScale(0.5)(x), x / 2)
    losses = [
        layers.LayerScale(2.0, regularizer="l1"),
        layers.ClassToken("ones", "l1"),
        layers.PositionEmbedding("ones", "l1"),
    ]
    told = []
    for layer in losses:
        layer(x)
        told.append(float(layer.losses[0]))
    assert np.allclose(told, [0.01 * 8 * 2, 0.01 * 8, 0.01 * 40])


def test_channels_are_moved_as_the_papers_say() -> None:
    x = np.arange(2 * 4 * 6 * 8, dtype=np.float32).reshape(2, 4, 6, 8)
    shuffled = x.reshape(2, 4, 6, 2, 4).swapaxes(-1, -2).reshape(x.shape)  # Zhang et al. 2018, figure 1
    assert np.array_equal(layers.ChannelShuffle(2)(x), shuffled)
    assert np.array_equal(layers.ChannelSlice(1, 6, 2)(x), x[..., 1:6:2])
    packed = layers.SpaceToDepth(2)(x)
    assert np.array_equal(packed[0, 0, 0], np.concatenate([x[0, 0, 0], x[0, 0, 1], x[0, 1, 0], x[0, 1, 1]]))
    assert np.array_equal(layers.DepthToSpace(2)(packed), x)


def test_an_activation_takes_its_arguments() -> None:
    x = np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4)
    assert np.allclose(
        layers.ActivationFunction("celu", alpha=0.5)(x), np.maximum(x, 0) + 0.5 * np.expm1(np.minimum(x, 0) * 2)
    )
    assert np.allclose(
        layers.ActivationFunction("threshold", threshold=0.5, default_value=-1.0)(x), np.where(x > 0.5, x, -1)
    )
    assert np.allclose(layers.ActivationFunction("gelu", approximate=True)(x), keras.activations.gelu(x, True))
    layer = layers.ActivationFunction("celu", alpha=0.5, name="mine", dtype="bfloat16")
    assert (layer.name, layer.compute_dtype) == ("mine", "bfloat16")


@pytest.mark.parametrize("padding", [2, [[0, 1], [2, 3]]])
def test_lowest_padding_pads_with_minus_infinity(padding: Any) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype("float32")
    sides = [[2, 2]] * 2 if padding == 2 else padding
    expected = np.pad(x, [[0, 0], *sides, [0, 0]], constant_values=-np.inf)
    assert np.array_equal(layers.LowestPadding(padding)(x), expected)


@pytest.mark.parametrize("size", [1, 3, (1, 4), (3, 1), (2, 5), (9, 7)])
def test_covering_pools_have_the_windows_of_adaptive_ones(size: Any) -> None:
    x = np.random.default_rng(0).standard_normal((2, 9, 7, 3)).astype("float32")
    rows, columns = (size, size) if isinstance(size, int) else size
    pooled = layers.CoveringMaxPooling(size)(x)
    for row, column in np.ndindex(rows, columns):
        window = x[
            :, row * 9 // rows : -(-(row + 1) * 9 // rows), column * 7 // columns : -(-(column + 1) * 7 // columns)
        ]
        assert np.array_equal(pooled[:, row, column], window.max((1, 2)))
    if 1 not in (rows, columns):
        assert np.array_equal(pooled, keras.layers.AdaptiveMaxPooling2D(size)(x))


def test_a_gated_linear_unit_is_a_half_times_the_sigmoid_of_the_other() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 3, 8)).astype("float32")
    expected = x[..., :4] / (1 + np.exp(-x[..., 4:]))
    assert np.allclose(layers.GatedLinearUnit()(x), expected, atol=1e-6)


SPEC = """
archdsl: 1
name: Net
input: [6, 6, 4]
layers:
  Own: {steps: [conv: {filters: 8, kernel: 1, activation: glu}, max_pool: {size: 3, stride: 2, padding: 1}]}
model: [Own, conv: {filters: 2, kernel: 1}]
"""


def test_a_standardized_conv_hangs_neither_on_the_scale_nor_on_the_mean_of_its_weights() -> None:
    x = np.random.default_rng(0).standard_normal((2, 7, 6, 4)).astype(np.float32)
    layer, plain = layers.StandardizedConv2D(5, 3, 1e-8, strides=2), keras.layers.Conv2D(5, 3, strides=2)
    y = layer(x), plain(x)
    kernel, bias = layer.get_weights()
    axes = (0, 1, 2)
    plain.set_weights([(kernel - kernel.mean(axes)) / kernel.std(axes), bias])
    assert np.allclose(plain(x), y[0], atol=1e-4)
    assert not np.allclose(y[1], y[0], atol=1e-1)
    layer.set_weights([3 * kernel + 2, bias])
    assert np.allclose(layer(x), y[0], atol=1e-3)
    half = layers.StandardizedConv2D(5, 3, 1e-8, kernel_initializer="zeros", dtype="mixed_float16")
    assert np.array_equal(half(x), np.zeros((2, 5, 4, 5)))


def test_extra_layers_stand_in_the_source_and_are_found_on_loading(tmp_path: Path) -> None:
    spec = archdsl.loads(SPEC)
    classes = [node.name for node in ast.parse(to_python(spec)).body if isinstance(node, ast.ClassDef)]
    assert sorted(classes) == sorted(["GatedLinearUnit", "LowestPadding", "Own", "Net"])
    model = archdsl.build(spec)
    assert model.output_shape == (None, 3, 3, 2)
    inner = keras.Sequential([keras.Input((6, 6, 4)), layers.GatedLinearUnit(), layers.LowestPadding(1)])
    x = np.random.default_rng(0).random((2, 6, 6, 4), np.float32)
    for name, made in (("net", model), ("inner", inner)):
        made.save(tmp_path / f"{name}.keras")
        assert np.array_equal(archdsl.load_model(tmp_path / f"{name}.keras")(x), made(x))


@pytest.mark.filterwarnings("error")
def test_layers_pass_masks_of_padding_on() -> None:
    x = keras.layers.Embedding(9, 4, mask_zero=True)(np.array([[3, 0], [5, 6]]))
    for layer in (layers.ElementwiseFunction("exp"), layers.Cast("float32"), layers.ChannelSlice(stop=2)):
        assert np.array_equal(layer(x)._keras_mask, [[True, False], [True, True]])
    assert getattr(layers.TakeAt(0)(x), "_keras_mask", None) is None  # no axis with padding is left
    pages = keras.layers.Embedding(9, 4, mask_zero=True)(np.array([[[3, 0], [5, 6]]]))
    assert np.array_equal(layers.TakeAt(0)(pages)._keras_mask, [[True, False]])
