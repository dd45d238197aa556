"""Small Keras models, with weights that are told apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers


def alive(model: keras.Model) -> keras.Model:
    """The model with random weights, all of them large enough to show."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        value = random.standard_normal(weight.shape, np.float32)
        weight.assign(np.abs(value) + 0.5 if "variance" in weight.name else value * 0.5)
    return model


def outputs(model: Any, *inputs: np.ndarray) -> np.ndarray:
    y = model(list(inputs) if len(inputs) > 1 else inputs[0])
    return np.concatenate([np.ravel(y[k]) for k in sorted(y)] if isinstance(y, dict) else np.ravel(y), axis=None)


def vector(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(shape, np.float32)


def alive_again(model: keras.Model) -> keras.Model:
    """Other weights than those of `alive`."""
    alive(model)
    for weight in model.weights:
        weight.assign(weight + 1.0)
    return model


def model(write: Callable[[Any], Any], *shape: int) -> keras.Model:
    """A functional model with live weights."""
    inputs = keras.Input(shape or (6,))
    return alive(keras.Model(inputs, write(inputs)))


def dense(x: Any, name: str | None = None, units: int = 6, **more: Any) -> Any:
    return layers.Dense(units, name=name, **more)(x)
