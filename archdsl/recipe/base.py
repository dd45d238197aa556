"""What the sections of a recipe share: numbers with their ranges, and `none`. Imports no framework."""

from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from archdsl.ops.field_types import whole

# No annotation here becomes a string: Pydantic would evaluate each again for every class that inherits it.

Whole = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=0, le=10_000_000)]
Counted = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=1, le=10_000_000)]
Epochs = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=1, le=100_000)]
Closed = Annotated[float, Field(strict=True, ge=0, le=1)]
"""A share that may be all."""


class Section(BaseModel):
    """A part of a recipe, with its words."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Conflict(NamedTuple):
    """A fault between fields, each of which could be right alone.

    Args:
        message: what is wrong.
        place: the path of the field where it is reported.
        hint: what to do about it.
        code: the problem's code.
        at_key: whether the key of the field is marked, and not its value.
    """

    message: str
    place: tuple[str | int, ...]
    hint: str = ""
    code: str = "ARCH008"
    at_key: bool = True


def invalid(*conflicts: Conflict) -> ValidationError:
    """What a validator raises for conflicts between the fields of its model."""
    # Braces in a message would be taken for a template's.
    faults: list[Any] = [
        {
            "type": PydanticCustomError("conflict", "{message}", conflict._asdict()),
            "loc": conflict.place,
            "input": None,
        }
        for conflict in conflicts
    ]
    return ValidationError.from_exception_data("recipe", faults)


class OrNone(BeforeValidator):
    """Takes the word `none` for nothing."""


def _nothing(value: Any) -> Any:
    return None if isinstance(value, str) and value == "none" else value


NONE = OrNone(_nothing)
