"""Layers without weights that are applied element-wise or per example."""

import keras
from keras import layers


class ActivationFunction(layers.Layer):
    """Applies a function of `keras.activations` with arguments. Any shape -> the same shape.

    Args:
        function: name of the function.
        kwargs: arguments of the function and of the base layer.
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

    def compute_mask(self, inputs, mask=None):
        return mask

    def get_config(self):
        return {**super().get_config(), "function": self.function, **self.arguments}


class GatedLinearUnit(layers.Layer):
    """Gated linear unit: half of the channels times the sigmoid of the other half. (..., 2 C) -> (..., C)."""

    def call(self, inputs):
        return keras.ops.glu(inputs)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] // 2)

    def compute_mask(self, inputs, mask=None):
        return mask


class StochasticDepth(layers.Layer):
    """Stochastic depth: drops entire examples at random during training. Any shape -> the same shape.

    Args:
        rate: fraction of the examples to drop; the others are scaled by 1 / (1 - rate).
        seed: random seed, for reproducible results.
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

    def compute_mask(self, inputs, mask=None):
        return mask

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


class PositionEncoding(layers.Layer):
    """Adds sines and cosines of the position. (B, T, C) -> (B, T, C).

    Args:
        max_wavelength: the longest wavelength, divided by 2 pi.
    """

    def __init__(self, max_wavelength=10000.0, **kwargs):
        super().__init__(**kwargs)
        self.max_wavelength = max_wavelength

    def call(self, inputs):
        channels = keras.ops.arange(inputs.shape[-1])
        steps = keras.ops.arange(keras.ops.shape(inputs)[1], dtype="float32")
        halves = keras.ops.cast(channels // 2 * 2 / inputs.shape[-1], "float32")
        angles = steps[:, None] / self.max_wavelength**halves
        waves = keras.ops.sin(angles), keras.ops.cos(angles)
        encoding = keras.ops.where(channels % 2 == 0, *waves)
        return inputs + keras.ops.cast(encoding, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_mask(self, inputs, mask=None):
        return mask

    def get_config(self):
        return {**super().get_config(), "max_wavelength": self.max_wavelength}
