"""What TensorFlow must be told about the processor before it is imported. Imports no framework."""

import os
import sys


def prepare() -> None:
    """Lets TensorFlow use the kernels of oneDNN, unless somebody has decided otherwise.

    TensorFlow uses them by itself only on processors with AVX-512. Elsewhere, too, they are as exact, and a training
    step of a convolutional network takes half to two thirds of the time (`python -m benchmarks --only kernels`).
    """
    if "tensorflow" not in sys.modules:  # else it would hold for child processes alone
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
