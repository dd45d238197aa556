"""Layers of attention."""

import keras
from keras import layers


class SelfAttention(layers.MultiHeadAttention):
    """Multi-head self-attention. (B, T, C) -> (B, T, C), (B, H, W, C) -> (B, H, W, C).

    Args:
        use_causal_mask: whether to keep tokens from attending to later tokens.
        kwargs: arguments of `MultiHeadAttention`.
    """

    def __init__(self, num_heads, key_dim, use_causal_mask=False, **kwargs):
        super().__init__(num_heads, key_dim, **kwargs)
        self.use_causal_mask = use_causal_mask

    def build(self, input_shape):
        super().build(input_shape, input_shape)

    def call(self, inputs, mask=None, training=None):
        # Keras takes the mask off its inputs, which other layers may need as well.
        x = inputs if mask is None else keras.ops.copy(inputs)
        options = {"value_mask": mask, "use_causal_mask": self.use_causal_mask}
        return super().call(x, x, training=training, **options)

    def compute_output_shape(self, input_shape):
        return super().compute_output_shape(input_shape, input_shape)

    def compute_output_spec(self, inputs, mask=None, training=None):
        shape = self.compute_output_shape(inputs.shape)
        return keras.KerasTensor(shape, self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "use_causal_mask": self.use_causal_mask}


class CrossAttention(layers.MultiHeadAttention):
    """Multi-head attention of a query to a value and a key. [(B, T, C), (B, S, C')] -> (B, T, C).

    Args:
        use_causal_mask: whether to keep tokens from attending to later tokens.
        kwargs: arguments of `MultiHeadAttention`.
    """

    def __init__(self, num_heads, key_dim, use_causal_mask=False, **kwargs):
        super().__init__(num_heads, key_dim, **kwargs)
        self.use_causal_mask = use_causal_mask

    def build(self, input_shape):
        super().build(*input_shape)

    def call(self, inputs, mask=None, training=None):
        options = {"use_causal_mask": self.use_causal_mask}
        if mask:
            # Keras takes the masks off its inputs, which other layers may need as well.
            inputs = [keras.ops.copy(x) for x in inputs]
            options |= dict(zip(("value_mask", "key_mask"), mask[1:], strict=False))
        return super().call(*inputs, training=training, **options)

    def compute_mask(self, inputs, mask=None):
        return mask[0] if mask else None

    def compute_output_shape(self, input_shape):
        return super().compute_output_shape(*input_shape)

    def compute_output_spec(self, inputs, mask=None, training=None):
        shape = self.compute_output_shape([x.shape for x in inputs])
        return keras.KerasTensor(shape, self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "use_causal_mask": self.use_causal_mask}


class GroupedAttention(layers.GroupQueryAttention):
    """Grouped-query attention of a tensor to itself, or to a value and a key. (B, T, C) -> (B, T, C).

    Args:
        use_causal_mask: whether to keep tokens from attending to later tokens.
        kwargs: arguments of `GroupQueryAttention`.
    """

    def __init__(
        self,
        head_dim,
        num_query_heads,
        num_key_value_heads,
        use_causal_mask=False,
        **kwargs,
    ):
        super().__init__(head_dim, num_query_heads, num_key_value_heads, **kwargs)
        self.use_causal_mask = use_causal_mask

    def build(self, input_shape):
        several = isinstance(input_shape[0], (list, tuple))
        super().build(*(input_shape if several else [input_shape] * 2))

    def call(self, inputs, mask=None, training=None):
        several = isinstance(inputs, (list, tuple))
        inputs, mask = (inputs, mask or []) if several else ([inputs] * 2, [mask] * 2)
        names = ("query_mask", "value_mask", "key_mask")
        options = dict(zip(names, mask, strict=False))
        options["use_causal_mask"] = self.use_causal_mask
        if any(one is not None for one in mask):
            # The projections inside do not expect a mask.
            inputs = [keras.ops.copy(x) for x in inputs]
        return super().call(*inputs, training=training, **options)

    def compute_mask(self, inputs, mask=None):
        return mask[0] if isinstance(mask, (list, tuple)) else mask

    def compute_output_shape(self, input_shape):
        several = isinstance(input_shape[0], (list, tuple))
        return input_shape[0] if several else input_shape

    def compute_output_spec(self, inputs, mask=None, training=None):
        query = inputs[0] if isinstance(inputs, (list, tuple)) else inputs
        return keras.KerasTensor(query.shape, self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "use_causal_mask": self.use_causal_mask}
