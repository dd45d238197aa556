"""Keras layers made of ops, for tests: the source of an op's constructor, evaluated."""

from __future__ import annotations

from typing import Any

import keras

from archdsl.codegen.expressions import ExpressionWriter
from archdsl.codegen.printer import flat
from archdsl.keras import layers
from archdsl.ops import Example, Op, Shape


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


def shapes_of(op: Op, example: Example) -> tuple[Shape, ...]:
    """The inputs of the layer; that of a `weight` is any tensor, for the size of the batch."""
    return ((3, 2),) if op.without_input else example.inputs


def taken_by(op: Op, example: Example) -> tuple[int, int]:
    """The number of inputs, and the number of axes of the first besides the channels."""
    shapes = shapes_of(op, example)
    return len(shapes), len(shapes[0]) - 1
