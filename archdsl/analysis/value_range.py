"""What is known of the numbers that flow from node to node, whatever the input and the weights: first to last."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from archdsl.graph import Node
from archdsl.ops import Op, Shape
from archdsl.ops.base import sides

Support: TypeAlias = tuple[tuple[int, int], tuple[int, int]]


class Flow(NamedTuple):
    """What is known of a tensor.

    Args:
        last: the op that gave it, and its `kind`.
        support: the rows, and the columns, that can be other than 0: the first, and the one behind the last. None
            where all can.
        least: 0 where no number is negative.
        most: what no number is beyond, where something holds them.
        rate: of the dropout that gave it.
        places: how many places of a map stand in one row, behind `flatten`.
    """

    last: str = ""
    kind: str = ""
    support: Support | None = None
    least: float | None = None
    most: float | None = None
    rate: float = 0.0
    places: int = 0


_SHARES = frozenset(["sigmoid", "hard_sigmoid", "softmax", "sparsemax", "sparse_sigmoid"])
_POSITIVE = frozenset(["exponential", "softplus", "squareplus", "sparse_plus"])
_AT_MOST_ONE = frozenset(["tanh", "softsign", "hard_tanh"])
_KEEP_ZERO = frozenset(
    """
    relu6 leaky_relu prelu elu selu celu gelu silu swish mish hard_silu hard_swish tanh softsign hard_tanh tanh_shrink
    hard_shrink soft_shrink linear dropout spatial_dropout gaussian_dropout stochastic_depth layer_scale
    """.split()  # noqa: SIM905 - names are read more easily so
)
_KEEP_BOUNDS = frozenset(
    """
    max_pool average_pool global_average_pool global_max_pool adaptive_average_pool adaptive_max_pool flatten reshape
    permute repeat_vector take take_channels channel_shuffle crop center_crop space_to_depth depth_to_space linear
    concat average maximum minimum
    """.split()  # noqa: SIM905
)
_KEEP_SIGN = frozenset(
    ("zero_pad", "pad_shortcut", "dropout", "spatial_dropout", "stochastic_depth", "add", "multiply")
)
NOISE = frozenset(["dropout", "spatial_dropout", "gaussian_dropout"])


def flow_of(node: Node, inputs: Sequence[Flow], shapes: Sequence[Shape]) -> Flow:
    """What is known of an op's output."""
    op = node.op
    if op is None or not type(op).__module__.startswith("archdsl."):
        return Flow(node.kind)
    least, most = _bounds(op, inputs)
    rate = getattr(op, "rate", 0.0) if op.name in NOISE else 0.0
    places = math.prod(shapes[0][:-1]) if op.name == "flatten" and len(shapes[0]) == 3 else 0
    return Flow(op.name, op.kind, _support(op, inputs[0].support, shapes[0]), least, most, rate, places)


def _bounds(op: Op, inputs: Sequence[Flow]) -> tuple[float | None, float | None]:
    positive = all(flow.least == 0 for flow in inputs)
    tops = [flow.most for flow in inputs]
    if op.name in _SHARES:
        return 0.0, 1.0
    if op.name in _AT_MOST_ONE:
        return (0.0 if positive else None), 1.0
    if op.name in _POSITIVE:
        return 0.0, None
    if op.name == "relu6":
        return 0.0, min(6.0, tops[0] or 6.0)
    if op.name == "relu":
        bounds = [top for top in (getattr(op, "max_value", None), tops[0]) if top is not None]
        return (0.0, min(bounds, default=None)) if plain_relu(op) else (None, None)
    if op.name in _KEEP_BOUNDS or (op.name == "upsample" and getattr(op, "interpolation", "") in _MEANS):
        known = None not in tops
        return (0.0 if positive else None), (max(top for top in tops if top is not None) if known and tops else None)
    return (0.0 if positive and op.name in _KEEP_SIGN else None), None


_MEANS = ("nearest", "bilinear")


def plain_relu(op: Op | None) -> bool:
    """Whether it cuts at 0 below, and lets pass what is above."""
    if op is None or op.name not in ("relu", "relu6"):
        return False
    return getattr(op, "slope", 0.0) == 0 and getattr(op, "threshold", 0.0) == 0


def _support(op: Op, support: Support | None, shape: Shape) -> Support | None:
    if op.name in ("zero_pad", "crop"):
        edges = sides(getattr(op, "padding", None) if op.name == "zero_pad" else getattr(op, "border", None))
        sign = 1 if op.name == "zero_pad" else -1
        moved = []
        for axis in (0, 1):
            before, after = edges[axis]
            first, stop = support[axis] if support else (0, shape[axis])
            length = shape[axis] + sign * (before + after)
            moved.append((min(length, max(0, first + sign * before)), max(0, min(length, stop + sign * before))))
        whole = all(part == (0, shape[axis] + sign * sum(edges[axis])) for axis, part in enumerate(moved))
        return None if whole else (moved[0], moved[1])
    keeps = op.name in _KEEP_ZERO or (op.name == "relu" and getattr(op, "threshold", 0.0) >= 0)
    return support if keeps else None
