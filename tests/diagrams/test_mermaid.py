"""Diagrams as Mermaid: golden texts, the same nodes and edges as DOT's, and no name that breaks out of its quotes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html import unescape

import pytest
from dot_edges import EDGE, NODE, WIRED, contracted, joined
from dot_layout import LANES, NOTEBOOK, ROOT
from random_wiring import Wiring
from reading import quickly

from archdsl import ArchError
from archdsl.diagrams import Options, to_dot, views
from archdsl.diagrams.mermaid import to_mermaid
from archdsl.diagrams.mermaid_writer import escaped, plain
from archdsl.graph import Graph, StepName, Tensor, TensorRef
from archdsl.parsing import parse
from archdsl.resolution import resolve

LABEL = r'(?:<b>|</b>|<br/>|#\w+;|[^"<>&#;`%\\{}@$~|\n])+'
BOX = re.compile(rf'^ +(n\d+)(\[|\(\[|\(\()"({LABEL})"(?:\]|\]\)|\)\)):::(\w+)$', re.MULTILINE)
LINK = re.compile(rf'^  (n\d+) (-->|-\.->)(?:\|"({LABEL})"\|)? (n\d+)$', re.MULTILINE)
GROUP = re.compile(rf'^ +subgraph g\d+\["({LABEL})"\]$', re.MULTILINE)
OTHERS = re.compile(
    r" +end|%%\{init: \{[\w\"{}:, ]+\}\}%%|flowchart (?:TB|LR)|  acc(?:Title|Descr): [\w ,=×→…/.]+"
    r"|  classDef \w+ fill:#\w+,stroke:#\w+[\w,:# -]*|  class g\d+(?:,g\d+)* \w+|  linkStyle \d+(?:,\d+)* stroke:#\w+.*"
)


@pytest.fixture(scope="module")
def graphs() -> dict[str, Graph]:
    texts = (NOTEBOOK.read_text(), LANES, WIRED)
    return {name: view for text in texts for name, view in views(resolve(parse(text, "x.yaml"))).items()}


def read(label: str) -> list[str]:
    """The lines of a label, as Mermaid shows them."""
    return [shown(re.sub("</?b>", "", line)) for line in label.split("<br/>")]


def shown(text: str) -> str:
    return unescape(re.sub(r"#(\d+);", r"&#\1;", re.sub(r"#([a-z]+);", r"&\1;", text)))


def hold_lines(text: str) -> None:
    """Raises where a line is none that `to_mermaid` writes."""
    for line in text.splitlines():
        assert any(kind.fullmatch(line) for kind in (BOX, LINK, GROUP, OTHERS)), line


def hold_same(graph: Graph, depth: int, detail: str = "compact") -> str:
    """Raises where a diagram has other nodes or edges than DOT's, whose completeness has a test of its own.

    Mermaid has a line for each tensor, and DOT one for all that the next layer takes in order.
    """
    text, dot = (draw(graph, Options(depth=depth, detail=detail)) for draw in (to_mermaid, to_dot))
    hold_lines(text)
    boxes = BOX.findall(text)
    assert [name for name, *_ in boxes] == [f"n{number}" for number in range(1, len(boxes) + 1)]
    # A lane's box without steps, and the mark of an input inside a layer, stand for no node.
    real = [name for name, _, label, look in boxes if look != "identityBox" and "<b>" in label]
    names = [name for name in NODE.findall(dot) if " " not in name or name.startswith("(")]
    assert len(real) == len(names)
    called = {name: f"mark {name}" for name, *_ in boxes} | dict(zip(real, names, strict=True))
    edges = "\n".join(f'"{called[a]}" -> "{called[b]}"' for a, _, _, b in LINK.findall(text))
    assert len(EDGE.findall(edges)) == len(LINK.findall(text)) >= len(names) - 1
    assert contracted(edges, set(names)) == contracted(dot, set(names)) + joined(dot)
    hold_dots(text)
    return text


def hold_dots(text: str) -> None:
    """Raises where a link has the colour of shortcuts that is none, or the other way round."""
    dotted = [number for number, link in enumerate(LINK.findall(text)) if link[1] == "-.->"]
    assert re.findall(r"linkStyle (\S+) ", text) == ([",".join(map(str, dotted))] if dotted else [])


@pytest.mark.parametrize("name", ["FunnyResNet", "ResidualBlock", "ResidualLayerScal", "ResidualLayer"])
def test_the_article_s_figures(graphs: dict[str, Graph], golden: Callable[[str, str], None], name: str) -> None:
    golden(f"mermaid/{name}.mmd", hold_same(graphs[name], 1))


@pytest.mark.parametrize("name", ["Uneven", "Nested", "Equal", "Wired", "Fuse", "Tapped", "Far", "Level"])
def test_other_wiring(graphs: dict[str, Graph], golden: Callable[[str, str], None], name: str) -> None:
    golden(f"mermaid/{name}.mmd", hold_same(graphs[name], 1))


def test_inside_layers(graphs: dict[str, Graph], golden: Callable[[str, str], None]) -> None:
    golden("mermaid/Wired-3.mmd", hold_same(graphs["Wired"], 3))


def test_dark_wide_and_full_with_costs(graphs: dict[str, Graph], golden: Callable[[str, str], None]) -> None:
    options = Options(theme="dark", depth=2, direction="LR", detail="full", costs=True)
    golden("mermaid/ResidualBlock-2-dark-LR-full-costs.mmd", to_mermaid(graphs["ResidualBlock"], options))


def test_in_full_each_op_has_a_line(graphs: dict[str, Graph]) -> None:
    labels = [read(label) for _, _, label, _ in BOX.findall(hold_same(graphs["Nested"], 1, "full"))]
    assert ["Zero pad 1", "Conv 3×3, 8", "Batch norm", "ReLU"] in labels
    for name in ("ResidualLayerScal", "Uneven"):
        told = Counter(
            line for _, _, label, _ in BOX.findall(hold_same(graphs[name], 1, "full")) for line in read(label)
        )
        ops = Counter(node.op.label() for node in graphs[name].nodes if node.op and node.role != "merge")
        assert ops.total() >= 11
        assert {line: told[line] for line in ops} == ops


def test_every_title_is_in_dot_too(graphs: dict[str, Graph]) -> None:
    for graph in graphs.values():
        dot = re.sub(r"<[^>]*>", "", unescape(to_dot(graph, Options(depth=2))))
        titles = [read(title)[0] for title in re.findall(r"<b>(.*?)</b>", to_mermaid(graph, Options(depth=2)))]
        assert len(titles) >= 3
        assert [title for title in titles if title not in dot] == []


def test_it_says_what_it_is_to_those_who_cannot_see_it(graphs: dict[str, Graph]) -> None:
    text = to_mermaid(graphs["Wired"])
    assert "\n  accTitle: Wired\n" in text
    assert re.search(
        r"\n  accDescr: image 32×32×3, facts 12 in, label 5, age 1 out, \d+ ops, [\d,]+ parameters\n", text
    )
    assert ", kernel=3, filters=128, out=256, depth=5\n" in to_mermaid(graphs["ResidualBlock"])


def drawn(model: str, layer: str, depth: int) -> str:
    text = f"archdsl: 1\nname: Net\ninput: [8, 8, 4]\nlayers: {{{layer}}}\nmodel: {model}"
    return hold_same(resolve(parse(text, "net.yaml")), depth)


def test_a_layer_without_steps_shows_its_input() -> None:
    text = drawn("[relu, Same, gelu]", "Same: {args: {on: false}, steps: [{relu: {}, when: $on}]}", 2)
    assert re.search(r'subgraph g1\["<b>Same</b>.*"\]\n    n3\(\["input"\]\):::endBox\n  end', text)


def test_a_shortcut_is_dotted_from_end_to_end() -> None:
    inside = "Two: {steps: [relu, gelu]}"
    text = drawn("[{paths: [[swish]], shortcut: [relu, gelu, Two, swish], merge: add}]", inside, 2)
    group = text[text.index('"shortcut') :]
    steps = re.findall(r"n\d+", group[: group.index("\n  end")])
    assert len(steps) == 5
    solid = {(a, b) for a, arrow, _, b in LINK.findall(text) if arrow == "-->" and {a, b} & {*steps}}
    assert solid == {(steps[2], steps[3])}, "only the line inside the layer is its own"


def test_a_layer_of_several_sizes_tells_none_of_them_inside() -> None:
    layer = "Grow: {paths: {new: [{conv: {filters: 4, kernel: 3, padding: same}}]}, shortcut: identity, merge: concat}"
    text = drawn("[{max_pool: {size: 2}}, {Grow: {}, repeat: 3}, relu]", layer, 2)
    assert "<b>Grow</b> ×3 · 4×4×8 … 4×4×16" in text
    assert [label for _, _, label, _ in LINK.findall(text) if label] == ["4×4×4", "4×4×16"]


def test_colours_are_those_of_the_theme(graphs: dict[str, Graph]) -> None:
    for name in ("ResidualLayer", "FunnyResNet"):
        light, dark = (to_mermaid(graphs[name], Options(theme=theme)) for theme in ("light", "dark"))
        shades = [set(re.findall(r"#[0-9A-F]{6}\b", text)) for text in (light, dark)]
        assert min(map(len, shades)) >= 9
        assert shades[0] & shades[1] == set()
        fills = re.findall(r"classDef \w+ fill:(#[0-9A-F]{6})\b", light)
        assert [fill for fill in fills if fill not in to_dot(graphs[name])] == []
        used = set(re.findall(r":::(\w+)", light)) | set(re.findall(r"class g\S+ (\w+)", light))
        assert used == set(re.findall(r"classDef (\w+)", light))


TEXTS = [
    'a"]; n9 --> n1',
    "a<b>&lt;#lt;&amp;#35;",
    "<script>x</script><img src=x onerror=y>",
    "`**a** _b_ *c* ~~d~~ [e](f)`",
    "%%{init: {}}%% %% x",
    "click n1 href www.a.b",
    "direction TB",
    "Direction\tLR",
    "a\n  end\nb\r\nstyle n1 fill:#fff;",
    "fa:fa-car $$x^2$$",
    "- a",
    "1. a",
    "+ # > = - |",
    "ﬂ°lt¶ß ﬂ°°60¶ß",
    "  __a__   b_c  _d ",
    "e@{ shape: x } \\ \x07 é 中 😀",
    "0.25, 1.5e-3, .5 5.",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_stays_what_it_is(text: str) -> None:
    label = escaped(text)
    assert re.fullmatch(LABEL, label)
    assert not re.search(r"[ﬂß]|\\|\*|//|direction\s|[A-Za-z]:|(?<!\w)_|_(?!\w)", label)
    assert not re.search(r"\$\$|fa[a-z]?:fa-|ﬂ°|¶ß", unescape(label.replace("#", "&#")) + shown(label))
    assert shown(label).replace("\u200c", "") == " ".join(text.replace("\x07", " ").split())
    assert re.fullmatch(r"[\w ,=×→…/.é中]+", plain(text))


def test_a_title_of_nothing_that_can_be_told_is_a_word() -> None:
    assert plain("%% <;>") == "Diagram"
    assert plain("Net") == "Net"


def hostile(graph: Graph, text: str) -> Graph:
    """A body with a lane, steps, a layer, arguments and ends that are called so."""
    lane = text.replace("/", "")

    def called(name: str) -> str:
        return name.replace("wide", lane)

    layer = replace(graph.nodes[0], kind=text, op=None, body=graph, arguments={text: text}, fields={text: graph.span})
    nodes = [
        replace(
            layer if number == 0 else node,
            name=called(node.name),
            step=StepName(node.step.base, node.step.number, tuple(map(called, node.path))),
            inputs=tuple(TensorRef(text if ref == "input" else called(ref)) for ref in node.inputs),
            parts=tuple(map(called, node.parts)),
        )
        for number, node in enumerate(graph.nodes)
    ]
    given = {text: Tensor(TensorRef(nodes[-1].name), graph.shape)}
    inputs = {text: graph.input}
    return replace(graph, name=text, nodes=tuple(nodes), arguments={text: text}, inputs=inputs, outputs=given)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("depth", [1, 2])
def test_hostile_names_stay_text(graphs: dict[str, Graph], text: str, depth: int) -> None:
    name = text.replace(".", "")  # the part after a dot is an output's name
    usual, found = (to_mermaid(hostile(graphs["ResidualLayer"], word), Options(depth=depth)) for word in ("a", name))
    hold_lines(found)
    assert len(found.splitlines()) == len(usual.splitlines())
    for kind in (BOX, LINK, GROUP):
        assert len(kind.findall(found)) == len(kind.findall(usual)) >= 1
    assert [(a, arrow, b) for a, arrow, _, b in LINK.findall(found)] == [
        (a, arrow, b) for a, arrow, _, b in LINK.findall(usual)
    ]
    titles = [read(label)[0].replace("\u200c", "") for *_, label, _ in BOX.findall(found)]
    clean = " ".join(name.replace("\x07", " ").split())
    assert titles[0] == f"Input {clean}"
    assert titles[-1] == f"Output {clean}"
    if depth == 1:
        assert clean in titles


def renamed(graph: Graph, old: str, new: str) -> Graph:
    """A body, and all that is inside it, where a name is another."""

    def called(name: str) -> str:
        return re.sub(rf"(?<![a-z]){old}(?![a-z])", lambda _: new, name)

    def ref(old: TensorRef) -> TensorRef:
        return TensorRef(called(old.node), called(old.output))

    nodes = [
        replace(
            node,
            name=called(node.name),
            inputs=tuple(map(ref, node.inputs)),
            outputs={called(name): shape for name, shape in node.outputs.items()},
            body=node.body and renamed(node.body, old, new),
        )
        for node in graph.nodes
    ]
    inputs = {called(name): shape for name, shape in graph.inputs.items()}
    outputs = {called(name): Tensor(ref(end.ref), end.shape) for name, end in graph.outputs.items()}
    return replace(graph, nodes=tuple(nodes), inputs=inputs, outputs=outputs)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("depth", [1, 3])
def test_hostile_outputs_and_inputs_of_layers_stay_text(graphs: dict[str, Graph], text: str, depth: int) -> None:
    name = re.sub(r"[./]", "", text)
    usual = to_mermaid(graphs["Wired"], Options(depth=depth))
    found = to_mermaid(renamed(graphs["Wired"], "high", name), Options(depth=depth))
    hold_lines(found)
    assert len(found.splitlines()) == len(usual.splitlines())
    clean = " ".join(name.replace("\x07", " ").split())
    labels = [label for *_, label, _ in (*BOX.findall(found), *LINK.findall(found))]
    told = [line.replace("\u200c", "") for label in labels for line in read(label)]
    assert told.count(clean) == (1 if depth == 1 else 2)
    assert (f"→ {clean} 32×32×8" in told) == (depth == 1)


def test_the_text_is_the_same_in_every_process() -> None:
    code = (
        "import sys; from archdsl.parsing import parse; from archdsl.resolution import resolve\n"
        "from archdsl.diagrams import Options, views\n"
        "from archdsl.diagrams.mermaid import to_mermaid\n"
        "graph = resolve(parse(open(sys.argv[1]).read(), 'x'))\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'matplotlib', 'pygraphviz', 'graphviz'}\n"
        "print(*(to_mermaid(view, Options(depth=2)) for view in views(graph).values()), heavy & set(sys.modules))"
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
    assert len(texts[0].splitlines()) >= 100
    assert texts[0].endswith(b"set()\n"), "drawing imports something heavy"


def hold_views(seed: int) -> bool:
    """Holds every view of a random spec at three depths; whether it resolves at all."""
    try:
        with quickly():
            graph = resolve(parse(Wiring(seed).spec(), "net.json"))
    except ArchError:
        return False
    for view in views(graph).values():
        for depth in (1, 2, 3):
            hold_same(view, depth, "full" if seed % 2 else "compact")
    return True


def test_random_wiring() -> None:
    assert sum(map(hold_views, range(50))) >= 45


@pytest.mark.slow
def test_more_random_wiring() -> None:
    assert sum(map(hold_views, range(50, 400))) >= 315
