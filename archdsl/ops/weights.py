"""Initializers, regularizers and constraints of Keras as inert data."""

import math
from typing import Annotated, Any, Literal

from pydantic import Field

from archdsl.ops.base import Op, Shape, Weight
from archdsl.ops.choices import WordChoice
from archdsl.ops.field_types import Flag, NotNegative, Positive, Seed
from archdsl.ops.keras_objects import Argument, KerasObject, KerasWords, Word

Axis = Annotated[int, Field(strict=True, ge=-8, le=8)]
Axes = Axis | list[Axis]

ARGUMENTS = {
    "value": Argument("value of all weights."),
    "mean": Argument("mean of the distribution."),
    "stddev": Argument("standard deviation of the distribution.", Positive),
    "minval": Argument("lower bound of the distribution."),
    "maxval": Argument("upper bound of the distribution."),
    "scale": Argument("scaling factor of the variance.", Positive),
    "variance_scaling.mode": Argument(
        "quantity the variance is divided by: fan-in, fan-out, their average or their geometric mean.",
        Literal["fan_in", "fan_out", "fan_avg", "fan_geo"],
    ),
    "distribution": Argument(
        "distribution to draw from.", Literal["truncated_normal", "untruncated_normal", "uniform"]
    ),
    "gain": Argument("factor the matrix is multiplied by."),
    "seed": Argument("random seed, for reproducible weights.", Seed),
    "l1": Argument("L1 regularization factor.", NotNegative),
    "l2": Argument("L2 regularization factor; torch's equivalent `weight_decay` is twice this value.", NotNegative),
    "l1_l2.l1": Argument("L1 regularization factor.", NotNegative),
    "l1_l2.l2": Argument("L2 regularization factor.", NotNegative),
    "factor": Argument("regularization factor.", NotNegative),
    "orthogonal_regularizer.mode": Argument("whether rows or columns become orthogonal.", Literal["rows", "columns"]),
    "min_value": Argument("minimum norm.", NotNegative),
    "max_value": Argument("maximum norm.", NotNegative),
    "rate": Argument(
        "rate at which the constraint is enforced: 1 enforces it strictly in every step.",
        Annotated[float, Field(strict=True, ge=0, le=1)],
    ),
    "axis": Argument("axis or axes to compute norms along: 0 for a dense kernel, [0, 1, 2] for a conv kernel.", Axes),
}

INITIALIZERS = KerasWords(
    __name__,
    "initializers",
    KerasObject,
    ARGUMENTS,
    {
        "zeros": Word("Zeros", "All weights 0."),
        "ones": Word("Ones", "All weights 1."),
        "constant": Word("Constant", "All weights the same number.", first="value"),
        "random_normal": Word("RandomNormal", "Normal distribution."),
        "truncated_normal": Word("TruncatedNormal", "Normal distribution truncated at two standard deviations."),
        "random_uniform": Word("RandomUniform", "Uniform distribution."),
        "glorot_uniform": Word(
            "GlorotUniform", "Uniform distribution scaled by fan-in and fan-out (Xavier).", "Glorot & Bengio 2010"
        ),
        "glorot_normal": Word(
            "GlorotNormal", "Normal distribution scaled by fan-in and fan-out (Xavier).", "Glorot & Bengio 2010"
        ),
        "he_uniform": Word("HeUniform", "Uniform distribution scaled by fan-in, for ReLU.", "He et al. 2015"),
        "he_normal": Word("HeNormal", "Normal distribution scaled by fan-in, for ReLU.", "He et al. 2015"),
        "lecun_uniform": Word("LecunUniform", "Uniform distribution scaled by fan-in.", "LeCun et al. 1998"),
        "lecun_normal": Word("LecunNormal", "Normal distribution scaled by fan-in.", "LeCun et al. 1998"),
        "variance_scaling": Word(
            "VarianceScaling", "Generalization of the Glorot, He and LeCun initializers.", first="scale"
        ),
        "orthogonal": Word("Orthogonal", "Random orthogonal matrix.", "Saxe et al. 2014", first="gain"),
        "identity": Word("Identity", "Identity matrix; only for 2D weights.", first="gain"),
    },
)
REGULARIZERS = KerasWords(
    __name__,
    "regularizers",
    KerasObject,
    ARGUMENTS,
    {
        "l1": Word("L1", "L1 regularization: adds l1 * sum(|w|) to the loss.", first="l1"),
        "l2": Word("L2", "L2 regularization: adds l2 * sum(w^2) to the loss.", first="l2"),
        "l1_l2": Word("L1L2", "Both L1 and L2 regularization: adds l1 * sum(|w|) + l2 * sum(w^2) to the loss."),
        "orthogonal_regularizer": Word(
            "OrthogonalRegularizer",
            "Encourages the rows or columns to be orthogonal; only for 2D weights.",
            first="factor",
        ),
    },
)
CONSTRAINTS = KerasWords(
    __name__,
    "constraints",
    KerasObject,
    ARGUMENTS,
    {
        "max_norm": Word("MaxNorm", "Limits the norm of the weights of each unit to a maximum.", first="max_value"),
        "min_max_norm": Word("MinMaxNorm", "Keeps the norm of the weights of each unit between two bounds."),
        "non_neg": Word("NonNeg", "Keeps the weights non-negative."),
        "unit_norm": Word("UnitNorm", "Scales the weights of each unit to a norm of 1.", first="axis"),
    },
)

# Keras raises if a word does not support the rank of the weight, so each field offers only the words it can use.
Initializer = Annotated[Any, WordChoice("an initializer", INITIALIZERS.without("identity", "orthogonal"))]
KernelInitializer = Annotated[Any, WordChoice("an initializer", INITIALIZERS.without("identity"))]
MatrixInitializer = Annotated[Any, WordChoice("an initializer", INITIALIZERS)]
Regularizer = Annotated[Any, WordChoice("a regularizer", REGULARIZERS.without("orthogonal_regularizer"), optional=True)]
MatrixRegularizer = Annotated[Any, WordChoice("a regularizer", REGULARIZERS, optional=True)]
Constraint = Annotated[Any, WordChoice("a constraint", CONSTRAINTS, optional=True)]


class Biased(Op):
    """Base class of the ops with an optional bias.

    Args:
        bias: whether to add a bias vector to the output.
        bias_initializer: initializer for the bias vector.
        bias_regularizer: regularizer for the bias vector.
        bias_constraint: constraint on the bias vector.
        activity_regularizer: regularizer for the output.
    """

    bias: Flag = True
    bias_initializer: Initializer = "zeros"
    bias_regularizer: Regularizer = None
    bias_constraint: Constraint = None
    activity_regularizer: Regularizer = None

    def weight_shapes(self, x: Shape) -> dict[str, Shape]:
        """The shapes of its weights, always including the bias."""
        raise NotImplementedError

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        shapes = self.weight_shapes(inputs[0])
        return {name: Weight(shape) for name, shape in shapes.items() if self.bias or "bias" not in name}

    def macs(self, *inputs: Shape) -> int:
        kernels = sum(math.prod(shape) for name, shape in self.weight_shapes(inputs[0]).items() if "bias" not in name)
        return math.prod(self.output(*inputs)[:-1]) * kernels

    def activations(self, *inputs: Shape) -> int:
        return math.prod(self.output(*inputs))


class Kernel(Biased):
    """Base class of the ops with a kernel and an optional bias.

    Args:
        kernel_initializer: initializer for the kernel.
        kernel_regularizer: regularizer for the kernel.
        kernel_constraint: constraint on the kernel.
    """

    kernel_initializer: KernelInitializer = "glorot_uniform"
    kernel_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
