"""From a spec to all that a training needs: the recipe, the data, the compiled network, and how it is run."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import archdsl.keras as runtime
from archdsl.data import dataset as data
from archdsl.data import input_description, pipeline
from archdsl.data.dataset import Dataset, Split
from archdsl.errors import fail
from archdsl.graph import Graph
from archdsl.keras.runtime import carry_data
from archdsl.recipe import Data, Train
from archdsl.resolution import resolve
from archdsl.resolution.expectations import check_gradients
from archdsl.spec import Spec
from archdsl.training import compilation, evaluation, outputs, tf_settings, whitening
from archdsl.version import __version__


@dataclass(frozen=True)
class Wishes:
    """What the caller wants otherwise than the spec says, and the caller's own Keras objects.

    Args:
        arguments: values for the spec's own arguments.
        epochs, limit, seed: instead of the recipe's.
        data_dir: where the data is.
        callbacks, metrics: beside the recipe's.
        loss, optimizer: instead of the recipe's.
    """

    arguments: Mapping[str, Any] = field(default_factory=dict)
    epochs: int | None = None
    limit: int | None = None
    data_dir: Path | None = None
    seed: int | None = None
    callbacks: Sequence[Any] = ()
    metrics: Sequence[Any] = ()
    loss: Any = None
    optimizer: Any = None

    @property
    def own(self) -> list[str]:
        """The names of the caller's own objects without which the training would be another."""
        given = {"loss": self.loss is not None, "optimizer": self.optimizer is not None}
        return [name for name, there in given.items() if there]


@dataclass(frozen=True)
class Prepared:
    """A training that may begin: the network is built and compiled, and everything is known to fit.

    `steps` is the number of batches in an epoch, `heads` the names of the outputs that tell classes, or nothing where
    the network has one output.
    """

    spec: Spec
    graph: Graph
    source: Data
    recipe: Train
    dataset: Dataset
    model: keras.Model
    steps: int
    heads: tuple[str, ...]
    wishes: Wishes

    @property
    def head(self) -> str:
        """The output whose accuracy counts, or nothing where there is but one."""
        return self.heads[0] if self.heads else ""

    def training_batches(self, first: int = 0) -> tf.data.Dataset:
        """The batches of training from the start of an epoch on, without end."""
        one_hot = compilation.one_hot(self.recipe)
        batches = pipeline.training_batches(self.dataset, self.source, self.recipe.seed, one_hot, first=first)
        return self._for_heads(batches)

    def evaluation_batches(self, part: Split) -> tf.data.Dataset:
        """The batches of another part, once."""
        one_hot = compilation.one_hot(self.recipe)
        return self._for_heads(pipeline.evaluation_batches(part, self.dataset, self.source, one_hot))

    def _for_heads(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """The labels, told to each output that wants them."""
        if not self.heads:
            return batches
        return batches.map(lambda images, labels, *more: (images, dict.fromkeys(self.heads, labels), *more))


def prepare(spec: Spec, wishes: Wishes) -> Prepared:
    """Reads the data, builds the network and compiles it.

    Raises:
        ArchError: the spec has no data (ARCH006), its kernels cannot train it (ARCH020), an option is out of its range
            (ARCH203), the data is not there, broken or unfit (ARCH301 to ARCH303), or Keras refuses the recipe
            (ARCH401).
    """
    source, recipe = recipe_of(spec, wishes.epochs, wishes.seed)
    tf_settings.check_kernels(recipe.onednn)
    graph = resolve(spec, **wishes.arguments)
    check_gradients(spec, graph)
    dataset = data.load(source, wishes.data_dir, wishes.limit, shape=graph.input if len(graph.input) == 3 else None)
    evaluation.check_views(recipe.test_time, dataset.image_shape)
    keras.utils.set_random_seed(recipe.seed)
    with tf_settings.precision(recipe.precision):
        model = runtime.build(spec, **wishes.arguments)
    heads = outputs.check(model, dataset, recipe)
    test_time = recipe.test_time.model_dump() if recipe.test_time else None
    carried = input_description.describe(dataset, dataset.name, test_time, heads[0] if heads else "")
    carry_data(model, carried)
    steps = pipeline.steps(dataset.train, source)
    _compile(model, graph, recipe, source, steps, wishes)
    prepared = Prepared(spec, graph, source, recipe, dataset, model, steps, heads, wishes)
    if recipe.whiten:
        whitening.whiten(model, recipe.whiten, dataset)
    # An optimizer that is built during the first step has that step traced twice.
    model.optimizer.build(model.trainable_variables)
    return prepared


def recipe_of(spec: Spec, epochs: int | None = None, seed: int | None = None) -> tuple[Data, Train]:
    """A spec's `data` and `train`, with what the caller wants otherwise; a spec without `train` gets the defaults.

    Raises:
        ArchError: the spec has no `data` (ARCH006), or an option is out of its range (ARCH203).
    """
    if spec.data is None:
        hint = "such as `data: {source: digits}`"
        raise fail("ARCH006", f"{spec.name} has no `data`, so that there is nothing to train on", hint=hint)
    if epochs is not None and epochs < 1:
        raise fail("ARCH203", f"{epochs} epochs cannot be trained: there must be 1 or more")
    if seed is not None and not 0 <= seed < 2**32:
        raise fail("ARCH203", f"the seed {seed} is out of range: from 0 to {2**32 - 1}")
    given = {name: value for name, value in (("epochs", epochs), ("seed", seed)) if value is not None}
    return spec.data, (spec.train or Train()).model_copy(update=given)


def versions() -> dict[str, str]:
    """The versions of what a run's numbers depend on."""
    used = {"keras": keras, "tensorflow": tf, "numpy": np}
    versions = {name: module.__version__ for name, module in used.items()}
    return {"python": platform.python_version(), "archdsl": __version__, **versions}


def _compile(model: keras.Model, graph: Graph, recipe: Train, source: Data, steps: int, wishes: Wishes) -> None:
    wanted = recipe.steps_per_execution
    if isinstance(wanted, int) and steps % wanted:
        divisors = [k for k in range(1, min(steps, 2 * wanted) + 1) if steps % k == 0]
        message = f"an epoch has {steps} steps, which executions of {wanted} would run over"
        raise fail("ARCH303", message, hint=f"`auto`, or one of {', '.join(map(str, divisors[-6:]))}")
    # A forward pass takes two operations for each multiply-accumulate, and a backward pass twice as many.
    work = 6.0 * graph.totals.macs * source.batch_size
    every = recipe.lookahead.every if recipe.lookahead else 0
    # A user's callbacks may look at each step.
    auto = 1 if wishes.callbacks else tf_settings.steps_per_execution(steps, work, every)
    compilation.compile_model(
        model,
        recipe,
        recipe.epochs,
        steps,
        optimizer=wishes.optimizer,
        loss=wishes.loss,
        metrics=wishes.metrics,
        steps_per_execution=auto,
    )
