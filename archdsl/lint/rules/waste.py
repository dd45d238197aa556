"""Rules about work whose results nobody reads."""

from __future__ import annotations

import math
from collections.abc import Iterator

from archdsl.analysis.dataflow import OpFacts
from archdsl.analysis.liveness import Liveness, PartialReader, is_dead, is_whole, live_share
from archdsl.lint.finding import percent
from archdsl.lint.rule import Network, Occurrence, Rule, example
from archdsl.lint.rules.windows import DEPTHWISE
from archdsl.ops import Shape
from archdsl.ops.base import show
from archdsl.ops.index_sets import LONGEST, count

LEAST = 0.01
"""The share of a network's work from which on it is a finding that nobody reads its results."""


class UnreadChannels(Rule):
    """Some channels of a convolution or a dense layer are taken by nobody: what follows reads only the others. Their weights
    get no gradient, and their work is for nothing.

    `take_channels` and grouped convolutions read parts of the channels. Where no other op reads the rest, filters were
    counted that have no effect.
    """

    code = "ARCH502"
    title = "channels that nobody reads"
    wrong = example("conv: {filters: 8, kernel: 5, activation: relu}", "take_channels: {stop: 6}")
    right = example("conv: {filters: 6, kernel: 5, activation: relu}")
    condition = "channels of a convolution or a dense layer are read by no op"
    dead_weights = lost_work = True

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        node, live = one.node, one.live.training
        if not one.op.traits.filters or not node.weights or node.shape[-1] > LONGEST:
            return
        channels = node.shape[-1]
        unread = channels - (0 if is_dead(live) else count(live[-1], channels))
        if not unread:
            return
        # The depthwise half of a separable convolution serves all channels: it is dead where all of them are.
        own = sum(weight.size for name, weight in node.weights.items() if name != DEPTHWISE or unread == channels)
        yield self.at(
            one,
            "{parameters} of {of} weights can never learn: nobody reads what they give",
            f"{unread:,} of {channels:,} channels of `{node.name}` are taken by no op behind it",
            fields=("filters", "units", "multiplier"),
            hint=f"compute {channels - unread:,} channels, or use the others",
            parameters=own * unread // channels,
            of=own,
            macs=node.totals.macs * unread / channels,
        )


class DiscardedWork(Rule):
    """Work is done at places of a map that nobody reads afterwards: a stride comes too late. Which places are read is followed
    back from the outputs, along each axis. It is told from 1 % of the network's work on. While training, a batch norm in
    between does see those places in its statistics, which the text then says.

    A 1x1 convolution with stride 2 reads a quarter of its map, and what the convolutions before it computed for the other
    three quarters is thrown away. With the stride on the 3x3 convolution before it the shapes and the parameters are the
    same, and three quarters of its work are saved. Keras's ResNet-50 loses a tenth of its work so, the first residual
    networks did, and torchvision moved the stride for it.
    """

    code = "ARCH504"
    title = "work whose results are thrown away"
    wrong = example(
        "conv: {filters: 8, kernel: 5, padding: same, activation: relu}",
        "conv: {filters: 16, kernel: 1, stride: 2, activation: relu}",
    )
    right = example(
        "conv: {filters: 8, kernel: 5, padding: same, stride: 2, activation: relu}",
        "conv: {filters: 16, kernel: 1, activation: relu}",
    )
    condition = (
        f"{LEAST:.0%} of the network's multiply-accumulates or more are done at places that nobody reads, for one "
        "op's sake"
    )
    counts_uses = False
    lost_work = True

    def check(self, network: Network) -> Iterator[Occurrence]:
        found: dict[object, list[Occurrence]] = {}
        for one in network.flow.ops:
            if one.live.readers and (lost := _unread_share(one)) > 0:
                found.setdefault(one.live.readers, []).append(self._lost(one, lost, network))
        groups: dict[object, list[Occurrence]] = {}
        for occurrences in found.values():
            groups.setdefault(occurrences[0].span, []).extend(occurrences)
        for group in groups.values():
            if sum(one.cost[1] for one in group) >= LEAST * network.graph.totals.macs:
                yield from group

    def _lost(self, one: OpFacts, lost: float, network: Network) -> Occurrence:
        """What is lost of an op, at the op that leaves it unread."""
        first, *others = one.live.readers
        node, live = one.node, one.live
        lines = [f"line {reader.span.line}" for reader in others if reader.span and reader.span != first.span]
        also = f" (and `{others[0].kind}` on {' and '.join(dict.fromkeys(lines))})" if lines else ""
        line = f" on line {node.span.line}" if node.span else ""
        read = _counted(live, node.shape)
        verb = "is" if read in ("1", "1x1") else "are"
        fact = f"`{node.name}`{line} computes {show(node.shape[:-1])} places, of which {read} {verb} read"
        fact += ", but for batch norm's statistics" if live.training != live.inference else ""
        return Occurrence(
            self,
            f"{{macs}} multiply-accumulates compute what this `{first.kind}` throws away{also}",
            first.span,
            first.step,
            # The trail is the reader's; what it costs is counted by the uses of the body that computes.
            network.first_bodies.get(first, one.body),
            (fact,),
            first.hint,
            macs=lost * node.totals.macs,
            counted=one.body,
        )


