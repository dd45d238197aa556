"""Pictures as they are seen: what the SVG of each engine shows stands where it should, and can be read on paper."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from functools import cache
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from picture_faults import CHECKS, View, on_one_axis
from pictures import SVG, Picture, read
from renderers import PROGRAMS, only
from residual_layers import MERGES, SHORTCUTS, Case, more, nested, opened, simple

import archdsl
from archdsl.diagrams import Options, to_dot, views
from archdsl.diagrams.render import render_all
from archdsl.graph import Graph
from archdsl.resolution import resolve

SPECS = Path(__file__).parents[2] / "specs"
ENGINES = ["dot", "pygraphviz"]
PAPER = (190.0, 277.0)
"""Millimetres of A4 between margins of 10."""

MILLIMETRES = 25.4 / 72
SMALLEST = 7.0
"""Points of the smallest letters that can be read on paper."""

SMALL = {
    "wavenet  WaveNet": 5.3,  # thirty blocks, each with a line for its dilation and for both outputs, in columns of ten
    "mobilenet_v3  MobileNetV3": 6.6,  # twelve boxes with five arguments each, on three lines
    "mobilenet_v3 large_075 MobileNetV3": 6.6,
    "inception_resnet_v2  InceptionResNetV2": 6.9,  # in wider letters only
}
"""The longest models, whose letters are smaller, by view: no smaller than this many points."""

Check = Callable[[View], Iterable[str]]


@pytest.fixture(params=[ENGINES[0], pytest.param(ENGINES[1], marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    return only(request.param, monkeypatch)


@pytest.fixture
def any_engine(monkeypatch: pytest.MonkeyPatch) -> str:
    return only(next((name for name in ENGINES if name in PROGRAMS), ENGINES[0]), monkeypatch)


def drawn(dots: Iterable[str]) -> list[Picture]:
    """Each text's picture, all by one process."""
    texts = list(dots)
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.svg" for number in range(len(texts))]
        render_all((dot, path, "svg") for dot, path in zip(texts, paths, strict=True))
        return [read(path.read_bytes()) for path in paths]


def seen(named: dict[str, tuple[Graph, Options]]) -> dict[str, View]:
    """What is seen of each graph."""
    pictures = drawn(to_dot(graph, options) for graph, options in named.values())
    return {name: View(picture, *named[name]) for name, picture in zip(named, pictures, strict=True)}


def hold(found: dict[str, View], *more_checks: Check) -> None:
    """Raises where any check finds a fault in any picture."""
    faults = {name: [told for check in (*CHECKS, *more_checks) for told in check(view)] for name, view in found.items()}
    assert {name: told for name, told in faults.items() if told} == {}


def hold_cases(cases: Iterable[Case]) -> None:
    hold(seen({case.name: (case.graph(), case.options) for case in cases}), on_one_axis)


CROSSING = {"nasnet"}
"""Cells that take two tensors and use both in every branch: lines cross, as in the paper's figures."""


@cache
def zoo() -> dict[str, Graph]:
    """Every view of every spec, each variant too."""
    found = {}
    for path in sorted(path for path in SPECS.glob("*.yaml") if path.stem not in CROSSING):
        for spec in archdsl.load(path).every():
            for name, graph in views(resolve(spec)).items():
                found[f"{path.stem} {spec.variant} {name}"] = graph
    return found


CASES = [*simple(), *nested(8), *opened(8)]


def test_layers_of_all_kinds_are_drawn() -> None:
    assert len(CASES) >= 60
    assert len({case.text for case in CASES}) == len(CASES)
    names = " ".join(case.name for case in CASES)
    for word in (
        *SHORTCUTS,
        *MERGES,
        "TB",
        "LR",
        "compact",
        "full",
        "costs",
        "shapes",
        *(f"{n} paths" for n in range(1, 7)),
    ):
        assert word in names, word
    lengths = {len(column) for case in CASES[:48] for column in lanes(case.graph())}
    assert lengths == {1, 2, 3, 4, 5}


def lanes(graph: Graph) -> list[list[str]]:
    """The steps of each path."""
    steps = [node.name for node in graph.nodes if node.path and node.role == "main"]
    return [[name for name in steps if name.startswith(f"{lane}/")] for lane in {n.split("/")[0] for n in steps}]


def test_layers_of_all_kinds(engine: str) -> None:
    hold_cases(CASES)


@pytest.mark.slow
def test_more_layers(engine: str) -> None:
    hold_cases(more(400))


def hold_readable(pictures: dict[str, Picture]) -> None:
    """Raises where letters are too small on paper."""
    letters = {name: smallest(picture) for name, picture in pictures.items()}
    assert {name: size for name, size in letters.items() if round(size, 1) < SMALL.get(name, SMALLEST)} == {}


