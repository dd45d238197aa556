"""Trains a spec's network into a run's folder, goes on with such a run, and evaluates the network that it keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import archdsl.keras as runtime
from archdsl.data import dataset as data
from archdsl.errors import fail
from archdsl.keras.runtime import carried_data
from archdsl.limits import DEFAULTS
from archdsl.runs import folder
from archdsl.runs.folder import Result
from archdsl.spec import Spec
from archdsl.text import quantity
from archdsl.training import checkpoints, compilation, evaluation, outputs, tf_settings
from archdsl.training.checkpoints import State
from archdsl.training.evaluation import Evaluation
from archdsl.training.run import Run
from archdsl.training.setup import Prepared, Wishes, prepare, recipe_of, versions

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
    """Trains a spec's network as its recipe says, and keeps everything of the run in the folder `out`.

    The folder is made once the data and the network are known to be good. It holds `spec.yaml`, `model.keras` (the
    best epoch on the validation part, or the last), `log.csv` and `log.jsonl`, pictures, a card, and `run.json`.

    Args:
        arguments: values for the spec's own arguments.
        epochs: instead of the recipe's.
        limit: train on so many images only; the test set stays whole.
        data_dir: where the data is (see `data.load`).
        seed: instead of the recipe's. It decides the first weights, the order of the images and what happens to them.
        callbacks: Keras callbacks of your own, beside those of the run.
        metrics: Keras metrics of your own, beside the recipe's.
        loss: a Keras loss of your own, instead of the recipe's.
        optimizer: a Keras optimizer of your own, instead of the recipe's.
        log: where else the run is logged: `tensorboard`, `mlflow`, `wandb`.
        command: what repeats the run, for its card.

    Raises:
        ArchError: `out` is taken (ARCH202) or cannot be written (ARCH304), the data is not there, broken or unfit
            (ARCH301 to ARCH303), or training went wrong or was interrupted (ARCH401).
    """
    wishes = Wishes(arguments or {}, epochs, limit, data_dir, seed, callbacks, metrics, loss, optimizer)
    _, recipe = recipe_of(spec, epochs, seed)
    out = Path(out)
    folder.check_free(out)
    with tf_settings.determinism(recipe.deterministic):
        prepared = prepare(spec, wishes)
        begun = _begin(prepared, command)
        watching = _watching(log, out, begun)
        folder.create(out, spec.text)
        begun.write(out)
        return Run(out, begun, prepared, watching).train()


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
) -> Result:
    """Goes on with a run at the end of its last complete epoch, as if it had never been cut.

    Args:
        epochs: train to this many in all, where no schedule depends on how many there are.
        data_dir: where the data is; without it, the place that the run read it from, if it is still there.

    Raises:
        ArchError: there is no such run, it is finished, or its spec or its data has changed (ARCH204); the epochs
            cannot be changed (ARCH203); or as `train`.
    """
    run = Path(run)
    known = folder.read_result(run)
    spec = folder.read_spec(run, known)
    if known.status == "finished":
        shown = "" if known.test_accuracy is None else f": {known.test_accuracy:.2%} of the test images are right"
        raise fail("ARCH204", f"{run} is finished{shown}", hint="`archdsl train` begins another in a new folder")
    state = checkpoints.load(run)
    _check_epochs(spec, known, epochs, state)
    planned = epochs or known.epochs
    place = data_dir or _recorded(known)
    wishes = Wishes(known.arguments, planned, known.limit, place, known.seed, callbacks, metrics, loss, optimizer)
    _check_own(known, wishes, run)
    _, recipe = recipe_of(spec, planned, known.seed)
    with tf_settings.determinism(recipe.deterministic):
        prepared = prepare(spec, wishes)
        begun = replace(_begin(prepared, known.command), started=known.started, tags=known.tags)
        going = Run(run, begun, prepared, _watching(log, run, begun))
        if state:
            going.restore(state)
        begun.write(run)
        return going.train()


def evaluate(run: Path, *, data_dir: Path | None = None, limit: int | None = None) -> Evaluation:
    """Evaluates the network of a run's folder on the test set, with the statistics that it was trained with.

    Args:
        data_dir: where the data is; without it, the place that the run read it from, if it is still there.
        limit: take so many of the test images only, each class with its share.

    Raises:
        ArchError: there is no such run, or no network in it (ARCH204); or as `train`.
    """
    run = Path(run)
    known = folder.read_result(run)
    source, recipe = recipe_of(folder.read_spec(run, known))
    model = _load(run / folder.MODEL)
    dataset = data.load(source, data_dir or _recorded(known), shape=model.input_shape[1:])
    if known.mean is not None and known.std is not None:
        dataset = replace(dataset, statistics=_statistics(known.mean, known.std))
    if limit is not None:
        dataset = replace(dataset, test=data.limited(dataset.test, limit))
    heads = outputs.check(model, dataset, recipe)
    answers = evaluation.answer(model, dataset.test, dataset, source, recipe.test_time, heads)
    loss = compilation.make_loss(recipe, model)
    return evaluation.evaluate(answers, dataset.test.labels, recipe, loss, dataset.origin)


def _begin(prepared: Prepared, command: str) -> Result:
    """What is known of a run before its first step."""
    dataset, recipe, wishes = prepared.dataset, prepared.recipe, prepared.wishes
    statistics, limits = dataset.statistics, prepared.spec.limits
    return Result(
        spec=prepared.spec.name,
        arguments=dict(wishes.arguments),
        seed=recipe.seed,
        epochs=recipe.epochs,
        limit=wishes.limit,
        source=dataset.name,
        origin=dataset.origin,
        images={name: len(getattr(dataset, name)) for name in ("train", "validation", "test")},
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
        own=wishes.own,
        limits=asdict(limits) if limits != DEFAULTS else None,
    )


def _watching(names: Sequence[str], out: Path, begun: Result) -> Sequence[Any]:
    """The callbacks that log a run elsewhere, too."""
    if not names:
        return ()
    from archdsl.training import trackers

    return list(trackers.callbacks(names, out, begun))


def _check_epochs(spec: Spec, known: Result, epochs: int | None, state: State | None) -> None:
    """Refuses another number of epochs where what was trained so far would have gone another way.

    Raises:
        ArchError: the recipe depends on the number, or so many are done already (ARCH203).
    """
    if epochs is None or epochs == known.epochs:
        return
    done = state.epoch if state else 0
    if epochs <= done:
        raise fail("ARCH203", f"{quantity(done, 'epoch')} of this run are done already", hint="a larger --epochs")
    _, recipe = recipe_of(spec)
    optimizer, hint = recipe.optimizer, "train the spec with other epochs into a new folder"
    planned = f"the run was planned for {quantity(known.epochs, 'epoch')}, by which its"
    if optimizer.to_call(known.epochs, 100) != optimizer.to_call(epochs, 100):
        raise fail(
            "ARCH203", f"{planned} learning rate goes", hint="train the spec with other epochs into a new folder"
        )
    if recipe.lookahead and recipe.lookahead.grow != "none":
        raise fail("ARCH203", f"{planned} `lookahead` grows", hint=hint)


def _check_own(known: Result, wishes: Wishes, run: Path) -> None:
    missing = [name for name in known.own if name not in wishes.own]
    if missing:
        hint = f"from Python: `archdsl.resume({str(run)!r}, {missing[0]}=...)`"
        raise fail("ARCH204", f"{run} was trained with its caller's own {' and '.join(missing)}", hint=hint)


def _recorded(known: Result) -> Path | None:
    """The place that a run read its data from, if it is still there."""
    place = Path(known.origin)
    return place if place.is_absolute() and place.exists() else None


def _load(path: Path) -> keras.Model:
    """The network of a run.

    Raises:
        ArchError: it is not there (ARCH204), or is broken (ARCH302).
    """
    if not path.is_file():
        raise fail("ARCH204", f"{path} is not there: no epoch of this run was complete")
    return runtime.load_model(path)


def _statistics(mean: list[float], std: list[float]) -> data.Statistics:
    return data.Statistics(np.array(mean, np.float32), np.array(std, np.float32))
