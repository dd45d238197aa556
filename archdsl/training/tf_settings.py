"""How TensorFlow and Keras are set for a training, and set back: precision, determinism, kernels, steps in a call."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import keras
import tensorflow as tf

from archdsl.recipe import kernels

MOST = 32
"""Steps in one execution, at most."""

SPEED = {"CPU": 1e11, "GPU": 1e13}
"""Floating-point operations in a second that steps are judged by: what small networks reach."""

LIVELY = 0.2
"""Seconds that one execution may take, so that the display lives and Ctrl-C is heard."""


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
def determinism(wanted: bool) -> Iterator[None]:
    """Lets TensorFlow use none but operations that always give the same numbers."""
    from tensorflow.python.framework import config  # TensorFlow's public names can switch it on, and not off

    if not wanted or config.is_op_determinism_enabled():
        yield
        return
    tf.config.experimental.enable_op_determinism()
    try:
        yield
    finally:
        config.disable_op_determinism()


def onednn() -> bool:
    """Whether TensorFlow computes with oneDNN's kernels."""
    from tensorflow.python.util import _pywrap_util_port  # no public name tells it

    return bool(_pywrap_util_port.IsMklEnabled())


def check_kernels(wanted: bool | Literal["auto"]) -> None:
    """Warns where TensorFlow was imported before anybody could tell it which kernels a recipe asks for."""
    if wanted != "auto" and kernels.VARIABLE not in os.environ and onednn() != wanted:
        message = f"TensorFlow was imported before it could be told `onednn: {str(wanted).lower()}`; "
        warnings.warn(f"{message}{kernels.VARIABLE}={int(wanted)} in the environment tells it", stacklevel=2)


def steps_per_execution(steps: int, work: float, every: int = 0, most: int = MOST) -> int:
    """How many steps of an epoch to run in one call of TensorFlow.

    It divides the epoch, as Keras would otherwise run over its end, and it is 1 where a step is long.

    Args:
        steps: in an epoch.
        work: floating-point operations of one step.
        every: after how many steps each time something happens between them, or 0.
    """
    speed = SPEED["GPU" if tf.config.list_physical_devices("GPU") else "CPU"]
    fitting = min(most, steps, max(1, int(LIVELY / max(work / speed, 1e-9))))
    return max(k for k in range(1, fitting + 1) if steps % k == 0 and every % k == 0)
