"""Generated layers and networks do what the same networks written by hand do, to the bit."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from twins import (
    TwinLayer,
    TwinLayerScal,
    TwinNet,
    assert_agree,
    assert_same_gradients,
    difference,
    enliven,
    paired,
    resnet50_children,
    resnet50_v2_children,
    variables,
)

import archdsl
from archdsl.zoo import find

pytestmark = pytest.mark.tensorflow

NOTEBOOK = find("funny_resnet_notebook").read_text(encoding="utf-8")


def image(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(shape, np.float32)


def logits(model: keras.Model) -> keras.Model:
    """The model without its softmax, which would hide differences."""
    model.get_layer("dense_1").activation = keras.activations.linear
    return model


Pairs = list[tuple[Any, Any]]


def network(text: str, theirs: TwinNet, **arguments: int) -> tuple[Any, Any, Pairs, np.ndarray]:
    """The network of a spec beside the hand-written one, with the same live weights."""
    x = image(3, 32, 32, 3)
    ours = logits(archdsl.build(archdsl.loads(text), **arguments))
    theirs(x)
    pairs = paired(variables(ours), theirs.children())
    enliven(pairs)
    return ours, theirs, pairs, x


@pytest.fixture(scope="module")
def small() -> TwinNet:
    return TwinNet(width=8, depth=2)


@pytest.mark.parametrize(
    ("name", "twin", "stride"), [("ResidualLayer", TwinLayer, 1), ("ResidualLayerScal", TwinLayerScal, 2)]
)
@pytest.mark.parametrize("kernel", [3, 5])
def test_a_layer_is_its_hand_written_twin_to_the_bit(name: str, twin: Any, stride: int, kernel: int) -> None:
    module = archdsl.compile("funny_resnet_notebook")
    ours = getattr(module, name)(kernel, 16, 32, name="ours")
    theirs = twin(kernel, 16, 32)
    x = image(4, 9, 8, 32)
    assert ours(x).shape == theirs(x).shape == (4, -(-9 // stride), 8 // stride, 32)
    pairs = paired(variables(ours, "ours/"), theirs.children())
    assert len(pairs) == (42 if stride == 2 else 36)
    enliven(pairs)
    assert_agree(ours, theirs, pairs, x)
    assert_same_gradients(ours, theirs, pairs, x)


@pytest.mark.slow
def test_the_whole_notebook_network_is_its_hand_written_twin_to_the_bit() -> None:
    ours, theirs, pairs, x = network(NOTEBOOK, TwinNet())
    assert ours.count_params() == theirs.count_params() == 86_757_322
    assert len(pairs) == 566
    assert_agree(ours, theirs, pairs, x)
    assert_same_gradients(ours, theirs, pairs, x)


MUTATIONS = {
    "epsilon": ("  conv: {padding", "  batch_norm: {epsilon: 0.002}\n  conv: {padding"),
    "momentum": ("  conv: {padding", "  batch_norm: {momentum: 0.98}\n  conv: {padding"),
    "stride on another conv": (
        "{filters: $filters // 4, kernel: $kernel}\n        - conv: {filters: $out, kernel: 1, stride: $stride,",
        "{filters: $filters // 4, kernel: $kernel, stride: $stride}\n        - conv: {filters: $out, kernel: 1,",
    ),
    "lost relu in a path": ("$filters // 4, kernel: $kernel}", "$filters // 4, kernel: $kernel, activation: none}"),
    "lost relu in the stem": (
        "stride: 2, padding: valid, norm: none}",
        "stride: 2, padding: valid, norm: none, activation: none}",
    ),
    "lost relu behind the sum": ("    after: relu\n", ""),
    "one relu too many": ("stride: $stride, activation: none}\n      narrow", "stride: $stride}\n      narrow"),
    "swapped activation": ("    after: relu\n", "    after: elu\n"),
}


SMALL = NOTEBOOK.replace("depth: 5", "depth: 2").replace("parameters: 86757322, trainable: 86695370, ", "")


def test_the_small_notebook_network_agrees(small: TwinNet) -> None:
    ours, theirs, pairs, x = network(SMALL, small, width=8)
    assert_agree(ours, theirs, pairs, x)
    assert_same_gradients(ours, theirs, pairs, x)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_network_that_differs_is_found_out(small: TwinNet, mutation: str) -> None:
    old, new = MUTATIONS[mutation]
    assert old in SMALL
    ours, theirs, pairs, x = network(SMALL.replace(old, new, 1), small, width=8)
    with pytest.raises(AssertionError, match=r"they differ|has moved differently"):
        assert_agree(ours, theirs, pairs, x, within=1e-5)


def test_gradients_that_differ_are_found_out(small: TwinNet) -> None:
    ours, theirs, pairs, x = network(SMALL.replace("    after: relu\n", "    after: elu\n"), small, width=8)
    with pytest.raises(AssertionError, match="the gradients of"):
        assert_same_gradients(ours, theirs, pairs, x)


def test_resnet50_is_that_of_keras_applications() -> None:
    ours = logits(archdsl.build("resnet50"))
    theirs = keras.applications.ResNet50(weights=None, classifier_activation=None)
    assert ours.count_params() == theirs.count_params() == 25_636_712
    pairs = paired(variables(ours), resnet50_children(theirs))
    assert len(pairs) == len(theirs.weights) == 320
    enliven(pairs)
    assert_agree(ours, theirs, pairs, image(2, 224, 224, 3), within=1e-5)


SIDE = 64


def published(name: str) -> str:
    """A network of `keras.applications` as a spec, for smaller images."""
    text = find(name).read_text(encoding="utf-8")
    assert "input: [224, 224, 3]" in text
    return text.replace("input: [224, 224, 3]", f"input: [{SIDE}, {SIDE}, 3]")


def application(name: str) -> keras.Model:
    """The network itself, untrained and without its softmax."""
    make = getattr(keras.applications, name)
    return make(weights=None, input_shape=(SIDE, SIDE, 3), classifier_activation=None)


@pytest.fixture(scope="module")
def resnet50_v2() -> keras.Model:
    return application("ResNet50V2")


def beside_resnet50_v2(theirs: keras.Model, text: str) -> tuple[Any, Pairs]:
    ours = logits(archdsl.build(archdsl.loads(text)))
    pairs = paired(variables(ours), resnet50_v2_children(theirs))
    assert len(pairs) == len(theirs.weights) == 272
    enliven(pairs)
    return ours, pairs


def test_resnet50_v2_is_that_of_keras_applications(resnet50_v2: keras.Model) -> None:
    ours, pairs = beside_resnet50_v2(resnet50_v2, published("resnet50_v2"))
    assert_agree(ours, resnet50_v2, pairs, image(2, SIDE, SIDE, 3), within=1e-5)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("}, from: active}]", "}}]"),
        (
            "{max_pool: {size: 1, stride: $stride}, when",
            "{steps: [{max_pool: {size: 1, stride: $stride}, from: active}], when",
        ),
        ("stride: $stride if $i == $depth - 1 else 1", "stride: $stride if $i == 0 else 1"),
    ],
    ids=["a projection of the raw input", "a thinned out pre-activation", "stride in the first layer"],
)
def test_a_resnet50_v2_that_is_wired_otherwise_is_found_out(resnet50_v2: keras.Model, right: str, wrong: str) -> None:
    text = published("resnet50_v2")
    assert right in text
    ours, pairs = beside_resnet50_v2(resnet50_v2, text.replace(right, wrong))
    with pytest.raises(AssertionError, match="they differ"):
        assert_agree(ours, resnet50_v2, pairs, image(2, SIDE, SIDE, 3), within=1e-5)


PUBLISHED = {
    "densenet": ("DenseNet121", 1.0),
    "mobilenet_v2": ("MobileNetV2", 2.0),
    "efficientnet": ("EfficientNetB0", 2.0),
}
"""Those whose weights stand in the same order here and there, and a gamma by which what comes in does not fade."""


def steady(theirs: keras.Model) -> keras.Model:
    """The model without its random draws."""
    for layer in theirs.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return theirs


@pytest.mark.parametrize("name", [pytest.param("densenet", marks=pytest.mark.slow), *list(PUBLISHED)[1:]])
def test_a_network_of_keras_applications(name: str) -> None:
    text = published(name).replace("drop: 0.2", "drop: 0.0").replace("dropout: 0.2", "dropout: 0.0")
    theirs_is, gamma = PUBLISHED[name]
    ours, theirs = logits(archdsl.build(archdsl.loads(text))), steady(application(theirs_is))
    pairs = list(zip(variables(ours).values(), theirs.weights, strict=True))
    assert len(pairs) > 250
    enliven([pair for pair in pairs if "normalization_1" not in pair[0].path], gamma=gamma)
    x = image(2, SIDE, SIDE, 3)
    one, other = np.asarray(theirs(x))
    assert difference(one, other) > 0.01, "what comes in does not come out"
    assert_agree(ours, theirs, pairs, x, within=1e-5)
