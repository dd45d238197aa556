"""Words of the recipe with other values: `--set train.epochs=3`, and paths among the arguments in Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import archdsl
from archdsl import zoo
from archdsl.cli.settings import parse_settings
from archdsl.errors import ArchError
from archdsl.parsing.overriding import learning_rate_word, with_recipe
from archdsl.parsing.reshaping import with_settings

NET = """\
archdsl: 1
name: Net
input: [8, 8, 1]
args: {train: 10}
variants:
  quick:
    data: {augment: {crop: 2}}
    train:
      optimizer:
        sgd: {learning_rate: {cosine: {rate: 0.5}}}   # fast
data: {source: digits, augment: {flip: horizontal}}
train:
  epochs: 4  # few
  optimizer: adam
  metrics:
  - accuracy
  rates: {}

model: [flatten, dense: {units: $train, activation: softmax}]
expect: {output: [10]}
"""
BARE = "archdsl: 1\nname: Net\ninput: [8, 8, 1]\nmodel: [flatten, dense: {units: 10, activation: softmax}]"
FLOW = "{archdsl: 1, name: Net, input: [8], model: [{dense: {units: 2, activation: softmax}}], train: {epochs: 2}}"


def changed(old: str, new: str) -> set[str]:
    """The lines that differ, with a sign."""
    before, after = old.splitlines(), new.splitlines()
    return {f"-{line}" for line in before if line not in after} | {f"+{line}" for line in after if line not in before}


@pytest.mark.parametrize(
    ("variant", "words", "lines"),
    [
        ("", {"train.epochs": 3}, {"-  epochs: 4  # few", "+  epochs: 3  # few"}),
        ("", {"train.seed": 3}, {"+  seed: 3"}),
        ("", {"data.batch_size": 3}, {"-data: {source", "+data: {batch_size: 3, source"}),
        ("", {"data.augment.flip": "none"}, {"-data: {source", "+data: {source: digits, augment: {flip: none}}"}),
        ("", {"train.metrics": []}, {"-  metrics:", "-  - accuracy", "+  metrics: []"}),
        ("", {"train.rates.biases": 2.0}, {"-  rates: {}", "+  rates: {biases: 2.0}"}),
        ("", {"data.source.npz": "my data.npz"}, {"-data:", "+data: {source: {npz: my data.npz}, augment:"}),
        ("", {"train.optimizer.adam.beta_1": 0.8}, {"-  optimizer: adam", "+  optimizer: {adam: {beta_1: 0.8}}"}),
        ("", {"train.optimizer.sgd.momentum": 0.8}, {"-  optimizer: adam", "+  optimizer: {sgd: {momentum: 0.8}}"}),
        ("quick", {"train.epochs": 3}, {"-  epochs: 4  # few", "+  epochs: 3  # few"}),
        (
            "quick",
            {"train.optimizer": "lion"},
            {"-      optimizer:", "-        sgd:", "+      optimizer: lion   # fast"},
        ),
        (
            "quick",
            {"train.optimizer.sgd.momentum": 0.8},
            {"-        sgd", "+        sgd: {momentum: 0.8, learning_rate:"},
        ),
        ("quick", {"data.augment.zoom": 0.1}, {"-data:", "+data: {source: digits, augment: {zoom: 0.1, flip:"}),
        ("quick", {"data.augment.crop": 1}, {"-    data:", "+    data: {augment: {crop: 1}}"}),
        (
            "quick",
            {"data.augment": {"hue": 0.1}},
            {"-data:", "-    data:", "+data:", "+    data: {augment: {hue: 0.1}}"},
        ),
    ],
)
def test_the_value_is_replaced_in_the_text_and_nothing_else(
    variant: str, words: dict[str, Any], lines: set[str]
) -> None:
    spec = zoo.loads(NET, variant=variant)
    given = with_recipe(spec, words)
    found = changed(NET, given.text)
    assert len(found) == len(lines), found
    assert all(any(line.startswith(start) for line in found) for start in lines), found
    again = zoo.loads(given.text, variant=variant)
    assert (again.data, again.train) == (given.data, given.train)
    assert (again.data, again.train) != (spec.data, spec.train)
    assert given.overridden == words


def test_the_variant_does_not_hide_an_override() -> None:
    spec = zoo.loads(NET, variant="quick")
    recipe = with_recipe(spec, {"data.augment": {"hue": 0.1}, "train.optimizer.sgd.learning_rate.cosine.rate": 0.1})
    assert recipe.data.augment.model_dump(exclude_defaults=True) == {"hue": 0.1}
    assert recipe.train.optimizer.learning_rate.rate == 0.1


def test_later_overrides_win_and_add_up() -> None:
    spec = archdsl.loads(NET)
    given = with_recipe(spec, {"train.optimizer.sgd.momentum": 0.5, "train.optimizer": "lion", "train.seed": 2})
    assert given.train.optimizer.word == "lion"
    twice = with_recipe(given, {"train.seed": 3})
    assert twice.overridden == {**given.overridden, "train.seed": 3}
    assert archdsl.loads(twice.text).train.seed == 3


@pytest.mark.parametrize(
    ("text", "words", "start"),
    [
        (BARE, {"data.source": "digits", "data.limit": 9}, BARE + "\ndata: {limit: 9, source: digits}"),
        (BARE + "\n", {"train.epochs": 2}, BARE + "\ntrain: {epochs: 2}\n"),
        (BARE + "\ntrain: {epochs: 2, # two\n  seed: 1}\n\n", {"data.source": "digits"}, BARE + "\ntrain: {epochs: 2,"),
        (FLOW, {"train.seed": 5}, FLOW.replace("{epochs", "{seed: 5, epochs")),
        (FLOW, {"data.source": "digits"}, "{data: {source: digits}, archdsl: 1"),
        (NET.replace("\n", "\r\n"), {"train.seed": 3}, "archdsl: 1\r\n"),
        (
            NET.replace("optimizer: adam", "optimizer:  # best\n    adam:"),
            {"train.optimizer.adam.beta_1": 0.5},
            "archd",
        ),
        (NET.replace("optimizer: adam", "optimizer: >-\n    adam"), {"train.optimizer": "lion"}, "archdsl: 1\n"),
        (NET.replace("optimizer: adam", '"optimizer": "adam"'), {"train.optimizer.adam.beta_1": 0.5}, "archdsl: 1\n"),
    ],
)
def test_any_layout(text: str, words: dict[str, Any], start: str) -> None:
    given = with_recipe(archdsl.loads(text), words)
    assert given.text.startswith(start)
    assert given.text.count("\r") == (given.text.count("\n") if "\r" in text else 0)
    again = archdsl.loads(given.text)
    assert (again.data, again.train) == (given.data, given.train)


WRONG = (
    ("train.epoch=3",),
    ("train.epochs=many",),
    ("train.epochs=$train",),
    ("train.optimizer.adm.beta_1=0.5",),
    ("train.optimizer.adam.beta=0.5",),
    ("train.optimizer.adam.learning_rate=-1",),
    ("train.optimizer.adam.learning_rate.cosin.rate=1",),
    ("train.decay=kernels",),
    ("train.early_stopping.patience=3", "data.validation=0"),
    ("data.size=[64, big]",),
    ("data.augment=flip",),
    ("data.source.folders=photos",),
    ("tran.epochs=3",),
    ("epochs=3",),
    ("batch_size=3",),
    ("data=digits",),
    ("train.=3",),
    ("train.optimizer={",),
    ("train.optimizer",),
)


def test_wrong_overrides(golden: Callable[[str, str], None]) -> None:
    """Each message is located in the override, as it would be in a file."""
    spec, told = archdsl.loads(NET), []
    for words in WRONG:
        with pytest.raises(ArchError) as caught:
            with_settings(spec, parse_settings(words, spec))
        told.append(f"$ archdsl train net.yaml {' '.join(f'--set {word!r}' for word in words)}\n{caught.value}\n")
    with pytest.raises(ArchError) as caught:
        with_recipe(archdsl.loads(BARE), {"data.batch_size": 3})
    golden("wrong_overrides.txt", "\n".join([*told, f"{caught.value}\n"]))


def test_an_argument_may_have_the_name_of_a_section() -> None:
    spec = archdsl.loads(NET)
    given, arguments = with_settings(spec, parse_settings(["train=3", "train.epochs=2"], spec))
    assert (arguments, given.train.epochs) == ({"train": 3}, 2)


def test_expect_still_applies_to_another_recipe() -> None:
    assert archdsl.check(archdsl.loads(NET), arguments={"train.epochs": 2}).shape == (10,)
    with pytest.raises(ArchError, match="ARCH026"):
        archdsl.check(archdsl.loads(NET.replace("[10]", "[9]")), arguments={"train.epochs": 2})


@pytest.mark.parametrize(
    ("optimizer", "word"),
    [
        ("adam", "train.optimizer.adam.learning_rate"),
        ("{sgd: {learning_rate: 0.1}}", "train.optimizer.sgd.learning_rate"),
        ("{lion: {learning_rate: {step: {rate: 1, at: [2]}}}}", "train.optimizer.lion.learning_rate.step.rate"),
    ],
)
def test_the_learning_rate_of_any_optimizer(optimizer: str, word: str) -> None:
    spec = archdsl.loads(NET.replace("optimizer: adam", f"optimizer: {optimizer}"))
    assert learning_rate_word(spec) == word
    rate = with_recipe(spec, {word: 0.25}).train.optimizer.learning_rate
    assert getattr(rate, "rate", rate) == 0.25


@pytest.mark.parametrize("name", ["digits_resnet", "funny_resnet", "cifar_fast", "resnet_cifar"])
def test_recipes_of_the_zoo_and_of_their_variants(name: str) -> None:
    words = {
        "data.batch_size": 7,
        "train.early_stopping": "none",
        "train.decay": "all",
        "train.optimizer.sgd.nesterov": True,
    }
    spec = zoo.load(name)
    for one in (spec, *map(spec.varied, [*spec.variants][-1:])):
        given = with_recipe(one, words)
        again = zoo.loads(given.text, one.file, one.variant)
        assert (again.data, again.train) == (given.data, given.train)
        assert (again.data.batch_size, again.train.optimizer.word) == (7, "sgd")
