"""Advice on which steps need a `name`, so that weights keep their paths when steps move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from archdsl.diff.edits import Edit, Insert, Move, Rename
from archdsl.errors import Span
from archdsl.graph import BranchPath, StepName

_Place: TypeAlias = tuple[str, BranchPath, str]
"""A body, a branch and a kind of step, within which steps are numbered."""


def advice(edits: Sequence[Edit]) -> tuple[str, ...]:
    """Return the edits to the second file that keep the names of steps, and with them the paths of weights."""
    moved = [e for e in edits if e.parameters and all(e.uses[0]) and e.uses[0][0].own != e.uses[0][1].own]
    in_renamed_branches = [e for e in edits if e.parameters and isinstance(e, Rename) and e not in moved]
    return tuple(dict.fromkeys([*_by_name(moved, edits), *_by_path(in_renamed_branches)]))


def _by_name(moved: Sequence[Edit], edits: Sequence[Edit]) -> Iterator[str]:
    """Yield advice for steps whose own name changed."""
    cured: Counter[str] = Counter()
    newcomers = _newcomers(edits)
    together: dict[Span | None, list[tuple[StepName, StepName]]] = {}
    for edit in moved:
        together.setdefault(edit.spans[1], []).extend(edit.uses)
    for edit in moved:
        old, new = edit.uses[0]
        newcomer = _newcomer(edit, newcomers) if isinstance(edit, Move) else None
        if newcomer is not None:
            cured[f"give the new `{newcomer.uses[0][1].own}`{_line(newcomer)} a `name`"] += edit.count
        elif name := _pinned(old, together[edit.spans[1]]):
            yield f"add `name: {name}` to `{new.own}`{_line(edit)} to keep its weights"
        else:
            yield f"`{new.own}`{_line(edit)} was `{old.own}`, so the paths of its weights changed"
    for edit_of_newcomer, count in cured.items():
        following = "step after it then keeps its" if count == 1 else f"{count:,} steps after it then keep their"
        yield f"{edit_of_newcomer}; the {following} weights"


def _pinned(was: StepName, uses: Sequence[tuple[StepName, StepName]]) -> str:
    """Return the `name` that restores the old name of a step, or nothing if the numbers in a loop have shifted.

    Args:
        was: the old name.
        uses: the names of all moved steps at the same place in the file.
    """
    places = Counter((new.scope, new.path) for _, new in uses)
    if max(places.values()) == 1:
        return was.own
    is_numbered = all(old.number and old.number == new.number for old, new in uses)
    return was.base if is_numbered else ""


def _by_path(renamed: Sequence[Edit]) -> Iterator[str]:
    """Yield advice for steps in a renamed path."""
    for edit in renamed:
        old, new = ("".join(name.path[-1:]) for name in edit.uses[0])
        if old and new and old != new:
            yield f"rename the path `{new}`{_line(edit)} back to `{old}` to keep its weights"


def _newcomers(edits: Sequence[Edit]) -> dict[_Place, list[tuple[int, Edit]]]:
    """The added steps of each branch and kind, with their numbers."""
    found: dict[_Place, list[tuple[int, Edit]]] = {}
    for edit in edits:
        for _, name in edit.uses if isinstance(edit, Insert) else ():
            found.setdefault((name.scope, name.path, edit.kind), []).append((name.number, edit))
    return found


def _newcomer(moved: Edit, newcomers: dict[_Place, list[tuple[int, Edit]]]) -> Edit | None:
    """The added step that shifted the number of a moved step."""
    name = moved.uses[0][1]
    known = newcomers.get((name.scope, name.path, moved.kind), ())
    return next((edit for number, edit in known if number < name.number), None)


def _line(edit: Edit) -> str:
    span = edit.spans[1]
    return f" (line {span.line})" if span else ""
