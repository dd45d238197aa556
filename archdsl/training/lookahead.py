"""Slow weights that follow the fast ones, which go on from there (Zhang et al. 2019; Jordan 2024 schedules it)."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from archdsl.recipe import Lookahead as Recipe
from archdsl.training import checkpoints


class Lookahead(keras.callbacks.Callback):  # type: ignore[misc]
    """Every few steps, slow weights move to the fast ones by 1 - share, and the fast ones become the slow ones.

    All numbers of the network take part, the moving statistics of norms too. In the end the fast weights are the slow
    ones. The number of steps in one execution must divide `every`.
    """

    def __init__(self, recipe: Recipe, epochs: int, steps: int) -> None:
        super().__init__()
        self.recipe, self.steps, self.total = recipe, steps, epochs * steps
        self.given: list[NDArray[Any]] | None = None
        self._slow: list[tf.Variable] = []
        self._fast: list[Any] = []
        self._first = 0
        self._move = tf.function(self._moved, reduce_retracing=True)

    def on_train_begin(self, logs: Any = None) -> None:
        self._fast = [variable for variable in self.model.variables if "float" in str(variable.dtype)]
        begun = self.given or [np.array(variable.numpy()) for variable in self._fast]
        self._slow = [tf.Variable(value, trainable=False) for value in begun]

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._first = epoch * self.steps

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        step = self._first + batch + 1
        if step % self.recipe.every == 0:
            self._move(tf.constant(1 - self.share(step), tf.float32))
        if step == self.total:
            self._move(tf.constant(0.0))

    def share(self, step: int) -> float:
        """How much of the slow weights stays after this step, counted from 1."""
        grown = (step / self.total) ** 3 if self.recipe.grow == "cubic" else 1.0
        return self.recipe.share * grown

    def values(self) -> list[NDArray[Any]]:
        """The slow weights, for a checkpoint."""
        return checkpoints.values(self._slow)

    def _moved(self, way: tf.Tensor) -> None:
        for slow, fast in zip(self._slow, self._fast, strict=True):
            slow.assign_add(tf.cast(way, slow.dtype) * (fast.value - slow))
            fast.assign(slow)
