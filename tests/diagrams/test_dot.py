"""Diagrams: the DOT text by golden files, the layout by what Graphviz makes of it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
from dot_layout import LANES, NOTEBOOK, ROOT, layout, overlaps

from archdsl.diagrams import Options, to_dot, views
from archdsl.diagrams.style import THEMES, TOL, quoted
from archdsl.errors import ArchError
from archdsl.graph import Graph, StepName, Tensor, TensorRef
from archdsl.parsing import parse
from archdsl.resolution import resolve


@pytest.fixture(scope="module")
def notebook() -> dict[str, Graph]:
    return views(resolve(parse(NOTEBOOK.read_text(), NOTEBOOK.name)))


@pytest.fixture(scope="module")
def lanes() -> dict[str, Graph]:
    return views(resolve(parse(LANES, "lanes.yaml")))


@pytest.mark.parametrize("name", ["FunnyResNet", "ResidualBlock", "ResidualLayerScal", "ResidualLayer"])
def test_the_article_s_figures(notebook: dict[str, Graph], golden: Callable[[str, str], None], name: str) -> None:
    golden(f"dot/{name}.dot", to_dot(notebook[name]))


@pytest.mark.parametrize("name", ["Uneven", "Nested", "Equal", "Alone"])
def test_other_lanes(lanes: dict[str, Graph], golden: Callable[[str, str], None], name: str) -> None:
    golden(f"dot/{name}.dot", to_dot(lanes[name]))


def test_inside_layers_dark_and_wide(notebook: dict[str, Graph], golden: Callable[[str, str], None]) -> None:
    golden(
        "dot/ResidualBlock-dark-2-LR.dot",
        to_dot(notebook["ResidualBlock"], Options(theme="dark", depth=2, direction="LR")),
    )


def test_views_are_the_model_and_the_first_use_of_each_class(notebook: dict[str, Graph]) -> None:
    assert list(notebook) == ["FunnyResNet", "ResidualBlock", "ResidualLayerScal", "ResidualLayer"]
    assert notebook["ResidualBlock"].arguments["kernel"] == 3
    assert notebook["ResidualLayer"].input == (8, 8, 256)


def test_a_first_use_may_stand_inside_another_layer() -> None:
    text = """
archdsl: 1
name: Net
input: [8, 8, 3]
layers:
  Outer: {args: {f: int}, steps: [{Inner: {f: $f}}]}
  Inner: {args: {f: int}, steps: [{conv: {filters: $f, kernel: 1}}]}
