"""Whether a network fits a data set: takes its images, and gives a number for each of its classes."""

from __future__ import annotations

from typing import Any

import keras

from archdsl.data.dataset import Dataset
from archdsl.errors import fail
from archdsl.recipe import Train


def check(model: keras.Model, dataset: Dataset, recipe: Train) -> tuple[str, ...]:
    """Refuses a network that cannot take the images, or whose outputs do not give one number for each class.

    Returns:
        The names of the outputs that classify, the main one first; empty if the network has one output.

    Raises:
        ArchError: it does not fit (ARCH303).
    """
    classes, output_shape = len(dataset.classes), model.output_shape
    if isinstance(output_shape, list):
        output_shape = dict(zip(model.output_names, output_shape, strict=True))
    if not isinstance(output_shape, dict):
        _check_images(model, dataset)
        if not _fits(output_shape, (classes,)):
            message = f"the network gives {shape_text(output_shape)}, and {dataset.name} has {classes} classes"
            raise fail("ARCH303", message, hint=f"let it end in a dense layer of {classes} units")
        return ()
    heads = tuple(recipe.loss) if isinstance(recipe.loss, dict) else tuple(output_shape)
    for head in heads:
        if tuple(output_shape[head][1:]) != (classes,):
            shape = "x".join(map(str, output_shape[head][1:]))
            message = f"the output `{head}` gives {shape}, and {dataset.name} has {classes} classes"
            hint = "give losses to those outputs alone that tell classes, as `loss: {main: categorical_crossentropy}`"
            raise fail("ARCH303", message, hint=hint)
    _check_images(model, dataset)
    return heads


def _check_images(model: keras.Model, dataset: Dataset) -> None:
    expected, shape = model.input_shape, dataset.image_shape
    if not _fits(expected, shape):
        message = f"the network takes {shape_text(expected)}, and the images of {dataset.name} are "
        message += shape_text((None, *shape))
        raise fail("ARCH303", message, hint="change the spec's `input`, or its `data.source`")


def _fits(expected: Any, shape: tuple[int, ...]) -> bool:
    """Whether a Keras shape, batch axis first, admits a shape; a model of several inputs has no such shape."""
    if not isinstance(expected, tuple) or len(expected) != len(shape) + 1:
        return False
    return all(side in (None, given) for side, given in zip(expected[1:], shape, strict=True))


def shape_text(shape: Any, each: bool = True) -> str:
    """A Keras shape without its batch axis: `32x32x3`, with `?` for an open axis; or `2 tensors (4, 8x8x3)`.

    Args:
        each: whether to list the shapes of several tensors.
    """
    if isinstance(shape, tuple) and all(side is None or isinstance(side, int) for side in shape):
        return "x".join("?" if side is None else str(side) for side in shape[1:]) or "a number"
    shapes = list(shape.values()) if isinstance(shape, dict) else shape
    return f"{len(shapes)} tensors" + (f" ({', '.join(map(shape_text, shapes))})" if each else "")
