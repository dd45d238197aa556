"""Names of steps, `from`, several inputs and outputs: the visibility of names and the flow of tensors."""

from __future__ import annotations

from itertools import product

import pytest

from archdsl import ArchError, Graph, loads, resolve
from archdsl.errors import Problem

HEAD = "archdsl: 1\nname: Net\ninput: [8, 8, 4]\n"
TWO = "archdsl: 1\nname: Net\ninputs: {left: [8, 8, 4], right: [8, 8, 4]}\n"
PAIR = "layers: {Pair: {outputs: [high, low], steps: [{relu: {}, name: high}, {gelu: {}, name: low}]}}\n"
CROSS = (
    "layers: {Cross: {inputs: [a, b], outputs: [high, low], "
    "steps: [{relu: {}, from: a, name: high}, {gelu: {}, from: b, name: low}]}}\n"
)


def graph(body: str, head: str = HEAD, /, **arguments: object) -> Graph:
    return resolve(loads(head + body), **arguments)


def wiring(body: str, head: str = HEAD, /, **arguments: object) -> dict[str, tuple[str, ...]]:
    """Return the inputs of each node of a model."""
    return {node.name: node.inputs for node in graph(body, head, **arguments).nodes}


def problem(body: str, head: str = HEAD, /, **arguments: object) -> Problem:
    with pytest.raises(ArchError) as caught:
        graph(body, head, **arguments)
    assert len(caught.value.problems) == 1, str(caught.value)
    return caught.value.problems[0]


def bunch(paths: str, beside: str = "merge: add", behind: str = "") -> str:
    return f"model:\n  - paths: {paths}\n    {beside}\n{behind}"


