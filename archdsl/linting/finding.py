"""Findings of the lint, with their cost in numbers, and the merging of equal findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archdsl.errors import Problem, Span
from archdsl.graph import Totals
from archdsl.linting.rule import Occurrence, Rule
from archdsl.text import quantity


@dataclass(frozen=True, slots=True)
class Finding(Problem):
    """A warning, with its cost in the whole network.

    Args:
        uses: how often it occurs in the network.
        parameters: the number of parameters concerned.
        macs: the number of multiply-accumulates concerned, for one image.
        step: the start of the step; a suppression may also be on that line.
        rule: the rule that reports it.
    """

    uses: int = 1
    parameters: int = 0
    macs: int = 0
    step: Span | None = None
    rule: Rule = field(default_factory=Rule, repr=False, compare=False)

    @property
    def title(self) -> str:
        """The title of the rule."""
        return self.rule.title

    def data(self) -> dict[str, Any]:
        """The finding as plain data, for JSON."""
        return {**Problem.data(self), "uses": self.uses, "parameters": self.parameters, "macs": self.macs}


SHOWN = 3
"""The number of different cases shown for one finding."""


def combined(occurrences: Iterable[Occurrence], totals: Totals) -> list[Finding]:
    """Combine occurrences into one finding for each code and place, the most expensive first."""
    groups: dict[tuple[str, Span | None], list[Occurrence]] = {}
    for one in occurrences:
        groups.setdefault((one.rule.code, one.span), []).append(one)
    found = [_finding(group, totals) for group in groups.values()]
    return sorted(
        found, key=lambda f: (-_weight(f, totals), f.code, (f.span.line, f.span.column) if f.span else (0, 0))
    )


def merged(findings: Iterable[Finding], totals: Totals) -> list[Finding]:
    """Merge findings that a single edit fixes, and sort all by cost."""
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
    """The share of the network's parameters or of its work, whichever is larger."""
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
        facts[SHOWN:] = [f"... and {len(facts) - SHOWN} more"]
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
    """The number of uses, and their share of the network."""
    often = f"{quantity(uses, 'use')}: " if uses > 1 else ""
    if parameters:
        yield f"{often}{quantity(parameters, 'parameter')}, {percent(parameters, totals.parameters)} of the network"
    if macs:
        often = "" if parameters else often
        share = percent(macs, totals.macs)
        yield f"{often}{quantity(macs, 'multiply-accumulate')} per image, {share} of the network"
    if uses > 1 and not parameters and not macs:
        yield f"{uses} uses"


def percent(part: float, whole: float) -> str:
    """Format a share as in `51.4 %`; only 0 is shown as 0."""
    share = 100 * part / whole if whole else 0.0
    return f"{share:.1f} %" if share >= 0.05 or not part else "less than 0.1 %"
