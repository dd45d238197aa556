"""Receptive fields, checked by changing each input pixel and observing which outputs change."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from archdsl import ArchError, loads, resolve
from archdsl.analysis.measures import receptive_fields
from archdsl.analysis.receptive_field import AxisView, views
from archdsl.graph import Graph, Node

# Along one axis a map is a matrix: a row for each place, a column for each pixel of the input that was moved. All
# kernels are ones, so that a place moves if one of the places under its window does, and nothing can cancel out. The
# last column may depend on what is outside a map: what has seen some of it sees less than it would in the middle.
Moves = np.ndarray[Any, np.dtype[np.float64]]


def outside(x: Moves, before: int, behind: int) -> Moves:
    """A map with padding around it."""
    around = np.zeros((1, x.shape[1]))
    around[0, -1] = 1
    return np.concatenate([np.repeat(around, before, 0), x, np.repeat(around, behind, 0)])


def slide(x: Moves, kernel: int, stride: int, dilation: int, padding: tuple[int, int]) -> Moves:
    """A convolution along one axis."""
    x = outside(x, *padding)
    reach = dilation * (kernel - 1) + 1
    starts = range(0, len(x) - reach + 1, stride)
    return np.stack([x[at : at + reach : dilation].sum(0) for at in starts])


def same(length: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """The padding of TensorFlow's `same`: pixels before and after."""
    total = max((-(-length // stride) - 1) * stride + dilation * (kernel - 1) + 1 - length, 0)
    return total // 2, total - total // 2


def sides(padding: Any, axis: int) -> tuple[int, int]:
    if padding == "valid":
        return 0, 0
    return (padding, padding) if isinstance(padding, int) else tuple(padding[axis])


def transposed(x: Moves, kernel: int, stride: int, padding: str) -> Moves:
    """A transposed convolution along one axis: each position adds a window to the output."""
    length = (len(x) - 1) * stride + max(kernel, stride)
    x = outside(x, kernel, kernel)
    whole = np.zeros(((len(x) - 1) * stride + max(kernel, stride), x.shape[1]))
    for at, row in enumerate(x):
        whole[at * stride : at * stride + kernel] += row
    whole = whole[kernel * stride : kernel * stride + length]
    cut = max(kernel - stride, 0) // 2
    return whole if padding == "valid" else whole[cut : cut + (len(x) - 2 * kernel) * stride]


def resized(x: Moves, length: int, interpolation: str) -> Moves:
    """Nearest or bilinear, with pixel centers as in TensorFlow."""
    rows = []
    for place in range(length):
        centre = (place + 0.5) * len(x) / length
        if interpolation == "nearest":
            rows.append(x[min(math.floor(centre + 1e-9), len(x) - 1)])
            continue
        low = math.floor(centre - 0.5 + 1e-9)
        share = 0.0 if abs(centre - 0.5 - low) < 1e-6 else 1.0
        rows.append(outside(x, 1, 1)[low + 1] + share * outside(x, 1, 1)[low + 2])
    return np.stack(rows)


def at(value: Any, axis: int) -> int:
    """The entry of an axis of a number or a list."""
    return value if isinstance(value, int) else value[axis]


def through(node: Node, x: Moves, axis: int) -> Moves:
    """The effect of an op on changes along one axis."""
    op: Any = node.op
    match op.name:
        case "conv" | "depthwise_conv" | "separable_conv":
            window = at(op.kernel, axis), at(op.stride, axis), at(op.dilation, axis)
            if op.padding == "causal":
                return slide(x, *window, (window[2] * (window[0] - 1), 0))
            return slide(x, *window, same(len(x), *window) if op.padding == "same" else sides(op.padding, axis))
        case "max_pool" | "average_pool":
            window = at(op.size, axis), at(op.stride or op.size, axis), 1
            return slide(x, *window, same(len(x), *window) if op.padding == "same" else sides(op.padding, axis))
        case "conv_transpose":
            return transposed(x, at(op.kernel, axis), at(op.stride, axis), op.padding)
        case "zero_pad" | "lowest_pad":
            return outside(x, *sides(op.padding, axis))
        case "crop":
            before, behind = sides(op.border, axis)
            return x[before : len(x) - behind]
        case "upsample":
            return resized(x, len(x) * at(op.size, axis), op.interpolation)
        case "resize":
            return resized(x, (op.height, op.width)[axis], op.interpolation)
        case "space_to_depth":
            return np.add.reduceat(x, range(0, len(x), op.block))
        case "depth_to_space":
            return np.repeat(x, op.block, axis=0)
        case "pad_shortcut":
            return x[:: at(op.stride, axis)]
        case "adaptive_average_pool":
            size = at(op.size, axis)
            ends = [(i * len(x) // size, -(-(i + 1) * len(x) // size)) for i in range(size)]
            return np.stack([x[low:high].sum(0) for low, high in ends])
    return x


def moves(graph: Graph, axis: int, entering: Mapping[str, Moves]) -> dict[str, Moves]:
    """The changes at each node after changing each pixel along an axis of the input separately."""
    found = dict(entering)
    for node in graph.nodes:
        taken = [found[ref] for ref in node.inputs]
        if node.body is not None:
            inner = moves(node.body, axis, dict(zip(node.body.inputs, taken, strict=True)))
            found[node.name] = inner[node.body.output]
        else:
            found[node.name] = sum(through(node, x, axis) for x in taken)  # type: ignore[assignment]
    return found


def hold(graph: Graph) -> int:
    """Compare each position of each node, and return the number of positions that see no padding."""
    places, states, fields = 0, views(graph), receptive_fields(graph, 1)
    ops: list[Any] = [node.op for _, node in graph.walk() if node.op is not None]
    for axis in range(len(graph.input) - 1):
        length = graph.input[axis]
        found = moves(graph, axis, {name: np.eye(length, length + 1) for name in graph.inputs})
        # Where a transposed convolution leaves places between its windows that see nothing, it is a bound.
        holes = any(op.name == "conv_transpose" and at(op.kernel, axis) < at(op.stride, axis) for op in ops)
        for node in graph.nodes:
            (view,) = states[node.name].values()
            assert isinstance(view, tuple), node
            seen = view[axis] if view else AxisView()
            assert isinstance(seen, AxisView)
            for place, row in enumerate(found[node.name]):
                moved, ends = np.flatnonzero(row[:-1]), (seen.start(place), seen.end(place))
                if not row[-1] and not holes:
                    assert (moved[0], moved[-1]) == ends, (node, place)
                    places += 1
                elif len(moved):
                    assert ends[0] <= moved[0] <= moved[-1] <= ends[1], (node, place)
                assert len(moved) <= (fields[node.name].size or (0, 0))[axis]
    return places


def one(name: str, **fields: Any) -> st.SearchStrategy[Any]:
    """An op with some random and some fixed fields."""
    drawn = {key: value if isinstance(value, st.SearchStrategy) else st.just(value) for key, value in fields.items()}
    return st.fixed_dictionaries(drawn).map(lambda given: {name: given})


few, words = st.integers(0, 3), st.sampled_from(["same", "valid"])


def each(entry: st.SearchStrategy[Any], rank: int) -> st.SearchStrategy[list[Any]]:
    """A list with one entry per axis."""
    return st.lists(entry, min_size=rank, max_size=rank)


def step_of(rank: int) -> st.SearchStrategy[Any]:
    """A step for a map with some number of axes besides the channels."""
    sizes = each(st.integers(1, 5), rank)
    stride = st.one_of(st.integers(1, 3), each(st.integers(1, 3), rank))
    padding = st.one_of(words, few, each(each(few, 2), rank))
    scaling = st.sampled_from(["nearest", "bilinear"]) if rank == 2 else st.just("nearest")
    some = [
        one("conv", filters=4, kernel=sizes, stride=stride, padding=padding),
        one("conv", filters=4, kernel=sizes, dilation=st.integers(1, 3)),
        one("max_pool", size=sizes, stride=stride, padding=padding),
        one("average_pool", size=st.integers(1, 3)),
        one("conv_transpose", filters=4, kernel=sizes, stride=st.integers(1, 3), padding=words),
        one("upsample", size=st.integers(1, 3), interpolation=scaling),
        one("crop", border=st.integers(0, 2)),
        one("zero_pad", padding=each(each(few, 2), rank)),
        one("pad_shortcut", filters=6, stride=st.integers(1, 2)),
        st.sampled_from(
            ["relu", "batch_norm", {"layer_norm": {}}, {"dropout": {"rate": 0.5}}, {"dense": {"units": 4}}]
        ),
    ]
    if rank < 3:
        some.append(one("depthwise_conv", kernel=sizes, padding=padding))
        some.append(one("separable_conv", filters=4, kernel=sizes, padding=padding))
    if rank == 1:
        some.append(one("conv", filters=4, kernel=sizes, dilation=st.integers(1, 3), padding="causal"))
    return st.one_of(some)


step, pair = step_of(2), each(st.integers(1, 5), 2)
CONV = {"conv": {"filters": 4, "kernel": 3, "padding": "same"}}
DEEP = {"paths": {"deep": [{"max_pool": {"size": 2}}, CONV, {"upsample": {}}]}, "shortcut": "identity", "merge": "add"}
kept = st.one_of(
    one("conv", filters=4, kernel=pair, padding="same"),
    one("max_pool", size=pair, stride=1, padding="same"),
    st.just(DEEP),
)
CROP = {"crop": {"border": [[0, 0], [1, 1]]}}
LAYERS = {
    "Block": {
        "paths": {"main": [CONV, {"conv": {"filters": 4, "kernel": [3, 1], "padding": 1}}, CROP]},
        "shortcut": "identity",
        "merge": "add",
    },
    "Down": {"steps": [{"Block": {}, "repeat": 2}, {"conv": {**CONV["conv"], "stride": 2}}]},
    "Up": {"steps": [{"conv_transpose": {**CONV["conv"], "stride": 2}}, "Block"]},
}


def built(model: Any, shape: tuple[int, ...] = (31, 24, 4), **more: Any) -> Graph:
    text = json.dumps({"archdsl": 1, "name": "Net", "input": list(shape), "model": model, **more})
    try:
        return resolve(loads(text, "net.yaml"))
    except ArchError:
        assume(False)
        raise


@given(st.lists(step, min_size=1, max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_chains_pixel_by_pixel(steps: list[Any]) -> None:
    graph = built(steps)
    assume(max(side for node in graph.nodes for side in node.shape[:2]) < 200)
    hold(graph)


@pytest.mark.parametrize("shape", [(31, 4), (13, 12, 14, 4)])
@given(st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_sequences_and_volumes_position_by_position(shape: tuple[int, ...], data: st.DataObject) -> None:
    graph = built(data.draw(st.lists(step_of(len(shape) - 1), min_size=1, max_size=5)), shape)
    assume(max(side for node in graph.nodes for side in node.shape[:-1]) < 200)
    hold(graph)


@given(st.lists(st.lists(kept, max_size=3), min_size=1, max_size=3), st.lists(step, max_size=2))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_branches_pixel_by_pixel(paths: list[list[Any]], behind: list[Any]) -> None:
    bunch = {"paths": paths, "shortcut": "identity", "merge": "add"}
    hold(built([CONV, bunch, *behind], (32, 24, 4)))


def test_layers_pixel_by_pixel() -> None:
    graph = built([{"Down": {}, "repeat": 2}, {"Up": {}, "repeat": 2}], (72, 64, 4), layers=LAYERS)
    assert hold(graph) > 100


@pytest.mark.parametrize(
    "op",
    [
        {"resize": {"height": 17, "width": 40}},
        {"resize": {"height": 17, "width": 7, "interpolation": "nearest"}},
        {"adaptive_average_pool": {"size": [5, 7]}},
        {"adaptive_average_pool": {"size": [31, 3]}},
        {"space_to_depth": {"block": 2}},
        {"depth_to_space": {"block": 2}},
    ],
)
def test_other_sizes_pixel_by_pixel(op: Any) -> None:
    assert hold(built([CONV, op, CONV], (30, 24, 4))) > 0


def test_the_largest_field_is_reached_inside_a_map() -> None:
    """If the map is large enough, some position reaches the reported size."""
    steps = [
        {"conv": {"filters": 4, "kernel": 3, "stride": 2, "padding": "same"}},
        {"conv": {"filters": 4, "kernel": 5, "padding": "same"}},
        {"upsample": {}},
        {"conv": {"filters": 4, "kernel": 3, "padding": "same"}},
        {"max_pool": {"size": 3, "stride": 2}},
    ]
    graph = built(steps, (64, 64, 4))
    found, fields = moves(graph, 0, {"input": np.eye(64, 65)}), receptive_fields(graph)
    for node in graph.nodes:
        assert max((row[:-1] != 0).sum() for row in found[node.name]) == (fields[node.name].size or (0, 0))[0]
