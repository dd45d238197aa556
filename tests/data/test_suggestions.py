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


def test_a_network_that_is_not_a_classifier_gets_no_data_set() -> None:
    problem = missing_data(resolve(zoo.load("unet"))).problems[0]
    assert problem.message == "UNet has no `data`, and its output 256x256x1 is not one number per class"
    assert "classifiers only" in problem.hint
    assert "digits" not in problem.hint
    words = "archdsl: 1\nname: Words\ninput: [12]\nmodel: [dense: {units: 3}]\n"
    assert error_of(words).problems[0].message == "Words has no `data`, and its input 12 is not an image"
