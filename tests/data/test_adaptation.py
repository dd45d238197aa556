"""`archdsl train --data`: specs with another data set."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_sets

from archdsl import zoo
from archdsl.data.adaptation import Adapted, adapted
from archdsl.data.dataset import load
from archdsl.data.ports import Ports
from archdsl.errors import ArchError
from archdsl.resolution import resolve

SPEC = """\
archdsl: 1
name: Net
input: [16, 16, 3]
model:
  - conv: {filters: 4, kernel: 3}
  - flatten
  - dense: {units: 10}      # digits
  - softmax
expect: {output: [10]}
"""


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of photos of three classes."""
    folder = tmp_path_factory.mktemp("data") / "flowers"
    small_sets.photos(folder, {"daisy": 4, "rose": 4, "tulip": 4})
    return str(folder)


@pytest.mark.slow
def test_every_spec_with_classes_is_adapted(flowers: str) -> None:
    found = []
    for name in zoo.names():
        spec = zoo.load(name)
        if "classes" not in spec.args or len(resolve(spec).shape) > 1:
            continue
        result = adapted(spec, {}, flowers)
        assert result.arguments == {"classes": 3}, name
        assert resolve(result.spec, **result.arguments).shape[-1] == 3, name
        assert result.spec.data is not None
        assert result.spec.data.source == {"folder": flowers}, name
        assert ("classes", f"3 (was {spec.args['classes'].default.content}): daisy, rose, tulip") in result.changes, (
            name
        )
        found.append(name)
    assert len(found) >= 25


def test_the_size_of_the_images_is_that_of_the_network(flowers: str) -> None:
    result = adapted(zoo.load("resnet_cifar", "resnet20"), {}, flowers)
    assert result.spec.data is not None
    assert result.spec.data.size == (32, 32)
    assert result.spec.variant == "resnet20"
    assert result.changes == (
        ("data.source", f"{{folder: {flowers}}} (was cifar10)"),
        ("data.size", "[32, 32], as the network's input; the images are 40x32"),
        ("units of the last dense", "3 (was 10): daisy, rose, tulip"),
    )
    again = zoo.loads(result.spec.text).varied("resnet20")
    assert resolve(again).shape == (3,)
    assert again.data == result.spec.data


def test_the_number_of_a_last_dense_is_changed_in_the_text(flowers: str) -> None:
    result = adapted(zoo.loads(SPEC), {}, flowers)
    assert "- dense: {units: 3}      # digits\n" in result.spec.text
    assert resolve(result.spec).shape == (3,)
    assert result.arguments == {}


def test_a_network_that_fits_stays_as_it_is(flowers: str) -> None:
    result = adapted(
        zoo.loads(SPEC.replace("10}", "3}").replace("[10]", "[3]").replace("16, 16", "40, 32")), {}, flowers
    )
    assert [subject for subject, _ in result.changes] == ["data.source"]


def test_gray_images_change_the_input(tmp_path: Path) -> None:
    small_sets.digits_as_images(tmp_path / "scans", 20)
    result: Adapted = adapted(zoo.loads(SPEC), {}, str(tmp_path / "scans"))
    assert resolve(result.spec).input == (16, 16, 1)
    assert ("input", "[16, 16, 1] (was [16, 16, 3])") in result.changes


def test_what_the_recipe_says_about_the_earlier_classes_is_removed(flowers: str) -> None:
    text = SPEC + "data:\n  source: digits\n  classes: [0, 1, 2, 3, 4, 5, 6, 7]\n"
    text += "  class_weights: {0: 2.0, 1: 0.5}\n  batch_size: 4\n"
    result = adapted(zoo.loads(text), {}, flowers)
    assert result.changes[1:3] == (
        ("data.classes", "removed (was 0, 1, 2, 3, 4, 5, ...)"),
        ("data.class_weights", "removed (was for 0, 1)"),
    )
    for spec in (result.spec, zoo.loads(result.spec.text)):
        assert spec.data is not None
        assert (spec.data.classes, spec.data.class_weights, spec.data.batch_size) == (None, "none", 4)
        assert load(spec.data, ports=Ports.of(resolve(spec))).label.classes == ("daisy", "rose", "tulip")


def test_balanced_classes_stay_balanced(flowers: str) -> None:
    result = adapted(zoo.loads(SPEC + "data: {source: digits, class_weights: balanced}\n"), {}, flowers)
    assert result.spec.data is not None
    assert result.spec.data.class_weights == "balanced"
    assert "data.class_weights" not in dict(result.changes)


def test_an_argument_of_any_name_may_set_the_classes(flowers: str) -> None:
    text = SPEC.replace("units: 10", "units: $labels").replace("filters: 4", "filters: $width")
    text = text.replace("model:", "args: {width: 10, labels: 10}\nmodel:")
    assert adapted(zoo.loads(text), {}, flowers).arguments == {"labels": 3}


def test_a_head_that_cannot_be_adapted(flowers: str) -> None:
    text = SPEC.replace("units: 10", "units: $width * 2").replace("model:", "args: {width: 5}\nmodel:")
    with pytest.raises(ArchError) as caught:
        adapted(zoo.loads(text), {}, flowers)
    (problem,) = caught.value.problems
    assert problem.code == "ARCH303"
    assert problem.message == f"Net has 10 outputs, but folder {flowers} has 3 classes"
    assert problem.hint == f"give the spec an argument `classes`, or run `archdsl new --data {flowers}`"


def test_a_segmentation_is_adapted_to_masks(tmp_path: Path) -> None:
    small_sets.squares_with_masks(tmp_path / "cells", 4)
    result = adapted(zoo.load("fcn"), {}, str(tmp_path / "cells"))
    assert result.arguments == {"classes": 2}
    assert resolve(result.spec, **result.arguments).shape[-1] == 2


def test_a_network_of_words_takes_no_images(flowers: str) -> None:
    with pytest.raises(ArchError, match=r"GRUText takes integers, but folder .* has images"):
        adapted(zoo.load("gru_text"), {}, flowers)
