"""Layers that are called several times: weights count once, work counts at each call."""

from __future__ import annotations

import pytest

from archdsl import ArchError, Graph, loads, resolve
from archdsl.analysis.measures import measure
from archdsl.errors import Problem

TWO = "archdsl: 1\nname: Net\ninputs: {left: [8, 8, 3], right: [8, 8, 3]}\n"
ONE = "archdsl: 1\nname: Net\ninput: [8, 8, 3]\n"
TWINS = """layers:
  Encoder: {steps: [conv: {filters: 4, kernel: 3, norm: batch}, global_average_pool]}
model:
  - {Encoder: {}, from: left, name: a}
  - {share: a, from: right, name: b}
  - {subtract: {}, from: [a, b]}
"""
TWO_ENCODERS = TWINS.replace("share: a", "Encoder: {}")


def graph(body: str, head: str = ONE, /, **arguments: object) -> Graph:
    return resolve(loads(head + body), **arguments)


def problem(body: str, head: str = ONE, /, **arguments: object) -> Problem:
    with pytest.raises(ArchError) as caught:
        graph(body, head, **arguments)
    assert len(caught.value.problems) == 1, str(caught.value)
    return caught.value.problems[0]


def paths(found: Graph) -> list[str]:
    return [path for path, _ in found.weights()]


def test_weights_count_once_and_work_twice() -> None:
    shared, apart = graph(TWINS, TWO), graph(TWO_ENCODERS, TWO)
    assert 2 * shared.totals.parameters == apart.totals.parameters == 256
    assert 2 * shared.totals.trainable == apart.totals.trainable
    assert 2 * shared.totals.variables == apart.totals.variables
    assert (shared.totals.macs, shared.totals.layers) == (apart.totals.macs, apart.totals.layers)
    one, other = measure(shared), measure(apart)
    assert (one.activations, one.fvcore, one.peak_bytes) == (other.activations, other.fvcore, other.peak_bytes)
    assert one.kept_bytes == other.kept_bytes
    assert 2 * one.weight_bytes == other.weight_bytes


def test_each_weight_is_yielded_once_under_the_name_of_the_first_call() -> None:
    assert paths(graph(TWINS, TWO)) == [path for path in paths(graph(TWO_ENCODERS, TWO)) if path.startswith("a/")]


def test_a_node_names_the_node_whose_layer_it_calls() -> None:
    nodes = dict(graph(TWINS, TWO).walk())
    assert {path: node.shares for path, node in nodes.items() if node.shares} == {
        "b": "a",
        "b/conv_1": "conv_1",
        "b/conv_1_norm": "conv_1_norm",
        "b/global_average_pool_1": "global_average_pool_1",
    }
    assert nodes["b/conv_1"].totals.parameters == 0 < nodes["a/conv_1"].totals.parameters
    assert nodes["b/conv_1"].weights == nodes["a/conv_1"].weights


def test_a_conv_block_is_shared_with_its_padding_norm_and_activation() -> None:
    found = graph(
        "model:\n  - {conv: {filters: 3, kernel: 3, padding: 1, norm: batch, activation: relu}, name: a}\n"
        "  - {share: a, name: b}\n"
    )
    assert [(node.name, node.shares) for node in found.nodes[4:]] == [
        ("b_pad", "a_pad"),
        ("b", "a"),
        ("b_norm", "a_norm"),
        ("b_activation", "a_activation"),
    ]
    assert found.totals.parameters == 3 * 3 * 3 * 3 + 3 + 4 * 3


def test_weights_are_shared_over_the_depth() -> None:
    once = graph("model:\n  - {dense: {units: 3}, name: a}\n")
    for times in (0, 1, 11):
        found = graph(
            f"args: {{n: {times}}}\nmodel:\n  - {{dense: {{units: 3}}, name: a}}\n  - {{share: a, repeat: $n}}\n"
        )
        assert found.totals.parameters == once.totals.parameters
        assert found.totals.macs == once.totals.macs * (times + 1)


