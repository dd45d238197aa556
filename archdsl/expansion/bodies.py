"""The long form of bodies: every step a mapping, every body a list, every argument there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from collections.abc import Mapping as MappingType
from dataclasses import dataclass

from archdsl import expr
from archdsl.errors import Span
from archdsl.expansion.fields import Fields, chosen, line
from archdsl.expansion.tree import Group, Item, Tree, entries, words
from archdsl.ops import OPS
from archdsl.parsing.steps import BUNCH
from archdsl.parsing.values import LOOP, NEIGHBOURS
from archdsl.source import Mapping, Node, Scalar, Sequence

BESIDE = ("from", *LOOP, "name")
"""The order of what stands beside a step."""


@dataclass(frozen=True, slots=True)
class Given:
    """The default of a layer's argument, or nothing where a use has to give one, and where it stands."""

    default: Node | None
    origin: str


@dataclass(frozen=True)
class Bodies(Fields):
    """Writes bodies out.

    Args:
        signatures: each layer's arguments.
    """

    signatures: MappingType[str, MappingType[str, Given]]

    def body(self, node: Node) -> Group:
        """A list of steps, also where the file has one step by itself."""
        nodes = node.items if isinstance(node, Sequence) else (node,)
        return Group(tuple(self._step(inner) for inner in nodes), listed=True, open=True)

    def _step(self, node: Node) -> Item:
        if not isinstance(node, Mapping):
            key, _ = chosen(node)
            # The comments of the line are the step's, and `word` is not the node that they stand beside.
            word = Scalar(key.text, key.text, key.span)
            return self.item("", Group((self.word(word, self._call(key.text, None)),), open=True), "", node)
        bunch = node.get("paths") is not None
        beside = {*NEIGHBOURS, *(BUNCH if bunch else ())}
        key, given = next((key, inner) for key, inner in node.items if key.text not in beside)
        items = tuple(self.bunch(node)) if bunch else (self.word(key, self._call(key.text, given)),)
        return self.item("", Group((*items, *self._beside(node)), open=True), "", node)

    def _call(self, word: str, given: Node | None) -> Group:
        return self.op(OPS[word], given) if word in OPS else self._use(word, given)

    def _use(self, layer: str, given: Node | None) -> Group:
        """A use of a layer with all arguments, in the layer's order."""
        said = {key.text: (key, node) for key, node in entries(given)}
        items = []
        for name, arg in self.signatures[layer].items():
            if name in said:
                items.append(self.entry(*said[name]))
            elif arg.default is not None:
                items.append(self.item(name, self.copy(arg.default, arg.origin), arg.origin))
        return Group(tuple(items))

    def _beside(self, node: Mapping) -> Iterator[Item]:
        for word in BESIDE:
            key, inner = node.key(word), node.get(word)
            if key is None or inner is None:
                continue
            value: Tree = self.copy(inner)
            if word == "from" and isinstance(inner, Scalar):
                value = words(inner.text, origin=line(inner))
            yield self.item(word, value, line(inner), key)

    def bunch(self, node: Mapping) -> Iterator[Item]:
        """`paths` and what belongs to it, all of it said."""
        paths = node.get("paths")
        if isinstance(paths, Mapping):
            named = tuple(self._path(key.text, inner, key) for key, inner in paths.items)
            yield self.item("paths", Group(named, open=True), "", *_keys(node, "paths"))
        elif isinstance(paths, Sequence):
            bare = tuple(self._path("", inner, inner) for inner in paths.items)
            yield self.item("paths", Group(bare, listed=True, open=True), "", *_keys(node, "paths"))
        shortcut, merge, after = (node.get(word) for word in BUNCH)
        told = "default of paths"
        value = self.body(shortcut) if isinstance(shortcut, Sequence) else self.copy(shortcut or _NONE)
        yield self.item("shortcut", value, line(shortcut) if shortcut else told, *_keys(node, "shortcut"))
        if merge is not None:
            yield self.item("merge", self._merge(merge), line(merge), *_keys(node, "merge"))
        steps = self.body(after) if after else Group((), listed=True)
        yield self.item("after", steps, line(after) if after else told, *_keys(node, "after"))

    def _merge(self, node: Node) -> Tree:
        key, given = chosen(node)
        return Group((self.word(key, self.op(OPS[key.text], given)),))

    def _path(self, name: str, node: Node, anchor: Node) -> Item:
        """A path; one with nothing beside its steps is a list of them."""
        if not isinstance(node, Mapping):
            return self.item(name, self.body(node), "", anchor)
        beside = tuple(self._beside(node))
        steps = self.body(node.get("steps") or _NONE)
        if not beside:
            return self.item(name, steps, "", anchor, *_keys(node, "steps"))
        inner = Group((*beside, self.item("steps", steps, "", *_keys(node, "steps"))), open=True)
        return self.item(name, inner, "", anchor)


_NONE = Scalar("none", "none", Span("", 0, 0))


def projects(node: Node | None) -> bool:
    """Whether something may have a shortcut that makes its conv of the file's `defaults`."""
    if isinstance(node, Sequence):
        return any(map(projects, node.items))
    if not isinstance(node, Mapping):
        return False
    word = node.get("shortcut")
    own = (
        node.get("paths") is not None and isinstance(word, Scalar) and not {*_words(word.text)}.isdisjoint(_PROJECTING)
    )
    return own or any(projects(inner) for _, inner in node.items)


_ANY = "any"
_PROJECTING = {"projection", "pool_projection", "auto", _ANY}


def _words(shortcut: str) -> Iterator[str]:
    """What a shortcut may be; `any` where an argument tells."""
    if not expr.is_expression(shortcut):
        yield shortcut
        return
    pending = [expr.parse(shortcut).tree]
    while pending:
        part = pending.pop()
        if isinstance(part, ast.IfExp):
            pending += [part.body, part.orelse]
        else:
            yield str(part.value) if isinstance(part, ast.Constant) else _ANY


def _keys(node: Mapping, word: str) -> tuple[Scalar, ...]:
    key = node.key(word)
    return () if key is None else (key,)
