"""The structure that a graph keeps: steps, branches, shortcuts and references."""

from __future__ import annotations

import copy
import pickle

import pytest

from archdsl import Graph, loads, resolve
from archdsl.graph import Node, Shortcut, StepName, TensorRef
from archdsl.names import beginnings, copy_number, stem

HEAD = "archdsl: 1\nname: Net\ninput: [8, 8, 4]\n"
CONV = "conv: {filters: 8, kernel: 1, norm: batch, activation: relu}"
WIDER = "paths: {a: [conv: {filters: 8, kernel: 1}]}"


def graph(body: str) -> Graph:
    return resolve(loads(HEAD + body))


def merge_of(branches: str) -> Node:
    """The last merge of a model that has these branches."""
    found = graph(f"model: [relu, {{{branches}}}]\n")
    return [node for node in found.nodes if node.role == "merge"][-1]


class TestStepName:
    def test_it_is_text_that_knows_its_parts(self) -> None:
        name = StepName("conv", 3, ("wide", "left"), "Block_1/")
        assert name == "Block_1/wide/left/conv_3"
        assert (name.own, name.given) == ("conv_3", "")
        assert StepName("stem", 0, ("wide",)).given == StepName("stem", 0, ("wide",)).own == "stem"

    def test_within_names_it_from_outside(self) -> None:
        name = StepName("conv", 3, ("wide",)).within("Layer_2/").within("Block_1/")
        assert (name, name.scope, name.path) == ("Block_1/Layer_2/wide/conv_3", "Block_1/Layer_2/", ("wide",))

    @pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
    def test_copies_know_their_parts(self, again: object) -> None:
        name, ref = again([StepName("conv", 3, ("wide",)), TensorRef("stage_1", "high")])  # type: ignore[operator]
        assert (name, name.base, name.number, name.path) == ("wide/conv_3", "conv", 3, ("wide",))
        assert (ref, ref.node, ref.output) == ("stage_1.high", "stage_1", "high")


class TestSteps:
    def test_all_ops_of_a_step_know_it(self) -> None:
        (step,) = graph(f"model: [{CONV}]\n").steps()
        assert [(node.name, node.step) for node in step] == [
            ("conv_1", "conv_1"),
            ("conv_1_norm", "conv_1"),
            ("conv_1_activation", "conv_1"),
        ]

    def test_a_name_that_ends_as_a_role_does_stays_whole(self) -> None:
        """Such a step was once taken for the norm of a step `a`."""
        found = graph("model: [{relu: {}, name: a}, {batch_norm: {}, name: a_norm}, {relu: {}, name: b_main}]\n")
        assert [[node.step for node in step] for step in found.steps()] == [["a"], ["a_norm"], ["b_main"]]

    @pytest.mark.parametrize(
        ("step", "known"),
        [
            ("relu", ("relu", 1, "")),
            ("{relu: {}, name: act}", ("act", 0, "act")),
            ("{relu: {}, name: act_2}", ("act_2", 0, "act_2")),
            ("{relu: {}, name: act, repeat: 1}", ("act", 1, "")),
        ],
    )
    def test_a_step_knows_whether_the_spec_names_it(self, step: str, known: tuple[str, int, str]) -> None:
        name = graph(f"model: [{step}]\n").nodes[0].step
        assert (name.base, name.number, name.given) == known

    def test_a_node_knows_its_branches(self) -> None:
        found = graph(
            "model:\n  - paths:\n      wide:\n        - {paths: {left: [relu], right: [gelu]}, merge: add}\n"
            "      thin: [relu]\n    merge: concat\n"
        )
        assert [(node.name, node.path) for node in found.nodes] == [
            ("wide/left/relu_1", ("wide", "left")),
            ("wide/right/gelu_1", ("wide", "right")),
            ("wide/add_1", ("wide",)),
            ("thin/relu_1", ("thin",)),
            ("concat_1", ()),
        ]


class TestShortcut:
    @pytest.mark.parametrize(
        ("branches", "shortcut"),
        [
            ("paths: {a: [relu], b: [gelu]}, shortcut: none, merge: add", None),
            ("paths: {a: [relu]}, shortcut: auto, merge: add", Shortcut("identity")),
            (f"{WIDER}, shortcut: auto, merge: add", Shortcut("projection", "shortcut", ("conv",))),
            (f"{WIDER}, shortcut: pad, merge: add", Shortcut("pad", "shortcut", ("pad_shortcut",))),
            (
                "paths: {a: [relu]}, shortcut: [dropout: {rate: 0.1}, batch_norm], merge: add",
                Shortcut("shortcut", "shortcut", ("dropout", "batch_norm")),
            ),
            (
                "paths: {a: [relu]}, shortcut: [{relu: {}, from: input}], merge: add",
                Shortcut("shortcut", "shortcut", ("relu",), (TensorRef("input"),)),
            ),
            ("paths: {a: [relu]}, shortcut: [], merge: add", Shortcut("identity")),
        ],
    )  # fmt: skip
    def test_a_merge_knows_what_leads_past_its_branches(self, branches: str, shortcut: Shortcut | None) -> None:
        assert merge_of(branches).shortcut == shortcut

    def test_the_second_one_of_a_body_has_a_branch_of_its_own(self) -> None:
        found = graph("model:\n" + "  - {paths: {a: [relu]}, shortcut: [gelu], merge: add}\n" * 2)
        assert [node.shortcut.branch for node in found.nodes if node.shortcut] == ["shortcut", "shortcut_2"]
        assert found.shortcut == Shortcut("shortcut", "shortcut_2", ("gelu",))


class TestReferences:
    def test_a_layer_gives_each_output_by_its_name(self) -> None:
        found = graph(
            "layers:\n  Split:\n    steps: [{relu: {}, name: a}, {conv: {filters: 2, kernel: 1}, name: b}]\n"
            "    outputs: [a, b]\n"
            "model: [{Split: {}, name: s}, {concat: {}, from: [s.a, s.b]}]\n"
        )
        layer, merge = found.nodes
        assert layer.output_refs == merge.inputs == ("s.a", "s.b")
        assert [(ref.node, ref.output) for ref in merge.inputs] == [("s", "a"), ("s", "b")]
        assert layer.output_shapes == {"s.a": (8, 8, 4), "s.b": (8, 8, 2)}
        assert found.shapes == {"input": (8, 8, 4), **layer.output_shapes, merge.name: (8, 8, 6)}


@pytest.mark.parametrize(
    ("name", "number"), [("x_2", 2), ("x_12", 12), ("x", 0), ("x_0", 0), ("x_02", 0), ("x_a", 0), ("y_2", 0)]
)
def test_a_copy_goes_by_its_number(name: str, number: int) -> None:
    assert copy_number(name, "x") == number


def test_the_stem_of_a_name_has_no_number() -> None:
    assert [stem(name) for name in ("branch_12", "branch", "a_b", "a_1_2")] == ["branch", "branch", "a_b", "a_1"]


def test_the_beginnings_of_a_path_are_the_longest_first() -> None:
    assert beginnings("a/b/c.kernel") == ["a/b/c", "a/b", "a"]
