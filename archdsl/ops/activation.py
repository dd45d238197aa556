"""Every activation of Keras, by Keras's names (and `swish`, `hard_swish`)."""

import types
from typing import Any, ClassVar

from archdsl.ops.base import Call, Example, Flag, Kept, Kind, Number, Op, OpError, Passes, Positive, Shape, Weight
from archdsl.ops.norm import along, sees_along
from archdsl.ops.sight import HERE, Sight
from archdsl.ops.weights import Axes, Constraint, Initializer, Regularizer

_X = ((4, 4, 6),)


class Activation(Op):
    """A function of each number. Any shape -> the same shape."""

    kind: ClassVar[Kind] = "activation"
    function: ClassVar[str] = ""
    """What Keras calls it; also what its layers take as `activation=`, where it has no arguments."""
    kept: ClassVar[Kept] = Kept(inputs=True)

    def sees(self, *inputs: Shape) -> Sight:
        return HERE

    def keras(self) -> Call:
        call = self.call("ActivationFunction")
        return Call(call.target if call.keywords else "layers.Activation", (self.function,), call.keywords)

    def label(self) -> str:
        return _LABELS.get(self.function, self.function.replace("_", " ").capitalize())


class _ByOutput(Activation):
    """A function whose slope can be told from its output, so that its input need not be kept."""

    kept: ClassVar[Kept] = Kept(output=True)


class Relu(_ByOutput, name="relu"):
    """max(x, 0); it may be cut off above, or leak below. Any shape -> the same shape.

    Keras `ReLU`; Nair & Hinton 2010.

    Args:
        max_value: what it never goes beyond.
        slope: the factor of what is below `threshold`.
        threshold: where it begins.
    """

    function: ClassVar[str] = "relu"

    max_value: Positive | None = None
    slope: Number = 0.0
    threshold: Number = 0.0

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _X, _X[0]),
        Example({"max_value": 6.0, "slope": 0.1}, _X, _X[0]),
        Example({"threshold": 0.5}, _X, _X[0]),
    )

    def keras(self) -> Call:
        return self.call("layers.ReLU", max_value="max_value", negative_slope="slope")


class LeakyRelu(Op, name="leaky_relu"):
    """max(x, slope * x). Any shape -> the same shape. Keras `LeakyReLU`; Maas et al. 2013.

    Args:
        slope: the factor of what is below 0.
    """

    # No `Activation`: as the string "leaky_relu" Keras takes another slope, 0.2.
    kind: ClassVar[Kind] = "activation"

    kept: ClassVar[Kept] = Kept(inputs=True)

    slope: Number = 0.3

    examples: ClassVar[tuple[Example, ...]] = (Example({}, _X, _X[0]), Example({"slope": 0.1}, _X, _X[0]))

    def sees(self, *inputs: Shape) -> Sight:
        return HERE

    def keras(self) -> Call:
        return self.call("layers.LeakyReLU", negative_slope="slope")

    def label(self) -> str:
        return "Leaky ReLU"


class PRelu(Op, name="prelu"):
    """max(x, alpha * x), where alpha is learned. Any shape -> the same shape. Keras `PReLU`; He et al. 2015.

    Args:
        shared_axes: the axes along which alpha is the same: [1, 2] for one alpha a channel of a map.
        alpha_initializer: how alpha begins.
        alpha_regularizer: what alpha adds to the loss.
        alpha_constraint: what holds alpha after each step.
    """

    kind: ClassVar[Kind] = "activation"
    kept: ClassVar[Kept] = Kept(inputs=True)

    shared_axes: Axes | None = None
    alpha_initializer: Initializer = "zeros"
    alpha_regularizer: Regularizer = None
    alpha_constraint: Constraint = None

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, _X, _X[0]),
        Example({"shared_axes": [1, 2], "alpha_initializer": {"constant": 0.25}}, _X, _X[0]),
        Example({"alpha_regularizer": "l2", "alpha_constraint": "non_neg"}, ((6,),), (6,)),
    )

    def fits(self, *inputs: Shape) -> None:
        axes = self._axes()
        if not {*axes} <= {*range(1, len(inputs[0]) + 1)}:
            raise OpError(f"the axes are 1 to {len(inputs[0])}", "shared_axes")

    def _axes(self) -> list[int]:
        shared = [] if self.shared_axes is None else self.shared_axes
        return shared if isinstance(shared, list) else [shared]

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        axes = self._axes()
        return {"alpha": Weight(tuple(1 if i in axes else side for i, side in enumerate(inputs[0], start=1)))}

    def sees(self, *inputs: Shape) -> Sight:
        return HERE

    def keras(self) -> Call:
        return self.call("layers.PReLU")

    def label(self) -> str:
        return "PReLU"


