"""How a learning rate goes, by epochs that may be fractions; Keras's schedules are named as data."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from archdsl.ops.base import Call
from archdsl.ops.field_types import NotNegative, Positive, Share
from archdsl.ops.keras_objects import KerasObject
from archdsl.recipe.base import Closed, Conflict, Epochs, invalid


class Schedule(KerasObject):
    """How a learning rate goes.

    Args:
        rate: the learning rate that everything else is told by.
    """

    rate: Positive

    def to_call(self, epochs: int, steps: int) -> "Call | float":
        """Keras's schedule; a number where the learning rate stays.

        Args:
            epochs: how many there will be.
            steps: optimizer steps in an epoch.
        """
        raise NotImplementedError


class Warm(Schedule):
    """A schedule that may begin with a line up.

    Args:
        warmup: epochs, which may be a fraction, from 0 up to `rate`.
    """

    warmup: NotNegative = 0.0

    def _warmed(self, steps: int, schedule: "Call | float", late: bool) -> "Call | float":
        """The schedule behind the line up; `late` where it begins only when the line ends."""
        warmup = round(self.warmup * steps)
        return Call("extra.WarmUp", (schedule, warmup), {"late": True} if late else {}) if warmup else schedule


class Constant(Warm):
    """`rate` all the time, after `warmup` epochs of a line up.

    Args:
        rate: the learning rate.
    """

    word: ClassVar[str] = "constant"

    def to_call(self, epochs: int, steps: int) -> "Call | float":
        return self._warmed(steps, self.rate, late=False)


class Cosine(Warm):
    """From `rate` down to `final` * `rate` along half a cosine over all epochs, after `warmup` epochs of a line up.

    Args:
        rate: the largest learning rate.
        final: the last learning rate, as a share of `rate`.
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
    """From `rate` down to `final` * `rate` along a line over all epochs, after `warmup` epochs of a line up.

    Args:
        rate: the largest learning rate.
        final: the last learning rate, as a share of `rate`.
    """

    word: ClassVar[str] = "linear"

    final: Share = 0.0

    def to_call(self, epochs: int, steps: int) -> "Call | float":
        length = max(1, epochs * steps - round(self.warmup * steps))
        line = Call("optimizers.schedules.PolynomialDecay", (self.rate, length, self.final * self.rate))
        return self._warmed(steps, line, late=True)


class Step(Warm):
    """`rate`, times `factor` at the start of each of the epochs in `at` (counted from 0, the warm-up's too).

    Args:
        rate: the first learning rate.
        at: ascending epochs.
        factor: what the learning rate is multiplied by.
    """

    word: ClassVar[str] = "step"

    at: Annotated[list[Epochs], Field(min_length=1)]
    factor: Positive = 0.1

    def to_call(self, epochs: int, steps: int) -> "Call | float":
        # Keras lets a value last until the step of its boundary, that one included.
        values = [self.rate * self.factor**i for i in range(len(self.at) + 1)]
        steady = Call("optimizers.schedules.PiecewiseConstantDecay", ([epoch * steps - 1 for epoch in self.at], values))
        return self._warmed(steps, steady, late=False)

    @model_validator(mode="after")
    def _ascending(self) -> "Step":
        if self.at != sorted(set(self.at)):
            raise invalid(Conflict("`at` wants ascending epochs, each once", ("at",)))
        return self


class Exponential(Warm):
    """`rate`, times `factor` every `every` epochs, smoothly, after `warmup` epochs of a line up.

    Args:
        rate: the first learning rate.
        factor: what the learning rate is multiplied by.
        every: in how many epochs, which may be a fraction.
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
    """From `start` * `rate` up to `rate`, and down to `final` * `rate` (Smith & Topin 2017).

    Args:
        rate: the largest learning rate.
        start: the first learning rate, as a share of `rate`.
        peak: when the learning rate is largest, as a share of the training.
        final: the last learning rate, as a share of `rate`.
        shape: whether it goes along two lines, or along two halves of a cosine as torch's `OneCycleLR`.
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
