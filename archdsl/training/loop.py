"""Runs a training in its folder. Whatever happens, the run can be read or resumed afterwards."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import keras
import tensorflow as tf

from archdsl.errors import ArchError, Problem, fail
from archdsl.parsing.stored import unreadable
from archdsl.recipe.train import LOSS
from archdsl.runs.folder import Details, Result, Status
from archdsl.runs.trackers import Tracker
from archdsl.training import callbacks, checkpoints, evaluation, report, traps
from archdsl.training.averaging import AveragedValidation, SlowWeights, averaged_values
from archdsl.training.checkpoints import Notes, TrainingState
from archdsl.training.display import Display
from archdsl.training.interrupts import Interrupts, interruptible
from archdsl.training.setup import PreparedTraining
from archdsl.training.tasks import Scorer


@dataclass
class TrainingLoop:
    """A training from the beginning or from a checkpoint to the end.

    Args:
        out: the run folder, which already contains `run.json` and `spec.yaml`.
        trackers: additional loggers.
        watch: whether to draw the curves in a terminal.
    """

    out: Path
    result: Result
    prepared: PreparedTraining
    trackers: Sequence[Tracker] = ()
    watch: bool = False

    def __post_init__(self) -> None:
        recipe, head, steps = self.prepared.recipe, self.prepared.head, self.prepared.steps
        self.log = callbacks.EpochLog(self.out, head)
        self.tracking = callbacks.Tracking(self.trackers)
        keep = recipe.keep if len(self.prepared.dataset.validation) else "last"
        self.kept = callbacks.KeptModel(self.out, keep, head, by_loss=recipe.monitor == LOSS)
        self.kept.set_model(self.prepared.model)  # `fit` does this only if there is an epoch left
        self.early = callbacks.ResumableEarlyStopping(recipe.early_stopping, head) if recipe.early_stopping else None
        self.slow_weights = SlowWeights(recipe.lookahead, recipe.epochs, steps) if recipe.lookahead else None
        self.fingerprint = checkpoints.fingerprint(self.prepared.spec.text, self.prepared.dataset)
        self.first, self.stopped = 0, False
        self.seconds_before, self.began = 0.0, time.perf_counter()
        self.scorers: dict[str, Scorer] = {}

    def restore(self, state: TrainingState) -> None:
        """Restore the state of a checkpoint.

        Raises:
            ArchError: the spec or the data has changed (ARCH204).
        """
        notes, before, now = state.notes, asdict(state.notes.fingerprint), asdict(self.fingerprint)
        changed = [name for name in now if before[name] != now[name]]
        if "spec" in changed:
            message = f"{self.out}/spec.yaml has changed since the run started"
            raise fail("ARCH204", message, hint="train it in a new folder")
        if changed:
            message = f"the data has changed since the run started ({' and '.join(changed)})"
            raise fail("ARCH204", message, hint="pass the original folder as `--data-dir`")
        model, freezing = self.prepared.model, self.prepared.freezing
        if freezing.after is not None and state.epoch > freezing.after and freezing.later:
            freezing.unfreeze()
        checkpoints.assign(model.variables, state.arrays["model"])
        checkpoints.assign(model.optimizer.variables, state.arrays["optimizer"])
        self.first, self.stopped = state.epoch, notes.stopped
        self.seconds_before, self.log.rows = notes.seconds, list(state.rows)
        kept = state.arrays.get("kept") or averaged_values(model)
        checkpoints.check(model.variables, kept)
        self.kept.restore(notes.kept, kept)
        if self.early:
            if notes.early is None:
                raise unreadable(
                    self.out / checkpoints.FOLDER / checkpoints.FILE, ["`notes.early`: expected a mapping"]
                )
            self.early.restore(notes.early)
        if self.slow_weights:
            self.slow_weights.restore(model, state.arrays.get("slow", []))

    def train(self) -> Result:
        """Train to the end, then test.

        Raises:
            ArchError: the training failed or was interrupted (ARCH401).
        """
        self.began = time.perf_counter()
        with interruptible() as interrupts:
            try:
                if self.first < self.prepared.recipe.epochs and not self.stopped:
                    self.fit(interrupts)
                else:
                    self.log.on_train_begin()
                self.kept.write()
                self._record_training()
                self._test()
                self._finish()
            except KeyboardInterrupt:
                self._abort("interrupted")
                raise self._interrupted() from None
            except tf.errors.OpError as error:
                self._abort("failed")
                if failure := self.prepared.dataset.failure:
                    raise failure from None
                first = str(error.message).strip().splitlines()[0] if error.message else type(error).__name__
                hint = "reduce `batch_size` in `data`" if isinstance(error, tf.errors.ResourceExhaustedError) else ""
                raise fail("ARCH401", f"TensorFlow failed: {first[:300]}", hint=hint) from None
            except Exception as error:
                if isinstance(error, ArchError) and error.problems[0].code == "ARCH304":
                    raise self._unwritable(error) from None
                self._abort("failed")
                raise error from None
        checkpoints.remove(self.out)
        return self.result

    def fit(self, interrupts: Interrupts) -> None:
        """Train the remaining epochs."""
        prepared, validation = self.prepared, self.prepared.dataset.validation
        epochs, steps = prepared.recipe.epochs, prepared.steps
        validation_steps = -(-len(validation) // prepared.source.batch_size)
        rows = self.log.rows if self.watch else None
        with Display(epochs, steps, prepared.head, self.first, None, validation_steps, rows) as display:

            def warn(problem: Problem) -> None:
                display.warn(problem)
                self.result = replace(self.result, warnings=[*self.result.warnings, traps.on_one_line(problem)])

            ordered = [
                interrupts,
                prepared.freezing,
                AveragedValidation(),
                self.slow_weights,
                callbacks.StopAtNaN(),
                callbacks.WarnOfDivergence(warn),
                *prepared.overrides.callbacks,
                self.log,
                self.kept,
                self.early,
                keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: self._save_state(epoch + 1)),
                self.tracking,
                display,
            ]
            prepared.model.fit(
                prepared.training_batches(self.first),
                epochs=epochs,
                initial_epoch=self.first,
                steps_per_epoch=steps,
                shuffle=False,
                validation_data=prepared.evaluation_batches(validation) if len(validation) else None,
                callbacks=[callback for callback in ordered if callback is not None],
                verbose=0,
            )

    def _save_state(self, epoch: int) -> None:
        """Write the checkpoint of an epoch, after the callbacks whose state it contains."""
        model = self.prepared.model
        notes = Notes(
            fingerprint=self.fingerprint,
            seconds=self._seconds(),
            stopped=bool(model.stop_training),
            kept=self.kept.notes(),
            early=self.early.notes() if self.early else None,
        )
        arrays = {"kept": self.kept.values} if self.kept.epoch != epoch else {}
        if self.slow_weights:
            arrays["slow"] = self.slow_weights.values()
        arrays["model"] = checkpoints.values(model.variables)
        arrays["optimizer"] = checkpoints.values(model.optimizer.variables)
        checkpoints.save(self.out, TrainingState(epoch, self.log.rows, notes, arrays))

    def _test(self) -> None:
        """Evaluate the kept model on the test split, once."""
        prepared, model, dataset = self.prepared, self.prepared.model, self.prepared.dataset
        with callbacks.holding(model, self.kept.values):
            tested, self.scorers = evaluation.evaluate(
                model, dataset, prepared.source, prepared.recipe, prepared.heads, model.loss, try_out=True
            )
        self.result = replace(
            self.result,
            test_scores=dict(tested.scores),
            test_accuracy=tested.accuracy,
            test_loss=tested.loss,
            plain_test_accuracy=tested.plain_accuracy,
            **{each.name: getattr(tested, each.name) for each in fields(Details)},
            heads=tested.heads,
        )

    def _seconds(self) -> float:
        return round(self.seconds_before + time.perf_counter() - self.began, 3)

    def _record_training(self) -> None:
        self.result = replace(
            self.result,
            epochs_run=len(self.log.rows),
            best_epoch=self.kept.epoch,
            validation_accuracy=self.kept.score if self.result.judged.score == "accuracy" else None,
            validation_score=self.kept.score,
            validation_loss=self.kept.loss,
            seconds=self._seconds(),
        )

    def _finish(self) -> None:
        """Finish a run. Its status is written last: a run with the status `finished` is complete."""
        self.result = replace(self.result, status="finished")
        self._report()
        self.tracking.finish(self.result)
        self.result.write(self.out)

    def _abort(self, status: Status) -> None:
        """Close a run early. A file that cannot be written must not hide the original error."""
        self._record_training()
        self.result = replace(self.result, status=status)
        try:
            self.kept.write()
            self.result.write(self.out)
            self._report()
        except (ArchError, OSError) as error:
            warnings.warn(f"the run could not be saved: {error}", stacklevel=2)
        self.tracking.finish(self.result)

    def _unwritable(self, error: ArchError) -> ArchError:
        """Close a run whose folder is no longer writable. It can be resumed."""
        self._record_training()
        self.result = replace(self.result, status="failed")
        with suppress(ArchError):
            self.result.write(self.out)
        self.tracking.finish(self.result)
        hint = f"free up space or make the folder writable, then run `archdsl train --resume {self.out}`"
        return ArchError(replace(error.problems[0], hint=hint))

    def _report(self) -> None:
        """Write the pictures and the model card.

        Raises:
            ArchError: the folder is not writable (ARCH304).
        """
        if not self.log.rows:
            return
        try:
            report.write(self.out, self.result, self.prepared.dataset, self.scorers, self.log.rows)
        except Exception as error:  # a finished run must not be lost because of its pictures
            if isinstance(error, ArchError) and error.problems[0].code == "ARCH304":
                raise
            message = f"the run is complete, except for its pictures and card: {type(error).__name__}: {error}"
            warnings.warn(message, stacklevel=2)

    def _interrupted(self) -> ArchError:
        done, planned = len(self.log.rows), self.prepared.recipe.epochs
        when = f"in epoch {done + 1} of {planned}" if done < planned and not self.stopped else "after the last epoch"
        kept = f"{self.out} has the model of epoch {self.kept.epoch}"
        kept = kept if self.kept.epoch else f"{self.out} has no model yet"
        return fail("ARCH401", f"interrupted {when}; {kept}", hint=f"resume with `archdsl train --resume {self.out}`")
