"""Which backend Keras computes with, and what a terminal shows while TensorFlow is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(*words: str, **variables: str) -> str:
    """Stderr of a Python process that fails."""
    environment = {name: value for name, value in os.environ.items() if name not in ("KERAS_BACKEND", "KERAS_HOME")}
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, env={**environment, **variables})
    assert done.returncode != 0
    return done.stderr


def test_another_backend_is_named_before_keras_is_imported() -> None:
    told = run("-m", "archdsl", "build", "digits_resnet", KERAS_BACKEND="torch")
    assert told == (
        "error[ARCH306]: archdsl needs the TensorFlow backend of Keras, got `torch`\n"
        "  help: set KERAS_BACKEND=tensorflow before Keras is imported\n"
    )


def test_the_backend_of_the_settings_file_counts_in_python(tmp_path: Path) -> None:
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    told = run("-c", "import archdsl; archdsl.train('digits_resnet', 'run')", KERAS_HOME=str(tmp_path))
    assert "ARCH306" in told
    assert "got `jax`" in told
    assert told.endswith('or edit "backend" in ~/.keras/keras.json\n')


@pytest.mark.slow
@pytest.mark.tensorflow
def test_a_terminal_shows_at_once_that_tensorflow_is_loading(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    pty = pytest.importorskip("pty")
    terminal, stderr = pty.openpty()
    words = [sys.executable, "-m", "archdsl", "build", "digits_resnet", "--out", str(tmp_path / "built")]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=stderr, text=True)
    os.close(stderr)
    told = os.read(terminal, 10_000).decode()
    os.close(terminal)
    assert done.returncode == 0
    assert "TensorFlow" not in done.stdout
    line = "loading TensorFlow ..."
    assert told.startswith(f"{line}\r{' ' * len(line)}\r")
    assert told.count("loading") == 1
