"""Trains a spec's network into a run folder, resumes such a run, and evaluates the network in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from archdsl.data.dataset import Statistics, limited, load
from archdsl.errors import fail
from archdsl.keras import load_model
from archdsl.keras.runtime import carried_data
from archdsl.limits import DEFAULTS, Limits
from archdsl.parsing.stored import unreadable
from archdsl.runs import folder, lock, trackers
from archdsl.runs.folder import Result
from archdsl.spec import Spec
from archdsl.text import percent, quantity
from archdsl.training import checkpoints, compatibility, compilation, evaluation, tf_settings
from archdsl.training.checkpoints import TrainingState
from archdsl.training.evaluation import Evaluation
from archdsl.training.loop import TrainingLoop
from archdsl.training.setup import Overrides, PreparedTraining, effective_recipe, prepare, versions

__all__ = ["Evaluation", "Result", "evaluate", "resume", "train"]


def train(
    spec: Spec,
    out: Path,
    *,
    arguments: Mapping[str, Any] | None = None,
    epochs: int | None = None,
    limit: int | None = None,
    data_dir: Path | None = None,
    seed: int | None = None,
    callbacks: Sequence[Any] = (),
    metrics: Sequence[Any] = (),
    loss: Any = None,
    optimizer: Any = None,
    log: Sequence[str] = (),
    command: str = "",
) -> Result:
    """Trains a spec's network by its recipe, into the run folder `out`.

    One process at a time writes there. If the data or the network is not good, nothing is left of the folder. It holds
    `spec.yaml`, `model.keras` (the best epoch on the validation part, or the last), `log.csv` and `log.jsonl`,
    pictures, a card, and `run.json`.

    Args:
        arguments: values for the spec's own arguments.
        epochs: instead of the recipe's.
        limit: train on so many images only; the test set stays whole.
        data_dir: where the data is (see `archdsl.data.dataset.load`).
        seed: instead of the recipe's. It decides the first weights, the order of the images and their augmentation.
        callbacks: Keras callbacks of your own, in addition to those of the run.
        metrics: Keras metrics of your own, in addition to the recipe's.
        loss: a Keras loss of your own, instead of the recipe's.
        optimizer: a Keras optimizer of your own, instead of the recipe's.
        log: where else to log the run: `tensorboard`, `mlflow`, `wandb`.
        command: what repeats the run, for its card.

    Raises:
        ArchError: `out` is taken or in use (ARCH202) or cannot be written (ARCH304), the data is not there, broken or
            unfit (ARCH301 to ARCH303), or training went wrong or was interrupted (ARCH401).
    """
    overrides = Overrides(arguments or {}, epochs, limit, data_dir, seed, callbacks, metrics, loss, optimizer)
    _, recipe = effective_recipe(spec, epochs, seed, arguments)
    out = Path(out)
    with lock.new_run(out), tf_settings.determinism(recipe.deterministic):
        prepared = prepare(spec, overrides)
        result = initial_result(prepared, command)
        started = trackers.start(log, out, result)
        folder.create(out, spec.text)
        result.write(out)
        return TrainingLoop(out, result, prepared, started).train()


def resume(
    run: Path,
    *,
    epochs: int | None = None,
    data_dir: Path | None = None,
    callbacks: Sequence[Any] = (),
    metrics: Sequence[Any] = (),
    loss: Any = None,
    optimizer: Any = None,
    log: Sequence[str] = (),
    limits: Limits = DEFAULTS,
) -> Result:
    """Resumes a run after its last complete epoch, as if it had never been interrupted.

    Args:
        epochs: train to this many in all, if no schedule depends on their number.
        data_dir: where the data is; by default, where the run read it from, if it is still there.
        limits: what the spec may cost; the run's own limits only lower them.

    Raises:
        ArchError: there is no such run, it is finished, or its spec or its data has changed (ARCH204); the epochs
            cannot be changed (ARCH203); or as `train`.
    """
    run = Path(run)
    folder.read_result(run)  # where there is no run, no lock is made
    with lock.known_run(run):
        return _resume(run, epochs, data_dir, callbacks, metrics, loss, optimizer, log, limits)


def _resume(
    run: Path,
    epochs: int | None,
    data_dir: Path | None,
    callbacks: Sequence[Any],
    metrics: Sequence[Any],
    loss: Any,
    optimizer: Any,
    log: Sequence[str],
    limits: Limits,
) -> Result:
    earlier = folder.read_result(run)
    spec = folder.read_spec(run, earlier, limits)
    if earlier.status == "finished":
        checkpoints.remove(run)
        shown = "" if earlier.test_accuracy is None else f" (test accuracy: {percent(earlier.test_accuracy)})"
        raise fail("ARCH204", f"{run} is finished{shown}", hint="to train again, start a new run with `archdsl train`")
    state = checkpoints.load(run)
    if state and state.epoch > earlier.epochs:
        message = f"its checkpoint has {quantity(state.epoch, 'epoch')}, but {folder.RUN} says {earlier.epochs:,}"
        raise fail("ARCH204", f"cannot resume {run}: {message}", hint="train the spec in a new folder")
    _check_epochs(spec, earlier, epochs, state)
    planned = epochs or earlier.epochs
    overrides = Overrides(
        earlier.arguments,
        planned,
        earlier.limit,
        data_dir or _recorded_origin(earlier),
        earlier.seed,
        callbacks,
        metrics,
        loss,
        optimizer,
    )
    if missing := [name for name in earlier.own if name not in overrides.own]:
        hint = f"pass it again, in Python: `archdsl.resume({str(run)!r}, {missing[0]}=...)`"
        raise fail("ARCH204", f"{run} was trained with a custom {' and '.join(missing)}", hint=hint)
    _, recipe = effective_recipe(spec, planned, earlier.seed)
    with tf_settings.determinism(recipe.deterministic):
        prepared = prepare(spec, overrides)
        initial = initial_result(prepared, earlier.command)
        result = replace(initial, started=earlier.started, tags=earlier.tags)
        loop = TrainingLoop(run, result, prepared, trackers.start(log, run, result))
        if state:
            loop.restore(state)
        result.write(run)
        return loop.train()


def evaluate(
    run: Path, *, data_dir: Path | None = None, limit: int | None = None, limits: Limits = DEFAULTS
) -> Evaluation:
    """Evaluates the network of a run folder on the test set, with the statistics that it was trained with.

    Args:
        data_dir: where the data is; by default, where the run read it from, if it is still there.
        limit: take only so many of the test images, each class with its share.
        limits: what the spec may cost; the run's own limits only lower them.

    Raises:
        ArchError: there is no such run, or no network in it (ARCH204); or as `train`.
    """
    run = Path(run)
    result = folder.read_result(run)
    source, recipe = effective_recipe(folder.read_spec(run, result, limits))
    path = run / folder.MODEL
    if not path.is_file():
        raise fail("ARCH204", f"{path} does not exist: the run completed no epoch")
    model = load_model(path, limits=limits)
    dataset = load(source, data_dir or _recorded_origin(result), shape=model.input_shape[1:])
    if result.mean is not None and result.std is not None:
        if len(result.mean) not in (1, dataset.image_shape[-1]):
            message = (
                f"`mean` has {quantity(len(result.mean), 'number')} for images with {dataset.image_shape[-1]} channels"
            )
            raise unreadable(run / folder.RUN, [message])
        statistics = Statistics(np.array(result.mean, np.float32), np.array(result.std, np.float32))
        dataset = replace(dataset, statistics=statistics)
    if limit is not None:
        dataset = replace(dataset, test=limited(dataset.test, limit))
    heads = compatibility.check(model, dataset, recipe)
    tested, _ = evaluation.evaluate(model, dataset, source, recipe, heads, compilation.make_loss(recipe, model))
    return tested


def initial_result(prepared: PreparedTraining, command: str) -> Result:
    """What is known of a run before its first step."""
    dataset, recipe, overrides = prepared.dataset, prepared.recipe, prepared.overrides
    statistics, limits = dataset.statistics, prepared.spec.limits
    return Result(
        spec=prepared.spec.name,
        arguments=dict(overrides.arguments),
        seed=recipe.seed,
        epochs=recipe.epochs,
        limit=overrides.limit,
        source=dataset.name,
        origin=dataset.origin,
        images={name: len(split) for name, split in dataset.splits.items()},
        mean=statistics.mean.tolist() if statistics else None,
        std=statistics.std.tolist() if statistics else None,
        parameters=prepared.model.count_params(),
        versions=versions(),
        classes=list(dataset.classes),
        variant=prepared.spec.variant,
        started=folder.utc_now(),
        machine=folder.describe_machine([device.name for device in tf.config.list_logical_devices("GPU")]),
        command=command,
        input=carried_data(prepared.model),
        tags=[],
        own=overrides.own,
        limits=asdict(limits) if limits != DEFAULTS else None,
    )


def _check_epochs(spec: Spec, earlier: Result, epochs: int | None, state: TrainingState | None) -> None:
    """Refuses another number of epochs if the training so far would have gone differently with it.

    Raises:
        ArchError: the recipe depends on the number, or so many are done already (ARCH203).
    """
    if epochs is None or epochs == earlier.epochs:
        return
    done = state.epoch if state else 0
    if epochs <= done:
        message = f"this run has already completed {quantity(done, 'epoch')}"
        raise fail("ARCH203", message, hint=f"pass `--epochs` with a number above {done}")
    _, recipe = effective_recipe(spec)
    optimizer, hint = recipe.optimizer, f"resume without `--epochs`, or start a new run of {quantity(epochs, 'epoch')}"
    planned = f"the run was planned for {quantity(earlier.epochs, 'epoch')}, and its"
    if optimizer.to_call(earlier.epochs, 100) != optimizer.to_call(epochs, 100):
        raise fail("ARCH203", f"{planned} learning rate schedule depends on that", hint=hint)
    if recipe.lookahead and recipe.lookahead.grow != "none":
        raise fail("ARCH203", f"{planned} `lookahead` schedule depends on that", hint=hint)


def _recorded_origin(result: Result) -> Path | None:
    """Where a run read its data from, if it is still there."""
    path = Path(result.origin)
    return path if path.is_absolute() and path.exists() else None
