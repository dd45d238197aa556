"""Every layer class of Keras is an op, or is left out for a reason."""

from __future__ import annotations

import inspect
import re
from typing import Any

import keras
import pytest

from archdsl.keras import layers
from archdsl.ops import OPS

pytestmark = pytest.mark.tensorflow

LEFT_OUT = {
    "augments images, which is `augment` of a recipe": [
        "AugMix",
        "AutoContrast",
        "ContrastLimitedAdaptiveHistogramEqualization",
        "CutMix",
        "Equalization",
        "MaxNumBoundingBoxes",
        "MixUp",
        "RandAugment",
        "RandomBrightness",
        "RandomColorDegeneration",
        "RandomColorJitter",
        "RandomContrast",
        "RandomCrop",
        "RandomElasticTransform",
        "RandomErasing",
        "RandomFlip",
        "RandomGaussianBlur",
        "RandomGrayscale",
        "RandomHue",
        "RandomInvert",
        "RandomPerspective",
        "RandomPosterization",
        "RandomRotation",
        "RandomSaturation",
        "RandomSharpness",
        "RandomShear",
        "RandomTranslation",
        "RandomZoom",
        "Solarization",
    ],
    "prepares data of other kinds, before the network": [
        "Discretization",
        "HashedCrossing",
        "Hashing",
        "IntegerLookup",
        "MelSpectrogram",
        "Pipeline",
        "STFTSpectrogram",
        "StringLookup",
        "TextVectorization",
    ],
    "contains code or a saved model, and a spec contains neither": [
        "FlaxLayer",
        "JaxLayer",
        "Lambda",
        "TFSMLayer",
        "TorchModuleWrapper",
    ],
    "is a part of `lstm`, `gru` or `simple_rnn`": [
        "GRUCell",
        "LSTMCell",
        "RNN",
        "SimpleRNNCell",
        "StackedRNNCells",
    ],
    "recurrence over feature maps is not in the language": ["ConvLSTM2D"],
    "is a base class": ["Wrapper"],
    "`activity_regularizer` of the layer before it does the same": ["ActivityRegularization"],
    "`adaptive_max_pool` has the windows of torch": ["AdaptiveMaxPooling2D"],
    "without projections, attention is `einsum`, `softmax` and `einsum`": ["AdditiveAttention", "Attention"],
    "`one_hot` does it for one integer": ["CategoryEncoding"],
    "`einsum` names the axes": ["Dot"],
    "`einsum` with a `weight` does the same": ["EinsumDense"],
    "an empty path passes its input on": ["Identity"],
    "it is `input` or `inputs` of the file": ["InputLayer"],
    "`embedding` and a shared `kernel` do the same": ["ReversibleEmbedding"],
    "it changes the weights of another layer": ["SpectralNormalization"],
    "it is the key `time_distributed` of a step": ["TimeDistributed"],
}
"""The layer classes that are no ops, one of each rank, by the reason. A class that becomes an op must be removed."""


def rankless(name: str) -> str:
    """The name of a class without its rank, because one op stands for the classes of all ranks."""
    return re.sub(r"[123]D(?=$|Transpose)", "", name)


def of_keras() -> set[str]:
    """The names of all layer classes, without aliases."""
    found = (value for value in vars(keras.layers).values() if inspect.isclass(value))
    return {value.__name__ for value in found if issubclass(value, keras.layers.Layer)} - {"Layer"}


def of_ops() -> set[str]:
    """The names of the layer classes that ops call, and of those that the classes in `keras/layers/` extend."""
    found: set[str] = set()
    for op in OPS.values():
        for example in op.examples:
            pending: list[Any] = [op.model_validate(dict(example.fields)).keras()]
            while pending:
                call = pending.pop()
                if "." not in call.target:
                    found |= {base.__name__ for base in getattr(layers, call.target).__mro__}
                elif call.target.startswith("layers."):
                    found.add(getattr(keras.layers, call.target.removeprefix("layers.")).__name__)
                pending += [value for value in (*call.positional, *call.keywords.values()) if hasattr(value, "target")]
    return found


def test_every_layer_of_keras_is_an_op_or_left_out_for_a_reason() -> None:
    left_out = [name for names in LEFT_OUT.values() for name in names]
    classes, ops = of_keras(), {rankless(name) for name in of_ops()}
    assert len(classes) > 120
    assert len(left_out) == len(set(left_out))
    assert set(left_out) - classes == set()
    assert {name for name in left_out if rankless(name) in ops} == set()
    known = ops | {rankless(name) for name in left_out}
    assert {name for name in classes if rankless(name) not in known} == set()
