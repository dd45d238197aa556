"""Costs of networks: by hand, from publications, and against slow reference implementations."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
import random_bodies
from documents import ROOT, blocks, named, printed_by, whole
from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl import ArchError, loads, resolve, zoo
from archdsl.analysis.measures import PRECISIONS, Counts, Field, fvcore, layers, measure, receptive_fields
from archdsl.graph import Graph
from archdsl.ops import Op


def network(model: Any, shape: Any = (8, 8, 3), **more: Any) -> Graph:
    """The graph of a model's steps, in a file with `more` keys."""
    ends = more if "inputs" in more else {"input": list(shape), **more}
    return resolve(loads(json.dumps({"archdsl": 1, "name": "Net", **ends, "model": model}), "net.yaml"))


def spec(name: str, variant: str = "") -> Graph:
    return resolve(zoo.load(name, variant))


CONV = {"conv": {"filters": 4, "kernel": 3, "padding": "same"}}


class TestCounts:
    def test_a_small_network_by_hand(self) -> None:
        steps = [
            {"conv": {"filters": 4, "kernel": 3, "padding": "same", "norm": "batch", "activation": "relu"}},
            {"max_pool": {"size": 2}},
            {"depthwise_conv": {"kernel": 3, "padding": "same"}},
            "global_average_pool",
            {"dense": {"units": 5}},
        ]
        found = measure(network(steps), batch=2)
        macs = 64 * 27 * 4 + 16 * 9 * 4 + 4 * 5
        assert found.totals.macs == macs
        assert found.activations == 64 * 4 + 16 * 4 + 5
        assert found.fvcore == Counts(macs + 2 * 256 + 64, 64 * 4 + 16 * 4 + 5)
        assert found.weight_bytes == 4 * (27 * 4 + 4 + 16 + 9 * 4 + 4 + 20 + 5)
        # The convolution's output, and the batch norm's; of the three the third has the first's place.
        assert found.peak_bytes == 2 * 4 * (256 + 256)
        assert (found.last_map, found.field) == ("depthwise_conv_1", Field((8, 8), (2, 2)))

    @pytest.mark.parametrize(
        ("op", "fields", "shape", "activations", "macs", "counted"),
        [
            ("layer_norm", {}, (5, 6), 0, 5 * 30, 0),
            ("layer_norm", {"scale": False}, (5, 6), 0, 4 * 30, 0),
            ("group_norm", {"groups": 2}, (4, 4, 6), 0, 5 * 96, 0),
            ("instance_norm", {}, (4, 4, 6), 0, 5 * 96, 0),
            ("batch_norm", {}, (4, 4, 6), 0, 2 * 96, 0),
            ("batch_norm", {"scale": False}, (4, 4, 6), 0, 2 * 96, 0),
            ("batch_norm", {"scale": False, "center": False}, (4, 4, 6), 0, 96, 0),
            ("rms_norm", {}, (5, 6), 0, 0, 0),
            ("global_average_pool", {}, (4, 4, 6), 0, 96, 0),
            ("adaptive_average_pool", {"size": 2}, (4, 4, 6), 0, 96, 0),
            ("global_max_pool", {}, (4, 4, 6), 0, 0, 0),
            ("average_pool", {}, (4, 4, 6), 0, 0, 0),
            ("upsample", {}, (4, 4, 6), 0, 4 * 96, 0),
            ("upsample", {"interpolation": "bilinear"}, (4, 4, 6), 0, 16 * 96, 0),
            ("upsample", {"interpolation": "bicubic"}, (4, 4, 6), 0, 0, 0),
            ("resize", {"height": 2, "width": 3}, (4, 4, 6), 0, 4 * 36, 0),
            ("gelu", {}, (4, 4, 6), 0, 0, 0),
            ("layer_scale", {}, (4, 4, 6), 0, 0, 0),
            ("dense", {"units": 5}, (2, 7), 10, 70, 10),
            ("separable_conv", {"filters": 8, "kernel": 3}, (5, 5, 4), 9 * 12, 9 * (36 + 32), 9 * 12),
            ("conv_transpose", {"filters": 8, "kernel": 2, "stride": 2}, (5, 5, 4), 800, 25 * 128, 800),
            (
                "attention",
                {"heads": 2, "key": 3},
                (5, 6),
                5 * (3 * 6) + 30,
                5 * 4 * 36 + 2 * 5 * 5 * 6,
                5 * (3 * 6) + 30 + 2 * 5 * 5 + 5 * 6,
            ),
        ],
    )
    def test_both_conventions_op_by_op(
        self, op: str, fields: Any, shape: Any, activations: int, macs: int, counted: int
    ) -> None:
        found = layers(network([{op: fields}], shape))[f"{op}_1"]
        assert found.activations == activations
        assert found.fvcore == Counts(macs, counted)

    @pytest.mark.parametrize(
        ("name", "variant", "gmacs", "activations"),
        [
            ("resnet", "resnet18", 1.82, 2.48),
            ("resnet", "", 4.11, 11.11),
            ("resnet", "resnet152", 11.56, 22.56),
            ("densenet", "densenet121", 2.87, 6.9),
            ("densenet", "densenet201", 4.34, 7.85),
            ("convnext", "", 4.47, 13.44),
        ],
    )
    def test_published_by_timm(self, name: str, variant: str, gmacs: float, activations: float) -> None:
        found = fvcore(spec(name, variant))
        assert (round(found.macs / 1e9, 2), round(found.activations / 1e6, 2)) == (gmacs, activations)

    def test_a_network_is_the_sum_of_what_is_in_it(self) -> None:
        graph = spec("unet")
        leaves = [layer for layer in layers(graph).values() if layer.node.body is None]
        assert len(leaves) > 20
        found = measure(graph)
        assert found.activations == sum(leaf.activations for leaf in leaves)
        assert found.fvcore.macs == sum(leaf.fvcore.macs for leaf in leaves)
        assert found.totals.macs == sum(leaf.totals.macs for leaf in leaves)
        assert found.peak_bytes == max(leaf.peak_bytes for leaf in leaves)


