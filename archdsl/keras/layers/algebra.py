"""Layers without weights on axes with names."""

import keras
from keras import layers


class Rearrange(layers.Layer):
    """Splits, reorders, reduces and joins axes by name, as in einops. The batch is not part of the pattern.

    `Rearrange("(h p) (w q) c -> (h w) (p q c)", {"p": 16, "q": 16})` cuts an image into patches.

    Args:
        pattern: axes of the input and the output; axes in parentheses are one axis of the tensor.
        sizes: sizes of axes that cannot be inferred.
        reduction: `mean`, `sum`, `max` or `min` over the axes that are not in the output.
    """

    def __init__(self, pattern, sizes=None, reduction=None, **kwargs):
        super().__init__(**kwargs)
        self.pattern = pattern
        self.sizes = dict(sizes or {})
        self.reduction = reduction

    def _sides(self, rank):
        """The names of the axes in each axis of the input and of the output."""
        left, right = (self._groups(side, ()) for side in self.pattern.split("->"))
        more = rank - len(left)
        names = [f"...{number}" for number in range(more)]
        left, right = (self._groups(side, names) for side in self.pattern.split("->"))
        return left, right

    def _groups(self, side, ellipsis):
        words = side.replace("(", " ( ").replace(")", " ) ").split()
        groups: list[list[str]] = []
        is_open = False
        for place, word in enumerate(words):
            if word in "()":
                is_open = word == "("
                groups += [[]] if is_open else []
                continue
            names = [f"{word}@{place}"] if word.isdigit() else [word]
            names = ellipsis if word == "..." else [] if word == "1" else names
            if is_open:
                groups[-1] += names
            else:
                groups += [[name] for name in names] if word == "..." else [names]
        return groups

    def _lengths(self, groups, shape):
        """The length of each axis; None if it is unknown."""
        names = [name for group in groups for name in group if "@" in name]
        lengths = {**self.sizes, **{name: int(name.split("@")[0]) for name in names}}
        for group, length in zip(groups, shape, strict=True):
            known = self._product([lengths[name] for name in group if name in lengths])
            for name in group:
                if name not in lengths:
                    lengths[name] = None if length is None else length // known
        return lengths

    def _product(self, lengths):
        product = 1
        for length in lengths:
            if length is None:
                return None
            product *= length
        return product

    def call(self, inputs):
        shape = keras.ops.shape(inputs)[1:]
        left, right = self._sides(len(shape))
        lengths = self._lengths(left, shape)
        names = [name for group in left for name in group]
        kept = [name for group in right for name in group]
        x = keras.ops.reshape(inputs, (-1, *[lengths[name] for name in names]))
        if self.reduction:
            axes = [i for i, name in enumerate(names, 1) if name not in kept]
            x = getattr(keras.ops, self.reduction)(x, axes) if axes else x
            names = [name for name in names if name in kept]
        x = keras.ops.transpose(x, (0, *[names.index(name) + 1 for name in kept]))
        joined = [self._product([lengths[name] for name in group]) for group in right]
        return keras.ops.reshape(x, (-1, *joined))

    def compute_output_shape(self, input_shape):
        left, right = self._sides(len(input_shape) - 1)
        lengths = self._lengths(left, input_shape[1:])
        joined = [self._product([lengths[name] for name in group]) for group in right]
        return input_shape[0], *joined

    def compute_output_spec(self, inputs):
        # The output may be integers, which Keras would otherwise take for floats.
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), inputs.dtype)

    def get_config(self):
        config = {"pattern": self.pattern, "sizes": self.sizes}
        return {**super().get_config(), **config, "reduction": self.reduction}


class Einsum(layers.Layer):
    """Einstein summation over axes with names, as in einops. The batch is not part of the pattern.

    `Einsum("t d, d c -> t c")([x, matrix])` is a matrix product.

    Args:
        pattern: axes of the inputs, separated by commas, and axes of the output after `->`.
    """

    def __init__(self, pattern, **kwargs):
        super().__init__(**kwargs)
        self.pattern = pattern
        # NumPy's notation has a letter for each axis: "at d" becomes "abc", where "a" is the batch.
        words = pattern.replace("->", " ").replace(",", " ").split()
        names = [word for word in dict.fromkeys(words) if word != "..."]
        letters = {name: chr(ord("b") + number) for number, name in enumerate(names)}
        left, right = pattern.split("->")
        sides = [*left.split(","), right]
        terms = ["".join(letters.get(word, word) for word in x.split()) for x in sides]
        *first, last = (f"a{term}" for term in terms)
        self.equation = f"{','.join(first)}->{last}"

    def call(self, inputs):
        operands = inputs if isinstance(inputs, list | tuple) else [inputs]
        return keras.ops.einsum(self.equation, *operands)

    def compute_output_shape(self, input_shape):
        shapes = input_shape if isinstance(input_shape, list) else [input_shape]
        left, right = self.equation.split("->")
        parts = {"": shapes[0][:0]}
        for side, shape in zip(left.split(","), shapes, strict=True):
            first, dots, last = side.partition("...")
            stop = len(shape) - len(last)
            parts |= {axis: shape[i : i + 1] for i, axis in enumerate(first)}
            parts |= {axis: shape[i : i + 1] for i, axis in enumerate(last, stop)}
            parts[dots] = shape[len(first) : stop]
        first, dots, last = right.partition("...")
        return sum((tuple(parts[axis]) for axis in [*first, dots, *last]), ())

    def get_config(self):
        return {**super().get_config(), "pattern": self.pattern}


class MatMul(layers.Layer):
    """Matrix product of two tensors. (B, ..., M, K) and (B, ..., K, N) -> (B, ..., M, N)."""

    def call(self, inputs):
        left, right = inputs
        for _ in range(len(left.shape) - len(right.shape)):
            right = keras.ops.expand_dims(right, 1)
        for _ in range(len(right.shape) - len(left.shape)):
            left = keras.ops.expand_dims(left, 1)
        return keras.ops.matmul(left, right)

    def compute_output_shape(self, input_shape):
        left, right = input_shape
        longer = left if len(left) >= len(right) else right
        return *longer[:-2], left[-2], right[-1]