class TestWhereANameIsSeen:
    def test_from_the_next_line_on(self) -> None:
        assert wiring("model: [{relu: {}, name: a}, {gelu: {}, name: b}, {add: {}, from: [a, b, input]}]") == {
            "a": ("input",),
            "b": ("a",),
            "add_1": ("a", "b", "input"),
        }

    @pytest.mark.parametrize(
        "body",
        ["model: [{add: {}, from: [a, input]}, {relu: {}, name: a}]", "model: [{relu: {}, name: a, from: a}]"],
    )
    def test_not_before(self, body: str) -> None:
        found = problem(body)
        assert found.code == "ARCH018"
        assert "only after it is defined" in found.hint
        assert found.span is not None
        assert found.span.text[found.span.column - 1] == "a"

    def test_inside_its_path_and_the_paths_after_it(self) -> None:
        body = bunch("{p: [{relu: {}, name: a}, gelu, {add: {}, from: [a, input]}], q: [{relu: {}, from: a}]}")
        with pytest.raises(ArchError, match="the output of `p/gelu_1` is unused"):
            graph(body)
        body = bunch("{p: [{relu: {}, name: a}, {add: {}, from: [a, input]}], q: [{relu: {}, from: a}]}")
        assert wiring(body)["p/add_1"] == ("p/a", "input")
        assert wiring(body)["q/relu_1"] == ("p/a",)

    def test_not_in_the_paths_before_it(self) -> None:
        assert problem(bunch("{q: [{relu: {}, from: a}], p: [{relu: {}, name: a}]}")).code == "ARCH018"

    def test_in_the_shortcut_which_comes_last(self) -> None:
        body = bunch("[[{relu: {}, name: a}, gelu]]", "shortcut: [{relu: {}, from: a}]\n    merge: add")
        assert wiring(body)["shortcut/relu_1"] == ("path_1/a",)

    def test_in_what_comes_after(self) -> None:
        body = bunch("[[{relu: {}, name: a}], []]", "merge: add\n    after: {add: {}, from: [a, input]}")
        with pytest.raises(ArchError, match="the output of `add_1` is unused"):
            graph(body)
        body = bunch(
            "[[{relu: {}, name: a}], []]", "merge: add\n    after: [{relu: {}, name: b}, {add: {}, from: [a, b]}]"
        )
        assert wiring(body)["add_2"] == ("path_1/a", "b")

    def test_behind_the_paths(self) -> None:
        body = bunch("[[{relu: {}, name: a}], []]", "merge: add", "  - {relu: {}, name: b}\n  - add: {}\n")
        assert wiring(body)["add_2"] == ("b",)
        body = bunch("[[{relu: {}, name: a}], []]", "merge: add\n    name: m", "  - {add: {}, from: [a, m]}\n")
        assert wiring(body)["add_2"] == ("path_1/a", "add_1")

    def test_in_outputs(self) -> None:
        found = graph("outputs: [a, b]\nmodel: [{relu: {}, name: a}, {gelu: {}, name: b}]")
        assert {name: end.ref for name, end in found.outputs.items()} == {"a": "a", "b": "b"}

    @pytest.mark.parametrize("loop", ["repeat: 2", "for: {i: 2}, when: $i < 2", "repeat: 1"])
    def test_a_name_in_a_looped_path_is_seen_inside_alone(self, loop: str) -> None:
        inside = "steps: [{relu: {}, name: a}, {gelu: {}, from: a}]"
        assert wiring(bunch(f"{{p: {{{loop}, {inside}}}}}"))["p_1/gelu_1"] == ("p_1/a",)
        assert problem(bunch(f"{{p: {{{loop}, {inside}}}, q: [{{relu: {{}}, from: a}}]}}")).code == "ARCH018"

    def test_a_name_inside_looped_paths_is_seen_inside_alone(self) -> None:
        inner = "paths: [[{relu: {}, name: a}]], repeat: 2"
        assert problem(f"model: [{{{inner}}}, {{relu: {{}}, from: a}}]").code == "ARCH018"

    def test_a_name_in_a_path_that_is_not_there(self) -> None:
        paths = "{p: {when: $t, steps: [{relu: {}, name: a}]}, q: [relu]}"
        body = "args: {t: true}\n" + bunch(paths, "merge: add\n    name: m", "  - {add: {}, from: [a, m]}\n")
        assert wiring(body)["add_2"] == ("p/a", "add_1")
        found = problem(body, HEAD, t=False)
        assert found.code == "ARCH018"
        assert "`a` does not exist with these arguments" in found.message

    def test_layers_see_no_names_of_one_another(self) -> None:
        body = "layers: {A: {steps: [{relu: {}, from: a}]}}\nmodel: [{relu: {}, name: a}, A]"
        assert problem(body).code == "ARCH018"

    def test_the_nearest_name_is_proposed(self) -> None:
        assert "`active`" in problem("model: [{relu: {}, name: active}, {relu: {}, from: activ}]").hint


class TestInput:
    def test_is_the_bodys_own(self) -> None:
        assert wiring("model: [{relu: {}, name: a}, {add: {}, from: [a, input]}]")["add_1"] == ("a", "input")

    def test_is_all_of_several(self) -> None:
        assert wiring("model: [{add: {}, from: input}]", TWO)["add_1"] == ("left", "right")
        assert problem("model: [{relu: {}, from: input}]", TWO).code == "ARCH022"

    @pytest.mark.parametrize(
        ("body", "head"),
        [
            ("model: [{relu: {}, name: input}]", HEAD),
            ("model: [{relu: {}, name: left, from: right}, {add: {}, from: [left, right]}]", TWO),
            ("layers: {A: {inputs: [input, b], steps: [add]}}\nmodel: [{A: {}, from: [input, input]}]", HEAD),
            ("model: [relu]", "archdsl: 1\nname: Net\ninputs: {input: [4]}\n"),
        ],
    )
    def test_no_step_and_no_other_input_has_its_name(self, body: str, head: str) -> None:
        assert problem(body, head).code == "ARCH010"

    @pytest.mark.parametrize("step", ["{relu: {}, from: b}", "{relu: {}, from: b, name: relu, repeat: 1}"])
    def test_a_numbered_step_does_not_hide_an_input(self, step: str) -> None:
        head = "archdsl: 1\nname: Net\ninputs: {relu_1: [4], b: [4]}\n"
        assert problem(f"model: [{step}, {{add: {{}}, from: [b, input]}}]", head).code == "ARCH010"


