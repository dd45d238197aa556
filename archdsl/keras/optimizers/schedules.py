"""Schedules of a learning rate that Keras has none for."""

import math

import keras


@keras.saving.register_keras_serializable(package="archdsl_extra")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """A line from 0 up to a learning rate, and that from there on.

    Args:
        rate: a number, or a schedule.
        steps: how many steps the line has.
        late: whether a schedule begins when the line ends; else it runs all the while, and the line is a factor on it.
    """

    def __init__(self, rate, steps, late=False):
        super().__init__()
        self.rate = rate
        self.steps = steps
        self.late = late

    def __call__(self, step):
        step = keras.ops.cast(step, "float32")
        share = keras.ops.minimum(1.0, step / self.steps)
        if not callable(self.rate):
            return self.rate * share
        return share * self.rate(keras.ops.maximum(0.0, step - self.steps) if self.late else step)

    def get_config(self):
        rate = keras.saving.serialize_keras_object(self.rate) if callable(self.rate) else self.rate
        return {"rate": rate, "steps": self.steps, "late": self.late}

    @classmethod
    def from_config(cls, config):
        rate = config["rate"]
        rate = keras.saving.deserialize_keras_object(rate) if isinstance(rate, dict) else rate
        return cls(rate, config["steps"], config["late"])


@keras.saving.register_keras_serializable(package="archdsl_extra")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Up to a learning rate and down again (Smith & Topin 2017).

    Args:
        rate: the largest learning rate.
        steps: how many steps there are.
        start: the first learning rate, as a share of `rate`.
        peak: when it is largest, as a share of the steps.
        final: the last learning rate, as a share of `rate`, which it has behind the last step.
        shape: `linear`, or `cosine` for two halves of a cosine.
    """

    def __init__(self, rate, steps, start=0.04, peak=0.3, final=0.0, shape="linear"):
        super().__init__()
        self.rate = rate
        self.steps = steps
        self.start = start
        self.peak = peak
        self.final = final
        self.shape = shape

    def __call__(self, step):
        ops = keras.ops
        top = self.peak * self.steps
        step = ops.cast(step, "float32")
        up = ops.clip(step / top, 0.0, 1.0)
        down = ops.clip((step - top) / (self.steps - top), 0.0, 1.0)
        if self.shape == "cosine":
            up = (1.0 - ops.cos(math.pi * up)) / 2.0
            down = (1.0 - ops.cos(math.pi * down)) / 2.0
        # Before the peak `down` is 0, and behind it `up` is 1.
        return self.rate * (self.start + (1.0 - self.start) * up + (self.final - 1.0) * down)

    def get_config(self):
        return {
            "rate": self.rate,
            "steps": self.steps,
            "start": self.start,
            "peak": self.peak,
            "final": self.final,
            "shape": self.shape,
        }
