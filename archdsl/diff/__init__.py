"""Two graphs -> edits from the one to the other, as plain data and as text."""

from archdsl.diff.comparison import Comparison, compare

__all__ = ["Comparison", "compare"]
