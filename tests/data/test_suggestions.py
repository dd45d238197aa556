"""A spec without `data` gets a suggestion that fits its network, or a message that archdsl cannot train it."""

from __future__ import annotations

import re

import pytest

from archdsl import zoo
from archdsl.data.sources import source
from archdsl.data.suggestions import missing_data
from archdsl.errors import ArchError
from archdsl.recipe import DATA_SOURCES
from archdsl.resolution import resolve

SPEC = """\
archdsl: 1
name: Net
input: {input}
model:
  - flatten
  - dense: {{units: {units}, activation: softmax}}
"""


def error_of(text: str) -> ArchError:
    return missing_data(resolve(zoo.loads(text)))


@pytest.mark.parametrize(
    ("image", "units", "name"),
    [
        ("[8, 8, 1]", 10, "digits"),
        ("[28, 28, 1]", 10, "fashion_mnist"),
        ("[32, 32, 3]", 10, "cifar10"),
        ("[32, 32, 3]", 100, "cifar100"),
    ],
)
def test_the_suggested_data_set_fits_the_network(image: str, units: int, name: str) -> None:
    text = SPEC.format(input=image, units=units)
    hint = error_of(text).problems[0].hint
    assert hint == f"add `data: {{source: {name}}}`"
    again = zoo.loads(text + re.findall("`(.*)`", hint)[0] + "\n")
    assert again.data is not None
    graph = resolve(again)
    fitting = [kind for kind in DATA_SOURCES if source(kind).fits(graph.input, graph.shape)]
    assert fitting[0] == again.data.kind


def test_images_of_any_other_size_come_from_a_folder() -> None:
    text = SPEC.format(input="[64, 48, 3]", units=7)
    hint = error_of(text).problems[0].hint
    assert zoo.loads(text + re.findall("`(.*)`", hint)[0] + "\n").data is not None


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("input: [16, 16, 3]\nmodel: [conv: {filters: 2, kernel: 1}]", "masks"),
        ("input: [16, 16, 3]\nmodel: [conv: {filters: 3, kernel: 1}]", "folder"),
        ("input: {shape: [9], dtype: int32}\nmodel: [embedding: {vocabulary: 9, size: 4}, dense: {units: 9}]", "text"),
        (
            "input: {shape: [9], dtype: int32}\nmodel: [embedding: {vocabulary: 9, size: 1}, flatten, softmax]",
            "text_folder",
        ),
        ("input: [12]\nmodel: [dense: {units: 3}]", "csv"),
        ("inputs: {left: [3], right: [4]}\nmodel: [concat: {}, dense: {units: 3}]", "csv"),
        ("input: [30, 2]\nmodel: [flatten, dense: {units: 3}]", "npz"),
    ],
)
def test_the_source_is_of_the_kind_that_the_network_takes(text: str, source: str) -> None:
    if text.startswith("inputs"):
        text = text.replace("concat: {}", "{concat: {}, from: [left, right]}")
    text = f"archdsl: 1\nname: Net\n{text}\n"
    (problem,) = error_of(text).problems
    assert problem.message == "Net has no `data` to train on"
    again = zoo.loads(text + re.findall("`(.*?)`", problem.hint)[0] + "\n")
    assert again.data is not None
    assert again.data.source == {source: "PATH"}


def test_every_spec_without_data_gets_a_suggestion() -> None:
    specs = [zoo.load(name) for name in zoo.names()]
    hints = [missing_data(resolve(spec)).problems[0].hint for spec in specs if spec.data is None]
    assert len(hints) > 20
    assert all(hint.startswith("add `data: {source: ") for hint in hints)