class TestCopies:
    def test_x_is_the_last_copy_and_each_has_its_number(self) -> None:
        body = "model: [{relu: {}, name: x, repeat: 3}, {concat: {}, from: [x_1, x_2, x]}]"
        assert wiring(body)["concat_1"] == ("x_1", "x_2", "x_3")

    def test_of_for(self) -> None:
        body = "model: [{conv: {filters: $f, kernel: 1}, for: {f: [5, 6]}, name: x}, {concat: {}, from: [x_2, x_1]}]"
        found = graph(body)
        assert [node.shape[-1] for node in found.nodes] == [5, 6, 11]

    def test_a_copy_that_is_not_there_is_what_flows_past(self) -> None:
        loop = "for: {i: 3}, when: $i == 1, name: x"
        body = f"model: [{{gelu: {{}}, name: g}}, {{relu: {{}}, {loop}}}, {{add: {{}}, from: [x_1, x_2, x_3, x]}}]"
        assert wiring(body) == {"g": ("input",), "x_2": ("g",), "add_1": ("g", "x_2", "x_2", "x_2")}

    @pytest.mark.parametrize("word", ["x_0", "x_01", "x_", "x_a", "y_1", "x_1_1"])
    def test_what_is_no_copy(self, word: str) -> None:
        assert (
            problem(f"model: [{{relu: {{}}, name: x, repeat: 2}}, {{add: {{}}, from: [x, {word}]}}]").code == "ARCH018"
        )

    def test_more_copies_than_there_are(self) -> None:
        found = problem("model: [{relu: {}, name: x, repeat: 2}, {add: {}, from: [x, x_3]}]")
        assert (found.code, "`x_3` does not exist" in found.message) == ("ARCH018", True)

    def test_a_step_without_a_loop_has_no_copies(self) -> None:
        assert problem("model: [{relu: {}, name: x}, {add: {}, from: [x, x_1]}]").code == "ARCH018"

    def test_a_name_that_is_also_a_copys_is_unclear(self) -> None:
        paths = "{p: [{relu: {}, name: a_1}], q: [{gelu: {}, name: a, repeat: 2}]}"
        behind = "  - {relu: {}, name: z}\n  - {add: {}, from: [z, a_1]}\n"
        found = problem(bunch(paths, "merge: add", behind))
        assert found.code == "ARCH018"
        assert "ambiguous" in found.message


class TestTwice:
    def test_two_steps_of_one_name_cannot_be_taken(self) -> None:
        body = "model: [{relu: {}, name: a, when: true}, {relu: {}, name: a, when: false}, {add: {}, from: [a, input]}]"
        found = problem(body)
        assert found.code == "ARCH018"
        assert "ambiguous name `a`: two steps" in found.message

    def test_they_may_stand_in_two_paths_where_nobody_takes_them(self) -> None:
        assert list(wiring(bunch("{p: [{relu: {}, name: a}], q: [{relu: {}, name: a}]}"))) == ["p/a", "q/a", "add_1"]

    def test_two_that_are_there_are_one_too_many(self) -> None:
        assert problem("model: [{relu: {}, name: a}, {relu: {}, name: a}]").code == "ARCH010"


