"""The Keras layer of `blur_pool`."""

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
