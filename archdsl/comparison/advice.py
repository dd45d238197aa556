"""How weights keep their paths where steps moved: which step wants a `name:`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archdsl.comparison.changes import Change
from archdsl.errors import quantity


def advice(changes: Sequence[Change]) -> tuple[str, ...]:
    """What to write into the second file, so that steps keep the names that their weights go by; each once."""
    moved = [c for c in changes if c.what in ("moved", "renamed") and c.parameters and c.uses[0][0] != c.uses[0][1]]
    return tuple(dict.fromkeys(_told(moved, changes)))


def _told(moved: Sequence[Change], changes: Sequence[Change]) -> Iterator[str]:
    cured: dict[str, int] = {}
    for change in moved:
        old, new = change.uses[0]
        newcomer = _newcomer(change, changes)
        if change.what == "moved" and newcomer is not None:
            told = f"give the new `{_own(newcomer.uses[0][1])}`{_line(newcomer)} a `name:`"
            cured[told] = cured.get(told, 0) + change.count
        elif old.rpartition("/")[0] == new.rpartition("/")[0]:
            cure = f"write `name: {_own(old)}` beside what is now `{_own(new)}`{_line(change)}"
            yield f"{cure}, and it keeps its weights"
        else:
            hint = "weights keep their paths where paths and layers keep their names"
            yield f"`{new}`{_line(change)} was `{old}`: {hint}"
    for told, count in cured.items():
        it = "the step behind it keeps its number" if count == 1 else f"{quantity(count, 'step')} behind it keep theirs"
        yield f"{told}, and {it}, and so the weights"


def _newcomer(moved: Change, changes: Sequence[Change]) -> Change | None:
    """The new step that took a number from one that moved."""
    scope, _, own = moved.uses[0][1].rpartition("/")
    for change in changes:
        if change.what != "added" or change.kind != moved.kind:
            continue
        for _, path in change.uses:
            place, _, name = path.rpartition("/")
            if place == scope and _number(name) < _number(own):
                return change
    return None


def _number(name: str) -> int:
    number = name.rpartition("_")[2]
    return int(number) if number.isdigit() else 0


def _own(path: str) -> str:
    return path.rpartition("/")[2]


def _line(change: Change) -> str:
    span = change.spans[1]
    return f" (line {span.line})" if span else ""
