"""Rules about windows and feature maps: kernels larger than their map, and maps that shrink too early."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from archdsl.analysis.dataflow import OpFacts, has_window
from archdsl.analysis.liveness import is_dead, is_whole
from archdsl.linting.finding import percent
from archdsl.linting.rule import Network, Occurrence, Rule, example
from archdsl.ops import Shape
from archdsl.ops.base import show
from archdsl.ops.index_sets import count

SMALL = 3
"""A feature map is small if it has at most this many rows and columns."""

SEVERAL = 3
"""The number of convolutions on small feature maps from which the rule reports them."""


class DeadWeights(Rule):
    """Checks for convolutions with kernel weights that only ever meet padding, or only contribute to positions that no op
    reads. No gradient reaches such weights: they keep their initial values, whatever the data. The rule computes them from
    the size of the feature map, kernel, stride, dilation and padding.

    On a 2x2 feature map, a 7x7 kernel uses 9 of its 49 taps. The other 40 still count as parameters, take up memory and
    disk space, and are changed by weight decay, but the network computes the same without them. They are a sign that the
    feature map is smaller than intended.
    """

    code = "ARCH501"
    title = "weights that receive no gradient"
    wrong = example("conv: {filters: 8, kernel: 7, padding: same, activation: relu}", size="[2, 2, 8]")
    right = example("conv: {filters: 8, kernel: 7, padding: same, activation: relu}", size="[14, 14, 8]")
    condition = "some kernel taps only ever meet padding, or only contribute to positions that receive no gradient"
    of_weights = dead_weights = True

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
        why = "only ever meet padding"
        if not is_whole(one.live.training[:-1]):
            why = "meet only padding or positions that no op reads"
        hint = "the positions that are read depend on padding only: read positions further inside"
        if all(reach):
            hint = f"use a {sized('kernel', reach)}, or reduce the strides before this step"
        yield self.at(
            one,
            "{parameters} of {of} weights receive no gradient",
            f"{_kernel_on_map(one)}: {dead} of {taps} taps {why}",
            fields=("kernel",),
            hint=hint,
            parameters=dead * (kernel.size // taps) * read // filters,
            of=kernel.size,
        )


class OversizedWindow(Rule):
    """Checks for convolutions whose window, including dilation, is larger than the feature map. At every position, the window
    then covers some padding. If some weights only ever meet padding, `ARCH501` reports them instead.

    Multiplying by padding costs as much as any other product and always gives zero. On a 4x4 feature map, a 7x7 kernel
    spends two thirds of its work on padding. Usually the network has one stride too many, or the kernel was chosen for a
    larger input.
    """

    code = "ARCH503"
    title = "window larger than its feature map"
    wrong = example("conv: {filters: 8, kernel: 7, padding: same, activation: relu}", size="[4, 4, 8]")
    right = example("conv: {filters: 8, kernel: 3, padding: same, activation: relu}", size="[4, 4, 8]")
    condition = "a convolution's window, including dilation, is larger than its feature map"

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
        reach = sized("window", [window.reach for window in windows])
        yield self.at(
            one,
            f"the {reach} is larger than its {_map(one)}",
            f"{_kernel_on_map(one)}: {percent(lost, 1)} of the products involve padding",
            fields=("kernel",),
            hint="use a smaller kernel, or reduce the strides before this step",
            macs=one.node.totals.macs * lost,
        )


MAPS = {1: "sequence", 2: "feature map", 3: "volume"}
"""The words for what windows slide over, by its number of axes besides the channels."""

DEPTHWISE = "depthwise_kernel"


def live_taps(one: OpFacts) -> tuple[int, ...] | None:
    """The taps along each axis that a gradient can reach, as bit sets; None if the op has no sliding kernel."""
    if one.windows is None or not one.op.traits.filters:
        return None
    edges = one.inputs[0].support or (None,) * len(one.windows)
    axes = zip(one.windows, one.live.training, edges, strict=False)
    return tuple(window.live(places, edge) for window, places, edge in axes)


def _edges(one: OpFacts) -> tuple[tuple[int, int], ...]:
    """The range along each axis outside of which the input is always 0."""
    return one.inputs[0].support or tuple((0, window.length) for window in one.windows or ())


def _map(one: OpFacts) -> str:
    edges = _edges(one)
    return sized(MAPS[len(edges)], [stop - first for first, stop in edges])


def _kernel_on_map(one: OpFacts) -> str:
    return f"{sized('kernel', [window.kernel for window in one.windows or ()])} on a {_map(one)}"


def sized(noun: str, lengths: Sequence[int]) -> str:
    """A noun with its size along each axis: `7x7 kernel`, or `kernel of 7` along a single axis."""
    return f"{noun} of {lengths[0]}" if len(lengths) == 1 else f"{show(tuple(lengths))} {noun}"


class EarlySmallMap(Rule):
    """Checks for networks in which three or more convolutions with kernels larger than 1x1 run on feature maps of at most 3x3.
    The finding points at the stride that makes the feature map so small. Sequences and volumes are checked in the same way.

    On a 3x3 feature map, every position except the center lies at the border, where a 3x3 window covers more padding than
    map. Networks for 32x32 images typically keep 8x8 feature maps to the end, and networks for 224x224 images end at 7x7.
    """

    code = "ARCH509"
    title = "feature map that is small too early"
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
    condition = f"{SEVERAL} or more convolutions larger than 1x1 run on feature maps of at most {SMALL}x{SMALL}"

    def check(self, network: Network) -> Iterator[Occurrence]:
        for rank in MAPS:
            yield from self._check_rank(rank, network)

    def _check_rank(self, rank: int, network: Network) -> Iterator[Occurrence]:
        ops = [one for one in network.flow.ops if one.shapes and len(one.shapes[0]) - 1 == rank]
        late = [one for one in ops if has_window(one.op) and _is_small(one.shapes[0])]
        times = sum(one.body.uses for one in late)
        first = next((one for one in ops if _narrows(one)), None)
        if times < SEVERAL or first is None:
            return
        weights = sum(one.node.totals.parameters * one.body.uses for one in late)
        share = percent(weights, network.graph.totals.parameters)
        size = show(first.node.shape[:-1]) + (" long" if rank == 1 else "")
        yield self.at(
            first,
            f"the {MAPS[rank]} is {size} from here on, but {times} convolutions larger than {show((1,) * rank)} follow",
            f"they hold {weights:,} parameters, {share} of the network",
            fields=("stride", "size", "padding"),
            hint="reduce the strides up to here, or use a larger input",
        )


def _is_small(shape: Shape) -> bool:
    return max(shape[:-1]) <= SMALL


def _narrows(one: OpFacts) -> bool:
    """Whether the op makes the feature map small without pooling it as a whole."""
    before, after = one.shapes[0], one.node.shape
    return one.windows is not None and _is_small(after) and not _is_small(before) and max(after[:-1]) > 1


class NarrowView(Rule):
    """Checks for networks whose receptive field before the global pool covers less than half of the input's height, width,
    depth or length. The receptive field follows from all windows and strides before the pool.

    The global pool averages over positions, so the network classifies a bag of small patches. It cannot recognize anything
    larger than the receptive field, nor relate features that are farther apart. This can be intended (Brendel & Bethge
    2019), but usually strides or convolutions are missing.
    """

    code = "ARCH510"
    title = "narrow receptive field"
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
    condition = "before the global pool, the receptive field covers less than half of the input along some axis"

    def check(self, network: Network) -> Iterator[Occurrence]:
        graph = network.graph
        pool = next((one for one in network.flow.bodies[0].ops if one.op.traits.pools_map), None)
        if pool is None or len(graph.inputs) > 1 or len(graph.input) - 1 not in MAPS:
            return
        # Imported only if there is a pool: every import makes `check` slower.
        from archdsl.analysis.receptive_field import last_map

        last, size = last_map(graph), graph.input
        if last is None or last[0] != pool.node.inputs[0] or last[1].size is None or min(last[1].size) < 1:
            return
        seen = last[1].size
        if all(2 * part >= whole for part, whole in zip(seen, size, strict=False)):
            return
        share = percent(math.prod(seen), math.prod(size[:-1]))
        places = "pixels" if len(size) == 3 else "positions"
        yield self.at(
            pool,
            f"the receptive field before the global pool is {show(seen)} of {show(size[:-1])} {places}",
            f"each position sees {share} of the input, and features that are farther apart are never related",
            hint="add convolutions larger than 1x1, or move the strides closer to the input",
        )


RULES = (DeadWeights(), OversizedWindow(), EarlySmallMap(), NarrowView())
