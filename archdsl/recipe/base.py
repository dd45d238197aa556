"""What the sections of a recipe share: numbers with their ranges, and `none`. Imports no framework."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from archdsl.ops.base import whole

# No annotation here becomes a string: Pydantic would evaluate each again for every class that inherits it.

Whole = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=0, le=10_000_000)]
Counted = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=1, le=10_000_000)]
Epochs = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=1, le=100_000)]
Closed = Annotated[float, Field(strict=True, ge=0, le=1)]
"""A share that may be all."""


class Section(BaseModel):
    """A part of a recipe, with its words."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def beside(word: str, message: str, *inside: int) -> ValidationError:
    """A fault between fields, which is told at one of them.

    Args:
        word: the field.
        inside: where in its list.
    """
    # Braces would be taken for a template's.
    kind = PydanticCustomError("beside", "{message}", {"message": message})
    return ValidationError.from_exception_data(word, [{"type": kind, "loc": (word, *inside), "input": None}])


class OrNone(BeforeValidator):
    """Takes the word `none` for nothing."""


def _nothing(value: Any) -> Any:
    return None if isinstance(value, str) and value == "none" else value


NONE = OrNone(_nothing)
