"""Rules about what a spec says: words that do less than they seem to, or another thing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from archdsl.analysis.dataflow import BodyFacts, OpFacts
from archdsl.lint.rule import Network, Occurrence, Rule, example
from archdsl.ops.base import show
from archdsl.spec import Branches, LayerCall, Step


class UnusedLayer(Rule):
    """The file has a layer that no step uses: not the model, and no layer that the model uses, whatever the arguments.

    It is read and checked for its words, but no shape of it is ever looked at, for it stands nowhere. An argument that
    nobody uses is an error (ARCH017); a layer may be kept for later, and so is a warning.
    """

    code = "ARCH511"
    title = "a layer that no step uses"
    wrong = example(
        "Block",
        layers=[
            "Block: {steps: [conv: {filters: 8, kernel: 5, activation: relu}]}",
            "Spare: {steps: [conv: {filters: 8, kernel: 5, activation: relu}]}",
        ],
    )
    right = example("Block", layers=["Block: {steps: [conv: {filters: 8, kernel: 5, activation: relu}]}"])
    condition = "a layer of the file is used by no step, whatever the arguments"

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
                yield Occurrence(self, message, layer.span, layer.span, model, hint="use it, or remove it")


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


class StretchedNonGate(Rule):
    """`multiply` stretches one number for each channel over a whole map, and that number is no gate: nothing holds it between
    0 and 1, as a `sigmoid` would.

    Squeeze-and-excitation multiplies a map by gates, and for that alone `multiply` stretches. Where the smaller part ends
    without a `sigmoid`, the gate is forgotten, or a part was pooled that should have kept its map.
    """

    code = "ARCH512"
    title = "a product that stretches what is no gate"
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
    condition = "`multiply` stretches a part that nothing holds between 0 and 1"

    def check_op(self, one: OpFacts, network: Network) -> Iterator[Occurrence]:
        if not one.op.traits.stretches:
            return
        node = one.node
        for shape, facts, part in zip(one.shapes, one.inputs, node.parts or node.inputs, strict=True):
            if shape != node.shape and facts.range.most != 1.0:
                yield self.at(
                    one,
                    f"`{node.kind}` stretches {show(shape)} over {show(node.shape)}",
                    f"`{part}` gives one number for each channel, and nothing holds it between 0 and 1, as a gate is",
                    hint="end it with a `sigmoid` where it is a gate; else give both parts the same shape",
                )


class GroupsOfOneChannel(Rule):
    """A convolution has as many groups as its input has channels: each filter sees one channel. That is a depthwise
    convolution, which has an op of its own.

    `depthwise_conv` has the same weights, in one line that says what is meant. Keras runs it by a kernel of its own, where
    a grouped convolution on a CPU goes through XLA.
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
                f"a convolution of {channels} groups of one channel is a `{step.partition(':')[0]}`",
                f"`groups` is {channels}, and so are the channels of its input",
                fields=("groups",),
                hint=f"`{step}` has the same weights, and runs faster",
            )


class MismatchedLogits(Rule):
    """`train` says that the network gives logits, and it ends in a softmax; or it says that it gives probabilities, and no
    softmax is there. Without `from_logits` the last op tells, and this cannot happen.

    A softmax of a softmax is nearly flat: of ten classes none gets more than 0.23, the loss never falls below 1.46, and
    training crawls without any error. Logits taken for probabilities are cut off at 0, where no gradient comes from.
    """

    code = "ARCH515"
    title = "a loss that takes logits for probabilities, or the other way round"
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
    condition = "`from_logits` says one thing, and the end of the network another"

    def check(self, network: Network) -> Iterator[Occurrence]:
        train, flow = network.spec.train, network.flow
        said = getattr(train, "from_logits", None)
        if train is None or said is None:
            return
        losses = train.loss if isinstance(train.loss, dict) else dict.fromkeys(network.graph.outputs, train.loss)
        for name, loss in losses.items():
            if not re.search("categorical.*cross", loss.word) or name not in flow.outputs:
                continue
            facts = flow.outputs[name]
            if said and facts.producer is not None and facts.producer.traits.sums_to_one:
                last = facts.producer.name
                message = f"the network ends in `{last}`, and `from_logits: true` takes another softmax of that"
                hint = "`from_logits: false`, or `activation: none` at the end"
            elif not said and facts.range.most != 1.0:
                message = "the loss wants probabilities, and the network gives logits: it does not end in a softmax"
                hint = "`from_logits: true`, or `activation: softmax` at the end"
            else:
                continue
            fact = f"`train` says `loss: {loss.word}` and `from_logits: {str(said).lower()}`"
            if (end := _end(network, name)) is None:
                span = network.spec.span
                yield Occurrence(self, message, span, span, flow.bodies[0], (fact,), hint)
            else:
                yield self.at(end, message, fact, hint=hint)


def _end(network: Network, name: str) -> OpFacts | None:
    """The op that gives an output, in whatever layer."""
    body, ref = network.flow.bodies[0], network.graph.outputs[name].ref
    while True:
        found = next((one for one in body.ops if one.node.name == ref.node), None)
        inner: BodyFacts | None = next((child for node, child in body.children if node.name == ref.node), None)
        if found is not None or inner is None:
            return found
        body = inner
        ref = body.graph.outputs[ref.output].ref if ref.output else body.graph.output


class UnusedSuppression(Rule):
    """A comment asks for silence and gets none: it gives no reason, it names a code that is no warning, or nothing on its line
    is told as that code. `# archdsl: allow ARCH506 - Keras has it so` speaks of the line that it stands on, or of the next
    one where it stands alone; on the first line of a layer of the whole layer, on that of the file of the whole file.

    A silence without a reason is a question for the next reader, and one that outlives what it silenced hides the next
    mistake on its line. Errors cannot be silenced.
    """

    code = "ARCH599"
    title = "a silence that silences nothing"
    wrong = example("conv: {filters: 8, kernel: 5, activation: relu}   # archdsl: allow ARCH506 - as published")
    right = example(
        "conv: {filters: 8, kernel: 5, norm: batch, activation: relu}   # archdsl: allow ARCH506 - as published"
    )
    condition = "a silence has no reason, names no warning, or silences nothing"

    # `Suppressions.unused` finds it: that takes all findings of all variants of a file.


RULES = (UnusedLayer(), StretchedNonGate(), GroupsOfOneChannel(), MismatchedLogits(), UnusedSuppression())