class TestFields:
    @pytest.mark.parametrize(
        ("name", "variant", "size"),
        [
            ("resnet50", "", 483),
            ("resnet50", "resnet101_v1", 1027),
            ("resnet50", "resnet152_v1", 1507),
            ("vgg", "", 212),
        ],
    )
    def test_published_by_araujo_et_al_2019(self, name: str, variant: str, size: int) -> None:
        assert measure(spec(name, variant)).field == Field((size, size), (32, 32))

    @pytest.mark.parametrize(
        ("steps", "shape", "expected"),
        [
            ([{"conv": {"filters": 1, "kernel": [1, 3], "stride": [2, 1]}}], (8, 8, 3), Field((1, 3), (2, 1))),
            ([{"conv": {"filters": 1, "kernel": 3, "dilation": 2}}], (8, 8, 3), Field((5, 5), (1, 1))),
            ([{"upsample": {}}], (8, 8, 3), Field((1, 1), (0.5, 0.5))),
            ([{"upsample": {}}, CONV], (8, 8, 3), Field((2, 2), (0.5, 0.5))),
            ([{"conv_transpose": {"filters": 1, "kernel": 4, "stride": 2}}], (8, 8, 3), Field((2, 2), (0.5, 0.5))),
            ([{"space_to_depth": {"block": 2}}, {"depth_to_space": {"block": 2}}], (8, 8, 4), Field((2, 2), (1, 1))),
            ([{"adaptive_average_pool": {"size": 2}}], (8, 8, 3), Field((4, 4), (4, 4))),
            (["flatten"], (8, 8, 3), Field(None, None)),
            (["global_average_pool"], (8, 8, 3), Field(None, None)),
            (["global_average_pool", {"dense": {"units": 3}}], (8, 8, 3), Field(None, None)),
            ([{"layer_norm": {}}], (8, 8, 3), Field((1, 1), (1, 1))),
            ([{"layer_norm": {"axis": [1, 2, 3]}}], (8, 8, 3), Field(None, None)),
            ([{"group_norm": {"groups": 1}}], (8, 8, 3), Field(None, None)),
            ([{"attention": {"heads": 1, "key": 2}}], (8, 8, 3), Field(None, None)),
            ([CONV, {"reshape": {"shape": [-1, 4]}}], (8, 8, 3), Field((3, 3), None)),
            ([CONV, {"reshape": {"shape": [-1, 4]}}, {"dense": {"units": 2}}], (8, 8, 3), Field((3, 3), None)),
            ([CONV, {"reshape": {"shape": [-1, 8]}}], (8, 8, 3), Field(None, None)),
            ([{"reshape": {"shape": [-1, 3]}}, {"reshape": {"shape": [8, 8, 3]}}, CONV], (8, 8, 3), Field(None, None)),
            ([{"dense": {"units": 2}}], (7,), Field((0, 0), None)),
        ],
    )  # fmt: skip
    def test_by_hand(self, steps: Any, shape: Any, expected: Field) -> None:
        graph = network(steps, shape)
        assert receptive_fields(graph)[graph.output] == expected

    def test_a_gate_sees_the_whole_input_and_a_separate_vector_none(self) -> None:
        gate = [CONV, {"paths": {"gate": ["global_average_pool", {"dense": {"units": 4}}]},
                       "shortcut": "identity", "merge": "multiply"}]  # fmt: skip
        assert receptive_fields(network(gate))["multiply_1"] == Field(None, None)
        beside: Any = [{**CONV, "from": "image"}, {"dense": {"units": 4}, "from": "facts", "name": "known"},
                       {"multiply": {}, "from": ["conv_1", "known"]}]  # fmt: skip
        beside[0]["name"] = "seen"
        beside[2]["from"] = ["seen", "known"]
        found = receptive_fields(network(beside, inputs={"image": [8, 8, 3], "facts": [5]}))
        assert (found["known"], found["multiply_1"]) == (Field((0, 0), None), Field((3, 3), (1, 1)))

    @pytest.mark.parametrize(
        ("gate", "field"),
        [
            ({"conv": {"filters": 1, "kernel": 3, "padding": "same"}}, Field((3, 3), (1, 1))),
            ({"max_pool": {"size": [1, 8], "stride": 1}}, Field(None, None)),
        ],
    )
    def test_a_gate_of_positions_sees_what_its_window_sees(self, gate: Any, field: Field) -> None:
        steps = [{"paths": {"gate": [gate]}, "shortcut": "identity", "merge": "multiply"}]
        assert receptive_fields(network(steps))["multiply_1"] == field

    def test_branches_see_together(self) -> None:
        right = {"conv": {"filters": 1, "kernel": 3, "padding": [[0, 2], [0, 2]]}}
        left = {"conv": {"filters": 1, "kernel": 3, "padding": [[2, 0], [2, 0]]}}
        graph = network([{"paths": {"right": [right], "left": [left]}, "merge": "add"}])
        found = receptive_fields(graph)
        assert {found["right/conv_1"], found["left/conv_1"]} == {Field((3, 3), (1, 1))}
        assert found["add_1"] == Field((5, 5), (1, 1))

    def test_paths_are_those_of_the_walk_down_to_a_depth(self) -> None:
        graph = spec("unet")
        assert list(receptive_fields(graph)) == [path for path, _ in graph.walk()]
        assert list(layers(graph, depth=2)) == [path for path, _ in graph.walk() if _levels(path, graph) <= 2]
        assert list(receptive_fields(graph, 1)) == [node.name for node in graph.nodes]


