"""Learning rate schedules that Keras does not provide."""

import math

import keras


@keras.saving.register_keras_serializable(package="archdsl_extra")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warmup from 0 to a learning rate or schedule.

    Args:
        rate: A number, or a schedule.
        steps: Number of warmup steps.
        late: Whether the schedule starts after the warmup. Otherwise it starts at once, multiplied by the warmup.
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
    """1cycle schedule: increases the learning rate, then decreases it (Smith & Topin 2017).

    Args:
        rate: Largest learning rate.
        steps: Number of steps.
        start: Initial learning rate, as a fraction of `rate`.
        peak: Position of the largest learning rate, as a fraction of the steps.
        final: Learning rate after the last step, as a fraction of `rate`.
        shape: `linear` or `cosine`.
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
        # Before the peak, `down` is 0; after it, `up` is 1.
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


@keras.saving.register_keras_serializable(package="archdsl_extra")
class Continued(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that begins after some steps.

    Args:
        schedule: The schedule.
        steps: Number of steps to skip.
    """

    def __init__(self, schedule, steps):
        super().__init__()
        self.schedule = schedule
        self.steps = steps

    def __call__(self, step):
        return self.schedule(keras.ops.add(step, self.steps))

    def get_config(self):
        return {"schedule": keras.saving.serialize_keras_object(self.schedule), "steps": self.steps}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["schedule"]), config["steps"])
