"""Runs a few training steps and reports the expected time and memory, without writing anything."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from archdsl.analysis.measures import PRECISIONS, measure
from archdsl.data import pipeline
from archdsl.errors import Problem, fail
from archdsl.runs.initial_weights import Start
from archdsl.spec import Spec
from archdsl.text import quantity
from archdsl.training import tf_settings, traps
from archdsl.training.setup import Overrides, PreparedTraining, effective_recipe, prepare

TIMED = 3.0
"""Seconds for timing steps; at least one step is timed."""


@dataclass(frozen=True, slots=True)
class DryRunReport:
    """The plan of a training and its cost: times in seconds, memory in bytes.

    Attributes:
        onednn: whether TensorFlow uses oneDNN kernels on a CPU.
        learning_rate: the `first`, `largest` and `last` learning rate.
        weight_bytes: the memory of weights and optimizer variables.
        data_bytes: the memory of the examples, or the most that they take if they are streamed.
        activation_bytes: a lower bound on the memory of activations saved for the backward pass of a batch.
        seconds: the time of all epochs, including validation.
        warnings: what is likely to ruin the training.
        start: where the weights come from, and which of them are trained; None if all are new, and trained alike.
    """

    spec: str
    out: str
    source: str
    origin: str
    images: dict[str, int]
    classes: int
    batch_size: int
    epochs: int
    steps: int
    steps_per_execution: int
    jit_compile: bool
    onednn: bool
    precision: str
    optimizer: str
    learning_rate: dict[str, float]
    loss: float
    parameters: int
    trainable: int
    weight_bytes: int
    activation_bytes: int | None
    data_bytes: int
    streamed: bool
    preparing_seconds: float
    first_step_seconds: float
    step_seconds: float
    validation_step_seconds: float | None
    seconds: float
    warnings: tuple[Problem, ...]
    start: Start | None


def try_training(spec: Spec, out: Path, overrides: Overrides) -> DryRunReport:
    """Read the data, build the network, and run a few training and validation steps.

    Raises:
        ArchError: as in `train`, or the first loss is not finite (ARCH401).
    """
    _, recipe = effective_recipe(spec, overrides.epochs, overrides.seed, overrides.arguments)
    began = time.perf_counter()
    with tf_settings.determinism(recipe.deterministic):
        prepared = prepare(spec, overrides)
        preparing = time.perf_counter() - began
        found = traps.find(prepared)
        with pipeline.data_errors(prepared.dataset):
            first, step, loss, diverged = _time_training(prepared)
            validation = _time_validation(prepared)
    dataset, recipe, model, own = prepared.dataset, prepared.recipe, prepared.model, overrides.optimizer
    batch = prepared.source.batch_size
    validation_steps = -(-len(dataset.validation) // batch)
    epoch_seconds = prepared.steps * step + validation_steps * (validation or 0.0)
    variables = [*model.variables, *model.optimizer.variables]
    known = recipe.precision in PRECISIONS
    activations = measure(prepared.graph, batch, recipe.precision).kept_bytes if known else None
    return DryRunReport(
        spec=prepared.spec.name,
        out=str(out),
        source=dataset.name,
        origin=dataset.origin,
        images={name: len(split) for name, split in dataset.splits.items()},
        classes=len(dataset.label.classes) if dataset.class_name is not None else 0,
        batch_size=batch,
        epochs=recipe.epochs,
        steps=prepared.steps,
        steps_per_execution=model.steps_per_execution,
        jit_compile=bool(model.jit_compile),
        onednn=tf_settings.onednn(),
        precision=recipe.precision,
        optimizer=recipe.optimizer.word if own is None else type(own).__name__,
        learning_rate=_rates(model.optimizer, recipe.epochs * prepared.steps),
        loss=loss,
        parameters=model.count_params(),
        trainable=sum(int(np.prod(weight.shape)) for weight in model.trainable_variables),
        weight_bytes=sum(int(np.prod(each.shape)) * tf.as_dtype(each.dtype).size for each in variables),
        activation_bytes=activations,
        data_bytes=prepared.streamed_bytes or sum(map(len, dataset.splits.values())) * dataset.example_bytes,
        streamed=dataset.is_streamed,
        preparing_seconds=round(preparing, 3),
        first_step_seconds=round(first, 3),
        step_seconds=step,
        validation_step_seconds=validation,
        seconds=first + recipe.epochs * epoch_seconds,
        warnings=(*found, *([diverged] if diverged else [])),
        start=None if prepared.start.is_plain else prepared.start,
    )


def _time_training(prepared: PreparedTraining) -> tuple[float, float, float, Problem | None]:
    """Measure the seconds of the first execution and of a later step, and the first loss.

    The last value is a warning if the loss of the last of these steps is far above the first.
    """
    model, together = prepared.model, prepared.model.steps_per_execution
    batches = iter(prepared.training_batches())
    model.make_train_function()
    began = time.perf_counter()
    loss = float(model.train_function(batches)["loss"])
    first = time.perf_counter() - began
    if not np.isfinite(loss):
        raise fail(
            "ARCH401", f"the loss of the first step is {loss}", hint="check the loss and the scaling of the images"
        )
    times: list[float] = []
    last = loss
    while not times or (sum(times) < TIMED and len(times) < 20):
        began = time.perf_counter()
        last = float(model.train_function(batches)["loss"])
        times.append(time.perf_counter() - began)
    after = f"after {quantity((1 + len(times)) * together, 'step')}"
    diverged = traps.diverged(last, loss, float(model.optimizer.learning_rate), after)
    return first, float(np.median(times)) / together, loss, diverged


def _time_validation(prepared: PreparedTraining) -> float | None:
    """Measure the seconds of a validation step; None without a validation split."""
    if not len(prepared.dataset.validation):
        return None
    model = prepared.model
    batches = prepared.evaluation_batches(prepared.dataset.validation).repeat()
    model.make_test_function()
    model.test_function(iter(batches))
    iterator = iter(batches)
    began = time.perf_counter()
    float(model.test_function(iterator)["loss"])
    return (time.perf_counter() - began) / int(model.steps_per_execution)


def _rates(optimizer: Any, steps: int) -> dict[str, float]:
    """The learning rate of the first step, the largest one, and that of the last step."""
    schedule = getattr(getattr(optimizer, "inner_optimizer", optimizer), "_learning_rate", None)
    if not callable(schedule):
        rate = float(optimizer.learning_rate.numpy())
        return {"first": rate, "largest": rate, "last": rate}

    def rates_of(steps: tf.Tensor) -> tf.Tensor:
        return tf.map_fn(lambda step: tf.cast(schedule(step), tf.float32), steps, fn_output_signature=tf.float32)

    rates = tf.function(rates_of)(tf.range(steps, dtype=tf.int64)).numpy()
    return {"first": float(rates[0]), "largest": float(rates.max()), "last": float(rates[-1])}
