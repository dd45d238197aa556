"""Read JSON files written by archdsl, and validate them against a schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from archdsl.errors import SHOWN, ArchError, Problem, shown
from archdsl.parsing.validation import describe

Stored = TypeVar("Stored")

VALUES = 200_000
"""The maximum number of values in a text. An invalid value takes up to a kilobyte of memory, however short its text."""


_MOST_ERRORS = 10_000
"""The maximum number of errors to collect from Pydantic, because they take memory."""


def read_json(
    schema: type[Stored],
    text: bytes,
    path: Path,
    kind: str,
    conflicts: Callable[[Stored], Iterable[str]] = lambda _: (),
    hint: str = "",
    most: int = VALUES,
) -> Stored:
    """Parse and validate a JSON text. Unknown fields are ignored, because later versions may add fields.

    Args:
        schema: A dataclass.
        text: The JSON text.
        path: The file that contains the text, for messages.
        kind: What the text contains, in a word.
        conflicts: Yields a sentence for each contradiction between valid fields.
        hint: A hint for the message.
        most: The maximum number of values.

    Raises:
        ArchError: If the text is not JSON or does not match the schema (ARCH204).
    """
    if sum(map(text.count, (b",", b"[", b"{"))) > most:
        raise unreadable(path, [f"it has more than {most:,} values"], hint)
    try:
        value: Stored = _adapter(schema).validate_json(text, strict=True)
    except ValidationError as error:
        if error.error_count() > _MOST_ERRORS:
            raise unreadable(path, [f"{error.error_count():,} values are invalid"], hint) from None
        faults = error.errors(include_url=False)
        if not faults[0]["loc"]:
            raise unreadable(path, [f"expected a {kind}"], hint) from None
        raise unreadable(path, list(map(_sentence, faults[:SHOWN])), hint, len(faults)) from None
    if found := list(conflicts(value)):
        raise unreadable(path, found, hint)
    return value


def unreadable(path: Path, faults: Sequence[str], hint: str = "", count: int = 0) -> ArchError:
    """Return the error for an invalid file of a run (ARCH204).

    Args:
        path: The file.
        faults: A sentence for each problem. Only the first ones are shown.
        hint: A hint for the message.
        count: The total number of problems, if `faults` does not contain all of them.
    """
    message, count = f"{path} is invalid: ", max(count, len(faults))
    if count == 1:
        return ArchError(Problem("ARCH204", message + faults[0], hint=hint))
    facts = [*faults[:SHOWN], *([f"... and {count - SHOWN:,} more"] if count > SHOWN else [])]
    return ArchError(Problem("ARCH204", f"{message}{count:,} values are invalid", facts=tuple(facts), hint=hint))


def due(wanted: str) -> PydanticCustomError:
    """Return the error that a validator raises for an unexpected value."""
    return PydanticCustomError("kind", "expected {wanted}", {"wanted": wanted})


def _adapter(schema: Any) -> TypeAdapter[Any]:
    if schema not in _ADAPTERS:
        _ADAPTERS[schema] = TypeAdapter(schema)
    return _ADAPTERS[schema]


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}
"""Created on first use, because that takes milliseconds."""


def _sentence(fault: Any) -> str:
    problem = describe(fault, None)
    path = _path(fault["loc"])
    if fault["type"] == "missing":
        return f"`{path}` is missing"
    advice = f"; {problem.hint}" if problem.hint else ""
    return f"`{path}`: {problem.message}{advice}"


def _path(places: Sequence[str | int]) -> str:
    """Return a path such as `input.shape[2]`, with long keys truncated."""
    path = ""
    for place in places:
        if place != "[key]":
            path += f"[{place}]" if isinstance(place, int) else f".{shown(place).strip('`')}"
    return path.removeprefix(".")