class TestFrom:
    @pytest.mark.parametrize(
        ("given", "code"),
        [
            *[(given, "ARCH007") for given in ("[]", "{a: 1}", "3", "", "[[a]]", "true")],
            *[(given, "ARCH018") for given in ("''", "a.b.c", "a.", ".a", "b")],
            ("$a", "ARCH019"),
        ],
    )
    def test_is_a_name_or_a_list_of_names(self, given: str, code: str) -> None:
        found = problem(f"model:\n  - {{relu: {{}}, name: a}}\n  - relu: {{}}\n    from: {given}\n")
        assert found.code == code
        assert found.span is not None
        assert found.span.line == 7

    def test_of_one_output_of_a_layer(self) -> None:
        found = graph(PAIR + "model: [{Pair: {}, name: p}, {relu: {}, from: p.high}]")
        assert found.nodes[1].inputs == ("p.high",)
        assert dict(found.nodes[0].outputs) == {"high": (8, 8, 4), "low": (8, 8, 4)}

    def test_of_all_outputs_of_a_layer_in_their_order(self) -> None:
        assert wiring(PAIR + "model: [{Pair: {}, name: p}, {concat: {}, from: p}]")["concat_1"] == ("p.high", "p.low")
        body = PAIR + "model: [{Pair: {}, name: p}, {concat: {}, from: [p.low, p, input]}]"
        assert wiring(body)["concat_1"] == ("p.low", "p.high", "p.low", "input")

    def test_of_a_copys_output(self) -> None:
        body = (
            CROSS + "model: [{Cross: {}, from: [input, input], name: c, repeat: 2}, {add: {}, from: [c_1.high, c.low]}]"
        )
        assert wiring(body) == {
            "c_1": ("input", "input"),
            "c_2": ("c_1.high", "c_1.low"),
            "add_1": ("c_1.high", "c_2.low"),
        }

    @pytest.mark.parametrize(
        ("word", "said"),
        [("p.hih", "`high`"), ("p.low.high", "`high`"), ("p.relu_1", "available"), ("q.high", "available")],
    )
    def test_of_no_output(self, word: str, said: str) -> None:
        found = problem(PAIR + f"model: [{{Pair: {{}}, name: p}}, {{relu: {{}}, from: {word}}}]")
        assert found.code == "ARCH018"
        assert said in found.hint

    def test_of_an_op_that_has_no_outputs(self) -> None:
        found = problem("model: [{relu: {}, name: a}, {relu: {}, from: a.high}]")
        assert found.hint.startswith("write `a`:")

    def test_of_an_output_of_what_is_not_there(self) -> None:
        body = (
            "args: {t: true}\n"
            + PAIR
            + "model:\n  - {Pair: {}, name: p, when: $t}\n  - {add: {}, from: [p.high, p.low]}\n"
        )
        for is_there in (True, False):
            assert problem(body, HEAD, t=is_there).code == "ARCH022"
            with pytest.raises(ArchError, match="2 tensors, but 1 passes through"):
                graph(body, t=is_there)
        found = problem(body.replace("{Pair: {}, name: p, when: $t}", "{steps: [{relu: {}, name: p}], when: $t}")
                        .replace("[p.high, p.low]", "[p, input]"), HEAD, t=False)  # fmt: skip
        assert (found.code, found.message) == ("ARCH018", "the step `p` does not exist with these arguments")

    def test_feeds_the_first_copy(self) -> None:
        body = (
            "model: [{relu: {}, name: a}, {gelu: {}, name: g}, {relu: {}, from: a, repeat: 2}, {add: {}, from: [g, a]}]"
        )
        with pytest.raises(ArchError, match="the output of `relu_1` is unused"):
            graph(body)
        body = body.replace("repeat: 2}", "repeat: 2, name: r}").replace("from: [g, a]", "from: [g, r]")
        assert wiring(body)["r_1"] == ("a",)
        assert wiring(body)["r_2"] == ("r_1",)

    def test_feeds_the_first_copy_that_is_there(self) -> None:
        loop = "for: {i: 3}, when: $i > 0, name: r"
        body = "model:\n  - {relu: {}, name: a}\n  - {gelu: {}, name: g}\n"
        body += f"  - {{relu: {{}}, from: a, {loop}}}\n  - {{add: {{}}, from: [g, r]}}\n"
        assert wiring(body)["r_2"] == ("a",)
        assert wiring(body)["r_3"] == ("r_2",)

    @pytest.mark.parametrize("loop", ["when: $t", "for: {i: 2}, when: $t and $i < 9", "repeat: 2 if $t else 0"])
    def test_what_is_skipped_passes_on_what_it_would_have_taken(self, loop: str) -> None:
        """It passes on the step in `from`, not the output of the previous step."""
        body = "args: {t: true}\nmodel:\n  - {relu: {}, name: a}\n  - {gelu: {}, name: b}\n"
        body += f"  - {{relu: {{}}, from: a, {loop}, name: c}}\n  - {{concat: {{}}, from: [a, b, c]}}\n"
        assert wiring(body, HEAD, t=False)["concat_1"] == ("a", "b", "a")
        assert wiring(body, HEAD, t=True)["concat_1"][:2] == ("a", "b")
        assert wiring(body, HEAD, t=True)["concat_1"][2].startswith("c")

    @pytest.mark.parametrize("loop", ["when: $n > 0", "repeat: $n", "for: {i: $n}, when: $i >= 0"])
    def test_two_tensors_pass_through_as_two(self, loop: str) -> None:
        step = f"{{Cross: {{}}, from: [left, right], {loop}, name: p}}"
        body = f"args: {{n: 1}}\n{CROSS}model: [{step}, concat]"
        assert wiring(body, TWO, n=0)["concat_1"] == ("left", "right")
        assert [ref.partition(".")[2] for ref in wiring(body, TWO, n=1)["concat_1"]] == ["high", "low"]

    def test_the_tap_of_resnet_v2(self) -> None:
        """The shortcut takes the first pre-activation, or pools the input."""
        unit = """\
layers:
  Unit:
    args: {first: bool}
    paths:
      main:
        - batch_norm
        - relu: {}
          name: active
        - conv: {filters: 8, kernel: 3, padding: same}
    shortcut:
      - {steps: [{conv: {filters: 8, kernel: 1}, from: active}], when: $first}
      - {max_pool: {size: 1}, when: not $first}
    merge: add
model: [Unit: {first: true}, Unit: {first: false}]
"""
        first, second = (node.body for node in graph(unit).nodes)
        assert first is not None
        assert second is not None
        assert {node.name: node.inputs for node in first.nodes}["shortcut/conv_1"] == ("main/active",)
        assert {node.name: node.inputs for node in second.nodes}["shortcut/max_pool_1"] == ("input",)


