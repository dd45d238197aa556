"""Reads `data` and `train`, the file's own and those of its variants, and holds the words of both to one another."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field
from typing import Any

from archdsl.errors import Problems, Span, nearest
from archdsl.parsing.validation import validate
from archdsl.recipe import Data, Train
from archdsl.source import Mapping, Node
from archdsl.spec import Tap

SECTIONS: dict[str, Any] = {"data": Data, "train": Train}

DEEP = ("augment",)
"""What a variant lays over by key, too; any other mapping inside a section is replaced as a whole."""


@dataclass(frozen=True)
class Recipe:
    """Both sections of a file, or what a variant makes of them.

    Args:
        places: where each value stands, by its path, such as `train.whiten.layer`.
    """

    data: Data | None = None
    train: Train | None = None
    places: MappingType[str, Span] = field(default_factory=dict)


def read(root: Mapping, outputs: tuple[Tap, ...], problems: Problems, variant: Mapping | None = None) -> Recipe | None:
    """The recipe of a file, or of one of its variants; None where a variant says nothing of it.

    Args:
        outputs: those of the network, each of which has a loss.
        problems: where what is wrong is collected.
        variant: what is laid over the file's own.
    """
    if variant is not None and all(variant.get(word) is None for word in SECTIONS):
        return None
    nodes = {word: laid_over(root.get(word), variant.get(word) if variant else None) for word in SECTIONS}
    before = len(problems.collected)
    found = {word: None if node is None else validate(SECTIONS[word], node, problems) for word, node in nodes.items()}
    recipe = Recipe(found["data"], found["train"], dict(_places(nodes)))
    if recipe.train is not None and isinstance(nodes["train"], Mapping):
        _check_outputs(recipe.train, nodes["train"], [tap.name for tap in outputs], problems)
    if len(problems.collected) == before:
        _check_together(recipe, nodes, problems)
    return recipe


def laid_over(own: Node | None, laid: Node | None, deep: tuple[str, ...] = DEEP) -> Node | None:
    """A section with a variant's laid over it, key by key; each value keeps its place."""
    if not isinstance(laid, Mapping) or not isinstance(own, Mapping):
        return own if laid is None else laid
    given = {key.text: (key, node) for key, node in laid.items}
    items = []
    for key, node in own.items:
        if key.text not in given:
            items.append((key, node))
            continue
        over_key, over = given.pop(key.text)
        merged = laid_over(node, over, ()) if key.text in deep else over
        items.append((over_key, over if merged is None else merged))
    return Mapping((*items, *given.values()), laid.span)


def _places(nodes: MappingType[str, Node | None], above: str = "") -> Iterator[tuple[str, Span]]:
    for word, node in nodes.items():
        if node is None:
            continue
        yield above + word, node.span
        if isinstance(node, Mapping):
            yield from _places({key.text: inner for key, inner in node.items}, f"{above}{word}.")


def _check_outputs(train: Train, section: Mapping, names: list[str], problems: Problems) -> None:
    """Of several outputs, each has a loss."""
    node = section.get("loss")
    if isinstance(node, Mapping) and isinstance(train.loss, dict):
        for key, _ in node.items:
            if key.text not in names:
                hint = nearest(key.text, names) if names else "this network has one output: write the loss alone"
                problems.add("ARCH005", f"`{key.text}` is no output of this network", key.span, hint)
        for name in names:
            if node.get(name) is None:
                problems.add("ARCH006", f"the output `{name}` has no loss", node.span, f"add `{name}: ...`")
    elif len(names) > 1:
        place = section.span if node is None else node.span
        hint = f"`loss: {{{', '.join(f'{name}: ...' for name in names)}}}`"
        problems.add("ARCH007", "each of several outputs has a loss of its own", place, hint)


def _check_together(recipe: Recipe, nodes: MappingType[str, Node | None], problems: Problems) -> None:
    """What one section says must go with what the other does."""
    data, train = recipe.data, recipe.train or Train()
    if data is None:
        return
    mixes = [word for word in ("mixup", "cutmix") if getattr(data.augment, word)]
    sparse = [loss.word for loss in train.losses.values() if loss.sparse]
    if mixes and sparse:
        message = f"`{mixes[0]}` mixes labels, and `{sparse[0]}` wants whole ones"
        hint = "take a loss of one-hot labels, such as `categorical_crossentropy`"
        problems.add("ARCH008", message, _key(nodes["data"], "augment", mixes[0]), hint)
    if data.validation:
        return
    hint = "`data.validation` holds out a share of the training set"
    if train.early_stopping is not None:
        message = "without a validation part, nothing tells when to stop"
        problems.add("ARCH008", message, _key(nodes["train"], "early_stopping"), hint)
    if "keep" in train.model_fields_set and train.keep == "best":
        message = "without a validation part, no epoch is known to be the best"
        problems.add("ARCH008", message, _key(nodes["train"], "keep"), hint)


def _key(node: Node | None, *path: str) -> Span | None:
    """Where a word stands."""
    span = None if node is None else node.span
    for word in path:
        key = node.key(word) if isinstance(node, Mapping) else None
        if key is None or not isinstance(node, Mapping):
            return span
        node, span = node.get(word), key.span
    return span
