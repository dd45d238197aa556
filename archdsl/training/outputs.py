"""Which of a network's outputs tell classes, and whether they fit the data."""

from __future__ import annotations

from typing import Any

import keras

from archdsl.data.dataset import Dataset
from archdsl.errors import fail
from archdsl.recipe import Train
from archdsl.training import compilation


def check(model: keras.Model, dataset: Dataset, recipe: Train) -> tuple[str, ...]:
    """Refuses a network that cannot take the images, or whose outputs do not give one number for each class.

    Returns:
        The names of the outputs that tell classes, the main one first; nothing where the network has one output.

    Raises:
        ArchError: it does not fit (ARCH303).
    """
    shapes = _shapes(model)
    if not shapes:
        compilation.check_fit(model, dataset, dataset.name)
        return ()
    heads = tuple(recipe.loss) if isinstance(recipe.loss, dict) else tuple(shapes)
    classes = len(dataset.classes)
    for head in heads:
        if tuple(shapes[head][1:]) != (classes,):
            shape = "x".join(map(str, shapes[head][1:]))
            message = f"the output `{head}` gives {shape}, and {dataset.name} has {classes} classes"
            hint = "give losses to those outputs alone that tell classes, as `loss: {main: categorical_crossentropy}`"
            raise fail("ARCH303", message, hint=hint)
    compilation.check_images(model, dataset, dataset.name)
    return heads


def _shapes(model: keras.Model) -> dict[str, Any]:
    """The shapes of several outputs by their names."""
    given = model.output_shape
    if isinstance(given, dict):
        return given
    return dict(zip(model.output_names, given, strict=True)) if isinstance(given, list) else {}
