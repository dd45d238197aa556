"""Override words of a spec's recipe, in its text too, so that runs, saved models and later commands agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as MappingType
from dataclasses import replace
from typing import Any

from archdsl import source
from archdsl.errors import ArchError, Span, fail
from archdsl.limits import NESTING
from archdsl.parsing import parse_tree
from archdsl.parsing.recipes import DEEP, SECTIONS, section_model
from archdsl.parsing.validation import kind_at, plain
from archdsl.source import Mapping, Node, Scalar
from archdsl.spec import Spec

OPTION = "--set"
"""The file in places that are in an override, which is shown as on a command line: `train.epochs=3`."""


def is_recipe_word(name: str) -> bool:
    """Whether a name is the path of a word in `data` or `train`, such as `train.optimizer.adam.learning_rate`."""
    first, *rest = name.split(".")
    return first in SECTIONS and 0 < len(rest) < NESTING and all(rest)


def learning_rate_word(spec: Spec) -> str:
    """Return the path of the learning rate of a spec's optimizer: of its `rate`, if it is a schedule."""
    from archdsl.recipe import Train

    optimizer = (spec.train or Train()).optimizer
    rate = optimizer.learning_rate
    path = f"train.optimizer.{optimizer.word}.learning_rate"
    return f"{path}.{rate.word}.rate" if hasattr(rate, "word") else path


def with_recipe(spec: Spec, words: MappingType[str, Any]) -> Spec:
    """Return the spec with other values for some words of its recipe.

    The text gets the new values where the old ones are: in the variant if that overrides the word, otherwise in the
    section of the file. Words that are not in the file are added.

    Args:
        spec: The spec.
        words: The values by path, such as `train.optimizer.adam.learning_rate`; later ones override earlier ones.

    Raises:
        ArchError: If a word is unknown, or a value is invalid; the problem is located in the override.
    """
    text, given = spec.text, []
    for name, value in words.items():
        root, path = _root(text, spec), name.split(".")
        for above in _owners(root, spec.variant, path):
            text = _edited(text, root, (*above, *path), value, name, spec)
            given.append((above, _in_option(name, value)))
            root = _root(text, spec)
    tree: Node = _root(text, spec)
    for above, (keys, node) in given:
        tree = _pointed(tree, [*((word, None) for word in above), *((key.text, key) for key in keys)], node)
    changed = parse_tree(tree, text, spec.file, spec.limits)
    changed = changed.varied(spec.variant) if spec.variant else changed
    return replace(changed, expect=spec.expect, overridden={**spec.overridden, **words})


def _root(text: str, spec: Spec) -> Mapping:
    root = source.read(text, spec.file, spec.limits)
    if not isinstance(root, Mapping):
        raise TypeError("a parsed spec is a mapping")
    return root


