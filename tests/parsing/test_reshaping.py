"""Inputs of other shapes: `--set input=[...]`, and `input` among the arguments in Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import archdsl
from archdsl.errors import ArchError
from archdsl.expansion import expand
from archdsl.parsing.reshaping import with_settings

NET = """\
archdsl: 1
name: Net
input: [8, 8, 3]   # pixels
variants:
  large: {input: {shape: [16, 16, 3]}}
  deep: {args: {depth: 2}}
args: {depth: 1}
model:
  - conv: {filters: 4, kernel: 3, padding: same}
    repeat: $depth
expect: {parameters: 112}
"""
PAIR = """\
archdsl: 1
name: Pair
inputs: {left: [8, 8, 3], right: {shape: [8, 8, 3]}}
model:
  - add: {}
    from: [left, right]
"""


def test_the_shape_is_replaced_in_the_text_and_expect_does_not_apply() -> None:
    net, arguments = with_settings(archdsl.loads(NET), {"input": [4, 6, 3], "depth": 2})
    assert net.text == NET.replace("input: [8, 8, 3]", "input: [4, 6, 3]")
    assert arguments == {"depth": 2}
    assert net.expect.model_fields_set == set()
    assert archdsl.resolve(net, depth=2).shape == (4, 6, 4)


@pytest.mark.parametrize("variant", ["large", "deep"])
def test_it_overrides_the_input_of_a_variant(variant: str) -> None:
    graph = archdsl.resolve(archdsl.loads(NET), variant=variant, input=[4, 4, 3])
    assert graph.input == (4, 4, 3)
    assert graph.arguments["depth"] == (2 if variant == "deep" else 1)


def test_inputs_with_names() -> None:
    shapes = {"left": [4, 4, 3], "right": [4, 4, 3]}
    assert archdsl.check(archdsl.loads(PAIR), arguments={"inputs": shapes}).shape == (4, 4, 3)
    with pytest.raises(ArchError, match="ARCH020"):
        archdsl.resolve(archdsl.loads(PAIR), inputs={"left": [4, 4, 3]})


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        (NET, {"input": 3}, "`input` must be a list of integers, got `3`"),
        (NET, {"input": []}, "`input` must be a list of integers"),
        (NET, {"input": [8, 8, True]}, "`input` must be a list of integers"),
        (NET, {"inputs": [8]}, "`inputs` must be a mapping"),
        (NET, {"inputs": {"left": [8]}}, "`Net` has no input `left`(.|\n)*help: set `input`"),
        (PAIR, {"input": [8]}, r"`Pair` has no input `input`(.|\n)*inputs=\{left: \[...\]\}"),
        (PAIR, {"inputs": {"lift": [8]}}, "no input `lift`(.|\n)*did you mean `left`"),
        (NET.replace("[8, 8, 3]", "[8,\n  8, 3]"), {"input": [4, 4, 3]}, ":3:8: (.|\n)*write the shape on one line"),
        (NET.replace("[8, 8, 3]", "\n  - 8\n  - 8\n  - 3"), {"input": [4, 4, 3]}, "write the shape on one line"),
        (NET, {"input": [4, 4, 0]}, "`input` must be a list of at most four integers"),
    ],
)
def test_what_is_no_shape_of_an_input(text: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ArchError, match=message):
        with_settings(archdsl.loads(text), settings)


def test_a_different_line_end_and_a_comment_stay() -> None:
    text = NET.replace("\n", "\r\n")
    assert with_settings(archdsl.loads(text), {"input": [4, 6, 3]})[0].text == text.replace("t: [8, 8", "t: [4, 6")


def test_expand_writes_the_new_shape_and_drops_expect() -> None:
    net, _ = with_settings(archdsl.loads(NET), {"input": [4, 6, 3]})
    text = expand(net.text, "net.yaml", "", {"input": [4, 6, 3]})
    assert "input: [4, 6, 3]" in text
    assert archdsl.loads(text).expect.model_fields_set == set()


@pytest.mark.tensorflow
def test_a_saved_model_keeps_the_shape(tmp_path: Path) -> None:
    model = archdsl.build(archdsl.loads(NET), input=[4, 6, 3])
    model.save(tmp_path / "net.keras")
    assert archdsl.load_model(tmp_path / "net.keras").input_shape == (None, 4, 6, 3)
