"""What notebooks show: a picture and a text; where there is no picture, the text alone, and never an error."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from IPython.core.formatters import DisplayFormatter

from archdsl import ArchError, Graph, load, loads, resolve
from archdsl.diagrams import notebook, to_dot
from archdsl.diagrams.style import THEMES
from archdsl.errors import Problem
from archdsl.reports.summary import to_text
from archdsl.zoo import names

SVG = "{http://www.w3.org/2000/svg}"
HEAD = "archdsl: 1\nname: Net\ninput: [8, 8, 4]\n"
TEXT = "text/plain"
PICTURE = "image/svg+xml"


def shown(thing: Any) -> dict[str, str]:
    """What IPython makes of a thing, as a notebook's cell gets it."""
    data, metadata = DisplayFormatter().format(thing)
    assert metadata == {}
    return data


def drawn(thing: Any) -> ElementTree.Element:
    """The picture of a thing, which has one, as a tree."""
    data = shown(thing)
    assert {*data} == {TEXT, PICTURE}, data[TEXT]
    assert data[PICTURE].startswith("<svg"), "a page takes the element alone"
    return ElementTree.fromstring(data[PICTURE])


def described(thing: Any) -> tuple[str, str]:
    """What the picture of a thing is called, and what it says of itself."""
    root = drawn(thing)
    return str(root.findtext(f"{SVG}title")), str(root.findtext(f"{SVG}desc"))


def description(graph: Graph) -> tuple[str, str]:
    """What the picture of a graph is called, and what it says of itself."""
    name, text = (line.removeprefix("// ") for line in to_dot(graph).splitlines()[:2])
    assert name == graph.name
    assert text.endswith(f" out, {graph.totals.layers:,} ops, {graph.totals.parameters:,} parameters")
    return name, text


