"""The rules about `$channels` where other channels arrive: what they report, and what they leave alone."""

from __future__ import annotations

import pytest
from documents import DOCS, ROOT, blocks, whole

from archdsl import ArchError, loads, resolve
from archdsl.linting import lint
from archdsl.linting.finding import Finding

MODEL = """archdsl: 1
name: Net
input: [8, 8, 3]
model:
  - {{conv: {{filters: 8, kernel: 3, padding: same}}, name: wide}}
  - {step}
  - global_average_pool
"""
BLOCK = """archdsl: 1
name: Net
input: [8, 8, 4]
layers:
  Gate: {{args: {{width: int}}, steps: [conv: {{filters: $width, kernel: 1, activation: sigmoid}}]}}
  Block:
    steps:
      - {{conv: {{filters: {wide}, kernel: 1, activation: relu}}, name: wide}}
      - {step}
model: [Block, global_average_pool]
"""


def findings(text: str) -> list[Finding]:
    spec = loads(text, "net.yaml")
    return [one for one in lint(spec, resolve(spec)) if one.code in ("ARCH519", "ARCH520")]


@pytest.mark.parametrize(
    ("step", "reported"),
    [
        ("conv: {filters: $channels, kernel: 1}", 1),
        ("{conv: {filters: 2, kernel: 1}, when: $channels == 3}", 1),
        ("{conv: {filters: 8, kernel: 1}, repeat: $channels}", 1),
        (
            "paths: [[conv: {filters: $channels, kernel: 1}], [conv: {filters: $channels, kernel: 1}]]\n    merge: add",
            2,
        ),
        (
            "paths: [{from: input, steps: [conv: {filters: $channels, kernel: 1}]}]\n"
            "    shortcut: identity\n    merge: concat",
            0,
        ),
        ("conv: {filters: $input.channels, kernel: 1}", 0),
        ("conv: {filters: $here.channels, kernel: 1}", 0),
    ],
)
def test_channels_of_the_networks_input_in_its_model(step: str, reported: int) -> None:
    found = findings(MODEL.format(step=step))
    assert [one.code for one in found] == ["ARCH519"] * reported
    assert all(one.span and one.span.text[one.span.column - 1 :].startswith("$channels") for one in found)


def test_channels_of_the_input_are_fine_where_as_many_arrive() -> None:
    assert not findings(MODEL.format(step="conv: {filters: $channels, kernel: 1}").replace("filters: 8", "filters: 3"))


PATH = "paths: [[{}]]\n        shortcut: {}\n        merge: {}"


@pytest.mark.parametrize(
    ("step", "reported"),
    [
        (PATH.format("conv: {filters: $channels, kernel: 1}", "auto", "add"), True),
        (PATH.format("conv: {filters: $input.channels, kernel: 1}", "projection", "add"), True),
        (PATH.format("conv: {filters: $channels * 5, kernel: 1}", "pad", "add"), True),
        (PATH.format("conv: {filters: $channels, kernel: 1}, batch_norm, relu", "auto", "add"), True),
        (PATH.format("Gate: {width: $channels}", "auto", "add"), True),
        (PATH.format("conv: {filters: $channels, kernel: 1}", "identity", "concat"), True),
        (PATH.format("conv: {filters: $channels, kernel: 1}", "[conv: {filters: 4, kernel: 1}]", "add"), False),
        (PATH.format("conv: {filters: $channels, kernel: 1}", "{from: input}", "add"), False),
        (PATH.format("conv: {filters: $here.channels, kernel: 1}", "auto", "add"), False),
        (PATH.format("conv: {filters: 6, kernel: 1, groups: $channels // 4}", "auto", "add"), False),
        (
            PATH.format(
                "conv: {filters: $channels // 2, kernel: 1}, Gate: {width: $here.channels * 8}", "auto", "multiply"
            ),
            False,
        ),
    ],
)
def test_channels_of_the_layers_input_before_a_merge(step: str, reported: bool) -> None:
    found = findings(BLOCK.format(step=step, wide=16))
    assert [one.code for one in found] == ["ARCH520"] * reported
    right = step.replace("$input.channels", "$here.channels").replace("$channels", "$here.channels")
    if reported:
        assert not findings(BLOCK.format(step=right, wide=16))
        assert not findings(BLOCK.format(step=step, wide="$channels"))


def test_a_gate_for_one_channel_over_many() -> None:
    gate = PATH.format("conv: {filters: $channels, kernel: 1, activation: sigmoid}", "identity", "multiply")
    text = BLOCK.format(step=gate, wide=16).replace("[8, 8, 4]", "[8, 8, 1]")
    (found,) = findings(text)
    assert found.facts == ("`multiply_1` takes 1 channel from this step, and 16 from another",)


def test_the_docs_and_the_examples_have_no_such_findings() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "examples").glob("*.yaml")]
    for path in DOCS.values():
        found = (block for block in blocks(path.read_text(encoding="utf-8")) if block.language == "yaml")
        texts += [whole(block.text) for block in found if not block.word and "channels" in block.text]
    checked = 0
    for text in texts:
        try:
            assert not findings(text)
        except ArchError:
            continue
        checked += 1
    assert checked >= 6
