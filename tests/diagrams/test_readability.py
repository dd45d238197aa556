"""What readers of pictures stumbled over, each once: captions, colors, legends, and shapes that misled."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from pictures import Picture, read
from renderers import PROGRAMS

import archdsl
from archdsl.diagrams import Options, to_dot, views
from archdsl.diagrams.mermaid import to_mermaid
from archdsl.diagrams.render import picture
from archdsl.graph import Graph
from archdsl.parsing import parse
from archdsl.resolution import resolve

SPECS = Path(__file__).parents[2] / "specs"


@cache
def network(name: str, variant: str = "") -> Graph:
    spec = archdsl.load(SPECS / f"{name}.yaml")
    return resolve(spec.varied(variant) if variant else spec)


def view(name: str, layer: str) -> Graph:
    return views(network(name))[layer]


def words(dot: str) -> list[str]:
    """What is written in labels, piece by piece."""
    return [text for text in re.findall(r">([^<>]+)<", dot) if text.strip()]


def drawn(graph: Graph, options: Options = Options()) -> Picture:
    if not PROGRAMS:
        pytest.skip("there is no renderer here")
    return read(picture(to_dot(graph, options)))


class TestCaptions:
    def test_a_layer_is_called_as_an_op_is(self) -> None:
        found = words(to_dot(network("funny_resnet")))
        assert "3×3, 64 /2" in found
        assert not any("kernel=" in text or "stride=" in text for text in found)

    def test_an_argument_of_all_layers_is_shown_once(self) -> None:
        assert sum("paths=2" in text for text in words(to_dot(network("funny_resnet")))) == 1
        stages = [text for text in words(to_dot(network("convnext"))) if text.startswith("width=")]
        assert len(stages) == 4, "a width that some of the layers share is shown in each"

    def test_the_only_copy_of_a_path_has_no_number(self) -> None:
        for draw in (to_dot, to_mermaid):
            assert re.search(r">narrow<|narrow#emsp;|narrow\"", draw(view("funny_resnet", "ResidualLayer")))
            assert "narrow_1<" not in draw(view("funny_resnet", "ResidualLayer"))

    @pytest.mark.parametrize("names", [("part_1", "part_2"), ("part_2", "whole")])
    def test_other_numbers_stay(self, names: tuple[str, ...]) -> None:
        paths = ", ".join(f"{name}: [relu]" for name in names)
        text = f"archdsl: 1\nname: Net\ninput: [8, 8, 4]\nmodel:\n  - {{paths: {{{paths}}}, merge: add}}\n"
        assert {*names} <= {*words(to_dot(resolve(parse(text, "net.yaml"))))}


class TestShortcuts:
    @pytest.mark.parametrize("detail", ["compact", "full"])
    def test_a_projection_says_that_it_is_the_shortcut(self, detail: str) -> None:
        options = Options(detail=detail)
        projection = view("funny_resnet", "ResidualLayerScal")
        seen = drawn(projection, options)
        assert [text.words for text in seen.nodes["shortcut/conv_1"].texts][:2] == ["shortcut", "Conv 1×1, 64"]
        assert "shortcut<br/>" in to_mermaid(projection, options)

    def test_the_legend_explains_dashes_where_there_are_some(self) -> None:
        assert "– – –" in words(to_dot(view("funny_resnet", "ResidualLayer")))
        assert "– – –" in words(to_dot(view("unet", "Level")))
        assert "– – –" not in words(to_dot(network("funny_resnet")))


class TestColors:
    def test_a_layer_that_scales_its_shortcut_has_a_color_of_its_own(self) -> None:
        dot = to_dot(view("funny_resnet", "ResidualBlock"))
        fills = re.findall(r'"ResidualLayer(?:Scal)?_1" .* fillcolor="(#\w+)"', dot)
        assert len(set(fills)) == 2
        assert {"layer", "layer with scaled shortcut"} <= set(words(dot))

    def test_attention_is_no_dense_layer_and_a_rescaling_no_pooling(self) -> None:
        found = words(to_dot(view("vit_conv_stem", "TransformerBlock")))
        assert {"dense", "attention and tokens"} <= set(found)
        assert not any("reshaping" in text for text in words(to_dot(network("convnext"))))


class TestLegend:
    @pytest.mark.parametrize(("name", "layer"), [("convnext", "Stage"), ("funny_resnet", "ResidualBlock")])
    def test_it_is_in_the_middle(self, name: str, layer: str) -> None:
        seen = drawn(view(name, layer))
        squares, texts = seen.legend
        row = [text.area.right for text in texts if text.y > min(area.top for area in squares)]
        middle = (min(area.left for area in squares) + max(row)) / 2
        assert middle == pytest.approx(seen.nodes["(output)"].area.middle[0], abs=8)


class TestFolding:
    """Layers that differ in nothing but how often they are left out are drawn once, with the range."""

    @pytest.mark.parametrize("draw", [to_dot, to_mermaid])
    def test_rates_that_grow_are_a_range(self, draw: Callable[[Graph, Options], str]) -> None:
        closed = draw(network("convnext"), Options(depth=2))
        assert closed.count("ConvNeXtBlock</") == 4
        assert "drop=0–0.0118" in closed.replace("#8211;", "–")
        assert "×9" in closed
        opened = draw(network("convnext"), Options(depth=3))
        assert opened.count("ConvNeXtBlock</") == 4
        assert "Stochastic depth 0–0.0118" in opened.replace("#8211;", "–")
        assert "Stochastic depth 0<" not in opened
        assert "56×56×96 … 56×56×96" not in opened

    def test_other_differences_are_not_folded(self) -> None:
        text = """
