"""Reads back JSON that the program itself wrote: held to its schema, with every field that is wrong named."""

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
"""The most values of one text: a wrong one takes up to a kilobyte of memory, in however few bytes of text."""


_MOST_ERRORS = 10_000
"""Of how many errors Pydantic is asked for all: they take memory, too."""


def read_json(
    schema: type[Stored],
    text: bytes,
    path: Path,
    kind: str,
    conflicts: Callable[[Stored], Iterable[str]] = lambda _: (),
    hint: str = "",
    most: int = VALUES,
) -> Stored:
    """The value of a JSON text; fields that the schema does not know are ignored: a later version may have them.

    Args:
        schema: a dataclass.
        path: the file that holds the text.
        kind: what the text is, in a word.
        conflicts: sentences on what is wrong between fields that are right alone.
        hint: what to do if it is wrong.
        most: how many values it may have.

    Raises:
        ArchError: it is not JSON, or not of that schema (ARCH204).
    """
    if sum(map(text.count, (b",", b"[", b"{"))) > most:
        raise unreadable(path, [f"it has more than {most:,} values"], hint)
    try:
        value: Stored = _adapter(schema).validate_json(text, strict=True)
    except ValidationError as error:
        if error.error_count() > _MOST_ERRORS:
            raise unreadable(path, [f"{error.error_count():,} values are wrong"], hint) from None
        faults = error.errors(include_url=False)
        if not faults[0]["loc"]:
            raise unreadable(path, [f"it cannot be read as a {kind}"], hint) from None
        raise unreadable(path, list(map(_sentence, faults[:SHOWN])), hint, len(faults)) from None
    if found := list(conflicts(value)):
        raise unreadable(path, found, hint)
    return value


def unreadable(path: Path, faults: Sequence[str], hint: str = "", count: int = 0) -> ArchError:
    """The error of a file that is not what training wrote (ARCH204).

    Args:
        faults: sentences on what is wrong with it; the first ones are shown.
        count: how many there are, where they are not all given.
    """
    message, count = f"{path} is not what training wrote: ", max(count, len(faults))
    if count == 1:
        return ArchError(Problem("ARCH204", message + faults[0], hint=hint))
    facts = [*faults[:SHOWN], *([f"... and {count - SHOWN:,} more"] if count > SHOWN else [])]
    return ArchError(Problem("ARCH204", f"{message}{count:,} values are wrong", facts=tuple(facts), hint=hint))


def due(wanted: str) -> PydanticCustomError:
    """What a validator raises for a value that is none of the wanted ones."""
    return PydanticCustomError("kind", "{wanted} is due", {"wanted": wanted})


def _adapter(schema: Any) -> TypeAdapter[Any]:
    if schema not in _ADAPTERS:
        _ADAPTERS[schema] = TypeAdapter(schema)
    return _ADAPTERS[schema]


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}
"""Made when they are first used: it takes milliseconds."""


def _sentence(fault: Any) -> str:
    problem = describe(fault, None)
    path = _path(fault["loc"])
    if fault["type"] == "missing":
        return f"`{path}` is missing"
    advice = f"; {problem.hint}" if problem.hint else ""
    return f"`{path}`: {problem.message}{advice}"


def _path(places: Sequence[str | int]) -> str:
    """`input.shape[2]`; keys of the file are cut where they are long."""
    path = ""
    for place in places:
        if place != "[key]":
            path += f"[{place}]" if isinstance(place, int) else f".{shown(place).strip('`')}"
    return path.removeprefix(".")
