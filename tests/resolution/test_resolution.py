"""The graph of a spec: shapes, names of weights, counts, loops, shortcuts and shared graphs."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest

from archdsl import ArchError, Graph, load, loads, resolve
from archdsl.graph import Node, Totals, total
from archdsl.resolution.expectations import check
from archdsl.spec import INPUT
from archdsl.zoo import names as zoo

HEAD = "archdsl: 1\nname: Net\ninput: [8, 8, 4]\n"


def graph(body: str, head: str = HEAD, /, **arguments: Any) -> Graph:
    return resolve(loads(head + body), **arguments)


def layer(body: str, args: str = "", use: str = "", head: str = HEAD) -> Graph:
    """The body of a layer `A`, as the model uses it."""
    given = f"args: {{{args}}}, " if args else ""
    resolved = graph(f"layers:\n  A: {{{given}{body}}}\nmodel: [A: {{{use}}}]\n", head)
    body_graph = resolved.nodes[0].body
    assert body_graph is not None
    return body_graph


def names(found: Graph) -> list[str]:
    return [node.name for node in found.nodes]


def by_name(found: Graph) -> dict[str, Node]:
    return {node.name: node for node in found.nodes}


def refused(body: str, **arguments: Any) -> ArchError:
    with pytest.raises(ArchError) as caught:
        graph(body, **arguments)
    return caught.value


CONV = "conv: {filters: 4, kernel: 3, padding: same}"


class TestNames:
    def test_a_step_is_its_kind_and_number(self) -> None:
        assert names(graph(f"model: [{CONV}, relu, {CONV}, relu, batch_norm]")) == [
            "conv_1",
            "relu_1",
            "conv_2",
            "relu_2",
            "batch_norm_1",
        ]

    def test_parts_of_a_block(self) -> None:
        found = graph("model: [conv: {filters: 4, kernel: 3, padding: 1, norm: batch, activation: relu}]")
        assert names(found) == ["conv_1_pad", "conv_1", "conv_1_norm", "conv_1_activation"]
        assert [node.role for node in found.nodes] == ["pad", "main", "norm", "activation"]
        assert found.shape == (8, 8, 4)

    def test_numbers_run_on_through_repeat_and_for(self) -> None:
        found = graph("model: [{relu: {}, repeat: 2}, {relu: {}, for: {i: 2}, when: $i < 2}, relu]")
        assert names(found) == ["relu_1", "relu_2", "relu_3", "relu_4", "relu_5"]

    def test_what_when_leaves_out_keeps_its_number(self) -> None:
        found = graph("model: [{relu: {}, for: {i: 3}, when: $i != 1}, {relu: {}, when: false}, relu]")
        assert names(found) == ["relu_1", "relu_3", "relu_5"]

    def test_a_name_is_pinned(self) -> None:
        found = graph(f"model: [{CONV}, {{{CONV}, name: stem}}, {CONV}]")
        assert names(found) == ["conv_1", "stem", "conv_2"]

    def test_copies_of_a_pinned_name_are_numbered(self) -> None:
        assert names(graph("model: [{relu: {}, name: x, repeat: 3}]")) == ["x_1", "x_2", "x_3"]
        assert names(graph("model: [{relu: {}, name: x, for: {i: 2}, when: $i >= 0}]")) == ["x_1", "x_2"]

    def test_a_pinned_name_may_be_left_out(self) -> None:
        assert names(graph("model: [{relu: {}, name: x, when: false}, {relu: {}, name: x, when: true}]")) == ["x"]

    @pytest.mark.parametrize(
        "steps",
        [
            "[{relu: {}, name: x}, {relu: {}, name: x}]",
            "[relu, {dropout: {rate: 0.5}, name: relu_1}]",
            "[{relu: {}, name: x_1}, {relu: {}, name: x, repeat: 2}]",
            "[{conv: {filters: 4, kernel: 1, norm: batch}, name: a}, {relu: {}, name: a_norm}]",
        ],
    )
    def test_a_name_stands_once(self, steps: str) -> None:
        assert refused(f"model: {steps}").problems[0].code == "ARCH010"

    def test_inserting_a_relu_moves_no_conv(self) -> None:
        before = graph(f"model: [{CONV}, {CONV}]")
        after = graph(f"model: [{CONV}, relu, {CONV}]")
        assert [name for name, _ in before.weights()] == [name for name, _ in after.weights()]

    def test_paths_and_shortcuts_stand_between(self) -> None:
        found = layer(
            f"paths: {{wide: [{CONV}, {CONV}], thin: [{CONV}]}}, shortcut: projection, merge: add, after: relu"
        )
        assert names(found) == ["wide/conv_1", "wide/conv_2", "thin/conv_1", "shortcut/conv_1", "add_1", "relu_1"]
        assert by_name(found)["wide/conv_2"].path == ("wide",)

    def test_paths_without_a_name_are_numbered(self) -> None:
        assert names(layer(f"paths: [[{CONV}], [relu]], merge: add")) == ["path_1/conv_1", "path_2/relu_1", "add_1"]

    def test_copies_of_a_path_are_numbered(self) -> None:
        found = layer("paths: {branch: {steps: [relu], repeat: 3}}, merge: add")
        assert names(found) == ["branch_1/relu_1", "branch_2/relu_1", "branch_3/relu_1", "add_1"]

    def test_weights_have_their_path(self) -> None:
        found = load("funny_resnet_notebook")
        paths = dict(resolve(found).weights())
        assert "ResidualBlock_1/ResidualLayer_2/wide/conv_3/kernel" in paths
        assert "ResidualBlock_3/ResidualLayerScal_1/shortcut/conv_1_norm/gamma" in paths
        assert len(paths) == 566


class TestPaths:
    def test_an_empty_path_is_the_input(self) -> None:
        found = layer("paths: {a: [relu], b: []}, merge: add")
        assert by_name(found)["add_1"].inputs == ("a/relu_1", INPUT)
        assert by_name(found)["add_1"].parts == ("a", "b")

    def test_sums_take_the_paths_and_then_the_shortcut(self) -> None:
        found = layer("paths: {b: [relu], a: [relu]}, shortcut: identity, merge: add")
        assert by_name(found)["add_1"].parts == ("b", "a", "shortcut")

    def test_concat_takes_the_shortcut_first(self) -> None:
        found = layer("paths: {b: [relu], a: [relu]}, shortcut: identity, merge: concat")
        assert by_name(found)["concat_1"].parts == ("shortcut", "b", "a")
        assert by_name(found)["concat_1"].inputs[0] == INPUT
        assert found.shape == (8, 8, 12)

    @pytest.mark.parametrize("merge", ["add", "average", "maximum", "multiply"])
    def test_merges_keep_equal_shapes(self, merge: str) -> None:
        assert layer(f"paths: {{a: [relu], b: []}}, merge: {merge}").shape == (8, 8, 4)

    def test_multiply_stretches_channels(self) -> None:
        found = layer("paths: {a: [], gate: [global_average_pool: {}, sigmoid]}, merge: multiply")
        assert found.shape == (8, 8, 4)

    def test_a_merge_of_one_part_is_that_part(self) -> None:
        found = layer("paths: {a: [relu]}, merge: add")
        assert names(found) == ["a/relu_1"]
        assert found.output == "a/relu_1"

    def test_no_part_is_the_input(self) -> None:
        found = layer("paths: {a: {steps: [relu], when: false}}, merge: add")
        assert found.output == INPUT
        assert found.shape == (8, 8, 4)

    def test_a_path_whose_when_fails_is_not_there(self) -> None:
        found = layer(
            "paths: {a: [relu], b: {when: $n > 1, steps: [relu]}, c: {steps: [relu], repeat: $n - 1}}, merge: add",
            "n: int",
            "n: 1",
        )
        assert names(found) == ["a/relu_1"]

    def test_width_and_depth_are_loops(self) -> None:
        steps = "steps: [{conv: {filters: 4, kernel: 1}, repeat: $depth}]"
        body = f"paths: {{branch: {{{steps}, for: {{i: $width}}, when: $i < 9}}}}, merge: concat"
        found = layer(body, "depth: int, width: int", "depth: 2, width: 3")
        assert found.totals.variables == 2 * 2 * 3
        assert found.shape == (8, 8, 12)
        assert "branch_3/conv_2" in by_name(found)

    def test_after_is_behind_the_merge(self) -> None:
        found = layer("paths: [[relu], []], merge: add, after: [relu, batch_norm]")
        assert names(found)[-3:] == ["add_1", "relu_1", "batch_norm_1"]
        assert found.output == "batch_norm_1"

    def test_paths_stand_in_paths(self) -> None:
        found = layer("paths: {a: [{paths: {b: [relu], c: []}, merge: add}], d: []}, merge: add")
        assert names(found) == ["a/b/relu_1", "a/add_1", "add_1"]

    def test_paths_stand_in_the_model(self) -> None:
        found = graph("model:\n  - relu\n  - paths: [[relu], []]\n    merge: add\n  - flatten\n")
        assert names(found) == ["relu_1", "path_1/relu_1", "add_1", "flatten_1"]

    def test_two_bunches_of_the_same_names(self) -> None:
        found = graph("model:\n" + "  - {paths: {main: [relu]}, shortcut: identity, merge: add}\n" * 2)
        assert names(found) == ["main/relu_1", "add_1", "main_2/relu_1", "add_2"]


class TestMerges:
    """`add`, `average` and `maximum` need equal shapes, `concat` all but the channels; nothing broadcasts silently."""

    SHAPES = (
        ("", "[8, 8, 4]"),
        ("conv: {filters: 6, kernel: 1}", "[8, 8, 6]"),
        ("max_pool", "[4, 4, 4]"),
        ("global_average_pool", "[4]"),
        ("global_average_pool: {keepdims: true}", "[1, 1, 4]"),
        ("{dense: {units: 1}}", "[8, 8, 1]"),
        ("flatten", "[256]"),
    )

    @staticmethod
    def merged(merge: str, first: str, second: str) -> tuple[int, ...] | None:
        try:
            return layer(f"paths: [[{first}], [{second}]], merge: {merge}").shape
        except ArchError as error:
            return None if error.problems[0].code == "ARCH021" else (-1,)

    @pytest.mark.parametrize("merge", ["add", "average", "maximum"])
    def test_equal_shapes_and_no_others(self, merge: str) -> None:
        for i, (first, _) in enumerate(self.SHAPES):
            for j, (second, _) in enumerate(self.SHAPES):
                assert (self.merged(merge, first, second) is not None) == (i == j), (first, second)

    def test_concat_takes_other_channels(self) -> None:
        for i, (first, left) in enumerate(self.SHAPES):
            for j, (second, right) in enumerate(self.SHAPES):
                a, b = json.loads(left), json.loads(right)
                wanted = (*a[:-1], a[-1] + b[-1]) if a[:-1] == b[:-1] else None
                assert self.merged("concat", first, second) == wanted, (first, second, i, j)

    @pytest.mark.parametrize("merge", ["multiply", "{add: {broadcast: true}}", "{maximum: {broadcast: true}}"])
    def test_axes_of_size_1_are_broadcast(self, merge: str) -> None:
        """As NumPy broadcasts, from either side, and nothing else."""
        for first, left in self.SHAPES:
            for second, right in self.SHAPES:
                try:
                    wanted = np.broadcast_shapes(json.loads(left), json.loads(right))
                except ValueError:
                    wanted = None
                assert self.merged(merge, first, second) == wanted, (first, second)

    @pytest.mark.parametrize("merge", ["add", "average", "maximum", "concat", "multiply"])
    def test_each_is_an_op_too(self, merge: str) -> None:
        found = graph(f"model: [{{relu: {{}}, name: a}}, {{{merge}: {{}}, from: [a, input]}}]")
        assert found.nodes[1].kind == merge
        assert found.shape == ((8, 8, 8) if merge == "concat" else (8, 8, 4))

    @pytest.mark.parametrize("merge", ["add", "average", "maximum", "concat", "multiply"])
    def test_three_parts(self, merge: str) -> None:
        found = layer(f"paths: {{a: [relu], b: [], c: [gelu]}}, merge: {merge}")
        assert found.nodes[-1].parts == ("a", "b", "c")


class TestWholeNumbers:
    ARGS = "layers: {A: {args: {n: %s}, steps: [%s]}}\nmodel: [A: {n: %s}]"

    @pytest.mark.parametrize(
        "step", ["dense: {units: $n}", "conv: {filters: 2, kernel: $n}", "max_pool: {size: $n, stride: 1}"]
    )
    def test_a_whole_float_is_taken(self, step: str) -> None:
        with_int = graph(self.ARGS % ("int", step, "3"))
        for value in ("3.0", "6 / 2", "$channels * 0.75"):
            assert graph(self.ARGS % ("int", step, value)).shape == with_int.shape if value != "6 / 2" else True
        assert graph(self.ARGS % ("float", step, "3.0")).shape == with_int.shape

    def test_a_fraction_proposes_whole_division(self) -> None:
        error = refused(self.ARGS % ("int", "dense: {units: $n}", "$channels / 8"))
        assert (error.problems[0].code, "`//`" in error.problems[0].hint) == ("ARCH007", True)
        error = refused(self.ARGS % ("int", "dense: {units: $n / 2}", "3"))
        assert (error.problems[0].code, "`//`" in error.problems[0].hint) == ("ARCH007", True)
        assert error.problems[0].facts == ("`units` is $n / 2 = 1.5",)

    def test_a_literal_fraction(self) -> None:
        assert graph("model: [dense: {units: 3.0}]").shape == (8, 8, 3)
        assert refused("model: [dense: {units: 3.5}]").problems[0].code == "ARCH007"


class TestScalars:
    def test_an_input_may_have_no_side_at_all(self) -> None:
        found = graph("model: [relu]", "archdsl: 1\nname: Net\ninput: []\n")
        assert found.shape == ()

    @pytest.mark.parametrize("step", ["dense: {units: 3}", "glu", "batch_norm", "conv: {filters: 3, kernel: 1}"])
    def test_what_needs_one_says_so(self, step: str) -> None:
        with pytest.raises(ArchError, match="ARCH02"):
            graph(f"model: [{step}]", "archdsl: 1\nname: Net\ninput: []\n")

    def test_channels_of_none(self) -> None:
        with pytest.raises(ArchError, match="ARCH0"):
            graph("model: [{relu: {}, repeat: $channels}]", "archdsl: 1\nname: Net\ninput: []\n")


class TestLoops:
    def test_rows(self) -> None:
        found = graph("model:\n  - conv: {filters: $f, kernel: $k}\n    for: {k: [3, 1], f: [5, 6]}\n")
        assert [node.shape for node in found.nodes] == [(6, 6, 5), (6, 6, 6)]

    def test_a_whole_number_counts_from_zero(self) -> None:
        found = graph("model:\n  - dense: {units: 10 + $i}\n    for: {i: 3}\n")
        assert [node.shape[-1] for node in found.nodes] == [10, 11, 12]

    def test_columns_from_arguments(self) -> None:
        text = "args: {n: 2, sizes: [5, 6]}\nmodel:\n  - dense: {units: $s + $i}\n    for: {i: $n, s: $sizes}\n"
        assert [node.shape[-1] for node in graph(text).nodes] == [5, 7]
        assert [node.shape[-1] for node in graph(text, sizes=[1, 2, 3], n=3).nodes] == [1, 3, 5]
        assert refused(text, n=3).problems[0].code == "ARCH023"

    def test_when_is_asked_for_each_row_and_repeat_comes_last(self) -> None:
        text = "model:\n  - dense: {units: 10 + $i}\n    for: {i: 4}\n    when: $i % 2 == 1\n    repeat: $i\n"
        assert [node.shape[-1] for node in graph(text).nodes] == [11, 13, 13, 13]

    @pytest.mark.parametrize(
        "loop", ["repeat: 0", "for: {i: 0}, when: $i == 0", "when: false", "for: {i: []}, when: $i == 0"]
    )
    def test_what_happens_zero_times_passes_its_input_on(self, loop: str) -> None:
        found = graph(f"model: [{{flatten: {{}}, {loop}}}]")
        assert found.nodes == ()
        assert (found.output, found.shape) == (INPUT, (8, 8, 4))

    def test_each_copy_is_fed_by_the_one_before(self) -> None:
        found = graph("model: [{relu: {}, repeat: 3}]")
        assert [node.inputs for node in found.nodes] == [(INPUT,), ("relu_1",), ("relu_2",)]

    @pytest.mark.parametrize(
        ("loop", "code"),
        [
            ("repeat: $n - 9", "ARCH023"),
            ("repeat: $n / 2", "ARCH023"),
            ("repeat: $n > 2", "ARCH023"),
            ("repeat: $l", "ARCH023"),
            ("when: $n", "ARCH013"),
            ("for: {i: $n - 9}, when: $i == 0", "ARCH023"),
            ("for: {i: $w}, when: $i == 0", "ARCH023"),
            ("for: {i: $n / 2}, when: $i == 0", "ARCH023"),
            ("for: {i: $n > 2}, when: $i == 0", "ARCH023"),
        ],
    )
    def test_what_cannot_run(self, loop: str, code: str) -> None:
        # each argument is used once, so that nothing but the loop is at fault
        use = "when: $n > 0 and len($l) > 0 and $w == 'a'"
        text = f"args: {{n: 3, l: [1], w: a}}\nmodel: [{{relu: {{}}, {use}}}, {{relu: {{}}, {loop}}}]"
        assert refused(text).problems[0].code == code

    def test_whole_floats_are_counts(self) -> None:
        assert len(graph("args: {n: 4}\nmodel: [{relu: {}, repeat: $n / 2}]").nodes) == 2


class TestDefaults:
    def test_field_by_field_and_the_steps_word_wins(self) -> None:
        found = graph(
            "defaults: {conv: {padding: same, norm: batch, activation: relu, bias: false}}\n"
            "model:\n  - conv: {filters: 4, kernel: 3}\n"
            "  - conv: {filters: 4, kernel: 3, norm: none, activation: none, padding: valid}\n"
        )
        assert names(found) == ["conv_1", "conv_1_norm", "conv_1_activation", "conv_2"]
        assert [node.shape for node in found.nodes][-2:] == [(8, 8, 4), (6, 6, 4)]
        assert found.totals.variables == 1 + 4 + 1

    def test_inside_a_norm(self) -> None:
        found = graph(
            "defaults: {batch_norm: {scale: false}}\nmodel: [conv: {filters: 4, kernel: 1, norm: batch}, batch_norm]"
        )
        assert [len(node.weights) for node in found.nodes] == [2, 3, 3]

    def test_inside_an_activation(self) -> None:
        found = graph(
            "defaults: {leaky_relu: {slope: 0.2}}\n"
            "model: [conv: {filters: 4, kernel: 1, activation: leaky_relu}, leaky_relu]"
        )
        assert [node.op.slope for node in found.nodes[1:] if node.op] == [0.2, 0.2]  # type: ignore[attr-defined]

    def test_without_defaults_an_op_is_kerass(self) -> None:
        found = graph("model: [conv: {filters: 4, kernel: 3}]")
        assert names(found) == ["conv_1"]
        assert found.totals.parameters == 3 * 3 * 4 * 4 + 4
        assert found.shape == (6, 6, 4)

    def test_an_expression_stays_out(self) -> None:
        assert (
            refused("args: {n: 3}\ndefaults: {conv: {filters: $n}}\nmodel: [dense: {units: $n}]").problems[0].code
            == "ARCH019"
        )


class TestPadding:
    @pytest.mark.parametrize(
        ("padding", "names_", "shape"),
        [
            ("same", ["conv_1"], (4, 4, 4)),
            ("valid", ["conv_1"], (3, 3, 4)),
            ("1", ["conv_1_pad", "conv_1"], (4, 4, 4)),
            ("[[0, 1], [0, 1]]", ["conv_1_pad", "conv_1"], (4, 4, 4)),
            ("[[2, 2], [0, 0]]", ["conv_1_pad", "conv_1"], (5, 3, 4)),
            ("$p", ["conv_1_pad", "conv_1"], (5, 5, 4)),
        ],
    )
    def test_of_a_conv(self, padding: str, names_: list[str], shape: tuple[int, ...]) -> None:
        args = "args: {p: 2}\n" if "$" in padding else ""
        found = graph(
            f"{args}model: [conv: {{filters: 4, kernel: 3, stride: 2, padding: {padding}}}]".replace("]]]", "]] ]")
        )
        assert names(found) == names_
        assert found.shape == shape

    def test_of_pools(self) -> None:
        found = graph("model: [max_pool: {size: 3, stride: 2, padding: 1}]")
        assert [node.kind for node in found.nodes] == ["lowest_pad", "max_pool"]
        assert found.shape == (4, 4, 4)
        assert refused("model: [average_pool: {padding: 1}]").problems[0].code == "ARCH020"


class TestLayers:
    def test_channels_are_those_of_the_bodys_input(self) -> None:
        found = graph(
            "layers: {A: {steps: [dense: {units: $channels * 2}, dense: {units: $channels}]}}\n"
            "model: [A, dense: {units: $channels + 1}, A]"
        )
        assert [node.shape[-1] for node in found.nodes] == [4, 5, 5]
        inner = [node.body.nodes[0].shape[-1] for node in found.nodes if node.body]
        assert inner == [8, 10]

    def test_like_with_a_chain(self) -> None:
        found = graph(
            "layers:\n  A: {args: {a: int, b: 1, c: 2}, steps: [dense: {units: $a * 100 + $b * 10 + $c}]}\n"
            "  B: {like: A, with: {b: 5}}\n  C: {like: B, with: {a: 7.0}}\n"
            "model: [A: {a: 1}, B: {a: 1}, C, C: {c: 3}]"
        )
        assert [node.shape[-1] for node in found.nodes] == [112, 152, 752, 753]
        assert [node.kind for node in found.nodes] == ["A", "B", "C", "C"]
        assert names(found) == ["A_1", "B_1", "C_1", "C_2"]
        assert found.nodes[2].arguments == {"c": 2}

    def test_equal_uses_share_one_graph(self) -> None:
        found = graph(
            "layers: {A: {args: {n: 4}, steps: [dense: {units: $n}]}}\nmodel: [A, A: {n: 4}, A: {n: 4.0}, A: {n: 5}, A]"
        )
        bodies = [node.body for node in found.nodes]
        assert bodies[0] is bodies[1] is bodies[2]
        assert bodies[3] is not bodies[0]
        assert bodies[4] is not bodies[0]  # another input

    def test_the_cost_grows_with_what_is_distinct(self) -> None:
        text = "layers:\n  L0: {steps: [relu]}\n" + "".join(
            f"  L{i}: {{steps: [{{L{i - 1}: {{}}, repeat: 4}}]}}\n" for i in range(1, 9)
        )
        start = time.process_time()
        assert graph(text + "model: [L8]").totals.layers == 4**8
        assert time.process_time() - start < 0.5

    def test_recursion_under_a_when(self) -> None:
        text = (
            "layers:\n  A:\n    args: {n: int}\n    steps: [dense: {units: $n + 1}, {A: {n: $n - 1}, when: $n > 0}]\n"
        )
        found = graph(text + "model: [A: {n: 3}]")
        assert found.totals.variables == 8
        assert found.shape == (8, 8, 1)
        assert [path for path, _ in found.walk()][-1] == "A_1/A_1/A_1/A_1/dense_1"

    def test_recursion_has_a_limit(self) -> None:
        text = (
            "layers:\n  A:\n    args: {n: int}\n    steps: [relu, {A: {n: $n - 1}, when: $n > 1}]\nmodel: [A: {n: %d}]"
        )
        assert graph(text % 32).totals.layers == 32
        assert refused(text % 33).problems[0].code == "ARCH024"

    def test_two_layers_in_one_another(self) -> None:
        error = refused("layers: {A: {steps: [B]}, B: {steps: [A]}}\nmodel: [A]")
        assert error.problems[0].code == "ARCH024"

    def test_a_branch_that_is_not_taken_needs_no_value(self) -> None:
        body = "layers: {A: {args: {n: int}, steps: [{dense: {units: 8 // $n}, when: $n > 0}]}}\nmodel: [A: {n: 0}]"
        assert graph(body).totals.layers == 0

    def test_the_trail_says_what_led_there(self) -> None:
        error = refused(
            "layers: {A: {args: {k: 9}, steps: [conv: {filters: 3, kernel: $k}]}, B: {steps: [A]}}\nmodel: [B]"
        )
        assert error.problems[0].trail == ("in A, from B at line 4 (k=9)", "in B, from Net at line 5")


class TestExpectations:
    def test_hold(self) -> None:
        spec = loads(
            HEAD + "model: [batch_norm, flatten]\nexpect: {parameters: 16, trainable: 8, macs: 0, output: [256]}"
        )
        check(spec, resolve(spec))

    @pytest.mark.parametrize(
        "wrong", ["parameters: 17", "trainable: 9", "macs: 1", "output: [255]", "output: [16, 16]"]
    )
    def test_differ(self, wrong: str) -> None:
        spec = loads(HEAD + f"model: [batch_norm, flatten]\nexpect: {{{wrong}}}")
        with pytest.raises(ArchError, match="ARCH026"):
            check(spec, resolve(spec))


class TestTheArticlesNetwork:
    def test_counts(self) -> None:
        spec = load("funny_resnet_notebook")
        found = resolve(spec)
        check(spec, found)
        assert found.totals.parameters == 86_757_322
        assert found.totals.trainable == 86_695_370
        assert found.totals.variables == 566
        assert found.totals.macs == 824_154_816
        assert found.shape == (10,)

    def test_its_blocks(self) -> None:
        blocks = [node.body for node in resolve(load("funny_resnet_notebook")).nodes if node.kind == "ResidualBlock"]
        counts = [[node.totals.parameters for node in block.nodes[:2]] for block in blocks if block]
        assert counts == [[229_696, 242_752], [2_128_512, 2_076_800], [15_176_960, 14_975_232]]
        for block in blocks:
            assert block is not None
            assert [node.name for node in block.nodes][1:] == [f"ResidualLayer_{i}" for i in range(1, 5)]
            assert len({id(node.body) for node in block.nodes}) == 2

    def test_sums_are_sums_of_parts(self) -> None:
        found = resolve(load("funny_resnet_notebook"))
        ops = [node for _, node in found.walk() if node.op]
        assert total(ops) == found.totals
        assert sum(weight.size for _, weight in found.weights()) == found.totals.parameters
        assert Totals() + found.totals == found.totals

    def test_another_width(self) -> None:
        spec = load("funny_resnet_notebook")
        assert resolve(spec, width=64, classes=5).shape == (5,)
        assert resolve(spec, width=64).totals.parameters < 30_000_000


@pytest.mark.parametrize("name", sorted(zoo()))
def test_the_zoo_holds_what_it_expects(name: str) -> None:
    """Each spec, and each of its variants."""
    spec = load(name)
    for one in spec.every():
        check(one, resolve(one))
        assert one.expect.parameters is not None


def test_resnet50_counts() -> None:
    if "resnet50" not in zoo():
        pytest.skip("the zoo has no resnet50 yet")
    totals = resolve(load("resnet50")).totals
    assert (totals.parameters, totals.trainable) == (25_636_712, 25_583_592)


class TestWords:
    """Arguments choose norms, activations and padding by their names."""

    BLOCK = "layers: {A: {args: {norm: batch, act: relu, pad: same}, steps: [conv: {filters: 4, kernel: 3, "
    BLOCK += "padding: $pad, norm: $norm, activation: $act}]}}\n"

    def test_parts_have_the_name_of_their_step(self) -> None:
        steps = "[A, A: {norm: layer, act: none, pad: valid}, A: {norm: none, act: leaky_relu}]"
        bodies = [node.body for node in graph(f"{self.BLOCK}model: {steps}").nodes]
        assert [names(body) for body in bodies if body] == [
            ["conv_1", "conv_1_norm", "conv_1_activation"],
            ["conv_1", "conv_1_norm"],
            ["conv_1", "conv_1_activation"],
        ]
        assert [body.shape[0] for body in bodies if body] == [8, 6, 6]

    @pytest.mark.parametrize(
        ("use", "message", "at"),
        [
            ("norm: batsh", "unknown norm `batsh`", "batsh"),
            ("act: 'relu '", "unknown activation `relu `", "'relu '"),
            ("pad: sane", "expected `same`, `valid`", "$pad"),
        ],
    )
    def test_an_unknown_word_is_found_where_it_is_given(self, use: str, message: str, at: str) -> None:
        error = refused(f"{self.BLOCK}model: [A: {{{use}}}]").problems[0]
        assert error.message.startswith(message)
        assert error.span is not None
        assert error.span.text[error.span.column - 1 :].startswith(at)

    def test_a_model_takes_the_activations_of_keras_and_the_norms_of_the_file(self) -> None:
        body = "args: {norm: batch, act: relu}\nvariants: {plain: {args: {norm: none}}}\n"
        body += "model: [conv: {filters: 4, kernel: 3, norm: $norm, activation: $act}]"
        assert names(graph(body, act="gelu", norm="none")) == ["conv_1", "conv_1_activation"]
        for given in ({"norm": "layer"}, {"act": "glu"}):
            with pytest.raises(ArchError, match="this file does not use"):
                graph(body, **given)

    def test_a_column_gives_words(self) -> None:
        step = "{conv: {filters: 4, kernel: 3, norm: $n, activation: $a}, for: {n: [batch, none], a: [none, relu]}}"
        assert names(graph(f"model: [{step}]")) == ["conv_1", "conv_1_norm", "conv_2", "conv_2_activation"]

    MERGED = "layers: {A: {args: {how: add}, paths: {a: [relu], b: [gelu]}, merge: $how}}\n"

    def test_each_use_has_its_own_merge_under_one_name(self) -> None:
        bodies = [
            node.body for node in graph(f"{self.MERGED}model: [A, A: {{how: concat}}, A: {{how: multiply}}]").nodes
        ]
        merges = [body.nodes[-1] for body in bodies if body]
        assert [(one.name, one.kind, one.role) for one in merges] == [
            ("merge_1", "add", "merge"),
            ("merge_1", "concat", "merge"),
            ("merge_1", "multiply", "merge"),
        ]
        assert [one.shape[-1] for one in merges] == [4, 8, 8]

    def test_a_chosen_merge_takes_the_shortcut_first(self) -> None:
        paths = "{paths: {a: [relu]}, shortcut: identity, merge: $m, for: {m: [add, concat]}}"
        assert [node.parts for node in graph(f"model: [{paths}]").nodes if node.parts] == [
            ("shortcut", "a"),
            ("shortcut", "a_2"),
        ]

    def test_a_chosen_merge_has_the_defaults_of_its_op(self) -> None:
        body = "defaults: {add: {broadcast: true}}\nargs: {how: add}\nmodel:\n"
        body += "- {paths: [[], [conv: {filters: 1, kernel: 1}]], merge: $how}"
        assert graph(body).shape[-1] == 4
        with pytest.raises(ArchError, match="needs equal shapes"):
            graph(body.replace("true", "false"))

    def test_a_model_takes_the_merges_of_the_file(self) -> None:
        body = "args: {how: add}\nvariants: {wide: {args: {how: concat}}}\n"
        body += "model: [{paths: {a: [relu], b: [gelu]}, merge: $how}]"
        assert graph(body, how="concat").shape[-1] == 8
        with pytest.raises(ArchError, match="this file does not use the merge `maximum`"):
            graph(body, how="maximum")


class TestShapes:
    """`$input` is the input of the body, and `$here` is what arrives at the step."""

    def widths(self, found: Graph) -> list[int]:
        return [node.shape[-1] for node in found.nodes if node.kind == "conv"]

    def test_each_step_reads_what_arrives_at_it(self) -> None:
        steps = "conv: {filters: $here.channels * 2, kernel: 1}"
        assert self.widths(graph(f"model: [{steps}, {steps}, relu, {steps}]")) == [8, 16, 32]
        assert self.widths(graph("model: [{conv: {filters: $here.channels + 1, kernel: 1}, repeat: 3}]")) == [5, 6, 7]
        assert self.widths(graph("model: [{conv: {filters: $here.channels + $i, kernel: 1}, for: {i: 3}}]")) == [
            4,
            5,
            7,
        ]

    def test_from_names_what_arrives(self) -> None:
        body = (
            "model:\n- {conv: {filters: 6, kernel: 1}, name: a}\n- {conv: {filters: 9, kernel: 1}, name: b}\n"
            "- {conv: {filters: $here.channels, kernel: 1}, from: a, name: c}\n- {concat: {}, from: [b, c]}\n"
        )
        assert self.widths(graph(body)) == [6, 9, 6]

    def test_a_loop_is_decided_before_its_first_copy(self) -> None:
        grow = "conv: {filters: $here.channels * 2, kernel: 1}"
        assert self.widths(graph(f"model: [{{{grow}, repeat: $here.channels // 2}}]")) == [8, 16]
        assert self.widths(graph(f"model: [{{{grow}, for: {{i: 3}}, when: $i + $here.channels < 6}}]")) == [8, 16]
        assert self.widths(
            graph(f"model: [{grow}, {{{grow}, when: $here.channels > 4}}, {{{grow}, when: $input.channels > 4}}]")
        ) == [8, 16]

    def test_paths_and_their_shortcut_read_what_arrives_at_the_fork(self) -> None:
        body = (
            "model:\n- conv: {filters: 6, kernel: 1}\n- paths:\n"
            "    main: [relu, conv: {filters: $here.channels, kernel: 1}]\n"
            "    more: {steps: [conv: {filters: 6, kernel: 1}], repeat: $here.channels - 4}\n"
            "  shortcut: \"'identity' if $here.channels == 6 else 'none'\"\n  merge: add\n"
        )
        found = by_name(graph(body))
        assert self.widths(graph(body)) == [6, 6, 6, 6]
        assert len(found["add_1"].inputs) == 4

    def test_all_parts_of_a_block_read_the_same(self) -> None:
        block = (
            "conv: {filters: 16, kernel: 1, padding: $here.channels // 4, activation: {leaky_relu: {slope: $slope}}}"
        )
        block = block.replace("$slope", "1 / $here.channels")
        found = by_name(graph(f"model: [{block}]"))
        assert found["conv_1"].shape == (10, 10, 16)
        assert found["conv_1_activation"].op.slope == 0.25  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("head", "text", "message"),
        [
            ("input: [8]", "$input.length", "the input has no length"),
            ("input: [8, 2]", "$here.height", "the input of this step has no height"),
            ("input: [8, 2, 3]", "$here.length", "the input of this step has no length"),
            ("input: [8, 2, 3, 4]", "$here.length", "the input of this step has no length"),
        ],
    )
    def test_an_axis_of_another_rank(self, head: str, text: str, message: str) -> None:
        with pytest.raises(ArchError, match=message):
            graph(f"model: [dense: {{units: {text}}}]", f"archdsl: 1\nname: Net\n{head}\n")

    def test_arguments_may_still_be_called_here(self) -> None:
        body = layer("steps: [conv: {filters: $here * $here.channels, kernel: 1}]", "here: 3", "here: 2")
        assert self.widths(body) == [8]
