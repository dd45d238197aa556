"""Rules about what a spec says: words that do less than they seem to, or another thing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from archdsl.analysis.dataflow import BodyFacts, Dataflow, OpFacts
from archdsl.graph import Graph
from archdsl.lint.finding import Case, case
from archdsl.ops.base import show
from archdsl.spec import Branches, Layer, LayerCall, Spec, Step


def rules(site: OpFacts) -> Iterator[Case]:
    """What is to be said of one op's arguments."""
    node, channels = site.node, site.shapes[0][-1:]
    if step := site.op.plainer(site.shapes[0]):
        yield case(
            "ARCH513",
            node,
            site.body,
            f"a convolution of {channels[0]} groups of one channel is a `{step.partition(':')[0]}`",
            f"`groups` is {channels[0]}, and so are the channels of its input",
            at=("groups",),
            hint=f"`{step}` has the same weights, and runs faster",
        )
    if site.op.traits.stretches:
        yield from _stretched(site)


def _stretched(site: OpFacts) -> Iterator[Case]:
    """A product that stretches something which is no gate."""
    node = site.node
    for shape, facts, part in zip(site.shapes, site.inputs, site.node.parts or site.node.inputs, strict=True):
        if shape != node.shape and facts.range.most != 1.0:
            yield case(
                "ARCH512",
                node,
                site.body,
                f"`multiply` stretches {show(shape)} over {show(node.shape)}",
                f"`{part}` gives one number for each channel, and nothing holds it between 0 and 1, as a gate is",
                hint="end it with a `sigmoid` where it is a gate; else give both parts the same shape",
            )


def recipe(spec: Spec, graph: Graph, flow: Dataflow) -> Iterator[Case]:
    """A loss that takes what the network gives for something else."""
    train = spec.train
    said = getattr(train, "from_logits", None)
    if train is None or said is None:
        return
    losses = train.loss if isinstance(train.loss, dict) else dict.fromkeys(graph.outputs, train.loss)
    for name, entry in losses.items():
        loss = entry.word
        if not re.search("categorical.*cross", loss) or name not in flow.outputs:
            continue
        facts, end = flow.outputs[name], _end(flow, graph, name)
        last = facts.producer
        if said and last is not None and last.traits.sums_to_one:
            message = f"the network ends in `{last.name}`, and `from_logits: true` takes another softmax of that"
            hint = "`from_logits: false`, or `activation: none` at the end"
        elif not said and facts.range.most != 1.0:
            message = "the loss wants probabilities, and the network gives logits: it does not end in a softmax"
            hint = "`from_logits: true`, or `activation: softmax` at the end"
        else:
            continue
        fact = f"`train` says `loss: {loss}` and `from_logits: {str(said).lower()}`"
        if end is None:
            yield Case("ARCH515", message, spec.span, spec.span, flow.bodies[0], (fact,), hint)
        else:
            yield case("ARCH515", end.node, end.body, message, fact, hint=hint)


def _end(flow: Dataflow, graph: Graph, name: str) -> OpFacts | None:
    """The op that gives an output, in whatever layer."""
    body, ref = flow.bodies[0], graph.outputs[name].ref
    while True:
        site = next((site for site in body.ops if site.node.name == ref.node), None)
        inner: BodyFacts | None = next((child for one, child in body.children if one.name == ref.node), None)
        if site is not None or inner is None:
            return site
        body = inner
        ref = body.graph.outputs[ref.output].ref if ref.output else body.graph.output


def unused_layers(spec: Spec, flow: Dataflow) -> Iterator[Case]:
    """Layers of the file that no step uses, whatever the arguments."""
    used: set[str] = set()
    pending = [*_used(spec.model)]
    while pending:
        name = pending.pop()
        if name not in used:
            used.add(name)
            layer = spec.layers[name]
            pending += [*_used(layer.steps), *([layer.like] if layer.like else [])]
    for name, layer in spec.layers.items():
        if name not in used:
            yield _unused(layer, flow)


def _unused(layer: Layer, flow: Dataflow) -> Case:
    message = f"no step uses the layer `{layer.name}`"
    return Case("ARCH511", message, layer.span, layer.span, flow.bodies[0], (), "use it, or remove it")


def _used(steps: Iterable[Step]) -> Iterator[str]:
    for step in steps:
        if isinstance(step.action, LayerCall):
            yield step.action.layer
        elif isinstance(step.action, Branches):
            branches = step.action
            for path in branches.paths:
                yield from _used(path.steps)
            if isinstance(branches.shortcut, tuple):
                yield from _used(branches.shortcut)
            yield from _used(branches.after)
