"""Trains a spec's network into a run's folder, and evaluates the network that such a folder keeps."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import archdsl
import archdsl.keras as runtime
from archdsl.errors import ArchError, fail
from archdsl.recipe import Data, Train
from archdsl.spec import Spec
from archdsl.training import augment, callbacks, compilation, curves, data, result
from archdsl.training.result import Result, Status

__all__ = ["Evaluation", "Result", "evaluate", "train"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How a run's network does on test images: `accuracy` is `correct` / `images`."""

    accuracy: float
    loss: float
    images: int
    correct: int
    origin: str


def train(
    spec: Spec,
    out: Path,
    *,
    arguments: Mapping[str, Any] | None = None,
    epochs: int | None = None,
    limit: int | None = None,
    data_dir: Path | None = None,
    seed: int | None = None,
) -> Result:
    """Trains a spec's network as its recipe says, and keeps everything of the run in the folder `out`.

    The folder is made once the data and the network are known to be good. It holds `spec.yaml`, `model.keras` (the
    best epoch on the validation part), `log.csv`, `curves.png` and `run.json`.

    Args:
        arguments: values for the spec's own arguments.
        epochs: instead of the recipe's.
        limit: train on so many images only; the test set stays whole.
        data_dir: where the data is (see `data.load`).
        seed: instead of the recipe's. It decides the first weights, the order of the images and what happens to them.

    Raises:
        ArchError: `out` is taken (ARCH202) or cannot be written (ARCH304), the data is not there, broken or unfit
            (ARCH301 to ARCH303), or training went wrong or was interrupted (ARCH401).
    """
    source, recipe = _recipe(spec, epochs, seed)
    result.check_free(out)
    dataset = data.load(source, data_dir, limit)
    keras.utils.set_random_seed(recipe.seed)
    model = _build(spec, arguments or {})
    compilation.check_fit(model, dataset, source.source)
    steps = augment.steps(dataset.train, source)
    compilation.compile_model(model, recipe, recipe.epochs, steps)
    begun = _begin(spec, recipe, dataset, source, arguments or {}, limit, model.count_params())
    result.make(out, spec.text)
    begun.write(out)
    return _Run(out, begun, dataset, source, recipe).train(model, steps)


