"""Every spec with one thing wrong: refused by a message at the right line, with the right word proposed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

import pytest
from mutants import Mutant, files, misspelt, spoilt

from archdsl import ArchError, loads, resolve
from archdsl.errors import Problem
from archdsl.resolution.expectations import check

FILES = files()

SAMPLE = 300
"""How many mutants the quick suite takes."""

FEW = 1_100
"""Up to so many mutants of a file are all taken, as a fifth says little."""


@dataclass
class Tally:
    """What became of some mutants.

    Args:
        counts: by kind and by what is counted.
        strange: those that a test would like to see, by the same.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    strange: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, mutant: Mutant) -> None:
        """Counts a mutant; whatever is raised beside `ArchError` goes through to the test."""
        kind = mutant.kind
        became, error = outcome(mutant.text)
        problems = error.problems if error else ()
        self.counts[kind, "made"] += 1
        self.counts[kind, became] += 1
        lines = [problem.span.line for problem in problems if problem.span]
        assert len(lines) == len(problems), str(error)
        if became == "refused":
            self._count(mutant, "at the line", mutant.line in lines, error)
            # A word that lost its arguments may be reported where another key needs them: the message names it.
            named = any(f"`{mutant.word}`" in problem.message for problem in problems)
            self._count(mutant, "at a right line", named or not mutant.lines.isdisjoint(lines), error)
            self._count(mutant, "at right lines alone", mutant.lines.issuperset(lines), error)
        if mutant.known:
            placed = [problem for problem in problems if at(problem, mutant)]
            if became == "misfit" and not placed:  # a word that travels through arguments is reported where it is used
                self.counts[kind, "travelled"] += 1
                assert mutant.typed in str(error)
                return
            self.counts[kind, "known"] += 1
            self._count(mutant, "placed", bool(placed), error)
            if placed:
                hints = (f"did you mean `{mutant.word}`?", f"did you mean `${mutant.word}`?")
                self._count(mutant, "proposed", any(hint in placed[0].hint for hint in hints), error)

    def _count(self, mutant: Mutant, what: str, holds: bool, error: ArchError | None) -> None:
        self.counts[mutant.kind, what] += holds
        if not holds:
            done = f"{mutant.kind} on line {mutant.line}: {mutant.word!r} -> {mutant.typed!r}"
            self.strange[mutant.kind, what].append(f"{done}\n{error}")

    def share(self, what: str, of: str) -> float:
        """How many of a hundred, over all kinds."""
        made = sum(count for (_, name), count in self.counts.items() if name == of)
        return 100 * sum(count for (_, name), count in self.counts.items() if name == what) / max(1, made)

    def report(self) -> str:
        """A line for each kind."""
        kinds = sorted({kind for kind, _ in self.counts})
        names = dict.fromkeys(name for _, name in self.counts)
        told = [f"{kind:14}" + "".join(f"  {n} {self.counts[kind, n]:,}" for n in names) for kind in kinds]
        shares = [("at the line", "refused"), ("at a right line", "refused"), ("at right lines alone", "refused")]
        shares += [("placed", "known"), ("proposed", "placed")]
        return "\n".join([*told, *(f"{what}: {self.share(what, of):.2f} % of {of}" for what, of in shares)])


def outcome(text: str) -> tuple[str, ArchError | None]:
    """Whether a text is refused as it is read, makes a network that does not fit, or is accepted."""
    try:
        spec = loads(text)
    except ArchError as error:
        return "refused", error
    try:
        for one in spec.every():
            check(one, resolve(one))
    except ArchError as error:
        return "misfit", error
    return "accepted", None


def at(problem: Problem, mutant: Mutant) -> bool:
    """Whether a problem points at the misspelt word."""
    span = problem.span
    if span is None or span.line != mutant.line:
        return False
    return span.column < mutant.column + mutant.width and mutant.column < span.column + span.width


def tally(mutants: Iterable[Mutant]) -> Tally:
    """What became of them, printed for `pytest -s`."""
    found = Tally()
    for mutant in mutants:
        found.add(mutant)
    print("\n" + found.report())
    return found


def hold(found: Tally, proposed: float = 90) -> None:
    """What holds of any collection of mutants.

    Args:
        proposed: of how many in a hundred the word that was meant is proposed first.
    """
    for kind in {kind for kind, _ in found.counts}:
        count = {name: number for (k, name), number in found.counts.items() if k == kind}
        assert found.strange[kind, "at a right line"] == [], "\n\n".join(found.strange[kind, "at a right line"][:5])
        if kind == "doubled":
            assert count["refused"] == count["at the line"] == count["made"]
        if kind.startswith("misspelt"):
            assert found.strange[kind, "placed"] == [], "\n\n".join(found.strange[kind, "placed"][:5])
    assert found.share("at the line", "refused") > 90
    told = "\n\n".join(found.strange["misspelt by 1", "proposed"][:20])
    assert found.share("proposed", "placed") >= proposed, told


@cache
def everything(name: str) -> list[Mutant]:
    return [*misspelt(FILES[name], 4), *spoilt(FILES[name])]


def test_a_sample() -> None:
    """Some of every spec, others in each; the suite behind `slow` takes a fifth of all."""
    sample: list[Mutant] = []
    for number, name in enumerate(FILES):
        mutants = everything(name)
        step = max(1, len(mutants) * len(FILES) // SAMPLE)
        sample += mutants[number % step :: step]
    assert len(sample) >= SAMPLE
    hold(tally(sample))


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_every_fifth_mutant(name: str) -> None:
    mutants = everything(name)
    assert len(mutants) > 200
    step = 5 if len(mutants) > FEW else 1
    hold(tally(mutants[::step]), proposed=80)  # `fro` may be `for`, and `uelu` is as near to `selu` as to `relu`


def test_there_are_many() -> None:
    assert sum(len(everything(name)) for name in FILES) >= 5_000


def test_the_mutants_are_what_they_say() -> None:
    """One word or one entry differs, and the lines are those of the mutated text."""
    text = next(iter(FILES.values()))
    for mutant in misspelt(text, 2):
        line = mutant.text.split("\n")[mutant.line - 1]
        assert line[mutant.column - 1 :].startswith(mutant.typed)
        assert mutant.text.replace(line, "", 1) != text
    for mutant in spoilt(text):
        lines = mutant.text.split("\n")
        assert max(mutant.lines) <= len(lines)
        if mutant.kind != "dropped":
            assert (mutant.typed if mutant.kind != "doubled" else mutant.word) in lines[mutant.line - 1]