def test_a_copy_of_a_loop_is_shared_by_its_number() -> None:
    body = "model:\n  - {dense: {units: $u}, for: {u: [3, 3]}, name: a}\n  - {share: a_2}\n  - {share: a_1, name: b}\n"
    assert [node.shares for node in graph(body).nodes] == ["", "", "a_2", "a_1"]


def test_a_share_of_a_share_refers_to_the_first() -> None:
    body = "model:\n  - {dense: {units: 3}, name: a}\n  - {share: a, name: b}\n  - {share: b}\n"
    assert [node.shares for node in graph(body).nodes] == ["", "a", "a"]


def test_layers_that_share_inside_are_shared_themselves() -> None:
    body = """layers:
  Twice: {steps: [{dense: {units: 3}, name: a}, {share: a}]}
model: [{Twice: {}, name: x}, {share: x}, Twice]
"""
    found = graph(body)
    assert paths(found) == ["x/a/kernel", "x/a/bias", "Twice_1/a/kernel", "Twice_1/a/bias"]
    assert found.totals.macs == 6 * 64 * 9


def test_an_op_is_shared_over_several_sizes() -> None:
    found = graph("model:\n  - {conv: {filters: 3, kernel: 3}, name: a}\n  - share: a\n")
    assert [node.shape for node in found.nodes] == [(6, 6, 3), (4, 4, 3)]


def test_steps_in_repeated_paths_share_within_their_path() -> None:
    found = graph(
        "model:\n  - paths:\n      row:\n        repeat: 2\n        steps: [{dense: {units: 3}, name: a}, share: a]\n"
        "    merge: add\n"
    )
    assert [(node.name, node.shares) for node in found.nodes[:4]] == [
        ("row_1/a", ""),
        ("row_1/share_1", "row_1/a"),
        ("row_2/a", ""),
        ("row_2/share_1", "row_2/a"),
    ]


def test_a_layer_of_another_path_is_shared() -> None:
    found = graph(
        "model:\n  - paths: {one: [{dense: {units: 3}, name: a}], two: [relu, share: a]}\n    merge: add\n",
    )
    assert [(node.name, node.shares) for node in found.nodes if node.shares] == [("two/share_1", "one/a")]


def test_a_condition_may_take_both_calls_away() -> None:
    body = (
        "args: {on: true}\nmodel:\n  - relu\n  - {dense: {units: 3}, when: $on, name: a}\n  - {share: a, when: $on}\n"
    )
    assert [node.shares for node in graph(body).nodes] == ["", "", "a"]
    assert len(graph(body, on=False).nodes) == 1


def test_a_call_that_needs_other_weights_is_refused_with_both_shapes() -> None:
    found = problem("model:\n  - {dense: {units: 4}, name: a}\n  - share: a\n")
    assert found.code == "ARCH020"
    assert (found.message, found.facts) == (
        "this input needs other weights in `a`",
        ("8x8x3 into `a`: `kernel` is 3x4", "8x8x4 into this step: `kernel` is 4x4"),
    )
    assert found.span is not None
    assert found.span.line == 6


def test_a_shared_layer_of_two_inputs_takes_two() -> None:
    body = """layers:
  Both: {inputs: [p, q], steps: [{add: {}, from: [p, q]}, dense: {units: 3}]}
model:
  - {Both: {}, from: [left, right], name: a}
  - share: a
"""
    assert problem(body, TWO).code == "ARCH022"


def test_a_loop_with_a_condition_is_not_shared() -> None:
    found = problem("model:\n  - {dense: {units: 3}, for: {i: 2}, when: $i > 0, name: a}\n  - share: a_2\n")
    assert found.code == "ARCH018"


def test_shared_layers_of_nested_calls_are_resolved_in_little_time() -> None:
    layers = ["  L0: {steps: [dense: {units: 3}]}"]
    for number in range(1, 16):
        layers.append(f"  L{number}: {{steps: [{{L{number - 1}: {{}}, name: a}}, {{share: a}}]}}")
    found = graph("layers:\n" + "\n".join(layers) + "\nmodel: [{L15: {}, name: x}, {share: x, repeat: 8}]\n")
    assert found.totals.parameters == 12
    assert found.totals.layers == 9 * 2**15