model: [{Outer: {f: 2}}, {Inner: {f: 3}}]
"""
    found = views(resolve(parse(text, "net.yaml")))
    assert list(found) == ["Net", "Outer", "Inner"]
    assert found["Inner"].arguments == {"f": 2}


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_input_merge_and_output_stand_on_one_axis(notebook: dict[str, Graph], depth: int) -> None:
    boxes = layout(to_dot(notebook["ResidualBlock" if depth > 1 else "ResidualLayer"], Options(depth=depth)))
    merges = [box[0] for name, box in boxes.items() if name.endswith("add_1")]
    assert len(merges) == (2 if depth > 1 else 1)
    for x in (*merges, boxes["(output)"][0]):
        assert x == pytest.approx(boxes["(input)"][0], abs=1)


def test_paths_run_from_left_to_right_and_the_shortcut_is_outermost(notebook: dict[str, Graph]) -> None:
    for name in ("ResidualLayer", "ResidualLayerScal"):
        boxes = layout(to_dot(notebook[name]))
        columns = {
            column: {round(b[0]) for n, b in boxes.items() if n.startswith(column)} for column in ("wide/", "narrow/")
        }
        assert [len(column) for column in columns.values()] == [1, 1], "a column is crooked"
        shortcut = next(b[0] for n, b in boxes.items() if n.startswith("shortcut/") or n.endswith("identity"))
        assert max(columns["wide/"]) < boxes["add_1"][0] < max(columns["narrow/"]) < shortcut


def test_uneven_lanes_keep_their_order(lanes: dict[str, Graph]) -> None:
    boxes = layout(to_dot(lanes["Uneven"]))
    firsts = [boxes[name][0] for name in ("one/conv_1", "three/conv_1", "five/conv_1", "concat_1 3 same identity")]
    assert firsts == sorted(firsts)
    assert boxes["concat_1"][0] == pytest.approx(boxes["(input)"][0], abs=1)
    assert firsts[1] < boxes["concat_1"][0] < firsts[2]


@pytest.mark.parametrize("direction", ["TB", "LR"])
@pytest.mark.parametrize("depth", [1, 3])
def test_no_boxes_overlap(notebook: dict[str, Graph], lanes: dict[str, Graph], direction: str, depth: int) -> None:
    assert overlaps({"one": (0, 0, 10, 10), "other": (9, 9, 10, 10), "apart": (20, 0, 9, 9)}) == [("one", "other")]
    graphs = [*notebook.values(), *lanes.values()]
    assert len(graphs) >= 9
    for graph in graphs:
        assert overlaps(layout(to_dot(graph, Options(direction=direction, depth=depth)))) == [], graph.name


def test_every_op_is_drawn_once(notebook: dict[str, Graph], lanes: dict[str, Graph]) -> None:
    for graph in (notebook["ResidualLayerScal"], notebook["ResidualLayer"], *(lanes[n] for n in ("Uneven", "Nested"))):
        dot = to_dot(graph)
        drawn = re.findall(r'^ *"([^"]+)" \[label', dot, re.MULTILINE)
        steps = [node.name for node in graph.nodes if node.role in ("main", "merge", "layer")]
        assert len(steps) >= 7
        assert sorted(name for name in drawn if " " not in name and "(" not in name) == sorted(steps)


def test_every_node_has_a_label_and_no_text_a_dpi(notebook: dict[str, Graph], lanes: dict[str, Graph]) -> None:
    for graph in (*notebook.values(), *lanes.values()):
        dot = to_dot(graph, Options(depth=3))
        edges = re.findall(r'"([^"]+)"(?::\w)? -> "([^"]+)"', dot)
        assert len(edges) >= 2
        for name in {name for edge in edges for name in edge}:
            assert len(re.findall(rf"^ *{re.escape(quoted(name))} \[label=", dot, re.MULTILINE)) == 1, name
        assert "dpi" not in dot
        assert 'newrank="true"' in dot


def test_equal_neighbours_are_one_box_with_their_number(notebook: dict[str, Graph], lanes: dict[str, Graph]) -> None:
    block = to_dot(notebook["ResidualBlock"])
    assert "&#160;×4&#160;" in block
    assert block.count("<B>ResidualLayer</B>") == 1
    assert to_dot(notebook["FunnyResNet"]).count("<B>ResidualBlock</B>") == 3, "other arguments, other boxes"
    equal = to_dot(lanes["Equal"])
    assert "&#160;×32&#160;" in equal
    assert equal.count("<B>Conv 1×1, 8</B>") == 1


def test_a_box_tells_padding_norm_and_activation(lanes: dict[str, Graph]) -> None:
    assert "pad 1 · Batch norm · ReLU" in to_dot(lanes["Nested"])


def test_the_text_is_the_same_in_every_process() -> None:
    code = (
        "import sys; from archdsl.parsing import parse; from archdsl.resolution import resolve\n"
        "from archdsl.diagrams import Options, to_dot, views\n"
        "graph = resolve(parse(open(sys.argv[1]).read(), 'x'))\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'matplotlib', 'pygraphviz'}\n"
        "print(*(to_dot(view, Options(depth=2)) for view in views(graph).values()), heavy & set(sys.modules))"
    )
    texts = [
        subprocess.run(
            [sys.executable, "-c", code, str(NOTEBOOK)],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "77")
    ]
    assert len(set(texts)) == 1
    assert texts[0].endswith(b"set()\n"), "drawing imports something heavy"


HOSTILE = 'a<b>&"\\ ]; }\n</TABLE> -> "x" \x07 é\\'


def test_hostile_names_stay_text(notebook: dict[str, Graph]) -> None:
    pygraphviz = pytest.importorskip("pygraphviz")
    block = notebook["ResidualBlock"]
    refs = [TensorRef("input"), *(TensorRef(f"{i}{HOSTILE}") for i in range(len(block.nodes)))]
    nodes = tuple(
        replace(
            node,
            name=name,
            step=StepName(HOSTILE, path=(name,)),
            inputs=(ref,),
            kind=HOSTILE,
            arguments={HOSTILE: HOSTILE},
        )
        for node, ref, name in zip(block.nodes, refs, refs[1:], strict=False)
    )
    outputs = {HOSTILE: Tensor(refs[-1], block.shape)}
    dot = to_dot(replace(block, name=HOSTILE, nodes=nodes, arguments={HOSTILE: HOSTILE}, outputs=outputs))
    assert "a&lt;b&gt;&amp;&quot;" in dot
    assert "\x07" not in dot
    drawn = pygraphviz.AGraph(string=dot)
    assert len(drawn.nodes()) == len(nodes) + 2
    assert len(drawn.edges()) == len(nodes) + 1
    drawn.layout(prog="dot")
    assert "a&lt;b&gt;&amp;&quot;" in drawn.draw(format="svg").decode()


def test_dark_is_dark(notebook: dict[str, Graph]) -> None:
    light, dark = (to_dot(notebook["ResidualLayer"], Options(theme=theme)) for theme in ("light", "dark"))
    assert 'bgcolor="#0D1117"' in dark
    shades = set(re.findall(r"#[0-9A-F]{6}", light)) & set(re.findall(r"#[0-9A-F]{6}", dark))
    assert shades == set(), "a colour of the light theme is in the dark one"


@pytest.mark.parametrize("name", THEMES)
def test_text_is_readable_on_every_colour(name: str) -> None:
    theme = THEMES[name]
    assert len(TOL) >= 9
    for colour in TOL.values():
        assert contrast(theme.text, theme.fill(colour)) >= 6.4
        assert contrast(theme.detail, theme.fill(colour)) >= 4.5
    assert contrast(theme.muted, theme.cluster) >= 4.5


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, as the web's accessibility guidelines have it: from 1 to 21."""
    lights = []
    for colour in (one, other):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        lights.append(0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
    return max(lights) / min(lights)


@pytest.mark.parametrize("wrong", [{"theme": "drak"}, {"direction": "BT"}, {"depth": 0}, {"detail": "ful"}])
def test_an_option_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(ArchError, match="ARCH203"):
        Options(**wrong)  # type: ignore[arg-type]