class Elu(_ByOutput, name="elu"):
    """x where it is positive, else alpha * (exp(x) - 1). Any shape -> the same shape.

    Keras `ELU`; Clevert et al. 2016.

    Args:
        alpha: the factor.
    """

    function: ClassVar[str] = "elu"

    alpha: Number = 1.0

    examples: ClassVar[tuple[Example, ...]] = (Example({}, _X, _X[0]), Example({"alpha": 0.5}, _X, _X[0]))

    def keras(self) -> Call:
        return self.call("layers.ELU")


class Celu(Activation, name="celu"):
    """max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0). Any shape -> the same shape.

    Keras `activations.celu`; Barron 2017.

    Args:
        alpha: the factor.
    """

    function: ClassVar[str] = "celu"

    alpha: Positive = 1.0

    examples: ClassVar[tuple[Example, ...]] = (Example({}, _X, _X[0]), Example({"alpha": 0.5}, _X, _X[0]))


class Gelu(Activation, name="gelu"):
    """x times the normal distribution's probability of x. Any shape -> the same shape.

    Keras `activations.gelu`; Hendrycks & Gimpel 2016.

    Args:
        approximate: whether to compute it by tanh, as GPT-2 and BERT's first code did.
    """

    function: ClassVar[str] = "gelu"

    approximate: Flag = False

    examples: ClassVar[tuple[Example, ...]] = (Example({}, _X, _X[0]), Example({"approximate": True}, _X, _X[0]))


class _Shrink(Activation):
    """Brings small numbers to 0.

    Args:
        threshold: how small.
    """

    threshold: Positive = 0.5

    examples: ClassVar[tuple[Example, ...]] = (Example({}, _X, _X[0]), Example({"threshold": 0.1}, _X, _X[0]))


class HardShrink(_Shrink, name="hard_shrink"):
    """x where |x| > threshold, else 0. Any shape -> the same shape. Keras `activations.hard_shrink`."""

    function: ClassVar[str] = "hard_shrink"


class SoftShrink(_Shrink, name="soft_shrink"):
    """x moved by `threshold` towards 0, no further. Any shape -> the same shape. Keras `activations.soft_shrink`."""

    function: ClassVar[str] = "soft_shrink"


class Squareplus(Activation, name="squareplus"):
    """(x + sqrt(x^2 + b)) / 2. Any shape -> the same shape. Keras `activations.squareplus`; Barron 2021.

    Args:
        b: how round it is at 0.
    """

    function: ClassVar[str] = "squareplus"

    b: Number = 4.0

    examples: ClassVar[tuple[Example, ...]] = (Example({}, _X, _X[0]), Example({"b": 1.0}, _X, _X[0]))


class Threshold(Op, name="threshold"):
    """x where it is above `threshold`, else `value`. Any shape -> the same shape. Keras `activations.threshold`.

    Args:
        threshold: from where on x passes.
        value: what stands below.
    """

    kind: ClassVar[Kind] = "activation"
    kept: ClassVar[Kept] = Kept(inputs=True)

    threshold: Number
    value: Number

    examples: ClassVar[tuple[Example, ...]] = (Example({"threshold": 0.5, "value": -1.0}, _X, _X[0]),)

    def sees(self, *inputs: Shape) -> Sight:
        return HERE

    def keras(self) -> Call:
        told = {"threshold": self.threshold, "default_value": self.value}
        return Call("ActivationFunction", ("threshold",), told)


class _Along(Activation):
    """A function of several numbers together.

    Args:
        axis: which belong together: -1 the channels. Axis 0 would be the batch.
    """

    axis: Axes = -1

    examples: ClassVar[tuple[Example, ...]] = (Example({}, _X, _X[0]), Example({"axis": 1}, ((5, 6),), (5, 6)))

    def fits(self, *inputs: Shape) -> None:
        along(self.axis, inputs[0], self.name)

    def sees(self, *inputs: Shape) -> Sight:
        return sees_along(self.axis, inputs[0])