def _counted(live: Liveness, shape: Shape) -> str:
    """`8x8`: how many positions along each axis but the channels are read."""
    return show(tuple(count(places, length) for places, length in zip(live.inference[:-1], shape[:-1], strict=True)))


def _unread_share(one: OpFacts) -> float:
    """The share of an op's work that ends in positions which nobody reads, among the channels that somebody does."""
    node, live = one.node, one.live.inference
    if not node.totals.macs or is_dead(live) or len(live) < 2 or not one.op.traits.filters:
        return 0.0
    channels = live_share(live[-1:], node.shape[-1:])
    if one.windows is not None and one.windows[0].upward:
        rows, columns = (window.unread(places) for window, places in zip(one.windows, live, strict=False))
        return channels * (1 - (1 - rows) * (1 - columns))
    return channels * (1 - live_share(live[:-1], node.shape[:-1]))


class UnreadPixels(Rule):
    """Some pixels of the input never reach an output: the windows of the first ops step over them, or end before the border.

    A 3x3 convolution with stride 2 and without padding sees 31 of 32 rows, and 31 of 32 columns: what stands in the last
    ones changes nothing. A 1x1 convolution with stride 2 right at the input sees a quarter of the picture.
    """

    code = "ARCH505"
    title = "pixels of the input that are never read"
    wrong = example("conv: {filters: 8, kernel: 9, stride: 2, activation: relu}", size="[16, 16, 3]")
    right = example("conv: {filters: 8, kernel: 9, stride: 2, padding: same, activation: relu}", size="[16, 16, 3]")
    condition = "at least one pixel of the input changes nothing"

    def check(self, network: Network) -> Iterator[Occurrence]:
        inputs, model = network.graph.inputs, network.flow.bodies[0]
        for (name, shape), live in zip(inputs.items(), model.inputs, strict=True):
            if len(shape) < 2 or not live.readers or is_whole(live.inference[:-1]):
                continue
            first: PartialReader = live.readers[0]
            pixels = math.prod(shape[:-1])
            read = math.prod(count(places, n) for places, n in zip(live.inference[:-1], shape[:-1], strict=True))
            what = "the input" if len(inputs) == 1 else f"the input `{name}`"
            yield Occurrence(
                self,
                f"{pixels - read:,} of {pixels:,} pixels of {what} are never read",
                first.span,
                first.step,
                network.first_bodies.get(first, model),
                (
                    f"of {show(shape[:-1])} the network sees {_counted(live, shape)}: "
                    f"{percent(pixels - read, pixels)} change nothing",
                ),
                first.hint,
            )


RULES = (UnreadChannels(), DiscardedWork(), UnreadPixels())