class TestSeveralInputs:
    def test_of_the_file(self) -> None:
        found = graph("model: [add]", TWO)
        assert dict(found.inputs) == {"left": (8, 8, 4), "right": (8, 8, 4)}
        assert found.nodes[0].inputs == ("left", "right")

    def test_channels_are_those_of_the_first(self) -> None:
        head = "archdsl: 1\nname: Net\ninputs: {a: [5], b: [7]}\n"
        assert graph("model: [concat, dense: {units: $channels}]", head).shape == (5,)

    def test_the_articles_layer(self) -> None:
        body = "layers: {MultiplyLayer: {inputs: [left, right], steps: [multiply]}}\nmodel: [MultiplyLayer]"
        found = graph(body, "archdsl: 1\nname: Product\ninputs: {a: [], b: []}\n")
        assert found.shape == ()
        assert found.nodes[0].inputs == ("a", "b")
        inner = found.nodes[0].body
        assert inner is not None
        assert inner.nodes[0].inputs == ("left", "right")

    def test_a_step_takes_all_that_the_step_before_gave_in_order(self) -> None:
        body = CROSS + "model: [{Cross: {}, from: [right, left]}, {Cross: {}}, concat]"
        assert [node.inputs for node in graph(body, TWO).nodes] == [
            ("right", "left"),
            ("Cross_1.high", "Cross_1.low"),
            ("Cross_2.high", "Cross_2.low"),
        ]

    def test_paths_all_take_all(self) -> None:
        found = graph(bunch("{p: [add], q: [multiply]}", "shortcut: [maximum]\n    merge: add"), TWO)
        assert [node.inputs for node in found.nodes[:3]] == [("left", "right")] * 3

    @pytest.mark.parametrize(
        "inputs",
        ["[4]", "{}", "3", "", "{a: 4}", "{a: [0]}", "{1a: [4]}", "{class: [4]}", "{a: [$n]}"],
    )
    def test_what_is_no_mapping_of_shapes(self, inputs: str) -> None:
        with pytest.raises(ArchError, match=r"ARCH0(07|10)"):
            loads(f"archdsl: 1\nname: Net\ninputs: {inputs}\nmodel: [relu]\n")

    @pytest.mark.parametrize("inputs", ["{a: 1}", "a", "[]", "[1]", "[a, a]", "[[a]]", "[class]", "['a b']", ""])
    def test_a_layers_inputs_are_names(self, inputs: str) -> None:
        with pytest.raises(ArchError, match=r"ARCH0(07|10)"):
            loads(
                HEAD + f"layers:\n  A:\n    inputs: {inputs}\n    steps: [add]\nmodel: [{{A: {{}}, from: [input]}}]\n"
            )

    def test_input_and_inputs_do_not_stand_together(self) -> None:
        found = problem("inputs: {a: [4]}\nmodel: [relu]")
        assert (found.code, found.span and found.span.line) == ("ARCH005", 4)


