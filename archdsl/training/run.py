"""A training that has its folder: from here on, whatever happens leaves a run that can be read or gone on with."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tensorflow as tf

from archdsl.errors import ArchError, fail
from archdsl.runs.folder import Result, Status
from archdsl.text import quantity
from archdsl.training import callbacks, checkpoints, evaluation
from archdsl.training.averaging import Averaged, averaged_values
from archdsl.training.checkpoints import State
from archdsl.training.display import Display
from archdsl.training.interrupts import Interrupts, interruptible
from archdsl.training.lookahead import Lookahead
from archdsl.training.reports.labeled_predictions import class_accuracies
from archdsl.training.setup import Prepared


@dataclass
class Run:
    """A run from its beginning, or from its checkpoint, to its end.

    Args:
        out: its folder, which holds `run.json` and `spec.yaml` already.
        watching: callbacks that track it elsewhere.
    """

    out: Path
    result: Result
    prepared: Prepared
    watching: Sequence[Any] = ()

    def __post_init__(self) -> None:
        recipe, head = self.prepared.recipe, self.prepared.head
        self.keep = recipe.keep if len(self.prepared.dataset.validation) else "last"
        self.log = callbacks.Log(self.out, head)
        self.kept = callbacks.Kept(self.out, self.keep, head)
        self.kept.set_model(self.prepared.model)  # `fit` does so only where there is an epoch left
        self.early = callbacks.EarlyStopping(recipe.early_stopping, head) if recipe.early_stopping else None
        self.lookahead = Lookahead(recipe.lookahead, recipe.epochs, self.prepared.steps) if recipe.lookahead else None
        self.print = checkpoints.fingerprint(self.prepared.spec.text, self.prepared.dataset)
        self.first, self.stopped = 0, False
        self.before, self.began = 0.0, time.perf_counter()

    def restore(self, state: State) -> None:
        """Goes back to where a checkpoint stands.

        Raises:
            ArchError: the spec or the data is not what it was (ARCH204).
        """
        _check_same(state.notes["fingerprint"], self.print, self.out)
        model = self.prepared.model
        checkpoints.assign(model.variables, state.arrays["model"])
        checkpoints.assign(model.optimizer.variables, state.arrays["optimizer"])
        self.first, self.stopped = state.epoch, state.notes["stopped"]
        self.before, self.log.rows = state.notes["seconds"], list(state.rows)
        self.kept.restore(state.notes["kept"], state.arrays.get("kept") or averaged_values(model))
        if self.early:
            self.early.restore(state.notes["early"])
        if self.lookahead:
            self.lookahead.given = state.arrays["slow"]

    def train(self) -> Result:
        """Trains to the end, and tests.

        Raises:
            ArchError: training went wrong, or was interrupted (ARCH401).
        """
        self.began = time.perf_counter()
        with interruptible() as interrupts:
            try:
                if self.first < self.prepared.recipe.epochs and not self.stopped:
                    self._fit(interrupts)
                self.kept.write()
                self._note(self._seconds())
                self._test()
                self._close("finished")
            except KeyboardInterrupt:
                self._leave("interrupted")
                raise self._interrupted() from None
            except Exception as error:
                self._leave("failed")
                raise (_explained(error) if isinstance(error, tf.errors.OpError) else error) from None
        checkpoints.remove(self.out)
        return self.result

    def _fit(self, interrupts: Interrupts) -> None:
        prepared, validation = self.prepared, self.prepared.dataset.validation
        epochs, steps = prepared.recipe.epochs, prepared.steps
        with Display(epochs, steps, self.first, prepared.head) as display:
            ours = [interrupts, Averaged(), self.lookahead, callbacks.StopAtNaN(), *prepared.wishes.callbacks]
            ours += [self.log, self.kept, self.early, callbacks.Checkpoint(self.out, self.log, self._gather)]
            prepared.model.fit(
                prepared.training_batches(self.first),
                epochs=epochs,
                initial_epoch=self.first,
                steps_per_epoch=steps,
                shuffle=False,
                validation_data=prepared.evaluation_batches(validation) if len(validation) else None,
                callbacks=[one for one in (*ours, *self.watching, display) if one is not None],
                verbose=0,
            )

    def _gather(self, epoch: int) -> tuple[dict[str, Any], dict[str, list[Any]]]:
        """What a checkpoint holds beside the network and its optimizer."""
        notes = {
            "fingerprint": self.print,
            "seconds": self._seconds(),
            "stopped": bool(self.prepared.model.stop_training),
            "kept": self.kept.notes(),
            "early": self.early.notes() if self.early else None,
        }
        arrays = {"kept": self.kept.values} if self.kept.epoch != epoch else {}
        return notes, arrays | ({"slow": self.lookahead.values()} if self.lookahead else {})

    def _test(self) -> None:
        """Looks at the test part once, with the network that was kept."""
        prepared, dataset = self.prepared, self.prepared.dataset
        with callbacks.holding(prepared.model, self.kept.values):
            answers = evaluation.answer(
                prepared.model, dataset.test, dataset, prepared.source, prepared.recipe.test_time, prepared.heads
            )
        found = evaluation.evaluate(answers, dataset.test.labels, prepared.recipe, prepared.model.loss, dataset.origin)
        self.result = replace(
            self.result,
            test_accuracy=found.accuracy,
            test_loss=found.loss,
            plain_test_accuracy=found.plain_accuracy,
            class_accuracy=class_accuracies(answers.main.argmax(axis=1), dataset.test.labels, dataset.classes),
        )
        self.probabilities = answers.probabilities

    def _seconds(self) -> float:
        return round(self.before + time.perf_counter() - self.began, 3)

    def _note(self, seconds: float) -> None:
        self.result = replace(
            self.result,
            epochs_run=len(self.log.rows),
            best_epoch=self.kept.epoch,
            validation_accuracy=self.kept.accuracy,
            validation_loss=self.kept.loss,
            seconds=seconds,
        )

    def _leave(self, status: Status) -> None:
        """Closes a run that did not come to its end; what cannot be written then must not hide why."""
        self._note(self._seconds())
        try:
            self.kept.write()
        except (ArchError, OSError) as error:
            warnings.warn(f"the network so far could not be written: {error}", stacklevel=2)
        self._close(status)

    def _close(self, status: Status) -> None:
        self.result = replace(self.result, status=status)
        self.result.write(self.out)
        if self.log.rows:
            self._report()
        for tracker in self.watching:
            tracker.close(self.result)

    def _report(self) -> None:
        """Pictures and the model card. They must not lose a run that is finished."""
        try:
            from archdsl.training import reports

            probabilities = getattr(self, "probabilities", None)
            reports.write(self.out, self.result, self.prepared.dataset, probabilities, self.log.rows)
        except Exception as error:
            message = f"the run is whole, but its pictures and its card are not: {type(error).__name__}: {error}"
            warnings.warn(message, stacklevel=2)

    def _interrupted(self) -> ArchError:
        done, planned = len(self.log.rows), self.prepared.recipe.epochs
        when = f"in epoch {done + 1} of {planned}" if done < planned and not self.stopped else "after the last epoch"
        kept = f"{self.out} holds the network of epoch {self.kept.epoch}"
        kept = kept if self.kept.epoch else f"no epoch was complete, so that {self.out} holds no network"
        return fail("ARCH401", f"interrupted {when}; {kept}", hint=f"`archdsl train --resume {self.out}` goes on")


def _check_same(before: dict[str, int], now: dict[str, int], run: Path) -> None:
    """Refuses to go on with another spec or other data."""
    changed = [name for name in before if before[name] != now.get(name)]
    if "spec" in changed:
        raise fail("ARCH204", f"{run}/spec.yaml was changed after the run began", hint="train it into a new folder")
    if changed:
        parts = " and ".join(changed)
        message = f"the data is not what this run began with: {quantity(len(changed), 'part')} differ ({parts})"
        raise fail("ARCH204", message, hint="name the folder that it was read from with --data-dir")


def _explained(error: tf.errors.OpError) -> ArchError:
    first = str(error.message).strip().splitlines()[0] if error.message else type(error).__name__
    hint = "a smaller `data.batch_size`" if isinstance(error, tf.errors.ResourceExhaustedError) else ""
    return fail("ARCH401", f"TensorFlow stopped: {first[:300]}", hint=hint)
