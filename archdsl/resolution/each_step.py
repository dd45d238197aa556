"""Steps that are called for each step of the first axis, as in Keras's `TimeDistributed`."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from archdsl.errors import fail
from archdsl.graph import Graph, Node, total
from archdsl.limits import ELEMENTS
from archdsl.ops.base import show
from archdsl.ops.each_step import each_step
from archdsl.resolution.words import known_by_name
from archdsl.steps import EachStep, LayerCall, Loop

# How it works. Inside `time_distributed`, tensors keep their first axis. An op becomes one that calls it for each step.
# The body of a layer is resolved for one step, and then each of its nodes becomes one for all steps.


def group_of(each: EachStep) -> str:
    """The part of the names of the steps that groups them in a `keras.Sequential`; empty for a single Keras layer."""
    (first, *others) = each.steps
    if others or first.loop != Loop():
        return _GROUP
    if isinstance(first.action, LayerCall | EachStep):
        return ""
    assert isinstance(first.action, tuple)
    main, *more = first.action
    is_single = main.role == "main" and all(part.choice is None and known_by_name(part) for part in more)
    # Keras applies this argument only where it calls the layer itself.
    regularizer = main.fields.get("activity_regularizer")
    return "" if is_single and (regularizer is None or regularizer.content in (None, "none")) else _GROUP


_GROUP = "steps"


class EachStepBodies:
    """The bodies of layers that are called for each step, each distinct body once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], Graph] = {}

    def of(self, body: Graph, steps: int) -> Graph:
        """Return the body of a layer that is called for each of some steps.

        Raises:
            ArchError: If a tensor is too large.
        """
        key = id(body), steps  # the result keeps the body alive, so its id is unique
        if key not in self._known:
            nodes = tuple(self.node(node, steps) for node in body.nodes)
            self._known[key] = replace(
                body,
                inputs={name: (steps, *shape) for name, shape in body.inputs.items()},
                nodes=nodes,
                outputs={name: replace(end, shape=(steps, *end.shape)) for name, end in body.outputs.items()},
                totals=total(nodes),
                one_step=body,
            )
        return self._known[key]

    def node(self, node: Node, steps: int) -> Node:
        """Return a node that is called for each of some steps."""
        shape = (steps, *node.shape)
        if prod(shape) > ELEMENTS:
            message = f"the output of `{node.name}` is too large: {show(shape)} exceeds {ELEMENTS:,} numbers"
            raise fail("ARCH025", message, node.span)
        return replace(
            node,
            shape=shape,
            op=each_step(node.op) if node.op is not None else None,
            body=self.of(node.body, steps) if node.body is not None else None,
            outputs={name: (steps, *one) for name, one in node.outputs.items()},
            totals=replace(node.totals, macs=steps * node.totals.macs),
        )
