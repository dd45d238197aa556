"""Keras layers for ops that Keras has no layer for. Each class stands alone: `eject` copies its source."""

from archdsl.keras import optimizers  # noqa: F401 - registers its classes
from archdsl.keras.layers.functions import *  # noqa: F403
from archdsl.keras.layers.learned import *  # noqa: F403
from archdsl.keras.layers.rearranging import *  # noqa: F403
