"""What each op is: one class each, one file a family. `OPS` holds them all by name."""

from archdsl.ops import (
    activation,
    attention,
    choices,
    conv,
    dense,
    dropout,
    maps,
    merge,
    norm,
    pool,
    shape,
    shortcut,
    standardized,
    weights,
)
from archdsl.ops.base import OPS, Call, Example, Op, OpError, Shape, Weight
from archdsl.ops.installed import find

__all__ = [
    "OPS",
    "Call",
    "Example",
    "Op",
    "OpError",
    "Shape",
    "Weight",
    "activation",
    "attention",
    "choices",
    "conv",
    "dense",
    "dropout",
    "find",
    "maps",
    "merge",
    "norm",
    "pool",
    "shape",
    "shortcut",
    "standardized",
    "weights",
]
