"""The dtypes that ops take and give, against their Keras layers."""

from __future__ import annotations

import pytest

from archdsl.ops import OPS
from archdsl.ops.base import DTYPES

pytestmark = pytest.mark.tensorflow

OTHERS = [(dtype, kind) for dtype, kind in DTYPES.items() if kind != "float"]
CASES = [(name, dtype) for name in OPS for dtype, kind in OTHERS if kind in OPS[name].takes]
POLICY = "mixed_bfloat16"


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_keras_keeps_or_converts_it_alike(name: str, dtype: str) -> None:
    """In half precision, where a large integer that becomes a float is another one."""
    import keras
    from layers_of_ops import layer_of

    example = OPS[name].examples[0]
    op = OPS[name](**example.fields)
    inputs = [keras.Input(shape, dtype=dtype) for shape in example.inputs]
    layer = layer_of(op, len(inputs), len(example.inputs[0]) - 1, dtype=POLICY)
    symbolic = layer(inputs if op.many else inputs[0])
    real = [keras.ops.ones((2, *shape), dtype=dtype) for shape in example.inputs]
    built = layer(real if op.many else real[0])
    expected = op.gives(*(dtype for _ in inputs))
    expected = layer.compute_dtype if expected == "float32" else expected
    assert (symbolic.dtype, keras.backend.standardize_dtype(built.dtype)) == (expected, expected)
