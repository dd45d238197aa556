"""Conditions that select runs from a listing: `score > 0.9`, `task = segmentation`, `name = cifar*`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from archdsl.errors import fail, nearest
from archdsl.runs.folder import Result
from archdsl.runs.listing import StoredRun, spec_name
from archdsl.text import in_line

FIELDS: dict[str, Callable[[StoredRun, Result], str | float | None]] = {
    "name": lambda run, _: run.name,
    "spec": lambda _, result: spec_name(result),
    "task": lambda _, result: result.task,
    "data": lambda _, result: result.source,
    "status": lambda _, result: result.status,
    "note": lambda _, result: result.note,
    "date": lambda run, _: run.started,
    "score": lambda _, result: result.score,
    "epochs": lambda _, result: result.epochs_run,
    "time": lambda _, result: result.seconds,
    "parameters": lambda _, result: result.parameters,
}
"""What a condition can be about. Scores are numbers as in `run.json`, times are in seconds, dates are in local time."""

NUMBERS = ("score", "epochs", "time", "parameters")
ORDERED = (*NUMBERS, "date")

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_CONDITION = re.compile(r"\s*(\w+)\s*(>=|<=|!=|==|=|>|<)\s*(.*?)\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """A field, a comparison, and a value: a number, or a text in which `*` matches anything."""

    field: str
    comparison: str
    value: str | float

    def holds(self, run: StoredRun) -> bool:
        """Whether a run meets the condition; one without the value, or that cannot be read, does not."""
        value = FIELDS[self.field](run, run.result) if run.result is not None else None
        if value is None:
            return False
        if self.comparison in _ORDERS:
            return _ORDERS[self.comparison](value, self.value)
        same = value == self.value if isinstance(value, int | float) else _matches(value, str(self.value))
        return same == (self.comparison != "!=")


def parse(text: str) -> Condition:
    """Parse a condition.

    Raises:
        ArchError: it is not a condition, there is no such field, or its value is not a number (ARCH203).
    """
    match = _CONDITION.fullmatch(text)
    if match is None:
        message = f"`--where`: cannot parse `{in_line(text, 60)}`"
        raise fail("ARCH203", message, hint="write a field, a comparison and a value, such as `score > 0.9`")
    name, comparison, value = match.groups()
    if name not in FIELDS:
        raise fail("ARCH203", f"`--where`: runs have no `{in_line(name, 60)}`", hint=nearest(name, FIELDS))
    if name in NUMBERS:
        try:
            return Condition(name, comparison, float(value))
        except ValueError:
            message = f"`--where`: expected a number for `{name}`, got `{in_line(value, 60)}`"
            raise fail("ARCH203", message, hint=f"for example, `{name} > {0.9 if name == 'score' else 10}`") from None
    if comparison in _ORDERS and name not in ORDERED:
        hint = f"use `=` or `!=`, as in `{name} = {value}`"
        raise fail("ARCH203", f"`--where`: `{name}` cannot be compared by `{comparison}`", hint=hint)
    return Condition(name, comparison, value)


def _matches(text: str, pattern: str) -> bool:
    """Whether a text matches a pattern with `*`. Takes linear time: each part is searched for once."""
    first, *inner = pattern.split("*")
    if not inner:
        return text == pattern
    last = inner.pop()
    if not text.startswith(first) or not text[len(first) :].endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in inner:
        at = text.find(part, at, end) + len(part)
        if at < len(part):
            return False
    return True


def select(runs: Sequence[StoredRun], conditions: Sequence[Condition]) -> list[StoredRun]:
    """Return the runs that meet all conditions."""
    return [run for run in runs if all(condition.holds(run) for condition in conditions)]
