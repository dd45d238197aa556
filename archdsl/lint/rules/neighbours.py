"""Rules about an op and what is known of its input."""

from __future__ import annotations

import math
from collections.abc import Iterator

from archdsl.analysis.dataflow import OpFacts
from archdsl.lint.finding import percent
from archdsl.lint.rule import Network, Occurrence, Rule, example
from archdsl.ops import Op


class CancelledBias(Rule):
    """A bias is added to each channel, and the norm right behind takes each channel's mean away, and the bias with it. Its
    gradient is 0, but for rounding, and the network is the same without it. The norm's own shift, beta, does what the bias
    was meant to do.

    It costs little, one parameter a filter, but counts differ from the published ones for nothing, and it is one word to
    write. All such biases of a file are told together.
    """

    code = "ARCH506"
    title = "a bias that a norm takes away"
    wrong = example("conv: {filters: 8, kernel: 5, norm: batch, activation: relu}")
    right = example("conv: {filters: 8, kernel: 5, bias: false, norm: batch, activation: relu}")
    condition = "what a bias adds is read by batch norms or instance norms alone, also through sums and `concat`"
    together = "the norms behind {layers} take their biases away again: {parameters} parameters do nothing"

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        if one.live.mean_unread and one.op.traits.filters and "bias" in one.node.weights:
            size = one.node.weights["bias"].size
            yield self.at(
                one,
                "the norm behind it takes the bias away again: {parameters} parameters do nothing",
                fields=("bias",),
                hint="`bias: false`, here or for all in `defaults`",
                parameters=size,
                of=size,
            )


class RedundantActivation(Rule):
    """An activation stands right behind another, or it changes nothing: a `relu` of numbers that are never negative. What may
    be negative is followed through pools, merges and shapes.

    Often a step says `activation: relu` by the file's `defaults`, and a `relu` of its own follows. The second one costs
    time and memory; a `softmax` of a `relu` even loses what the first cut off.
    """

    code = "ARCH507"
    title = "an activation that does nothing, or stands behind another"
    wrong = example("conv: {filters: 8, kernel: 5, activation: relu}", "max_pool", "relu")
    right = example("conv: {filters: 8, kernel: 5, activation: relu}", "max_pool")
    condition = "an activation of an activation, or a `relu` of what is never negative"

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        node, op, last, given = one.node, one.op, one.inputs[0].producer, one.inputs[0].range
        if op.kind != "activation" or last is None:
            return
        to = op.clips_to()
        within = to is not None and (to.most is None or (given.most is not None and given.most <= to.most))
        if within and given.least == 0:
            most = f" and {given.most:g} at most" if given.most is not None else ""
            fact = f"what it gets from `{last.name}` is 0 at least{most}"
            yield self.at(one, f"this `{node.kind}` changes nothing", fact, hint="remove it")
        elif last.kind == "activation" and "always" not in (last.aliases_input, op.aliases_input):
            yield self.at(
                one,
                f"two activations in a row: `{node.kind}` of `{last.name}`",
                "no weights stand between them",
                hint="keep one of them; `activation: none` takes one of a convolution or a dense layer away",
            )


class RepeatedNorm(Rule):
    """A norm stands right behind a norm. The second one normalises what is normalised already.

    `norm: batch` in `defaults` puts a batch norm behind each convolution, and one that is written as a step of its own is
    then a second one: its parameters and its statistics are kept and moved for nothing.
    """

    code = "ARCH508"
    title = "a norm behind a norm"
    wrong = example("conv: {filters: 8, kernel: 5, bias: false, norm: batch}", "batch_norm", "relu")
    right = example("conv: {filters: 8, kernel: 5, bias: false, norm: batch}", "relu")
    condition = "a norm of what a norm gave"

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        node, last = one.node, one.inputs[0].producer
        if one.op.kind == "norm" and last is not None and last.kind == "norm":
            yield self.at(
                one,
                f"two norms in a row: `{node.kind}` of `{last.name}`",
                f"`{node.name}` normalises what is normalised already",
                hint="keep one of them; `norm: none` takes that of a convolution away",
                parameters=node.totals.parameters,
            )


class DropoutBeforeBatchNorm(Rule):
    """A batch norm stands right behind a dropout. While training it learns the variance of numbers of which some are zeroed
    and the others scaled up; in inference nothing is, and the variance is smaller than what it learned.

    A dropout of rate p makes the mean square 1 / (1 - p) times as large. The moving variance keeps the larger value, so
    that the trained network is another function than the one that was trained (Li et al. 2018, "variance shift").
    """

    code = "ARCH514"
    title = "dropout before batch norm"
    wrong = example("conv: {filters: 8, kernel: 5, activation: relu}", "dropout: {rate: 0.3}", "batch_norm")
    right = example(
        "conv: {filters: 8, kernel: 5, activation: relu}",
        "batch_norm",
        "global_average_pool",
        "dropout: {rate: 0.3}",
        "dense: {units: 3, activation: softmax}",
        end="",
    )
    condition = "a `batch_norm` takes what a dropout gave"

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        last, rate = one.inputs[0].producer, one.inputs[0].dropout_rate
        if one.op.traits.batch_statistics and last is not None and rate:
            factor = 1 / (1 - rate)
            yield self.at(
                one,
                f"batch norm learns its statistics behind `{last.name}`, which is not there in inference",
                f"a rate of {rate:g} makes the mean square {factor:.2f} times as large while training",
                hint="put the dropout behind the norm and its activation, or before the last layer alone",
            )


