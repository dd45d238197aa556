"""Findings about a network that can be built: each with its proof in numbers, its line, and the change to make."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.graph import Graph, Totals
from archdsl.lint.finding import Finding, combined, merged, percent
from archdsl.lint.rule import Network
from archdsl.lint.rules import RULES
from archdsl.lint.suppressions import Suppressions
from archdsl.spec import Spec
from archdsl.text import quantity

__all__ = ["RULES", "Finding", "Suppressions", "lint", "summarize"]


def lint(spec: Spec, graph: Graph, suppressions: Suppressions | None = None) -> tuple[Finding, ...]:
    """What a good reviewer would say of a network, the dearest first.

    Args:
        spec: what `archdsl.load` gives.
        graph: what `archdsl.resolve` gives of it.
        suppressions: those of the file, where several graphs of one file share them; without it the spec's own, and
            those that suppress nothing are findings, too.
    """
    network = Network(spec, graph)
    found = combined((one for rule in RULES for one in rule.check(network)), graph.totals)
    own = suppressions or Suppressions(spec)
    kept = merged((one for one in found if not own.cover(one)), graph.totals)
    return (*kept, *(() if suppressions or spec.variants else own.unused()))


def summarize(findings: Sequence[Finding], totals: Totals) -> str:
    """All findings of one network on one line: how many, and what the two gravest kinds come to."""
    parts = [quantity(len(findings), "warning")]
    dead = sum(one.parameters for one in findings if one.rule.dead_weights)
    if dead:
        share = percent(dead, totals.parameters)
        parts.append(f"{dead:,} of {totals.parameters:,} parameters can never learn ({share})")
    lost = sum(one.macs for one in findings if one.rule.lost_work)
    if lost:
        parts.append(f"{percent(lost, totals.macs)} of the multiply-accumulates are thrown away")
    return ", ".join(parts)
