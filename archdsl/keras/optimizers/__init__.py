"""Schedules and optimizers that Keras has none for. They are registered with Keras when this is imported."""

from archdsl.keras.optimizers.muon import MuonSGD
from archdsl.keras.optimizers.rates import RATED
from archdsl.keras.optimizers.schedules import OneCycle, WarmUp

__all__ = ["RATED", "MuonSGD", "OneCycle", "WarmUp"]
