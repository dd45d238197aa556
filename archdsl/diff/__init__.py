"""Two graphs -> the edits that turn one into the other, as plain data and as text."""

from archdsl.diff.comparison import Comparison, compare

__all__ = ["Comparison", "compare"]
