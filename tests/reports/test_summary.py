"""The tables of `show` as golden texts, and the structure of its plain data."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from archdsl.graph import Graph
from archdsl.parsing import parse
from archdsl.reports.columns import COLUMNS, DEFAULT, parse_columns
from archdsl.reports.formats import to_csv, to_data, to_markdown
from archdsl.reports.summary import View, describe_shortcut, rows, to_text
from archdsl.resolution import resolve

ENDS = """
archdsl: 1
name: Ends
inputs: {image: [32, 32, 3], facts: [12]}
args: {classes: 5}
layers:
  Stage:
    args: {filters: int}
    steps:
      - {conv: {filters: $filters, kernel: 3, padding: same}, name: high}
      - {max_pool: {size: 2}, name: low}
    outputs: [high, low]
model:
  - {Stage: {filters: 8}, name: stage, from: image}
  - {global_average_pool: {}, from: stage.high, name: seen}
  - {global_average_pool: {}, from: stage.low, name: small}
  - {dense: {units: 8, activation: relu}, from: facts, name: known}
  - {concat: {}, from: [seen, small, known]}
  - {dense: {units: 16}, name: joined}
  - {dense: {units: $classes, activation: softmax}, name: label}
  - {dense: {units: 1}, from: joined, name: guess}
  - {relu: {}, name: age}
outputs: [label, age, joined]
"""
NESTED = """
archdsl: 1
name: Nested
input: [32, 32, 3]
defaults: {conv: {padding: same, activation: relu}}
layers:
  Block:
    args: {filters: int, stride: 1, shortcut: auto}
    paths:
      main:
        - {conv: {filters: $filters, kernel: 3, stride: $stride}, name: active}
        - conv: {filters: $filters, kernel: 3}
    shortcut: $shortcut
    merge: add
    after: relu
  Level:
    args: {filters: int, levels: int}
    steps:
      - Block: {filters: $filters}
      - paths:
          below:
            - max_pool: {size: 2}
            - Level: {filters: $filters * 2, levels: $levels - 1}
            - conv_transpose: {filters: $filters, kernel: 2, stride: 2}
        shortcut: identity
        merge: concat
        when: $levels > 0
      - {Block: {filters: $filters}, repeat: 3}
model:
  - Level: {filters: 4, levels: 2}
  - conv: {filters: 1, kernel: 1}