class TestSeveralOutputs:
    def test_go_by_name(self) -> None:
        found = graph("outputs: [a, b]\nmodel: [{flatten: {}, name: a}, {dense: {units: 3}, name: b}]")
        assert {name: end.shape for name, end in found.outputs.items()} == {"a": (256,), "b": (3,)}

    def test_one_may_have_a_name_too(self) -> None:
        assert list(graph("outputs: [a]\nmodel: [{relu: {}, name: a}]").outputs) == ["a"]

    def test_a_copy_may_be_one(self) -> None:
        found = graph("outputs: [x_1, x]\nmodel: [{relu: {}, name: x, repeat: 2}]")
        assert {name: end.ref for name, end in found.outputs.items()} == {"x_1": "x_1", "x": "x_2"}

    @pytest.mark.parametrize(
        ("outputs", "code"),
        [
            ("[c]", "ARCH018"),
            ("[a.b]", "ARCH018"),
            ("[a, a]", "ARCH010"),
            ("[output]", "ARCH010"),
            ("a", "ARCH007"),
            ("[]", "ARCH007"),
            ("{a: 1}", "ARCH007"),
            ("[[a]]", "ARCH007"),
            ("[3]", "ARCH007"),
            ("[$a]", "ARCH019"),
        ],
    )
    @pytest.mark.parametrize("where", ["file", "layer"])
    def test_what_is_no_list_of_names(self, where: str, outputs: str, code: str) -> None:
        steps = "[{relu: {}, name: a}, {relu: {}, name: output}]"
        body = f"outputs: {outputs}\nmodel: {steps}\n"
        if where == "layer":
            body = f"layers:\n  A:\n    outputs: {outputs}\n    steps: {steps}\nmodel: [A]\n"
        found = problem(body)
        assert found.code == code
        assert found.span is not None
        assert found.span.line == (4 if where == "file" else 6)

    def test_a_layer_of_several_ends_no_network(self) -> None:
        found = problem(PAIR + "model: [Pair]")
        assert found.code == "ARCH022"
        assert found.hint == "merge them, or name them in `outputs: [STEP.high, STEP.low]`"

    def test_an_output_of_several_tensors_is_none(self) -> None:
        assert problem(PAIR + "outputs: [p]\nmodel: [{Pair: {}, name: p}]").code == "ARCH022"

    def test_expect_and_loss_go_by_name(self) -> None:
        from archdsl.resolution.expectations import check

        body = "outputs: [a, b]\nmodel: [{flatten: {}, name: a}, {dense: {units: 3}, name: b}]\n"
        for expected, holds in (("{a: [256], b: [3]}", True), ("{a: [256]}", False), ("[256]", False)):
            spec = loads(HEAD + body + f"expect: {{output: {expected}}}\n")
            if holds:
                check(spec, resolve(spec))
                continue
            with pytest.raises(ArchError, match=r"ARCH026.*a 256, b 3"):
                check(spec, resolve(spec))

    @pytest.mark.parametrize(
        ("loss", "code", "line"),
        [
            ("{a: mean_squared_error, b: mean_squared_error}", "", 0),
            ("{a: mean_squared_error}", "ARCH006", 8),
            ("{a: mean_squared_error, b: mean_squared_error, c: mean_squared_error}", "ARCH005", 8),
            ("mean_squared_error", "ARCH007", 8),
            ("{a: mean_squared_error, b: squared}", "ARCH007", 8),
        ],
    )
    def test_each_of_several_outputs_has_a_loss(self, loss: str, code: str, line: int) -> None:
        body = "outputs: [a, b]\nmodel: [{flatten: {}, name: a}, {dense: {units: 3}, name: b}]\n"
        body += f"train:\n  epochs: 1\n  loss: {loss}\n"
        if not code:
            losses = loads(HEAD + body).train.losses
            assert {name: loss.word for name, loss in losses.items()} == dict.fromkeys("ab", "mean_squared_error")
            return
        found = problem(body)
        assert found.code == code
        assert found.span is not None
        assert found.span.line == line

    def test_without_a_loss_each_output_has_that_of_its_task(self) -> None:
        body = "outputs: [a, b]\nmodel: [{flatten: {}, name: a}, {dense: {units: 3}, name: b}]\ntrain: {epochs: 1}\n"
        assert loads(HEAD + body).train.loss is None

    def test_one_output_without_a_name_has_one_loss(self) -> None:
        found = problem("model: [flatten]\ntrain: {loss: {a: mean_squared_error}}")
        assert (found.code, "write the loss without its name" in found.hint) == ("ARCH005", True)


