"""Attention, and what goes with tokens."""

import math
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from archdsl.ops.base import Counts, Example, Op, OpError, SavedForBackward, Shape, Traits, Weight, show
from archdsl.ops.field_types import Count, Flag, Seed, Share
from archdsl.ops.index_sets import Positions, shifted
from archdsl.ops.receptive_field import POINTWISE
from archdsl.ops.weights import Constraint, Initializer, Kernel, Regularizer

_TOKENS = ((5, 6),)


class Attention(Kernel, name="attention", kind="dense", layer="SelfAttention"):
    """Multi-head self-attention among tokens, or among the pixels of a map. (T, C) -> (T, C), (H, W, C) -> (H, W, C).

    Keras `MultiHeadAttention`, with one input as query, key and value; Vaswani et al. 2017.

    Args:
        heads: how many attentions run side by side.
        key: numbers of each head's queries and keys; `$channels // heads` is usual.
        value: numbers of each head's values; without it, as many as `key`.
        out: channels of the output; without it, those of the input.
        dropout: the share of attention weights that become 0 in training.
        axes: among which axes attention runs; without it, all but the channels. Axis 0 would be the batch.
        window: how many tokens away a token sees; without it, all.
        causal: whether a token sees only itself and those before it.
        gate: whether a sigmoid of the input gates each head's output.
        flash: whether to ask for flash attention, where the device has it.
        seed: makes the dropout the same in each run.
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
            hint = "it stands before `flatten` or a global pool"
            raise OpError(f"`attention` wants tokens x channels, and gets {show(inputs[0])}", hint=hint)
        if self.axes is not None and not {*self.axes} <= {*range(1, len(places) + 1)}:
            raise OpError(f"attention runs among the axes 1 to {len(places)}", "axes")
        if len(places) > 1 and (self.window is not None or self.causal):
            field = "causal" if self.window is None else "window"
            raise OpError(f"`{field}` wants tokens x channels, and gets {show(inputs[0])}", field)
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
        # Both products of matrices count as activations, too: the scores, and the values that they weigh.
        weighed = math.prod(inputs[0][:-1]) * self.heads * (self.value or self.key)
        return Counts(self.macs(*inputs), self.activations(*inputs) + self._scores(inputs[0]) + weighed)

    def workspace(self, *inputs: Shape) -> int:
        # Queries, keys and values, and the scores, of which the softmax takes the place.
        return math.prod(inputs[0][:-1]) * self._projected() + self._scores(inputs[0])

    def saved_for_backward(self, *inputs: Shape) -> SavedForBackward:
        weighed = math.prod(inputs[0][:-1]) * self.heads * (self.value or self.key)
        return SavedForBackward(inputs=True, workspace=self.workspace(*inputs) + weighed)

    def _scores(self, x: Shape) -> int:
        """How many scores there are: of each head, each position with each that it attends to."""
        places = x[:-1]
        seen = math.prod(places[axis - 1] for axis in self.axes) if self.axes else math.prod(places)
        return math.prod(places) * self.heads * seen

    def _projected(self) -> int:
        """Numbers for each place that the projections of the input give."""
        value = self.value or self.key
        return self.heads * (2 * self.key + value + (value if self.gate else 0))


class _Token(Op, kind="dense"):
    """A learned part of a sequence of tokens.

    Args:
        initializer: how it begins.
        regularizer: what it adds to the loss.
        constraint: what holds it after each step.
    """

    initializer: Initializer = "zeros"
    regularizer: Regularizer = None
    constraint: Constraint = None


_MORE = {"initializer": {"random_normal": {"stddev": 0.02}}, "regularizer": "l2", "constraint": "non_neg"}


class ClassToken(_Token, name="class_token", layer="ClassToken"):
    """A learned token before the others. (T, C) -> (T + 1, C). Devlin et al. 2018; Dosovitskiy et al. 2020 (ViT).

    `take: {index: 0}` takes it out again behind the last block.
    """

    depends_on = "place"

    examples = (
        Example({}, _TOKENS, (6, 6)),
        Example(_MORE, _TOKENS, (6, 6)),
    )

    def output(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) != 2:
            hint = f"`reshape: {{shape: [-1, {inputs[0][-1]}]}}` makes tokens of it" if inputs[0] else ""
            raise OpError(f"`class_token` wants tokens x channels, and gets {show(inputs[0])}", hint=hint)
        return inputs[0][0] + 1, inputs[0][1]

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return {"token": Weight((1, inputs[0][-1]))}

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        return ((shifted(needed[0], -1), *needed[1:]),)


class PositionEmbedding(_Token, name="position_embedding", layer="PositionEmbedding"):
    """Adds numbers learned for each place. (T, C) -> (T, C), (H, W, C) -> (H, W, C). Gehring et al. 2017."""

    traits = Traits(elementwise=True)
    depends_on = POINTWISE

    initializer: Initializer = "random_normal"

    examples = (
        Example({}, _TOKENS, _TOKENS[0]),
        Example(_MORE, ((3, 4, 6),), (3, 4, 6)),
    )

    def fits(self, *inputs: Shape) -> None:
        if len(inputs[0]) < 2:
            raise OpError(f"`position_embedding` wants places x channels, and gets {show(inputs[0])}")

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return {"embedding": Weight(inputs[0])}
