"""Rules about the wording of a spec: definitions and arguments that do less than they seem to, or something else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from archdsl.analysis.dataflow import BodyFacts, OpFacts
from archdsl.linting.rule import Network, Occurrence, Rule, example
from archdsl.ops import Shape
from archdsl.ops.base import show
from archdsl.steps import Branches, EachStep, LayerCall, Step


class UnusedLayer(Rule):
    """Checks for layers that are defined in the spec but used neither by the model nor by any layer that the model uses.

    The keys and arguments of an unused layer are validated, but its shapes are not, so it may be broken without notice. It
    is a warning rather than an error because a layer may be kept for later. (An unused argument is an error, `ARCH017`.)
    """

    code = "ARCH511"
    title = "unused layer"
    wrong = example(
        "Block",
        layers=[
            "Block: {steps: [conv: {filters: 8, kernel: 5, activation: relu}]}",
            "Spare: {steps: [conv: {filters: 8, kernel: 5, activation: relu}]}",
        ],
    )
    right = example("Block", layers=["Block: {steps: [conv: {filters: 8, kernel: 5, activation: relu}]}"])
    condition = "a layer is defined, but no step uses it"

    def check(self, network: Network) -> Iterator[Occurrence]:
        spec = network.spec
        used: set[str] = set()
        pending = [*_layers_of(spec.model)]
        while pending:
            name = pending.pop()
            if name not in used:
                used.add(name)
                layer = spec.layers[name]
                pending += [*_layers_of(layer.steps), *([layer.like] if layer.like else [])]
        model = network.flow.bodies[0]
        for name, layer in spec.layers.items():
            if name not in used:
                message = f"no step uses the layer `{name}`"
                yield Occurrence(self, message, layer.span, layer.span, model, hint="remove it, or use it in a step")


def _layers_of(steps: Iterable[Step]) -> Iterator[str]:
    """The layers that some steps use."""
    for step in steps:
        if isinstance(step.action, LayerCall):
            yield step.action.layer
        elif isinstance(step.action, Branches):
            branches = step.action
            for path in branches.paths:
                yield from _layers_of(path.steps)
            if isinstance(branches.shortcut, tuple):
                yield from _layers_of(branches.shortcut)
            yield from _layers_of(branches.after)
        elif isinstance(step.action, EachStep):
            yield from _layers_of(step.action.steps)


class StretchedNonGate(Rule):
    """Checks for `multiply` ops that broadcast one value per channel or position over a whole feature map, although the
    value is not limited to the range from 0 to 1.

    `multiply` broadcasts to support gates, as in squeeze-and-excitation. If the smaller input does not end in a `sigmoid`
    or a similar activation, either the gate's activation is missing, or an input was pooled by mistake.
    """

    code = "ARCH512"
    title = "broadcast input that is not a gate"
    wrong = example(
        "conv: {filters: 8, kernel: 3, activation: relu}",
        "paths:\n"
        "      gate: [global_average_pool: {keepdims: true}, conv: {filters: 8, kernel: 1, activation: relu}]\n"
        "    shortcut: identity\n"
        "    merge: multiply",
    )
    right = example(
        "conv: {filters: 8, kernel: 3, activation: relu}",
        "paths:\n"
        "      gate: [global_average_pool: {keepdims: true}, conv: {filters: 8, kernel: 1, activation: sigmoid}]\n"
        "    shortcut: identity\n"
        "    merge: multiply",
    )
    condition = "`multiply` broadcasts an input whose values are not limited to the range from 0 to 1"

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        if not one.op.traits.stretches:
            return
        node = one.node
        for shape, facts, part in zip(one.shapes, one.inputs, node.parts or node.inputs, strict=True):
            learned = facts.producer is not None and facts.producer.without_input
            if shape != node.shape and facts.range.most != 1.0 and not learned:
                yield self.at(
                    one,
                    f"`{node.kind}` broadcasts {show(shape)} over {show(node.shape)}",
                    f"`{part}` has one value per {_what(shape)}, which is not limited to the range of a gate, 0 to 1",
                    hint=f"if `{part}` is a gate, end it with `sigmoid`; otherwise give both inputs the same shape",
                )


def _what(gate: Shape) -> str:
    """What a broadcast input has one value for."""
    if all(side == 1 for side in gate[:-1]):
        return "channel" if gate and gate[-1] > 1 else "input"
    return "position" if gate[-1] == 1 else "position along an axis"


class GroupsOfOneChannel(Rule):
    """Checks for convolutions with as many groups as input channels, so that each filter sees a single channel.

    This is a depthwise convolution. `depthwise_conv` has the same weights and states the intent. It is also faster: Keras
    has a dedicated kernel for it, while a grouped convolution on a CPU goes through XLA.
    """

    code = "ARCH513"
    title = "groups of one channel"
    wrong = example(
        "conv: {filters: 8, kernel: 1, activation: relu}", "conv: {filters: 8, kernel: 5, groups: 8, activation: relu}"
    )
    right = example("conv: {filters: 8, kernel: 1, activation: relu}", "depthwise_conv: {kernel: 5, activation: relu}")
    condition = "a `conv` has as many groups as its input has channels"

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        if step := one.op.plainer_step(one.shapes[0]):
            channels = one.shapes[0][-1]
            yield self.at(
                one,
                f"a convolution with one channel per group is a `{step.partition(':')[0]}`",
                f"`groups` is {channels}, and the input has {channels} channels",
                fields=("groups",),
                hint=f"use `{step}`, which has the same weights and runs faster",
            )


class MismatchedLogits(Rule):
    """Checks for a `from_logits` that contradicts the end of the network: `true` although the network ends in a softmax, or
    `false` although it does not. Without `from_logits`, the value is inferred from the last op and always matches.

    A softmax applied to a softmax is nearly flat. With ten classes, no probability exceeds 0.23 and the loss never falls
    below 1.46, so training is slow, without any error. In the opposite case, logits used as probabilities are clipped at 0,
    where the gradient vanishes.
    """

    code = "ARCH515"
    title = "mismatched `from_logits`"
    wrong = example(
        "conv: {filters: 8, kernel: 5, activation: relu}",
        "global_average_pool",
        "dense: {units: 10, activation: softmax}",
        end="",
        recipe="data: {source: cifar10}\ntrain: {loss: categorical_crossentropy, from_logits: true}\n",
    )
    right = example(
        "conv: {filters: 8, kernel: 5, activation: relu}",
        "global_average_pool",
        "dense: {units: 10, activation: softmax}",
        end="",
        recipe="data: {source: cifar10}\ntrain: {loss: categorical_crossentropy}\n",
    )
    condition = "`from_logits` contradicts the last op of the network"

    def check(self, network: Network) -> Iterator[Occurrence]:
        train, flow = network.spec.train, network.flow
        said = getattr(train, "from_logits", None)
        if train is None or said is None:
            return
        losses = train.losses
        losses = dict.fromkeys(network.graph.outputs, losses[""]) if "" in losses else losses
        for name, loss in losses.items():
            if not re.search("categorical.*cross", loss.word) or name not in flow.outputs:
                continue
            facts = flow.outputs[name]
            if said and facts.producer is not None and facts.producer.traits.sums_to_one:
                last = facts.producer.name
                message = f"the network ends in `{last}`, but `from_logits: true` applies another softmax"
                hint = "remove `from_logits`, or end the network with `activation: none`"
            elif not said and facts.range.most != 1.0:
                message = "the loss expects probabilities, but the network returns logits"
                hint = "remove `from_logits`, or end the network with `activation: softmax`"
            else:
                continue
            fact = f"`train` sets `loss: {loss.word}` and `from_logits: {str(said).lower()}`"
            if (end := _end(network, name)) is None:
                span = network.spec.span
                yield Occurrence(self, message, span, span, flow.bodies[0], (fact,), hint)
            else:
                yield self.at(end, message, fact, hint=hint)


def _end(network: Network, name: str) -> OpFacts | None:
    """The op that computes an output, in whichever layer it is."""
    body, ref = network.flow.bodies[0], network.graph.outputs[name].ref
    while True:
        found = next((one for one in body.ops if one.node.name == ref.node), None)
        inner: BodyFacts | None = next((child for node, child in body.children if node.name == ref.node), None)
        if found is not None or inner is None:
            return found
        body = inner
        ref = body.graph.outputs[ref.output].ref if ref.output else body.graph.output


class UnusedSuppression(Rule):
    """Checks for suppression comments that give no reason, name no lint code, or suppress nothing. A comment such as
    `# archdsl: allow ARCH506 - as in Keras` applies to its own line, or to the next line if it is alone on its line. On the
    first line of a layer it applies to the whole layer, and on the first line of the file to the whole file.

    Without a reason, the next reader cannot tell whether the suppression is still needed. An unused suppression may hide
    the next mistake on its line. Errors cannot be suppressed.
    """

    code = "ARCH599"
    title = "unused suppression"
    wrong = example("conv: {filters: 8, kernel: 5, activation: relu}   # archdsl: allow ARCH506 - as published")
    right = example(
        "conv: {filters: 8, kernel: 5, norm: batch, activation: relu}   # archdsl: allow ARCH506 - as published"
    )
    condition = "a suppression has no reason, names no lint code, or suppresses nothing"

    # `Suppressions.unused` reports it, because that takes the findings of all variants of a file.


RULES = (UnusedLayer(), StretchedNonGate(), GroupsOfOneChannel(), MismatchedLogits(), UnusedSuppression())
