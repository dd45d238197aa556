"""Embeddings, masks and recurrent layers."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from archdsl.expr import Expression
from archdsl.ops.base import FLOAT, Call, Example, Op, OpError, RankError, SavedForBackward, Shape, Traits, Weight, show
from archdsl.ops.field_types import CellActivation, Count, Flag, Number, Seed, Share
from archdsl.ops.index_sets import ALL, Positions
from archdsl.ops.rank_advice import advice
from archdsl.ops.weights import Constraint, Kernel, MatrixInitializer, MatrixRegularizer

_STEPS = ((5, 3),)


class Embedding(Op, name="embedding", kind="sequence", layer="layers.Embedding"):
    """Turns integer ids into learned vectors. (...) -> (..., size). Keras `Embedding`; Bengio et al. 2003.

    Args:
        vocabulary: number of different ids; ids are 0 to `vocabulary - 1`.
        size: number of channels of each vector.
        mask_zero: whether id 0 is padding. Recurrent layers, attention and global pooling skip padding.
        embeddings_initializer: initializer for the vectors.
        embeddings_regularizer: regularizer for the vectors.
        embeddings_constraint: constraint on the vectors.
    """

    takes = ("int",)
    depends_on = "place"
    saved = SavedForBackward(inputs=True)
    caption = "Embedding {vocabulary} × {size}"
    keras_positional = ("vocabulary", "size")

    vocabulary: Count
    size: Count
    mask_zero: Flag = False
    embeddings_initializer: MatrixInitializer = "random_uniform"
    embeddings_regularizer: MatrixRegularizer = None
    embeddings_constraint: Constraint = None

    examples = (
        Example({"vocabulary": 9, "size": 4}, ((5,),), (5, 4)),
        Example({"vocabulary": 9, "size": 4, "mask_zero": True}, ((5,),), (5, 4)),
        Example({"vocabulary": 9, "size": 2}, ((3, 5),), (3, 5, 2)),
        Example(
            {
                "vocabulary": 9,
                "size": 4,
                "embeddings_initializer": {"random_normal": {"stddev": 0.02}},
                "embeddings_regularizer": {"l2": 1e-4},
                "embeddings_constraint": {"unit_norm": 1},
            },
            ((5,),),
            (5, 4),
        ),
    )

    def output(self, *inputs: Shape) -> Shape:
        return (*inputs[0], self.size)

    def gives(self, *dtypes: str) -> str:
        return FLOAT

    @classmethod
    def marks_padding(cls, fields: Mapping[str, Any]) -> bool:
        return fields.get("mask_zero", False) is not False

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return {"embeddings": Weight((self.vocabulary, self.size))}

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        return (needed[:-1],)


class Masking(Op, name="masking", kind="sequence", layer="layers.Masking"):
    """Marks time steps as padding if all their channels have one value. (T, C) -> (T, C). Keras `Masking`.

    Args:
        mask_value: the value that marks a step as padding.
    """

    depends_on = "place"
    keras_positional = ("mask_value",)
    traits = Traits(keeps_zero=True)

    mask_value: Number = 0.0

    examples = (Example({}, _STEPS, _STEPS[0]), Example({"mask_value": -1.0}, ((4, 5, 3),), (4, 5, 3)))

    @classmethod
    def marks_padding(cls, fields: Mapping[str, Any]) -> bool:
        return True

    def fits(self, *inputs: Shape) -> None:
        if len(inputs[0]) < 2:
            hint = advice(inputs[0], (1,))
            raise RankError(f"`masking` expects steps x channels, got {show(inputs[0])}", hint=hint)

    def reads(self, needed: Positions, inputs: Sequence[Shape], output: Shape) -> Sequence[Positions]:
        return ((*needed[:-1], ALL),)


class _Recurrent(Kernel, kind="sequence"):
    """Base class of the recurrent layers.

    Args:
        units: dimension of the output space (the number of channels of the state).
        return_sequences: whether to return the output of every step, not only that of the last.
        bidirectional: whether to also read the sequence backwards, with weights of its own. A name is how the two
            outputs are merged; `true` is `concat`.
        activation: activation of the state.
        recurrent_initializer: initializer for the recurrent kernel, which the previous state is multiplied by.
        recurrent_regularizer: regularizer for the recurrent kernel.
        recurrent_constraint: constraint on the recurrent kernel.
        dropout: fraction of the inputs to drop during training.
        recurrent_dropout: fraction of the previous state to drop during training.
        go_backwards: whether to read the sequence from its end.
        unroll: whether to unroll the loop over the steps; faster for short sequences, and takes more memory.
        seed: random seed of the dropout.
    """

    block_fields = ()
    gates: ClassVar[int]
    """The number of vectors that a step computes from its input and the previous state."""
    cell: ClassVar[str]
    """The name of its cell in Keras, without `_cell`."""
    title: ClassVar[str]
    """Its name in pictures."""

    units: Count
    return_sequences: Flag = False
    bidirectional: Flag | Literal["concat", "sum", "mul", "ave"] = False
    activation: CellActivation = "tanh"
    kernel_initializer: MatrixInitializer = "glorot_uniform"
    kernel_regularizer: MatrixRegularizer = None
    recurrent_initializer: MatrixInitializer = "orthogonal"
    recurrent_regularizer: MatrixRegularizer = None
    recurrent_constraint: Constraint = None
    dropout: Share = 0.0
    recurrent_dropout: Share = 0.0
    go_backwards: Flag = False
    unroll: Flag = False
    seed: Seed = None

    def output(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) != 2:
            hint = advice(inputs[0], (1,))
            raise RankError(f"`{self.name}` expects steps x channels, got {show(inputs[0])}", hint=hint)
        if self.bidirectional and self.go_backwards:
            raise OpError("`go_backwards` and `bidirectional` are mutually exclusive", "go_backwards")
        channels = self.units * (2 if self._joins else 1)
        return (inputs[0][0], channels) if self.return_sequences else (channels,)

    def cell_weights(self, x: Shape) -> dict[str, Shape]:
        """The weights of one direction, always including the bias."""
        width = self.gates * self.units
        return {"kernel": (x[-1], width), "recurrent_kernel": (self.units, width), "bias": (width,)}

    def weight_shapes(self, x: Shape) -> dict[str, Shape]:
        ways = (f"forward_{self.cell}/", f"backward_{self.cell}/") if self.bidirectional else ("",)
        one = self.cell_weights(x)
        return {f"{way}{self.cell}_cell/{name}": shape for way in ways for name, shape in one.items()}

    def macs(self, *inputs: Shape) -> int:
        kernels = (math.prod(shape) for name, shape in self.weight_shapes(inputs[0]).items() if "bias" not in name)
        return inputs[0][0] * sum(kernels)

    def activations(self, *inputs: Shape) -> int:
        return inputs[0][0] * self._directions * self.gates * self.units

    def workspace(self, *inputs: Shape) -> int:
        # The part of all gates that depends on the input is computed for all steps at once.
        return self.activations(*inputs)

    def saved_for_backward(self, *inputs: Shape) -> SavedForBackward:
        states = inputs[0][0] * self._directions * self.units
        return SavedForBackward(inputs=True, workspace=self.workspace(*inputs) + states)

    def keras(self) -> Call:
        call = super().keras()
        words = {name: value for name, value in call.keywords.items() if name != "bidirectional"}
        one, both = Call(call.target, call.positional, words), call.keywords.get("bidirectional", False)
        if both is False:
            return one
        if isinstance(both, Expression):
            return Call("maybe_bidirectional", (one, both))
        inner = Call(one.target, one.positional, {**words, "name": self.cell})
        return Call("layers.Bidirectional", (inner,), {} if both in (True, "concat") else {"merge_mode": both})

    def label(self) -> str:
        return f"{'Bidirectional ' if self.bidirectional else ''}{self.title} {self.units}"

    @property
    def _joins(self) -> bool:
        return self.bidirectional is True or self.bidirectional == "concat"

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1


_WORDS: dict[str, Any] = {
    "activation": "activation",
    "recurrent_activation": "recurrent_activation",
    "use_bias": "bias",
    "use_cudnn": "cudnn",
}
_MORE = {
    "units": 4,
    "activation": "relu",
    "bias": False,
    "kernel_initializer": "he_normal",
    "kernel_regularizer": {"l2": 1e-4},
    "kernel_constraint": "non_neg",
    "recurrent_initializer": {"orthogonal": 2.0},
    "recurrent_regularizer": "l2",
    "recurrent_constraint": {"max_norm": 2.0},
    "activity_regularizer": "l2",
}
_BIASED = {
    "units": 4,
    "bias_initializer": "ones",
    "bias_regularizer": "l1",
    "bias_constraint": "non_neg",
    "dropout": 0.1,
    "recurrent_dropout": 0.2,
    "seed": 1,
    "go_backwards": True,
    "unroll": True,
}
_USES = (
    Example({"units": 4}, _STEPS, (4,)),
    Example({"units": 4, "return_sequences": True}, _STEPS, (5, 4)),
    Example({"units": 4, "bidirectional": True, "return_sequences": True}, _STEPS, (5, 8)),
    Example({"units": 4, "bidirectional": "sum"}, _STEPS, (4,)),
    Example(_MORE, _STEPS, (4,)),
    Example(_BIASED, _STEPS, (4,)),
)


class _Gated(_Recurrent):
    """Base class of the recurrent layers with gates.

    Args:
        recurrent_activation: activation of the gates.
        cudnn: whether to use the fast kernel on a GPU; `auto` uses it if the arguments allow it.
    """

    keras_words = _WORDS

    recurrent_activation: CellActivation = "sigmoid"
    cudnn: Flag | Literal["auto"] = "auto"


class Lstm(_Gated, name="lstm", layer="layers.LSTM"):
    """Long short-term memory. (T, C) -> (units), or (T, units) with `return_sequences`.

    Keras `LSTM`, with `bidirectional` in Keras's `Bidirectional`; Hochreiter & Schmidhuber 1997.

    Args:
        unit_forget_bias: whether the bias of the forget gate begins at 1.
    """

    gates, cell, title = 4, "lstm", "LSTM"

    unit_forget_bias: Flag = True

    examples = (
        *_USES,
        Example({"units": 4, "unit_forget_bias": False, "recurrent_activation": "hard_sigmoid"}, _STEPS, (4,)),
        Example({"units": 4, "cudnn": False}, _STEPS, (4,)),
    )


class Gru(_Gated, name="gru", layer="layers.GRU"):
    """Gated recurrent unit. (T, C) -> (units), or (T, units) with `return_sequences`.

    Keras `GRU`, with `bidirectional` in Keras's `Bidirectional`; Cho et al. 2014.

    Args:
        reset_after: whether the reset gate is applied after the multiplication with the recurrent kernel, as in cuDNN
            and torch, not before it. The bias then has two rows.
    """

    gates, cell, title = 3, "gru", "GRU"

    reset_after: Flag = True

    examples = (
        *_USES,
        Example({"units": 4, "reset_after": False, "recurrent_activation": "hard_sigmoid"}, _STEPS, (4,)),
        Example({"units": 4, "cudnn": False}, _STEPS, (4,)),
    )

    def cell_weights(self, x: Shape) -> dict[str, Shape]:
        rows = (2,) if self.reset_after else ()
        found = super().cell_weights(x)
        return {**found, "bias": (*rows, *found["bias"])}


class SimpleRnn(_Recurrent, name="simple_rnn", layer="layers.SimpleRNN"):
    """Fully connected recurrent layer. (T, C) -> (units), or (T, units) with `return_sequences`.

    Keras `SimpleRNN`, with `bidirectional` in Keras's `Bidirectional`; Elman 1990.
    """

    keras_words = {"activation": "activation", "use_bias": "bias"}
    gates, cell, title = 1, "simple_rnn", "RNN"

    examples = _USES