class TestArity:
    """The number of tensors differs from what a step takes."""

    @pytest.mark.parametrize(
        "step", ["relu", "conv: {filters: 3, kernel: 1}", "flatten", "batch_norm", "dropout: {rate: 0.1}"]
    )
    def test_an_op_takes_one(self, step: str) -> None:
        found = problem(f"model: [{step}]", TWO)
        assert found.code == "ARCH022"
        assert "takes one tensor, got 2" in found.message

    @pytest.mark.parametrize("merge", ["add", "average", "maximum", "concat", "multiply"])
    def test_a_merge_takes_any_number(self, merge: str) -> None:
        assert len(wiring(f"model: [{merge}]")) == 1
        assert len(wiring(f"model: [{merge}]", TWO)) == 1
        assert wiring(f"model: [{{{merge}: {{}}, from: [left, right, left]}}]", TWO)[f"{merge}_1"] == (
            "left",
            "right",
            "left",
        )

    @pytest.mark.parametrize("count", [0, 1, 3])
    def test_a_layer_takes_as_many_as_it_says(self, count: int) -> None:
        body = "layers: {A: {inputs: [a, b], steps: [add]}}\nmodel: [{A: {}, from: [%s]}]"
        if not count:
            assert problem("layers: {A: {inputs: [a, b], steps: [add]}}\nmodel: [A]").code == "ARCH022"
            return
        found = problem(body % ", ".join(["input"] * count))
        assert (found.code, found.message) == ("ARCH022", f"`A` takes 2 tensors (a, b), got {count}")

    def test_a_layer_of_one_input_takes_one(self) -> None:
        found = problem("layers: {A: {steps: [relu]}}\nmodel: [A]", TWO)
        assert found.message == "`A` takes one tensor, got 2"

    @pytest.mark.parametrize(
        "loop", ["when: $t", "repeat: $n", "for: {i: $n}, when: $i == 0", "for: {i: [0], j: $l}, when: $i == $j"]
    )
    def test_what_may_not_be_there_gives_as_many_as_it_takes(self, loop: str) -> None:
        args = "args: {" + ", ".join(a for a in ("t: true", "n: 1", "l: [0]") if f"${a[0]}" in loop) + "}\n"
        found = problem(f"{args}model: [{{add: {{}}, from: [left, right], {loop}}}]", TWO)
        assert found.code == "ARCH022"
        assert found.message == "`add` returns 1 tensor, but 2 pass through if it is skipped"
        assert found.hint

    @pytest.mark.parametrize("loop", ["repeat: 2", "for: {f: [5, 6]}", "for: {f: 2}, repeat: 1"])
    def test_what_is_there_for_certain_may_give_fewer(self, loop: str) -> None:
        units = "3" if "f" not in loop else "$f + 1"
        body = (
            f"model: [{{dense: {{units: {units}}}, from: left, {loop}, name: d}}, {{concat: {{}}, from: [d, right]}}]"
        )
        assert len(wiring(body, TWO)) == 3

    def test_a_repeated_layer_gives_as_many_as_it_takes(self) -> None:
        found = problem(PAIR + "model: [{Pair: {}, repeat: 2}, add]")
        assert found.code == "ARCH022"

    @pytest.mark.parametrize("shortcut", ["identity", "projection", "auto", "pad", "pool_projection"])
    def test_a_shortcut_of_a_word_takes_one(self, shortcut: str) -> None:
        found = problem(bunch("[[add], [multiply]]", f"shortcut: {shortcut}\n    merge: add"), TWO)
        assert found.code == "ARCH022"
        assert f"the input of the shortcut `{shortcut}` must be a single tensor" in found.message

    def test_a_path_gives_one(self) -> None:
        assert (
            problem(bunch("{p: [add], q: []}"), TWO).message
            == "the output of the path `q` must be a single tensor, got 2"
        )

    def test_the_network_gives_one(self) -> None:
        assert problem("model: []", TWO).code == "ARCH022"


