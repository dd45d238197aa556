"""Imports TensorFlow and Keras quietly, for the commands that need them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from archdsl.errors import fail
from archdsl.recipe import Train, keras_backend, kernels
from archdsl.text import Styled


def load_keras(recipe: Train | None = None) -> ModuleType:
    """Import `archdsl.keras` quietly, with the kernels that a recipe asks for.

    Raises:
        ArchError: TensorFlow or Keras cannot be imported.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    keras_backend.check()
    kernels.choose(recipe)
    try:
        with _loading_shown(), _quiet():
            import archdsl.keras as runtime

            _meet_devices()
    except ImportError as error:
        message = f"cannot import TensorFlow or Keras: {error}"
        raise fail("ARCH306", message, hint="run `pip install tensorflow` with Python 3.11 to 3.13") from None
    return runtime


def _meet_devices() -> None:
    """Let TensorFlow look for GPUs; without any, it logs an error."""
    import tensorflow

    tensorflow.config.list_physical_devices("GPU")


@contextmanager
def _loading_shown() -> Iterator[None]:
    """Shows in a terminal that TensorFlow is being imported, which takes seconds; the line is erased afterwards."""
    line = "loading TensorFlow ..."
    if "tensorflow" in sys.modules or not sys.stderr.isatty():
        yield
        return
    sys.stderr.write(line)
    sys.stderr.flush()
    try:
        yield
    finally:
        sys.stderr.write(Styled(f"\r{' ' * len(line)}\r"))
        sys.stderr.flush()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence stderr of the process: the C++ side of TensorFlow logs before any setting can stop it."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
