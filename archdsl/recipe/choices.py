"""Fields of a recipe that select an optimizer, a loss, a metric or a schedule. Imports no framework."""

import math
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError, PydanticKnownError

from archdsl.ops.choices import WordChoice, unknown
from archdsl.ops.keras_objects import KerasObject


class ObjectChoice(WordChoice):
    """A word with or without arguments, which is read as its model: `adam`, `{adam: {beta_1: 0.95}}`.

    Args:
        what: the kind of word, with its article: `an optimizer`.
        entries: the model of each word.
        number: whether a number greater than 0 is also accepted.
    """

    def __init__(self, what: str, entries: Mapping[str, type[KerasObject]], number: bool = False) -> None:
        super().__init__(what, entries)
        self.number = number

    def read(self, value: Any) -> Any:
        """Validate a value.

        Returns:
            A model, or a number if numbers are accepted.

        Raises:
            PydanticCustomError: The value is not one of the words.
            ValidationError: An argument is unknown or out of range; its location starts with the word.
        """
        if isinstance(value, KerasObject):
            return value
        if self.number and isinstance(value, int | float) and not isinstance(value, bool):
            if value <= 0:
                raise PydanticKnownError("greater_than", {"gt": 0})
            if not value < math.inf:
                raise PydanticKnownError("finite_number")
            return float(value)
        word, given = value if isinstance(value, str) else "", None
        if isinstance(value, dict) and len(value) == 1:
            word, given = next(iter(value.items()))
        if str(word) not in self.entries:
            raise unknown(str(word), self.entries)
        try:
            return self.entries[str(word)].model_validate({} if given is None else given)
        except ValidationError as error:
            raise under(str(word), error) from None

    def many(self, value: Any) -> bool:
        """Whether a value maps outputs to words, rather than a word to its arguments."""
        return False


class LossChoice(ObjectChoice):
    """A loss (`huber`, `{huber: {delta: 2.0}}`), or a mapping of each output to its loss."""

    def read(self, value: Any) -> Any:
        if not self.many(value):
            return super().read(value)
        losses = {}
        for output, inner in value.items():
            try:
                losses[str(output)] = super().read(inner)
            except ValidationError as error:
                raise under(str(output), error) from None
            except PydanticCustomError as error:
                fault: Any = {"type": error, "loc": (str(output),), "input": inner}
                raise ValidationError.from_exception_data("loss", [fault]) from None
        return losses

    def many(self, value: Any) -> bool:
        if not isinstance(value, dict) or len(value) != 1:
            return isinstance(value, dict)
        word, given = next(iter(value.items()))
        return word not in self.entries or isinstance(given, str)


def under(word: str, error: ValidationError) -> ValidationError:
    """The same errors, with `word` prepended to their locations."""
    faults: list[Any] = [
        {
            "type": PydanticCustomError(fault["type"], "{message}", {**fault.get("ctx", {}), "message": fault["msg"]}),
            "loc": (word, *fault["loc"]),
            "input": fault["input"],
        }
        for fault in error.errors(include_url=False)
    ]
    return ValidationError.from_exception_data(error.title, faults)
