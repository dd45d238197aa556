"""Finds the outputs of a network that are trained, and checks that the network fits the data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import keras

from archdsl.data.dataset import Dataset
from archdsl.data.inputs import ImageInput
from archdsl.data.targets import TARGETS, NumberTarget
from archdsl.data.targets.kinds import MOST_CLASSES
from archdsl.errors import ArchError, Problems, Span, fail
from archdsl.recipe import TASKS, Data, Train
from archdsl.recipe.base import Conflict
from archdsl.recipe.train import mixes_labels, needs_one_hot
from archdsl.training.compilation import fits_metric, loss_of
from archdsl.training.tasks import task_named, task_of
from archdsl.training.tasks.base import Head
from archdsl.training.tasks.shapes import fits, output_shapes, shape_text

PLURALS = {
    "class": "classes",
    "image": "images",
    "mask": "masks",
    "number": "numbers",
    "tags": "tags",
    "tokens": "tokens",
}
"""The values of each kind of target."""


def find(
    model: keras.Model,
    dataset: Dataset,
    data: Data,
    recipe: Train,
    setting: Callable[[int, int], str] = lambda *_: "",
    places: Mapping[str, Span] = MappingProxyType({}),
) -> tuple[Head, ...]:
    """Find the outputs that are trained, the main one first, and check that the network fits the data set.

    Args:
        setting: as in `Task.check`.
        places: the places of the values of the recipe, see `Spec`.

    Raises:
        ArchError: the network does not fit the data set, or the recipe does not fit what it predicts (ARCH303).
    """
    columns = data.targets if isinstance(data.targets, dict) else {}
    shapes = output_shapes(model)
    outputs = list(recipe.loss if isinstance(recipe.loss, dict) else shapes)
    outputs.sort(key=lambda output: output != recipe.monitor)
    _check_columns(outputs, data, dataset, places)
    heads = tuple(_head(output, columns.get(output, output), shapes[output], dataset, recipe) for output in outputs)
    _check_inputs(model, dataset, places)
    for head in heads:
        place = places.get(f"train.task.{head.output}", places.get("train.task"))
        _check_column(head, dataset, place)
        try:
            head.task.check(model, head.output, head.column, dataset, setting)
        except ArchError as error:
            place = place or places.get(f"data.targets.{head.output}", places.get("data.targets"))
            raise _located(error, head, recipe, place) from None
    _check_recipe(heads, data, recipe, places)
    return heads


def _check_columns(outputs: Sequence[str], data: Data, dataset: Dataset, places: Mapping[str, Span]) -> None:
    """Check that each output that is trained has a column. Of a single target, all outputs may be predictions."""
    named = data.targets if isinstance(data.targets, dict) else {}
    known = {*named, *dataset.targets}
    lacking = [output for output in outputs if output and output not in known]
    if lacking and (named.keys() & {*outputs} or len(dataset.targets) > 1):
        message = f"the output `{lacking[0]}` has no column in `data.targets`"
        hint = f"add `{lacking[0]}: COLUMN`, or remove `{lacking[0]}` from `outputs`"
        raise fail("ARCH303", message, places.get("data.targets"), hint)


def _head(output: str, column: str, shape: Any, dataset: Dataset, recipe: Train) -> Head:
    """The head of an output: it predicts a column, or the only target."""
    column = column if column in dataset.targets else next(iter(dataset.targets))
    target, word = dataset.targets[column], recipe.task_of(output)
    task = task_of(target, shape) if word is None else task_named(word)
    numbers = target if isinstance(target, NumberTarget) else None
    return Head(output, column, task, len(getattr(target, "classes", ())), numbers)


def _check_column(head: Head, dataset: Dataset, place: Span | None) -> None:
    """Check that a column is of the kind that the task of the recipe predicts."""
    target = dataset.targets[head.column]
    if isinstance(target, head.task.target):
        return
    kind = next(kind for kind, of_kind in TARGETS.items() if isinstance(target, of_kind))
    message = f"`task: {head.task.word}` predicts {PLURALS[head.task.facts.target]}"
    message += f", but the column `{head.column}` has {PLURALS[kind]}"
    fitting = [f"`{word}`" for word, task in TASKS.items() if task.target == kind]
    hint = f"use {' or '.join(fitting)}, or predict another column"
    if (kind, head.task.facts.target) == ("number", "class"):
        hint = f"only whole numbers of 2 to {MOST_CLASSES:,} values can be classes: use `regression`"
    raise fail("ARCH303", message, place, hint)


def _located(error: ArchError, head: Head, recipe: Train, place: Span | None) -> ArchError:
    """Locate the error of an output at its `task`, or else at its column, if the recipe has them."""
    (problem,) = error.problems
    because = "" if recipe.task_of(head.output) is None else f"`task: {head.task.word}`: "
    return ArchError(replace(problem, message=because + problem.message, span=place))


def _check_recipe(heads: Sequence[Head], data: Data, recipe: Train, places: Mapping[str, Span]) -> None:
    """Check what depends on the losses of the tasks, which are known only with the data."""
    problems = Problems()

    def add(conflict: Conflict, section: str = "") -> None:
        place = section + ".".join(map(str, conflict.place))
        problems.add(
            "ARCH303", conflict.message, places.get(place, places.get(place.rpartition(".")[0])), conflict.hint
        )

    losses = [loss_of(recipe, head) for head in heads]
    if recipe.label_smoothing and not any(loss.takes("label_smoothing") for loss in losses):
        add(recipe.no_smoothing(), "train.")
    sparse = [loss.word for loss in losses if loss.sparse]
    if data.mixes and sparse:
        add(mixes_labels(data, sparse[0]))
    for number, metric in enumerate(recipe.metrics):
        fitting = [head for head in heads if fits_metric(head, metric)]
        if not fitting:
            message = f"the metric `{metric.word}` does not judge the task `{heads[0].task.word}`"
            add(Conflict(message, ("metrics", number), "remove it, or set `task`"), "train.")
        for head in fitting:
            if head.task.encoding(loss_of(recipe, head)) == "ids" and head.classes and not metric.takes_ids:
                add(needs_one_hot(number, metric, loss_of(recipe, head)), "train.")
    problems.stop()


def _check_inputs(model: keras.Model, dataset: Dataset, places: Mapping[str, Span]) -> None:
    by_name = {tensor.name: tuple(tensor.shape) for tensor in model.inputs}
    for name, each in dataset.inputs.items():
        shape = by_name[name] if name else model.input_shape
        if not fits(shape, each.made_shape):
            if isinstance(each, ImageInput):
                raise _wrong_images(shape, each.shape, dataset)
            subject = f"the input `{name}`" if name else "the network"
            made = "the columns make" if len(each.needs) > 1 else f"the column `{next(iter(each.needs))}` is"
            message = f"{subject} takes {shape_text(shape)}, but {made} {shape_text((None, *each.made_shape))}"
            place = places.get(f"data.inputs.{name}", places.get("data.inputs"))
            hint = f"set the input `{name}` to" if name else "set the spec's `input` to"
            raise fail("ARCH303", message, place, f"{hint} {list(each.made_shape)}")


def _wrong_images(expected: Any, shape: tuple[int, int, int], dataset: Dataset) -> ArchError:
    if not isinstance(expected, tuple):
        return fail("ARCH303", f"expected one image as input, got {shape_text(expected)}")
    message = f"the network expects images of {shape_text(expected)}, but those of {dataset.name} are "
    hint = f"set the spec's `input` to {list(shape)}, or choose another `source`"
    if len(expected) == 4 and None not in expected[1:] and expected[3] == shape[2]:
        hint = f"to resize the images, add `size: {list(expected[1:3])}` to `data`"
    return fail("ARCH303", message + shape_text((None, *shape)), hint=hint)
