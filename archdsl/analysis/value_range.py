"""Facts about the values of tensors that hold for any input and any weights, propagated from the inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from archdsl.graph import Node
from archdsl.ops import Op, Shape
from archdsl.ops.value_range import Support, ValueRange


class TensorFacts(NamedTuple):
    """Facts about the values of a tensor.

    Args:
        producer: the op that computes it; None for inputs and for ops about which nothing is known.
        range: the range of its values.
        support: the part of each axis that can be nonzero, or None for all.
        dropout_rate: the rate of the dropout that computes it.
        flattened: the number of positions of the feature map that was flattened into it.
    """

    producer: type[Op] | None = None
    range: ValueRange = ValueRange()
    support: Support | None = None
    dropout_rate: float = 0.0
    flattened: int = 0


def facts_of(node: Node, inputs: Sequence[TensorFacts], shapes: Sequence[Shape]) -> TensorFacts:
    """Derive the facts about the output of an op from those about its inputs."""
    op = node.op
    if op is None:
        return TensorFacts()
    if not inputs:
        return TensorFacts(type(op) if op.is_own() else None)
    flattens = op.traits.flattens and 2 <= len(shapes[0]) <= 4
    return TensorFacts(
        type(op) if op.is_own() else None,
        op.value_range(*(facts.range for facts in inputs)),
        op.nonzero_region(inputs[0].support, shapes[0]),
        getattr(op, "rate", 0.0) if op.traits.drops else 0.0,
        math.prod(shapes[0][:-1]) if flattens else 0,
    )
