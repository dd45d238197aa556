"""What each op is: one class each, one file a family. `OPS` holds them all by name."""

from archdsl.ops import (
    activation,
    attention,
    conv,
    dense,
    dropout,
    initial,
    maps,
    merge,
    norm,
    pool,
    shape,
    shortcut,
    standardized,
    tables,
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
    "conv",
    "dense",
    "dropout",
    "find",
    "initial",
    "maps",
    "merge",
    "norm",
    "pool",
    "shape",
    "shortcut",
    "standardized",
    "tables",
]
