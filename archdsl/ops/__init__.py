"""What each op is: one class each, one file a family. `OPS` holds them all by name."""

from archdsl.ops.base import Call, Example, Op, OpError, Shape, Weight
from archdsl.ops.plugins import find
from archdsl.ops.registry import OPS

__all__ = ["OPS", "Call", "Example", "Op", "OpError", "Shape", "Weight", "find"]
