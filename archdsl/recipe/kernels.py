"""Which kernels TensorFlow computes with on a CPU: it must be told before it is imported. Imports no framework."""

import os
import sys

from archdsl.recipe.train import Train

VARIABLE = "TF_ENABLE_ONEDNN_OPTS"
"""TensorFlow's own word for it."""


def choose(recipe: Train | None) -> None:
    """Tells TensorFlow what a recipe's `onednn` says, if it is not imported yet. Who has set the variable is obeyed."""
    if recipe is not None and recipe.onednn != "auto" and "tensorflow" not in sys.modules:
        os.environ.setdefault(VARIABLE, str(int(recipe.onednn)))
