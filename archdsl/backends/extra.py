"""Keras layers for ops that Keras has no layer for. Each class stands alone: `eject` copies its source."""

import keras
from keras import layers


class LowestPadding2D(layers.Layer):
    """Pads height and width with minus infinity. (B, H, W, C) -> (B, H + ..., W + ..., C).

    Args:
        padding: a number of pixels, or [[top, bottom], [left, right]].
    """

    def __init__(self, padding, **kwargs):
        super().__init__(**kwargs)
        self.padding = padding

    def _sides(self):
        if isinstance(self.padding, int):
            return [[self.padding, self.padding]] * 2
        return [list(side) for side in self.padding]

    def call(self, inputs):
        sides = [[0, 0], *self._sides(), [0, 0]]
        return keras.ops.pad(inputs, sides, constant_values=float("-inf"))

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        (top, bottom), (left, right) = self._sides()
        height = height and height + top + bottom
        width = width and width + left + right
        return batch, height, width, channels

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}


class GatedLinearUnit(layers.Layer):
    """The first half of the channels, each times the sigmoid of its twin in the second. (..., 2 C) -> (..., C)."""

    def call(self, inputs):
        return keras.ops.glu(inputs)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] // 2)
