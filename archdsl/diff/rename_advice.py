"""How weights keep their paths where steps moved: which step wants a `name:`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from archdsl.diff.edits import Change
from archdsl.errors import Span, quantity


def advice(changes: Sequence[Change]) -> tuple[str, ...]:
    """What to write into the second file, so that steps keep the names that their weights go by; each once."""
    moved = [c for c in changes if c.parameters and all(c.uses[0]) and _own(c.uses[0][0]) != _own(c.uses[0][1])]
    beside = [c for c in changes if c.parameters and c.what == "renamed" and c not in moved]
    return tuple(dict.fromkeys([*_by_name(moved, changes), *_by_path(beside)]))


def _by_name(moved: Sequence[Change], changes: Sequence[Change]) -> Iterator[str]:
    """For steps whose own name is another one."""
    cured: Counter[str] = Counter()
    newcomers = _newcomers(changes)
    together: dict[Span | None, list[tuple[str, str]]] = {}
    for change in moved:
        together.setdefault(change.spans[1], []).extend(change.uses)
    for change in moved:
        old, new = change.uses[0]
        newcomer = _newcomer(change, newcomers) if change.what == "moved" else None
        if newcomer is not None:
            cured[f"give the new `{_own(newcomer.uses[0][1])}`{_line(newcomer)} a `name:`"] += change.count
            continue
        name = _pinned(old, together[change.spans[1]])
        cure = f"write `name: {name}` beside what is now `{_own(new)}`{_line(change)}" if name else ""
        yield f"{cure}, and it keeps its weights" if cure else f"`{_own(new)}`{_line(change)} was `{_own(old)}`"
    for told, count in cured.items():
        behind = (
            "the step behind it keeps its name" if count == 1 else f"the {quantity(count, 'step')} behind keep theirs"
        )
        yield f"{told}, and {behind}, and so the weights"


def _pinned(was: str, uses: Sequence[tuple[str, str]]) -> str:
    """The name that gives a step its old one; nothing where a loop's numbers have moved.

    Args:
        was: what the step was called.
        uses: of all steps that moved and stand at its place of the file.
    """
    scopes = Counter(new.rpartition("/")[0] for _, new in uses)
    if max(scopes.values()) == 1:
        return _own(was)
    is_numbered = all(_number(old) and _number(old) == _number(new) for old, new in uses)
    return _own(was).rpartition("_")[0] if is_numbered else ""


def _by_path(renamed: Sequence[Change]) -> Iterator[str]:
    """For steps in a path that has another name."""
    for change in renamed:
        old, new = (path.rpartition("/")[0].rpartition("/")[2] for path in change.uses[0])
        if old and new and old != new:
            yield f"call the path `{new}`{_line(change)} `{old}` again, and what is in it keeps its weights"


def _newcomers(changes: Sequence[Change]) -> dict[tuple[str, str], list[tuple[int, Change]]]:
    """The new steps of each body and kind, with their numbers."""
    found: dict[tuple[str, str], list[tuple[int, Change]]] = {}
    for change in changes:
        for _, path in change.uses if change.what == "added" else ():
            scope, _, name = path.rpartition("/")
            found.setdefault((scope, change.kind), []).append((_number(name), change))
    return found


def _newcomer(moved: Change, newcomers: dict[tuple[str, str], list[tuple[int, Change]]]) -> Change | None:
    """The new step that took a number from one that moved."""
    scope, _, own = moved.uses[0][1].rpartition("/")
    known = newcomers.get((scope, moved.kind), ())
    return next((change for number, change in known if number < _number(own)), None)


def _number(name: str) -> int:
    number = name.rpartition("_")[2]
    return int(number) if number.isdigit() else 0


def _own(path: str) -> str:
    return path.rpartition("/")[2]


def _line(change: Change) -> str:
    span = change.spans[1]
    return f" (line {span.line})" if span else ""
