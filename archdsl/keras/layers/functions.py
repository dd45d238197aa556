"""Layers without weights that compute each number, or each example, by itself."""

import keras
from keras import layers


class ActivationFunction(layers.Layer):
    """A function of `keras.activations` with arguments. Any shape -> the same shape.

    Args:
        function: its name.
        kwargs: its arguments, and those of every layer.
    """

    def __init__(self, function, **kwargs):
        known = ("alpha", "approximate", "axis", "b", "default_value", "threshold")
        arguments = {key: kwargs.pop(key) for key in known if key in kwargs}
        super().__init__(**kwargs)
        self.function = function
        self.arguments = arguments

    def call(self, inputs):
        return getattr(keras.activations, self.function)(inputs, **self.arguments)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "function": self.function, **self.arguments}


class GatedLinearUnit(layers.Layer):
    """The first half of the channels, each times the sigmoid of its twin in the second. (..., 2 C) -> (..., C)."""

    def call(self, inputs):
        return keras.ops.glu(inputs)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] // 2)


class StochasticDepth(layers.Layer):
    """In training, zeros all of an example at a rate, and scales the others up. Any shape -> the same shape.

    Args:
        rate: the share of examples that become 0.
        seed: makes the draws the same in each run.
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if not training or not self.rate:
            return inputs
        shape = (keras.ops.shape(inputs)[0], *[1] * (len(inputs.shape) - 1))
        kept = keras.random.uniform(shape, seed=self.seed_generator) >= self.rate
        return inputs * keras.ops.cast(kept, inputs.dtype) / (1 - self.rate)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