archdsl: 1
name: Net
input: [8, 8, 4]
layers:
  Layer: {args: {slope: float}, steps: [{leaky_relu: {slope: $slope}}]}
model: [{Layer: {slope: 0.1}}, {Layer: {slope: 0.2}}]
"""
        assert words(to_dot(resolve(parse(text, "net.yaml")))).count("Layer") == 2


class TestU:
    """A U-Net is a U, however deep one looks: down on the left, up on the right, shortcuts straight across."""

    @pytest.mark.parametrize("options", [Options(), Options(depth=4), Options(direction="LR")])
    def test_a_unet_is_a_u(self, options: Options) -> None:
        seen = drawn(network("unet"), options)
        places = {name: part.area.middle for name, part in seen.nodes.items() if part.areas}
        level = "Level_1/"
        levels = [level := f"{level}below/Level_1/" if number else level for number in range(4)]
        left, right = places["(input)"][0], places["(output)"][0]
        assert left < places[f"{levels[3]}below/Level_1/conv_1"][0] < right
        for scope in levels:
            down, merge, last = (places[f"{scope}{name}"] for name in ("conv_1", "concat_1", "conv_3"))
            assert (down[0], merge[0]) == pytest.approx((left, right), abs=1.5)
            assert down[1] == pytest.approx(merge[1], abs=1.5), "a shortcut is not level"
            assert last[1] < merge[1], "what comes after a merge is not above it"
        heights = [places[f"{scope}conv_1"][1] for scope in levels]
        assert heights == sorted(heights)

    def test_what_is_no_u_is_none(self) -> None:
        text = """
archdsl: 1
name: Net
input: [8, 8, 4]
layers:
  Level:
    args: {levels: int}
    steps:
      - relu
      - paths: {below: [{Level: {levels: $levels - 1}}], beside: [relu]}
        merge: add
        when: $levels > 0
model: [{Level: {levels: 2}}]
"""
        assert "→ 8×8×4" in words(to_dot(resolve(parse(text, "net.yaml"))))


class TestRows:
    """A wide chain that is too long for a page is broken into rows."""

    @pytest.mark.parametrize("name", ["inception", "efficientnet", "densenet", "resnet"])
    def test_a_wide_model_fits_on_a_page(self, name: str) -> None:
        seen = drawn(network(name), Options(direction="LR"))
        assert seen.width <= 17 * 72
        rows: dict[int, list[float]] = {}
        for part in seen.boxes.values():
            rows.setdefault(round(part.area.middle[1]), []).append(part.area.left)
        assert len(rows) > 1
        assert all(len(row) > 1 for row in rows.values())
        assert all(row == sorted(row) for row in rows.values()), "a row does not run from left to right"

    def test_shapes_are_in_the_boxes(self) -> None:
        assert "→ 28×28×192" in words(to_dot(network("inception"), Options(direction="LR")))
