"""Warnings about a valid network, each with its cost in numbers, its line, and the edit that fixes it."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.graph import Graph, Totals
from archdsl.linting.finding import Finding, combined, merged, percent
from archdsl.linting.rule import Network
from archdsl.linting.rules import RULES
from archdsl.linting.suppressions import Suppressions
from archdsl.spec import Spec
from archdsl.text import quantity

__all__ = ["RULES", "Finding", "Suppressions", "lint", "summarize"]


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
    network = Network(spec, graph)
    found = combined((one for rule in RULES for one in rule.check(network)), graph.totals)
    own = suppressions or Suppressions(spec)
    kept = merged((one for one in found if not own.cover(one)), graph.totals)
    return (*kept, *(() if suppressions or spec.variants else own.unused()))


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