class ConstantOutput(Rule):
    """A softmax or a norm works on one number at a time, and so gives the same whatever that number is: a softmax 1, a norm
    its own shift. No gradient comes through, and nothing before it can learn by what is behind.

    `dense: {units: 1, activation: softmax}` for two classes is the usual case: the loss never moves. `instance_norm` on a
    map of one pixel is another.
    """

    code = "ARCH516"
    title = "an op whose output is always the same"
    wrong = example(
        "conv: {filters: 8, kernel: 5, activation: relu}",
        "global_average_pool",
        "dense: {units: 1, activation: softmax}",
        end="",
    )
    right = example(
        "conv: {filters: 8, kernel: 5, activation: relu}",
        "global_average_pool",
        "dense: {units: 1, activation: sigmoid}",
        end="",
    )
    condition = "a softmax or a norm works on one number at a time"

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        if gives := one.op.constant_output(one.shapes[0]):
            hint = "another norm here, or none"
            if one.op.kind == "activation":
                hint = "`sigmoid` for two classes by one number"
            yield self.at(
                one,
                f"this `{one.node.kind}` gives {gives}, whatever the input: nothing before it can learn",
                "it works on 1 number at a time",
                hint=hint,
            )


class HeavyHead(Rule):
    """One dense layer behind `flatten` holds half of all parameters or more. Behind a global pool it would need as many times
    fewer as the map has places, which the text says.

    It is what VGG-16 is known for: 74 % of its parameters stand in one matrix. They tie the network to one input size, and
    it is where small data sets are learned by heart. Global pooling (Lin et al. 2013) replaced it.
    """

    code = "ARCH517"
    title = "a dense layer that holds most of the network"
    wrong = example(
        "conv: {filters: 8, kernel: 5, activation: relu}", "flatten", "dense: {units: 10, activation: softmax}", end=""
    )
    right = example(
        "conv: {filters: 8, kernel: 5, activation: relu}",
        "global_average_pool",
        "dense: {units: 10, activation: softmax}",
        end="",
    )
    condition = (
        "a dense layer behind `flatten` holds half of all parameters or more, in a network that has convolutions"
    )

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        own, all_of_it, places = one.node.totals.parameters, network.graph.totals.parameters, one.inputs[0].flattened
        if not one.op.traits.filters or places < 2 or 2 * own < all_of_it or not network.convolves:
            return
        weights = one.node.weights["kernel"].size
        yield self.at(
            one,
            f"one dense layer behind `flatten` holds {percent(own, all_of_it)} of all parameters",
            f"behind a global pool it would have {weights // places:,} weights in place of {weights:,}",
            fields=("units",),
            hint="`global_average_pool` in place of `flatten`",
            parameters=own,
        )


class StackedLinearLayers(Rule):
    """Two linear layers follow one another with no activation and no norm between, and one layer of fewer weights computes
    exactly the same functions.

    Mostly an activation is forgotten: a dense layer of 64 units before one of 3 is then a dense layer of 3 with more work.
    Where the layer between is narrower than both ends, two are fewer weights than one, and nothing is said.
    """

    code = "ARCH518"
    title = "two linear layers in a row"
    wrong = example(
        "global_average_pool", "dense: {units: 64}", "dense: {units: 3, activation: softmax}", size="[8, 8, 16]", end=""
    )
    right = example(
        "global_average_pool",
        "dense: {units: 64, activation: relu}",
        "dense: {units: 3, activation: softmax}",
        size="[8, 8, 16]",
        end="",
    )
    condition = "one dense layer or 1x1 convolution in place of two in a row would do the same with fewer weights"

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        node, before = one.node, one.before
        if before is None or not one.alone or not _is_linear(one.op) or not _is_linear(before.op):
            return
        kernel, kernel_before = node.weights["kernel"], before.weights["kernel"]
        both = kernel.size + kernel_before.size
        single = kernel_before.size // before.shape[-1] * node.shape[-1]
        if math.prod(kernel.shape[:-2]) > 1 or single >= kernel_before.size:
            return
        yield self.at(
            one,
            f"`{before.name}` and `{node.name}` are one linear layer: no activation stands between them",
            f"together they have {both:,} weights; one layer that does the same has {single:,}",
            hint=f"an activation or a norm on `{before.name}`, or one layer in place of both",
            parameters=both - single,
            of=both,
        )


def _is_linear(op: Op | None) -> bool:
    """Whether its kernel connects all channels of its input with all of its output."""
    return op is not None and op.traits.linear and getattr(op, "groups", 1) == 1


RULES = (
    CancelledBias(),
    RedundantActivation(),
    RepeatedNorm(),
    DropoutBeforeBatchNorm(),
    ConstantOutput(),
    HeavyHead(),
    StackedLinearLayers(),
)
