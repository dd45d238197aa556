"""Settings of TensorFlow and Keras for a training: precision, determinism, kernels, steps per execution."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import keras
import tensorflow as tf

from archdsl.recipe import kernels

MOST_STEPS = 32
"""The most steps per execution."""

SPEED = {"CPU": 1e11, "GPU": 1e13}
"""Floating-point operations per second of small networks, for estimating the time of a step."""

LONGEST = 0.2
"""The longest execution in seconds. Between executions, the display is updated and Ctrl-C takes effect."""


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """Set the dtype policy of Keras within the block."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextmanager
def determinism(enabled: bool) -> Iterator[None]:
    """Restrict TensorFlow to deterministic operations within the block."""
    from tensorflow.python.framework import config  # public names can only switch it on

    if not enabled or config.is_op_determinism_enabled():
        yield
        return
    tf.config.experimental.enable_op_determinism()
    try:
        yield
    finally:
        config.disable_op_determinism()


def onednn() -> bool:
    """Whether TensorFlow uses oneDNN kernels."""
    from tensorflow.python.util import _pywrap_util_port  # there is no public name for it

    return bool(_pywrap_util_port.IsMklEnabled())


def check_kernels(requested: bool | Literal["auto"]) -> None:
    """Warn if TensorFlow was imported before the kernels of a recipe could be set."""
    if requested == "auto" or kernels.VARIABLE in os.environ or onednn() == requested:
        return
    message = f"TensorFlow was imported before `onednn: {str(requested).lower()}` could take effect; "
    warnings.warn(f"{message}set {kernels.VARIABLE}={int(requested)} in the environment", stacklevel=2)


def steps_per_execution(steps: int, operations: float, every: int = 0, most: int = MOST_STEPS) -> int:
    """Choose the number of steps to run per call of TensorFlow.

    It divides the number of steps per epoch, because Keras would otherwise run past the end. It is 1 for slow steps.

    Args:
        steps: the number of steps per epoch.
        operations: floating-point operations per step.
        every: the interval of steps at which a callback must run; 0 for none.
    """
    speed = SPEED["GPU" if tf.config.list_physical_devices("GPU") else "CPU"]
    most = min(most, steps, max(1, int(LONGEST / max(operations / speed, 1e-9))))
    return max(k for k in range(1, most + 1) if steps % k == 0 and every % k == 0)