"""
ONE = "paths: {main: [relu]}"
PATHS = "paths: {main: [{conv: {filters: 8, kernel: 3, stride: 2, padding: 1}, name: half}, relu]}"


def network(text: str) -> Graph:
    return resolve(parse(text, "net.yaml"))


def layer(body: str) -> Graph:
    """The body of a layer that is the only step of a model."""
    text = f"archdsl: 1\nname: Net\ninput: [8, 8, 4]\nlayers:\n  Body: {{{body}}}\nmodel: [Body]\n"
    body_of = network(text).nodes[0].body
    assert body_of is not None
    return body_of


def test_several_inputs_and_outputs_and_taps(golden: Callable[[str, str], None]) -> None:
    golden("Ends.txt", to_text(network(ENDS)))


@pytest.mark.parametrize("depth", [2, 3])
def test_a_layer_that_contains_itself(golden: Callable[[str, str], None], depth: int) -> None:
    golden(f"Nested-{depth}.txt", to_text(network(NESTED), depth))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (f"{PATHS}, shortcut: none, merge: add", ""),
        (f"{PATHS}, shortcut: auto, merge: add", "projection"),
        (f"{PATHS}, shortcut: projection, merge: add", "projection"),
        (f"{PATHS}, shortcut: pad, merge: add", "pad"),
        (f"{PATHS}, shortcut: pool_projection, merge: add", "pool_projection"),
        (f"{ONE}, shortcut: auto, merge: add", "identity"),
        (f"{ONE}, shortcut: pad, merge: add", "identity"),
        ("paths: {main: [relu], same: []}, shortcut: identity, merge: add", "identity"),
        (f"{ONE}, shortcut: [dropout: {{rate: 0.1}}, batch_norm], merge: add", "shortcut of dropout, batch_norm"),
        (f"{ONE}, shortcut: [conv: {{filters: 4, kernel: 3, padding: same}}], merge: add", "shortcut of conv"),
        (f"{PATHS}, shortcut: [{{relu: {{}}, from: half}}], merge: add", "shortcut of relu from half"),
        (
            "steps: [{paths: {gone: {repeat: 0, steps: [relu]}}, shortcut: [relu], merge: add},"
            " {paths: {main: [gelu]}, shortcut: identity, merge: add}]",
            "identity",
        ),
        ("paths: {main: [{paths: {inner: [relu]}, shortcut: [gelu], merge: add}]}, merge: add", "shortcut of gelu"),
    ],
)  # fmt: skip
def test_the_description_of_a_shortcut(body: str, told: str) -> None:
    assert describe_shortcut(layer(body)) == told


def test_equal_layers_are_one_row_unless_one_is_tapped() -> None:
    text = "archdsl: 1\nname: Net\ninput: [4]\nlayers: {A: {steps: [relu]}}\nmodel:\n  - {A: {}, repeat: 3, name: x}\n"
    assert [(row.name, row.times) for row in rows(network(text), 1)] == [("x_1", 3)]
    tapped = list(rows(network(f"{text}  - {{add: {{}}, from: [x_1, x]}}\n"), 1))
    assert [(row.name, row.times) for row in tapped] == [("x_1", 1), ("x_2", 2), ("add_1", 1)]
    assert tapped[-1].label == "Add, from x_1, x_3"


def test_plain_data_is_by_name_if_there_are_names() -> None:
    data = to_data(network(ENDS))
    assert data["input"] == {"image": [32, 32, 3], "facts": [12]}
    assert data["output"] == {"label": [5], "age": [1], "joined": [16]}
    entries = {entry["path"]: entry for entry in data["layers"]}
    assert entries["stage"]["output"] == {"high": [32, 32, 8], "low": [16, 16, 8]}
    assert entries["small"]["inputs"] == ["stage.low"]
    assert entries["concat_1"]["inputs"] == ["seen", "small", "known_activation"]
    nested = to_data(network(NESTED))
    assert (nested["input"], nested["output"]) == ([32, 32, 3], [32, 32, 1])
    assert json.loads(json.dumps(data)) == data


EVERY = View(parse_columns("all"), batch=32, precision="mixed_bfloat16")


def test_every_column(golden: Callable[[str, str], None]) -> None:
    golden("Ends-all.txt", to_text(network(ENDS), 2, EVERY))
    golden("Nested-all.txt", to_text(network(NESTED), 2, EVERY))


def test_markdown(golden: Callable[[str, str], None]) -> None:
    golden("Ends.md", to_markdown(network(ENDS), 2, View()))
    golden("Nested.md", to_markdown(network(NESTED), 1, View(("output", "field", "peak_bytes"), batch=8)))


def test_csv(golden: Callable[[str, str], None]) -> None:
    golden("Ends.csv", to_csv(network(ENDS), View(tuple(COLUMNS))))


def test_json(golden: Callable[[str, str], None]) -> None:
    golden("Ends.json", json.dumps(to_data(network(ENDS), 32, "mixed_bfloat16"), indent=2) + "\n")


def test_labels_are_shortened_in_a_narrow_table(golden: Callable[[str, str], None]) -> None:
    text = to_text(network(NESTED), 2, View(width=90))
    golden("Nested-narrow.txt", text)
    assert max(map(len, text.splitlines())) == 90
    assert text.count("…) + identity") == text.count("+ identity") > 2


def test_a_row_of_equal_layers_shows_the_field_of_the_last() -> None:
    graph = network(NESTED)
    (row,) = [row for row in rows(graph, 2) if row.times == 2 and row.level == 1]
    assert (row.paths, row.end) == (("Level_1/Block_3",), "Level_1/Block_4")


def test_csv_has_a_line_for_each_node_that_json_has() -> None:
    graph = network(NESTED)
    head, *lines = (line.split(",") for line in to_csv(graph, View(("parameters", "peak_bytes"))).splitlines())
    assert head == ["path", "class", "parameters", "peak_bytes"]
    told = [[str(entry[key]) for key in head] for entry in to_data(graph)["layers"]]
    assert lines == told
    assert len(lines) == 100
    assert [line[0] for line in lines[:2]] == ["Level_1", "Level_1/Block_1"]


def test_the_default_columns_are_some_of_all() -> None:
    assert set(DEFAULT) < set(COLUMNS)
    assert parse_columns("all") == tuple(name for name in COLUMNS if name != "stride")


def test_computed_arguments_are_rounded_and_batches_have_examples() -> None:
    text = to_text(
        network("""
archdsl: 1
name: Net
input: [512]
layers: {Scale: {args: {by: float}, steps: [rescale: {scale: $by}]}}
model: [{Scale: {by: sqrt($channels)}}, {Scale: {by: 0.25}}]
""")
    )
    assert "Scale(by=22.6274)" in text
    assert "Scale(by=0.25)" in text
    assert text.rstrip().endswith("MACs per example")
