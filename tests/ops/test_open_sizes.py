"""Ops that work at a second size are built by Keras without any, and give the same shapes at both."""

from __future__ import annotations

import pytest

from archdsl.ops import OPS, Op, OpError, Shape
from archdsl.spec import Input

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]


def larger(shape: Shape) -> Shape:
    count = len(Input(shape).axes)
    return tuple(side * (2 + place) if place < count else side for place, side in enumerate(shape))


def works_at(op: Op, shapes: list[Shape], *others: Shape) -> bool:
    try:
        op.output(*others)
        return op.weights(*others) == op.weights(*shapes)
    except OpError:
        return False


@pytest.mark.parametrize("name", OPS)
def test_keras_builds_it_without_a_size(name: str) -> None:
    import keras
    from layers_of_ops import layer_of

    kind = "float32" if "float" in OPS[name].takes else "int32"
    for example in OPS[name].examples:
        op, shapes = OPS[name](**example.fields), [*example.inputs]
        others = [larger(shape) for shape in shapes]
        if others == shapes or not works_at(op, shapes, *others) or getattr(op, "dilation", 1) not in (1, (1, 1)):
            continue
        one = [Input(shape) for shape in shapes]
        inputs = [keras.Input(Input(x.shape, flexible=x.axes).open_shape, dtype=kind) for x in one]
        model = keras.Model(
            inputs, layer_of(op, len(shapes), len(shapes[0]) - 1)(inputs if len(inputs) > 1 else inputs[0])
        )
        for sizes in (shapes, others):
            found = model([keras.ops.zeros((2, *shape), kind) for shape in sizes])
            assert tuple(found.shape) == (2, *op.output(*sizes)), (example.fields, sizes)
