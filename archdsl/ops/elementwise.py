"""Functions of single values, and conversions of their dtype."""

from typing import ClassVar, Literal

from archdsl.ops.base import ANY_DTYPE, FLOAT, Call, Example, Op, OpError, SavedForBackward, Shape, Traits
from archdsl.ops.field_types import Count, Number
from archdsl.ops.receptive_field import POINTWISE
from archdsl.ops.value_range import ValueRange

_X = ((3, 2, 5),)


class _Function(Op, kind="shape", layer="ElementwiseFunction"):
    """Base class of the element-wise functions of `keras.ops`."""

    traits = Traits(elementwise=True)
    depends_on = POINTWISE
    saved = SavedForBackward(inputs=True)
    examples: ClassVar[tuple[Example, ...]] = (Example({}, _X, _X[0]), Example({}, ((7,),), (7,)))

    def keras(self) -> Call:
        call = self.call(self.keras_layer, **self.keras_words)
        return Call(call.target, (self.name,), call.keywords)


class Exp(_Function, name="exp"):
    """Exponential function e^x. Any shape -> the same shape. Keras `exp`, the same as the activation `exponential`."""

    saved = SavedForBackward(output=True)

    def value_range(self, *inputs: ValueRange) -> ValueRange:
        return ValueRange(0.0)


class Log(_Function, name="log"):
    """Natural logarithm. Any shape -> the same shape. Keras `log`. The inputs must be positive."""


class Sqrt(_Function, name="sqrt"):
    """Square root. Any shape -> the same shape. Keras `sqrt`. The inputs must not be negative."""

    traits = Traits(elementwise=True, keeps_zero=True)
    saved = SavedForBackward(output=True)

    def value_range(self, *inputs: ValueRange) -> ValueRange:
        return ValueRange(0.0)


class Abs(_Function, name="abs"):
    """Absolute value. Any shape -> the same shape. Keras `abs`."""

    traits = Traits(elementwise=True, keeps_zero=True)

    def value_range(self, *inputs: ValueRange) -> ValueRange:
        return ValueRange(0.0)


class Square(_Function, name="square"):
    """Square x * x. Any shape -> the same shape. Keras `square`."""

    traits = Traits(elementwise=True, keeps_zero=True)

    def value_range(self, *inputs: ValueRange) -> ValueRange:
        return ValueRange(0.0)


class Clip(_Function, name="clip"):
    """Limits the values to an interval. Any shape -> the same shape. Keras `clip`.

    Args:
        min: smallest value of the output.
        max: largest value of the output.
    """

    keras_words = {"x_min": "min", "x_max": "max"}
    caption = "Clip to {min:g} … {max:g}"

    min: Number
    max: Number

    examples = (Example({"min": 0.0, "max": 6.0}, _X, _X[0]), Example({"min": -1.0, "max": 1.0}, ((7,),), (7,)))

    def fits(self, *inputs: Shape) -> None:
        if self.min > self.max:
            raise OpError(f"`min` is {self.min:g}, but `max` is {self.max:g}", "min", "swap them")

    def value_range(self, *inputs: ValueRange) -> ValueRange:
        return ValueRange(0.0 if self.min >= 0 else None, self.max)


class Power(_Function, name="power"):
    """Raises each value to a power. Any shape -> the same shape. Keras `power`.

    Args:
        exponent: the exponent; a negative value is only allowed in the input if this is an integer.
    """

    short = "exponent"
    keras_words = {"x2": "exponent"}
    caption = "Power {exponent:g}"

    exponent: Number

    examples = (Example({"exponent": 2.0}, _X, _X[0]), Example({"exponent": 3.0}, ((7,),), (7,)))


class Cast(Op, name="cast", kind="shape", layer="Cast"):
    """Converts the values to another dtype. Any shape -> the same shape. Keras `cast`.

    `float32` is the dtype in which the network computes, which is `bfloat16` in mixed precision.

    Args:
        dtype: dtype of the output.
    """

    takes = ANY_DTYPE
    traits = Traits(elementwise=True)
    depends_on = POINTWISE
    caption = "Cast to {dtype}"

    dtype: Literal["float32", "int32", "int64", "uint8", "bool"]

    examples = (Example({"dtype": "float32"}, _X, _X[0]),)

    def gives(self, *dtypes: str) -> str:
        return self.dtype


class OneHot(Op, name="one_hot", kind="shape", layer="OneHot"):
    """Encodes each integer as a vector of zeros with a single one. (...) -> (..., classes). Keras `one_hot`.

    An integer outside of 0 to classes - 1 becomes a vector of zeros.

    Args:
        classes: number of classes, the length of the vectors.
    """

    short = "classes"
    takes = ("int",)
    depends_on = "place"
    caption = "One-hot {classes}"

    classes: Count

    examples = (Example({"classes": 4}, ((5,),), (5, 4)), Example({"classes": 3}, ((4, 6),), (4, 6, 3)))

    def output(self, *inputs: Shape) -> Shape:
        return *inputs[0], self.classes

    def gives(self, *dtypes: str) -> str:
        return FLOAT

    def value_range(self, *inputs: ValueRange) -> ValueRange:
        return ValueRange(0.0, 1.0)
