"""Which backend Keras computes with, found out without importing it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from archdsl.errors import fail


def check() -> None:
    """Check that Keras is to use TensorFlow, with which archdsl trains.

    Raises:
        ArchError: another backend is chosen (ARCH306).
    """
    backend = _loaded() or os.environ.get("KERAS_BACKEND") or _configured()
    if backend != "tensorflow":
        message = f"archdsl needs the TensorFlow backend of Keras, got `{backend}`"
        hint = "set KERAS_BACKEND=tensorflow before Keras is imported"
        if "KERAS_BACKEND" not in os.environ:
            hint += ', or edit "backend" in ~/.keras/keras.json'
        raise fail("ARCH306", message, hint=hint)


def _loaded() -> str:
    keras = sys.modules.get("keras")
    return str(keras.config.backend()) if keras is not None else ""


def _configured() -> str:
    """The backend of Keras's settings file; TensorFlow if there is none."""
    path = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras", "keras.json")
    try:
        return str(json.loads(path.read_text(encoding="utf-8")).get("backend", "tensorflow"))
    except (OSError, ValueError, AttributeError):
        return "tensorflow"
