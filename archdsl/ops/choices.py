"""A choice of words with arguments, as inert data; in Keras they are nested calls."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import PydanticCustomError, core_schema

from archdsl.errors import fail, nearest
from archdsl.expr import Expression
from archdsl.ops.base import Call, Written
from archdsl.ops.keras_objects import KerasObject


class WordChoice(Written):
    """A choice of words, each with arguments: `he_normal`, `{l2: 0.0001}`, `{truncated_normal: {stddev: 0.02}}`.

    Args:
        what: the kind of word, with its article: `an initializer`.
        entries: the model of each word.
        optional: whether `none` is also accepted.
    """

    def __init__(self, what: str, entries: Mapping[str, type[KerasObject]], optional: bool = False) -> None:
        self.what, self.entries, self.optional = what, entries, optional

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def read(self, value: Any) -> Any:
        """Validate a value.

        Returns:
            None, a word, or a Keras object with arguments.

        Raises:
            PydanticCustomError: The value is not one of the words, or an argument is unknown.
            ValidationError: An argument is out of range; Pydantic reports it for the whole op.
        """
        if isinstance(value, KerasObject) or value is None:
            return value
        word, given = _split(value)
        if word == "none" and self.optional:
            return None
        if word not in self.entries:
            raise unknown(word, [*self.entries, *(["none"] if self.optional else [])])
        entry = self.entries[word]
        given = _arguments(word, entry, given)
        for name in given:
            if not entry.takes(name):
                raise unknown(name, entry.model_fields)
        return entry.model_validate(given) if given else word

    def keras(self, value: Any) -> Any:
        if isinstance(value, KerasObject):
            return value.keras()
        if isinstance(value, Expression):
            return Call("unless_none", (value,)) if self.optional else value
        if not isinstance(value, dict):
            return None if isinstance(value, str) and value == "none" else value
        word, given = _split(value)
        if word not in self.entries:
            raise fail("ARCH007", f"unknown value `{word}`", hint=nearest(word, self.entries))
        entry = self.entries[word]
        given = _arguments(word, entry, given)
        return entry.model_construct(**given).keras() if given else word


def unknown(word: str, known: Iterable[str], hint: str = "") -> PydanticCustomError:
    """The error for an unknown word."""
    expected = ", ".join(f"'{name}'" for name in known)
    return PydanticCustomError("union_tag_invalid", "unknown", {"tag": word, "expected_tags": expected, "hint": hint})


def _split(value: Any) -> tuple[str, Any]:
    if isinstance(value, dict) and len(value) == 1:
        word, given = next(iter(value.items()))
        return str(word), given
    if not isinstance(value, str):
        raise PydanticCustomError("kind", "expected {wanted}", {"wanted": "a name, or `{name: {argument: value}}`"})
    return value, None


def _arguments(word: str, entry: type[KerasObject], given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if isinstance(given, dict):
        return given
    if not entry.first:
        known = ", ".join(f"{name}: ..." for name in entry.model_fields)
        raise PydanticCustomError("arguments", f"expected named arguments: `{{{word}: {{{known}}}}}`")
    return {entry.first: given}