TIED = """model:
  - {dense: {units: 5}, name: a}
  - {dense: {units: 3, kernel: {share: a.kernel, transpose: true}}, name: b}
"""


def test_a_tied_kernel_counts_once_and_the_bias_is_its_own() -> None:
    found = graph(TIED)
    assert paths(found) == ["a/kernel", "a/bias", "b/bias"]
    assert found.nodes[1].tied == {"kernel": ("a", "kernel", True)}
    assert found.totals.parameters == 3 * 5 + 5 + 3
    assert found.totals.macs == 2 * 64 * 15
    assert (
        measure(found).kept_bytes
        == measure(graph(TIED.replace(", kernel: {share: a.kernel, transpose: true}", ""))).kept_bytes
    )


def test_a_kernel_of_a_share_is_that_of_the_first_step() -> None:
    found = graph(
        TIED.replace(
            "  - {dense: {units: 3,", "  - {dense: {units: 3}}\n  - {share: a, name: c}\n  - {dense: {units: 3,"
        ).replace("a.kernel", "c.kernel")
    )
    assert found.nodes[-1].tied == {"kernel": ("a", "kernel", True)}


def test_a_step_with_a_tied_kernel_is_shared() -> None:
    body = TIED + "  - {dense: {units: 5}}\n  - {share: b}\n"
    assert graph(body).totals.parameters == 15 + 5 + 3 + 3 * 5 + 5
    assert problem(TIED + "  - {share: b}\n").message == "this input needs other weights in `b`"


def test_defaults_for_kernels_do_not_touch_a_tied_kernel() -> None:
    found = graph("defaults: {dense: {kernel_initializer: he_normal, bias: false}}\n" + TIED)
    assert paths(found) == ["a/kernel"]


@pytest.mark.parametrize(
    ("edit", "code", "message"),
    [
        (("transpose: true", "transpose: false"), "ARCH020", "`kernel` must be 5x3, but `a.kernel` is 3x5"),
        (("units: 3", "units: 4"), "ARCH020", "`kernel` must be 5x4, but `a.kernel` is 5x3, transposed"),
        (("a.kernel", "a.kernels"), "ARCH018", "`a` has no weight `kernels`"),
        (("a.kernel", "z.kernel"), "ARCH018", "no earlier step is named `z`"),
        (("a.kernel", "a"), "ARCH007", "`kernel` must be a weight of another step, got `a`"),
        (("{share: a.kernel, transpose: true}", "3"), "ARCH007", "`kernel` must be a weight of another step, got `3`"),
        (("transpose: true", "transpose: 1"), "ARCH007", "`transpose` must be a boolean, got `1`"),
        (("transpose: true", "turn: true"), "ARCH005", "unknown key `turn`"),
        (("units: 3,", "units: 3, kernel_initializer: ones,"), "ARCH005", "`kernel_initializer` cannot be combined"),
    ],
)
def test_a_wrong_tie_is_refused(edit: tuple[str, str], code: str, message: str) -> None:
    found = problem(TIED.replace(*edit))
    assert found.code == code
    assert found.message.startswith(message)
    assert found.span is not None
    assert found.span.line == 6


def test_a_layer_without_paths_is_shared_over_several_sizes() -> None:
    head = "layers: {Head: {steps: [{conv: {filters: 3, kernel: 2}, repeat: 2}]}}\n"
    body = head + "model: [{Head: {}, name: a}, share: a]\n"
    found = graph(body)
    assert [(node.shape, node.totals.parameters) for node in found.nodes] == [((6, 6, 3), 78), ((4, 4, 3), 0)]


def test_a_layer_with_paths_is_shared_over_one_size() -> None:
    body = "layers: {Head: {paths: [[conv: {filters: 3, kernel: 3}]]}}\nmodel: [{Head: {}, name: a}, share: a]\n"
    assert problem(body).message == "the layer of `a` takes an input of 8x8x3, got 6x6x3"
