"""All activations of Keras under their Keras names, and the aliases `swish` and `hard_swish`."""

import types
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from archdsl.ops.base import Call, Example, Op, OpError, SavedForBackward, Shape, Traits, Weight
from archdsl.ops.field_types import Flag, Number, Positive
from archdsl.ops.index_sets import ALL, LONGEST, Positions, bounded, smeared
from archdsl.ops.norm import AlongAxis
from archdsl.ops.receptive_field import POINTWISE
from archdsl.ops.value_range import Support, ValueRange, clip, same_sign
from archdsl.ops.weights import Axes, Constraint, Initializer, Regularizer

_X = ((4, 4, 6),)
_THROUGH_ZERO = Traits(elementwise=True, keeps_zero=True)


class _Elementwise(Op, kind="activation"):
    """Base class of the activations that are applied element-wise."""

    saved = SavedForBackward(inputs=True)
    traits = Traits(elementwise=True)
    depends_on = POINTWISE

    def label(self) -> str:
        return _LABELS.get(self.name) or super().label()


class Activation(_Elementwise):
    """Base class of the activations that Keras has a function for. Any shape -> the same shape."""

    function: ClassVar[str] = ""
    """Its Keras name; also the string that Keras layers accept as `activation=` if it has no arguments."""
    bounds: ClassVar[ValueRange] = ValueRange()
    """The range of its output, if that does not depend on the input."""

    def __init_subclass__(cls, name: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(name=name, **kwargs)
        if cls.is_own():
            cls.function = vars(cls).get("function", name)

    def value_range(self, *inputs: ValueRange) -> ValueRange:
        if (to := self.clips_to()) is not None:
            return clip(inputs[0], to)
        return super().value_range(*inputs) if self.bounds == ValueRange() else self.bounds

    def keras(self) -> Call:
        if self.keras_layer:
            return super().keras()
        call = self.call("ActivationFunction")
        return Call(call.target if call.keywords else "layers.Activation", (self.function,), call.keywords)


class _ByOutput(Activation):
    """Base class of the activations whose gradient needs only the output, so the input is not saved."""

    saved = SavedForBackward(output=True)


class Relu(_ByOutput, name="relu", layer="layers.ReLU"):
    """Rectified linear unit: max(x, 0). Any shape -> the same shape.

    Keras `ReLU`; Nair & Hinton 2010.

    Args:
        max_value: upper bound of the output; unbounded by default.
        slope: slope for values below `threshold`.
        threshold: value below which the activation is damped or set to 0.
    """

    keras_words = {"max_value": "max_value", "negative_slope": "slope"}
    traits = _THROUGH_ZERO

    max_value: Positive | None = None
    slope: Number = 0.0
    threshold: Number = 0.0

    examples = (
        Example({}, _X, _X[0]),
        Example({"max_value": 6.0, "slope": 0.1}, _X, _X[0]),
        Example({"threshold": 0.5}, _X, _X[0]),
    )

    def clips_to(self) -> ValueRange | None:
        return ValueRange(0.0, self.max_value) if self.slope == self.threshold == 0 else None

    def nonzero_region(self, support: Support | None, x: Shape) -> Support | None:
        return support if self.threshold >= 0 else None


class LeakyRelu(_Elementwise, name="leaky_relu", layer="layers.LeakyReLU"):
    """max(x, slope * x). Any shape -> the same shape. Keras `LeakyReLU`; Maas et al. 2013.

    Args:
        slope: slope for negative values.
    """

    # Not a subclass of `Activation`: for the string "leaky_relu", Keras uses a different slope, 0.2.
    keras_words = {"negative_slope": "slope"}
    traits = _THROUGH_ZERO

    slope: Number = 0.3

    examples = (Example({}, _X, _X[0]), Example({"slope": 0.1}, _X, _X[0]))


class PRelu(_Elementwise, name="prelu", layer="layers.PReLU"):
    """Parametric ReLU: max(x, alpha * x) with a learned alpha. Any shape -> the same shape.

    Keras `PReLU`; He et al. 2015.

    Args:
        shared_axes: axes along which to share alpha; [1, 2] gives one alpha per channel of a feature map.
        alpha_initializer: initializer for alpha.
        alpha_regularizer: regularizer for alpha.
        alpha_constraint: constraint on alpha.
    """

    traits = _THROUGH_ZERO

    shared_axes: Axes | None = None
    alpha_initializer: Initializer = "zeros"
    alpha_regularizer: Regularizer = None
    alpha_constraint: Constraint = None

    examples = (
        Example({}, _X, _X[0]),
        Example({"shared_axes": [1, 2], "alpha_initializer": {"constant": 0.25}}, _X, _X[0]),
        Example({"alpha_regularizer": "l2", "alpha_constraint": "non_neg"}, ((6,),), (6,)),
    )

    def fits(self, *inputs: Shape) -> None:
        axes = self._axes()
        if not {*axes} <= {*range(1, len(inputs[0]) + 1)}:
            raise OpError(f"`shared_axes` must be between 1 and {len(inputs[0])}, got {axes}", "shared_axes")

    def _axes(self) -> list[int]:
        shared = [] if self.shared_axes is None else self.shared_axes
        return shared if isinstance(shared, list) else [shared]

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        axes = self._axes()
        return {"alpha": Weight(tuple(1 if i in axes else side for i, side in enumerate(inputs[0], start=1)))}


class Elu(_ByOutput, name="elu", layer="layers.ELU"):
    """Exponential linear unit: x if x > 0, else alpha * (exp(x) - 1). Any shape -> the same shape.

    Keras `ELU`; Clevert et al. 2016.

    Args:
        alpha: scale of the negative part.
    """

    traits = _THROUGH_ZERO

    alpha: Number = 1.0

    examples = (Example({}, _X, _X[0]), Example({"alpha": 0.5}, _X, _X[0]))


class Celu(Activation, name="celu"):
    """Continuously differentiable ELU: max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0).

    Any shape -> the same shape. Keras `activations.celu`; Barron 2017.

    Args:
        alpha: scale of the negative part.
    """

    traits = _THROUGH_ZERO

    alpha: Positive = 1.0

    examples = (Example({}, _X, _X[0]), Example({"alpha": 0.5}, _X, _X[0]))


class Gelu(Activation, name="gelu"):
    """Gaussian error linear unit: x * P(X <= x) with X ~ N(0, 1). Any shape -> the same shape.

    Keras `activations.gelu`; Hendrycks & Gimpel 2016.

    Args:
        approximate: whether to use the tanh approximation, as GPT-2 and the original BERT code do.
    """

    traits = _THROUGH_ZERO

    approximate: Flag = False

    examples = (Example({}, _X, _X[0]), Example({"approximate": True}, _X, _X[0]))


class _Shrink(Activation):
    """Base class of the shrinkage functions.

    Args:
        threshold: absolute value up to which the output is 0.
    """

    traits = _THROUGH_ZERO

    threshold: Positive = 0.5

    examples = (Example({}, _X, _X[0]), Example({"threshold": 0.1}, _X, _X[0]))


class HardShrink(_Shrink, name="hard_shrink"):
    """x if |x| > threshold, else 0. Any shape -> the same shape. Keras `activations.hard_shrink`."""


class SoftShrink(_Shrink, name="soft_shrink"):
    """sign(x) * max(|x| - threshold, 0). Any shape -> the same shape.

    Keras `activations.soft_shrink`.
    """


class Squareplus(Activation, name="squareplus"):
    """(x + sqrt(x^2 + b)) / 2. Any shape -> the same shape. Keras `activations.squareplus`; Barron 2021.

    Args:
        b: smoothness around 0.
    """

    bounds = ValueRange(0.0)

    b: Number = 4.0

    examples = (Example({}, _X, _X[0]), Example({"b": 1.0}, _X, _X[0]))


class Threshold(_Elementwise, name="threshold"):
    """x if x > `threshold`, else `value`. Any shape -> the same shape. Keras `activations.threshold`.

    Args:
        threshold: value above which x is passed through.
        value: output for all other inputs.
    """

    threshold: Number
    value: Number

    examples = (Example({"threshold": 0.5, "value": -1.0}, _X, _X[0]),)

    def keras(self) -> Call:
        arguments = {"threshold": self.threshold, "default_value": self.value}
        return Call("ActivationFunction", ("threshold",), arguments)


class _Along(AlongAxis, Activation):
    """Base class of the activations along an axis.

    Args:
        axis: axis along which the function is applied; -1 is the channels. Axis 0 is the batch and cannot be used.
    """

    traits = Traits()
    of_one_number = "1"
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _X, _X[0]), Example({"axis": 1}, ((5, 6),), (5, 6)))


