"""Rules about windows and maps: kernels that are too large for their map, and maps that are too small too early."""

from __future__ import annotations

import math
from collections.abc import Iterator

from archdsl.analysis.dataflow import OpFacts, has_window
from archdsl.analysis.liveness import is_dead, is_whole
from archdsl.lint.finding import percent
from archdsl.lint.rule import Network, Occurrence, Rule, example
from archdsl.ops import Shape
from archdsl.ops.base import show
from archdsl.ops.index_sets import count

SMALL = 3
"""A map of at most so many rows and columns is small."""

SEVERAL = 3
"""So many convolutions with windows on a small map are a finding."""


class DeadWeights(Rule):
    """Some weights of a convolution only ever meet padding, or positions that nobody reads, for every place of the map. No
    gradient can reach them: they keep the values that they began with, whatever the data. How many they are follows from
    the size of the map, the kernel, stride, dilation and padding, for each axis in closed form.

    A 7x7 kernel on a 2x2 map multiplies numbers in 9 of its 49 taps. The other 40 are counted, stored, saved and moved by
    the optimizer's decay, and the network would compute the same without them. It is a sign that the map is smaller than
    whoever wrote the kernel had in mind.
    """

    code = "ARCH501"
    title = "weights that no gradient ever reaches"
    wrong = example("conv: {filters: 8, kernel: 7, padding: same, activation: relu}", size="[2, 2, 8]")
    right = example("conv: {filters: 8, kernel: 7, padding: same, activation: relu}", size="[14, 14, 8]")
    condition = (
        "taps of a convolution, plain, depthwise, separable or transposed, only ever meet padding, or serve positions "
        "from which no gradient comes back"
    )
    dead_weights = True

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        live = live_taps(one)
        # The mean and the deviation of a standardized kernel bring a gradient to every tap.
        if live is None or is_dead(one.live.training) or one.op.traits.standardizes or one.windows is None:
            return
        reach, taps = [part.bit_count() for part in live], math.prod(window.kernel for window in one.windows)
        if not (dead := taps - math.prod(reach)):
            return
        node = one.node
        name, kernel = next((name, weight) for name, weight in node.weights.items() if name.endswith("kernel"))
        # The depthwise half of a separable convolution serves all channels of the output.
        shared = name == DEPTHWISE
        filters, read = (1, 1) if shared else (node.shape[-1], count(one.live.training[-1], node.shape[-1]))
        why = "meet padding alone"
        if not is_whole(one.live.training[:-1]):
            why = "meet padding, or are for positions that nobody reads"
        hint = "nothing of the map reaches what is read of this: read further inside"
        if all(reach):
            hint = f"a kernel of {show(tuple(reach))} has all the taps that work here; or stride less before it"
        yield self.at(
            one,
            "{parameters} of {of} weights can never learn: no gradient reaches them",
            f"{_kernel_on_map(one)}: {dead} of {taps} taps {why}, whatever the input",
            fields=("kernel",),
            hint=hint,
            parameters=dead * (kernel.size // taps) * read // filters,
            of=kernel.size,
        )


class OversizedWindow(Rule):
    """The window of a convolution, its dilation included, is larger than the map that it slides over, so that it meets
    padding wherever it stands. Each of its weights still meets a number somewhere; where some never do, it is ARCH501.

    Products with padding are zeros that cost as much as others: a 7x7 kernel on a 4x4 map spends two thirds of its work
    on them. A map of this size mostly means a stride too many, or a kernel meant for a larger input.
    """

    code = "ARCH503"
    title = "a window larger than its map"
    wrong = example("conv: {filters: 8, kernel: 7, padding: same, activation: relu}", size="[4, 4, 8]")
    right = example("conv: {filters: 8, kernel: 3, padding: same, activation: relu}", size="[4, 4, 8]")
    condition = "the window of a convolution, with its dilation, is larger than its map"

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        live, windows = live_taps(one), one.windows
        if live is None or windows is None or windows[0].upward or is_dead(one.live.training):
            return
        edges = _edges(one)
        beyond = any(window.reach > stop - first for window, (first, stop) in zip(windows, edges, strict=True))
        if not beyond or any(part.bit_count() < window.kernel for part, window in zip(live, windows, strict=True)):
            return
        met = math.prod(window.products(edge) for window, edge in zip(windows, edges, strict=True))
        lost = 1 - met / math.prod(window.steps * window.kernel for window in windows)
        reach = show(tuple(window.reach for window in windows))
        yield self.at(
            one,
            f"a window of {reach} is larger than its map of {_map_size(one)}",
            f"{_kernel_on_map(one)}: {percent(lost, 1)} of its products are with padding",
            fields=("kernel",),
            hint="a smaller kernel, or fewer strides before it",
            macs=one.node.totals.macs * lost,
        )


DEPTHWISE = "depthwise_kernel"


def live_taps(one: OpFacts) -> tuple[int, int] | None:
    """The taps of a kernel that a gradient can reach, as sets of its rows and of its columns; a dead one is in none.

    None where the op has no kernel that slides.
    """
    if one.windows is None or not one.op.traits.filters:
        return None
    edges = one.inputs[0].support or (None, None)
    rows, columns = (
        window.live(places, edge) for window, places, edge in zip(one.windows, one.live.training, edges, strict=False)
    )
    return rows, columns


def _edges(one: OpFacts) -> tuple[tuple[int, int], ...]:
    """The first row and the one after the last that can be other than 0, and so the columns."""
    return one.inputs[0].support or tuple((0, window.length) for window in one.windows or ())


def _map_size(one: OpFacts) -> str:
    return show(tuple(stop - first for first, stop in _edges(one)))


def _kernel_on_map(one: OpFacts) -> str:
    return f"{show(tuple(window.kernel for window in one.windows or ()))} on a map of {_map_size(one)}"


class EarlySmallMap(Rule):
    """The map has at most 3 rows and columns, and three convolutions with windows or more still work on it. The line is that
    of the stride which made it so small.

    On a map of 3x3 every place but one lies at the border, so that a 3x3 window meets more padding than map. Networks for
    32x32 pixels keep maps of 8x8 to their end; those that were written for 224x224 end at 7x7.
    """

    code = "ARCH509"
    title = "a map that is small too early"
    wrong = example(
        "conv: {filters: 8, kernel: 3, stride: 2, padding: same, activation: relu}",
        "conv: {filters: 8, kernel: 3, stride: 2, padding: same, activation: relu}",
        "conv: {filters: 8, kernel: 3, stride: 2, padding: same, activation: relu}",
        "conv: {filters: 8, kernel: 3, padding: same, activation: relu}",
        "conv: {filters: 8, kernel: 3, padding: same, activation: relu}",
        "conv: {filters: 8, kernel: 3, padding: same, activation: relu}",
        size="[24, 24, 3]",
    )
    right = example(
        "conv: {filters: 8, kernel: 3, stride: 2, padding: same, activation: relu}",
        "conv: {filters: 8, kernel: 3, padding: same, activation: relu}",
        "conv: {filters: 8, kernel: 3, padding: same, activation: relu}",
        "conv: {filters: 8, kernel: 3, stride: 2, padding: same, activation: relu}",
        "conv: {filters: 8, kernel: 3, padding: same, activation: relu}",
        "conv: {filters: 8, kernel: 3, padding: same, activation: relu}",
        "conv: {filters: 8, kernel: 3, padding: same, activation: relu}",
        size="[24, 24, 3]",
    )
    condition = f"{SEVERAL} or more convolutions with windows work on maps of at most {SMALL}x{SMALL}"

    def check(self, network: Network) -> Iterator[Occurrence]:
        late = [one for one in network.flow.ops if has_window(one.op) and _is_small(one.shapes[0])]
        times = sum(one.body.uses for one in late)
        first = next((one for one in network.flow.ops if _narrows(one)), None)
        if times < SEVERAL or first is None:
            return
        weights = sum(one.node.totals.parameters * one.body.uses for one in late)
        share = percent(weights, network.graph.totals.parameters)
        size = show(first.node.shape[:2])
        yield self.at(
            first,
            f"the map is {size} from here on, and {times} convolutions with windows are still to come",
            f"they hold {weights:,} parameters, {share} of the network's",
            fields=("stride", "size", "padding"),
            hint="stride less before it, or take a larger input",
        )


def _is_small(shape: Shape) -> bool:
    return len(shape) == 3 and max(shape[:2]) <= SMALL


def _narrows(one: OpFacts) -> bool:
    """Whether a map becomes small here, but is not pooled as a whole."""
    after = one.node.shape
    return one.windows is not None and _is_small(after) and not _is_small(one.shapes[0]) and after[:2] != (1, 1)


class NarrowView(Rule):
    """The network ends in a global pool, and a place of the map before it sees less than half of the input's height and
    width. What it sees follows from all windows and strides before it.

    The pool adds up what small parts of the picture say, as a bag of patches: nothing that is larger than the receptive
    field, and no two things further apart, is ever seen together. That can be meant so (Brendel & Bethge 2019); mostly the
    strides or some convolutions are missing.
    """

    code = "ARCH510"
    title = "a network that sees only parts of its input"
    wrong = example(
        "conv: {filters: 8, kernel: 3, padding: same, activation: relu}",
        "conv: {filters: 8, kernel: 3, padding: same, activation: relu}",
        size="[64, 64, 3]",
    )
    right = example(
        "conv: {filters: 8, kernel: 3, stride: 2, padding: same, activation: relu}",
        "conv: {filters: 8, kernel: 3, stride: 2, padding: same, activation: relu}",
        "conv: {filters: 8, kernel: 3, stride: 2, padding: same, activation: relu}",
        "conv: {filters: 8, kernel: 3, padding: same, activation: relu}",
        "conv: {filters: 8, kernel: 3, padding: same, activation: relu}",
        size="[64, 64, 3]",
    )
    condition = "the map before the global pool sees less than half of the input's height or width at each place"

    def check(self, network: Network) -> Iterator[Occurrence]:
        graph = network.graph
        pool = next((one for one in network.flow.bodies[0].ops if one.op.traits.pools_map), None)
        if pool is None or len(graph.inputs) > 1 or len(graph.input) != 3:
            return
        # Fetched where there is a pool to speak of: `check` pays for every import.
        from archdsl.analysis.receptive_field import last_map

        last, size = last_map(graph), graph.input
        if last is None or last[0] != pool.node.inputs[0] or last[1].size is None or min(last[1].size) < 1:
            return
        seen = last[1].size
        if all(2 * part >= whole for part, whole in zip(seen, size, strict=False)):
            return
        share = percent(math.prod(seen), math.prod(size[:2]))
        yield self.at(
            pool,
            f"no place of the last map sees more than {show(seen)} pixels of {show(size[:2])}",
            f"the pool brings together views of {share} of the input each; what lies further apart is never compared",
            hint="more convolutions with windows, or strides earlier",
        )


RULES = (DeadWeights(), OversizedWindow(), EarlySmallMap(), NarrowView())
