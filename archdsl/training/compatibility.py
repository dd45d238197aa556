"""Checks that a network fits a data set: that it takes the images, and outputs one number per class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from archdsl.data.dataset import Dataset
from archdsl.errors import ArchError, fail
from archdsl.recipe import Train
from archdsl.text import quantity


def check(
    model: keras.Model, dataset: Dataset, recipe: Train, setting: Callable[[int, int], str] = lambda *_: ""
) -> tuple[str, ...]:
    """Check that a network takes the images of a data set and outputs one number per class.

    Args:
        setting: given the number of outputs and of classes, the setting that makes them equal, such as `classes=3`;
            empty if there is none.

    Returns:
        The names of the outputs that classify, the main one first; empty if the network has one output.

    Raises:
        ArchError: the network does not fit the data set (ARCH303).
    """
    classes, output_shape = len(dataset.label.classes), model.output_shape
    if isinstance(output_shape, list):
        output_shape = dict(zip(model.output_names, output_shape, strict=True))
    if not isinstance(output_shape, dict):
        _check_images(model, dataset)
        if not _fits(output_shape, (classes,)):
            raise _wrong_output(model, dataset, setting)
        return ()
    heads = tuple(recipe.loss) if isinstance(recipe.loss, dict) else tuple(output_shape)
    for head in heads:
        if not _fits(output_shape[head], (classes,)):
            message = (
                f"the output `{head}` is {shape_text(output_shape[head])}, but {dataset.name} has {classes} classes"
            )
            fitting = [name for name, shape in output_shape.items() if _fits(shape, (classes,))]
            example = f"`loss: {{{fitting[0]}: categorical_crossentropy}}`" if fitting else ""
            hint = f"give a loss only to the outputs that classify: {example}" if example else ""
            raise fail("ARCH303", message, hint=hint)
    _check_images(model, dataset)
    return heads


def _wrong_output(model: keras.Model, dataset: Dataset, setting: Callable[[int, int], str]) -> ArchError:
    classes, shape = len(dataset.label.classes), model.output_shape
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] is None:
        message = f"expected an output of one number per class ({classes}), got {shape_text(shape)}"
        hint = "archdsl trains image classifiers only: call `archdsl.build`, and train the model with Keras"
        return fail("ARCH303", message, hint=hint)
    message = f"the network has {quantity(shape[1], 'output')}, but {dataset.name} has {classes} classes"
    if found := setting(shape[1], classes):
        return fail("ARCH303", message, hint=f"pass `--set {found}`")
    is_dense = any(isinstance(layer, keras.layers.Dense) and layer.units == shape[1] for layer in model.layers[-2:])
    return fail("ARCH303", message, hint=f"set `units` of the last `dense` to {classes}" if is_dense else "")


def _check_images(model: keras.Model, dataset: Dataset) -> None:
    expected, shape = model.input_shape, dataset.image.shape
    if _fits(expected, shape):
        return
    if not isinstance(expected, tuple):
        raise fail("ARCH303", f"expected one image as input, got {shape_text(expected)}")
    message = f"the network expects images of {shape_text(expected)}, but those of {dataset.name} are "
    hint = f"set the spec's `input` to {list(shape)}, or choose another `source`"
    if len(expected) == 4 and None not in expected[1:] and expected[3] == shape[2]:
        hint = f"to resize the images, add `size: {list(expected[1:3])}` to `data`"
    raise fail("ARCH303", message + shape_text((None, *shape)), hint=hint)


def _fits(expected: Any, shape: tuple[int, ...]) -> bool:
    """Whether a Keras shape, including the batch axis, matches a shape; false for several inputs."""
    if not isinstance(expected, tuple) or len(expected) != len(shape) + 1:
        return False
    return all(side in (None, given) for side, given in zip(expected[1:], shape, strict=True))


def shape_text(shape: Any, each: bool = True) -> str:
    """Format a Keras shape without its batch axis: `32x32x3`, `?x?x3`, or `2 tensors (4, 8x8x3)`.

    Args:
        each: whether to list the shapes of several tensors.
    """
    if isinstance(shape, tuple) and all(side is None or isinstance(side, int) for side in shape):
        return "x".join("?" if side is None else str(side) for side in shape[1:]) or "a number"
    shapes = list(shape.values()) if isinstance(shape, dict) else shape
    return f"{len(shapes)} tensors" + (f" ({', '.join(map(shape_text, shapes))})" if each else "")