def _levels(path: str, graph: Graph) -> int:
    """The number of bodies around a node."""
    for node in graph.nodes:
        if path == node.name:
            return 1
        if node.body is not None and path.startswith(f"{node.name}/"):
            return 1 + _levels(path.removeprefix(f"{node.name}/"), node.body)
    raise KeyError(path)


class TestMemory:
    def test_peak_memory(self) -> None:
        # Both paths and the shortcut's input are there when the second path ends.
        bunch = {"paths": {"one": [CONV], "two": [CONV]}, "shortcut": "identity", "merge": "concat"}
        found = layers(network([bunch]))
        assert {path: layer.peak_bytes // 4 for path, layer in found.items()} == {
            "one/conv_1": 192 + 256,
            "two/conv_1": 192 + 512,
            "concat_1": 192 + 512 + 704,
        }

    @pytest.mark.parametrize("step", [{"flatten": {}}, {"dropout": {"rate": 0.5}}, {"linear": {}}])
    def test_an_op_that_returns_its_input_takes_no_memory(self, step: Any) -> None:
        assert measure(network([step])).peak_bytes == 4 * 192

    def test_attention_holds_its_scores(self) -> None:
        graph = network([{"attention": {"heads": 2, "key": 3}}], (5, 6))
        assert measure(graph).peak_bytes == 4 * (30 + 30 + 3 * 30 + 2 * 25)
        assert measure(graph).kept_bytes == 4 * (30 + 3 * 30 + 2 * 25 + 30)

    @pytest.mark.parametrize(
        ("steps", "kept"),
        [
            ([CONV], 192),
            ([CONV, "relu"], 192 + 256),
            ([CONV, "relu", CONV], 192 + 256),
            ([CONV, "swish", CONV], 192 + 256 + 256),
            ([CONV, "batch_norm", "relu", CONV], 192 + 256 + 256),
            ([CONV, {"dropout": {"rate": 0.5}}, CONV], 192 + 256),
            ([CONV, "flatten", {"dense": {"units": 3}}], 192 + 256),
            ([CONV, {"max_pool": {"size": 2}}], 192 + 256 + 64),
            (["relu", {"max_pool": {"size": 2}}, CONV], 48),
            ([CONV, {"average_pool": {"size": 2}}, CONV], 192 + 64),
            ([CONV, {"paths": {"main": [CONV]}, "shortcut": "identity", "merge": "add"}], 192 + 256),
            ([{"separable_conv": {"filters": 5, "kernel": 1}}], 192 + 192),
        ],
    )
    def test_memory_kept_in_training(self, steps: Any, kept: int) -> None:
        assert measure(network(steps)).kept_bytes == 4 * kept

    @pytest.mark.parametrize("precision", PRECISIONS)
    def test_precisions(self, precision: str) -> None:
        weight, number = PRECISIONS[precision]
        found = measure(network([CONV]), 3, precision)
        assert found.weight_bytes == weight * (27 * 4 + 4)
        assert found.peak_bytes == 3 * number * (192 + 256)

    @pytest.mark.parametrize(
        ("batch", "precision", "told"),
        [(0, "float32", "batch size must be at least 1, got 0"), (1, "float23", "did you mean `float32`")],
    )
    def test_invalid_batch_sizes_and_precisions(self, batch: int, precision: str, told: str) -> None:
        graph = network([CONV])
        with pytest.raises(ArchError, match=told):
            measure(graph, batch, precision)


