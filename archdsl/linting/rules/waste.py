"""Rules about work whose results no op reads."""

from __future__ import annotations

import math
from collections.abc import Iterator

from archdsl.analysis.dataflow import OpFacts
from archdsl.analysis.liveness import Liveness, PartialReader, is_dead, is_whole, live_share
from archdsl.linting.finding import percent
from archdsl.linting.rule import Network, Occurrence, Rule, example
from archdsl.linting.rules.windows import DEPTHWISE
from archdsl.ops import Shape
from archdsl.ops.base import show
from archdsl.ops.index_sets import LONGEST, count

LEAST = 0.01
"""The share of a network's multiply-accumulates from which discarded work is reported."""


class UnreadChannels(Rule):
    """Checks for convolutions and dense layers with output channels that no op reads. `take_channels` and grouped convolutions
    read only some of the channels.

    The weights of an unused channel receive no gradient, and computing it is wasted work. The filters still count as
    parameters.
    """

    code = "ARCH502"
    title = "unused channels"
    wrong = example("conv: {filters: 8, kernel: 5, activation: relu}", "take_channels: {stop: 6}")
    right = example("conv: {filters: 6, kernel: 5, activation: relu}")
    condition = "no op reads some of the output channels of a convolution or dense layer"
    of_weights = dead_weights = lost_work = True

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        node, live = one.node, one.live.training
        if not one.op.traits.filters or not node.weights or node.shape[-1] > LONGEST:
            return
        channels = node.shape[-1]
        unread = channels - (0 if is_dead(live) else count(live[-1], channels))
        if not unread:
            return
        # The depthwise half of a separable convolution serves all channels: it is dead only if all of them are.
        own = sum(weight.size for name, weight in node.weights.items() if name != DEPTHWISE or unread == channels)
        yield self.at(
            one,
            "{parameters} of {of} weights receive no gradient: no op reads their channels",
            f"no op reads {unread:,} of the {channels:,} channels of `{node.name}`",
            fields=("filters", "units", "multiplier"),
            hint=f"reduce the channels to {channels - unread:,}, or read all of them",
            parameters=own * unread // channels,
            of=own,
            macs=node.totals.macs * unread / channels,
        )


class DiscardedWork(Rule):
    """Checks for ops that compute positions of a feature map that no later op reads, usually because a stride comes too late.
    The rule follows the positions that are read back from the outputs, along each axis. It reports at least 1 % of the
    network's multiply-accumulates. In training, a batch normalization in between still includes the discarded positions in
    its statistics; the finding then says so.

    A 1x1 convolution with stride 2 reads a quarter of its input, so three quarters of what the preceding op computed are
    discarded. Moving the stride to the preceding 3x3 convolution keeps all shapes and parameters and saves three quarters
    of its work. Keras's ResNet-50, like the first residual networks, discards a tenth of its work in this way; torchvision
    moved the stride to avoid it.
    """

    code = "ARCH504"
    title = "discarded work"
    wrong = example(
        "conv: {filters: 8, kernel: 5, padding: same, activation: relu}",
        "conv: {filters: 16, kernel: 1, stride: 2, activation: relu}",
    )
    right = example(
        "conv: {filters: 8, kernel: 5, padding: same, stride: 2, activation: relu}",
        "conv: {filters: 16, kernel: 1, activation: relu}",
    )
    condition = f"one op discards the results of at least {LEAST * 100:g} % of the network's multiply-accumulates"
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
        """The work of an op that is discarded, located at the op that discards it."""
        first, *others = one.live.readers
        node, live = one.node, one.live
        lines = [f"line {reader.span.line}" for reader in others if reader.span and reader.span != first.span]
        also = f" (and `{others[0].kind}` on {' and '.join(dict.fromkeys(lines))})" if lines else ""
        line = f" on line {node.span.line}" if node.span else ""
        read = _counted(live, node.shape)
        verb = "is" if read in ("1", "1x1") else "are"
        fact = f"`{node.name}`{line} computes {show(node.shape[:-1])} positions, but only {read} {verb} read"
        fact += " (all are in training, for batch statistics)" if live.training != live.inference else ""
        return Occurrence(
            self,
            f"this `{first.kind}`{also} discards the results of {{macs}} multiply-accumulates",
            first.span,
            first.step,
            # The trail leads to the reader; the cost is multiplied by the uses of the body that computes.
            network.first_bodies.get(first, one.body),
            (fact,),
            first.hint,
            macs=lost * node.totals.macs,
            counted=one.body,
        )


def _counted(live: Liveness, shape: Shape) -> str:
    """How many positions are read along each axis except the channels, as in `8x8`."""
    return show(tuple(count(places, length) for places, length in zip(live.inference[:-1], shape[:-1], strict=True)))


def _unread_share(one: OpFacts) -> float:
    """The share of an op's work that goes into unread positions of channels that are read."""
    node, live = one.node, one.live.inference
    if not node.totals.macs or is_dead(live) or len(live) < 2 or not one.op.traits.filters:
        return 0.0
    channels = live_share(live[-1:], node.shape[-1:])
    if one.windows is not None and one.windows[0].upward:
        read = (1 - window.unread(places) for window, places in zip(one.windows, live, strict=False))
        return channels * (1 - math.prod(read))
    return channels * (1 - live_share(live[:-1], node.shape[:-1]))


class UnreadPixels(Rule):
    """Checks for input pixels that cannot affect any output, because the windows of the first ops step over them or end before
    the border.

    On a 32x32 image, a 3x3 convolution with stride 2 and no padding reads 31 rows and 31 columns: the last row and column
    have no effect. A 1x1 convolution with stride 2 at the input reads only a quarter of the image.
    """

    code = "ARCH505"
    title = "unread input pixels"
    wrong = example("conv: {filters: 8, kernel: 9, stride: 2, activation: relu}", size="[16, 16, 3]")
    right = example("conv: {filters: 8, kernel: 9, stride: 2, padding: same, activation: relu}", size="[16, 16, 3]")
    condition = "at least one input pixel cannot affect any output"

    def check(self, network: Network) -> Iterator[Occurrence]:
        inputs, model = network.graph.inputs, network.flow.bodies[0]
        for (name, shape), live in zip(inputs.items(), model.inputs, strict=True):
            if len(shape) < 2 or not live.readers or is_whole(live.inference[:-1]):
                continue
            first: PartialReader = live.readers[0]
            pixels = math.prod(shape[:-1])
            read = math.prod(count(places, n) for places, n in zip(live.inference[:-1], shape[:-1], strict=True))
            places = "pixels" if len(shape) == 3 else "positions"
            which = f"input {places}" if len(inputs) == 1 else f"{places} of input `{name}`"
            yield Occurrence(
                self,
                f"{pixels - read:,} of {pixels:,} {which} are never read",
                first.span,
                first.step,
                network.first_bodies.get(first, model),
                (
                    f"the network reads {_counted(live, shape)} of {show(shape[:-1])} {places}: "
                    f"{percent(pixels - read, pixels)} have no effect",
                ),
                first.hint,
            )


RULES = (UnreadChannels(), DiscardedWork(), UnreadPixels())
