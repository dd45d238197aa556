"""All ops of the registry: shapes, weights, costs, and the Keras form as data."""

from __future__ import annotations

import inspect
import itertools
import math
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from archdsl.ops import OPS, Call, Example, Op, OpError
from archdsl.ops.base import Kind, image, same, show, sides, window

OPS_IN_ORDER = sorted(OPS.items())
EXAMPLES = [(name, i, example) for name, op in OPS_IN_ORDER for i, example in enumerate(op.examples)]
ids = [f"{name}-{i}" for name, i, _ in EXAMPLES]


def build(name: str, **fields: Any) -> Op:
    return OPS[name].model_validate(fields)


def passed(call: Call) -> list[Any]:
    """The values that a call passes on, through a layer around it; the name of an inner layer is none of them."""
    if call.positional and isinstance(inner := call.positional[0], Call) and inner.target.startswith("layers."):
        words = {key: value for key, value in inner.keywords.items() if key != "name"}
        return [*inner.positional, *words.values(), *call.positional[1:], *call.keywords.values()]
    return [*call.positional, *call.keywords.values()]


def test_the_registry_has_the_ops_of_the_language() -> None:
    named = """conv depthwise_conv separable_conv conv_transpose dense batch_norm layer_norm group_norm layer_scale
    normalization relu relu6 gelu swish sigmoid softmax dropout stochastic_depth max_pool average_pool
    global_average_pool global_max_pool zero_pad crop upsample flatten reshape take take_channels channel_shuffle
    attention class_token position_embedding rescale add concat multiply average maximum"""
    assert set(named.split()) <= set(OPS)
    assert len(OPS) >= 80


@pytest.mark.parametrize(("name", "op"), OPS_IN_ORDER)
def test_an_op_defines_everything(name: str, op: type[Op]) -> None:
    assert op.name == name
    assert name.isascii()
    assert name.isidentifier()
    assert name == name.lower()
    doc = inspect.cleandoc(op.__doc__ or "")
    assert len(doc) > 20
    assert doc.endswith(".")
    assert op.kind in get_args(Kind)
    assert op.examples
    assert op.model_config.get("frozen")
    assert op.model_config.get("extra") == "forbid"


def test_names_are_unique() -> None:
    assert len({op.name for op in OPS.values()}) == len(OPS) == len(set(OPS.values()))


@pytest.mark.parametrize(("name", "i", "example"), EXAMPLES, ids=ids)
def test_examples(name: str, i: int, example: Example) -> None:
    op = build(name, **example.fields)
    assert op.output(*example.inputs) == example.output
    for weight in op.weights(*example.inputs).values():
        assert all(side > 0 for side in weight.shape)
        assert weight.size == math.prod(weight.shape)
    assert op.macs(*example.inputs) >= 0
    assert op.label()
    call = op.keras()
    assert isinstance(call, Call)
    assert call.target.startswith("layers.") or call.target[0].isupper()
    assert build(name, **example.fields) == op


BY_PATTERN = {"rearrange", "reduce"}
"""The ops whose Keras form depends on the text of a pattern."""


@pytest.mark.parametrize(("name", "i", "example"), EXAMPLES, ids=ids)
def test_the_keras_form_omits_defaults(name: str, i: int, example: Example) -> None:
    """It contains the required arguments and the given ones, and nothing else."""
    op, fields = build(name, **example.fields), OPS[name].model_fields
    if name in BY_PATTERN:
        return
    call = op.keras()
    said = [n for n, info in fields.items() if info.is_required() or op.keras_value(n) != info.default]
    usual = {"bidirectional": (True, "concat")}
    expected = [
        repr(v) for n in said if n not in ("norm", "broadcast") and (v := op.keras_value(n)) not in usual.get(n, ())
    ]
    found = [repr(value) for value in passed(call)]
    by_name = [repr(value) for value in call.keywords.values()]
    assert set(by_name) <= set(expected)
    assert set(expected) <= set(found)
    assert len(by_name) <= len(expected)


