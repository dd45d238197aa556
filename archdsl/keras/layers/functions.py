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


class ElementwiseFunction(layers.Layer):
    """Applies an element-wise function of `keras.ops`. Any shape -> the same shape.

    Args:
        function: name of the function.
        kwargs: arguments of the function and of the base layer.
    """

    def __init__(self, function, **kwargs):
        arguments = {k: kwargs.pop(k) for k in ("x_min", "x_max", "x2") if k in kwargs}
        super().__init__(**kwargs)
        self.function = function
        self.arguments = arguments

    def call(self, inputs):
        return getattr(keras.ops, self.function)(inputs, **self.arguments)

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_mask(self, inputs, mask=None):
        return mask

    def get_config(self):
        return {**super().get_config(), "function": self.function, **self.arguments}


class Cast(layers.Layer):
    """Converts the values to another dtype. Any shape -> the same shape.

    Args:
        to: dtype of the output; `float32` is the dtype in which the model computes.
    """

    def __init__(self, to, **kwargs):
        super().__init__(**kwargs)
        self.to = to

    def _output_dtype(self):
        return self.compute_dtype if self.to == "float32" else self.to

    def call(self, inputs):
        return keras.ops.cast(inputs, self._output_dtype())

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, self._output_dtype())

    def compute_mask(self, inputs, mask=None):
        return mask

    def get_config(self):
        return {**super().get_config(), "to": self.to}


class OneHot(layers.Layer):
    """Encodes each integer as a vector of zeros with a single one. (...) -> (..., num_classes).

    Args:
        num_classes: number of classes, the length of the vectors.
    """

    def __init__(self, num_classes, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes

    def call(self, inputs):
        return keras.ops.one_hot(inputs, self.num_classes, dtype=self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return *input_shape, self.num_classes

    def compute_mask(self, inputs, mask=None):
        return mask

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes}


class NormalSampling(layers.Layer):
    """Samples from a normal distribution: mean + exp(log_variance / 2) * noise. At inference, returns the mean.

    Args:
        kl: factor of the divergence from a standard normal distribution, which is added to the loss.
        seed: random seed, for reproducible results.
    """

    def __init__(self, kl=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.kl = kl
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        mean, log_variance = inputs
        if self.kl:
            self.add_loss(self.kl * self._divergence(mean, log_variance))
        if not training:
            return mean
        shape, dtype = keras.ops.shape(mean), mean.dtype
        noise = keras.random.normal(shape, dtype=dtype, seed=self.seed_generator)
        return mean + keras.ops.exp(log_variance / 2) * noise

    def _divergence(self, mean, log_variance):
        # In half precision, the sum would lose small values.
        mean = keras.ops.cast(mean, "float32")
        log_variance = keras.ops.cast(log_variance, "float32")
        terms = keras.ops.square(mean) + keras.ops.exp(log_variance) - log_variance - 1
        axes = list(range(1, len(terms.shape)))
        return keras.ops.mean(keras.ops.sum(terms, axes)) / 2

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "kl": self.kl, "seed": self.seed}


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
