"""How weights begin and what holds them: Keras's initialisers, regularisers and constraints, as inert data."""

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
    "value": Argument("the number."),
    "mean": Argument("its mean."),
    "stddev": Argument("its standard deviation.", Positive),
    "minval": Argument("its lower end."),
    "maxval": Argument("its upper end."),
    "scale": Argument("the factor of the variance.", Positive),
    "variance_scaling.mode": Argument(
        "by inputs, outputs, their mean, or their geometric mean.",
        Literal["fan_in", "fan_out", "fan_avg", "fan_geo"],
    ),
    "distribution": Argument("its form.", Literal["truncated_normal", "untruncated_normal", "uniform"]),
    "gain": Argument("the factor of the matrix."),
    "seed": Argument("makes the numbers the same each time.", Seed),
    "l1": Argument("the factor.", NotNegative),
    "l2": Argument("the factor; torch's `weight_decay` is twice as much.", NotNegative),
    "l1_l2.l1": Argument("the factor of the sum of |w|.", NotNegative),
    "l1_l2.l2": Argument("the factor of the sum of w^2.", NotNegative),
    "factor": Argument("of what is added to the loss.", NotNegative),
    "orthogonal_regularizer.mode": Argument("which of the two.", Literal["rows", "columns"]),
    "min_value": Argument("the smallest norm.", NotNegative),
    "max_value": Argument("the largest norm.", NotNegative),
    "rate": Argument(
        "how strictly: 1 brings each norm between them in every step.",
        Annotated[float, Field(strict=True, ge=0, le=1)],
    ),
    "axis": Argument("along which norms are taken: 0 for a dense kernel, [0, 1, 2] for a convolution's.", Axes),
}

INITIALIZERS = KerasWords(
    __name__,
    "initializers",
    KerasObject,
    ARGUMENTS,
    {
        "zeros": Word("Zeros", "Zeros."),
        "ones": Word("Ones", "Ones."),
        "constant": Word("Constant", "One number everywhere.", first="value"),
        "random_normal": Word("RandomNormal", "A normal distribution."),
        "truncated_normal": Word("TruncatedNormal", "A normal distribution cut off at two standard deviations."),
        "random_uniform": Word("RandomUniform", "A uniform distribution."),
        "glorot_uniform": Word("GlorotUniform", "Uniform, by inputs and outputs.", "Glorot & Bengio 2010"),
        "glorot_normal": Word("GlorotNormal", "Normal, by inputs and outputs.", "Glorot & Bengio 2010"),
        "he_uniform": Word("HeUniform", "Uniform, by inputs, for ReLU.", "He et al. 2015"),
        "he_normal": Word("HeNormal", "Normal, by inputs, for ReLU.", "He et al. 2015"),
        "lecun_uniform": Word("LecunUniform", "Uniform, by inputs.", "LeCun et al. 1998"),
        "lecun_normal": Word("LecunNormal", "Normal, by inputs.", "LeCun et al. 1998"),
        "variance_scaling": Word(
            "VarianceScaling", "What the Glorot, He and LeCun initialisers are cases of.", first="scale"
        ),
        "orthogonal": Word("Orthogonal", "An orthogonal matrix.", "Saxe et al. 2014", first="gain"),
        "identity": Word("Identity", "The identity matrix; only for weights of two axes.", first="gain"),
    },
)
REGULARIZERS = KerasWords(
    __name__,
    "regularizers",
    KerasObject,
    ARGUMENTS,
    {
        "l1": Word("L1", "Adds l1 * sum |w| to the loss.", first="l1"),
        "l2": Word("L2", "Adds l2 * sum w^2 to the loss.", first="l2"),
        "l1_l2": Word("L1L2", "Adds l1 * sum |w| and l2 * sum w^2 to the loss."),
        "orthogonal_regularizer": Word(
            "OrthogonalRegularizer",
            "Pulls rows or columns towards being orthogonal; only for weights of two axes.",
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
        "max_norm": Word("MaxNorm", "Scales down what is longer than a norm.", first="max_value"),
        "min_max_norm": Word("MinMaxNorm", "Scales what is shorter or longer than two norms."),
        "non_neg": Word("NonNeg", "Sets what is negative to 0."),
        "unit_norm": Word("UnitNorm", "Scales every norm to 1.", first="axis"),
    },
)

# Keras raises where a word wants more axes than the weight has, or fewer: so each field takes only what it can use.
Initializer = Annotated[Any, WordChoice("an initialiser", INITIALIZERS.without("identity", "orthogonal"))]
KernelInitializer = Annotated[Any, WordChoice("an initialiser", INITIALIZERS.without("identity"))]
MatrixInitializer = Annotated[Any, WordChoice("an initialiser", INITIALIZERS)]
Regularizer = Annotated[Any, WordChoice("a regulariser", REGULARIZERS.without("orthogonal_regularizer"), optional=True)]
MatrixRegularizer = Annotated[Any, WordChoice("a regulariser", REGULARIZERS, optional=True)]
Constraint = Annotated[Any, WordChoice("a constraint", CONSTRAINTS, optional=True)]


class Biased(Op):
    """An op that may have a bias.

    Args:
        bias: whether a number is added to each channel of the output.
        bias_initializer: how the bias begins.
        bias_regularizer: what the bias adds to the loss.
        bias_constraint: what holds the bias after each step.
        activity_regularizer: what the output adds to the loss.
    """

    bias: Flag = True
    bias_initializer: Initializer = "zeros"
    bias_regularizer: Regularizer = None
    bias_constraint: Constraint = None
    activity_regularizer: Regularizer = None

    def weight_shapes(self, x: Shape) -> dict[str, Shape]:
        """The shapes of its weights, the bias among them whether or not it has one."""
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
    """An op with a kernel, and perhaps a bias.

    Args:
        kernel_initializer: how the kernel begins.
        kernel_regularizer: what the kernel adds to the loss.
        kernel_constraint: what holds the kernel after each step.
    """

    kernel_initializer: KernelInitializer = "glorot_uniform"
    kernel_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
