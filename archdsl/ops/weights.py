"""How weights begin and what holds them: Keras's initialisers, regularisers and constraints, as inert data."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from archdsl.ops.base import Flag, Number, Op, Positive, Seed
from archdsl.ops.choices import Entry, Table

NotNegative = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Axis = Annotated[int, Field(strict=True, ge=-8, le=8)]
Axes = Axis | list[Axis]


class Zeros(Entry):
    """Zeros. Keras `Zeros`."""

    target: ClassVar[str] = "initializers.Zeros"


class Ones(Entry):
    """Ones. Keras `Ones`."""

    target: ClassVar[str] = "initializers.Ones"


class Constant(Entry):
    """One number everywhere. Keras `Constant`.

    Args:
        value: the number.
    """

    target: ClassVar[str] = "initializers.Constant"
    first: ClassVar[str] = "value"

    value: Number = 0.0


class RandomNormal(Entry):
    """A normal distribution. Keras `RandomNormal`.

    Args:
        mean: its mean.
        stddev: its standard deviation.
        seed: makes the numbers the same each time.
    """

    target: ClassVar[str] = "initializers.RandomNormal"

    mean: Number = 0.0
    stddev: Positive = 0.05
    seed: Seed = None


class TruncatedNormal(RandomNormal):
    """A normal distribution cut off at two standard deviations. Keras `TruncatedNormal`."""

    target: ClassVar[str] = "initializers.TruncatedNormal"


class RandomUniform(Entry):
    """A uniform distribution. Keras `RandomUniform`.

    Args:
        minval: its lower end.
        maxval: its upper end.
        seed: makes the numbers the same each time.
    """

    target: ClassVar[str] = "initializers.RandomUniform"

    minval: Number = -0.05
    maxval: Number = 0.05
    seed: Seed = None


class Scaled(Entry):
    """A distribution as wide as the number of inputs or outputs asks for.

    Args:
        seed: makes the numbers the same each time.
    """

    seed: Seed = None


class GlorotUniform(Scaled):
    """Uniform, by inputs and outputs. Keras `GlorotUniform`; Glorot & Bengio 2010."""

    target: ClassVar[str] = "initializers.GlorotUniform"


class GlorotNormal(Scaled):
    """Normal, by inputs and outputs. Keras `GlorotNormal`; Glorot & Bengio 2010."""

    target: ClassVar[str] = "initializers.GlorotNormal"


class HeUniform(Scaled):
    """Uniform, by inputs, for ReLU. Keras `HeUniform`; He et al. 2015."""

    target: ClassVar[str] = "initializers.HeUniform"


class HeNormal(Scaled):
    """Normal, by inputs, for ReLU. Keras `HeNormal`; He et al. 2015."""

    target: ClassVar[str] = "initializers.HeNormal"


class LecunUniform(Scaled):
    """Uniform, by inputs. Keras `LecunUniform`; LeCun et al. 1998."""

    target: ClassVar[str] = "initializers.LecunUniform"


class LecunNormal(Scaled):
    """Normal, by inputs. Keras `LecunNormal`; LeCun et al. 1998."""

    target: ClassVar[str] = "initializers.LecunNormal"


class VarianceScaling(Entry):
    """What the Glorot, He and LeCun initialisers are cases of. Keras `VarianceScaling`.

    Args:
        scale: the factor of the variance.
        mode: by inputs, outputs, their mean, or their geometric mean.
        distribution: its form.
        seed: makes the numbers the same each time.
    """

    target: ClassVar[str] = "initializers.VarianceScaling"
    first: ClassVar[str] = "scale"

    scale: Positive = 1.0
    mode: Literal["fan_in", "fan_out", "fan_avg", "fan_geo"] = "fan_in"
    distribution: Literal["truncated_normal", "untruncated_normal", "uniform"] = "truncated_normal"
    seed: Seed = None


class Orthogonal(Entry):
    """An orthogonal matrix. Keras `Orthogonal`; Saxe et al. 2014.

    Args:
        gain: the factor of the matrix.
        seed: makes the numbers the same each time.
    """

    target: ClassVar[str] = "initializers.Orthogonal"
    first: ClassVar[str] = "gain"

    gain: Number = 1.0
    seed: Seed = None


class Identity(Entry):
    """The identity matrix; only for weights of two axes. Keras `Identity`.

    Args:
        gain: the factor of the matrix.
    """

    target: ClassVar[str] = "initializers.Identity"
    first: ClassVar[str] = "gain"

    gain: Number = 1.0


class L1(Entry):
    """Adds l1 * sum |w| to the loss. Keras `L1`.

    Args:
        l1: the factor.
    """

    target: ClassVar[str] = "regularizers.L1"
    first: ClassVar[str] = "l1"

    l1: NotNegative = 0.01


class L2(Entry):
    """Adds l2 * sum w^2 to the loss. Keras `L2`.

    Args:
        l2: the factor; torch's `weight_decay` is twice as much.
    """

    target: ClassVar[str] = "regularizers.L2"
    first: ClassVar[str] = "l2"

    l2: NotNegative = 0.01


class L1L2(Entry):
    """Adds l1 * sum |w| and l2 * sum w^2 to the loss. Keras `L1L2`.

    Args:
        l1: the factor of the sum of |w|.
        l2: the factor of the sum of w^2.
    """

    target: ClassVar[str] = "regularizers.L1L2"

    l1: NotNegative = 0.0
    l2: NotNegative = 0.0


class OrthogonalRegularizer(Entry):
    """Pulls rows or columns towards being orthogonal; only for weights of two axes. Keras `OrthogonalRegularizer`.

    Args:
        factor: of what is added to the loss.
        mode: which of the two.
    """

    target: ClassVar[str] = "regularizers.OrthogonalRegularizer"
    first: ClassVar[str] = "factor"

    factor: NotNegative = 0.01
    mode: Literal["rows", "columns"] = "rows"


class MaxNorm(Entry):
    """Scales down what is longer than a norm. Keras `MaxNorm`.

    Args:
        max_value: the largest norm.
        axis: along which norms are taken: 0 for a dense kernel, [0, 1, 2] for a convolution's.
    """

    target: ClassVar[str] = "constraints.MaxNorm"
    first: ClassVar[str] = "max_value"

    max_value: NotNegative = 2.0
    axis: Axes = 0


class MinMaxNorm(Entry):
    """Scales what is shorter or longer than two norms. Keras `MinMaxNorm`.

    Args:
        min_value: the smallest norm.
        max_value: the largest norm.
        rate: how strictly: 1 brings each norm between them in every step.
        axis: along which norms are taken: 0 for a dense kernel, [0, 1, 2] for a convolution's.
    """

    target: ClassVar[str] = "constraints.MinMaxNorm"

    min_value: NotNegative = 0.0
    max_value: NotNegative = 1.0
    rate: Annotated[float, Field(strict=True, ge=0, le=1)] = 1.0
    axis: Axes = 0


class NonNeg(Entry):
    """Sets what is negative to 0. Keras `NonNeg`."""

    target: ClassVar[str] = "constraints.NonNeg"


class UnitNorm(Entry):
    """Scales every norm to 1. Keras `UnitNorm`.

    Args:
        axis: along which norms are taken: 0 for a dense kernel, [0, 1, 2] for a convolution's.
    """

    target: ClassVar[str] = "constraints.UnitNorm"
    first: ClassVar[str] = "axis"

    axis: Axes = 0


INITIALIZERS: dict[str, type[Entry]] = {
    "zeros": Zeros,
    "ones": Ones,
    "constant": Constant,
    "random_normal": RandomNormal,
    "truncated_normal": TruncatedNormal,
    "random_uniform": RandomUniform,
    "glorot_uniform": GlorotUniform,
    "glorot_normal": GlorotNormal,
    "he_uniform": HeUniform,
    "he_normal": HeNormal,
    "lecun_uniform": LecunUniform,
    "lecun_normal": LecunNormal,
    "variance_scaling": VarianceScaling,
    "orthogonal": Orthogonal,
    "identity": Identity,
}
REGULARIZERS: dict[str, type[Entry]] = {
    "l1": L1,
    "l2": L2,
    "l1_l2": L1L2,
    "orthogonal_regularizer": OrthogonalRegularizer,
}
CONSTRAINTS: dict[str, type[Entry]] = {
    "max_norm": MaxNorm,
    "min_max_norm": MinMaxNorm,
    "non_neg": NonNeg,
    "unit_norm": UnitNorm,
}


def _but(table: dict[str, type[Entry]], *words: str) -> dict[str, type[Entry]]:
    return {word: entry for word, entry in table.items() if word not in words}


# Keras raises where a word wants more axes than the weight has, or fewer: so each field takes only what it can use.
Initializer = Annotated[Any, Table("an initialiser", _but(INITIALIZERS, "identity", "orthogonal"))]
KernelInitializer = Annotated[Any, Table("an initialiser", _but(INITIALIZERS, "identity"))]
MatrixInitializer = Annotated[Any, Table("an initialiser", INITIALIZERS)]
Regularizer = Annotated[Any, Table("a regulariser", _but(REGULARIZERS, "orthogonal_regularizer"), optional=True)]
MatrixRegularizer = Annotated[Any, Table("a regulariser", REGULARIZERS, optional=True)]
Constraint = Annotated[Any, Table("a constraint", CONSTRAINTS, optional=True)]


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
