"""Copies of a group of steps: equal ones are drawn once, in a frame with their number."""

from __future__ import annotations

import re

import pytest

from archdsl import loads
from archdsl.diagrams import Options, to_dot
from archdsl.diagrams.mermaid import to_mermaid
from archdsl.resolution import resolve

HEAD = """
archdsl: 1
name: Net
inputs: {x: [8, 16], memory: [20, 16]}
layers:
  Own: {args: {units: 16}, steps: [dense: {units: $units}]}
  Look: {inputs: [x, memory], steps: [attention: {heads: 2, key: 8}]}
model:
"""

DECODER = """
  - steps:
      - {Own: {}, name: own}
      - {Look: {}, from: [own, memory]}
      - relu
    from: x
    repeat: 3
"""


def drawn(model: str, **options: int) -> str:
    return to_dot(resolve(loads(HEAD + model)), Options(**options))  # type: ignore[arg-type]


def boxes(dot: str) -> list[str]:
    return re.findall(r'^ *"([\w/]+)" \[label', dot, re.MULTILINE)


def pills(dot: str) -> list[int]:
    return [int(times) for times in re.findall(r"&#160;×(\d+)&#160;", dot)]


def test_equal_copies_are_drawn_once_with_one_edge_from_outside() -> None:
    dot = drawn(DECODER + "  - dense: {units: 4}\n")
    assert (boxes(dot), pills(dot)) == (["own_1", "Look_1", "relu_1", "dense_1"], [3])
    assert dot.count('"(input memory)" -> ') == 1
    assert '"relu_1" -> "dense_1"' in dot
    assert 'subgraph "cluster own_1 group"' in dot


def test_a_group_is_drawn_once_with_its_layers_open_and_in_mermaid() -> None:
    assert boxes(drawn(DECODER, depth=2)) == ["own_1/dense_1", "Look_1/attention_1", "relu_1"]
    mermaid = to_mermaid(resolve(loads(HEAD + DECODER)))
    assert mermaid.count('subgraph g1["×3') == 1
    assert mermaid.count("<b>Look</b>") == 1


def test_copies_that_differ_stand_alone() -> None:
    dot = drawn("""
  - {steps: [Own: {units: $u}, relu], for: {u: [16, 16, 8, 4]}, from: x, name: grown}
  - {Look: {}, from: [grown, memory]}
""")
    assert (boxes(dot), pills(dot)) == (["Own_1", "relu_1", "Own_3", "relu_3", "Own_4", "relu_4", "Look_1"], [2])


@pytest.mark.parametrize(
    "model",
    [
        "  - {steps: [Own, relu], repeat: 2, from: x, name: c}\n  - {add: {}, from: [c_1, c], name: d}\n",
        "  - {steps: [relu, swish], repeat: 2, from: x, name: d}\n",
    ],
    ids=["something outside reads a copy", "two copies of ops alone"],
)
def test_what_is_not_drawn_once(model: str) -> None:
    assert pills(drawn(model + "  - {Look: {}, from: [d, memory]}\n")) == []


def test_copies_of_a_conv_block_are_no_group() -> None:
    dot = drawn("""
  - {conv: {filters: 16, kernel: 3, padding: 1, norm: batch, activation: relu}, repeat: 4, from: x, name: last}
  - {Look: {}, from: [last, memory]}
""")
    assert (boxes(dot), pills(dot)) == (["last_1", "Look_1"], [4])
