"""Pydantic types for the arguments of ops. Imports no framework."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationError, WrapValidator
from pydantic_core import PydanticCustomError


def whole(value: Any) -> Any:
    """Convert 3.0 to 3; all other values are left to the strict check that follows."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def pair(value: Any) -> Any:
    """Convert 3 to (3, 3)."""
    if not isinstance(value, list | tuple):
        return (value, value)
    if len(value) != 2:
        raise PydanticCustomError("kind", "expected {wanted}", {"wanted": "a number, or two as [height, width]"})
    return tuple(value)


def listed(value: Any) -> Any:
    """Check that a list has an entry for each of up to three axes."""
    if not 1 <= len(value) <= 3:
        wanted = "a number, or a list with one number per axis, such as [height, width]"
        raise PydanticCustomError("kind", "expected {wanted}", {"wanted": wanted})
    return value


_OF_NUMBERS = {"int_type", "float_type", "greater_than", "greater_than_equal", "less_than", "less_than_equal"}


def either(wanted: str) -> Any:
    """Replace the errors of a union by a single message, or by that of a number in a list and its place in the list."""

    def check(value: Any, handler: Any) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            for fault in error.errors(include_url=False):
                at = tuple(segment for segment in fault["loc"] if isinstance(segment, int))
                if at and fault["type"] in _OF_NUMBERS:
                    raise PydanticCustomError("entry", "{fault}", {"fault": fault, "at": at}) from None
            raise PydanticCustomError("kind", "expected {wanted}", {"wanted": wanted}) from None

    return check


Size = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=1, le=65_536)]
Count = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=1, le=1_000_000)]
Pixels = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=0, le=65_536)]
Pair = Annotated[tuple[Size, Size], BeforeValidator(pair, json_schema_input_type=Size | tuple[Size, Size])]
"""Height and width, for ops that take only (H, W, C)."""
_UP_TO_THREE = Field(min_length=1, max_length=3)
PerAxis = Annotated[
    Annotated[Size, Tag("number")] | Annotated[tuple[Size, ...], BeforeValidator(listed), _UP_TO_THREE, Tag("list")],
    Discriminator(lambda value: "list" if isinstance(value, list | tuple) else "number"),
]
"""A number for every axis, or a number for each of them. The rank of the input is known only to `Op.output`."""
Edges = Annotated[tuple[tuple[Pixels, Pixels], ...], _UP_TO_THREE]
_EDGES = "a number, or a list with one pair per axis, such as [[top, bottom], [left, right]]"
Padding = Annotated[Literal["valid", "same"] | Pixels | Edges, WrapValidator(either(f"`same`, `valid`, {_EDGES}"))]
ConvPadding = Annotated[
    Literal["valid", "same", "causal"] | Pixels | Edges, WrapValidator(either(f"`same`, `valid`, `causal`, {_EDGES}"))
]
Border = Annotated[Pixels | Edges, WrapValidator(either(_EDGES))]
Sides: TypeAlias = tuple[tuple[int, int], ...]
"""The numbers of pixels before and after each axis."""
Flag = Annotated[bool, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(strict=True, ge=0, lt=1)]
Seed = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=0, le=2**31 - 1)] | None
Numbers = Annotated[Number | tuple[Number, ...], WrapValidator(either("a number, or a list of numbers"))]
CellActivation = Annotated[
    Literal[
        "celu",
        "elu",
        "exponential",
        "gelu",
        "hard_shrink",
        "hard_sigmoid",
        "hard_silu",
        "hard_swish",
        "hard_tanh",
        "leaky_relu",
        "linear",
        "log_sigmoid",
        "mish",
        "relu",
        "relu6",
        "selu",
        "sigmoid",
        "silu",
        "soft_shrink",
        "softplus",
        "softsign",
        "sparse_plus",
        "sparse_sigmoid",
        "squareplus",
        "swish",
        "tanh",
        "tanh_shrink",
    ],
    Field(),
]
"""The element-wise activations that Keras knows by name."""
