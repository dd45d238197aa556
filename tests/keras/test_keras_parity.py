"""The zoo beside `keras.applications`: as many parameters, and with the same weights the same numbers come out.

Equal counts do not prove equal wiring. So weights that make every layer matter go across by `copy_weights`, and logits
are compared, for a softmax hides much: in inference, in training mode, the statistics that this moves, and once more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import pytest
from twins import assert_agree, difference, enliven

import archdsl
from archdsl.zoo import find

pytestmark = pytest.mark.tensorflow

WITHIN = 1e-5
"""The largest difference, as a share of the largest number."""


@dataclass(frozen=True)
class Case:
    """A network of `keras.applications` in the zoo.

    Args:
        side: of the images; most networks have as many parameters whatever it is.
        gamma: of the norms, so that what comes in does not fade.
        pixels: whether numbers from 0 to 255 come in.
        steady: arguments by which nothing is drawn at random.
    """

    spec: str
    variant: str = ""
    side: int = 64
    gamma: float = 0.5
    pixels: bool = False
    steady: dict[str, Any] = field(default_factory=dict)


STILL = {"drop": 0.0, "dropout": 0.0}
CASES = {
    "ResNet50": Case("resnet50"),
    "ResNet101": Case("resnet50", "resnet101_v1"),
    "ResNet152": Case("resnet50", "resnet152_v1"),
    "ResNet50V2": Case("resnet50_v2"),
    "ResNet101V2": Case("resnet50_v2", "resnet101_v2"),
    "ResNet152V2": Case("resnet50_v2", "resnet152_v2"),
    "VGG16": Case("vgg", side=224),
    "VGG19": Case("vgg", "vgg19_keras", side=224),
    "DenseNet121": Case("densenet", gamma=1.0),
    "DenseNet169": Case("densenet", "densenet169", gamma=1.0),
    "DenseNet201": Case("densenet", "densenet201", gamma=1.0),
    "MobileNetV2": Case("mobilenet_v2", gamma=2.0),
    "EfficientNetB0": Case("efficientnet", gamma=2.0, pixels=True, steady=STILL),
    "MobileNet": Case("mobilenet", gamma=2.0, steady={"dropout": 0.0}),
    "Xception": Case("xception", side=71, gamma=1.0),
    "NASNetMobile": Case("nasnet", gamma=1.0),
    "InceptionV3": Case("inception_v3", side=75),
    "InceptionResNetV2": Case("inception_resnet_v2", side=75),
    "MobileNetV3Small": Case("mobilenet_v3", "small", gamma=2.0, pixels=True, steady={"dropout": 0.0}),
    "EfficientNetV2B0": Case("efficientnet_v2", gamma=2.0, pixels=True, steady=STILL),
    "EfficientNetV2B1": Case("efficientnet_v2", "b1", gamma=2.0, pixels=True, steady=STILL),
    "EfficientNetV2B2": Case("efficientnet_v2", "b2", gamma=2.0, pixels=True, steady=STILL),
    "EfficientNetV2B3": Case("efficientnet_v2", "b3", gamma=2.0, pixels=True, steady=STILL),
    "ConvNeXtTiny": Case("convnext", gamma=1.0, pixels=True, steady={"drop": 0.0}),
    "ConvNeXtLarge": Case("convnext", "large", gamma=1.0, pixels=True, steady={"drop": 0.0}),
}
QUICK = {"MobileNetV2"}
BY_HAND = {"NASNetMobile"}
"""Compared in a smaller size; in full, once by hand."""


def application(name: str) -> keras.Model:
    """The network itself with live weights, without its softmax and its random draws."""
    case = CASES[name]
    make = getattr(keras.applications, name)
    model = make(weights=None, input_shape=(case.side, case.side, 3), classifier_activation=None)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    normalizations = [layer for layer in model.layers if isinstance(layer, keras.layers.Normalization)]
    given = {id(weight) for layer in normalizations for weight in layer.weights}
    enliven([(weight, weight) for weight in model.weights if id(weight) not in given], gamma=case.gamma)
    for layer in normalizations:
        if layer.weights:
            layer.set_weights([np.float32([0.4, 0.5, 0.6]), np.float32([0.04, 0.05, 0.06]), np.array(9, "int32")])
            layer.finalize_state()
    return model


def text_of(name: str) -> str:
    """The spec of a case, for images of its size."""
    text = find(CASES[name].spec).read_text(encoding="utf-8")
    side = CASES[name].side
    text, found = re.subn(r"^( *)input: \[(\d+), \2, 3\]$", rf"\1input: [{side}, {side}, 3]", text, flags=re.MULTILINE)
    assert found >= 1
    return text


def built(name: str, text: str) -> keras.Model:
    """The zoo's network of a case, without its softmax and its random draws."""
    spec = archdsl.loads(text, variant=CASES[name].variant)
    has_switch = "softmax" in spec.args
    model = archdsl.build(spec, **CASES[name].steady, **({"softmax": False} if has_switch else {}))
    if not has_switch:
        [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)][
            -1
        ].activation = keras.activations.linear
    return model


def images(name: str, model: keras.Model) -> np.ndarray:
    case, random = CASES[name], np.random.default_rng(1)
    shape = (2, *model.input_shape[1:])
    return random.uniform(0, 255, shape).astype("float32") if case.pixels else random.standard_normal(shape, np.float32)


