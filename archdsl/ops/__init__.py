"""The ops: one class for each op, one module for each family. `OPS` contains them by name."""

from archdsl.ops.base import Call, Example, Op, OpError, RankError, Shape, Weight
from archdsl.ops.plugins import find
from archdsl.ops.registry import OPS

__all__ = ["OPS", "Call", "Example", "Op", "OpError", "RankError", "Shape", "Weight", "find"]
