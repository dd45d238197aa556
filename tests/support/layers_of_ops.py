"""Keras layers made of ops, for tests: the source of an op's constructor, evaluated."""

from __future__ import annotations

from typing import Any

import keras

from archdsl.codegen.expressions import ExpressionWriter
from archdsl.codegen.printer import flat
from archdsl.keras import layers
from archdsl.ops import Op


def layer_of(op: Op, inputs: int = 1, rank: int = 2, **more: Any) -> Any:
    """One Keras layer from the source of an op.

    Args:
        inputs: how many tensors it takes.
        rank: the number of axes of its first input besides the channels.
        more: arguments of every layer, such as `dtype`.
    """
    words = [f"{name}={value!r}" for name, value in more.items()]
    call = op.keras_of_rank(rank) if len(op.ranks) > 1 else op.keras_of(inputs)
    source = flat(ExpressionWriter({}).call(call, words))
    return eval(source, {"keras": keras, "layers": keras.layers, **vars(layers)})  # noqa: S307 - of our own making
