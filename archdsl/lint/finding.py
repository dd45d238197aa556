"""What the lint says: a finding with its proof in numbers, and how equal ones become one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from archdsl.analysis.dataflow import BodyFacts
from archdsl.analysis.liveness import span_of
from archdsl.errors import Problem, Span
from archdsl.graph import Node, Totals
from archdsl.text import quantity


@dataclass(frozen=True, slots=True)
class Finding(Problem):
    """A problem that is no error, with what it costs in the whole network.

    Args:
        uses: how often the network has what is found.
        parameters: how many numbers of the weights it is about.
        macs: how many multiply-accumulates of one image.
        step: where the step begins; a silence may stand there, too.
    """

    uses: int = 1
    parameters: int = 0
    macs: int = 0
    step: Span | None = None

    def data(self) -> dict[str, Any]:
        """The finding as plain data, for JSON."""
        return {**Problem.data(self), "uses": self.uses, "parameters": self.parameters, "macs": self.macs}


@dataclass(frozen=True, slots=True)
class Case:
    """What a rule finds in one body: a finding before it is known how often the network has it.

    Args:
        message: one sentence; `{parameters}`, `{of}` and `{macs}` become the sums over all uses.
        fact: what is so in this case.
        parameters, macs: what one use costs.
        of: how many parameters that is a part of.
    """

    code: str
    message: str
    span: Span | None
    step: Span | None
    body: BodyFacts
    facts: tuple[str, ...] = ()
    hint: str = ""
    parameters: int = 0
    of: int = 0
    macs: float = 0.0

    @property
    def cost(self) -> tuple[int, float]:
        """What all uses cost."""
        return self.parameters * self.body.uses, self.macs * self.body.uses


def case(
    code: str, node: Node, body: BodyFacts, message: str, *facts: str, at: Sequence[str] = (), **more: Any
) -> Case:
    """A case about a node."""
    return Case(code, message, span_of(node, *at), node.span, body, facts, **more)


SHOWN = 3
"""How many different cases of one finding are told."""


def combined(cases: Iterable[Case], totals: Totals) -> list[Finding]:
    """One finding for each code and place, the dearest first."""
    groups: dict[tuple[str, Span | None], list[Case]] = {}
    for one in cases:
        groups.setdefault((one.code, one.span), []).append(one)
    found = [_finding(group, totals) for group in groups.values()]
    return sorted(
        found, key=lambda f: (-_weight(f, totals), f.code, (f.span.line, f.span.column) if f.span else (0, 0))
    )


_TOGETHER = {
    "ARCH506": "the norms behind {} take their biases away again: {} parameters do nothing",
}
"""What is told once for a whole file where it stands on several lines: one change mends it everywhere."""


def merged(findings: Iterable[Finding], totals: Totals) -> list[Finding]:
    """The findings, with one in place of several that one change mends; it stands where the dearest stood."""
    groups: dict[object, list[Finding]] = {}
    for one in findings:
        groups.setdefault(one.code if one.code in _TOGETHER else (one.code, one.span), []).append(one)
    found = [_merged(group, totals) if len(group) > 1 else group[0] for group in groups.values()]
    return sorted(found, key=lambda one: -_weight(one, totals))


def _merged(group: Sequence[Finding], totals: Totals) -> Finding:
    first = group[0]
    lines = sorted({one.span.line for one in group if one.span})
    parameters, uses = sum(one.parameters for one in group), sum(one.uses for one in group)
    message = _TOGETHER[first.code].format(quantity(uses, "layer"), f"{parameters:,}")
    told = f"on {'line' if len(lines) == 1 else 'lines'} {', '.join(map(str, lines))}"
    facts = (told, *_shares(0, parameters, 0, totals))
    return replace(first, message=message, facts=facts, trail=(), uses=uses, parameters=parameters)


def _weight(found: Finding, totals: Totals) -> float:
    """The larger of the shares of the network's parameters and of its work."""
    return max(found.parameters / max(1, totals.parameters), found.macs / max(1, totals.macs))


def _finding(group: list[Case], totals: Totals) -> Finding:
    group = sorted(group, key=lambda one: one.cost, reverse=True)
    first = group[0]
    uses = sum(one.body.uses for one in group)
    parameters = sum(one.cost[0] for one in group)
    macs = round(sum(one.cost[1] for one in group))
    of = sum(one.of * one.body.uses for one in group)
    message = first.message.format(parameters=f"{parameters:,}", of=f"{of:,}", macs=f"{macs:,}")
    facts = (*_told(group), *_shares(0 if first.code == "ARCH504" else uses, parameters, macs, totals))
    return Finding(
        first.code, message, first.span, facts, first.body.trail(), first.hint, uses, parameters, macs, first.step
    )


def _told(group: Sequence[Case]) -> Iterator[str]:
    """The facts of the cases, each once."""
    facts = [*dict.fromkeys(fact for one in group for fact in one.facts)]
    yield from facts[:SHOWN]
    if len(facts) > SHOWN:
        yield f"... and {quantity(len(facts) - SHOWN, 'other case')}"


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
    """`51.4 %`; what is there is never told as nothing."""
    share = 100 * part / whole if whole else 0.0
    return f"{share:.1f} %" if share >= 0.05 or not part else "less than 0.1 %"
