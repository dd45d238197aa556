"""Attention, class tokens and position embeddings."""

import math
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from archdsl.ops.base import (
    Call,
    Counts,
    Example,
    Op,
    OpError,
    RankError,
    SavedForBackward,
    Shape,
    Traits,
    Weight,
    show,
)
from archdsl.ops.field_types import Count, Flag, Positive, Seed, Share
from archdsl.ops.index_sets import Positions, shifted
from archdsl.ops.rank_advice import advice
from archdsl.ops.receptive_field import POINTWISE
from archdsl.ops.weights import Constraint, Initializer, Kernel, Regularizer

_TOKENS = ((5, 6),)


class Attention(Kernel, name="attention", kind="dense", layer="SelfAttention"):
    """Multi-head attention over tokens or pixels. (T, C) -> (T, C), (H, W, C) -> (H, W, C).

    Keras `MultiHeadAttention`, or `GroupQueryAttention` with `kv_heads`; Vaswani et al. 2017. One input is query, key
    and value: self-attention. `from: [query, value]` is cross-attention, and `from: [query, value, key]` has keys of
    their own.

    Args:
        heads: number of attention heads.
        kv_heads: number of heads for key and value, each for a group of query heads; by default, `heads`. Excludes
            `value`, `out` and `axes`.
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

    many = True

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
    kv_heads: Count | None = None

    examples = (
        Example({"heads": 3, "key": 2}, _TOKENS, (5, 6)),
        Example({"heads": 2, "key": 4, "value": 3, "out": 8, "bias": False}, _TOKENS, (5, 8)),
        Example({"heads": 2, "key": 4, "dropout": 0.1, "seed": 1}, _TOKENS, (5, 6)),
        Example({"heads": 2, "key": 3}, ((4, 5, 6),), (4, 5, 6)),
        Example({"heads": 2, "key": 3, "axes": [2]}, ((4, 5, 6),), (4, 5, 6)),
        Example({"heads": 2, "key": 3, "causal": True, "gate": True}, _TOKENS, (5, 6)),
        Example({"heads": 2, "key": 3, "window": 2, "flash": False}, _TOKENS, (5, 6)),
        Example({"heads": 2, "key": 4, "causal": True, "gate": True}, ((5, 6), (7, 3)), (5, 6)),
        Example({"heads": 2, "key": 4, "value": 3}, ((5, 6), (7, 3), (7, 2)), (5, 6)),
        Example({"heads": 2, "key": 3, "axes": [2]}, ((4, 5, 6), (4, 3, 6)), (4, 5, 6)),
        Example({"heads": 4, "key": 3, "kv_heads": 2, "causal": True}, _TOKENS, (5, 6)),
        Example({"heads": 4, "key": 3, "kv_heads": 1, "gate": True}, ((5, 6), (7, 3), (7, 2)), (5, 6)),
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
        if len(inputs) > 3:
            raise OpError(f"`attention` takes a query, a value and a key, got {len(inputs)} tensors")
        (*places, channels) = inputs[0] or (0,)
        if not places:
            hint = advice(inputs[0], (1,), tokens=True)
            raise RankError(f"`attention` expects tokens x channels, got {show(inputs[0])}", hint=hint)
        if self.axes is not None and not {*self.axes} <= {*range(1, len(places) + 1)}:
            raise OpError(f"`axes` must be between 1 and {len(places)}, got {self.axes}", "axes")
        of_tokens = {"window": self.window is not None, "causal": self.causal, "kv_heads": self.kv_heads is not None}
        field = next((field for field, given in of_tokens.items() if given), "")
        if len(places) > 1 and field:
            hint = advice(inputs[0], (1,), tokens=True)
            raise OpError(f"`{field}` expects tokens x channels, got {show(inputs[0])}", field, hint)
        self._check_groups()
        self._check_memory(*inputs)
        return (*places, self.out or channels)

    def _check_groups(self) -> None:
        """Check the arguments next to `kv_heads`."""
        if self.kv_heads is None:
            return
        if self.heads % self.kv_heads:
            raise OpError(f"{self.heads} heads cannot be split into {self.kv_heads} groups", "kv_heads")
        for field in ("value", "out", "axes"):
            if getattr(self, field) is not None:
                raise OpError(f"`{field}` and `kv_heads` are mutually exclusive", field)

    def _check_memory(self, query: Shape, *others: Shape) -> None:
        """Check the value and the key against the query."""
        if len({x[:-1] for x in others}) > 1:
            found = " and ".join(map(show, others))
            raise OpError(f"`attention` expects a value and a key of equal length, got {found}")
        value = others[0] if others else query
        fixed = range(1, len(query)) if self.axes else ()
        apart = any(query[axis - 1] != value[axis - 1] for axis in fixed if axis not in (self.axes or ()))
        if len(value) != len(query) or apart:
            few, name = (query, "value") if len(value) > len(query) else (value, "query")
            many = value if name == "value" else query
            hint = (
                f"give the {name} one axis of tokens: `reshape: {{shape: [-1, {many[-1]}]}}`" if len(few) == 2 else ""
            )
            fact = f"`attention` expects a query and a value of like axes, got {show(query)} and {show(value)}"
            raise OpError(fact, hint=hint if len(query) != len(value) else "")

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        query, source, key = self._sources(*inputs)
        value, groups = self.value or self.key, self.kv_heads or self.heads
        parts = {"query": (query[-1], self.heads, self.key), "key": (key[-1], groups, self.key)}
        parts |= {"gate": (query[-1], self.heads, value)} if self.gate else {}
        parts |= {"value": (source[-1], groups, value)}
        found: dict[str, Shape] = {}
        for name, shape in parts.items():
            found |= {f"{name}/kernel": shape, f"{name}/bias": shape[1:]}
        out = self.out or query[-1]
        found |= {"attention_output/kernel": (self.heads, value, out), "attention_output/bias": (out,)}
        return {name: Weight(shape) for name, shape in found.items() if self.bias or "bias" not in name}

    def macs(self, *inputs: Shape) -> int:
        query, source, _ = self._sources(*inputs)
        value, places = self.value or self.key, math.prod(query[:-1])
        of_source = ("key/kernel", "value/kernel")
        kernels = {name: weight.size for name, weight in self.weights(*inputs).items() if name.endswith("kernel")}
        memory = math.prod(source[:-1]) * sum(kernels.pop(name) for name in of_source)
        return places * sum(kernels.values()) + memory + self._scores(*inputs) * (self.key + value)

    def activations(self, *inputs: Shape) -> int:
        return self._projected(*inputs) + math.prod(self.output(*inputs))

    def fvcore(self, *inputs: Shape) -> Counts:
        # fvcore also counts the results of both matrix products: the scores and the weighted values.
        more = self._scores(*inputs) + self._weighed(inputs[0])
        return Counts(self.macs(*inputs), self.activations(*inputs) + more)

    def workspace(self, *inputs: Shape) -> int:
        # Queries, keys, values and scores; the softmax overwrites the scores.
        return self._projected(*inputs) + self._scores(*inputs)

    def saved_for_backward(self, *inputs: Shape) -> SavedForBackward:
        return SavedForBackward(inputs=True, workspace=self.workspace(*inputs) + self._weighed(inputs[0]))

    def keras(self) -> Call:
        if self.kv_heads is None:
            return super().keras()
        words = {word: name for word, name in self.keras_words.items() if name not in ("value", "out", "axes")}
        return self.call("GroupedAttention", "key", "heads", "kv_heads", **words)

    def keras_of(self, inputs: int) -> Call:
        call = self.keras()
        several = inputs > 1 and call.target == "SelfAttention"
        return Call("CrossAttention", call.positional, call.keywords) if several else call

    def _sources(self, query: Shape, *others: Shape) -> tuple[Shape, Shape, Shape]:
        """The query, the value and the key."""
        value = others[0] if others else query
        return query, value, others[1] if len(others) > 1 else value

    def _scores(self, *inputs: Shape) -> int:
        """The number of attention scores: heads * queries * keys."""
        query, value, _ = self._sources(*inputs)
        seen = math.prod(value[axis - 1] for axis in self.axes) if self.axes else math.prod(value[:-1])
        return math.prod(query[:-1]) * self.heads * seen

    def _weighed(self, query: Shape) -> int:
        """The size of the weighted sums of values."""
        return math.prod(query[:-1]) * self.heads * (self.value or self.key)

    def _projected(self, *inputs: Shape) -> int:
        """The size of the projections of all positions."""
        query, source, _ = self._sources(*inputs)
        value, groups = self.value or self.key, self.kv_heads or self.heads
        of_query = self.heads * (self.key + (value if self.gate else 0))
        return math.prod(query[:-1]) * of_query + math.prod(source[:-1]) * groups * (self.key + value)


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
            hint = advice(inputs[0], (1,), tokens=True)
            raise RankError(f"`class_token` expects tokens x channels, got {show(inputs[0])}", hint=hint)
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
            hint = advice(inputs[0], (1,), tokens=True)
            raise RankError(f"`position_embedding` expects positions x channels, got {show(inputs[0])}", hint=hint)

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return {"embedding": Weight(inputs[0])}


class PositionEncoding(Op, name="position_encoding", kind="dense", layer="PositionEncoding"):
    """Adds sines and cosines of the position. (T, C) -> (T, C). Vaswani et al. 2017.

    Even channels get sines and odd channels cosines, with wavelengths from 2 pi to `max_wavelength` * 2 pi.

    Args:
        max_wavelength: the longest wavelength, divided by 2 pi.
    """

    traits = Traits(elementwise=True)
    depends_on = POINTWISE

    max_wavelength: Positive = 10_000.0

    examples = (
        Example({}, _TOKENS, _TOKENS[0]),
        Example({"max_wavelength": 100.0}, ((7, 5),), (7, 5)),
    )

    def fits(self, *inputs: Shape) -> None:
        if len(inputs[0]) != 2:
            hint = advice(inputs[0], (1,), tokens=True)
            raise RankError(f"`position_encoding` expects positions x channels, got {show(inputs[0])}", hint=hint)