class Softmax(_Along, name="softmax"):
    """exp(x) / sum(exp(x)) along `axis`. Any shape -> the same shape. Keras `Softmax`.

    Args:
        axis: axis or axes along which the output sums to 1: -1 is the channels, [1, 2] is all pixels. Axis 0 is the
            batch and cannot be used.
    """

    traits = Traits(sums_to_one=True)
    bounds = ValueRange(0.0, 1.0)
    saved = SavedForBackward(output=True)
    examples = (Example({}, _X, _X[0]), Example({"axis": [1, 2]}, _X, _X[0]))

    def keras(self) -> Call:
        call = self.call("layers.Softmax")
        return call if call.keywords else Call("layers.Activation", (self.function,))


class LogSoftmax(_Along, name="log_softmax"):
    """log(softmax(x)) along `axis`. Any shape -> the same shape. Keras `activations.log_softmax`."""

    of_one_number = "0"
    saved = SavedForBackward(output=True)


class Sparsemax(_Along, name="sparsemax"):
    """Euclidean projection onto the probability simplex. Any shape -> the same shape.

    Keras `activations.sparsemax`; Martins & Astudillo 2016.
    """

    traits = Traits(sums_to_one=True)
    bounds = ValueRange(0.0, 1.0)


class Glu(Activation, name="glu", layer="GatedLinearUnit"):
    """Gated linear unit: the first half of the channels times the sigmoid of the second half. (..., 2 C) -> (..., C).

    Keras `activations.glu`, wrapped in a layer that infers its output shape; Dauphin et al. 2017.
    """

    examples = (Example({}, _X, (4, 4, 3)),)

    def output(self, *inputs: Shape) -> Shape:
        *rest, channels = inputs[0] or (1,)
        if channels % 2:
            raise OpError(f"`glu` requires an even number of channels, got {channels}")
        return (*rest, channels // 2)

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        half = output[-1]
        return ((*needed[:-1], ALL if half > LONGEST else smeared(bounded(needed[-1], half), 2, half)),)


_LABELS = {
    "relu": "ReLU",
    "leaky_relu": "Leaky ReLU",
    "prelu": "PReLU",
    "relu6": "ReLU6",
    "elu": "ELU",
    "selu": "SELU",
    "celu": "CELU",
    "gelu": "GELU",
    "glu": "GLU",
    "silu": "Swish",
    "hard_silu": "Hard swish",
}


class _Plain(NamedTuple):
    """An activation without arguments.

    Args:
        by_output: whether its gradient needs only the output.
        keeps_zero: whether it maps 0 to 0.
        bounds: range of its output.
        odd: whether it preserves the sign.
        clips: the range it clips to, if it only clips.
        identity: whether it is the identity.
    """

    doc: str
    by_output: bool = False
    keeps_zero: bool = False
    bounds: ValueRange = ValueRange()
    odd: bool = False
    clips: ValueRange | None = None
    identity: bool = False


class _Fixed(Activation):
    """Base class of the activations without arguments, which `_PLAIN` describes."""

    plain: ClassVar[_Plain]
    examples = (Example({}, _X, _X[0]),)

    def clips_to(self) -> ValueRange | None:
        return self.plain.clips

    def value_range(self, *inputs: ValueRange) -> ValueRange:
        found = super().value_range(*inputs)
        return ValueRange(same_sign(*inputs).least, found.most) if self.plain.odd else found


_SHARE = ValueRange(0.0, 1.0)
_POSITIVE = ValueRange(0.0)
_PLAIN = {
    "exponential": _Plain("exp(x).", by_output=True, bounds=_POSITIVE),
    "hard_sigmoid": _Plain("Piecewise linear sigmoid: relu6(x + 3) / 6.", bounds=_SHARE),
    "hard_silu": _Plain("Hard SiLU, or hard swish: x * hard_sigmoid(x). Howard et al. 2019.", keeps_zero=True),
    "hard_tanh": _Plain("x clipped to [-1, 1].", keeps_zero=True, bounds=ValueRange(None, 1.0), odd=True),
    "linear": _Plain("Identity: x.", keeps_zero=True, identity=True),
    "log_sigmoid": _Plain("log(sigmoid(x))."),
    "mish": _Plain("x * tanh(softplus(x)). Misra 2019.", keeps_zero=True),
    "relu6": _Plain(
        "ReLU clipped at 6: min(max(x, 0), 6). Krizhevsky 2010.",
        by_output=True,
        keeps_zero=True,
        clips=ValueRange(0.0, 6.0),
    ),
    "selu": _Plain("Scaled ELU for self-normalizing networks. Klambauer et al. 2017.", by_output=True, keeps_zero=True),
    "sigmoid": _Plain("1 / (1 + exp(-x)).", by_output=True, bounds=_SHARE),
    "silu": _Plain("SiLU, or swish: x * sigmoid(x). Elfwing et al. 2017.", keeps_zero=True),
    "softplus": _Plain("log(exp(x) + 1).", bounds=_POSITIVE),
    "softsign": _Plain("x / (|x| + 1).", keeps_zero=True, bounds=ValueRange(None, 1.0), odd=True),
    "sparse_plus": _Plain("Smooth ReLU: 0 below -1, x above 1, (x + 1)^2 / 4 in between.", bounds=_POSITIVE),
    "sparse_sigmoid": _Plain("Piecewise linear sigmoid: 0 below -1, 1 above 1, (x + 1) / 2 in between.", bounds=_SHARE),
    "tanh": _Plain("Hyperbolic tangent.", by_output=True, keeps_zero=True, bounds=ValueRange(None, 1.0), odd=True),
    "tanh_shrink": _Plain("x - tanh(x).", keeps_zero=True),
}
_ALIASES = {"swish": "silu", "hard_swish": "hard_silu"}


def _define(name: str, function: str, plain: _Plain) -> None:
    """Define the class of an activation without arguments."""

    def fill(space: dict[str, Any]) -> None:
        space["__doc__"] = f"{plain.doc} Any shape -> the same shape. Keras `activations.{function}`."
        space["__module__"] = __name__
        space["function"], space["plain"], space["bounds"] = function, plain, plain.bounds
        traits = Traits(elementwise=True, keeps_zero=plain.keeps_zero)
        space["traits"] = traits._replace(values="between") if plain.identity else traits
        space["saved"] = SavedForBackward(inputs=not plain.by_output and not plain.identity, output=plain.by_output)
        space["aliases_input"] = "always" if plain.identity else "never"

    types.new_class(name.title().replace("_", ""), (_Fixed,), {"name": name}, fill)


for _function, _plain in _PLAIN.items():
    _define(_function, _function, _plain)
for _alias, _function in _ALIASES.items():
    _define(_alias, _function, _PLAIN[_function])
