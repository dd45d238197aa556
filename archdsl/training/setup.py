"""Sets up a training: reads the data, then builds and compiles the network."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from archdsl.analysis.dataflow import Dataflow
from archdsl.data import input_description, pipeline
from archdsl.data.adaptation import class_argument
from archdsl.data.dataset import Dataset, Split, load
from archdsl.data.ports import Ports
from archdsl.data.suggestions import missing_data
from archdsl.errors import fail
from archdsl.graph import Graph
from archdsl.keras import build
from archdsl.keras.runtime import carry_data
from archdsl.recipe import Data, Train
from archdsl.resolution import resolve
from archdsl.resolution.expectations import check_gradients
from archdsl.runs.initial_weights import Start
from archdsl.spec import Spec
from archdsl.training import compilation, evaluation, tf_settings, trained_weights, whitening
from archdsl.training.freezing import Freezing
from archdsl.training.heads import find as find_heads
from archdsl.training.tasks import Head
from archdsl.version import __version__


@dataclass(frozen=True)
class Overrides:
    """The caller's overrides of the spec, and custom Keras objects.

    Attributes:
        arguments: values for the spec's arguments.
        epochs, limit, seed: override the recipe.
        data_dir: the folder of the data.
        callbacks, metrics: in addition to those of the recipe.
        loss, optimizer: override the recipe.
        skip_broken: whether to leave out examples that cannot be read, if the recipe does not.
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
    skip_broken: bool = False

    @property
    def own(self) -> list[str]:
        """The names of the custom objects that the training depends on."""
        return [name for name in ("loss", "optimizer") if getattr(self, name) is not None]


