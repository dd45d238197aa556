"""Rules about `$channels`, the channels of a body's input, at steps where other channels arrive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from archdsl.errors import Span
from archdsl.graph import BranchPath, Node, TensorRef
from archdsl.linting.rule import Network, Occurrence, Rule, example
from archdsl.ops import Shape
from archdsl.resolution.words import every_step
from archdsl.spec import INPUT
from archdsl.steps import Value
from archdsl.text import quantity

SHORT = "channels"
"""The name in `$channels`, the short form of `$input.channels`."""

FOLLOWED = 8
"""The number of steps that keep their shape, such as norms, that may follow a step before its merge."""

Nodes: TypeAlias = tuple[Node, ...]


class ChannelsInModel(Rule):
    """Checks for steps of `model:` that use `$channels` where the number of channels that arrive is a different one.

    In `model:`, `$channels` is the number of channels of the network's input, at every step: 3 for a color image. It is
    easily mistaken for the number of channels that arrive at the step, `$here.channels`. Both are valid, so the only
    symptom is another number of parameters. Where the input is meant, as at the end of an autoencoder, `$input.channels`
    says so.
    """

    code = "ARCH519"
    title = "ambiguous `$channels`"
    wrong = example(
        "conv: {filters: 8, kernel: 5, activation: relu}",
        "conv: {filters: 2 * $channels, kernel: 3, activation: relu}",
    )
    right = example(
        "conv: {filters: 8, kernel: 5, activation: relu}",
        "conv: {filters: 2 * $here.channels, kernel: 3, activation: relu}",
    )
    condition = "a step of `model:` uses `$channels`, and a different number of channels arrives at it"
    counts_uses = False

    def check(self, network: Network) -> Iterator[Occurrence]:
        graph = network.graph
        if SHORT not in network.spec.text or not graph.input:
            return
        shapes, channels, seen = graph.shapes, graph.input[-1], set()
        loops = {step.span: [*step.loop.values()] for step in every_step(network.spec.model)}
        for nodes in graph.steps():
            arriving = _last(shapes, nodes[0])
            if arriving in (0, channels):
                continue
            own = loops.get(nodes[0].span, []) if nodes[0].span is not None else []
            for value in (*own, *(value for node in nodes for value in node.fields.values())):
                if SHORT not in value.names or value.span in seen:
                    continue
                seen.add(value.span)
                yield Occurrence(
                    self,
                    f"{arriving} channels arrive here, but `$channels` is {channels}, as in the network's input",
                    value.span,
                    nodes[0].span,
                    network.flow.bodies[0],
                    hint="use `$here.channels` for what arrives, or `$input.channels` for the network's input",
                )


class ChannelsInMerge(Rule):
    """Checks for steps that compute their width from `$channels` or `$input.channels` where a different number of channels
    arrives, and whose result is merged with what arrives: by `concat`, or with a shortcut that becomes a projection.

    In a layer, `$channels` is the number of channels of the layer's input, even in paths that start further down. A block
    that widens its input and then means to keep the new width becomes narrow again. Nothing fails: `concat` takes any
    number of channels, and `shortcut: auto` inserts a 1x1 convolution. `$here.channels` is the number of channels that
    arrive.
    """

    code = "ARCH520"
    title = "mismatched `$channels`"
    wrong = example(
        "Block",
        layers=[
            "Block:\n"
            "    steps:\n"
            "      - conv: {filters: 8, kernel: 5, activation: relu}\n"
            "      - paths: [[conv: {filters: $channels, kernel: 3, padding: same}]]\n"
            "        shortcut: auto\n"
            "        merge: add"
        ],
    )
    right = wrong.replace("$channels", "$here.channels")
    condition = "a step's width comes from `$channels`, and it is merged with what arrives, which has another width"
    counts_uses = False

    def check(self, network: Network) -> Iterator[Occurrence]:
        seen: set[Span] = set()
        for body in network.flow.bodies if SHORT in network.spec.text else ():
            graph = body.graph
            merges = [node for node in graph.nodes if len(node.inputs) > 1 and node.op is not None and node.op.many]
            if not merges or not graph.input:
                continue
            names = {f"{INPUT}.{SHORT}", *([SHORT] if body.first else [])}  # in the model, ARCH519 is about `$channels`
            shapes, channels, steps = graph.shapes, graph.input[-1], {nodes[-1].name: nodes for nodes in graph.steps()}
            firsts = {node.path: node for node in reversed(graph.nodes)}
            for merge in merges:
                projected = _projected(firsts, merge)
                widths = {shapes[ref][-1] for ref in (*merge.inputs, *projected) if shapes[ref]}
                for ref in dict.fromkeys(merge.inputs):
                    nodes = _computed_by(ref, steps, shapes)
                    here, width = (_last(shapes, nodes[0]), shapes[ref][-1]) if nodes else (0, 0)
                    value = _width_from(nodes, width, names)
                    if value is None or value.span in seen or here in (channels, width) or here not in widths:
                        continue
                    seen.add(value.span)
                    name = next(iter(names & value.names))
                    fact = f"`{merge.name}` takes {quantity(width, 'channel')} from this step, and {here} from another"
                    if projected:
                        fact = f"a projection in the shortcut turns {here} channels into {width} before `{merge.name}`"
                    yield Occurrence(
                        self,
                        f"{here} channels arrive here, but `${name}` is {channels}, as in the input of `{graph.name}`",
                        value.span,
                        nodes[0].span,
                        body,
                        (fact,),
                        "use `$here.channels` for what arrives",
                    )


def _last(shapes: Mapping[str, Shape], node: Node) -> int:
    """The number of channels of the first input of a node; 0 if it has none."""
    taken = shapes[node.inputs[0]] if node.inputs else ()
    return taken[-1] if taken else 0


def _computed_by(ref: TensorRef, steps: Mapping[str, Nodes], shapes: Mapping[str, Shape]) -> Nodes:
    """The step that computes a tensor, before steps such as `relu` and `batch_norm` that keep its shape."""
    for _ in range(FOLLOWED):
        nodes = steps.get(ref.node, ())
        if not nodes or any(
            node.op is None or node.op.traits.filters or [node.shape] != [shapes[one] for one in node.inputs]
            for node in nodes
        ):
            return nodes
        ref = nodes[0].inputs[0]
    return ()


def _width_from(nodes: Nodes, width: int, names: set[str]) -> Value | None:
    """The argument of a step that is the width of its result and is computed from one of the names."""
    for node in nodes:
        for name, value in node.fields.items():
            if names & value.names:
                used = node.arguments.get(name) if node.op is None else getattr(node.op, name, None)
                if type(used) is int and used == width:
                    return value
    return None


def _projected(firsts: Mapping[BranchPath, Node], merge: Node) -> tuple[TensorRef, ...]:
    """What a shortcut takes that has become a projection or the like because the spec names it, as in `auto`.

    Args:
        firsts: The first node of each path.
        merge: The merge of the shortcut.
    """
    if merge.shortcut is None:
        return ()
    first = firsts.get((*merge.path, merge.shortcut.branch))
    # The arguments of such a step have the place of the word.
    named = first is not None and any(value.span == first.span for value in first.fields.values())
    return first.inputs if first is not None and named else ()


RULES = (ChannelsInModel(), ChannelsInMerge())