def told(thing: Any, capsys: pytest.CaptureFixture[str]) -> str:
    """The text of a thing that has no picture."""
    data = shown(thing)
    assert {*data} == {TEXT}
    assert capsys.readouterr() == ("", ""), "a cell would show this beside the text"
    return data[TEXT]


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`fails(error)` lets every renderer raise it."""

    def let(error: Exception) -> None:
        def picture(dot: str, format: str) -> bytes:
            raise error

        monkeypatch.setattr(notebook, "picture", picture)

    return let


@pytest.mark.parametrize("name", ["digits_resnet", "funny_resnet_notebook", "unet", "resnext50_paths"])
def test_a_spec_its_layers_and_every_body_show_themselves(name: str) -> None:
    spec = load(name)
    graph = resolve(spec)
    assert described(spec) == described(graph) == description(graph)
    bodies = {node.kind: node.body for _, node in reversed([*graph.walk()]) if node.body}
    assert bodies.keys() == spec.layers.keys()
    for kind, body in bodies.items():
        assert described(body) == described(spec.layers[kind]) == description(body), "the first use is drawn"


def test_the_text_is_the_table_of_show() -> None:
    spec = load("digits_resnet")
    text = shown(resolve(spec))[TEXT]
    assert text.splitlines()[0] == "DigitsResNet(classes=10, width=32)"
    assert "ResidualLayer(filters=64, stride=2) + projection" in text
    assert "\n161,258 parameters in 72 variables (" in text
    assert shown(spec)[TEXT] == f"{spec!r}\n\n{text}"
    layer = spec.layers["ResidualLayer"]
    assert shown(layer)[TEXT].startswith(f"{layer!r}\n\nResidualLayer(filters=32, stride=1)\n{layer.doc}\n")


def test_a_picture_stands_on_a_ground_of_its_own() -> None:
    """A dark notebook would swallow its letters."""
    root = drawn(load("digits_resnet"))
    ground = next(root.iter(f"{SVG}polygon"))
    assert str(ground.get("fill")).lower() == THEMES["light"].page.lower()
    assert float(ground.get("fill-opacity", 1)) == 1
    assert ground.get("fill") not in ("none", "transparent")
    corners = [tuple(map(float, point.split(","))) for point in str(ground.get("points")).split()]
    size = [max(side) - min(side) for side in zip(*corners, strict=True)]
    assert size == pytest.approx([float(side) for side in str(root.get("viewBox")).split()[2:]], abs=1)


def test_a_layer_of_a_variant_is_drawn_as_the_variant_uses_it() -> None:
    plain, small = load("resnet"), load("resnet", "resnet18")
    assert described(small) == description(resolve(small)) != described(plain)
    assert described(small.layers["Stage"]) == description(next(n.body for n in resolve(small).nodes if n.body))
    assert described(small.layers["Stage"]) != described(plain.layers["Stage"])
    assert "the model does not use the layer" in shown(small.layers["Bottleneck"])[TEXT]
    assert replace(plain, layers={}) != plain == load("resnet") == deepcopy(plain)


@pytest.mark.parametrize("name", [*names()])
def test_the_short_form_is_one_short_line(name: str) -> None:
    spec = load(name)
    things = [spec, *spec.layers.values()]
    for graph in map(resolve, spec.every()):
        things += [graph, *(node for _, node in graph.walk())]
    for line in map(repr, things):
        assert line.isprintable()
        assert 10 < len(line) < 250


def test_the_short_forms() -> None:
    spec = loads(HEAD + 'args: {n: int, many: [1, 2, 3, 4, 5, 6, 7, 8]}\nmodel: [dense: {units: "$n * $many[0]"}]')
    assert repr(spec) == "<Spec Net(n: int, many=[1, 2, 3, 4, 5, 6, ...]): 0 layers, <text>>"
    assert repr(resolve(spec, n=2)).startswith(
        "<Graph Net(many=[1, 2, 3, 4, 5, 6, ...], n=2): 8x8x4 -> 8x8x2, 10 param"
    )
    graph = resolve(load("funny_resnet"))
    assert f"{graph}\n" == to_text(graph)
    block = graph.nodes[3]
    assert repr(graph) == (
        "<Graph FunnyResNet(classes=10, width=32, paths=2): 32x32x3 -> 10, "
        "4,336,762 parameters, 351,428,608 multiply-accumulates>"
    )
    assert repr(block) == (
        "<Node ResidualBlock_1: ResidualBlock(kernel=3, filters=32, paths=2, stride=1, depth=5), 32x32x64>"
    )
    assert repr(graph.nodes[0]) == "<Node conv_1: conv, 32x32x32>"
    scaling = load("funny_resnet").layers["ResidualLayerScal"]
    assert repr(scaling) == (
        "<Layer ResidualLayerScal(kernel: int, filters: int, out: int, paths=2, stride=1) like ResidualLayer>"
    )


def test_without_a_renderer_there_is_the_text(fails: Any, capsys: pytest.CaptureFixture[str]) -> None:
    spec = load("digits_resnet")
    table = shown(spec)[TEXT]
    fails(ArchError(Problem("ARCH305", "cannot draw pictures: Graphviz is not installed", hint="install it")))
    reason = "no picture: error[ARCH305]: cannot draw pictures: Graphviz is not installed\n  help: install it"
    assert told(spec, capsys) == f"{table}\n\n{reason}"
    assert told(resolve(spec), capsys).endswith(reason)
    assert told(spec.layers["ResidualLayer"], capsys).endswith(reason)


@pytest.mark.parametrize("error", [RuntimeError("it fell over"), MemoryError("it fell over"), OSError("it fell over")])
def test_whatever_happens_there_is_the_text(fails: Any, capsys: pytest.CaptureFixture[str], error: Exception) -> None:
    fails(error)
    assert told(load("digits_resnet"), capsys).endswith(f"no picture: {type(error).__name__}: it fell over")


@pytest.mark.parametrize("picture", [b"", b"\xff\xfe<svg", b"sorry"])
def test_what_is_no_picture_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], picture: bytes
) -> None:
    monkeypatch.setattr(notebook, "picture", lambda dot, format: picture)
    assert "no picture: " in told(load("digits_resnet"), capsys)


def test_a_broken_spec_tells_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    spec = loads(HEAD + "layers: {A: {steps: [{conv: {filters: 3, kernel: 9}}]}}\nmodel: [A]\n", "mine.yaml")
    for thing in (spec, spec.layers["A"]):
        text = told(thing, capsys)
        assert text.startswith(f"{thing!r}\n\nno picture: mine.yaml:4:")
        assert "error[ARCH020]: a window of 9x9 does not fit into a map of 8x8" in text
    open_ended = loads(HEAD + "args: {width: int}\nmodel: [dense: {units: $width}]\n")
    assert "missing value for the argument `width`" in told(open_ended, capsys)


def test_a_layer_that_nobody_feeds_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    spec = loads(HEAD + "layers: {A: {steps: [relu]}, B: {steps: [relu]}}\nmodel: [B]\n")
    assert "the model does not use the layer" in told(spec.layers["A"], capsys)
    assert "the layer belongs to no spec" in told(replace(spec.layers["B"], spec=None), capsys)


def never(dot: str, format: str) -> bytes:
    raise AssertionError("this takes a renderer minutes")


def test_a_huge_network_is_text_at_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(notebook, "picture", never)
    graph = resolve(loads(HEAD + "model:\n  - relu: {}\n    repeat: 5000\n"))
    began = time.perf_counter()
    text = told(graph, capsys)
    assert time.perf_counter() - began < 0.5
    assert text.startswith(f"{graph!r}\n\nno picture: 5,000 nodes exceed the limit of 1,000 in notebooks")


def test_what_renderers_cannot_untangle_is_a_cut_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(notebook, "picture", never)
    steps = "".join(
        f"  - {{conv: {{filters: 4, kernel: {1 + i % 5}, padding: same}}, name: a{i}}}\n"
        f"  - {{add: {{}}, from: [a{i // 2}, a{i}], name: b{i}}}\n"
        for i in range(200)
    )
    text = told(resolve(loads(HEAD + f"model:\n{steps}")), capsys)
    assert "arrows exceed the limit of 200 in notebooks" in text
    assert "\n... 348 more lines\n" in text
    assert len(text.splitlines()) == 63


def test_it_takes_no_framework() -> None:
    script = "import archdsl, sys; s = archdsl.load('unet'); s._repr_mimebundle_(); print(*{*sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert "archdsl.diagrams.notebook" in done.stdout.split()
    assert not {"tensorflow", "keras", "numpy", "IPython"} & {*done.stdout.split()}


@pytest.mark.tensorflow
def test_a_keras_layer_shows_its_graph_once_it_has_seen_an_input(capsys: pytest.CaptureFixture[str]) -> None:
    import keras

    from archdsl import compile

    module = compile("digits_resnet")
    layer = module.ResidualLayer(filters=6, name="mine")
    reason = "no picture: the layer is not built yet: call it, or `build` it with a shape"
    capsys.readouterr()
    assert told(layer, capsys) == f"<ResidualLayer name=mine, built=False>\n\n{reason}"
    model = keras.Sequential([keras.Input((8, 8, 4)), layer])
    name, text = described(layer)
    assert name == "ResidualLayer"
    assert text.endswith(f" ops, {layer.count_params():,} parameters")
    assert shown(layer)[TEXT].startswith(
        "<ResidualLayer name=mine, built=True>\n\nResidualLayer(filters=6, stride=1)\n"
    )
    assert described(model.layers[0]) == (name, text)
    assert "archdsl" not in inspect.getsource(module).split('"""', 2)[2]

    class Own(module.ResidualLayer):
        """Somebody's own."""

    own = Own(filters=6)
    own.build((None, 8, 8, 4))
    assert described(own) == (name, text)
    free = module.ResidualLayer(filters=4)
    free.build((None, None, None, 4))
    assert "the layer takes inputs of any size" in told(free, capsys)


