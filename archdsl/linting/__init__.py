"""Warnings about a valid network, each with its cost in numbers, its line, and the edit that fixes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archdsl.graph import Graph, Totals
from archdsl.linting.finding import Finding, combined, merged, percent
from archdsl.linting.rule import Network, Rule
from archdsl.linting.rules import RULES
from archdsl.linting.suppressions import Suppressions
from archdsl.spec import Spec
from archdsl.text import quantity

__all__ = ["RULES", "Finding", "Suppressions", "findings_of", "lint", "summarize"]


def lint(spec: Spec, graph: Graph, suppressions: Suppressions | None = None) -> tuple[Finding, ...]:
    """Check a network against all lint rules.

    Args:
        spec: a spec, as returned by `archdsl.load`.
        graph: its graph, as returned by `archdsl.resolve`.
        suppressions: the suppressions of the file, for several graphs from one file. By default they are read from
            the spec, and unused ones are reported as well.

    Returns:
        The findings, the most expensive first.
    """
    own = suppressions or Suppressions(spec)
    found = findings_of(RULES, Network(spec, graph), own)
    return (*found, *(() if suppressions or spec.variants else own.unused()))


def findings_of(rules: Iterable[Rule], network: Network, suppressions: Suppressions | None = None) -> list[Finding]:
    """Check a network against some rules.

    Args:
        suppressions: those of the file; by default, they are read from the spec.

    Returns:
        The findings, the most expensive first.
    """
    own, totals = suppressions or Suppressions(network.spec), network.graph.totals
    found = combined((one for rule in rules for one in rule.check(network)), totals)
    return merged((one for one in found if not own.cover(one)), totals)


def summarize(findings: Sequence[Finding], totals: Totals) -> str:
    """Summarize the findings of one network on one line."""
    parts = [quantity(len(findings), "warning")]
    dead = sum(one.parameters for one in findings if one.rule.dead_weights)
    if dead:
        share = percent(dead, totals.parameters)
        parts.append(f"{dead:,} of {totals.parameters:,} parameters receive no gradient ({share})")
    lost = sum(one.macs for one in findings if one.rule.lost_work)
    if lost:
        parts.append(f"the results of {percent(lost, totals.macs)} of the multiply-accumulates are discarded")
    return ", ".join(parts)
