"""What a network predicts: one module for each kind of column."""

from archdsl.data.targets.base import Target
from archdsl.data.targets.classes import ClassTarget

TARGETS: dict[str, type[Target]] = {"class": ClassTarget}
"""The target that a kind of column makes."""

__all__ = ["TARGETS", "ClassTarget", "Target"]
