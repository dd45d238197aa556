"""Trains a spec into a run folder, resumes runs, and evaluates their models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from archdsl.data import input_description, other_data, pipeline
from archdsl.data.dataset import Dataset, limited, load
from archdsl.data.pixels import Statistics
from archdsl.data.ports import Ports
from archdsl.errors import fail
from archdsl.keras import load_model
from archdsl.keras.runtime import carried_data
from archdsl.limits import DEFAULTS, Limits
from archdsl.parsing.stored import unreadable
from archdsl.recipe import DATA_SOURCES
from archdsl.resolution import resolve
from archdsl.runs import folder, lock, trackers
from archdsl.runs.folder import Result
from archdsl.spec import Spec
from archdsl.text import byte_size, quantity
from archdsl.training import checkpoints, compilation, evaluation, tf_settings, traps
from archdsl.training.checkpoints import TrainingState
from archdsl.training.display import plain_console, print_warning
from archdsl.training.evaluation import Evaluation
from archdsl.training.heads import find as find_heads
from archdsl.training.loop import TrainingLoop
from archdsl.training.setup import Overrides, PreparedTraining, effective_recipe, prepare, skipping, versions

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
    note: str = "",
    skip_broken: bool = False,
    watch: bool = False,
) -> Result:
    """Train a spec with its recipe, and write the run folder `out`.

    The folder contains `spec.yaml`, `model.keras` (from the best epoch on the validation split, or the last one),
    `log.csv` and `log.jsonl`, pictures, a model card, and `run.json`. Only one process can write to it. If the data or
    the network is invalid, no folder is left.

    Args:
        arguments: values for the spec's arguments.
        epochs: overrides the recipe.
        limit: number of training examples to use; the test set is not limited.
        data_dir: folder of the data (see `archdsl.data.dataset.load`).
        seed: overrides the recipe. It determines the initial weights, the order of the examples and their augmentation.
        callbacks: additional Keras callbacks.
        metrics: additional Keras metrics.
        loss: a Keras loss that overrides the recipe.
        optimizer: a Keras optimizer that overrides the recipe.
        log: additional loggers: `tensorboard`, `mlflow`, `wandb`.
        command: the command that reproduces the run, for its model card.
        note: a note, for the listing of runs and the model card.
        skip_broken: whether to leave out examples that cannot be read, if the recipe does not.
        watch: whether to draw the curves in a terminal.

    Raises:
        ArchError: `out` is not empty or in use (ARCH202) or not writable (ARCH304), the data is missing, broken or
            unsuitable (ARCH301 to ARCH303), or training failed or was interrupted (ARCH401).
    """
    overrides = Overrides(
        arguments or {}, epochs, limit, data_dir, seed, callbacks, metrics, loss, optimizer, skip_broken
    )
    _, recipe = effective_recipe(spec, epochs, seed, arguments)
    out = Path(out)
    with lock.new_run(out), tf_settings.determinism(recipe.deterministic):
        prepared = prepare(spec, overrides)
        _say_streamed(prepared)
        found = traps.find(prepared)
        for problem in found:
            print_warning(problem)
        result = replace(
            initial_result(prepared, command), note=note, warnings=[traps.on_one_line(each) for each in found]
        )
        started = trackers.start(log, out, result)
        folder.create(out, spec.text)
        result.write(out)
        if not prepared.start.is_plain:
            plain_console().print(prepared.start.text(), markup=False, soft_wrap=True, end="")
        return TrainingLoop(out, result, prepared, started, watch).train()


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
    watch: bool = False,
) -> Result:
    """Resume a run after its last completed epoch, with the same result as without interruption.

    Args:
        epochs: the new total number of epochs, if no schedule depends on it.
        data_dir: folder of the data; by default, the one that the run used, if it still exists.
        limits: limits on the spec; the run's own limits can only lower them.
        watch: whether to draw the curves in a terminal.

    Raises:
        ArchError: there is no such run, it is finished, or its spec or its data has changed (ARCH204); the epochs
            cannot be changed (ARCH203); or as in `train`.
    """
    run = Path(run)
    folder.read_result(run)  # without a run, no lock is created
    with lock.known_run(run):
        return _resume(run, epochs, data_dir, callbacks, metrics, loss, optimizer, log, limits, watch)


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
    watch: bool,
) -> Result:
    earlier = folder.read_result(run)
    spec = folder.read_spec(run, earlier, limits)
    if earlier.status == "finished":
        checkpoints.remove(run)
        shown = "" if earlier.score is None else f" (test {earlier.judged.score_title}: {earlier.score_text})"
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
        earlier.skip_broken,
    )
    if missing := [name for name in earlier.own if name not in overrides.own]:
        hint = f"pass it again, in Python: `archdsl.resume({str(run)!r}, {missing[0]}=...)`"
        raise fail("ARCH204", f"{run} was trained with a custom {' and '.join(missing)}", hint=hint)
    _, recipe = effective_recipe(spec, planned, earlier.seed)
    with tf_settings.determinism(recipe.deterministic):
        prepared = prepare(spec, overrides, copies_weights=state is None)
        _say_streamed(prepared)
        initial = initial_result(prepared, earlier.command)
        restored = () if state is None else ("start",)
        kept = {
            name: getattr(earlier, name) for name in ("started", "tags", "warnings", "overridden", "note", *restored)
        }
        result = replace(initial, **kept)
        loop = TrainingLoop(run, result, prepared, trackers.start(log, run, result), watch)
        if state:
            loop.restore(state)
        result.write(run)
        return loop.train()


def evaluate(
    run: Path,
    *,
    data: str = "",
    data_dir: Path | None = None,
    limit: int | None = None,
    limits: Limits = DEFAULTS,
    skip_broken: bool = False,
) -> Evaluation:
    """Evaluate the model of a run on the test set or on other data, with the statistics of its training data.

    Args:
        data: other data: a data set, a file, a folder, or `NAME:PLACE`. All of it is used, unless it has a test split.
        data_dir: folder of the data; by default, the one that the run used, if it still exists.
        limit: number of test examples to use, with the class proportions unchanged.
        limits: limits on the spec; the run's own limits can only lower them.
        skip_broken: whether to leave out examples that cannot be read, if the run did not.

    Raises:
        ArchError: there is no such run, or it has no model (ARCH204); or as in `train`.
    """
    run = Path(run)
    result = folder.read_result(run)
    spec = folder.read_spec(run, result, limits)
    source, recipe = effective_recipe(spec)
    source = skipping(source, result.skip_broken or skip_broken)
    path = run / folder.MODEL
    if not path.is_file():
        raise fail("ARCH204", f"{path} does not exist: the run completed no epoch")
    model = load_model(path, limits=limits)
    ports = Ports.of(resolve(spec, **result.arguments))
    if data:
        source = other_data.source_of(data, source)
        description = input_description.read(carried_data(model) or result.input or {}, path)
        dataset = other_data.load(source, description, ports, recipe, data_dir)
    else:
        dataset = load(source, data_dir or _recorded_origin(result), ports=ports, recipe=recipe)
        dataset = _as_trained(dataset, result, run)
        recorded = (carried_data(model) or {}).get("targets", {})
        targets = {name: each.recorded(recorded.get(name, {})) for name, each in dataset.targets.items()}
        dataset = replace(dataset, targets=targets)
    if limit is not None:
        dataset = replace(dataset, test=limited(dataset.test, dataset.targets, limit))
    heads = find_heads(model, dataset, source, recipe)
    loss = compilation.make_loss(recipe, model, heads)
    with pipeline.data_errors(dataset):
        tested, _ = evaluation.evaluate(model, dataset, source, recipe, heads, loss)
    return tested


def _as_trained(dataset: Dataset, result: Result, run: Path) -> Dataset:
    """The data set with the statistics of pixels that a run recorded."""
    if result.mean is None or result.std is None:
        return dataset
    if len(result.mean) not in (1, dataset.image.shape[-1]):
        message = (
            f"`mean` has {quantity(len(result.mean), 'number')} for images with {dataset.image.shape[-1]} channels"
        )
        raise unreadable(run / folder.RUN, [message])
    statistics = Statistics(np.array(result.mean, np.float32), np.array(result.std, np.float32))
    image = replace(dataset.image, statistics=statistics)
    return replace(dataset, inputs={**dataset.inputs, dataset.image_name or "": image})


def initial_result(prepared: PreparedTraining, command: str) -> Result:
    """The result of a run before its first step."""
    dataset, recipe, overrides = prepared.dataset, prepared.recipe, prepared.overrides
    statistics = dataset.image.statistics if dataset.image_name is not None else None
    limits = prepared.spec.limits
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
        classes=list(dataset.label.classes) if dataset.class_name is not None else [],
        variant=prepared.spec.variant,
        started=folder.utc_now(),
        machine=folder.describe_machine([device.name for device in tf.config.list_logical_devices("GPU")]),
        command=command,
        input=carried_data(prepared.model),
        tags=[],
        own=overrides.own,
        task=prepared.head.task.word,
        data_license=prepared.source.license or DATA_SOURCES[prepared.source.kind].license,
        start=None if prepared.start.is_plain else prepared.start,
        limits=asdict(limits) if limits != DEFAULTS else None,
        overridden=dict(prepared.spec.overridden) or None,
        skipped=dict(dataset.skipped) if any(dataset.skipped.values()) else None,
        skip_broken=overrides.skip_broken,
        streamed_bytes=prepared.streamed_bytes,
    )


def _say_streamed(prepared: PreparedTraining) -> None:
    """Print that examples are streamed, and how much memory they take."""
    if prepared.streamed_bytes is not None:
        dataset = prepared.dataset
        whole = byte_size(dataset.example_bytes * sum(map(len, dataset.splits.values())))
        most = byte_size(prepared.streamed_bytes)
        plain_console().print(f"streaming {whole} of examples, at most {most} of them in memory", markup=False)


def _check_epochs(spec: Spec, earlier: Result, epochs: int | None, state: TrainingState | None) -> None:
    """Reject a different number of epochs if it would have changed the training so far.

    Raises:
        ArchError: the recipe depends on the number, or that many are already completed (ARCH203).
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
    """The path of the data of a run, if it still exists."""
    path = Path(result.origin)
    return path if path.is_absolute() and path.exists() else None