@dataclass
class Flat:
    """A network as a flat list of ops, which `peak` and `kept` avoid building."""

    sizes: list[int] = field(default_factory=list)
    steps: list[tuple[list[int], int | None, int]] = field(default_factory=list)
    """For each step, what it reads, what it writes, and its workspace."""
    training: bool = False
    moved: set[int] = field(default_factory=set)
    kept: set[int] = field(default_factory=set)
    inside: int = 0

    def tensor(self, shape: Any) -> int:
        self.sizes.append(math.prod(shape))
        return len(self.sizes) - 1

    def add(self, body: Graph, given_refs: list[int], shapes: list[Any]) -> list[int]:
        """Add a body with these inputs, and return the tensors of its outputs."""
        refs = dict(zip(body.inputs, given_refs, strict=True))
        known = dict(zip(body.inputs, shapes, strict=True))
        for node in body.nodes:
            taken, forms = [refs[ref] for ref in node.inputs], [known[ref] for ref in node.inputs]
            if node.body is not None:
                self.steps.append((taken, None, 0))
                ends = self.add(node.body, taken, forms)
                names = [f"{node.name}.{name}" for name in node.outputs] or [node.name]
                refs |= dict(zip(names, ends, strict=True))
                known |= dict(zip(names, node.outputs.values() or [node.shape], strict=True))
                continue
            assert node.op is not None
            refs[node.name], known[node.name] = self._op(node.op, taken, forms, node), node.shape
        return [refs[end.ref] for end in body.outputs.values()]

    def _op(self, op: Op, taken: list[int], forms: list[Any], node: Any) -> int:
        if op.aliases_input == "always" or (op.aliases_input == "inference" and not self.training):
            self.steps.append((taken, None, 0))
            return taken[0]
        made = self.tensor(node.shape)
        self.steps.append((taken, made, op.workspace(*forms)))
        if any(weight.trainable for weight in node.weights.values()) or self.moved & {*taken}:
            self.moved.add(made)
            saved = op.saved_for_backward(*forms)
            self.kept |= {*(taken if saved.inputs else []), *([made] if saved.output else [])}
            self.inside += saved.workspace
        return made


