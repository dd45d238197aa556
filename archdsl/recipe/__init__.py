"""The recipe: the keys of `data` and `train`. Keras classes are referred to by name and never imported."""

from archdsl.recipe.choices import LossChoice, ObjectChoice
from archdsl.recipe.columns import COLUMN_KINDS
from archdsl.recipe.data import DATA_SOURCES, Augment, Data, DataSource, data_at, source_at, source_text
from archdsl.recipe.fine_tuning import Unfreeze, Weights
from archdsl.recipe.losses import LOSSES
from archdsl.recipe.metrics import METRICS
from archdsl.recipe.optimizers import OPTIMIZERS, SCHEDULES
from archdsl.recipe.tasks import TASKS
from archdsl.recipe.train import (
    EarlyStopping,
    Lookahead,
    Precision,
    Rates,
    Recipe,
    TestTime,
    Train,
    Whiten,
    planned_steps,
)

__all__ = [
    "COLUMN_KINDS",
    "DATA_SOURCES",
    "LOSSES",
    "METRICS",
    "OPTIMIZERS",
    "SCHEDULES",
    "TASKS",
    "Augment",
    "Data",
    "DataSource",
    "EarlyStopping",
    "Lookahead",
    "LossChoice",
    "ObjectChoice",
    "Precision",
    "Rates",
    "Recipe",
    "TestTime",
    "Train",
    "Unfreeze",
    "Weights",
    "Whiten",
    "data_at",
    "planned_steps",
    "source_at",
    "source_text",
]
