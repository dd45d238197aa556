"""Columns of `for` with the name of an argument that they read."""

from __future__ import annotations

import pytest

import archdsl
from archdsl import ArchError, loads, resolve
from archdsl.codegen.module import to_python

TEXT = """\
archdsl: 1
name: Net
input: [6, 6, 4]
args: {filters: [4, 6], depth: [1, 2]}
layers:
  Row:
    args: {filters: list, depth: 2}
    steps:
      - conv: {filters: $filters, kernel: 1}
        for: {filters: $filters}
        repeat: $filters - 3
      - steps: [{conv: {filters: $depth + 1, kernel: 1}, repeat: $depth + 1}]
        for: {depth: $depth}
      - paths:
          main:
            for: {filters: $filters}
            steps:
              - conv: {filters: $filters, kernel: 1}
              - conv: {filters: $depth + 1, kernel: 1}
                for: {depth: $depth}
        merge: concat
      - conv: {filters: max($filters) + $depth, kernel: 1}
model:
  - conv: {filters: $filters, kernel: 1}
    for: {filters: $filters, depth: $depth}
    repeat: $depth
  - Row: {filters: $filters}
  - conv: {filters: $filters * 2, kernel: 1}
    for: {filters: $filters}
"""


def test_hide_the_argument_inside_the_loop_only() -> None:
    graph = resolve(loads(TEXT))
    widths = {node.name: node.shape[-1] for node in graph.nodes}
    assert widths == {"conv_1": 4, "conv_2": 6, "conv_3": 6, "Row_1": 8, "conv_4": 8, "conv_5": 12}


def test_have_a_variable_of_their_own_in_the_source() -> None:
    source = to_python(loads(TEXT))
    assert "for number, filters_row in enumerate(self.filters, start=1)" in source
    assert "self.filters = list(filters)\n" in source


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("filters: [5, 6]", "invalid column name `filters`: it is already in use"),
        ("filters: $depth", "invalid column name `filters`: it is already in use"),
    ],
)
def test_another_column_may_not_take_the_name(column: str, message: str) -> None:
    text = TEXT[: TEXT.index("model:")] + f"model:\n  - dense: {{units: $filters}}\n    for: {{{column}}}\n"
    with pytest.raises(ArchError) as caught:
        loads(text)
    found = caught.value.problems[0]
    assert found.message == message
    assert "only a column with values from `$filters`" in found.hint


def test_an_unused_one_is_an_error() -> None:
    text = (
        TEXT[: TEXT.index("layers:")] + "model:\n  - dense: {units: 3}\n    for: {filters: $filters, depth: $depth}\n"
    )
    with pytest.raises(ArchError) as caught:
        loads(text)
    assert {found.message for found in caught.value.problems} == {"unused column `filters`", "unused column `depth`"}


@pytest.mark.tensorflow
def test_the_built_model_has_the_weights_of_its_graph() -> None:
    spec = loads(TEXT)
    model, graph = archdsl.build(spec), resolve(spec)
    assert model.count_params() == graph.totals.parameters
    assert model.output_shape == (None, *graph.shape)
    assert model.get_config()["filters"] == [4, 6]


@pytest.mark.tensorflow
def test_names_of_local_variables_in_the_source_are_free() -> None:
    block = """\
archdsl: 1
name: Net
input: [6, 6, 4]
args: {fork: 3, index: 4, shapes: [3, 5], shape: 2}
layers:
  Own:
    args: {fork: 3, index: 4, shapes: [3, 5], shape: 2, shortcut: auto}
    steps:
      - conv: {filters: $shapes, kernel: 1}
        for: {shapes: $shapes}
      - paths:
          - [conv: {filters: $fork, kernel: $index, padding: same}]
          - [conv: {filters: $fork, kernel: $shape, padding: same}]
        shortcut: $shortcut
        merge: add
model:
  - conv: {filters: $index, kernel: $shape}
  - Own: {fork: $fork, index: $index, shapes: $shapes, shape: $shape}
  - Own: {shapes: [3], fork: 3, shortcut: identity}
"""
    spec = loads(block)
    model, graph = archdsl.build(spec), resolve(spec)
    assert model.count_params() == graph.totals.parameters
    assert {key: model.get_config()[key] for key in spec.args} == {"fork": 3, "index": 4, "shapes": [3, 5], "shape": 2}
