"""Learning rate schedules in (fractional) epochs; the schedules of Keras are referred to by name."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from archdsl.ops.base import Call
from archdsl.ops.field_types import NotNegative, Positive, Share
from archdsl.ops.keras_objects import KerasObject
from archdsl.recipe.base import Closed, Conflict, Epochs, invalid


class Schedule(KerasObject):
    """A learning rate schedule.

    Args:
        rate: base learning rate.
    """

    rate: Positive

    def to_call(self, epochs: int, steps: int) -> "Call | float":
        """The Keras schedule, or a number if the learning rate is constant.

        Args:
            epochs: number of epochs.
            steps: optimizer steps per epoch.
        """
        raise NotImplementedError


class Warm(Schedule):
    """A schedule with an optional warmup.

    Args:
        warmup: number of epochs (may be fractional) of linear warmup from 0 to `rate`.
    """

    warmup: NotNegative = 0.0

    def _warmed(self, steps: int, schedule: "Call | float", late: bool) -> "Call | float":
        """The schedule with its warmup; with `late`, it starts only after the warmup."""
        warmup = round(self.warmup * steps)
        return Call("extra.WarmUp", (schedule, warmup), {"late": True} if late else {}) if warmup else schedule


class Constant(Warm):
    """Constant learning rate, after an optional warmup.

    Args:
        rate: learning rate.
    """

    word: ClassVar[str] = "constant"

    def to_call(self, epochs: int, steps: int) -> "Call | float":
        return self._warmed(steps, self.rate, late=False)


class Cosine(Warm):
    """Cosine decay from `rate` to `final` * `rate` over all epochs, after an optional warmup.

    Args:
        rate: maximum learning rate.
        final: final learning rate, as a fraction of `rate`.
    """

    word: ClassVar[str] = "cosine"

    final: Share = 0.0

    def to_call(self, epochs: int, steps: int) -> Call:
        warmup = round(self.warmup * steps)
        start = {"warmup_target": self.rate, "warmup_steps": warmup} if warmup else {}
        return Call(
            "optimizers.schedules.CosineDecay",
            (0.0 if warmup else self.rate, max(1, epochs * steps - warmup)),
            {"alpha": self.final, **start},
        )


class Linear(Warm):
    """Linear decay from `rate` to `final` * `rate` over all epochs, after an optional warmup.

    Args:
        rate: maximum learning rate.
        final: final learning rate, as a fraction of `rate`.
    """

    word: ClassVar[str] = "linear"

    final: Share = 0.0

    def to_call(self, epochs: int, steps: int) -> "Call | float":
        length = max(1, epochs * steps - round(self.warmup * steps))
        line = Call("optimizers.schedules.PolynomialDecay", (self.rate, length, self.final * self.rate))
        return self._warmed(steps, line, late=True)


class Step(Warm):
    """Step decay: multiplies the learning rate by `factor` at the start of each epoch in `at`.

    Epochs are counted from 0 and include the warmup.

    Args:
        rate: initial learning rate.
        at: epochs at which the learning rate changes, in ascending order.
        factor: factor the learning rate is multiplied by.
    """

    word: ClassVar[str] = "step"

    at: Annotated[list[Epochs], Field(min_length=1)]
    factor: Positive = 0.1

    def to_call(self, epochs: int, steps: int) -> "Call | float":
        # In Keras, a value holds up to and including the step of its boundary.
        values = [self.rate * self.factor**i for i in range(len(self.at) + 1)]
        steady = Call("optimizers.schedules.PiecewiseConstantDecay", ([epoch * steps - 1 for epoch in self.at], values))
        return self._warmed(steps, steady, late=False)

    @model_validator(mode="after")
    def _ascending(self) -> "Step":
        if self.at != sorted(set(self.at)):
            raise invalid(Conflict("`at` must be strictly ascending", ("at",)))
        return self


class Exponential(Warm):
    """Continuous exponential decay by `factor` every `every` epochs, after an optional warmup.

    Args:
        rate: initial learning rate.
        factor: factor the learning rate is multiplied by.
        every: number of epochs (may be fractional) in which the learning rate decays by `factor`.
    """

    word: ClassVar[str] = "exponential"

    factor: Positive
    every: Positive = 1.0

    def to_call(self, epochs: int, steps: int) -> "Call | float":
        length = max(1, round(self.every * steps))
        return self._warmed(
            steps, Call("optimizers.schedules.ExponentialDecay", (self.rate, length, self.factor)), True
        )


class OneCycle(Schedule):
    """One-cycle schedule: from `start` * `rate` up to `rate`, then down to `final` * `rate` (Smith & Topin 2017).

    Args:
        rate: maximum learning rate.
        start: initial learning rate, as a fraction of `rate`.
        peak: position of the maximum, as a fraction of the training.
        final: final learning rate, as a fraction of `rate`.
        shape: annealing by straight lines (`linear`) or, as in torch's `OneCycleLR`, by half cosines (`cosine`).
    """

    word: ClassVar[str] = "one_cycle"

    start: Closed = 0.04
    peak: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.3
    final: Closed = 0.0
    shape: Literal["linear", "cosine"] = "linear"

    def to_call(self, epochs: int, steps: int) -> Call:
        given = {name: getattr(self, name) for name in ("start", "peak", "final", "shape")}
        return Call("extra.OneCycle", (self.rate, epochs * steps), given)


MODELS = {model.word: model for model in (Constant, Step, Cosine, Linear, Exponential, OneCycle)}