def evaluate(run: Path, *, data_dir: Path | None = None, limit: int | None = None) -> Evaluation:
    """Evaluates the network of a run's folder on the test set, with the statistics that it was trained with.

    Args:
        data_dir: where the data is; without it, the place that the run read it from, if it is still there.
        limit: take so many of the test images only, each class with its share.

    Raises:
        ArchError: there is no such run, or no network in it (ARCH204); or as `train`.
    """
    run = Path(run)
    known = result.read(run)
    try:
        spec = archdsl.loads((run / result.SPEC).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise fail("ARCH204", f"{run / result.SPEC} is not there or cannot be read") from None
    source, recipe = _recipe(spec, None, None)
    recorded = Path(known.origin)
    dataset = data.load(source, data_dir or (recorded if recorded.is_absolute() and recorded.exists() else None))
    if known.mean is not None and known.std is not None:
        dataset = replace(dataset, statistics=_statistics(known.mean, known.std))
    if limit is not None:
        dataset = replace(dataset, test=data.limited(dataset.test, limit))
    model = _load(run / result.MODEL)
    compilation.check_fit(model, dataset, source.source)
    return _evaluate(model, dataset, source, recipe)


@dataclass
class _Run:
    """A training that has its folder: from here on, whatever happens leaves a run that can be read."""

    out: Path
    result: Result
    dataset: data.Dataset
    source: Data
    recipe: Train

    def train(self, model: keras.Model, steps: int) -> Result:
        log, best = callbacks.Log(self.out), callbacks.Best(self.out)
        began = time.perf_counter()
        try:
            self._fit(model, steps, log, best)
            self._note(log, best, time.perf_counter() - began)
            self._test()
            self._close("finished", log)
        except KeyboardInterrupt:
            self._note(log, best, time.perf_counter() - began)
            self._close("interrupted", log)
            raise self._interrupted(len(log.rows), best) from None
        except Exception as error:
            self._note(log, best, time.perf_counter() - began)
            self._close("failed", log)
            raise (_explained(error) if isinstance(error, tf.errors.OpError) else error) from None
        return self.result

    def _interrupted(self, epochs: int, best: callbacks.Best) -> ArchError:
        planned = self.recipe.epochs
        when = f"in epoch {epochs + 1} of {planned}" if epochs < planned else "after the last epoch"
        kept = f"{self.out} holds the best network so far, of epoch {best.epoch}"
        kept = kept if best.epoch else f"no epoch was complete, so that {self.out} holds no network"
        return fail("ARCH401", f"interrupted {when}; {kept}")

    def _fit(self, model: keras.Model, steps: int, log: callbacks.Log, best: callbacks.Best) -> None:
        one_hot = compilation.one_hot(self.recipe)
        parts = self.dataset, self.source
        with callbacks.Display(self.recipe.epochs, steps) as display:
            model.fit(
                augment.training_batches(*parts, self.recipe.seed, one_hot),
                epochs=self.recipe.epochs,
                steps_per_epoch=steps,
                shuffle=False,
                validation_data=augment.evaluation_batches(self.dataset.validation, *parts, one_hot),
                callbacks=[callbacks.StopAtNaN(), log, best, display],
                verbose=0,
            )

    def _test(self) -> None:
        found = _evaluate(_load(self.out / result.MODEL), self.dataset, self.source, self.recipe)
        self.result = replace(self.result, test_accuracy=found.accuracy, test_loss=found.loss)

    def _note(self, log: callbacks.Log, best: callbacks.Best, seconds: float) -> None:
        seconds = self.result.seconds or round(seconds, 3)
        self.result = replace(self.result, epochs_run=len(log.rows), best_epoch=best.epoch, seconds=seconds)
        if best.epoch:
            self.result = replace(self.result, validation_accuracy=best.accuracy, validation_loss=best.loss)

    def _close(self, status: Status, log: callbacks.Log) -> None:
        self.result = replace(self.result, status=status)
        self.result.write(self.out)
        if log.rows:
            curves.draw(log.rows, self.result, self.out / result.CURVES)


def _recipe(spec: Spec, epochs: int | None, seed: int | None) -> tuple[Data, Train]:
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


def _begin(
    spec: Spec,
    recipe: Train,
    dataset: data.Dataset,
    source: Data,
    arguments: Mapping[str, Any],
    limit: int | None,
    parameters: int,
) -> Result:
    statistics = dataset.statistics
    return Result(
        spec=spec.name,
        arguments=dict(arguments),
        seed=recipe.seed,
        epochs=recipe.epochs,
        limit=limit,
        source=source.source,
        origin=dataset.origin,
        images={name: len(getattr(dataset, name)) for name in ("train", "validation", "test")},
        mean=statistics.mean.tolist() if statistics else None,
        std=statistics.std.tolist() if statistics else None,
        parameters=parameters,
        versions=_versions(),
    )


def _evaluate(model: keras.Model, dataset: data.Dataset, source: Data, recipe: Train) -> Evaluation:
    compilation.compile_model(model, recipe, 1, 1)
    batches = augment.evaluation_batches(dataset.test, dataset, source, compilation.one_hot(recipe))
    found = model.evaluate(batches, return_dict=True, verbose=0)
    images = len(dataset.test)
    correct = round(float(found["accuracy"]) * images)
    return Evaluation(correct / images, float(found["loss"]), images, correct, dataset.origin)


def _build(spec: Spec, arguments: Mapping[str, Any]) -> keras.Model:
    return runtime.build(spec, **arguments)


def _load(path: Path) -> keras.Model:
    """The network of a run.

    Raises:
        ArchError: it is not there or cannot be read (ARCH204).
    """
    if not path.is_file():
        raise fail("ARCH204", f"{path} is not there: no epoch of this run was complete")
    try:
        return runtime.load_model(path)
    except ArchError:
        raise
    except Exception as error:  # Keras, h5py and zipfile each have their own for a broken file
        raise fail("ARCH204", f"{path} cannot be read as a network: {' '.join(str(error).split())[:300]}") from None


def _statistics(mean: list[float], std: list[float]) -> data.Statistics:
    return data.Statistics(np.array(mean, np.float32), np.array(std, np.float32))


def _explained(error: tf.errors.OpError) -> ArchError:
    first = str(error.message).strip().splitlines()[0] if error.message else type(error).__name__
    hint = "a smaller `data.batch_size`" if isinstance(error, tf.errors.ResourceExhaustedError) else ""
    return fail("ARCH401", f"TensorFlow stopped: {first[:300]}", hint=hint)


def _versions() -> dict[str, str]:
    used = {"archdsl": archdsl, "keras": keras, "tensorflow": tf, "numpy": np}
    return {"python": platform.python_version(), **{name: module.__version__ for name, module in used.items()}}