@pytest.mark.parametrize("name", [name for name, op in OPS_IN_ORDER if all(not e.fields for e in op.examples[:1])])
def test_the_keras_form_of_an_op_without_arguments(name: str) -> None:
    assert build(name).keras().keywords == {}


def test_the_keras_form_accepts_expressions() -> None:
    """Templates contain expressions, so `keras()` must not compute with a field."""
    for name, op in OPS_IN_ORDER:
        # Grouped queries are another layer, without some of the arguments.
        symbols = {field: object() for field in op.model_fields if field != "kv_heads"}
        call = op.model_construct(**symbols).keras()
        found = passed(call)
        assert all(value in symbols.values() or isinstance(value, str | int) for value in found), name
        assert len(found) >= len(symbols) - 1 or name in BY_PATTERN, name


def test_an_op_cannot_be_changed() -> None:
    op = build("conv", filters=8, kernel=3)
    with pytest.raises(ValidationError):
        op.filters = 9  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("conv", {"filters": "8", "kernel": 3}),
        ("conv", {"filters": 8.5, "kernel": 3}),
        ("conv", {"filters": True, "kernel": 3}),
        ("conv", {"filters": 0, "kernel": 3}),
        ("conv", {"filters": 10**12, "kernel": 3}),
        ("conv", {"filters": 8, "kernel": 0}),
        ("conv", {"filters": 8, "kernel": []}),
        ("conv", {"filters": 8, "kernel": [3, 3, 3, 3]}),
        ("conv", {"filters": 8, "kernel": [3, 0]}),
        ("conv", {"filters": 8, "kernel": 3, "padding": "some"}),
        ("conv", {"filters": 8, "kernel": 3, "padding": -1}),
        ("conv", {"filters": 8, "kernel": 3, "padding": [1, 1]}),
        ("conv", {"filters": 8, "kernel": 3, "padding": True}),
        ("conv", {"filters": 8, "kernel": 3, "bias": "no"}),
        ("conv", {"filters": 8, "kernel": 3, "bias": 1}),
        ("conv", {"filters": 8, "kernel": 3, "stride": True}),
        ("conv", {"filters": 8, "kernel": 3, "axis": 1}),
        ("conv", {"kernel": 3}),
        ("dropout", {"rate": 1.0}),
        ("dropout", {"rate": -0.1}),
        ("dropout", {"rate": "0.5"}),
        ("batch_norm", {"epsilon": 0}),
        ("batch_norm", {"momentum": 1.5}),
        ("batch_norm", {"scale": "off"}),
        ("batch_norm", {"epsilon": float("nan")}),
        ("global_average_pool", {"keepdims": "yes"}),
        ("relu", {"max_value": 0}),
        ("flatten", {"axis": 1}),
        ("reshape", {"shape": [-2, 3]}),
        ("attention", {"heads": 2, "key": 4, "axes": []}),
        ("embedding", {"vocabulary": 0, "size": 4}),
        ("lstm", {"units": 4, "activation": "none"}),
        ("lstm", {"units": 4, "bidirectional": "max"}),
        ("simple_rnn", {"units": 4, "recurrent_activation": "relu"}),
        ("upsample", {"interpolation": "linear"}),
        ("normalization", {"mean": "no"}),
    ],
)
def test_invalid_fields_are_rejected(name: str, fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        build(name, **fields)


def test_a_float_without_a_fraction_is_an_integer() -> None:
    op = build("conv", filters=8.0, kernel=[3.0, 1])
    assert op.output((4, 4, 3)) == (2, 4, 8)
    assert repr(op.keras().positional) == "(8, (3, 1))"


def windows(length: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int) -> int:
    """The number of windows that fit, counted one by one."""
    padded = length + sum(padding)
    return sum(1 for at in range(0, padded, stride) if at + dilation * (kernel - 1) < padded)


def test_windows_against_counting_each() -> None:
    cases = itertools.product(range(1, 9), range(1, 5), range(1, 4), [(0, 0), (1, 1), (0, 1), (2, 0)], (1, 2))
    tried = 0
    for length, kernel, stride, padding, dilation in cases:
        expected = windows(length, kernel, stride, padding, dilation)
        arguments = ((length, 8), (kernel, 1), (stride, 1), [list(padding), [0, 0]], (dilation, 1))
        if expected == 0:
            with pytest.raises(OpError, match="does not fit"):
                window(*arguments)
        else:
            assert window(*arguments) == (expected, 8)
            tried += 1
    assert tried > 500


def test_same_has_a_window_at_every_stride() -> None:
    for length, stride in itertools.product(range(1, 12), range(1, 5)):
        assert window((length, 1), (9, 1), (stride, 1), "same") == (len(range(0, length, stride)), 1)


def test_a_window_that_does_not_fit_names_its_field() -> None:
    for dilation, field in ((1, "kernel"), (3, "dilation")):
        with pytest.raises(OpError) as caught:
            window((4, 4), (5 if dilation == 1 else 3, 1), (1, 1), "valid", (dilation, 1))
        assert caught.value.field == field
    with pytest.raises(OpError, match="5x5 does not fit into a map of 4x6") as caught:
        build("max_pool", size=5).output((4, 6, 1))
    assert caught.value.field in OPS["max_pool"].model_fields


@pytest.mark.parametrize(
    ("name", "fields", "inputs", "fact"),
    [
        ("conv", {"filters": 6, "kernel": 3, "groups": 4}, [(8, 8, 8)], "6 filters cannot be split into 4 groups"),
        ("conv", {"filters": 8, "kernel": 3, "groups": 4}, [(8, 8, 6)], "6 channels cannot be split into 4 groups"),
        ("conv", {"filters": 8, "kernel": 3, "stride": 2, "dilation": 2}, [(8, 8, 6)], "`stride` and `dilation`"),
        (
            "depthwise_conv",
            {"kernel": 3, "stride": [1, 2]},
            [(8, 8, 6)],
            "the same stride along height and width, got .1, 2.",
        ),
        ("conv", {"filters": 8, "kernel": 3}, [(8,)], r"expects .T, C., .H, W, C. or .D, H, W, C., got 8"),
        ("conv", {"filters": 8, "kernel": [3, 3]}, [(8, 4)], r"`kernel` expects 1 entry, \[length\], got 2"),
        ("conv", {"filters": 8, "kernel": 3, "stride": [1]}, [(8, 8, 4)], r"`stride` expects 2 .*width\], got 1"),
        ("conv", {"filters": 8, "kernel": 3, "padding": "causal"}, [(8, 8, 4)], "expects a sequence"),
        ("conv", {"filters": 8, "kernel": 9}, [(8, 4)], "window of 9 does not fit into a sequence of 8"),
        ("depthwise_conv", {"kernel": 3}, [(8, 8, 8, 4)], r"expects .T, C. or .H, W, C., got 8x8x8x4"),
        ("global_max_pool", {}, [(8,)], r"expects .T, C., .H, W, C. or .D, H, W, C., got 8"),
        ("global_average_pool", {}, [()], r"expects .T, C., .H, W, C. or .D, H, W, C., got a number"),
        ("depthwise_conv", {"kernel": 3, "padding": "causal"}, [(8, 4)], "does not support `padding: causal`"),
        ("conv_transpose", {"filters": 8, "kernel": 3, "padding": "causal"}, [(8, 4)], "`padding: causal`"),
        ("zero_pad", {"padding": [[1, 1]]}, [(8, 8, 4)], r"expects \[\[top, bottom\], \[left, right\]\], got 1 pair"),
        ("upsample", {"interpolation": "bilinear"}, [(8, 4)], "`interpolation: bilinear` expects"),
        ("crop", {"border": 4}, [(8, 3)], "removes the entire map of 8"),
        ("average_pool", {"padding": 1}, [(8, 8, 6)], "a numeric `padding`"),
        ("glu", {}, [(5,)], "even number of channels, got 5"),
        (
            "separable_conv",
            {"filters": 8, "kernel": 3, "stride": [1, 2]},
            [(8, 8, 6)],
            "the same stride along height and width, got .1, 2.",
        ),
        ("conv_transpose", {"filters": 8, "kernel": 3, "padding": 1}, [(8, 8, 6)], "a numeric `padding`"),
        (
            "conv_transpose",
            {"filters": 8, "kernel": 3, "output_padding": 1},
            [(8, 8, 6)],
            "less than the stride 1, got 1",
        ),
        (
            "conv_transpose",
            {"filters": 8, "kernel": 3, "stride": 2, "dilation": 2},
            [(8, 8, 6)],
            "`stride` and `dilation`",
        ),
        ("layer_norm", {"axis": 4}, [(8, 8, 6)], "invalid axis 4 of `layer_norm`"),
        ("layer_norm", {"axis": 0}, [(8, 8, 6)], "invalid axis 0"),
        ("layer_norm", {"axis": [3, -1]}, [(8, 8, 6)], "invalid axis .3, -1."),
        ("rms_norm", {}, [()], "invalid axis -1"),
        ("group_norm", {"groups": 4}, [(8, 8, 6)], "6 channels cannot be split into 4 groups"),
        ("normalization", {"mean": 1.0}, [(8, 8, 3)], "given together"),
        ("normalization", {"mean": [1.0], "variance": 1.0}, [(8, 8, 3)], "same length"),
        ("normalization", {"mean": [1.0, 2.0], "variance": [1.0, 2.0]}, [(8, 8, 3)], "`mean` has 2 values"),
        ("crop", {"border": 4}, [(8, 9, 3)], "removes the entire map of 8x9"),
        ("center_crop", {"height": 4, "width": 9}, [(8, 8, 3)], "does not fit into a map of 8x8"),
        ("resize", {"height": 4, "width": 9, "crop": True, "pad": True}, [(8, 8, 3)], "mutually exclusive"),
        ("reshape", {"shape": [-1, 5]}, [(8, 8, 3)], "8x8x3 .192 values. to [?]x5"),
        ("reshape", {"shape": [4, 4]}, [(8, 8, 3)], "8x8x3 .192 values. to 4x4"),
        ("reshape", {"shape": [-1, -1]}, [(8, 8, 3)], "-1 at most once"),
        ("permute", {"axes": [1, 2]}, [(8, 8, 3)], "each of 1, 2, 3 once"),
        ("repeat_vector", {"times": 3}, [(8, 8, 3)], "expects a vector, got 8x8x3"),
        ("take", {"index": 8}, [(8, 3)], "index 8 is out of range for the first axis of 8x3"),
        ("take_channels", {"start": 3}, [(8, 3)], "has no channels"),
        ("take_channels", {"stop": 4}, [(8, 3)], "only 3 channels"),
        ("channel_shuffle", {"groups": 2}, [(8, 3)], "3 channels cannot be split into 2 groups"),
        ("space_to_depth", {"block": 3}, [(8, 9, 3)], "8x9 cannot be split into blocks of 3x3"),
        ("depth_to_space", {"block": 2}, [(8, 9, 6)], "6 channels cannot form blocks of 2x2"),
        ("attention", {"heads": 2, "key": 3}, [(6,)], "expects tokens x channels, got 6"),
        ("attention", {"heads": 2, "key": 3, "axes": [3]}, [(8, 8, 6)], "between 1 and 2, got .3."),
        ("attention", {"heads": 2, "key": 3, "causal": True}, [(8, 8, 6)], "`causal` expects tokens"),
        ("attention", {"heads": 2, "key": 3, "window": 2}, [(8, 8, 6)], "`window` expects tokens"),
        ("attention", {"heads": 2, "key": 3}, [(8, 6)] * 4, "takes a query, a value and a key, got 4 tensors"),
        ("attention", {"heads": 2, "key": 3}, [(8, 6), (7, 6), (5, 6)], "equal length, got 7x6 and 5x6"),
        ("attention", {"heads": 2, "key": 3}, [(8, 6), (4, 4, 6)], "of like axes, got 8x6 and 4x4x6"),
        ("attention", {"heads": 2, "key": 3, "axes": [1]}, [(8, 3, 6), (8, 4, 6)], "of like axes"),
        ("attention", {"heads": 4, "key": 3, "kv_heads": 3}, [(8, 6)], "4 heads cannot be split into 3 groups"),
        ("attention", {"heads": 4, "key": 3, "kv_heads": 2, "value": 4}, [(8, 6)], "`value` and `kv_heads`"),
        ("attention", {"heads": 4, "key": 3, "kv_heads": 2}, [(8, 8, 6)], "`kv_heads` expects tokens"),
        ("class_token", {}, [(8, 8, 6)], "expects tokens x channels, got 8x8x6"),
        ("lstm", {"units": 3}, [(8, 8, 6)], "expects steps x channels, got 8x8x6"),
        ("gru", {"units": 3}, [(8,)], "expects steps x channels, got 8"),
        ("lstm", {"units": 3, "bidirectional": True, "go_backwards": True}, [(8, 6)], "mutually exclusive"),
        ("masking", {}, [(8,)], "expects steps x channels, got 8"),
        ("position_embedding", {}, [(6,)], "expects positions x channels, got 6"),
        ("position_encoding", {}, [(4, 4, 6)], "expects positions x channels, got 4x4x6"),
        ("spatial_dropout", {"rate": 0.5}, [(6,)], r"expects .T, C., .H, W, C. or .D, H, W, C., got 6"),
        ("prelu", {"shared_axes": [0]}, [(8, 8, 6)], "between 1 and 3, got .0."),
        ("subtract", {}, [(6,), (6,), (6,)], "expects two inputs, got 3"),
        ("dense", {"units": 3}, [()], "got a number"),
        ("add", {}, [(8, 8, 6), (6,)], "equal shapes"),
        ("add", {}, [(8, 8, 6), (8, 8, 1)], "equal shapes"),
        ("average", {}, [(8, 8, 6), (1, 1, 6)], "equal shapes"),
        ("maximum", {}, [(6,), (1,)], "equal shapes"),
        ("multiply", {}, [(8, 8, 6), (8, 4, 1)], "cannot broadcast 8x8x6 over 8x4x1"),
        ("multiply", {}, [(1, 8, 5), (8, 8, 1), (8, 8, 6)], "cannot broadcast 1x8x5 over 8x8x6"),
        ("multiply", {}, [(8, 8, 6), (5,)], "cannot broadcast 5 over 8x8x6"),
        ("add", {"broadcast": True}, [(8, 8, 6), (5,)], "cannot broadcast 5 over 8x8x6"),
        ("subtract", {"broadcast": True}, [(6,), (6,), (1,)], "expects two inputs, got 3"),
        ("concat", {}, [(8, 8, 6), (8, 4, 6)], "equal except for the channels"),
        ("concat", {}, [(8, 8, 6), (6,)], "equal except for the channels"),
    ],
)
def test_invalid_input_shapes_are_rejected(name: str, fields: Any, inputs: Any, fact: str) -> None:
    op = build(name, **fields)
    with pytest.raises(OpError, match=fact) as caught:
        op.output(*inputs)
    assert caught.value.field in ("", *OPS[name].model_fields)


@pytest.mark.parametrize(
    ("name", "fields", "x", "parameters", "macs"),
    [
        ("conv", {"filters": 8, "kernel": 3}, (10, 10, 4), 3 * 3 * 4 * 8 + 8, 8 * 8 * 3 * 3 * 4 * 8),
        ("conv", {"filters": 8, "kernel": [1, 3], "bias": False}, (5, 5, 4), 3 * 4 * 8, 5 * 3 * 3 * 4 * 8),
        ("conv", {"filters": 8, "kernel": 3, "groups": 2}, (3, 3, 4), 3 * 3 * 2 * 8 + 8, 3 * 3 * 2 * 8),
        ("depthwise_conv", {"kernel": 3, "multiplier": 2}, (5, 5, 4), 3 * 3 * 8 + 8, 3 * 3 * 3 * 3 * 8),
        ("dense", {"units": 5}, (7,), 40, 35),
        ("dense", {"units": 5, "bias": False}, (2, 7), 35, 70),
        ("batch_norm", {}, (4, 4, 6), 24, 0),
        ("batch_norm", {"scale": False}, (6,), 18, 0),
        ("max_pool", {}, (4, 4, 6), 0, 0),
        ("separable_conv", {"filters": 8, "kernel": 3}, (5, 5, 4), 36 + 32 + 8, 9 * (36 + 32)),
        ("conv_transpose", {"filters": 8, "kernel": 2, "stride": 2}, (5, 5, 4), 2 * 2 * 4 * 8 + 8, 25 * 2 * 2 * 4 * 8),
        ("attention", {"heads": 2, "key": 3}, (5, 6), 4 * (6 * 6 + 6), 5 * 4 * 36 + 2 * 5 * 5 * 6),
        ("attention", {"heads": 2, "key": 3, "axes": [2]}, (4, 5, 6), 4 * (6 * 6 + 6), 20 * 4 * 36 + 4 * 2 * 5 * 5 * 6),
        ("normalization", {}, (4, 4, 3), 7, 0),
        ("normalization", {"mean": 0.0, "variance": 1.0}, (4, 4, 3), 0, 0),
        ("layer_norm", {"axis": [1, 2, 3]}, (4, 4, 3), 96, 0),
        ("position_embedding", {}, (4, 4, 3), 48, 0),
        ("prelu", {"shared_axes": [1, 2]}, (4, 4, 3), 3, 0),
        ("embedding", {"vocabulary": 9, "size": 4}, (5,), 36, 0),
        ("lstm", {"units": 4}, (5, 3), 4 * (3 * 4 + 4 * 4 + 4), 5 * 4 * (3 * 4 + 4 * 4)),
        ("gru", {"units": 4}, (5, 3), 3 * (3 * 4 + 4 * 4 + 2 * 4), 5 * 3 * (3 * 4 + 4 * 4)),
        ("gru", {"units": 4, "reset_after": False}, (5, 3), 3 * (3 * 4 + 4 * 4 + 4), 5 * 3 * (3 * 4 + 4 * 4)),
        ("simple_rnn", {"units": 4, "bidirectional": "ave"}, (5, 3), 2 * (12 + 16 + 4), 2 * 5 * (12 + 16)),
    ],
)
def test_counts(name: str, fields: Any, x: Any, parameters: int, macs: int) -> None:
    op = build(name, **fields)
    assert sum(weight.size for weight in op.weights(x).values()) == parameters
    assert op.macs(x) == macs


def test_statistics_are_not_trainable() -> None:
    weights = build("batch_norm").weights((6,))
    assert [name for name, weight in weights.items() if weight.trainable] == ["gamma", "beta"]
    assert list(weights) == ["gamma", "beta", "moving_mean", "moving_variance"]


def test_small_words() -> None:
    assert show((8, 8, 256)) == "8x8x256"
    assert show(()) == "a number"
    assert sides("valid") == ((0, 0), (0, 0))
    assert sides(2) == ((2, 2), (2, 2))
    assert sides([[0, 1], [2, 3]]) == ((0, 1), (2, 3))
    assert image((4, 5, 6), "conv") == (4, 5, 6)
    assert same(3, (3, 3))
    assert same([1, 1], (1, 1))
    assert not same(1, True)
    assert not same((1, 2), (1, 1))
    assert same([1, 1, 1], 1)
    assert not same([1, 2], 1)
    assert not same([-1], -1)
    assert build("conv", filters=64, kernel=3, stride=2).label() == "Conv 3×3, 64 /2"
    assert build("max_pool").label() == "Max pool 2×2 /2"
    assert build("max_pool").label_of_rank(1) == "Max pool 2 /2"
    assert build("conv", filters=64, kernel=3, stride=2).label_of_rank(3) == "Conv 3×3×3, 64 /2"
    assert build("conv", filters=64, kernel=3, stride=[2]).label() == "Conv 3, 64 /2"
    assert build("swish").label() == "Swish"
    assert build("zero_pad", padding=[[0, 1], [0, 1]]).label() == "Zero pad 0+1, 0+1"