@dataclass(frozen=True)
class PreparedTraining:
    """A training that is ready to start: the network is compiled and fits the data.

    Attributes:
        steps: the number of batches per epoch.
        heads: the outputs that are trained, the main one first.
        freezing: the weights that are frozen, and when.
        start: where the weights come from, and which of them are trained.
    """

    spec: Spec
    graph: Graph
    source: Data
    recipe: Train
    dataset: Dataset
    model: keras.Model
    steps: int
    heads: tuple[Head, ...]
    overrides: Overrides
    freezing: Freezing
    start: Start

    @property
    def head(self) -> Head:
        """The main output, whose score determines the best epoch."""
        return self.heads[0]

    @property
    def streamed_bytes(self) -> int | None:
        """The most bytes that streamed examples take; None if they are not streamed."""
        return pipeline.streamed_bytes(self.dataset, self.source) if self.dataset.is_streamed else None

    def training_batches(self, first: int = 0) -> tf.data.Dataset:
        """Endless training batches, starting at an epoch."""
        encodings = compilation.encodings(self.recipe, self.heads)
        batches = pipeline.training_batches(self.dataset, self.source, self.recipe.seed, encodings, first=first)
        return self._for_heads(batches)

    def evaluation_batches(self, split: Split) -> tf.data.Dataset:
        """The batches of a split, once."""
        encodings = compilation.encodings(self.recipe, self.heads)
        return self._for_heads(pipeline.evaluation_batches(split, self.dataset, self.source, encodings))

    def _for_heads(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Pass the target of each head to its output."""
        if not self.head.output:
            return batches

        def of_heads(targets: Any) -> dict[str, Any]:
            by_column = targets if isinstance(targets, dict) else {self.head.column: targets}
            return {head.output: by_column[head.column] for head in self.heads}

        return batches.map(lambda inputs, targets, *more: (inputs, of_heads(targets), *more))


def prepare(spec: Spec, overrides: Overrides, copies_weights: bool = True) -> PreparedTraining:
    """Read the data, then build and compile the network.

    Args:
        copies_weights: whether to copy the trained weights that the recipe starts from; otherwise, a checkpoint has
            all weights.

    Raises:
        ArchError: the spec has no data (ARCH006), its kernels cannot train it (ARCH020), an option is out of range
            (ARCH203), the data is missing, broken or unsuitable (ARCH301 to ARCH303), or Keras rejects the recipe
            (ARCH401).
    """
    source, recipe = effective_recipe(spec, overrides.epochs, overrides.seed, overrides.arguments)
    source = skipping(source, overrides.skip_broken)
    tf_settings.check_kernels(recipe.onednn)
    graph = resolve(spec, **overrides.arguments)
    check_gradients(spec, graph)
    dataset = load(source, overrides.data_dir, overrides.limit, ports=Ports.of(graph), recipe=recipe)
    if dataset.image_name is not None:
        evaluation.check_views(recipe.test_time, dataset.image.shape)
    trained = None
    if recipe.weights is not None and copies_weights:
        trained = trained_weights.open_weights(spec, recipe.weights, overrides.arguments)
    # After the trained network was built: what is new has the same weights as without it.
    keras.utils.set_random_seed(recipe.seed)
    with tf_settings.precision(recipe.precision):
        model = build(spec, **overrides.arguments)
    copied = None
    if trained is not None:
        with trained_weights.located(spec):
            copied = trained.copy_into(model)
    heads = find_heads(model, dataset, source, recipe, partial(_setting, spec, overrides.arguments), spec.places)
    _check_ranges(graph, heads)
    test_time = recipe.test_time.model_dump() if recipe.test_time else None
    described = compilation.described_heads(recipe, model, heads)
    carry_data(model, input_description.describe(dataset, dataset.name, test_time, heads[0].output, described))
    steps = pipeline.steps(dataset.train, source)
    _compile(model, graph, recipe, heads, source, steps, overrides)
    if recipe.whiten:
        whitening.whiten(model, recipe.whiten, dataset)
    freezing = Freezing(model, recipe, partial(_later_optimizer, model, recipe, steps, overrides))
    freezing.freeze()
    new = copied.new if copied else [path for path, _ in graph.weights()]
    start = Start(copied, freezing.after, freezing.parts(graph, recipe, frozenset(new)))
    prepared = PreparedTraining(spec, graph, source, recipe, dataset, model, steps, heads, overrides, freezing, start)
    # Building the optimizer during the first step would trace that step twice.
    model.optimizer.build(model.trainable_variables)
    return prepared


def _check_ranges(graph: Graph, heads: Sequence[Head]) -> None:
    """Raise an error if an output cannot be any number, as standardized numbers are (ARCH303)."""
    ranges = Dataflow(graph).outputs
    for head in heads:
        of_output = ranges[head.output or next(iter(ranges))].range
        if head.numbers is None or not head.numbers.standardize or of_output == (None, None):
            continue
        limit = "is never negative" if of_output.least == 0 else f"is at most {of_output.most:g}"
        subject = f"the output `{head.output}`" if head.output else "the network's output"
        message = f"{subject} {limit}, but `{head.column}` is standardized and has values on both sides of 0"
        hint = "remove the last activation, or set `standardize_targets: false` in `data`"
        raise fail("ARCH303", message, hint=hint)


def effective_recipe(
    spec: Spec, epochs: int | None = None, seed: int | None = None, arguments: Mapping[str, Any] | None = None
) -> tuple[Data, Train]:
    """The spec's `data` and `train` with overrides; a spec without `train` gets the defaults.

    Args:
        epochs, seed: override those of `train`.
        arguments: values for the spec's arguments.

    Raises:
        ArchError: the spec has no `data` (ARCH006), or an option is out of range (ARCH203).
    """
    if spec.data is None:
        raise missing_data(resolve(spec, **(arguments or {})))
    if epochs is not None and epochs < 1:
        raise fail("ARCH203", f"expected at least 1 epoch, got {epochs}")
    if seed is not None and not 0 <= seed < 2**32:
        raise fail("ARCH203", f"expected a seed from 0 to {2**32 - 1}, got {seed}")
    overrides = {name: value for name, value in (("epochs", epochs), ("seed", seed)) if value is not None}
    return spec.data, (spec.train or Train()).model_copy(update=overrides)


def skipping(source: Data, skip_broken: bool) -> Data:
    """The recipe that leaves out examples that cannot be read, if asked to."""
    return source.model_copy(update={"broken": "skip"}) if skip_broken and source.broken == "error" else source


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that affect the results."""
    of_modules = {module.__name__: module.__version__ for module in (keras, tf, np)}
    return {"python": platform.python_version(), "archdsl": __version__, **of_modules}


def _setting(spec: Spec, arguments: Mapping[str, Any], outputs: int, classes: int) -> str:
    """The setting of one argument, such as `classes=3`, that gives the network one output per class."""
    name = class_argument(spec, arguments, outputs, classes)
    return f"{name}={classes}" if name else ""


def _later_optimizer(model: keras.Model, recipe: Train, steps: int, overrides: Overrides, epochs: int) -> Any:
    """A new optimizer for the weights that are trainable after a number of epochs."""
    own = overrides.optimizer
    if own is not None:
        optimizer = type(own).from_config(own.get_config())
    else:
        optimizer = compilation.make_optimizer(recipe, model, recipe.epochs, steps)
    compilation.continue_schedule(optimizer, epochs * steps)
    return optimizer


def _compile(
    model: keras.Model,
    graph: Graph,
    recipe: Train,
    heads: Sequence[Head],
    source: Data,
    steps: int,
    overrides: Overrides,
) -> None:
    requested = recipe.steps_per_execution
    if isinstance(requested, int) and steps % requested:
        divisors = [k for k in range(1, min(steps, 2 * requested) + 1) if steps % k == 0]
        message = f"`steps_per_execution: {requested}` does not divide an epoch of {steps} steps"
        raise fail("ARCH303", message, hint=f"set it to `auto` or to one of {', '.join(map(str, divisors[-6:]))}")
    # A forward pass takes two operations per multiply-accumulate, and a backward pass twice as many.
    operations = 6.0 * graph.totals.macs * source.batch_size
    every = recipe.lookahead.every if recipe.lookahead else 0
    # Custom callbacks may act at each step.
    auto = 1 if overrides.callbacks else tf_settings.steps_per_execution(steps, operations, every)
    compilation.compile_model(
        model,
        recipe,
        heads,
        recipe.epochs,
        steps,
        optimizer=overrides.optimizer,
        loss=overrides.loss,
        metrics=overrides.metrics,
        steps_per_execution=auto,
    )
