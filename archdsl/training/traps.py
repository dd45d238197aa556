"""Finds settings and data that ruin a training without an error, before its first step."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from archdsl.data.dataset import Split
from archdsl.errors import Problem
from archdsl.linting import findings_of
from archdsl.linting.rule import Network
from archdsl.linting.rules.training import UnsettledBatchNorm
from archdsl.text import percent, quantity
from archdsl.training.setup import PreparedTraining

REPEATED, FEW_VALUES = 0.01, 32
"""Examples of fewer values than `FEW_VALUES` agree by chance. Only a share of them from `REPEATED` is reported."""

IMBALANCE = 5
"""How many times the examples of the rarest class the largest one may have without a warning."""

DIVERGED = 3
"""How many times the loss of the first step a later one may be without a warning."""

FEWEST, ASSUMED = 100, 0.9
"""The validation examples below which a warning is given, and the accuracy for its error bar."""


def find(prepared: PreparedTraining) -> tuple[Problem, ...]:
    """What is likely to ruin a training, one warning each."""
    return (
        *_unsettled(prepared),
        *_overlap(prepared),
        *_imbalance(prepared),
        *_small_validation(prepared),
        *_slow_precision(prepared),
    )


def diverged(loss: float, first: float, rate: float, when: str) -> Problem | None:
    """A warning if a loss is far above that of the first step, although it is finite.

    Args:
        rate: the learning rate.
        when: when the loss was measured: `in epoch 2`.
    """
    if not loss > DIVERGED * abs(first) + 1:
        return None
    message = f"the loss is {loss:.4g} {when}, far above the {first:.4g} of the first step"
    hint = f"lower the learning rate, for example to {rate / 10:.2g}, or add `warmup` or `clipnorm`"
    return Problem("ARCH605", message, hint=hint)


def on_one_line(problem: Problem) -> str:
    """A warning as a run records it: its code and message."""
    return f"{problem.code}: {problem.message}"


def margin(accuracy: float, count: int) -> float:
    """Half the width of the 95 % interval of an accuracy that is measured on some examples (normal approximation)."""
    return 1.96 * math.sqrt(max(accuracy * (1 - accuracy), 0.0) / count)


def _unsettled(prepared: PreparedTraining) -> Iterator[Problem]:
    steps = prepared.recipe.epochs * prepared.steps
    network = Network(prepared.spec, prepared.graph, steps)
    yield from findings_of((UnsettledBatchNorm(),), network)


def _overlap(prepared: PreparedTraining) -> Iterator[Problem]:
    dataset = prepared.dataset
    if dataset.is_streamed:  # reading all examples would take as long as an epoch
        return
    values = sum(math.prod(each.made_shape) for each in dataset.inputs.values())
    allowed = REPEATED if values < FEW_VALUES else 0.0
    known = set(_digests(dataset.train))
    for name, split in (("test", dataset.test), ("validation", dataset.validation)):
        found = sum(digest in known for digest in _digests(split))
        if found > allowed * len(split):
            of_split = f"{found:,} of the {quantity(len(split), f'{name} example')}"
            message = f"{of_split} {'is' if found == 1 else 'are'} also in the training set"
            hint = "remove them from one of the two; an accuracy on examples of the training is too high"
            yield Problem("ARCH601", message, hint=hint)


def _digests(split: Split) -> Iterator[bytes]:
    """A hash of the inputs of each example."""
    columns = list(split.inputs.values())
    for row in range(len(split)):
        digest = hashlib.blake2b(digest_size=16)
        for values in columns:
            digest.update(np.ascontiguousarray(values[row]).tobytes())
        yield digest.digest()


def _imbalance(prepared: PreparedTraining) -> Iterator[Problem]:
    dataset = prepared.dataset
    if dataset.class_name is None or prepared.source.class_weights != "none":
        return
    counts = np.bincount(dataset.labels(), minlength=len(dataset.label.classes))
    largest, smallest = int(counts.argmax()), int(counts.argmin())
    if counts[largest] < IMBALANCE * max(1, counts[smallest]):
        return
    classes = dataset.label.classes
    message = (
        f"unbalanced classes: {quantity(int(counts[largest]), 'training example')} of `{classes[largest]}`, "
        f"{int(counts[smallest]):,} of `{classes[smallest]}`"
    )
    always = f"a network that always predicts `{classes[largest]}` reaches {percent(counts[largest] / counts.sum())}"
    yield Problem("ARCH602", message, facts=(always,), hint="add `class_weights: balanced` to `data`")


def _small_validation(prepared: PreparedTraining) -> Iterator[Problem]:
    count, recipe = len(prepared.dataset.validation), prepared.recipe
    chooses = recipe.keep == "best" or recipe.early_stopping is not None
    if not count or count >= FEWEST or not chooses or not prepared.head.task.facts.fraction:
        return
    points = 100 * margin(ASSUMED, count)
    message = f"the best epoch is chosen by {quantity(count, 'validation example')}"
    fact = f"at {ASSUMED * 100:.0f} % accuracy, that is within {points:.1f} percentage points, with 95 % confidence"
    hint = "raise `data.validation`, or set `keep: last` in `train`"
    yield Problem("ARCH603", message, facts=(fact,), hint=hint)


def _slow_precision(prepared: PreparedTraining) -> Iterator[Problem]:
    precision = prepared.recipe.precision
    if "bfloat16" in precision and prepared.model.jit_compile is True and not tf.config.list_logical_devices("GPU"):
        message = f"XLA makes `{precision}` slow on a CPU: it does not use the CPU's bfloat16 instructions"
        yield Problem("ARCH604", message, hint="set `jit_compile: false` in `train`")
