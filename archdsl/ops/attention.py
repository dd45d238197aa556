"""Attention, class tokens and position embeddings."""

import math
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from archdsl.ops.base import Counts, Example, Op, OpError, RankError, SavedForBackward, Shape, Traits, Weight, show
from archdsl.ops.field_types import Count, Flag, Seed, Share
from archdsl.ops.index_sets import Positions, shifted
from archdsl.ops.receptive_field import POINTWISE
from archdsl.ops.weights import Constraint, Initializer, Kernel, Regularizer

_TOKENS = ((5, 6),)


class Attention(Kernel, name="attention", kind="dense", layer="SelfAttention"):
    """Multi-head self-attention over tokens or pixels. (T, C) -> (T, C), (H, W, C) -> (H, W, C).

    Keras `MultiHeadAttention`, with the input as query, key and value; Vaswani et al. 2017.

    Args:
        heads: number of attention heads.
        key: size of each head for query and key; usually `$channels // heads`.
        value: size of each head for value; defaults to `key`.
        out: number of output channels; defaults to the number of input channels.
        dropout: fraction of the attention weights to drop during training.
        axes: axes over which attention is applied; defaults to all but the channels. Axis 0 is the batch and cannot be
            used.
        window: distance up to which tokens attend to each other (sliding window attention); unlimited by default.
        causal: whether to apply a causal mask, which keeps tokens from attending to later tokens.
        gate: whether to multiply the output of each head by a gate, a sigmoid of a projection of the input.
        flash: whether to use flash attention if the device supports it; by default, Keras decides.
        seed: random seed of the dropout.
    """

    keras_words = {
        "value_dim": "value",
        "output_shape": "out",
        "dropout": "dropout",
        "attention_axes": "axes",
        "use_bias": "bias",
        "sliding_window": "window",
        "use_causal_mask": "causal",
        "use_gate": "gate",
        "flash_attention": "flash",
    }
    caption = "Attention, {heads} heads of {key}"

    heads: Count
    key: Count
    value: Count | None = None
    out: Count | None = None
    dropout: Share = 0.0
    axes: Annotated[list[Annotated[int, Field(strict=True, ge=1, le=8)]], Field(min_length=1)] | None = None
    window: Count | None = None
    causal: Flag = False
    gate: Flag = False
    flash: Flag | None = None
    seed: Seed = None

    examples = (
        Example({"heads": 3, "key": 2}, _TOKENS, (5, 6)),
        Example({"heads": 2, "key": 4, "value": 3, "out": 8, "bias": False}, _TOKENS, (5, 8)),
        Example({"heads": 2, "key": 4, "dropout": 0.1, "seed": 1}, _TOKENS, (5, 6)),
        Example({"heads": 2, "key": 3}, ((4, 5, 6),), (4, 5, 6)),
        Example({"heads": 2, "key": 3, "axes": [2]}, ((4, 5, 6),), (4, 5, 6)),
        Example({"heads": 2, "key": 3, "causal": True, "gate": True}, _TOKENS, (5, 6)),
        Example({"heads": 2, "key": 3, "window": 2, "flash": False}, _TOKENS, (5, 6)),
        Example(
            {
                "heads": 1,
                "key": 2,
                "kernel_initializer": "he_normal",
                "kernel_regularizer": {"l2": 1e-4},
                "kernel_constraint": "non_neg",
                "bias_initializer": {"constant": 0.1},
                "bias_regularizer": "l1",
                "bias_constraint": "non_neg",
                "activity_regularizer": "l2",
            },
            _TOKENS,
            (5, 6),
        ),
    )

    def output(self, *inputs: Shape) -> Shape:
        (*places, channels) = inputs[0] or (0,)
        if not places:
            raise RankError(f"`attention` expects tokens x channels, got {show(inputs[0])}")
        if self.axes is not None and not {*self.axes} <= {*range(1, len(places) + 1)}:
            raise OpError(f"`axes` must be between 1 and {len(places)}, got {self.axes}", "axes")
        if len(places) > 1 and (self.window is not None or self.causal):
            field = "causal" if self.window is None else "window"
            raise OpError(f"`{field}` expects tokens x channels, got {show(inputs[0])}", field)
        return (*places, self.out or channels)

    def weight_shapes(self, x: Shape) -> dict[str, Shape]:
        channels, value = x[-1], self.value or self.key
        heads = {"query": self.key, "key": self.key, **({"gate": value} if self.gate else {}), "value": value}
        found: dict[str, Shape] = {}
        for name, size in heads.items():
            found |= {f"{name}/kernel": (channels, self.heads, size), f"{name}/bias": (self.heads, size)}
        found["attention_output/kernel"] = (self.heads, value, self.out or channels)
        found["attention_output/bias"] = (self.out or channels,)
        return found

    def macs(self, *inputs: Shape) -> int:
        return super().macs(*inputs) + self._scores(inputs[0]) * (self.key + (self.value or self.key))

    def activations(self, *inputs: Shape) -> int:
        return math.prod(inputs[0][:-1]) * self._projected() + super().activations(*inputs)

    def fvcore(self, *inputs: Shape) -> Counts:
        # fvcore also counts the results of both matrix products: the scores and the weighted values.
        weighed = math.prod(inputs[0][:-1]) * self.heads * (self.value or self.key)
        return Counts(self.macs(*inputs), self.activations(*inputs) + self._scores(inputs[0]) + weighed)

    def workspace(self, *inputs: Shape) -> int:
        # Queries, keys, values and scores; the softmax overwrites the scores.
        return math.prod(inputs[0][:-1]) * self._projected() + self._scores(inputs[0])

    def saved_for_backward(self, *inputs: Shape) -> SavedForBackward:
        weighed = math.prod(inputs[0][:-1]) * self.heads * (self.value or self.key)
        return SavedForBackward(inputs=True, workspace=self.workspace(*inputs) + weighed)

    def _scores(self, x: Shape) -> int:
        """The number of attention scores: heads * queries * keys."""
        places = x[:-1]
        seen = math.prod(places[axis - 1] for axis in self.axes) if self.axes else math.prod(places)
        return math.prod(places) * self.heads * seen

    def _projected(self) -> int:
        """The size of all projections of one position."""
        value = self.value or self.key
        return self.heads * (2 * self.key + value + (value if self.gate else 0))


