"""What `data:` and `train:` may say. Keras's classes are named as data; nothing is imported."""

from archdsl.recipe.choices import LossChoice, ObjectChoice
from archdsl.recipe.data import PLACES, SOURCES, Augment, Data
from archdsl.recipe.losses import LOSSES
from archdsl.recipe.metrics import METRICS
from archdsl.recipe.optimizers import OPTIMIZERS, SCHEDULES
from archdsl.recipe.train import (
    EarlyStopping,
    Lookahead,
    Precision,
    Rates,
    Recipe,
    TestTime,
    Train,
    Whiten,
)

__all__ = [
    "LOSSES",
    "METRICS",
    "OPTIMIZERS",
    "PLACES",
    "SCHEDULES",
    "SOURCES",
    "Augment",
    "Data",
    "EarlyStopping",
    "Lookahead",
    "LossChoice",
    "ObjectChoice",
    "Precision",
    "Rates",
    "Recipe",
    "TestTime",
    "Train",
    "Whiten",
]
