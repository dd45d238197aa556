"""Optimizers and schedules that Keras does not provide, registered with Keras on import."""

from archdsl.keras.optimizers.muon import MuonSGD
from archdsl.keras.optimizers.rates import RATED
from archdsl.keras.optimizers.schedules import Continued, OneCycle, WarmUp

__all__ = ["RATED", "Continued", "MuonSGD", "OneCycle", "WarmUp"]
