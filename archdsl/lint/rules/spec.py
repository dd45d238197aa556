"""Rules about what a spec says: words that do less than they seem to, or another thing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from archdsl.analysis.dataflow import Body, Site, Walk
from archdsl.graph import Graph
from archdsl.lint.finding import Case, case
from archdsl.ops.base import show
from archdsl.ops.conv import Conv
from archdsl.spec import Bunch, Layer, Spec, Step, Use


def rules(site: Site) -> Iterator[Case]:
    """What is to be said of one op's arguments."""
    node, op = site.node, site.node.op
    if isinstance(op, Conv) and op.name == "conv" and op.groups > 1 and op.groups == site.shapes[0][-1]:
        multiplier = node.shape[-1] // op.groups
        more = "" if multiplier == 1 else f", multiplier: {multiplier}"
        yield case(
            "ARCH513",
            node,
            site.body,
            f"a convolution of {op.groups} groups of one channel is a `depthwise_conv`",
            f"`groups` is {op.groups}, and so are the channels of its input",
            at=("groups",),
            hint=f"`depthwise_conv: {{kernel: {_pair(op.kernel)}{more}}}` has the same weights, and runs faster",
        )
    if node.kind == "multiply":
        yield from _stretched(site)


def _pair(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else str([*pair])


def _stretched(site: Site) -> Iterator[Case]:
    """A product that stretches something which is no gate."""
    node = site.node
    for shape, flow, part in zip(site.shapes, site.flows, site.node.parts or site.node.inputs, strict=True):
        if shape != node.shape and flow.most != 1.0:
            yield case(
                "ARCH512",
                node,
                site.body,
                f"`multiply` stretches {show(shape)} over {show(node.shape)}",
                f"`{part}` gives one number for each channel, and nothing holds it between 0 and 1, as a gate is",
                hint="end it with a `sigmoid` where it is a gate; else give both parts the same shape",
            )


def recipe(spec: Spec, graph: Graph, walk: Walk) -> Iterator[Case]:
    """A loss that takes what the network gives for something else."""
    train = spec.train
    said = getattr(train, "from_logits", None)
    if train is None or said is None:
        return
    losses = train.loss if isinstance(train.loss, dict) else dict.fromkeys(graph.outputs, train.loss)
    for name, entry in losses.items():
        loss = entry.word
        if not re.search("categorical.*cross", loss) or name not in walk.outputs:
            continue
        flow, end = walk.outputs[name], _end(walk, graph, name)
        if said and flow.last in ("softmax", "sparsemax"):
            message = f"the network ends in `{flow.last}`, and `from_logits: true` takes another softmax of that"
            hint = "`from_logits: false`, or `activation: none` at the end"
        elif not said and flow.most != 1.0:
            message = "the loss wants probabilities, and the network gives logits: it does not end in a softmax"
            hint = "`from_logits: true`, or `activation: softmax` at the end"
        else:
            continue
        fact = f"`train` says `loss: {loss}` and `from_logits: {str(said).lower()}`"
        if end is None:
            yield Case("ARCH515", message, spec.span, spec.span, walk.bodies[0], (fact,), hint)
        else:
            yield case("ARCH515", end.node, end.body, message, fact, hint=hint)


def _end(walk: Walk, graph: Graph, name: str) -> Site | None:
    """The op that gives an output, in whatever layer."""
    body, ref = walk.bodies[0], graph.outputs[name].ref
    while True:
        site = next((site for site in body.sites if site.node.name == ref.node), None)
        inner: Body | None = next((child for one, child in body.children if one.name == ref.node), None)
        if site is not None or inner is None:
            return site
        body = inner
        ref = body.graph.outputs[ref.output].ref if ref.output else body.graph.output


def unused_layers(spec: Spec, walk: Walk) -> Iterator[Case]:
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
            yield _unused(layer, walk)


def _unused(layer: Layer, walk: Walk) -> Case:
    message = f"no step uses the layer `{layer.name}`"
    return Case("ARCH511", message, layer.span, layer.span, walk.bodies[0], (), "use it, or remove it")


def _used(steps: Iterable[Step]) -> Iterator[str]:
    for step in steps:
        if isinstance(step.action, Use):
            yield step.action.layer
        elif isinstance(step.action, Bunch):
            bunch = step.action
            for path in bunch.paths:
                yield from _used(path.steps)
            if isinstance(bunch.shortcut, tuple):
                yield from _used(bunch.shortcut)
            yield from _used(bunch.after)