def flat(graph: Graph, training: bool = False) -> tuple[Flat, list[int]]:
    one = Flat(training=training)
    return one, one.add(graph, [one.tensor(shape) for shape in graph.inputs.values()], [*graph.inputs.values()])


def slow_peaks(graph: Graph) -> list[int]:
    """The sum of live tensors at each step; a tensor is alive from the step that writes it to its last reader."""
    one, ends = flat(graph)
    last = dict.fromkeys(range(len(one.sizes)), -1)
    born = dict.fromkeys(range(len(graph.inputs)), 0)
    for time, (taken, made, _) in enumerate(one.steps):
        last |= dict.fromkeys(taken, time)
        if made is not None:
            born[made], last[made] = time, time
    last |= dict.fromkeys(ends, len(one.steps))
    return [
        sum(one.sizes[t] for t in born if born[t] <= time <= last[t]) + inside
        for time, (_, _, inside) in enumerate(one.steps)
    ]


def hold(graph: Graph) -> None:
    """Compare the live values at each op, and those kept in training."""
    slow, found = slow_peaks(graph), layers(graph)
    assert measure(graph).peak_bytes == 4 * max(slow), graph
    assert measure(graph).kept_bytes == 4 * slow_kept(graph), graph
    there = dict(zip(found, slow, strict=True))
    for path, layer in found.items():
        inside = [there[other] for other in found if other.startswith(f"{path}/") and found[other].node.body is None]
        if layer.node.body is None or inside:
            assert layer.peak_bytes == 4 * max(inside or [there[path]]), (graph, path)


def slow_kept(graph: Graph) -> int:
    one, _ = flat(graph, training=True)
    return one.inside + sum(one.sizes[tensor] for tensor in one.kept)


def random_networks() -> Iterator[Graph]:
    """Networks that use every feature of the language."""
    for seed in range(150):
        try:
            yield resolve(loads(random_bodies.spec(Random(seed)), "net.yaml"))
        except ArchError:
            continue


def test_memory_against_a_direct_simulation() -> None:
    tried = nested = 0
    for graph in random_networks():
        if graph.nodes:
            hold(graph)
            tried, nested = tried + 1, nested + any(node.body is not None for node in graph.nodes)
    assert tried > 70
    assert nested > 15


@pytest.mark.parametrize(("dtype", "size"), [("uint8", 1), ("bool", 1), ("int32", 4), ("int64", 8), ("float32", 2)])
def test_integers_and_booleans_have_their_own_size(dtype: str, size: int) -> None:
    text = f"""archdsl: 1
name: Net
inputs: {{x: {{shape: [8, 8, 4], dtype: {dtype}}}}}
layers:
  Cells:
    steps:
      - rearrange: {{pattern: "(h p) (w q) c -> (h w) (p q c)", p: 2, q: 2}}
      - cast: {{dtype: float32}}
model:
  - Cells
  - dense: {{units: 10}}
"""
    graph = resolve(loads(text))
    measures, found = measure(graph, 3, "mixed_float16"), layers(graph, 3, "mixed_float16")
    assert found["Cells_1/rearrange_1"].output_bytes == 3 * 256 * size
    assert found["Cells_1/rearrange_1"].peak_bytes == 3 * (256 + 256) * size
    assert found["Cells_1/cast_1"].peak_bytes == 3 * 256 * (size + 2)
    assert measures.peak_bytes == 3 * max(512 * size, 256 * (size + 2), 2 * (256 + 160))
    assert measures.kept_bytes == 3 * 256 * 2


