"""The moving average of the weights that an optimizer keeps: what validation, tests and the run's file go by.

Keras updates the average at each step, and puts it into the network only when `fit` ends. Its own callback for
validation swaps by adding and taking away, which rounds the weights that training goes on with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


def averages(model: keras.Model) -> dict[int, Any]:
    """The average of each weight that has one, by the weight's id."""
    found: dict[int, Any] = {}
    for optimizer in _optimizers(model.optimizer):
        if getattr(optimizer, "use_ema", False) and optimizer.built:
            pairs = zip(optimizer._trainable_variables, optimizer._model_variables_moving_average, strict=True)
            found |= {id(weight): average for weight, average in pairs if average is not None}
    return found


def averaged_values(model: keras.Model) -> list[NDArray[Any]]:
    """The values of `model.variables`, averaged where the optimizer keeps an average."""
    known = averages(model)
    return [np.array(known.get(id(variable), variable).numpy()) for variable in model.variables]


class Averaged(keras.callbacks.Callback):  # type: ignore[misc]
    """Lets validation see the averaged weights, and gives the network its own back to the bit."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[tuple[Any, NDArray[Any]]] = []

    def on_test_begin(self, logs: Any = None) -> None:
        known = averages(self.model)
        weights = [weight for weight in self.model.trainable_variables if id(weight) in known]
        self._kept = [(weight, np.array(weight.numpy())) for weight in weights]
        for weight in weights:
            weight.assign(known[id(weight)])

    def on_test_end(self, logs: Any = None) -> None:
        for weight, value in self._kept:
            weight.assign(value)
        self._kept = []


def _optimizers(optimizer: Any) -> Iterator[Any]:
    """An optimizer, or those that it is made of: loss scaling and groups of weights wrap others."""
    inner = getattr(optimizer, "inner_optimizer", None)
    several = [inner] if inner is not None else getattr(optimizer, "optimizers", None)
    if several is None:
        yield optimizer
        return
    for one in several:
        yield from _optimizers(one)
