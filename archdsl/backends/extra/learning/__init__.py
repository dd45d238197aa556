"""Schedules and optimizers that Keras has none for. They are registered with Keras when this is imported."""

from archdsl.backends.extra.learning.muon import MuonSGD
from archdsl.backends.extra.learning.optimizers import RATED
from archdsl.backends.extra.learning.schedules import OneCycle, WarmUp

__all__ = ["RATED", "MuonSGD", "OneCycle", "WarmUp"]
