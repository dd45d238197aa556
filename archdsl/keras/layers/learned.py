"""Layers with weights."""

import keras
from keras import layers


class StandardizedConv2D(layers.Conv2D):
    """2D convolution with weight standardization. (B, H, W, C) -> (B, H', W', filters).

    Args:
        epsilon: small number added to the variance of a filter's weights.
        kwargs: arguments of `Conv2D`.
    """

    def __init__(self, filters, kernel_size, epsilon=1e-6, **kwargs):
        super().__init__(filters, kernel_size, **kwargs)
        self.epsilon = epsilon

    def convolution_op(self, inputs, kernel):
        # In half precision, epsilon and the variance of small weights would underflow to 0.
        kernel = keras.ops.cast(kernel, self.variable_dtype)
        mean, variance = keras.ops.moments(kernel, [0, 1, 2], keepdims=True)
        kernel = (kernel - mean) * keras.ops.rsqrt(variance + self.epsilon)
        kernel = keras.ops.cast(kernel, self.compute_dtype)
        return super().convolution_op(inputs, kernel)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


class TiedDense(layers.Layer):
    """Dense layer with a weight of another layer as its kernel. (B, ..., C) -> (B, ..., units).

    The other layer trains, saves and loads the weight, so this layer must be created by the code that creates both.

    Args:
        units: dimension of the output.
        kernel: the variable of the other layer.
        transpose: whether to transpose the kernel.
        activation: activation of the output.
        use_bias: whether to add a bias.
        bias_initializer: initializer for the bias.
        bias_regularizer: regularizer for the bias.
        bias_constraint: constraint on the bias.
    """

    def __init__(
        self,
        units,
        kernel,
        transpose=False,
        activation=None,
        use_bias=True,
        bias_initializer="zeros",
        bias_regularizer=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units, self.transpose, self.use_bias = units, transpose, use_bias
        self.activation = keras.activations.get(activation)
        self.bias_options = {
            "initializer": keras.initializers.get(bias_initializer),
            "regularizer": keras.regularizers.get(bias_regularizer),
            "constraint": keras.constraints.get(bias_constraint),
        }
        # Keras would track an attribute, and count and save the variable twice.
        object.__setattr__(self, "kernel", kernel)

    def build(self, input_shape):
        if self.use_bias:
            self.bias = self.add_weight((self.units,), name="bias", **self.bias_options)

    def call(self, inputs):
        kernel = keras.ops.convert_to_tensor(self.kernel)
        kernel = keras.ops.transpose(kernel) if self.transpose else kernel
        x = keras.ops.matmul(inputs, keras.ops.cast(kernel, inputs.dtype))
        if self.use_bias:
            x = keras.ops.add(x, keras.ops.cast(self.bias, x.dtype))
        return self.activation(x)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def compute_mask(self, inputs, mask=None):
        return mask

    def get_config(self):
        how = "type(model).from_config(model.get_config())"
        raise NotImplementedError(f"To clone a model with a shared kernel: {how}")


class LayerScale(layers.Layer):
    """Multiplies each channel by a learned factor. (..., C) -> (..., C).

    Args:
        init: initial value of the factors.
        regularizer: regularizer for the factors.
        constraint: constraint on the factors.
    """

    def __init__(self, init=1e-6, regularizer=None, constraint=None, **kwargs):
        super().__init__(**kwargs)
        self.init = init
        self.regularizer = keras.regularizers.get(regularizer)
        self.constraint = keras.constraints.get(constraint)

    def build(self, input_shape):
        start = keras.initializers.Constant(self.init)
        options = {"regularizer": self.regularizer, "constraint": self.constraint}
        self.gamma = self.add_weight(input_shape[-1:], start, name="gamma", **options)

    def call(self, inputs):
        return inputs * self.gamma

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_mask(self, inputs, mask=None):
        return mask

    def get_config(self):
        options = {"regularizer": self.regularizer, "constraint": self.constraint}
        config = keras.saving.serialize_keras_object(options)
        return {**super().get_config(), "init": self.init, **config}


class ClassToken(layers.Layer):
    """Prepends a learned class token to the sequence. (B, T, C) -> (B, T + 1, C).

    Args:
        initializer: initializer for the token.
        regularizer: regularizer for the token.
        constraint: constraint on the token.
    """

    def __init__(
        self,
        initializer="zeros",
        regularizer=None,
        constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.options = {
            "initializer": initializer,
            "regularizer": regularizer,
            "constraint": constraint,
        }

    def build(self, input_shape):
        self.token = self.add_weight((1, input_shape[-1]), name="token", **self.options)

    def call(self, inputs):
        batch = keras.ops.shape(inputs)[0]
        token = keras.ops.cast(self.token, inputs.dtype)
        tokens = keras.ops.broadcast_to(token, (batch, *self.token.shape))
        return keras.ops.concatenate([tokens, inputs], axis=1)

    def compute_output_shape(self, input_shape):
        batch, tokens, channels = input_shape
        return batch, tokens and tokens + 1, channels

    def compute_mask(self, inputs, mask=None):
        pad = [[0, 0], [1, 0]]
        return mask if mask is None else keras.ops.pad(mask, pad, constant_values=True)

    def get_config(self):
        return {**super().get_config(), **self.options}


class FreeWeight(layers.Layer):
    """A weight that depends on no input, repeated for each example of the batch. (B, ...) -> (B, *shape).

    Args:
        shape: shape of the weight.
        initializer: initializer for the weight.
        regularizer: regularizer for the weight.
        constraint: constraint on the weight.
        trainable: whether training changes the weight.
    """

    def __init__(
        self,
        shape,
        initializer="glorot_uniform",
        regularizer=None,
        constraint=None,
        trainable=True,
        **kwargs,
    ):
        super().__init__(trainable=trainable, **kwargs)
        self.shape = tuple(shape)
        self.options = {
            "initializer": initializer,
            "regularizer": regularizer,
            "constraint": constraint,
        }

    def build(self, input_shape):
        self.weight = self.add_weight(self.shape, name="weight", **self.options)

    def call(self, inputs):
        batch = keras.ops.shape(inputs)[0]
        weight = keras.ops.cast(self.weight, self.compute_dtype)
        return keras.ops.broadcast_to(weight, (batch, *self.shape))

    def compute_output_shape(self, input_shape):
        return input_shape[0], *self.shape

    def compute_output_spec(self, inputs):
        shape = self.compute_output_shape(inputs.shape)
        return keras.KerasTensor(shape, self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "shape": self.shape, **self.options}


class PositionEmbedding(layers.Layer):
    """Adds a learned position embedding. (B, T, C) -> (B, T, C), (B, H, W, C) -> (B, H, W, C).

    Args:
        initializer: initializer for the embedding.
        regularizer: regularizer for the embedding.
        constraint: constraint on the embedding.
    """

    def __init__(
        self,
        initializer="random_normal",
        regularizer=None,
        constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.options = {
            "initializer": initializer,
            "regularizer": regularizer,
            "constraint": constraint,
        }

    def build(self, input_shape):
        shape = input_shape[1:]
        self.embedding = self.add_weight(shape, name="embedding", **self.options)

    def call(self, inputs):
        return inputs + self.embedding

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_mask(self, inputs, mask=None):
        return mask

    def get_config(self):
        return {**super().get_config(), **self.options}
