"""How weights keep their paths where steps moved: which step wants a `name:`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from archdsl.diff.edits import Change
from archdsl.errors import Span
from archdsl.graph import BranchPath, StepName
from archdsl.text import quantity

_Place: TypeAlias = tuple[str, BranchPath, str]
"""A body, a branch in it and a kind of step: what the numbers of steps are counted in."""


def advice(changes: Sequence[Change]) -> tuple[str, ...]:
    """What to write into the second file, so that steps keep the names that their weights go by; each once."""
    moved = [c for c in changes if c.parameters and all(c.uses[0]) and c.uses[0][0].own != c.uses[0][1].own]
    beside = [c for c in changes if c.parameters and c.what == "renamed" and c not in moved]
    return tuple(dict.fromkeys([*_by_name(moved, changes), *_by_path(beside)]))


def _by_name(moved: Sequence[Change], changes: Sequence[Change]) -> Iterator[str]:
    """For steps whose own name is another one."""
    cured: Counter[str] = Counter()
    newcomers = _newcomers(changes)
    together: dict[Span | None, list[tuple[StepName, StepName]]] = {}
    for change in moved:
        together.setdefault(change.spans[1], []).extend(change.uses)
    for change in moved:
        old, new = change.uses[0]
        newcomer = _newcomer(change, newcomers) if change.what == "moved" else None
        if newcomer is not None:
            cured[f"give the new `{newcomer.uses[0][1].own}`{_line(newcomer)} a `name:`"] += change.count
            continue
        name = _pinned(old, together[change.spans[1]])
        cure = f"write `name: {name}` beside what is now `{new.own}`{_line(change)}" if name else ""
        yield f"{cure}, and it keeps its weights" if cure else f"`{new.own}`{_line(change)} was `{old.own}`"
    for told, count in cured.items():
        behind = (
            "the step behind it keeps its name" if count == 1 else f"the {quantity(count, 'step')} behind keep theirs"
        )
        yield f"{told}, and {behind}, and so the weights"


def _pinned(was: StepName, uses: Sequence[tuple[StepName, StepName]]) -> str:
    """The name that gives a step its old one; nothing where a loop's numbers have moved.

    Args:
        was: what the step was called.
        uses: of all steps that moved and stand at its place of the file.
    """
    places = Counter((new.scope, new.path) for _, new in uses)
    if max(places.values()) == 1:
        return was.own
    is_numbered = all(old.number and old.number == new.number for old, new in uses)
    return was.base if is_numbered else ""


def _by_path(renamed: Sequence[Change]) -> Iterator[str]:
    """For steps in a path that has another name."""
    for change in renamed:
        old, new = ("".join(name.path[-1:]) for name in change.uses[0])
        if old and new and old != new:
            yield f"call the path `{new}`{_line(change)} `{old}` again, and what is in it keeps its weights"


def _newcomers(changes: Sequence[Change]) -> dict[_Place, list[tuple[int, Change]]]:
    """The new steps of each branch and kind, with their numbers."""
    found: dict[_Place, list[tuple[int, Change]]] = {}
    for change in changes:
        for _, name in change.uses if change.what == "added" else ():
            found.setdefault((name.scope, name.path, change.kind), []).append((name.number, change))
    return found


def _newcomer(moved: Change, newcomers: dict[_Place, list[tuple[int, Change]]]) -> Change | None:
    """The new step that took a number from one that moved."""
    name = moved.uses[0][1]
    known = newcomers.get((name.scope, name.path, moved.kind), ())
    return next((change for number, change in known if number < name.number), None)


def _line(change: Change) -> str:
    span = change.spans[1]
    return f" (line {span.line})" if span else ""
