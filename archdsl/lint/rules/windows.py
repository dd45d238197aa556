"""Rules about windows and maps: weights that never meet a number, channels that nobody reads, maps too small."""

from __future__ import annotations

import math
from collections.abc import Iterator

from archdsl.analysis.dataflow import Dataflow, OpFacts, has_window
from archdsl.analysis.liveness import is_dead
from archdsl.graph import Graph
from archdsl.lint.finding import Case, case, percent
from archdsl.ops.base import show
from archdsl.ops.index_sets import ALL, LONGEST, Window, count

SMALL = 3
"""A map of at most so many rows and columns is small."""

SEVERAL = 3
"""So many convolutions with windows on a small map are told."""


def rules(site: OpFacts) -> Iterator[Case]:
    """What is to be said of one op and its windows."""
    if not site.node.weights:
        return
    yield from _unread_filters(site)
    if site.op.traits.filters and not is_dead(site.live.training):
        yield from _taps(site)


_SHARED = "depthwise_kernel"
"""The weight of a separable convolution that serves all channels of its output."""


def _taps(site: OpFacts) -> Iterator[Case]:
    """Taps of a kernel that only ever meet padding, or a kernel that reaches beyond its map."""
    both = site.windows
    if both is None:
        return
    edges = site.inputs[0].support or tuple((0, window.length) for window in both)
    live = [taps.bit_count() for taps in living(site) or ()]
    taps = math.prod(window.kernel for window in both)
    dead = taps - math.prod(live)
    if not dead and not any(map(_beyond, both, edges)):
        return
    size = "x".join(str(window.kernel) for window in both)
    inside = "x".join(str(stop - first) for first, stop in edges)
    if dead and not site.op.traits.standardizes:  # whose mean and deviation bring a gradient to every tap
        yield _dead(site, dead, taps, size, inside, live)
    elif not dead and not both[0].upward:
        yield _too_large(site, both, edges, size, inside)


def living(site: OpFacts) -> tuple[int, int] | None:
    """The taps of a kernel that a gradient can reach, as sets of its rows and of its columns; a dead one is in none.

    None where the op does not slide.
    """
    both = site.windows
    if both is None:
        return None
    edges = site.inputs[0].support or (None, None)
    rows, columns = (
        window.live(places, edge) for window, places, edge in zip(both, site.live.training, edges, strict=False)
    )
    return rows, columns


def _dead(site: OpFacts, dead: int, taps: int, size: str, inside: str, live: list[int]) -> Case:
    node = site.node
    name, kernel = next((name, weight) for name, weight in node.weights.items() if name in ("kernel", _SHARED))
    filters = node.shape[-1] if name != _SHARED else 1
    read = count(site.live.training[-1], node.shape[-1]) if name != _SHARED else 1
    each = kernel.size // taps
    whole = all(places == ALL for places in site.live.training[:-1])
    why = "meet padding alone" if whole else "meet padding, or are for positions that nobody reads"
    reach = "x".join(map(str, live))
    fact = f"{size} on a map of {inside}: {dead} of {taps} taps {why}, whatever the input"
    return case(
        "ARCH501",
        node,
        site.body,
        "{parameters} of {of} weights can never learn: no gradient reaches them",
        fact,
        at=("kernel",),
        hint=f"a kernel of {reach} has all the taps that work here; or stride less before it"
        if all(live)
        else "nothing of the map reaches what is read of this: read further inside",
        parameters=dead * each * read // filters,
        of=kernel.size,
    )


def _beyond(window: Window, edge: tuple[int, int]) -> bool:
    return window.reach > edge[1] - edge[0]


def _too_large(
    site: OpFacts, both: tuple[Window, Window], edges: tuple[tuple[int, int], ...], size: str, inside: str
) -> Case:
    node = site.node
    met = math.prod(window.products(edge) for window, edge in zip(both, edges, strict=True))
    lost = 1 - met / math.prod(window.steps * window.kernel for window in both)
    return case(
        "ARCH503",
        node,
        site.body,
        f"a window of {'x'.join(str(w.reach) for w in both)} is larger than its map of {inside}",
        f"{size} on a map of {inside}: {percent(lost, 1)} of its products are with padding",
        at=("kernel",),
        hint="a smaller kernel, or fewer strides before it",
        macs=node.totals.macs * lost,
    )


def _unread_filters(site: OpFacts) -> Iterator[Case]:
    """Channels of a convolution or a dense layer that no op reads."""
    node, learns = site.node, site.live.training
    if not (site.op.traits.filters) or node.shape[-1] > LONGEST:
        return
    channels = node.shape[-1]
    unread = channels - (0 if is_dead(learns) else count(learns[-1], channels))
    if not unread:
        return
    # The depthwise half of a separable convolution serves all channels: it is dead where all of them are.
    own = [w for name, w in node.weights.items() if name != _SHARED or unread == channels]
    yield case(
        "ARCH502",
        node,
        site.body,
        "{parameters} of {of} weights can never learn: nobody reads what they give",
        f"{unread:,} of {channels:,} channels of `{node.name}` are taken by no op behind it",
        at=("filters", "units", "multiplier"),
        hint=f"compute {channels - unread:,} channels, or use the others",
        parameters=sum(weight.size for weight in own) * unread // channels,
        of=sum(weight.size for weight in own),
        macs=node.totals.macs * unread / channels,
    )


def small_maps(flow: Dataflow, parameters: int) -> Iterator[Case]:
    """A map that becomes small while several convolutions with windows are still to come."""
    late = [site for site in flow.ops if has_window(site.op) and _small(site.shapes[0])]
    times = sum(site.body.uses for site in late)
    first = next((site for site in flow.ops if _narrows(site)), None)
    if times < SEVERAL or first is None:
        return
    weights = sum(site.node.totals.parameters * site.body.uses for site in late)
    node = first.node
    yield Case(
        "ARCH509",
        f"the map is {show(node.shape[:2])} from here on, and {times} convolutions with windows are still to come",
        next((node.fields[name].span for name in ("stride", "size", "padding") if name in node.fields), node.span),
        node.span,
        first.body,
        (f"they hold {weights:,} parameters, {percent(weights, parameters)} of the network's",),
        "stride less before it, or take a larger input",
    )


def sight(graph: Graph, flow: Dataflow) -> Iterator[Case]:
    """A global pool behind a map whose places each see a small part of the input."""
    pool = next((site for site in flow.bodies[0].ops if site.op.traits.pools_map), None)
    if pool is None or len(graph.inputs) > 1 or len(graph.input) != 3:
        return
    # Fetched where there is a pool to speak of: `check` pays for every import.
    from archdsl.analysis.receptive_field import last_map

    last, shape = last_map(graph), graph.input
    if last is None or last[0] != pool.node.inputs[0] or last[1].size is None or min(last[1].size) < 1:
        return
    seen = last[1].size
    if all(2 * part >= whole for part, whole in zip(seen, shape, strict=False)):
        return
    share = percent(math.prod(seen), math.prod(shape[:2]))
    yield case(
        "ARCH510",
        pool.node,
        pool.body,
        f"no place of the last map sees more than {show(seen)} pixels of {show(shape[:2])}",
        f"the pool brings together views of {share} of the input each; what lies further apart is never compared",
        hint="more convolutions with windows, or strides earlier",
    )


def _small(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and max(shape[:2]) <= SMALL


def _narrows(site: OpFacts) -> bool:
    """Whether a map becomes small here, but is not pooled as a whole."""
    return site.windows is not None and (
        _small(site.node.shape) and not _small(site.shapes[0]) and site.node.shape[:2] != (1, 1)
    )
