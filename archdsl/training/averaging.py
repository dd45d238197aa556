"""Weights other than the ones in training: the moving average that an optimizer keeps, and lookahead's slow weights.

Validation, tests and the run's file use the moving average. Keras updates it at each step, and puts it into the network
only when `fit` ends. Its own callback for validation swaps by adding and subtracting, which rounds the weights that
training continues with.
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
    """The moving average of each weight that has one, by the weight's id."""
    averages: dict[int, Any] = {}
    for optimizer in _optimizers(model.optimizer):
        if getattr(optimizer, "use_ema", False) and optimizer.built:
            pairs = zip(optimizer._trainable_variables, optimizer._model_variables_moving_average, strict=True)
            averages |= {id(weight): average for weight, average in pairs if average is not None}
    return averages


def _optimizers(optimizer: Any) -> Iterator[Any]:
    """An optimizer, or those that it is made of: loss scaling and groups of weights wrap others."""
    inner = getattr(optimizer, "inner_optimizer", None)
    parts = [inner] if inner is not None else getattr(optimizer, "optimizers", None)
    if parts is None:
        yield optimizer
        return
    for part in parts:
        yield from _optimizers(part)


def averaged_values(model: keras.Model) -> list[NDArray[Any]]:
    """The values of `model.variables`, averaged where the optimizer keeps an average."""
    averages = moving_averages(model)
    return [np.array(averages.get(id(variable), variable).numpy()) for variable in model.variables]


class AveragedValidation(keras.callbacks.Callback):  # type: ignore[misc]
    """Validates with the averaged weights, and restores the network's own exactly."""

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

    Every few steps, the slow weights move toward the fast ones by 1 - share, and the fast ones become the slow ones.
    All floating-point variables of the network take part, the moving statistics of normalizations too. After the last
    step the fast weights are the slow ones. The number of steps in one execution must divide `every`.

    Attributes:
        restored: the values of a checkpoint to start from, if any.
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
        """Starts from the values of a checkpoint.

        Raises:
            ArchError: they are not those of this network (ARCH204).
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
        """How much of the slow weights remains after this step, counted from 1."""
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
