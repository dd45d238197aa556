"""Every activation of Keras, by Keras's names (and `swish`, `hard_swish`)."""

from __future__ import annotations

import types
from typing import Any, ClassVar

from archdsl.ops.base import Call, Example, Kind, Number, Op, OpError, Positive, Shape

_X = ((4, 4, 6),)


class Activation(Op):
    """An activation without arguments: a function of each number. Any shape -> the same shape."""

    kind: ClassVar[Kind] = "activation"
    function: ClassVar[str] = ""
    """What Keras calls it; also what its layers take as `activation=`, where it has no arguments."""

    def keras(self) -> Call:
        return Call("layers.Activation", (self.function,))

    def label(self) -> str:
        return _LABELS.get(self.function, self.function.replace("_", " ").capitalize())


class Relu(Activation, name="relu"):
    """max(x, 0); with `max_value` it is cut off above, with `slope` it leaks below. Keras `ReLU`."""

    function: ClassVar[str] = "relu"

    max_value: Positive | None = None
    slope: Number = 0.0
    threshold: Number = 0.0

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _X, _X[0]),
        Example({"max_value": 6.0, "slope": 0.1}, _X, _X[0]),
    )

    def keras(self) -> Call:
        return self.call("layers.ReLU", max_value="max_value", negative_slope="slope", threshold="threshold")


class LeakyRelu(Activation, name="leaky_relu"):
    """max(x, slope * x). Keras `LeakyReLU`; Maas et al. 2013."""

    function: ClassVar[str] = "leaky_relu"

    slope: Number = 0.3

    examples: ClassVar[tuple[Example, ...]] = (Example({}, _X, _X[0]), Example({"slope": 0.1}, _X, _X[0]))

    def keras(self) -> Call:
        return self.call("layers.LeakyReLU", negative_slope="slope")


class Elu(Activation, name="elu"):
    """x where it is positive, else alpha * (exp(x) - 1). Keras `ELU`; Clevert et al. 2016."""

    function: ClassVar[str] = "elu"

    alpha: Number = 1.0

    examples: ClassVar[tuple[Example, ...]] = (Example({}, _X, _X[0]), Example({"alpha": 0.5}, _X, _X[0]))

    def keras(self) -> Call:
        return self.call("layers.ELU", alpha="alpha")


class Glu(Activation, name="glu"):
    """The first half of the channels, each times the sigmoid of its twin in the second. (..., 2 C) -> (..., C).

    Dauphin et al. 2017. Keras's own `Activation` does not tell the shape, so that it has a layer here.
    """

    function: ClassVar[str] = "glu"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _X, (4, 4, 3)),)

    def shape(self, *inputs: Shape) -> Shape:
        *rest, channels = inputs[0]
        if channels % 2:
            raise OpError(f"`glu` halves the channels, and {channels} is odd")
        return (*rest, channels // 2)

    def keras(self) -> Call:
        return Call("GatedLinearUnit")


_LABELS = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "leaky_relu": "Leaky ReLU",
    "elu": "ELU",
    "selu": "SELU",
    "celu": "CELU",
    "gelu": "GELU",
    "glu": "GLU",
    "silu": "Swish",
    "hard_silu": "Hard swish",
}
_PLAIN = {
    "celu": "max(x, 0) + min(exp(x) - 1, 0). Barron 2017.",
    "exponential": "exp(x).",
    "gelu": "x times the normal distribution's probability of x. Hendrycks & Gimpel 2016.",
    "hard_shrink": "x where |x| > 0.5, else 0.",
    "hard_sigmoid": "relu6(x + 3) / 6.",
    "hard_silu": "x * hard_sigmoid(x). Howard et al. 2019.",
    "hard_tanh": "x cut off at -1 and 1.",
    "linear": "x.",
    "log_sigmoid": "log(sigmoid(x)).",
    "log_softmax": "log(softmax(x)) over the channels.",
    "mish": "x * tanh(softplus(x)). Misra 2019.",
    "relu6": "x cut off at 0 and 6. Krizhevsky 2010.",
    "selu": "The self-normalising ELU. Klambauer et al. 2017.",
    "sigmoid": "1 / (1 + exp(-x)).",
    "silu": "x * sigmoid(x). Elfwing et al. 2017.",
    "soft_shrink": "x moved by 0.5 towards 0, and 0 where |x| <= 0.5.",
    "softmax": "exp(x) over the sum of the channels' exp.",
    "softplus": "log(exp(x) + 1).",
    "softsign": "x / (|x| + 1).",
    "sparse_plus": "A smooth ReLU that is 0 below -1 and x above 1.",
    "sparse_sigmoid": "0 below -1, 1 above 1, a line between.",
    "sparsemax": "The nearest point of the probability simplex. Martins & Astudillo 2016.",
    "squareplus": "(x + sqrt(x^2 + 4)) / 2. Barron 2021.",
    "tanh": "The hyperbolic tangent.",
    "tanh_shrink": "x - tanh(x).",
}
_ALIASES = {"swish": "silu", "hard_swish": "hard_silu"}


def _define(name: str, function: str, doc: str) -> None:
    """Makes the class of an activation without arguments."""

    def fill(space: dict[str, Any]) -> None:
        space["__doc__"] = f"{doc} Any shape -> the same shape. Keras `activations.{function}`."
        space["__module__"] = __name__
        space["__annotations__"] = {"function": ClassVar[str], "examples": ClassVar[tuple[Example, ...]]}
        space["function"] = function
        space["examples"] = (Example({}, _X, _X[0]),)

    types.new_class(name.title().replace("_", ""), (Activation,), {"name": name}, fill)


for _function, _doc in _PLAIN.items():
    _define(_function, _function, _doc)
for _alias, _function in _ALIASES.items():
    _define(_alias, _function, _PLAIN[_function])
