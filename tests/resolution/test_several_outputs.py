"""Layers and models that return the outputs of a layer with several."""

from __future__ import annotations

from pathlib import Path

import pytest

import archdsl
from archdsl import ArchError, Graph, loads, resolve

HEAD = """\
archdsl: 1
name: Net
input: [8, 8, 4]
layers:
  Two:
    steps:
      - {conv: {filters: 4, kernel: 1}, name: cell}
      - {relu: {}, name: last}
    outputs: [cell, last]
  Cross:
    inputs: [a, b]
    steps: [{relu: {}, from: a, name: high}, {gelu: {}, from: b, name: low}]
    outputs: [high, low]
"""
PASSING = """\
  Passing:
    args: {on: true}
    steps: [Two, {steps: [{Cross: {}, when: $on}]}]
  Again: {like: Passing, with: {on: false}}
"""


def graph(body: str) -> Graph:
    return resolve(loads(HEAD + body))


@pytest.mark.parametrize("layer", ["Passing", "Again"])
def test_a_layer_returns_all_outputs_of_its_last_step(layer: str) -> None:
    found = graph(f"{PASSING}model: [{{{layer}: {{}}, name: p}}, {{add: {{}}, from: [p.low, p.high]}}]".replace(
        "  Again", "  Again" if layer == "Again" else "  Unused"))  # fmt: skip
    assert found.nodes[-1].inputs == ("p.low", "p.high")
    inner = found.nodes[0].body
    assert inner is not None
    ends = ["Two_1.cell", "Two_1.last"] if layer == "Again" else ["Cross_1.high", "Cross_1.low"]
    assert [end.ref for end in inner.outputs.values()] == ends


def test_a_single_named_output_stays_without_a_name() -> None:
    one = "  One: {steps: [{relu: {}, name: x}], outputs: [x]}\n  Use: {steps: [One]}\n"
    found = graph(one + "model: [{Use: {}, name: u}, {add: {}, from: [u, input]}]")
    assert found.nodes[-1].inputs == ("u", "input")


def test_a_layer_that_ends_with_itself_is_no_endless_search() -> None:
    again = "  Down:\n    args: {n: 2}\n    steps: [relu, {Down: {n: $n - 1}, when: $n > 0}]\n"
    assert graph(again + "model: [Down]").shape == (8, 8, 4)


def test_outputs_name_those_of_a_layer() -> None:
    found = graph("model: [{Two: {}, name: two}]\noutputs: [two.last, two.cell]")
    assert {name: end.ref for name, end in found.outputs.items()} == {"last": "two.last", "cell": "two.cell"}
    named = "  Named: {steps: [{Two: {}, name: two}], outputs: [two.last, two.cell]}\n"
    found = graph(named + "model: [{Named: {}, name: n}, {add: {}, from: [n.cell, n.last]}]")
    assert found.nodes[-1].inputs == ("n.cell", "n.last")


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ("[a.cell, b.cell]", "two outputs have the name `cell`"),
        ("[cell, b.cell]", "two outputs have the name `cell`"),
        ("[a.cel, b.last]", "the step `a` has no output `cel`"),
        ("[a.cell, a.cell]", "duplicate name `a.cell` in `outputs`"),
    ],
)
def test_errors(outputs: str, message: str) -> None:
    steps = "[{Two: {}, name: a}, {Two: {}, from: a.last, name: b}, {relu: {}, from: b.last, name: cell}]"
    with pytest.raises(ArchError) as caught:
        graph(f"model: {steps}\noutputs: {outputs}")
    assert caught.value.problems[0].message == message
    assert caught.value.problems[0].hint


@pytest.mark.tensorflow
def test_the_built_model_returns_them(tmp_path: Path) -> None:
    import numpy as np

    passing = PASSING.replace("Again: {", "Other: {").replace("on: false", "on: true")
    body = "model: [{Passing: {on: false}, name: p}, {Other: {}, from: p.low, name: o}]\noutputs: [p.high, o.low]"
    model = archdsl.build(loads(HEAD + passing + body))
    assert {name: tuple(end.shape) for name, end in model.output.items()} == dict.fromkeys(
        ("high", "low"), (None, 8, 8, 4)
    )
    model.save(tmp_path / "model.keras")
    images = np.random.default_rng(0).standard_normal((2, 8, 8, 4)).astype("float32")
    again = archdsl.load_model(tmp_path / "model.keras")
    assert np.array_equal(again(images)["low"], model(images)["low"])