@pytest.mark.tensorflow
def test_a_keras_model_and_the_layers_in_it_show_their_graphs(tmp_path: Path) -> None:
    from archdsl import build, load_model

    graph = resolve(load("funny_resnet"), width=8)
    build("funny_resnet", width=8).save(tmp_path / "net.keras")
    model = load_model(tmp_path / "net.keras")
    assert described(model) == description(graph)
    block = model.get_layer("ResidualBlock_2")
    body = next(node.body for node in graph.nodes if node.name == "ResidualBlock_2")
    assert described(block) == description(body)
    for made, node in zip(block.steps, body.nodes, strict=True):
        assert described(made) == description(node.body)


SEVERAL = """archdsl: 1
name: Net
inputs: {x: [8, 8, 4], y: [8, 8, 4]}
layers:
  Split:
    inputs: [a, b]
    outputs: [high, low]
    args: {sizes: list}
    steps:
      - {add: {}, from: [a, b], name: high}
      - {conv: {filters: "$sizes[0]", kernel: 1}, from: high, name: low}
  Half: {like: Split, with: {sizes: [2]}}
model:
  - {Half: {}, name: half}
  - {conv: {filters: 1, kernel: 1}, from: half.low}
"""


@pytest.mark.tensorflow
def test_keras_layers_of_several_tensors_show_their_graphs() -> None:
    from archdsl import compile

    spec = loads(SEVERAL)
    module = compile(spec)
    for layer in (module.Half(), module.Split(sizes=[2])):
        layer.build([(None, 8, 8, 4)] * 2)
        name, text = described(layer)
        assert name == type(layer).__name__
        assert re.fullmatch(r"a 8.8.4, b 8.8.4 in, high 8.8.4, low 8.8.2 out, 2 ops, 10 parameters", text)
    assert described(module.Net())[1] == described(spec)[1]
