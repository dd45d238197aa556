"""Flexible axes: proven at a second size, and refused at the step that has only one."""

from __future__ import annotations

import pytest

from archdsl import ArchError, loads, resolve
from archdsl.errors import Problem
from archdsl.graph import Graph

INPUT = "input: {shape: [16, 16, 3], flexible: [height, width]}"


def graph(model: str, layers: str = "{}", head: str = INPUT) -> Graph:
    return resolve(loads(f"archdsl: 1\nname: Net\n{head}\nlayers: {layers}\nmodel:\n{model}"))


def problem(model: str, layers: str = "{}", head: str = INPUT) -> Problem:
    with pytest.raises(ArchError) as caught:
        graph(model, layers, head)
    assert [one.code for one in caught.value.problems] == ["ARCH030"], str(caught.value)
    return caught.value.problems[0]


def line(found: Problem) -> int | None:
    return found.span.line if found.span is not None else None


class TestProven:
    def test_costs_are_counted_at_the_written_size(self) -> None:
        model = "  - conv: {filters: 8, kernel: 3}\n  - global_average_pool\n  - dense: {units: 2}\n"
        open_, closed = graph(model), graph(model, head="input: [16, 16, 3]")
        assert open_.flexible == {"input": ("height", "width")}
        assert open_.totals == closed.totals
        assert open_.shapes == closed.shapes

    @pytest.mark.parametrize(
        "model",
        [
            "  - reshape: {shape: [-1, 3]}\n  - dense: {units: 2}\n",
            "  - adaptive_average_pool: {size: 2}\n  - flatten\n  - dense: {units: 2}\n",
            "  - permute: {axes: [2, 1, 3]}\n  - layer_norm\n",
            "  - conv: {filters: 4, kernel: 3, stride: 2, padding: same}\n  - {upsample: {size: 2}, name: up}\n"
            "  - {concat: {}, from: [input, up]}\n",
        ],
    )
    def test_what_works_at_any_size(self, model: str) -> None:
        assert graph(model).flexible

    def test_a_sequence_of_ids(self) -> None:
        assert graph("  - flatten\n", head="input: {shape: [8], dtype: int32, flexible: [length]}").flexible

    def test_a_block_with_a_stride(self) -> None:
        layers = (
            "{B: {args: {stride: int}, paths: [[conv: {filters: 4, kernel: 3, stride: $stride, padding: same}]],"
            " shortcut: auto, merge: add}}"
        )
        found = graph("  - B: {stride: 1}\n  - B: {stride: 2}\n  - B: {stride: 1}\n", layers)
        kinds = [node.body.shortcut.kind for node in found.nodes if node.body and node.body.shortcut]
        assert kinds == ["projection", "projection", "identity"]


class TestRefused:
    def test_a_dense_after_flatten(self) -> None:
        found = problem("  - conv: {filters: 4, kernel: 3}\n  - flatten\n  - dense: {units: 10}\n")
        assert line(found) == 8
        assert found.message == "the weights of `dense_1` depend on the size of the input"
        assert found.facts == ("16x16x3 -> `kernel` is 784x10", "32x48x3 -> `kernel` is 5520x10")
        assert found.hint == "use a global pool instead of `flatten`, or remove `flexible`"

    def test_a_dense_after_flatten_inside_a_layer(self) -> None:
        found = problem("  - B\n", "{B: {steps: [flatten, {dense: {units: 3}}]}}")
        assert (line(found), found.trail) == (4, ("in B, from Net at line 6",))

    def test_a_reshape(self) -> None:
        found = problem("  - reshape: {shape: [256, 3]}\n  - dense: {units: 2}\n")
        assert found.message == "with an input of 32x48x3, cannot reshape 32x48x3 (4,608 values) to 256x3"

    @pytest.mark.parametrize(
        ("step", "name"),
        [
            ('conv: {filters: "min($input.height, 8)", kernel: 3}', "input.height"),
            ('{conv: {filters: 4, kernel: 1}, when: "$here.width > 4"}', "here.width"),
            ('crop: {border: "$input.height // 8"}', "input.height"),
        ],
    )
    def test_an_expression_that_reads_the_size(self, step: str, name: str) -> None:
        found = problem("  - B\n", f"{{B: {{steps: [{step}]}}}}")
        assert (line(found), found.message.split()[0]) == (4, f"`${name}`")
        assert graph("  - {adaptive_average_pool: {size: 16}}\n  - B\n", f"{{B: {{steps: [{step}]}}}}").flexible

    def test_weights_for_each_position(self) -> None:
        head = "input: {shape: [16, 3], flexible: [length]}"
        assert line(problem("  - relu\n  - position_embedding\n", head=head)) == 7

    def test_a_mix_of_height_and_width(self) -> None:
        model = "  - permute: {axes: [2, 1, 3]}\n  - {concat: {}, from: [input, permute_1]}\n"
        assert "concat" in problem(model.replace("permute_1", "p").replace("3]}", "3]}\n    name: p")).message

    def test_a_shortcut_whose_stride_only_sizes_tell(self) -> None:
        layers = (
            "{C: {args: {stride: 1}, steps: [conv: {filters: 4, kernel: 3, stride: $stride, padding: same}]},\n"
            "  B: {args: {stride: 1}, paths: [[{C: {stride: $stride}}]], shortcut: auto, merge: add}}"
        )
        found = problem("  - B: {stride: 2}\n", layers)
        assert (line(found), found.message) == (5, "this shortcut gets its stride from the size of the input")
        assert graph("  - B: {stride: 2}\n", layers.replace("auto", "[conv: {filters: 4, kernel: 1, stride: $stride}]"))
        assert graph("  - B: {stride: 2}\n", layers, "input: [16, 16, 3]")