def assert_same(name: str, theirs: keras.Model, ours: keras.Model) -> None:
    """Gives ours the weights of theirs, and holds the two to one another."""
    copied = archdsl.copy_weights(theirs, ours, strict=True)
    mine, other = ({weight.path: weight for weight in net.weights} for net in (ours, theirs))
    assert len(copied.weights) == len(mine) == len(other)
    pairs = [(mine[path], other[source]) for source, path in copied.weights]
    x = images(name, ours)
    one, two = np.asarray(theirs(x))
    assert difference(one, two) > 0.01, "what comes in does not come out"
    assert_agree(ours, theirs, pairs, x, within=WITHIN)
    moved = [np.asarray(net(x)) for net in (ours, theirs)]
    assert difference(*moved) <= WITHIN, "they differ behind a training pass"
    norms = any(weight.name == "moving_mean" for weight in ours.weights)
    assert not norms or difference(moved[1], np.stack([one, two])) > WITHIN, "nothing has moved"


def numbers(weights: list[Any]) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def test_the_table_is_whole() -> None:
    assert len(CASES) >= 14
    assert CASES.keys() > QUICK


@pytest.fixture(scope="module")
def resnet50() -> keras.Model:
    return application("ResNet50")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in CASES if n not in BY_HAND]
)
def test_a_network_of_keras_applications(name: str, request: pytest.FixtureRequest) -> None:
    theirs = request.getfixturevalue("resnet50") if name == "ResNet50" else application(name)
    ours = built(name, text_of(name))
    graph = archdsl.resolve(archdsl.load(CASES[name].spec, CASES[name].variant))
    assert ours.count_params() == theirs.count_params() == graph.totals.parameters
    trained = numbers(theirs.trainable_weights)
    assert numbers(ours.trainable_weights) == trained == graph.totals.trainable
    assert_same(name, theirs, ours)


WRONG = {
    "a lost relu": ("kernel: 3, padding: same}", "kernel: 3, padding: same, activation: none}"),
    "the stride of torchvision": (
        "kernel: 1, stride: $stride}\n        - conv: {filters: $filters, kernel: 3, padding: same}",
        "kernel: 1}\n        - conv: {filters: $filters, kernel: 3, padding: same, stride: $stride}",
    ),
    "an epsilon of 1e-3": ("{epsilon: 1.001e-5}", "{epsilon: 1.0e-3}"),
    "a momentum of 0.98": ("{epsilon: 1.001e-5}", "{epsilon: 1.001e-5, momentum: 0.98}"),
}


@pytest.mark.parametrize(
    "wrong", [pytest.param(w, marks=pytest.mark.slow if w.startswith("an e") else ()) for w in WRONG]
)
def test_a_network_that_is_wired_otherwise_is_found_out(wrong: str, resnet50: keras.Model) -> None:
    """Each has the same weights, which go across all the same, and computes something else."""
    old, new = WRONG[wrong]
    text = text_of("ResNet50")
    assert text.count(old) == 1
    with pytest.raises(AssertionError, match=r"they differ|has moved differently"):
        assert_same("ResNet50", resnet50, built("ResNet50", text.replace(old, new)))


@pytest.mark.slow
def test_the_pretrained_efficientnets_have_one_op_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """After normalizing they divide by the roots of the deviations, as `start-from-trained-weights.md` explains."""
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: "weights.h5")
    monkeypatch.setattr(keras.Model, "load_weights", lambda *_, **__: None)
    theirs = keras.applications.EfficientNetB0(weights="imagenet")
    enliven([(w, w) for w in theirs.weights if "normalization/" not in w.path], gamma=2.0)
    norm = next(layer for layer in theirs.layers if isinstance(layer, keras.layers.Normalization))
    norm.set_weights([np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225]) ** 2, np.array(0, "int32")])
    norm.finalize_state()
    theirs.layers[-1].activation = keras.activations.linear
    ours = archdsl.build("efficientnet")
    ours.get_layer("dense_1").activation = keras.activations.linear
    archdsl.copy_weights(theirs, ours, strict=True)
    x = np.random.default_rng(1).uniform(0, 255, (2, 224, 224, 3)).astype("float32")
    assert difference(ours(x), theirs(x)) > 0.01
    norm = ours.get_layer("normalization_1")
    mean, variance, count = norm.get_weights()
    norm.set_weights([mean, variance * [0.229, 0.224, 0.225], count])
    norm.finalize_state()
    assert difference(ours(x), theirs(x)) <= WITHIN


@pytest.mark.slow
@pytest.mark.parametrize(("skip", "side"), [(False, 64), (True, 43)], ids=["mobile", "large"])
def test_a_small_nasnet(skip: bool, side: int) -> None:
    """The maps are as often odd as those of Mobile and Large. It has two cells where they have four and six."""
    from keras.src.applications.nasnet import NASNet

    theirs = NASNet((side, side, 3), 288, 2, 8, skip, 2, weights=None, default_size=side, classifier_activation=None)
    enliven([(weight, weight) for weight in theirs.weights], gamma=1.0)
    spec = archdsl.loads(text_of("NASNetMobile").replace("[64, 64, 3]", f"[{side}, {side}, 3]"))
    ours = archdsl.build(spec, skip=skip, depth=2, filters=12, stem=8)
    ours.get_layer("dense_1").activation = keras.activations.linear
    assert ours.count_params() == theirs.count_params()
    assert_same("NASNetMobile", theirs, ours)
