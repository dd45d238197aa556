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


class PaddingShortcut(layers.Layer):
    """Every stride-th pixel, with zeros behind the last channel. (B, H, W, C) -> (B, H / stride, W / stride, filters).

    Args:
        filters: channels of the output; at least those of the input.
        strides: one number, or one for each axis.
    """

    def __init__(self, filters, strides=1, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.strides = strides

    def _steps(self):
        if isinstance(self.strides, int):
            return [self.strides, self.strides]
        return list(self.strides)

    def call(self, inputs):
        rows, columns = self._steps()
        kept = inputs[:, ::rows, ::columns]
        more = self.filters - inputs.shape[-1]
        return keras.ops.pad(kept, [[0, 0], [0, 0], [0, 0], [0, more]])

    def compute_output_shape(self, input_shape):
        batch, *sides, _ = input_shape
        pairs = zip(sides, self._steps(), strict=True)
        height, width = (side and -(-side // step) for side, step in pairs)
        return batch, height, width, self.filters

    def get_config(self):
        told = {"filters": self.filters, "strides": self.strides}
        return {**super().get_config(), **told}


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


class LayerScale(layers.Layer):
    """Each channel times a learned factor. (..., C) -> (..., C).

    Args:
        init: what the factors begin with.
        regularizer: what the factors add to the loss.
        constraint: what holds the factors after each step.
    """

    def __init__(self, init=1e-6, regularizer=None, constraint=None, **kwargs):
        super().__init__(**kwargs)
        self.init = init
        self.regularizer = keras.regularizers.get(regularizer)
        self.constraint = keras.constraints.get(constraint)

    def build(self, input_shape):
        start = keras.initializers.Constant(self.init)
        held = {"regularizer": self.regularizer, "constraint": self.constraint}
        self.gamma = self.add_weight(input_shape[-1:], start, name="gamma", **held)

    def call(self, inputs):
        return inputs * self.gamma

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        held = {"regularizer": self.regularizer, "constraint": self.constraint}
        told = keras.saving.serialize_keras_object(held)
        return {**super().get_config(), "init": self.init, **told}


class ClassToken(layers.Layer):
    """A learned token before the others. (B, T, C) -> (B, T + 1, C).

    Args:
        initializer: how the token begins.
        regularizer: what the token adds to the loss.
        constraint: what holds the token after each step.
    """

    def __init__(
        self,
        initializer="zeros",
        regularizer=None,
        constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.held = {
            "initializer": keras.initializers.get(initializer),
            "regularizer": keras.regularizers.get(regularizer),
            "constraint": keras.constraints.get(constraint),
        }

    def build(self, input_shape):
        self.token = self.add_weight((1, input_shape[-1]), name="token", **self.held)

    def call(self, inputs):
        batch = keras.ops.shape(inputs)[0]
        token = keras.ops.cast(self.token, inputs.dtype)
        tokens = keras.ops.broadcast_to(token, (batch, *self.token.shape))
        return keras.ops.concatenate([tokens, inputs], axis=1)

    def compute_output_shape(self, input_shape):
        batch, tokens, channels = input_shape
        return batch, tokens and tokens + 1, channels

    def get_config(self):
        told = keras.saving.serialize_keras_object(dict(self.held))
        return {**super().get_config(), **told}


class PositionEmbedding(layers.Layer):
    """Adds numbers learned for each place. (B, T, C) -> (B, T, C), (B, H, W, C) -> (B, H, W, C).

    Args:
        initializer: how the numbers begin.
        regularizer: what the numbers add to the loss.
        constraint: what holds the numbers after each step.
    """

    def __init__(
        self,
        initializer="random_normal",
        regularizer=None,
        constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.held = {
            "initializer": keras.initializers.get(initializer),
            "regularizer": keras.regularizers.get(regularizer),
            "constraint": keras.constraints.get(constraint),
        }

    def build(self, input_shape):
        self.embedding = self.add_weight(input_shape[1:], name="embedding", **self.held)

    def call(self, inputs):
        return inputs + self.embedding

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        told = keras.saving.serialize_keras_object(dict(self.held))
        return {**super().get_config(), **told}


class SelfAttention(layers.MultiHeadAttention):
    """Multi-head attention of a tensor to itself. (B, T, C) -> (B, T, C), (B, H, W, C) -> (B, H, W, C).

    Args:
        use_causal_mask: whether a token sees only itself and those before it.
        kwargs: those of `MultiHeadAttention`.
    """

    def __init__(self, num_heads, key_dim, use_causal_mask=False, **kwargs):
        super().__init__(num_heads, key_dim, **kwargs)
        self.use_causal_mask = use_causal_mask

    def build(self, input_shape):
        super().build(input_shape, input_shape)

    def call(self, inputs, training=None):
        causal = self.use_causal_mask
        return super().call(inputs, inputs, training=training, use_causal_mask=causal)

    def compute_output_shape(self, input_shape):
        return super().compute_output_shape(input_shape, input_shape)

    def compute_output_spec(self, inputs, training=None):
        shape = self.compute_output_shape(inputs.shape)
        return keras.KerasTensor(shape, self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "use_causal_mask": self.use_causal_mask}


class TakeAt(layers.Layer):
    """One place along the first axis. (B, T, C) -> (B, C).

    Args:
        index: which place, from 0; -1 is the last.
    """

    def __init__(self, index, **kwargs):
        super().__init__(**kwargs)
        self.index = index

    def call(self, inputs):
        return inputs[:, self.index]

    def compute_output_shape(self, input_shape):
        return input_shape[0], *input_shape[2:]

    def get_config(self):
        return {**super().get_config(), "index": self.index}


class ChannelSlice(layers.Layer):
    """Some of the channels, as Python slices them. (..., C) -> (..., fewer).

    Args:
        start: the first one.
        stop: the one behind the last; without it, all that are left.
        step: how far to go from one to the next.
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

    def get_config(self):
        told = {"start": self.start, "stop": self.stop, "step": self.step}
        return {**super().get_config(), **told}


class ChannelShuffle(layers.Layer):
    """The channels of all groups by turns. (..., C) -> (..., C).

    Args:
        groups: how many groups; they divide the channels.
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
    """Blocks of pixels become channels. (B, H, W, C) -> (B, H / block, W / block, C * block * block).

    Args:
        block: height and width of a block.
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
    """Channels become blocks of pixels. (B, H, W, C) -> (B, H * block, W * block, C / (block * block)).

    Args:
        block: height and width of a block.
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
