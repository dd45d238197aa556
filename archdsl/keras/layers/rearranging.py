"""Layers without weights that move, select or pad pixels, tokens and channels."""

import keras
from keras import layers


class LowestPadding(layers.Layer):
    """Pads the border with minus infinity. (B, H, W, C) -> (B, H + top + bottom, W + left + right, C).

    Args:
        padding: number of pixels on each side: one number, or one pair per axis.
    """

    def __init__(self, padding, **kwargs):
        super().__init__(**kwargs)
        self.padding = padding

    def _sides(self, rank):
        if isinstance(self.padding, int):
            return [[self.padding, self.padding]] * rank
        return [list(side) for side in self.padding]

    def call(self, inputs):
        sides = [[0, 0], *self._sides(len(inputs.shape) - 2), [0, 0]]
        return keras.ops.pad(inputs, sides, constant_values=float("-inf"))

    def compute_output_shape(self, input_shape):
        batch, *lengths, channels = input_shape
        sides = map(sum, self._sides(len(lengths)))
        pairs = zip(lengths, sides, strict=True)
        padded = (length and length + more for length, more in pairs)
        return batch, *padded, channels

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}


class PaddingShortcut(layers.Layer):
    """Subsamples the pixels and appends zero channels. (B, H, W, C) -> (B, H / stride, W / stride, filters).

    Args:
        filters: number of output channels; at least the number of input channels.
        strides: stride of the subsampling: one number, or one for each axis.
    """

    def __init__(self, filters, strides=1, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.strides = strides

    def _steps(self, rank):
        if isinstance(self.strides, int):
            return [self.strides] * rank
        return list(self.strides)

    def call(self, inputs):
        steps = self._steps(len(inputs.shape) - 2)
        kept = inputs[(slice(None), *(slice(None, None, step) for step in steps))]
        more = self.filters - inputs.shape[-1]
        return keras.ops.pad(kept, [[0, 0], *([0, 0] for _ in steps), [0, more]])

    def compute_output_shape(self, input_shape):
        batch, *sides, _ = input_shape
        pairs = zip(sides, self._steps(len(sides)), strict=True)
        return batch, *(side and -(-side // step) for side, step in pairs), self.filters

    def get_config(self):
        config = {"filters": self.filters, "strides": self.strides}
        return {**super().get_config(), **config}


class CoveringMaxPooling(layers.Layer):
    """Max pooling to a fixed output size. (B, H, W, C) -> (B, rows, columns, C).

    As in torch, window i of n along a side of s pixels goes from floor(i s / n) to ceil((i + 1) s / n).

    Args:
        output_size: size of the output: one number, or one per axis.
    """

    def __init__(self, output_size, **kwargs):
        super().__init__(**kwargs)
        self.output_size = output_size

    def _counts(self, rank):
        if isinstance(self.output_size, int):
            return [self.output_size] * rank
        return list(self.output_size)

    def call(self, inputs):
        for axis, count in enumerate(self._counts(len(inputs.shape) - 2), 1):
            windows = self._windows(inputs.shape[axis], count)
            before = (slice(None),) * axis
            parts = [inputs[(*before, slice(start, stop))] for start, stop in windows]
            largest = [keras.ops.max(part, axis, keepdims=True) for part in parts]
            inputs = keras.ops.concatenate(largest, axis)
        return inputs

    def _windows(self, side, count):
        return [(i * side // count, -(-(i + 1) * side // count)) for i in range(count)]

    def compute_output_shape(self, input_shape):
        counts = self._counts(len(input_shape) - 2)
        return input_shape[0], *counts, input_shape[-1]

    def get_config(self):
        return {**super().get_config(), "output_size": self.output_size}


class TakeAt(layers.Layer):
    """Selects one position along the first axis. (B, T, C) -> (B, C).

    Args:
        index: index of the position, counted from 0; -1 is the last.
    """

    def __init__(self, index, **kwargs):
        super().__init__(**kwargs)
        self.index = index

    def call(self, inputs):
        return inputs[:, self.index]

    def compute_output_shape(self, input_shape):
        return input_shape[0], *input_shape[2:]

    def compute_mask(self, inputs, mask=None):
        is_of_more_axes = mask is not None and len(mask.shape) > 2
        return mask[:, self.index] if is_of_more_axes else None

    def get_config(self):
        return {**super().get_config(), "index": self.index}


class ChannelSlice(layers.Layer):
    """Selects a slice of the channels. (..., C) -> (..., (stop - start) / step).

    Args:
        start: index of the first channel.
        stop: index at which to stop (exclusive); defaults to the number of channels.
        step: step between channels.
    """

    def __init__(self, start=0, stop=None, step=1, **kwargs):
        super().__init__(**kwargs)
        self.start = start
        self.stop = stop
        self.step = step

    def call(self, inputs):
        return inputs[..., self.start : self.stop : self.step]

    def compute_output_shape(self, input_shape):
        taken = range(input_shape[-1])[self.start : self.stop : self.step]
        return *input_shape[:-1], len(taken)

    def compute_mask(self, inputs, mask=None):
        return mask

    def get_config(self):
        config = {"start": self.start, "stop": self.stop, "step": self.step}
        return {**super().get_config(), **config}


class ChannelShuffle(layers.Layer):
    """Shuffles the channels across groups. (..., C) -> (..., C).

    Args:
        groups: number of groups; must divide the number of channels.
    """

    def __init__(self, groups, **kwargs):
        super().__init__(**kwargs)
        self.groups = groups

    def call(self, inputs):
        channels = inputs.shape[-1]
        size = channels // self.groups
        groups = range(0, channels, size)
        order = [first + place for place in range(size) for first in groups]
        return keras.ops.take(inputs, order, axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "groups": self.groups}


class SpaceToDepth(layers.Layer):
    """Rearranges blocks of pixels into channels. (B, H, W, C) -> (B, H / block, W / block, C * block * block).

    Args:
        block: height and width of a block of pixels.
    """

    def __init__(self, block, **kwargs):
        super().__init__(**kwargs)
        self.block = block

    def call(self, inputs):
        return keras.ops.space_to_depth(inputs, self.block, data_format="channels_last")

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        height, width = (side and side // self.block for side in sides)
        return batch, height, width, channels * self.block**2

    def get_config(self):
        return {**super().get_config(), "block": self.block}


class DepthToSpace(layers.Layer):
    """Rearranges channels into blocks of pixels. (B, H, W, C) -> (B, H * block, W * block, C / (block * block)).

    Args:
        block: height and width of a block of pixels.
    """

    def __init__(self, block, **kwargs):
        super().__init__(**kwargs)
        self.block = block

    def call(self, inputs):
        return keras.ops.depth_to_space(inputs, self.block, data_format="channels_last")

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        height, width = (side and side * self.block for side in sides)
        return batch, height, width, channels // self.block**2

    def get_config(self):
        return {**super().get_config(), "block": self.block}
