"""What the lint says: a finding with its proof in numbers, and how equal ones become one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archdsl.errors import Problem, Span
from archdsl.graph import Totals
from archdsl.lint.rule import Occurrence, Rule
from archdsl.text import quantity


@dataclass(frozen=True, slots=True)
class Finding(Problem):
    """A problem that is no error, with what it costs in the whole network.

    Args:
        uses: how often the network has what is found.
        parameters: how many numbers of the weights it is about.
        macs: how many multiply-accumulates of one image.
        step: where the step begins; a suppression may stand there, too.
        rule: what found it.
    """

    uses: int = 1
    parameters: int = 0
    macs: int = 0
    step: Span | None = None
    rule: Rule = field(default_factory=Rule, repr=False, compare=False)

    @property
    def title(self) -> str:
        """What the rule stands for."""
        return self.rule.title

    def data(self) -> dict[str, Any]:
        """The finding as plain data, for JSON."""
        return {**Problem.data(self), "uses": self.uses, "parameters": self.parameters, "macs": self.macs}


SHOWN = 3
"""How many different cases of one finding are shown."""


def combined(occurrences: Iterable[Occurrence], totals: Totals) -> list[Finding]:
    """One finding for each code and place, the dearest first."""
    groups: dict[tuple[str, Span | None], list[Occurrence]] = {}
    for one in occurrences:
        groups.setdefault((one.rule.code, one.span), []).append(one)
    found = [_finding(group, totals) for group in groups.values()]
    return sorted(
        found, key=lambda f: (-_weight(f, totals), f.code, (f.span.line, f.span.column) if f.span else (0, 0))
    )


def merged(findings: Iterable[Finding], totals: Totals) -> list[Finding]:
    """The findings, with one in place of several that one change mends; it stands where the dearest stood."""
    groups: dict[object, list[Finding]] = {}
    for one in findings:
        groups.setdefault(one.code if one.rule.together else (one.code, one.span), []).append(one)
    found = [_merged(group, totals) if len(group) > 1 else group[0] for group in groups.values()]
    return sorted(found, key=lambda one: -_weight(one, totals))


def _merged(group: Sequence[Finding], totals: Totals) -> Finding:
    first = group[0]
    lines = sorted({one.span.line for one in group if one.span})
    parameters, uses = sum(one.parameters for one in group), sum(one.uses for one in group)
    message = first.rule.together.format(layers=quantity(uses, "layer"), parameters=f"{parameters:,}")
    where = f"on {'line' if len(lines) == 1 else 'lines'} {', '.join(map(str, lines))}"
    facts = (where, *_shares(0, parameters, 0, totals))
    return replace(first, message=message, facts=facts, trail=(), uses=uses, parameters=parameters)


def _weight(found: Finding, totals: Totals) -> float:
    """The larger of the shares of the network's parameters and of its work."""
    return max(found.parameters / max(1, totals.parameters), found.macs / max(1, totals.macs))


def _finding(group: list[Occurrence], totals: Totals) -> Finding:
    group = sorted(group, key=lambda one: one.cost, reverse=True)
    first = group[0]
    uses = sum(one.uses for one in group)
    parameters = sum(one.cost[0] for one in group)
    macs = round(sum(one.cost[1] for one in group))
    of = sum(one.of * one.uses for one in group)
    facts = [*dict.fromkeys(fact for one in group for fact in one.facts)]
    if len(facts) > SHOWN:
        facts[SHOWN:] = [f"... and {quantity(len(facts) - SHOWN, 'other case')}"]
    return Finding(
        first.rule.code,
        first.message.format(parameters=f"{parameters:,}", of=f"{of:,}", macs=f"{macs:,}"),
        first.span,
        (*facts, *_shares(uses if first.rule.counts_uses else 0, parameters, macs, totals)),
        first.body.trail(),
        first.hint,
        uses,
        parameters,
        macs,
        first.step,
        first.rule,
    )


def _shares(uses: int, parameters: int, macs: int, totals: Totals) -> Iterator[str]:
    """How often, and what share of the network that is."""
    often = f"{quantity(uses, 'use')}: " if uses > 1 else ""
    if parameters:
        yield f"{often}{quantity(parameters, 'parameter')}, {percent(parameters, totals.parameters)} of the network's"
    if macs:
        often = "" if parameters else often
        share = percent(macs, totals.macs)
        yield f"{often}{quantity(macs, 'multiply-accumulate')} for each image, {share} of the network's"
    if uses > 1 and not parameters and not macs:
        yield f"{uses} uses"


def percent(part: float, whole: float) -> str:
    """`51.4 %`; a share that is not 0 is never shown as 0."""
    share = 100 * part / whole if whole else 0.0
    return f"{share:.1f} %" if share >= 0.05 or not part else "less than 0.1 %"
