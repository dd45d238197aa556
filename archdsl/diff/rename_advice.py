"""How weights keep their paths where steps moved: which step wants a `name:`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from archdsl.diff.edits import Edit, Insert, Move, Rename
from archdsl.errors import Span
from archdsl.graph import BranchPath, StepName
from archdsl.text import quantity

_Place: TypeAlias = tuple[str, BranchPath, str]
"""A body, a branch in it and a kind of step: what the numbers of steps are counted in."""


def advice(edits: Sequence[Edit]) -> tuple[str, ...]:
    """What to write into the second file, so that steps keep the names that their weights go by; each once."""
    moved = [e for e in edits if e.parameters and all(e.uses[0]) and e.uses[0][0].own != e.uses[0][1].own]
    in_renamed_branches = [e for e in edits if e.parameters and isinstance(e, Rename) and e not in moved]
    return tuple(dict.fromkeys([*_by_name(moved, edits), *_by_path(in_renamed_branches)]))


def _by_name(moved: Sequence[Edit], edits: Sequence[Edit]) -> Iterator[str]:
    """For steps whose own name is another one."""
    cured: Counter[str] = Counter()
    newcomers = _newcomers(edits)
    together: dict[Span | None, list[tuple[StepName, StepName]]] = {}
    for edit in moved:
        together.setdefault(edit.spans[1], []).extend(edit.uses)
    for edit in moved:
        old, new = edit.uses[0]
        newcomer = _newcomer(edit, newcomers) if isinstance(edit, Move) else None
        if newcomer is not None:
            cured[f"give the new `{newcomer.uses[0][1].own}`{_line(newcomer)} a `name:`"] += edit.count
            continue
        name = _pinned(old, together[edit.spans[1]])
        cure = f"write `name: {name}` beside what is now `{new.own}`{_line(edit)}" if name else ""
        yield f"{cure}, and it keeps its weights" if cure else f"`{new.own}`{_line(edit)} was `{old.own}`"
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


def _by_path(renamed: Sequence[Edit]) -> Iterator[str]:
    """For steps in a path that has another name."""
    for edit in renamed:
        old, new = ("".join(name.path[-1:]) for name in edit.uses[0])
        if old and new and old != new:
            yield f"call the path `{new}`{_line(edit)} `{old}` again, and what is in it keeps its weights"


def _newcomers(edits: Sequence[Edit]) -> dict[_Place, list[tuple[int, Edit]]]:
    """The new steps of each branch and kind, with their numbers."""
    found: dict[_Place, list[tuple[int, Edit]]] = {}
    for edit in edits:
        for _, name in edit.uses if isinstance(edit, Insert) else ():
            found.setdefault((name.scope, name.path, edit.kind), []).append((name.number, edit))
    return found


def _newcomer(moved: Edit, newcomers: dict[_Place, list[tuple[int, Edit]]]) -> Edit | None:
    """The new step that took a number from one that moved."""
    name = moved.uses[0][1]
    known = newcomers.get((name.scope, name.path, moved.kind), ())
    return next((edit for number, edit in known if number < name.number), None)


def _line(edit: Edit) -> str:
    span = edit.spans[1]
    return f" (line {span.line})" if span else ""
