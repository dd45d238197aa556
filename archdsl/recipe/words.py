"""Choices of words whose models are imported and built only when one is named. Imports no framework."""

import math
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticCustomError, PydanticKnownError

from archdsl.ops.choices import Entry, Table

Model = TypeVar("Model", bound=Entry)


class Words(Mapping[str, type[Model]], Generic[Model]):
    """The models of some words, by word, in a module that is imported when somebody looks.

    Args:
        module: the module that has them.
        table: what they are called there.
    """

    def __init__(self, module: str, table: str) -> None:
        self.module, self.table = module, table

    @property
    def models(self) -> Mapping[str, type[Model]]:
        found: Mapping[str, type[Model]] = getattr(import_module(self.module), self.table)
        return found

    def __getitem__(self, word: str) -> type[Model]:
        return self.models[word]

    def __iter__(self) -> Iterator[str]:
        return iter(self.models)

    def __len__(self) -> int:
        return len(self.models)

    def word(self, model: object) -> str:
        """The word of a model, or of an instance of one."""
        kind = model if isinstance(model, type) else type(model)
        return next(word for word, known in self.models.items() if known is kind)


class Choice(Table):
    """A word that becomes its model, with arguments or without: `adam`, `{adam: {beta_1: 0.95}}`.

    Args:
        what: what a word is, as in `an optimizer`.
        entries: the model of each word.
        number: whether a number (more than 0) may stand there, too.
    """

    def __init__(self, what: str, entries: Mapping[str, type[Entry]], number: bool = False) -> None:
        super().__init__(what, entries)
        self.number = number

    def read(self, value: Any) -> Any:
        """A model, or a number where one may stand.

        Raises:
            PydanticCustomError: the value is no word of this choice.
            ValidationError: an argument is not the word's, or out of its range; its place begins with the word.
        """
        if isinstance(value, Entry):
            return value
        if self.number and isinstance(value, int | float) and not isinstance(value, bool):
            if not 0 < value < math.inf:
                raise (
                    PydanticKnownError("greater_than", {"gt": 0}) if value <= 0 else PydanticKnownError("finite_number")
                )
            return float(value)
        word, given = _named(value)
        entry = self.entries.get(word)
        if entry is None:
            expected = ", ".join(f"'{name}'" for name in self.entries)
            raise PydanticCustomError("union_tag_invalid", "unknown", {"tag": word, "expected_tags": expected})
        try:
            return entry.model_validate({} if given is None else given)
        except ValidationError as error:
            raise under(word, error) from None

    def many(self, value: Any) -> bool:
        """Whether a mapping has a word for each of several outputs, and is not a word with its arguments."""
        return False


def _named(value: Any) -> tuple[str, Any]:
    """A word and its arguments; no word where the value is none."""
    if isinstance(value, dict) and len(value) == 1:
        word, given = next(iter(value.items()))
        return str(word), given
    return (value, None) if isinstance(value, str) else ("", None)


def under(word: str, error: ValidationError) -> ValidationError:
    """The same faults, a word further inside."""
    faults: list[Any] = [
        {
            "type": PydanticCustomError(fault["type"], "{message}", {**fault.get("ctx", {}), "message": fault["msg"]}),
            "loc": (word, *fault["loc"]),
            "input": fault["input"],
        }
        for fault in error.errors(include_url=False)
    ]
    return ValidationError.from_exception_data(error.title, faults)
