"""Rules about work whose results nobody reads."""

from __future__ import annotations

import math
from collections.abc import Iterator

from archdsl.analysis.dataflow import BodyFacts, Dataflow, OpFacts
from archdsl.analysis.liveness import Liveness, PartialReader, is_dead, live_share
from archdsl.graph import Graph
from archdsl.lint.finding import Case, percent
from archdsl.ops import Shape
from archdsl.ops.base import show
from archdsl.ops.index_sets import ALL, count

LEAST = 0.01
"""The share of a network's work from which on it is told that nobody reads its results."""


def thrown_away(flow: Dataflow, graph: Graph) -> Iterator[Case]:
    """Positions that are computed and never read, at the op that leaves them unread."""
    places = _first_bodies(flow)
    found: dict[tuple[PartialReader, ...], list[tuple[float, OpFacts]]] = {}
    for site in flow.ops:
        if site.live.readers and (lost := _unread(site)) > 0:
            found.setdefault(site.live.readers, []).append((lost * site.node.totals.macs, site))
    groups: dict[object, list[Case]] = {}
    for readers, sites in found.items():
        groups.setdefault(readers[0].span, []).extend(_case(readers, lost, site, places) for lost, site in sites)
    for cases in groups.values():
        if sum(one.cost[1] for one in cases) >= LEAST * graph.totals.macs:
            yield from cases


def _case(
    readers: tuple[PartialReader, ...], lost: float, site: OpFacts, places: dict[PartialReader, BodyFacts]
) -> Case:
    first, node = readers[0], site.node
    others = [f"line {reader.span.line}" for reader in readers[1:] if reader.span and reader.span != first.span]
    also = f" (and `{readers[1].kind}` on {' and '.join(dict.fromkeys(others))})" if others else ""
    line = f" on line {node.span.line}" if node.span else ""
    read = _read(site.live, node.shape)
    told = f"`{node.name}`{line} computes {show(node.shape[:-1])} places, of which {read} {_verb(read)} read"
    told += ", but for batch norm's statistics" if site.live.training != site.live.inference else ""
    return Case(
        "ARCH504",
        f"{{macs}} multiply-accumulates compute what this `{first.kind}` throws away{also}",
        first.span,
        first.step,
        # The trail is the reader's; what it costs is counted by the uses of the body that computes.
        _Apart(places.get(first, site.body), site.body.uses),
        (told,),
        first.hint,
        macs=lost,
    )


class _Apart(BodyFacts):
    """The body in which something is told, with the uses of another one."""

    def __init__(self, body: BodyFacts, uses: int) -> None:
        super().__init__(body.graph, uses=uses, first=body.first)


def _first_bodies(flow: Dataflow) -> dict[PartialReader, BodyFacts]:
    """The first body in which an op stands that leaves something unread."""
    found: dict[PartialReader, BodyFacts] = {}
    for body in flow.bodies:
        for reader in reversed(body.partial):
            found.setdefault(reader, body)
    return found


def _read(need: Liveness, shape: Shape) -> str:
    """`8x8`: how many positions along each axis are read."""
    if is_dead(need.inference):
        return "none"
    return show(tuple(count(places, length) for places, length in zip(need.inference[:-1], shape[:-1], strict=True)))


def _verb(read: str) -> str:
    return "is" if read in ("1", "1x1") else "are"


def _unread(site: OpFacts) -> float:
    """The share of an op's work that ends in positions which nobody reads, among the channels that somebody does."""
    node, seen = site.node, site.live.inference
    if not node.totals.macs or is_dead(seen) or len(seen) < 2:
        return 0.0
    if not site.op.traits.filters:
        return 0.0
    both = site.windows
    channels = live_share(seen[-1:], node.shape[-1:])
    if both is not None and both[0].upward:
        rows, columns = (window.unread(places) for window, places in zip(both, seen, strict=False))
        return channels * (1 - (1 - rows) * (1 - columns))
    return channels * (1 - live_share(seen[:-1], node.shape[:-1]))


def unread_inputs(flow: Dataflow, graph: Graph) -> Iterator[Case]:
    """Pixels of an input that no op reads."""
    model = flow.bodies[0]
    for (name, shape), need in zip(graph.inputs.items(), model.inputs, strict=True):
        if len(shape) < 2 or not need.readers or all(places == ALL for places in need.inference[:-1]):
            continue
        first = need.readers[0]
        pixels = math.prod(shape[:-1])
        read = math.prod(count(places, length) for places, length in zip(need.inference[:-1], shape[:-1], strict=True))
        what = "the input" if len(graph.inputs) == 1 else f"the input `{name}`"
        parts = "x".join(str(count(p, n)) for p, n in zip(need.inference[:-1], shape[:-1], strict=True))
        yield Case(
            "ARCH505",
            f"{pixels - read:,} of {pixels:,} pixels of {what} are never read",
            first.span,
            first.step,
            _first_bodies(flow).get(first, model),
            (f"of {show(shape[:-1])} the network sees {parts}: {percent(pixels - read, pixels)} change nothing",),
            first.hint,
        )