def test_every_view_of_every_spec(engine: str) -> None:
    assert len(zoo()) >= 120
    assert {"resnet resnet152 ResNet", "densenet densenet201 DenseNet"} <= {*zoo()}
    found = seen({name: (graph, Options()) for name, graph in zoo().items()})
    hold(found)
    hold_readable({name: view.picture for name, view in found.items()})


@pytest.mark.slow
def test_every_wide_view_of_every_spec(engine: str) -> None:
    hold(seen({name: (graph, Options(direction="LR")) for name, graph in zoo().items()}))


FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>
"""
"""A machine without fonts of its own: the letters of DejaVu, which matplotlib brings, are wider than Arial's."""


def test_views_can_be_read_in_wider_letters(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = find_spec("matplotlib")
    if not sys.platform.startswith("linux") or package is None or package.origin is None:
        pytest.skip("matplotlib's letters stand in for no others here")
    config, folder = tmp_path / "fonts.conf", Path(package.origin).parent / "mpl-data" / "fonts" / "ttf"
    config.write_text(FONTS.format(fonts=folder, cache=tmp_path / "cache"))
    monkeypatch.setenv("FONTCONFIG_FILE", str(config))
    named = {to_dot(graph): name for name, graph in zoo().items()}
    hold_readable(dict(zip(named.values(), drawn(named), strict=True)))


def smallest(picture: Picture) -> float:
    """How high the smallest letters are on A4, whichever way it is turned."""
    width, height = picture.width * MILLIMETRES, picture.height * MILLIMETRES
    scale = max(min(1, short / width, long / height) for short, long in (PAPER, PAPER[::-1]))
    return scale * min(picture.sizes)


def test_pictures_that_are_too_large_cannot_be_read() -> None:
    def letters(width: float, height: float, size: int) -> float:
        text = f'<text x="1" y="1" font-size="{size}">a</text>'
        markup = f'<svg xmlns="{SVG[1:-1]}" width="{width}pt" height="{height}pt">{text}</svg>'
        return smallest(read(markup.encode()))

    assert letters(100, 100, 9) == 9
    assert letters(2 * 190 / MILLIMETRES, 277 / MILLIMETRES, 9) == pytest.approx(9 * 190 / 277)
    assert letters(277 / MILLIMETRES, 190 / MILLIMETRES, 9) == pytest.approx(9)
    assert letters(500 / MILLIMETRES, 500 / MILLIMETRES, 9) == pytest.approx(9 * 190 / 500)


def test_text_stays_text_and_pictures_share_a_page(engine: str) -> None:
    pictures = drawn(to_dot(zoo()[name]) for name in ("resnet  ResNet", "resnet  Bottleneck", "inception  GoogLeNet"))
    for picture, name in zip(pictures, ("ResNet", "Bottleneck", "GoogLeNet"), strict=True):
        assert [part.tag for part in picture.root[:2]] == [f"{SVG}title", f"{SVG}desc"]
        assert picture.root[0].text == name
        words = "".join(chain.from_iterable(text.itertext() for text in picture.root.iter(f"{SVG}text")))
        assert name in words
        assert "convolution" in words
    ids = [part.attrib["id"] for picture in pictures for part in picture.root.iter() if "id" in part.attrib]
    assert len(ids) == len(set(ids)) == 2 * len(pictures)


LAYER = Case(
    "layer",
    """
archdsl: 1
name: Net
input: [16, 16, 8]
layers:
  Layer:
    paths:
      wide:
        - conv: {filters: 32, kernel: 1}
        - conv: {filters: 64, kernel: 3, padding: same}
        - conv: {filters: 16, kernel: 1}
      narrow: [{conv: {filters: 16, kernel: 1}}]
    shortcut: projection
    merge: add
    after: relu
model: [Layer]
""",
    "Layer",
    Options(),
)
"""A layer in whose picture something is put wrong."""


def without(pattern: str) -> Callable[[str], str]:
    """Leaves out the lines of DOT that a pattern is in."""
    return lambda dot: "".join(line for line in dot.splitlines(keepends=True) if not re.search(pattern, line))


def swapped(one: str, other: str) -> Callable[[str], str]:
    return lambda dot: dot.replace(f'"{one}/', '"*/').replace(f'"{other}/', f'"{one}/').replace('"*/', f'"{other}/')


def put(pattern: str, new: str) -> Callable[[str], str]:
    return lambda dot: re.sub(pattern, new, dot, count=1)


WRONG_TEXTS = [
    (without('"wide/conv_1" -> '), "the edge wide/conv_1 -> wide/conv_2 is missing"),
    (put(r'(\n *"wide/conv_1" -> .*)', r"\1\1"), "the line `wide/conv_1->wide/conv_2` is there 2 times"),
    (put(r"\}\s*$", '"(input)" -> "relu_1" }'), "the edge (input) -> relu_1 is one too many"),
    (without('"wide/conv_2"'), "`wide/conv_2` is one too many or missing"),
    (put("<B>ReLU</B>", "<B>ReLU</B> <B> ×7 </B>"), "the pills [7] do not tell what is drawn once for several"),
    (swapped("wide", "narrow"), "add_1: `wide` is not before `narrow`"),
    (swapped("narrow", "shortcut"), "add_1: the shortcut is not outermost"),
    (put(r'("narrow/conv_1" \[.* width)=[\d.]+', r"\1=2.5"), "add_1: boxes are … to 180 wide"),
    (put("<B>ReLU</B>>", '<B>ReLU, much too long</B>> fixedsize="true"'), "the text `ReLU, much too long` sticks out"),
    (put('labeljust="l"', 'labeljust="r"'), "`(input)->wide/conv_1` runs through the title `wide`"),
    (put('space 0":in:n', 'space 0":n'), "a line has a gap at `add_1 1 narrow space 0`"),
    (put('space 1":out:s', 'space 1"'), "a line has a kink at `add_1 1 narrow space 1`"),
    (
        put(r'("wide/conv_1" \[label.*)kernel 1×1×8×32', r"\1kernel 1×1×8×3"),
        "`wide/conv_1` tells …not …kernel 1×1×8×32",
    ),
    (put(r'("wide/conv_1" \[label.*), line \d+', r"\1"), "`wide/conv_1` tells …not …line 9"),
    (put(r'("wide/conv_1" \[label.*) tooltip="[^"]*"', r"\1"), "`wide/conv_1` tells ``"),
    (put('"cluster add_1 1 narrow"', '"cluster nothing"'), "`cluster nothing` stands for nothing"),
]


@pytest.mark.parametrize(("change", "told"), WRONG_TEXTS, ids=[told for _, told in WRONG_TEXTS])
def test_what_is_drawn_wrong_is_found(any_engine: str, change: Callable[[str], str], told: str) -> None:
    graph = LAYER.graph()
    dot = to_dot(graph)
    right, wrong = drawn([dot, change(dot)])
    hold({"right": View(right, graph, LAYER.options)}, on_one_axis)
    assert found_in(View(wrong, graph, LAYER.options), told)


def found_in(view: View, told: str) -> bool:
    """Whether any check tells this; `…` stands for anything."""
    pattern = ".*".join(map(re.escape, told.split("…")))
    return any(re.search(pattern, fault, re.DOTALL) for check in (*CHECKS, on_one_axis) for fault in check(view))


WRONG_PLACES = [
    ("wide/conv_2", 3, 0, "add_1: the column `wide` is crooked by 3.0"),
    ("add_1", 3, 0, "the axis is crooked by 3"),
    ("(output)", -2, 0, "the axis is crooked by 2"),
    ("wide/conv_2", 0, 40, "`wide/conv_2` and `wide/conv_3` overlap"),
    ("wide/conv_3", 0, 20, "`wide/conv_3` is not in `cluster add_1 0 wide`"),
    ("wide/conv_3", 0, 20, "`wide/conv_3` crosses the border of `cluster add_1 0 wide`"),
    ("shortcut/conv_1", -140, 0, "`shortcut/conv_1` does not belong into `cluster add_1 1 narrow`"),
    ("cluster add_1 1 narrow", -60, 0, "`cluster add_1 0 wide` and `cluster add_1 1 narrow` overlap"),
    ("wide/conv_1->wide/conv_2", 0, 75, "`wide/conv_1->wide/conv_2` runs through `wide/conv_3`"),
    ("wide/conv_1->wide/conv_2", 0, -20, "16×16×32` at `wide/conv_1->wide/conv_2` is on `wide/conv_1`"),
    ("wide/conv_1->wide/conv_2", 300, 0, "`wide/conv_1->wide/conv_2` leaves `cluster add_1 0 wide`"),
]


@pytest.mark.parametrize(("name", "x", "y", "told"), WRONG_PLACES, ids=[told for *_, told in WRONG_PLACES])
def test_what_stands_wrong_is_found(any_engine: str, name: str, x: float, y: float, told: str) -> None:
    graph = LAYER.graph()
    (picture,) = drawn([to_dot(graph)])
    assert not found_in(View(picture, graph, LAYER.options), told)
    picture.move(name, x, y)
    assert found_in(View(picture, graph, LAYER.options), told)
