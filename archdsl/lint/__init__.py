"""Findings about a network that can be built: each with its proof in numbers, its line, and the change to make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archdsl.errors import quantity
from archdsl.graph import Graph, Totals
from archdsl.lint import chains, maps, words, work
from archdsl.lint.finding import Case, Finding, combined, merged, percent
from archdsl.lint.geometry import slides
from archdsl.lint.silences import Silences
from archdsl.lint.walk import Walk
from archdsl.spec import Spec

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
    walk = Walk(graph)
    convolves = any(slides(site.node.op) for site in walk.sites)
    for site in walk.sites:
        yield from maps.rules(site)
        yield from chains.rules(site)
        if convolves:
            yield from chains.heavy_head(site, graph.totals.parameters)
        yield from words.rules(site)
    yield from maps.small_maps(walk, graph.totals.parameters)
    yield from maps.sight(graph, walk)
    yield from work.thrown_away(walk, graph)
    yield from work.unread_inputs(walk, graph)
    yield from words.recipe(spec, graph, walk)
    yield from words.unused_layers(spec, walk)


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
