"""Diagrams, part by part: views, strips, what is folded, what boxes and tooltips tell, chains in columns."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archdsl
from archdsl.diagrams import Options, to_dot, views
from archdsl.diagrams.captions import rounded
from archdsl.diagrams.columns import even_columns
from archdsl.diagrams.layer_strips import LayerStrips
from archdsl.diagrams.plan import OpenLayer, boxes, plan
from archdsl.diagrams.style import KIND_NAMES, TOL
from archdsl.graph import Graph
from archdsl.parsing import parse
from archdsl.resolution import resolve

ROOT = Path(__file__).parents[2]


@cache
def network(name: str, variant: str = "") -> Graph:
    spec = archdsl.load(ROOT / "specs" / f"{name}.yaml")
    return resolve(spec.varied(variant) if variant else spec)


def steps(text: str, layers: str = "") -> Graph:
    """A model of these steps."""
    return resolve(parse(f"archdsl: 1\nname: Net\ninput: [8, 8, 4]\n{layers}model:\n{text}", "net.yaml"))


def texts(dot: str) -> list[str]:
    """What is written in the labels, piece by piece."""
    labels = re.findall(r"label=<(.*?)>(?= \w+=|\])", dot)
    return [text for label in labels for text in re.split(r"<[^>]*>", label) if text.strip()]


class TestViews:
    def test_a_layer_built_in_two_ways_has_a_view_for_each(self) -> None:
        found = views(network("digits_resnet"))
        assert [*found] == ["DigitsResNet", "ResidualLayer", "ResidualLayer-projection"]
        assert "identity" in to_dot(found["ResidualLayer"])
        assert "Shortcut" not in to_dot(found["ResidualLayer-projection"])

    def test_sizes_and_repetition_make_no_view(self) -> None:
        assert [*views(network("densenet", "densenet201"))] == [
            "DenseNet",
            "Stage",
            "Stage-2",
            "DenseLayer",
            "Transition",
        ]

    def test_what_no_shortcut_tells_apart_has_a_number(self) -> None:
        found = views(network("resnet50_v2"))
        assert {"Bottleneck", "Bottleneck-identity", "Bottleneck-3"} <= set(found)


class TestStrips:
    def test_letters_tell_shortcuts_apart(self) -> None:
        dot = to_dot(network("funny_resnet"))
        assert texts(dot).count("P") == 4
        assert texts(dot).count("I") == 16
        assert "P = ResidualLayerScal + projection    I = ResidualLayer + identity" in texts(dot)

    def test_letters_tell_classes_apart_where_shortcuts_do_not(self) -> None:
        assert set(LayerStrips(plan(network("densenet"), 1)).letters.values()) == {"D", "T"}

    def test_a_long_row_is_a_cell_with_a_number(self) -> None:
        found = texts(to_dot(network("resnet", "resnet152")))
        assert "×35" in found
        assert found.count("I") == 2 + 7 + 1 + 2

    def test_letters_of_last_resort(self) -> None:
        layers = (
            ("layers:\n  Ab: [relu]\n  Ac: [gelu]\n  Ad: {steps: [Ab, Ac]}\n")
            .replace("[relu]", "{steps: [relu]}")
            .replace("[gelu]", "{steps: [gelu]}")
        )
        strips = LayerStrips(plan(steps("  - Ad\n", layers), 1))
        assert [*strips.letters.values()] == ["A", "B"]
        assert strips.key() == ["A = Ab", "B = Ac"]

    def test_one_layer_or_a_fork_makes_no_strip(self) -> None:
        layers = "layers:\n  One: {steps: [relu]}\n  Block: {steps: [One, {dropout: {rate: 0.5}}]}\n"
        assert LayerStrips(plan(steps("  - Block\n", layers), 1)).key() == []
        assert LayerStrips(plan(network("inception"), 1)).key() == []


class TestFolding:
    def test_layers_that_differ_in_what_flows_in_are_one(self) -> None:
        stage = views(network("densenet"))["Stage"]
        found = texts(to_dot(stage))
        assert "&#160;×6&#160;" in found
        assert "→ 56×56×96 … 56×56×256" in found

    def test_an_opened_layer_that_stands_for_several_sizes_tells_none(self) -> None:
        stage = views(network("densenet"))["Stage"]
        frame = next(item for item in plan(stage, 2) if isinstance(item, OpenLayer))
        assert frame.has_mixed_sizes
        assert frame.times == 6
        dot = to_dot(stage, Options(depth=2, costs=True))
        inside = dot[dot.index('subgraph "cluster DenseLayer_1"') : dot.index('subgraph "cluster Transition_1"')]
        assert "56×56×96 … 56×56×256" in inside
        shapes = re.findall(r'label="(?:&#160;){2}(.*?)"', inside)
        assert shapes == ["56×56×256"], "only the output's shape is shown"
        assert inside.count("parameters · ") == 1, "costs are shown for all of them together"

    def test_three_equal_steps_are_one_and_two_are_two(self) -> None:
        conv = "  - {conv: {filters: 4, kernel: 3, padding: same, norm: batch}, repeat: %d}\n"
        two, three = (plan(steps(conv % times), 1) for times in (2, 3))
        assert [box.times for box in boxes(two)] == [1, 1]
        assert [box.times for box in boxes(three)] == [3]
        assert [node.kind for box in boxes(three) for node in box.step] == ["conv", "batch_norm"]

    def test_a_step_with_a_name_or_another_size_is_not_folded(self) -> None:
        conv = "  - conv: {filters: 4, kernel: 3}\n"
        assert [box.times for box in boxes(plan(steps(conv * 3), 1))] == [1, 1, 1]
        named = "  - relu\n  - {relu: {}, name: here}\n  - relu\n"
        assert [box.times for box in boxes(plan(steps(named), 1))] == [1, 1, 1]


class TestWords:
    @pytest.mark.parametrize(
        ("count", "told"),
        [
            (0, "0"), (9_999, "9,999"), (10_000, "10k"), (12_345, "12.3k"), (999_499, "999k"), (999_500, "1M"),
            (25_610_152, "25.6M"), (4_089_284_608, "4.09G"), (3 * 10**14, "300T"), (10**18, "1e+06T"),
        ],
    )  # fmt: skip
    def test_a_count_in_three_figures(self, count: int, told: str) -> None:
        assert rounded(count) == told

    def test_costs_are_told_of_each_box_on_demand(self) -> None:
        layer = views(network("funny_resnet"))["ResidualLayer"]
        plain, costly = texts(to_dot(layer)), texts(to_dot(layer, Options(costs=True)))
        assert "2,208 parameters · 2.1M MACs" in costly
        assert "2,208 parameters · 2.1M MACs" not in plain
        assert layer.nodes[0].totals.parameters + layer.nodes[1].totals.parameters == 2_208
        assert not any(text.strip() == "" for text in costly)

    def test_full_detail_has_each_op_in_its_own_colour(self) -> None:
        dot = to_dot(views(network("resnet"))["Bottleneck"], Options(detail="full"))
        assert texts(dot).count("Batch norm") == 4
        assert texts(dot).count("ReLU") == 3
        assert "Zero pad 1" in texts(dot)
        for kind in ("conv", "norm", "activation", "shape"):
            assert KIND_NAMES[kind] in texts(dot), "the legend lacks a kind"
        assert "Batch norm · ReLU" not in texts(dot)

    def test_every_kind_of_op_has_a_colour_and_a_word(self) -> None:
        from archdsl.ops import OPS

        kinds = {op.kind for op in OPS.values()} - {"merge"}
        assert len(kinds) >= 7
        assert kinds <= set(TOL)
        assert kinds <= set(KIND_NAMES)

    def test_a_tooltip_tells_weights_and_lines(self) -> None:
        layer = views(network("funny_resnet"))["ResidualLayer"]
        dot = to_dot(layer)
        line = layer.nodes[0].span.line  # type: ignore[union-attr]
        tip = (
            f"wide/conv_1, line {line}&#10;kernel 1×1×64×32&#10;bias 32&#10;wide/conv_1_norm, line {line}&#10;gamma 32"
        )
        assert tip in dot
        assert "moving_mean 32, not trained" in dot

    def test_a_folded_box_says_how_many_more_there_are(self) -> None:
        assert "and 2 more like it" in to_dot(steps("  - {relu: {}, repeat: 3}\n"))


class TestColumns:
    def test_a_long_chain_stands_in_columns(self) -> None:
        dot = to_dot(network("inception"))
        assert len(re.findall(r'^ *"body \d (?:top|foot)" \[', dot, re.MULTILINE)) == 4
        assert "body 1" not in to_dot(network("funny_resnet"))

    @given(st.lists(st.floats(0.1, 3), min_size=1, max_size=12), st.integers(1, 4))
    def test_columns_are_as_low_as_can_be(self, heights: list[float], count: int) -> None:
        parts = even_columns(heights, count)
        assert [row for start, stop in parts for row in range(start, stop)] == [*range(len(heights))]
        assert 1 <= len(parts) <= count
        highest = max(sum(heights[start:stop]) for start, stop in parts)
        assert highest == pytest.approx(self.lowest(tuple(heights), count))

    def lowest(self, heights: tuple[float, ...], count: int) -> float:
        """By trying all."""
        if count == 1 or len(heights) == 1:
            return sum(heights)
        cuts = range(1, len(heights) + 1)
        return min(
            max(sum(heights[:cut]), self.lowest(heights[cut:], count - 1) if heights[cut:] else 0) for cut in cuts
        )

    def test_many_lanes_have_titles_in_two_lines(self) -> None:
        lanes = ", ".join(f"p{n}: [{{average_pool: {{size: 3, stride: 1, padding: same}}}}]" for n in range(3))
        few = to_dot(steps(f"  - {{paths: {{{lanes}}}, merge: concat}}\n"))
        unlike = ", ".join(f"q{n}: [{{average_pool: {{size: {n}, stride: 1, padding: same}}}}]" for n in range(2, 5))
        many = to_dot(steps(f"  - {{paths: {{{lanes}, {unlike}}}, merge: concat}}\n"))
        assert "<B>Average pool 3×3</B>" in few
        assert "<B>Average</B><BR/><B>pool 3×3</B>" in many