class _Token(Op, kind="dense"):
    """Base class of the learned tokens and embeddings.

    Args:
        initializer: initializer for the weights.
        regularizer: regularizer for the weights.
        constraint: constraint on the weights.
    """

    initializer: Initializer = "zeros"
    regularizer: Regularizer = None
    constraint: Constraint = None


_MORE = {"initializer": {"random_normal": {"stddev": 0.02}}, "regularizer": "l2", "constraint": "non_neg"}


class ClassToken(_Token, name="class_token", layer="ClassToken"):
    """Prepends a learned class token to the sequence. (T, C) -> (T + 1, C).

    Devlin et al. 2018; Dosovitskiy et al. 2020 (ViT). After the last block, select it with `take: {index: 0}`.
    """

    depends_on = "place"

    examples = (
        Example({}, _TOKENS, (6, 6)),
        Example(_MORE, _TOKENS, (6, 6)),
    )

    def output(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) != 2:
            hint = f"add `reshape: {{shape: [-1, {inputs[0][-1]}]}}` before it" if inputs[0] else ""
            raise OpError(f"`class_token` expects tokens x channels, got {show(inputs[0])}", hint=hint)
        return inputs[0][0] + 1, inputs[0][1]

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return {"token": Weight((1, inputs[0][-1]))}

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        return ((shifted(needed[0], -1), *needed[1:]),)


class PositionEmbedding(_Token, name="position_embedding", layer="PositionEmbedding"):
    """Adds a learned position embedding. (T, C) -> (T, C), (H, W, C) -> (H, W, C). Gehring et al. 2017."""

    traits = Traits(elementwise=True)
    depends_on = POINTWISE

    initializer: Initializer = "random_normal"

    examples = (
        Example({}, _TOKENS, _TOKENS[0]),
        Example(_MORE, ((3, 4, 6),), (3, 4, 6)),
    )

    def fits(self, *inputs: Shape) -> None:
        if len(inputs[0]) < 2:
            raise OpError(f"`position_embedding` expects positions x channels, got {show(inputs[0])}")

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return {"embedding": Weight(inputs[0])}
