"""Steps that are called for each step of the first axis."""

from __future__ import annotations

import math

import pytest

from archdsl import ArchError, Graph, lint, loads, resolve
from archdsl.codegen.module import to_python
from archdsl.diff import compare
from archdsl.expansion import expand
from archdsl.ops import OPS
from archdsl.ops.each_step import each_step
from archdsl.tracing import trace
from archdsl.tracing.text import to_text

FRAMES = 5
HEAD = f"archdsl: 1\nname: Net\ninput: [{FRAMES}, 8, 6, 3]\n"
FRAME = """
layers:
  Frame:
    args: {width: 4}
    paths:
      main:
        - conv: {filters: $width, kernel: 3, padding: same, norm: batch, activation: relu}
        - conv: {filters: $channels, kernel: 3, padding: same}
    shortcut: identity
    merge: add
    after: global_average_pool
model: """


def graph(body: str) -> Graph:
    return resolve(loads(HEAD + body))


def test_a_layer_sees_one_step() -> None:
    found, alone = graph(FRAME + "[time_distributed: {Frame: {width: 7}}]"), graph(FRAME + "[Frame: {width: 7}]")
    one = resolve(loads(HEAD.replace(f"{FRAMES}, ", "") + FRAME + "[Frame: {width: 7}]"))
    assert found.shape == (FRAMES, 3)
    assert dict(found.weights()) == {f"time_distributed_1/{name}": weight for name, weight in one.weights()}
    assert found.totals.macs == FRAMES * one.totals.macs
    assert (found.totals.parameters, found.totals.layers) == (one.totals.parameters, one.totals.layers)
    assert alone.totals.parameters != one.totals.parameters  # without it, the convolutions have three axes


@pytest.mark.parametrize(
    ("steps", "names"),
    [
        ("{dense: {units: 2}}", ["time_distributed_1/dense_1"]),
        ("{tanh: {}}", ["time_distributed_1/tanh_1"]),
        ("[{dense: {units: 2, activity_regularizer: l2}}]", ["time_distributed_1/steps/dense_1"]),
        ("[{relu: {}, name: r}, gelu]", ["time_distributed_1/steps/r", "time_distributed_1/steps/gelu_1"]),
        ("[{relu: {}, repeat: 2}]", ["time_distributed_1/steps/relu_1", "time_distributed_1/steps/relu_2"]),
        ("{time_distributed: relu}", ["time_distributed_1/time_distributed_1/relu_1"]),
    ],
)  # fmt: skip
def test_names_are_the_paths_of_keras(steps: str, names: list[str]) -> None:
    assert [node.name for node in graph(f"model: [time_distributed: {steps}]").nodes] == names


def test_counts_the_work_of_every_step() -> None:
    op = "conv: {filters: 4, kernel: 3, stride: 2, padding: same}"
    found, one = (
        graph(f"model: [time_distributed: [{op}]]"),
        resolve(loads(f"archdsl: 1\nname: Net\ninput: [8, 6, 3]\nmodel: [{op}]")),
    )
    node, alone = found.nodes[0], one.nodes[0]
    assert node.op is not None
    assert alone.op is not None
    assert node.shape == (FRAMES, *alone.shape)
    assert found.totals.macs == FRAMES * one.totals.macs > 0
    assert node.op.fvcore(found.input).macs == FRAMES * alone.op.fvcore(one.input).macs
    assert node.op.activations(found.input) == FRAMES * alone.op.activations(one.input)
    assert node.label == alone.label == "Conv 3×3, 4 /2"
    assert node.op.traits != alone.op.traits  # no claim about windows of four axes


def test_memory_holds_the_internal_values_of_every_step() -> None:
    inside, shape = OPS["attention"].model_validate({"heads": 2, "key": 4}), (10, 8)
    cases = {(FRAMES,): each_step(inside), (FRAMES, 3): each_step(each_step(inside))}
    for axes, op in cases.items():
        steps = math.prod(axes)
        assert op.workspace((*axes, *shape)) == steps * inside.workspace(shape) > 0
        kept = op.saved_for_backward((*axes, *shape)).workspace
        assert kept == steps * inside.saved_for_backward(shape).workspace > 0


def test_nested_calls_take_off_an_axis_each() -> None:
    found = graph(
        "model: [time_distributed: {time_distributed: {lstm: {units: 2}}}, time_distributed: {gru: {units: 3}}]"
    )
    assert [node.shape for node in found.nodes] == [(FRAMES, 8, 2), (FRAMES, 3)]


LONG = FRAME + "[time_distributed: {Frame: {}}, {time_distributed: [{dense: {units: 4, activation: relu}}], name: d}]"


def test_the_long_form_is_the_same_network() -> None:
    spec = loads(HEAD + LONG)
    text = expand(HEAD + LONG)
    assert expand(text) == text
    assert compare(resolve(spec), resolve(loads(text))).is_equal
    assert not lint(spec)


def test_origins_of_values_lead_through_it() -> None:
    answer = to_text(trace(loads(HEAD + LONG), "time_distributed_1/Frame_1/main/conv_1.filters"))
    assert "$width = 4: default of Frame" in answer


def test_the_class_calls_the_convolution_of_the_rank_inside() -> None:
    source = to_python(
        loads(HEAD + "model: [time_distributed: {conv: {filters: 2, kernel: 3}}, conv: {filters: 2, kernel: 3}]")
    )
    assert "layers.TimeDistributed(\n            layers.Conv2D(2, 3," in source
    assert "layers.Conv3D(2, 3," in source


def test_a_flexible_axis_does_not_reach_the_steps_inside() -> None:
    text = HEAD.replace(f"[{FRAMES}, 8, 6, 3]", f"{{shape: [{FRAMES}, 8, 6, 3], flexible: [depth]}}")
    inside = "[time_distributed: [flatten, {dense: {units: 2}}], lstm: {units: 2}]"
    assert resolve(loads(f"{text}model: {inside}")).shape == (2,)
    with pytest.raises(ArchError, match="ARCH030"):
        resolve(loads(f"{text}model: [flatten, {{dense: {{units: 2}}}}]"))


def test_a_long_axis_costs_no_time() -> None:
    text = HEAD.replace(f"[{FRAMES}, 8, 6, 3]", "[60000, 60000, 60000, 2]")
    with pytest.raises(ArchError, match="too large"):
        resolve(
            loads(text + FRAME + "[time_distributed: {time_distributed: {time_distributed: {dense: {units: 9000}}}}]")
        )
