"""Keras layers made of ops, for tests: the source of an op's constructor, evaluated."""

from __future__ import annotations

from typing import Any

import keras

from archdsl.codegen.expressions import ExpressionWriter
from archdsl.codegen.printer import flat
from archdsl.keras import layers
from archdsl.ops import Op


def layer_of(op: Op, inputs: int = 1, **more: Any) -> Any:
    """One Keras layer from the source of an op.

    Args:
        inputs: how many tensors it takes.
        more: arguments of every layer, such as `dtype`.
    """
    words = [f"{name}={value!r}" for name, value in more.items()]
    source = flat(ExpressionWriter({}).call(op.keras_of(inputs), words))
    return eval(source, {"keras": keras, "layers": keras.layers, **vars(layers)})  # noqa: S307 - of our own making
