"""TensorFlow and Keras, imported quietly and only by the commands that need them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from archdsl.errors import fail
from archdsl.recipe import Train, kernels


def load_keras(recipe: Train | None = None) -> ModuleType:
    """`archdsl.keras`, imported quietly, with the kernels that a recipe asks for.

    Raises:
        ArchError: TensorFlow or Keras is not there.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    kernels.choose(recipe)
    try:
        with _quiet():
            import archdsl.keras as runtime

            _meet_devices()
    except ImportError as error:
        message = f"TensorFlow or Keras cannot be imported: {error}"
        raise fail("ARCH306", message, hint="`pip install tensorflow`, on Python 3.11 to 3.13") from None
    return runtime


def _meet_devices() -> None:
    """Lets TensorFlow look for GPUs, of which it tells as of an error where there are none."""
    import tensorflow

    tensorflow.config.list_physical_devices("GPU")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps stderr silent at the level of the process: TensorFlow's C++ side logs before any setting can stop it."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