class Softmax(_Along, name="softmax"):
    """exp(x) over the sum of the channels' exp. Any shape -> the same shape. Keras `Softmax`.

    Args:
        axis: what sums up to 1: -1 the channels, [1, 2] all of a map. Axis 0 would be the batch.
    """

    function: ClassVar[str] = "softmax"
    kept: ClassVar[Kept] = Kept(output=True)
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _X, _X[0]), Example({"axis": [1, 2]}, _X, _X[0]))

    def keras(self) -> Call:
        call = self.call("layers.Softmax")
        return call if call.keywords else Call("layers.Activation", (self.function,))


class LogSoftmax(_Along, name="log_softmax"):
    """log(softmax(x)) over the channels. Any shape -> the same shape. Keras `activations.log_softmax`."""

    function: ClassVar[str] = "log_softmax"
    kept: ClassVar[Kept] = Kept(output=True)


class Sparsemax(_Along, name="sparsemax"):
    """The nearest point of the probability simplex. Any shape -> the same shape.

    Keras `activations.sparsemax`; Martins & Astudillo 2016.
    """

    function: ClassVar[str] = "sparsemax"


class Glu(Activation, name="glu"):
    """The first half of the channels, each times the sigmoid of its twin in the second. (..., 2 C) -> (..., C).

    Keras `activations.glu`, in a layer that tells its shape; Dauphin et al. 2017.
    """

    function: ClassVar[str] = "glu"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _X, (4, 4, 3)),)

    def output(self, *inputs: Shape) -> Shape:
        *rest, channels = inputs[0] or (1,)
        if channels % 2:
            raise OpError(f"`glu` halves the channels, and {channels} is odd", hint="give it an even number of them")
        return (*rest, channels // 2)

    def keras(self) -> Call:
        return Call("GatedLinearUnit")


_LABELS = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "elu": "ELU",
    "selu": "SELU",
    "celu": "CELU",
    "gelu": "GELU",
    "glu": "GLU",
    "silu": "Swish",
    "hard_silu": "Hard swish",
}
_PLAIN = {
    "exponential": "exp(x).",
    "hard_sigmoid": "relu6(x + 3) / 6.",
    "hard_silu": "x * hard_sigmoid(x). Howard et al. 2019.",
    "hard_tanh": "x cut off at -1 and 1.",
    "linear": "x.",
    "log_sigmoid": "log(sigmoid(x)).",
    "mish": "x * tanh(softplus(x)). Misra 2019.",
    "relu6": "x cut off at 0 and 6. Krizhevsky 2010.",
    "selu": "The self-normalising ELU. Klambauer et al. 2017.",
    "sigmoid": "1 / (1 + exp(-x)).",
    "silu": "x * sigmoid(x). Elfwing et al. 2017.",
    "softplus": "log(exp(x) + 1).",
    "softsign": "x / (|x| + 1).",
    "sparse_plus": "A smooth ReLU that is 0 below -1 and x above 1.",
    "sparse_sigmoid": "0 below -1, 1 above 1, a line between.",
    "tanh": "The hyperbolic tangent.",
    "tanh_shrink": "x - tanh(x).",
}
_BY_OUTPUT = frozenset({"exponential", "relu6", "selu", "sigmoid", "tanh"})
_ALIASES = {"swish": "silu", "hard_swish": "hard_silu"}


def _define(name: str, function: str, doc: str) -> None:
    """Makes the class of an activation without arguments."""

    def fill(space: dict[str, Any]) -> None:
        space["__doc__"] = f"{doc} Any shape -> the same shape. Keras `activations.{function}`."
        space["__module__"] = __name__
        space["__annotations__"] = {
            "function": ClassVar[str],
            "kept": ClassVar[Kept],
            "passes": ClassVar[Passes],
            "examples": ClassVar[tuple[Example, ...]],
        }
        space["function"] = function
        if function == "linear":
            space["kept"], space["passes"] = Kept(), "always"
        space["examples"] = (Example({}, _X, _X[0]),)

    base = _ByOutput if function in _BY_OUTPUT else Activation
    types.new_class(name.title().replace("_", ""), (base,), {"name": name}, fill)


for _function, _doc in _PLAIN.items():
    _define(_function, _function, _doc)
for _alias, _function in _ALIASES.items():
    _define(_alias, _function, _PLAIN[_function])
