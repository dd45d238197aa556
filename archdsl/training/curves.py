"""The picture of a run's epochs, where it stood before: see `archdsl.training.reports.curves`."""

from archdsl.training.reports.curves import draw

__all__ = ["draw"]
