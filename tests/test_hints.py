"""Every hint of the wrong specs, followed: the edit that it names gives a spec that checks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from archdsl import loads, resolve
from archdsl.errors import ArchError, Problem
from archdsl.limits import Limits
from archdsl.resolution.expectations import check

TESTS = Path(__file__).parent
WRONG = {path.stem: path.read_text(encoding="utf-8") for path in sorted((TESTS / "wrong").glob("*.yaml"))}
EDITS = YAML(typ="safe").load(TESTS / "hints.yaml")
NOT_FOLLOWED = {
    "003_too_deep": "forty lists in one another are no network",
    "003_too_many_values": "thousands of zeros are no network",
    "006_empty": "the hint is a command that writes a new file",
}
"""Wrong specs that no edit turns into a network."""


def problems(text: str, limits: Limits) -> tuple[Problem, ...]:
    try:
        spec = loads(text, "net.yaml", limits=limits)
        check(spec, resolve(spec))
    except ArchError as error:
        return error.problems
    return ()


def edited(text: str, problem: Problem) -> str:
    """The text after the edit that a hint spells out; the same text if it spells out none."""
    lines, span = text.split("\n"), problem.span
    if (meant := re.search(r"did you mean `([^`]+)`\?$", problem.hint)) and span is not None:
        line, start, end = lines[span.line - 1], span.column - 1, span.column - 1 + span.width
        if re.fullmatch(r"\w+", line[start:end]) or line[start : start + 1] == meant[1][0] == "$":
            lines[span.line - 1] = line[:start] + meant[1] + line[end:]
    if wanted := re.match(r"set `(\w+)` to (.+) on line (\d+)$", problem.hint):
        at = int(wanted[3]) - 1
        lines[at], count = re.subn(rf"\b{wanted[1]}: [^,}}]+", f"{wanted[1]}: {wanted[2]}", lines[at])
        assert count == 1
    elif (setting := re.match(r"set `(\w+): (\w+)`$", problem.hint)) and span is not None:
        lines[span.line - 1] = re.sub(rf"\b{setting[1]}: \w+", f"{setting[1]}: {setting[2]}", lines[span.line - 1])
    return "\n".join(lines)


def raised(found: tuple[Problem, ...]) -> Limits:
    """The limits raised as the hints say; a recursion without an end gets a `when` instead."""
    hints = " ".join(problem.hint for problem in found if "`when`" not in problem.hint)
    return Limits(**{name: int(number) for name, number in re.findall(r"`--allow (\w+)=(\d+)`", hints)})


def follow(name: str) -> tuple[str, Limits]:
    """A wrong spec after all its hints were followed, and the limits that they raise."""
    found, text = problems(WRONG[name], Limits()), WRONG[name]
    for problem in reversed(found):
        text = edited(text, problem)
    for old, new in EDITS.get(name, {}).items():
        assert text.count(str(old)) == 1, (name, old)
        text = text.replace(str(old), str(new))
    return text, raised(found)


HINTED = [name for name in WRONG if any(problem.hint for problem in problems(WRONG[name], Limits()))]


@pytest.mark.parametrize("name", [name for name in HINTED if name not in NOT_FOLLOWED])
def test_a_hint_leads_to_a_good_spec(name: str) -> None:
    text, limits = follow(name)
    assert (text, limits) != (WRONG[name], Limits()), "the hint says nothing that can be done"
    assert [problem.render() for problem in problems(text, limits)] == []


def test_nearly_all_hints_are_followed() -> None:
    assert len(HINTED) >= 190
    assert NOT_FOLLOWED.keys() <= set(HINTED)
    assert len(NOT_FOLLOWED) <= 0.02 * len(HINTED)
    assert EDITS.keys() <= set(HINTED) - NOT_FOLLOWED.keys()
