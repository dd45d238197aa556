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
"""Steps in one execution, at most."""

SPEED = {"CPU": 1e11, "GPU": 1e13}
"""Floating-point operations per second that small networks reach, by which the time of a step is estimated."""

LONGEST = 0.2
"""Seconds that one execution may take, so that the display is updated and Ctrl-C has an effect."""


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """Builds networks under a dtype policy of Keras."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextmanager
def determinism(enabled: bool) -> Iterator[None]:
    """Restricts TensorFlow to deterministic operations."""
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
    """Whether TensorFlow computes with oneDNN's kernels."""
    from tensorflow.python.util import _pywrap_util_port  # there is no public name for it

    return bool(_pywrap_util_port.IsMklEnabled())


def check_kernels(requested: bool | Literal["auto"]) -> None:
    """Warns if TensorFlow was imported before the kernels that a recipe asks for could be set."""
    if requested == "auto" or kernels.VARIABLE in os.environ or onednn() == requested:
        return
    message = f"TensorFlow was imported before `onednn: {str(requested).lower()}` could take effect; "
    warnings.warn(f"{message}set {kernels.VARIABLE}={int(requested)} in the environment", stacklevel=2)


def steps_per_execution(steps: int, operations: float, every: int = 0, most: int = MOST_STEPS) -> int:
    """How many steps of an epoch to run in one call of TensorFlow.

    It divides the epoch, because Keras would otherwise run past its end, and it is 1 if a step takes long.

    Args:
        steps: in an epoch.
        operations: floating-point operations of one step.
        every: after so many steps each, something has to happen between two steps; 0 for never.
    """
    speed = SPEED["GPU" if tf.config.list_physical_devices("GPU") else "CPU"]
    most = min(most, steps, max(1, int(LONGEST / max(operations / speed, 1e-9))))
    return max(k for k in range(1, most + 1) if steps % k == 0 and every % k == 0)
