"""Parse the `data` and `train` sections of a file and of its variants."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingType
from typing import TYPE_CHECKING

from pydantic import BaseModel

from archdsl.errors import Problems, Span
from archdsl.parsing.validation import validate
from archdsl.source import Mapping, Node, Scalar, Sequence
from archdsl.steps import StepRef

if TYPE_CHECKING:
    from archdsl.recipe import Data, Train

SECTIONS = ("data", "train")

DEEP = ("augment",)
"""Mappings inside a section whose single keys a variant can override. Any other mapping is replaced as a whole."""


def section_model(section: str) -> type[BaseModel]:
    """Return the Pydantic model of a section, imported only if a file has the section."""
    from archdsl import recipe

    return recipe.Data if section == "data" else recipe.Train


def read(
    root: Mapping, outputs: tuple[StepRef, ...], problems: Problems, variant: Mapping | None = None
) -> tuple[Data | None, Train | None, dict[str, Span]]:
    """Parse both sections of a file or of one of its variants, with the places of all values.

    Args:
        root: The root of the file.
        outputs: The outputs of the network, each of which needs a loss.
        problems: Collects the problems.
        variant: The variant, if any.

    Returns:
        The two sections, and the place of each value by a path such as `train.whiten.layer`. All three are empty if the
        variant does not change the recipe.
    """
    if variant is not None and all(variant.get(word) is None for word in SECTIONS):
        return None, None, {}
    laid = {word: laid_over(root.get(word), variant.get(word) if variant else None) for word in SECTIONS}
    nodes = {word: node for word, node in laid.items() if node is not None}
    if not nodes:
        return None, None, {}
    from archdsl.recipe import Recipe

    before = len(problems.collected)
    context = {"outputs": [ref.label for ref in outputs]}
    sections = {word: validate(section_model(word), node, problems, context) for word, node in nodes.items()}
    if len(problems.collected) > before:
        return None, None, {}
    both = Mapping(tuple((Scalar(word, word, node.span), node) for word, node in nodes.items()), root.span)
    recipe = validate(Recipe, both, problems, values=sections) or Recipe()
    return recipe.data, recipe.train, dict(_places(nodes))


def laid_over(own: Node | None, laid: Node | None, deep: tuple[str, ...] = DEEP) -> Node | None:
    """Return a section with the changes of a variant. Each value keeps its place."""
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


def _places(nodes: MappingType[str, Node], above: str = "") -> Iterator[tuple[str, Span]]:
    for word, node in nodes.items():
        yield above + word, node.span
        if isinstance(node, Mapping):
            yield from _places({key.text: inner for key, inner in node.items}, f"{above}{word}.")
        elif isinstance(node, Sequence):
            yield from _places({str(number): inner for number, inner in enumerate(node.items)}, f"{above}{word}.")
