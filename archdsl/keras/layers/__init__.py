"""Keras layers for ops without a layer in Keras. Each class is self-contained, because `eject` copies its source."""

from archdsl.keras import optimizers  # noqa: F401 - registers its classes
from archdsl.keras.layers.algebra import *  # noqa: F403
from archdsl.keras.layers.attention import *  # noqa: F403
from archdsl.keras.layers.functions import *  # noqa: F403
from archdsl.keras.layers.learned import *  # noqa: F403
from archdsl.keras.layers.rearranging import *  # noqa: F403
