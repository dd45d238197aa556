"""The Keras layers of the ops."""

import math

import keras


@keras.saving.register_keras_serializable(package="archdsl_example_ops")
class BlurPool2D(keras.layers.Layer):
    """Blurs each channel, then subsamples the pixels. (B, H, W, C) -> (B, H', W', C).

    Args:
        size: height and width of the binomial blur kernel.
        strides: stride of the subsampling: one number, or one for each axis; both must be equal.
    """

    def __init__(self, size=3, strides=2, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.strides = strides

    def _steps(self):
        return [self.strides] * 2 if isinstance(self.strides, int) else list(self.strides)

    def call(self, inputs):
        row = [math.comb(self.size - 1, i) / 2 ** (self.size - 1) for i in range(self.size)]
        blur = keras.ops.convert_to_tensor([[a * b for b in row] for a in row], inputs.dtype)
        kernel = keras.ops.tile(blur[:, :, None, None], (1, 1, inputs.shape[-1], 1))
        return keras.ops.depthwise_conv(inputs, kernel, self._steps()[0], "same", "channels_last")

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        height, width = (side and -(-side // step) for side, step in zip(sides, self._steps(), strict=True))
        return batch, height, width, channels

    def get_config(self):
        return {**super().get_config(), "size": self.size, "strides": self.strides}


@keras.saving.register_keras_serializable(package="archdsl_example_ops")
class SquaredDistance(keras.layers.Layer):
    """The squared distance between two vectors. [(B, C), (B, C)] -> (B, 1)."""

    def call(self, inputs):
        one, other = inputs
        return keras.ops.sum(keras.ops.square(one - other), axis=-1, keepdims=True)

    def compute_output_shape(self, input_shape):
        return input_shape[0][0], 1


@keras.saving.register_keras_serializable(package="archdsl_example_ops")
class GeMPool(keras.layers.Layer):
    """Generalized mean pooling. (B, H, W, C) -> (B, C).

    Args:
        power: initial value of the trainable power.
    """

    def __init__(self, power=3.0, **kwargs):
        super().__init__(**kwargs)
        self.initial = power

    def build(self, input_shape):
        start = keras.initializers.Constant(self.initial)
        self.power = self.add_weight(shape=(1,), initializer=start, name="power")

    def call(self, inputs):
        positive = keras.ops.maximum(inputs, 1e-6)
        return keras.ops.mean(positive**self.power, axis=(1, 2)) ** (1 / self.power)

    def compute_output_shape(self, input_shape):
        return input_shape[0], input_shape[3]

    def get_config(self):
        return {**super().get_config(), "power": self.initial}


@keras.saving.register_keras_serializable(package="archdsl_example_ops")
class SparseCode(keras.layers.Layer):
    """A sigmoid whose mean activation is pulled towards a fraction by a loss. (B, ...) -> (B, ...).

    Args:
        fraction: desired mean activation.
        weight: factor of the loss.
    """

    def __init__(self, fraction=0.05, weight=1.0, **kwargs):
        super().__init__(**kwargs)
        self.fraction = fraction
        self.weight = weight

    def call(self, inputs, training=False):
        outputs = keras.ops.sigmoid(inputs)
        if training:
            mean = keras.ops.clip(keras.ops.mean(outputs, axis=0), 1e-6, 1 - 1e-6)
            there = self.fraction * keras.ops.log(self.fraction / mean)
            absent = (1 - self.fraction) * keras.ops.log((1 - self.fraction) / (1 - mean))
            self.add_loss(self.weight * keras.ops.sum(there + absent))
        return outputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "fraction": self.fraction, "weight": self.weight}
