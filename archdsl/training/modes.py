"""How TensorFlow and Keras are set for a training, and set back: precision, determinism, steps in one execution."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

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