class TestUnused:
    """An unused step or input is an error."""

    @pytest.mark.parametrize(
        ("body", "name"),
        [
            ("model: [{relu: {}, name: a}, gelu: {}, {relu: {}, from: a}]", "gelu_1"),
            ("outputs: [a]\nmodel: [{relu: {}, name: a}, gelu]", "gelu_1"),
            (bunch("{p: [{relu: {}, name: a}, {gelu: {}, name: b}, {relu: {}, from: a}], q: []}"), "p/b"),
        ],
    )
    def test_a_step(self, body: str, name: str) -> None:
        found = problem(body)
        assert found.code == "ARCH017"
        assert f"`{name}`" in found.message

    def test_an_input(self) -> None:
        found = problem("model: [{relu: {}, from: left}]", TWO)
        assert (found.code, "`right` of `Net`" in found.message) == ("ARCH017", True)
        body = "layers: {A: {inputs: [a, b], steps: [{relu: {}, from: a}]}}\nmodel: [{A: {}, from: [input, input]}]"
        found = problem(body)
        assert (found.code, "`b` of `A`" in found.message) == ("ARCH017", True)
        assert found.trail

    def test_an_output_of_a_layer_may_be_left(self) -> None:
        assert graph(PAIR + "model: [{Pair: {}, name: p}, {relu: {}, from: p.low}]").nodes


def test_every_merge_takes_the_shortcut_in_its_place() -> None:
    """Sums take the paths, then the shortcut; `concat` takes the shortcut first."""
    orders = {}
    for merge, names in product(["add", "average", "maximum", "multiply", "concat"], [("b", "a"), ("a", "b")]):
        paths = ", ".join(f"{name}: [relu]" for name in names)
        found = graph(bunch(f"{{{paths}}}", f"shortcut: identity\n    merge: {merge}"))
        orders[merge, names] = found.nodes[-1].parts
    for (merge, names), parts in orders.items():
        assert parts == (("shortcut", *names) if merge == "concat" else (*names, "shortcut"))
