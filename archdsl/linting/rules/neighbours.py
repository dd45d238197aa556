"""Rules about an op and the ops next to it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from archdsl.analysis.dataflow import OpFacts
from archdsl.linting.finding import percent
from archdsl.linting.rule import Network, Occurrence, Rule, example
from archdsl.ops import Op


class CancelledBias(Rule):
    """Checks for biases that are directly followed by batch or instance normalization, possibly through sums and `concat`. All
    such biases of a file are reported together.

    The normalization subtracts the mean of each channel, and the bias with it. The bias therefore has no effect, and its
    gradient is 0 except for rounding. The normalization has its own shift, `beta`, which does the same job. A redundant
    bias costs only one parameter per filter, but parameter counts then differ from published ones.
    """

    code = "ARCH506"
    title = "redundant bias before a normalization"
    wrong = example("conv: {filters: 8, kernel: 5, norm: batch, activation: relu}")
    right = example("conv: {filters: 8, kernel: 5, bias: false, norm: batch, activation: relu}")
    condition = "only batch or instance normalization reads a biased output, possibly through sums and `concat`"
    of_weights = True
    together = "redundant biases in {layers}: the following normalizations cancel {parameters} parameters"

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        if one.live.mean_unread and one.op.traits.filters and "bias" in one.node.weights:
            size = one.node.weights["bias"].size
            yield self.at(
                one,
                "redundant bias: the following normalization cancels {parameters} parameters",
                fields=("bias",),
                hint="add `bias: false` to the step, or to its op in `defaults`",
                parameters=size,
                of=size,
            )


class RedundantActivation(Rule):
    """Checks for activations that directly follow another activation, and for those that never change their input, such as
    `relu` on values that cannot be negative. The rule follows the range of values through pooling, merging and reshaping.

    A common cause is `activation: relu` in `defaults`, followed by a `relu` step. The second activation costs time and
    memory. In other combinations it also loses information: `softmax` after `relu` cannot tell negative values apart.
    """

    code = "ARCH507"
    title = "redundant activation"
    wrong = example("conv: {filters: 8, kernel: 5, activation: relu}", "max_pool", "relu")
    right = example("conv: {filters: 8, kernel: 5, activation: relu}", "max_pool")
    condition = "an activation directly follows another one, or never changes its input"

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        node, op, last, given = one.node, one.op, one.inputs[0].producer, one.inputs[0].range
        if op.kind != "activation" or last is None:
            return
        to = op.clips_to()
        within = to is not None and (to.most is None or (given.most is not None and given.most <= to.most))
        if within and given.least == 0:
            known = f"between 0 and {given.most:g}" if given.most is not None else "never negative"
            fact = f"the output of `{last.name}` is {known}"
            yield self.at(one, f"this `{node.kind}` never changes its input", fact, hint="remove it")
        elif last.kind == "activation" and "always" not in (last.aliases_input, op.aliases_input):
            yield self.at(
                one,
                f"two consecutive activations: `{node.kind}` after `{last.name}`",
                "no layer with weights separates them",
                hint="keep one of them; `activation: none` removes that of a convolution or dense layer",
            )


class RepeatedNorm(Rule):
    """Checks for normalizations that directly follow another normalization.

    The second one normalizes values that are already normalized; its parameters and statistics are wasted. A common cause
    is `norm: batch` in `defaults`, which adds a normalization to each convolution, followed by a `batch_norm` step.
    """

    code = "ARCH508"
    title = "repeated normalization"
    wrong = example("conv: {filters: 8, kernel: 5, bias: false, norm: batch}", "batch_norm", "relu")
    right = example("conv: {filters: 8, kernel: 5, bias: false, norm: batch}", "relu")
    condition = "a normalization directly follows another one"

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        node, last = one.node, one.inputs[0].producer
        if one.op.kind == "norm" and last is not None and last.kind == "norm":
            yield self.at(
                one,
                f"two consecutive normalizations: `{node.kind}` after `{last.name}`",
                f"`{node.name}` normalizes values that are already normalized",
                hint="keep one of them; `norm: none` removes that of a convolution",
                parameters=node.totals.parameters,
            )


class DropoutBeforeBatchNorm(Rule):
    """Checks for batch normalization directly after dropout.

    In training, dropout zeroes some values and scales up the others, which makes the mean square 1 / (1 - rate) times as
    large. Batch normalization stores statistics of these values. In inference there is no dropout, so the variance is
    smaller than the stored one, and the network no longer computes what it was trained to compute. This is known as
    variance shift (Li et al. 2018).
    """

    code = "ARCH514"
    title = "dropout before batch normalization"
    wrong = example("conv: {filters: 8, kernel: 5, activation: relu}", "dropout: {rate: 0.3}", "batch_norm")
    right = example(
        "conv: {filters: 8, kernel: 5, activation: relu}",
        "batch_norm",
        "global_average_pool",
        "dropout: {rate: 0.3}",
        "dense: {units: 3, activation: softmax}",
        end="",
    )
    condition = "`batch_norm` directly follows dropout"

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        last, rate = one.inputs[0].producer, one.inputs[0].dropout_rate
        if one.op.traits.batch_statistics and last is not None and rate:
            factor = 1 / (1 - rate)
            yield self.at(
                one,
                f"batch normalization after `{last.name}` sees other statistics in training than in inference",
                f"rate {rate:g} makes the mean square {factor:.2f} times as large in training",
                hint="move the dropout after the normalization and its activation, or before the last layer",
            )


class ConstantOutput(Rule):
    """Checks for softmax and normalization ops that are applied to a single value.

    The output is then constant: 1 for a softmax, and `beta` for a normalization. No gradient passes through, so the layers
    before it cannot learn. The usual case is `dense: {units: 1, activation: softmax}` for two classes, where the loss never
    changes. Another one is `instance_norm` on a 1x1 feature map.
    """

    code = "ARCH516"
    title = "constant output"
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
    condition = "a softmax or normalization is applied to a single value"

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        if gives := one.op.constant_output(one.shapes[0]):
            hint = "use a different normalization, or remove it"
            if one.op.kind == "activation":
                hint = "for two classes with a single output, use `sigmoid`"
            yield self.at(
                one,
                f"this `{one.node.kind}` always outputs {gives}: the layers before it cannot learn",
                "it is applied to a single value",
                hint=hint,
            )


class HeavyHead(Rule):
    """Checks for dense layers after `flatten` that hold at least half of all parameters, in networks with convolutions. The
    finding shows how many weights the layer would have after a global pool.

    Such a layer ties the network to one input size, and lets it memorize small data sets. VGG-16 is the best-known example:
    one matrix holds 74 % of its parameters. Later networks replaced `flatten` with global pooling (Lin et al. 2013).
    """

    code = "ARCH517"
    title = "oversized dense layer"
    wrong = example(
        "conv: {filters: 8, kernel: 5, activation: relu}", "flatten", "dense: {units: 10, activation: softmax}", end=""
    )
    right = example(
        "conv: {filters: 8, kernel: 5, activation: relu}",
        "global_average_pool",
        "dense: {units: 10, activation: softmax}",
        end="",
    )
    condition = "a dense layer after `flatten` holds at least half of all parameters, in a network with convolutions"

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        own, all_of_it, places = one.node.totals.parameters, network.graph.totals.parameters, one.inputs[0].flattened
        if (
            not one.op.traits.filters
            or "kernel" not in one.node.weights
            or places < 2
            or 2 * own < all_of_it
            or not network.convolves
        ):
            return
        weights = one.node.weights["kernel"].size
        yield self.at(
            one,
            f"one dense layer after `flatten` holds {percent(own, all_of_it)} of all parameters",
            f"after a global pool, it would have {weights // places:,} weights instead of {weights:,}",
            fields=("units",),
            hint="replace `flatten` with `global_average_pool`",
            parameters=own,
        )


class StackedLinearLayers(Rule):
    """Checks for two linear layers in a row, with no activation or normalization between them, that one layer with fewer
    weights could replace.

    Without an activation between them, two linear layers compute nothing that one cannot. Usually an activation is missing:
    a dense layer of 64 units followed by one of 3 is then just a dense layer of 3 units with more weights. A bottleneck,
    where the first layer is narrower than its input and the final output, saves weights and is not reported.
    """

    code = "ARCH518"
    title = "consecutive linear layers"
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
    condition = "one dense layer or 1x1 convolution could replace two in a row, with fewer weights"

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        node, before = one.node, one.before
        if before is None or not one.alone or not _is_linear(one.op) or not _is_linear(before.op):
            return
        if node.tied or before.tied or network.is_shared(one.body.graph, node, before):
            return
        kernel, kernel_before = node.weights["kernel"], before.weights["kernel"]
        both = kernel.size + kernel_before.size
        single = kernel_before.size // before.shape[-1] * node.shape[-1]
        if math.prod(kernel.shape[:-2]) > 1 or single >= kernel_before.size:
            return
        yield self.at(
            one,
            f"`{before.name}` and `{node.name}` form a single linear layer: no activation separates them",
            f"together they have {both:,} weights; one equivalent layer has {single:,}",
            hint=f"add an activation or a normalization to `{before.name}`, or replace both by one layer",
            parameters=both - single,
            of=both,
        )


def _is_linear(op: Op | None) -> bool:
    """Whether the op is linear and connects all input channels with all output channels."""
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
