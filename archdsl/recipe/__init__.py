"""What `data:` and `train:` may say. Keras's classes are named as data; nothing is imported."""

from typing import Any

from archdsl.recipe.data import PLACES, SOURCES, Augment, Data
from archdsl.recipe.train import (
    LOSSES,
    METRICS,
    OPTIMIZERS,
    EarlyStopping,
    Lookahead,
    LossChoice,
    Precision,
    Rates,
    TestTime,
    Train,
    Whiten,
)
from archdsl.recipe.words import Choice, Words

SCHEDULES: Words[Any] = Words("archdsl.recipe.schedules", "SCHEDULES")

__all__ = [
    "LOSSES",
    "METRICS",
    "OPTIMIZERS",
    "PLACES",
    "SCHEDULES",
    "SOURCES",
    "Augment",
    "Choice",
    "Data",
    "EarlyStopping",
    "Lookahead",
    "LossChoice",
    "Precision",
    "Rates",
    "TestTime",
    "Train",
    "Whiten",
    "Words",
]