def _owners(root: Mapping, variant: str, path: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield where a word is to be overridden: the path of the variant, or an empty path for the file."""
    section, word, *inner = path
    of_file, of_variant = root.get(section), _at(root, ("variants", variant, section)) if variant else None
    own = _at(of_variant, (word,))
    if own is None and (of_file is not None or of_variant is None):
        yield ()
    elif word not in DEEP or of_file is None:
        yield "variants", variant
    elif not inner:  # the file's mapping would show through
        yield ()
        yield "variants", variant
    else:
        yield ("variants", variant) if _at(own, inner[:1]) is not None else ()


def _at(node: Node | None, path: Sequence[str]) -> Node | None:
    for word in path:
        node = node.get(word) if isinstance(node, Mapping) else None
    return node


def _edited(text: str, root: Mapping, path: Sequence[str], value: Any, name: str, spec: Spec) -> str:
    """Return the text with a value at a path, which is created if necessary."""
    owner, depth = root, 0
    while depth + 1 < len(path):
        inner = owner.get(path[depth])
        if not isinstance(inner, Mapping) or _displaces(path[: depth + 1], inner, path[depth + 1]):
            break
        owner, depth = inner, depth + 1
    new = value
    for word in reversed(path[depth + 1 :]):
        new = {word: new}
    edited = _with_entry(text, owner, path[depth], source.flow(new))
    try:
        found = _at(_root(edited, spec), path)
    except ArchError:
        found = None
    if found is None or plain(found) != plain(_value(value)):
        key = owner.key(path[depth]) or owner
        raise fail("ARCH203", f"cannot override `{name}` in this file", key.span, "write the section in plain YAML")
    return edited


def _displaces(path: Sequence[str], node: Mapping, word: str) -> bool:
    """Whether a word replaces the single word that a mapping has: another optimizer, another source."""
    if node.get(word) is not None or (path[0] == "variants" and len(path) < 4):
        return False
    section, *inner = path[2:] if path[0] == "variants" else path
    if (section, *inner) == ("data", "source"):
        return True
    choice = kind_at(section_model(section), tuple(inner))
    return hasattr(choice, "many") and not choice.many(plain(node))


def _with_entry(text: str, owner: Mapping, word: str, new: str) -> str:
    """Return the text with another value for the key of a mapping, or with a new key."""
    key, node = owner.key(word), owner.get(word)
    if key is not None and node is not None:
        end = node.start + len(text[node.start : node.end].rstrip())
        if node.span.line != key.span.line:  # a list may start in the column of its key, but a value must not
            return f"{text[: key.end]}: {new}{text[end:]}"
        gap = "" if node.end > node.start else " " if text[node.start - 1] == ":" else ": "
        return f"{text[: node.start]}{gap}{new}{text[end:]}"
    entry = f"{source.flow(word)}: {new}"
    if text[owner.start] == "{":
        return f"{text[: owner.start + 1]}{entry}{', ' if owner.items else ''}{text[owner.start + 1 :]}"
    line_end = source.LINE_END.search(text, owner.start + len(text[owner.start : owner.end].rstrip()))
    at = line_end.start() if line_end else len(text)
    new_line = line_end or source.LINE_END.search(text)
    return f"{text[:at]}{new_line[0] if new_line else chr(10)}{' ' * (owner.span.column - 1)}{entry}{text[at:]}"


def _in_option(name: str, value: Any) -> tuple[list[Scalar], Node]:
    """Return the words of a path and the value, with their places in the override."""
    text = f"{name}={source.flow(value)}"
    keys, column = [], 1
    for word in name.split("."):
        keys.append(Scalar(word, word, Span(OPTION, 1, column, len(word), text)))
        column += len(word) + 1
    return keys, _moved(_value(value), len(name), text)


def _value(value: Any) -> Node:
    """Return a value as a node, as if it was read from its text in brackets."""
    (item,) = source.items(source.read(f"[{source.flow(value)}]", OPTION))
    return item


def _moved(node: Node, by: int, text: str) -> Node:
    """Return a node whose line is a part of another one, in its place in that line."""
    span = replace(node.span, column=node.span.column + by, text=text)
    if isinstance(node, Scalar):
        return replace(node, span=span)
    if isinstance(node, source.Sequence):
        return replace(node, items=tuple(_moved(item, by, text) for item in node.items), span=span)
    items = tuple((replace(key, span=_moved(key, by, text).span), _moved(inner, by, text)) for key, inner in node.items)
    return replace(node, items=items, span=span)


def _pointed(root: Node, path: Sequence[tuple[str, Scalar | None]], node: Node) -> Node:
    """Return a tree with the places of an override for the keys of its path, and for its value.

    Args:
        root: The tree, which has the override already, unless a later one displaced it.
        path: The words of the path, and those keys whose place is in the override.
        node: The value.
    """
    (word, place), *rest = path
    if not isinstance(root, Mapping):
        return root
    items = []
    for key, inner in root.items:
        if key.text == word:
            key, inner = place or key, _pointed(inner, rest, node) if rest else node
        items.append((key, inner))
    alone = place is not None and len(items) == 1 and items[0][0] is place
    return replace(root, items=tuple(items), span=place.span if alone and place else root.span)
