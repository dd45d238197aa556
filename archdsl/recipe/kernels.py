"""TensorFlow's choice of CPU kernels, which must be set before it is imported. Imports no framework."""

import os
import sys

from archdsl.recipe.train import Train

VARIABLE = "TF_ENABLE_ONEDNN_OPTS"
"""The environment variable that TensorFlow reads."""


def choose(recipe: Train | None) -> None:
    """Apply the `onednn` of a recipe, unless TensorFlow is already imported or the variable is set."""
    if recipe is not None and recipe.onednn != "auto" and "tensorflow" not in sys.modules:
        os.environ.setdefault(VARIABLE, str(int(recipe.onednn)))
