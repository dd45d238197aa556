"""Findings about a network that can be built: each with its proof in numbers, its line, and the change to make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archdsl.analysis.dataflow import Dataflow, has_window
from archdsl.graph import Graph, Totals
from archdsl.lint.finding import Case, Finding, combined, merged, percent
from archdsl.lint.rules import neighbours, waste, windows
from archdsl.lint.rules import spec as spec_rules
from archdsl.lint.suppressions import Silences
from archdsl.spec import Spec
from archdsl.text import quantity

__all__ = ["Finding", "Silences", "lint", "summarize"]


def lint(spec: Spec, graph: Graph, silences: Silences | None = None) -> tuple[Finding, ...]:
    """What a good reviewer would say of a network, the dearest first.

    Args:
        spec: what `archdsl.load` gives.
        graph: what `archdsl.resolve` gives of it.
        silences: those of the file, where several graphs of one file share them; without it the spec's own, and what
            silences nothing is told, too.
    """
    found = combined(_cases(spec, graph), graph.totals)
    own = silences or Silences(spec)
    kept = [one for one in found if not own.cover(one)]
    kept = merged(kept, graph.totals)
    return (*kept, *(() if silences or spec.variants else own.idle()))


def _cases(spec: Spec, graph: Graph) -> Iterator[Case]:
    flow = Dataflow(graph)
    convolves = any(has_window(site.op) for site in flow.ops)
    for site in flow.ops:
        yield from windows.rules(site)
        yield from neighbours.rules(site)
        if convolves:
            yield from neighbours.heavy_head(site, graph.totals.parameters)
        yield from spec_rules.rules(site)
    yield from windows.small_maps(flow, graph.totals.parameters)
    yield from windows.sight(graph, flow)
    yield from waste.thrown_away(flow, graph)
    yield from waste.unread_inputs(flow, graph)
    yield from spec_rules.recipe(spec, graph, flow)
    yield from spec_rules.unused_layers(spec, flow)


def summarize(findings: Sequence[Finding], totals: Totals) -> str:
    """All findings of one network on one line: how many, and what the two gravest kinds come to."""
    told = [quantity(len(findings), "warning")]
    dead = sum(one.parameters for one in findings if one.code in ("ARCH501", "ARCH502"))
    if dead:
        share = percent(dead, totals.parameters)
        told.append(f"{dead:,} of {totals.parameters:,} parameters can never learn ({share})")
    lost = sum(one.macs for one in findings if one.code in ("ARCH502", "ARCH504"))
    if lost:
        told.append(f"{percent(lost, totals.macs)} of the multiply-accumulates are thrown away")
    return ", ".join(told)
