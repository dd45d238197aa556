"""Finds the outputs of a network that are trained, and checks that the network fits the data set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from archdsl.data.dataset import Dataset
from archdsl.data.inputs import ImageInput
from archdsl.data.targets import NumberTarget
from archdsl.errors import ArchError, fail
from archdsl.recipe import Data, Train
from archdsl.training.tasks import task_of
from archdsl.training.tasks.base import Head
from archdsl.training.tasks.shapes import fits, output_shapes, shape_text


def find(
    model: keras.Model, dataset: Dataset, data: Data, recipe: Train, setting: Callable[[int, int], str] = lambda *_: ""
) -> tuple[Head, ...]:
    """Find the outputs that are trained, the main one first, and check that the network fits the data set.

    Args:
        setting: as in `Task.check`.

    Raises:
        ArchError: the network does not fit the data set (ARCH303).
    """
    outputs = recipe.loss if isinstance(recipe.loss, dict) else output_shapes(model)
    columns = data.targets if isinstance(data.targets, dict) else {}
    shapes = output_shapes(model)
    heads = tuple(_head(output, columns.get(output, output), shapes[output], dataset) for output in outputs)
    _check_inputs(model, dataset)
    for head in heads:
        head.task.check(model, head.output, head.column, dataset, setting)
    return heads


def _head(output: str, column: str, shape: Any, dataset: Dataset) -> Head:
    """The head of an output: it predicts a column, or the only target."""
    column = column if column in dataset.targets else next(iter(dataset.targets))
    target = dataset.targets[column]
    numbers = target if isinstance(target, NumberTarget) else None
    return Head(output, column, task_of(target, shape), len(getattr(target, "classes", ())), numbers)


def _check_inputs(model: keras.Model, dataset: Dataset) -> None:
    by_name = {tensor.name: tuple(tensor.shape) for tensor in model.inputs}
    for name, each in dataset.inputs.items():
        shape = by_name[name] if name else model.input_shape
        if not fits(shape, each.made_shape):
            if isinstance(each, ImageInput):
                raise _wrong_images(shape, each.shape, dataset)
            subject = f"the input `{name}`" if name else "the network"
            message = (
                f"{subject} takes {shape_text(shape)}, but the columns make {shape_text((None, *each.made_shape))}"
            )
            raise fail("ARCH303", message, hint=f"set the spec's `input` to {list(each.made_shape)}")


def _wrong_images(expected: Any, shape: tuple[int, int, int], dataset: Dataset) -> ArchError:
    if not isinstance(expected, tuple):
        return fail("ARCH303", f"expected one image as input, got {shape_text(expected)}")
    message = f"the network expects images of {shape_text(expected)}, but those of {dataset.name} are "
    hint = f"set the spec's `input` to {list(shape)}, or choose another `source`"
    if len(expected) == 4 and None not in expected[1:] and expected[3] == shape[2]:
        hint = f"to resize the images, add `size: {list(expected[1:3])}` to `data`"
    return fail("ARCH303", message + shape_text((None, *shape)), hint=hint)
