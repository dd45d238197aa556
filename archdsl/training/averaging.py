"""Averaged weights: the moving average of an optimizer, and the slow weights of lookahead.

Validation, testing and the saved model use the moving average. Keras updates it at each step, but assigns it to the
network only when `fit` ends. Keras's own callback for validation swaps weights by adding and subtracting, which rounds
the weights that training continues with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from archdsl import recipe
from archdsl.training import checkpoints


def moving_averages(model: keras.Model) -> dict[int, Any]:
    """The moving average of each weight that has one, by the id of the weight."""
    averages: dict[int, Any] = {}
    for optimizer in _optimizers(model.optimizer):
        if getattr(optimizer, "use_ema", False) and optimizer.built:
            pairs = zip(optimizer._trainable_variables, optimizer._model_variables_moving_average, strict=True)
            averages |= {id(weight): average for weight, average in pairs if average is not None}
    return averages


def _optimizers(optimizer: Any) -> Iterator[Any]:
    """The optimizer itself, or those that it wraps for loss scaling or for groups of weights."""
    inner = getattr(optimizer, "inner_optimizer", None)
    parts = [inner] if inner is not None else getattr(optimizer, "optimizers", None)
    if parts is None:
        yield optimizer
        return
    for part in parts:
        yield from _optimizers(part)


def averaged_values(model: keras.Model) -> list[NDArray[Any]]:
    """The values of `model.variables`, replaced by their averages if the optimizer has any."""
    averages = moving_averages(model)
    return [np.array(averages.get(id(variable), variable).numpy()) for variable in model.variables]


class AveragedValidation(keras.callbacks.Callback):  # type: ignore[misc]
    """Validates with the averaged weights, then restores the current weights exactly."""

    def __init__(self) -> None:
        super().__init__()
        self._own: list[tuple[Any, NDArray[Any]]] = []

    def on_test_begin(self, logs: Any = None) -> None:
        averages = moving_averages(self.model)
        weights = [weight for weight in self.model.trainable_variables if id(weight) in averages]
        self._own = [(weight, np.array(weight.numpy())) for weight in weights]
        for weight in weights:
            weight.assign(averages[id(weight)])

    def on_test_end(self, logs: Any = None) -> None:
        for weight, value in self._own:
            weight.assign(value)
        self._own = []


class SlowWeights(keras.callbacks.Callback):  # type: ignore[misc]
    """Lookahead (Zhang et al. 2019, arXiv 1907.08610), with the schedule of Jordan 2024 (arXiv 2404.00498).

    Every few steps, the slow weights move toward the fast ones by 1 - share, and the fast weights are reset to the slow
    ones. This includes all floating-point variables, such as the moving statistics of normalizations. After the last
    step, the fast weights equal the slow ones. The number of steps per execution must divide `every`.

    Attributes:
        restored: the values from a checkpoint, if any.
    """

    def __init__(self, lookahead: recipe.Lookahead, epochs: int, steps: int) -> None:
        super().__init__()
        self.recipe, self.steps, self.total = lookahead, steps, epochs * steps
        self.restored: list[NDArray[Any]] | None = None
        self._slow: list[tf.Variable] = []
        self._fast: list[Any] = []
        self._first = 0
        self._move = tf.function(self._moved, reduce_retracing=True)

    def restore(self, model: keras.Model, values: list[NDArray[Any]]) -> None:
        """Start from the values of a checkpoint.

        Raises:
            ArchError: they belong to another network (ARCH204).
        """
        checkpoints.check(_floating(model), values)
        self.restored = values

    def on_train_begin(self, logs: Any = None) -> None:
        self._fast = _floating(self.model)
        values = self.restored or checkpoints.values(self._fast)
        self._slow = [tf.Variable(value, trainable=False) for value in values]

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._first = epoch * self.steps

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        step = self._first + batch + 1
        if step % self.recipe.every == 0:
            self._move(tf.constant(1 - self.share(step), tf.float32))
        if step == self.total:
            self._move(tf.constant(0.0))

    def share(self, step: int) -> float:
        """The fraction of the slow weights that remains after a step, counted from 1."""
        growth = (step / self.total) ** 3 if self.recipe.grow == "cubic" else 1.0
        return self.recipe.share * growth

    def values(self) -> list[NDArray[Any]]:
        """The slow weights, for a checkpoint."""
        return checkpoints.values(self._slow)

    def _moved(self, fraction: tf.Tensor) -> None:
        for slow, fast in zip(self._slow, self._fast, strict=True):
            slow.assign_add(tf.cast(fraction, slow.dtype) * (fast.value - slow))
            fast.assign(slow)


def _floating(model: keras.Model) -> list[Any]:
    return [variable for variable in model.variables if "float" in str(variable.dtype)]
