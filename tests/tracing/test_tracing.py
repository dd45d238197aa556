"""Origins of values: every field of every network in the zoo leads back to the file, and evaluates to its value."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from random_specs import several

from archdsl import ArchError, expr, loads, resolve, source, zoo
from archdsl.diff.steps import ComparedStep, plain_value, steps_of
from archdsl.graph import Graph
from archdsl.ops.base import show
from archdsl.ops.field_types import whole
from archdsl.parsing.validation import plain as plain_node
from archdsl.spec import Spec
from archdsl.tracing import Origin, Target, Tracing, trace
from archdsl.tracing.targets import fields_of
from archdsl.tracing.text import to_data, to_text

ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob("specs/*.yaml"), *ROOT.glob("examples/*.yaml")])
LEAVES = {"written", "setting", "default", "shape", "shortcut", "loop"}

NET = """\
archdsl: 1
name: Net
input: [16, 16, 3]
args: {width: 8, depths: [1, 2]}
variants:
  wide: {args: {width: 16}}
defaults:
  conv: {padding: same, norm: batch}
  batch_norm: {momentum: 0.9}
layers:
  Block:
    args: {filters: int, stride: 1, kernel: 3}
    paths:
      main:
        - conv: {filters: $filters // 2, kernel: $kernel, stride: $stride, activation: relu}
        - conv: {filters: $filters, kernel: 1}
        - relu: {slope: 0.1}
    shortcut: projection
    merge: add
  Wide:
    like: Block
    with: {kernel: 5}
model:
  - conv: {filters: $width, kernel: [1, 3], padding: 1}
  - Block: {filters: $width * ($i + 1), stride: $s}
    for: {i: 2, s: [1, 2], n: $depths}
    repeat: $n
  - Wide: {filters: $channels}
  - dense: {units: "max($width, 10)"}
"""
PATHS = [
    "Block_2/main/conv_1.filters",
    "Block_2/main/conv_1.stride",
    "Block_2/main/conv_1.momentum",
    "Block_2/main/conv_1_norm.momentum",
    "Block_2/main/conv_1.padding",
    "Block_2/main/conv_1.activation",
    "Block_2/main/conv_1/kernel",
    "Block_2/main/conv_1.shape",
    "Block_2/main/conv_1",
    "Block_2/main/relu_1",
    "Block_2/shortcut/conv_1",
    "Block_2.shape",
    "Block_2.kernel",
    "Block_2",
    "Wide_1/main/conv_1.kernel",
    "Wide_1/main/conv_1.filters",
    "Wide_1/add_1.shape",
    "conv_1.padding",
    "dense_1.units",
    "conv_1.norm",
    "conv_1/bias",
]
WRONG = [
    "Block_2/main/conv_9.filters",
    "Blokc_2/main/conv_1.filters",
    "Block_2/mian/conv_1.filters",
    "Block_2/main/conv_1.filter",
    "Block_2/main/conv_1/kernels",
    "Block_2/main/relu_1/kernel",
    "nothing.at.all",
    "dense_1.",
    "",
]


MANY = 60
"""The number of nodes to check in each body: in 32 equal paths, the others are the same."""


def why(path: str, spec: Spec) -> str:
    try:
        return f"$ {path}\n{to_text(trace(spec, path))}"
    except ArchError as error:
        return f"$ {path}\n{error}\n"


@pytest.mark.parametrize(
    ("name", "variant", "paths"), [("right", "", PATHS), ("wrong", "", WRONG), ("variant", "wide", PATHS[:1])]
)
def test_the_texts(name: str, variant: str, paths: list[str], golden: Callable[[str, str], None]) -> None:
    spec = loads(NET, "net.yaml", variant)
    golden(f"{name}.txt", "\n".join(why(path, spec) for path in paths))


def test_a_setting_ends_the_way() -> None:
    found = trace(loads(NET), "Block_1/main/conv_1.filters", {"width": 4})
    assert [(end.name, end.kind, end.value) for end in found.origins[0].ends()] == [
        ("$width", "setting", 4),
        ("$i", "loop", 0),
    ]


def test_a_chosen_merge_leads_back_to_its_word() -> None:
    layers = "{A: {args: {how: add}, paths: {a: [relu], b: [gelu]}, merge: $how}}"
    text = f"archdsl: 1\nname: Net\ninput: [8, 8, 3]\nlayers: {layers}\nmodel: [A, A: {{how: concat}}]\n"
    spec = loads(text)
    (end,) = trace(spec, "A_2/merge_1.merge").origins[0].ends()
    assert (end.name, end.value, end.description) == ("$how", "concat", "argument of A, passed by A_2")
    assert hold_all(spec) > 5


def test_a_recursion_is_followed_to_its_start() -> None:
    found = trace(zoo.load("unet"), "Level_1/below/Level_1/below/Level_1/conv_1.filters")
    (end,) = found.origins[0].ends()
    assert (found.origins[0].value, end.name, end.value, end.kind) == (256, "$filters", 64, "written")


def targets(
    graph: Graph, nodes: tuple[Any, ...] = (), bodies: tuple[Graph, ...] = (), known: set[int] | None = None
) -> Iterator[Target]:
    """The nodes, once for equal uses of a layer; in a body with many, those of its first paths."""
    known = set() if known is None else known
    if id(graph) in known:
        return
    known.add(id(graph))
    for node in graph.nodes[:MANY]:
        target = Target((*nodes, node), (*bodies, graph))
        yield target
        if node.body is not None:
            yield from targets(node.body, target.nodes, target.bodies, known)


def written_at(origin: Origin) -> Any:
    """The text of the file at the place of an origin; empty if it spans several lines."""
    assert origin.span is not None
    text = origin.span.text[origin.span.column - 1 :][: origin.span.width]
    if text[0] in "[{" and text[-1] not in "]}":
        return None
    return plain_node(source.read(text, "there"))


def hold_true(origin: Origin) -> int:
    """Check an origin and its causes: literals are the value, and expressions evaluate to it."""
    if not origin.causes:
        is_constant = origin.kind == "expression" and re.search(r"\$\w", origin.text) is None
        assert origin.kind in LEAVES or is_constant, origin
    steps = sum(hold_true(cause) for cause in origin.causes)
    scope = {cause.name.removeprefix("$"): cause.value for cause in origin.causes}
    if origin.kind == "written" and origin.span is not None and "applied by" not in origin.description:
        found = written_at(origin)
        if found is None:
            return steps + 1
        word = next(iter(found)) if isinstance(found, dict) and origin.name in ("norm", "activation") else found
        if isinstance(origin.value, dict) and isinstance(word, dict):
            word = {name: word[name] for name in origin.value}  # further arguments of an op, such as sizes of axes
        pair = plain_value(tuple(word)) if isinstance(word, list) else word
        assert whole(origin.value) in (whole(plain_value(word)), pair), origin
    if origin.kind in ("expression", "loop") and origin.causes and origin.text[0] not in "[{":
        value = expr.parse(origin.text).evaluate(scope)
        if "over" in origin.description:
            number = int(re.findall(r"iteration (\d+)", origin.description)[0]) - 1
            value = value[number] if isinstance(value, list) else number
        assert whole(value) == whole(origin.value), origin
    return steps + 1


def hold_all(spec: Spec, **arguments: Any) -> int:
    """Check every field and shape of every node, and return the number of origins checked."""
    tracing = Tracing(spec, arguments)
    assert list(tracing.graph.weights()) == list(resolve(spec, **arguments).weights())
    steps = 0
    known: dict[int, dict[str, ComparedStep]] = {}
    for target in targets(tracing.graph):
        if id(target.body) not in known:
            known[id(target.body)] = {node.name: step for step in steps_of(target.body) for node in step.nodes}
        words = known[id(target.body)][target.node.name].settings
        for name in fields_of(target.node):
            origin = tracing.origins.field(target, name)
            node = target.node
            mains = (
                node.kind
                if name == node.role
                else words.get(name)
                if node.role not in ("pad", "norm", "activation")
                else plain_value(getattr(node.op, name))
            )
            assert origin.value == mains, (target.path(), name)
            steps += hold_true(origin)
        found = tracing.trace(f"{target.path()}.shape")
        if "shape" not in fields_of(target.node):
            assert found.origins[0].value == show(target.node.shape)
        for weight, tensor in target.node.weights.items():
            found = tracing.trace(f"{target.path()}/{weight}")
            assert found.origins[0].value == show(tensor.shape)
        whole_node = tracing.trace(target.path())
        json.dumps(to_data(whole_node))
        assert to_text(whole_node).startswith(f"{target.path()}: ")
    return steps


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_field_leads_back_to_the_file(path: Path) -> None:
    assert hold_all(zoo.load(path).every()[0]) > 50 or path.stem == "multiply_layer"  # merges have no fields


def test_fields_of_variants_lead_back_to_the_file() -> None:
    for name in ("resnet", "unet", "resnet_cifar"):
        assert hold_all(zoo.load(name).every()[-1]) > 50


def hold_random(first: int, many: int) -> None:
    held = 0
    for text in several(first, many):
        try:
            spec = loads(text)
            resolve(spec)
        except ArchError:
            continue
        hold_all(spec)
        held += 1
    assert held > many // 3


def test_random_specs() -> None:
    hold_random(0, 20)


@pytest.mark.slow
def test_many_random_specs() -> None:
    hold_random(2000, 400)


def test_a_trace_is_the_same_network() -> None:
    spec = zoo.load("efficientnet")
    assert Tracing(spec, {}).graph.totals == resolve(spec).totals


def test_data_is_plain(golden: Callable[[str, str], None]) -> None:
    data = to_data(trace(loads(NET, "net.yaml"), "Block_2/main/conv_1.filters"))
    golden("filters.json", json.dumps(data, indent=1) + "\n")
