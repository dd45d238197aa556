"""What is known of each tensor's values, whatever the input and the weights: carried from the first op to the last."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from archdsl.graph import Node
from archdsl.ops import Op, Shape
from archdsl.ops.value_range import Support, ValueRange


class TensorFacts(NamedTuple):
    """What is known of a tensor.

    Args:
        producer: the op that gave it; None of an input, and where nothing is known of the op.
        range: between which numbers its values lie.
        support: the rows and columns that can be other than 0; None where all can.
        dropout_rate: of the dropout that gave it.
        flattened: how many positions of a map lie in its one row.
    """

    producer: type[Op] | None = None
    range: ValueRange = ValueRange()
    support: Support | None = None
    dropout_rate: float = 0.0
    flattened: int = 0


def facts_of(node: Node, inputs: Sequence[TensorFacts], shapes: Sequence[Shape]) -> TensorFacts:
    """What is known of an op's output, by what is known of its inputs."""
    op = node.op
    if op is None:
        return TensorFacts()
    flattens = op.traits.flattens and len(shapes[0]) == 3
    return TensorFacts(
        type(op) if op.is_own() else None,
        op.value_range(*(facts.range for facts in inputs)),
        op.nonzero_region(inputs[0].support, shapes[0]),
        getattr(op, "rate", 0.0) if op.traits.drops else 0.0,
        math.prod(shapes[0][:-1]) if flattens else 0,
    )
