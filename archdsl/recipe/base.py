"""Types that the sections of a recipe share: numbers with ranges, and `none`. Imports no framework."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from archdsl.ops.field_types import whole

# No `from __future__ import annotations` here: Pydantic would re-evaluate every annotation in each subclass.

Whole = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=0, le=10_000_000)]
Counted = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=1, le=10_000_000)]
Epochs = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=1, le=100_000)]
Closed = Annotated[float, Field(strict=True, ge=0, le=1)]
"""A fraction between 0 and 1, both included."""


class Section(BaseModel):
    """Base class of the sections of a recipe.

    Attributes:
        misplaced: keys that belong elsewhere, each with a hint that says where.
    """

    misplaced: ClassVar[Mapping[str, str]] = {}

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Conflict(NamedTuple):
    """Fields that are valid on their own but not together.

    Args:
        message: the error message.
        place: the path of the field to report it at.
        hint: the help line.
        code: the error code.
        at_key: whether to mark the key of the field instead of its value.
    """

    message: str
    place: tuple[str | int, ...]
    hint: str = ""
    code: str = "ARCH008"
    at_key: bool = True


def invalid(*conflicts: Conflict) -> ValidationError:
    """The error that a validator raises for conflicts between the fields of its model."""
    # The message is a template, so it is passed as a value: it may contain braces.
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
    """Validator that replaces the word `none` by None."""


def _nothing(value: Any) -> Any:
    return None if isinstance(value, str) and value == "none" else value


NONE = OrNone(_nothing)