def test_the_ids_of_an_embedding_are_kept_as_integers() -> None:
    inputs = "{x: {shape: [50], dtype: uint8}}"
    text = f"archdsl: 1\nname: Net\ninputs: {inputs}\nmodel: [embedding: {{vocabulary: 9, size: 4}}, relu]\n"
    assert measure(resolve(loads(text)), 2).kept_bytes == 2 * (50 * 1 + 50 * 4 * 4)


WIDE, NARROW = ({"conv": {"filters": n, "kernel": 1}} for n in (40, 4))


@pytest.mark.parametrize(
    ("inside", "model"),
    [
        # The same layer, first of a tensor that goes with it, then of one that is read once more, and the other way.
        ([CONV], [CONV, "Body", {"paths": {"main": ["Body"]}, "shortcut": "identity", "merge": "add"}]),
        ([CONV], [CONV, {"paths": {"main": ["Body"]}, "shortcut": "identity", "merge": "add"}, "Body"]),
        # A layer that hands its input on, in front of what takes more than all before it.
        (["linear"], [WIDE, "Body", NARROW, {"conv": {"filters": 60, "kernel": 1}}, "relu"]),
        ([{"paths": {"main": ["linear"]}, "shortcut": [CONV], "merge": "concat"}], [NARROW, "Body", WIDE, "relu"]),
    ],
)
def test_memory_of_layers_used_in_several_ways(inside: Any, model: Any) -> None:
    hold(network(model, (8, 8, 4), layers={"Body": {"steps": inside}}))


def test_equal_layers_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = {
        "Inner": {"steps": [CONV, "relu"]},
        "Middle": {"steps": [{"Inner": {}, "repeat": 30}]},
        "Outer": {"steps": [{"Middle": {}, "repeat": 30}]},
    }
    graph = network([{"Outer": {}, "repeat": 10}], (8, 8, 4), layers=deep)
    asked: Counter[str] = Counter()
    for name in ("receptive_field", "fvcore", "saved_for_backward", "workspace"):
        monkeypatch.setattr("archdsl.ops.conv.Conv." + name, counted(name, asked))
    found = measure(graph)
    assert found.field == Field((2 * 9000 + 1, 2 * 9000 + 1), (1, 1))
    assert found.peak_bytes == 4 * 512
    assert asked["receptive_field"] == asked["fvcore"] == 1
    # Once for the image, which needs no gradient, and once for all others; likewise for who holds the input.
    assert asked["saved_for_backward"] == 2
    assert 1 <= asked["workspace"] <= 4


def counted(name: str, asked: Counter[str]) -> Callable[..., Any]:
    """A method of convolutions that counts its calls."""
    from archdsl.ops.conv import Conv

    method = getattr(Conv, name)

    def ask(self: Op, *inputs: Any) -> Any:
        asked[name] += 1
        return method(self, *inputs)

    return ask


@given(st.integers(min_value=0, max_value=10**18))
@settings(max_examples=60, deadline=None)
def test_bytes_are_formatted(number: int) -> None:
    from archdsl.text import byte_size

    word, unit = byte_size(number).split(" ")
    scale = {"byte": 1, "bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15}[unit]
    assert float(word) * scale == pytest.approx(number, rel=0.006)
    assert len(word) <= 4


NUMBERS = (ROOT / "docs/reference/numbers.md").read_text(encoding="utf-8")


def test_the_snippet_of_the_documentation_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = blocks(NUMBERS)
    monkeypatch.chdir(tmp_path)
    for block in found:
        if named(block):
            Path(named(block)).write_text(whole(block.text), encoding="utf-8")
    (at,) = [at for at, block in enumerate(found) if block.language == "python"]
    exec(compile(found[at].text, "numbers.md", "exec"), {})  # noqa: S102 - of our own making
    assert capsys.readouterr().out == found[at + 1].text


def test_every_key_of_the_json_is_documented(tmp_path: Path) -> None:
    code, printed = printed_by("archdsl show digits_resnet --json", tmp_path)
    assert code == 0
    data = json.loads(printed)
    _, _, told = NUMBERS.partition("## JSON")
    totals, _, entries = told.partition("## ")[0].partition("of each of the `layers`")
    for text, keys in ((totals, set(data)), (entries, {key for entry in data["layers"] for key in entry})):
        rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
        assert {word for row in rows for word in re.findall(r"`(\w+)`", row)} == keys
