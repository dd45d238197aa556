"""The long form of a whole file: its sections in one order, with a variant and set arguments laid over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from archdsl.errors import fail
from archdsl.expansion.bodies import Bodies, Given, projects
from archdsl.expansion.comments import Comments
from archdsl.expansion.fields import line
from archdsl.expansion.tree import Group, Item, entries, prose, tree
from archdsl.expr import is_expression
from archdsl.ops import OPS
from archdsl.parsing.recipes import laid_over
from archdsl.parsing.validation import plain
from archdsl.recipe import Data, Train
from archdsl.source import Mapping, Node, Scalar
from archdsl.spec import TYPES, Arg, Spec

FILE = (
    *("archdsl", "name", "doc", "input", "inputs", "args", "variants", "defaults", "layers", "model", "outputs"),
    *("expect", "data", "train"),
)
LAYER = ("doc", "like", "with", "inputs", "args", "steps", "outputs")
VARIANT = ("doc", "input", "inputs", "args", "expect", "data", "train")

RECIPE: dict[str, type[BaseModel]] = {"data": Data, "train": Train}

_PROJECTED = frozenset({"filters", "kernel", "groups", "stride", "padding", "dilation", "activation"})
"""The fields that a projection chooses itself."""


@dataclass(frozen=True)
class Overlay:
    """What is laid over a file: one of its variants, and arguments that were set."""

    variant: str
    settings: MappingType[str, Any]

    def __bool__(self) -> bool:
        return bool(self.variant or self.settings)


class File:
    """Writes a file out.

    Args:
        root: the file's tree; `spec` is the same, read and found right.
    """

    def __init__(self, root: Mapping, spec: Spec, comments: Comments, over: Overlay) -> None:
        self.root, self.spec, self.comments, self.over = root, spec, comments, over
        shared = {key.text: node for key, node in entries(root.get("defaults")) if isinstance(node, Mapping)}
        self.layers = {key.text: node for key, node in entries(root.get("layers")) if isinstance(node, Mapping)}
        self.bodies = Bodies(comments, shared, False, {name: self._signature(name) for name in self.layers})
        variants = root.get("variants")
        variant = variants.get(over.variant) if isinstance(variants, Mapping) and over.variant else None
        self.variant = variant if isinstance(variant, Mapping) else None

    def _signature(self, name: str) -> dict[str, Given]:
        """The arguments that a use of a layer may give."""
        node, fixed = self.layers[name], set()
        while (like := node.get("like")) is not None:
            fixed |= {key.text for key, _ in entries(node.get("with"))}
            name = str(plain(like))
            node = self.layers[name]
        return {
            key.text: Given(None if _is_type(inner) else inner, f"default of {name}, {line(inner)}")
            for key, inner in entries(node.get("args"))
            if key.text not in fixed
        }

    def long(self) -> Group:
        """The whole file with everything filled in."""
        return self._tree(FILE, self._section)

    def short(self) -> Group:
        """The whole file as it is, but for what is laid over it."""
        self.bodies = replace(self.bodies, faithful=True)
        laid = {"doc": self._doc, "input": self._inputs, "inputs": self._inputs, "args": self._args}
        laid |= {"variants": self._variants, "expect": self._expect, "data": self._overlaid, "train": self._overlaid}
        words = [key.text for key, _ in self.root.items]
        for word in ("doc", "expect", *RECIPE):
            if word not in words and self._laid(word)[0] is not None:
                words.insert(words.index("name") + 1 if word == "doc" else len(words), word)
        return self._tree(words, lambda word: laid.get(word, self._as_it_is)(word))

    def _as_it_is(self, word: str) -> Item | None:
        key, node = self.root.key(word), self.root.get(word)
        return None if key is None or node is None else self.bodies.entry(key, node)

    def _tree(self, words: Iterable[str], section: Callable[[str], Item | None]) -> Group:
        """The sections in an order. Comments of what went into other places stay where it stood."""
        top = self.comments.take_above(self.root.items[0][0])
        items: list[Item] = []
        lines: list[str] = []
        for word in words:
            item = section(word)
            lines += self._remains(word)
            if item is not None:
                items.append(_led(item, lines))
                lines = []
        items[0] = _led(items[0], top)
        items[-1] = replace(items[-1], below=(*items[-1].below, *lines))
        return Group(tuple(items), open=True)

    def _section(self, word: str) -> Item | None:
        key, node = self.root.key(word), self.root.get(word)
        special = {
            "doc": self._doc,
            "input": self._inputs,
            "inputs": self._inputs,
            "args": self._args,
            "variants": self._variants,
            "defaults": self._defaults,
            "layers": self._layers,
            "expect": self._expect,
        }
        if word in special:
            return special[word](word)
        if word in RECIPE:
            return self._recipe(word)
        if key is None or node is None:
            return None
        if word == "model":
            return self.bodies.item(word, self.bodies.body(node), "", key)
        return self.bodies.entry(key, node)

    def _recipe(self, word: str) -> Item | None:
        """`data` or `train` with all their fields, and the variant's laid over them."""
        node = laid_over(self.root.get(word), self._laid(word)[0])
        if node is None:
            return None
        data = laid_over(self.root.get("data"), self._laid("data")[0])
        validation = data.get("validation") if isinstance(data, Mapping) else None
        # Without a validation part no epoch is the best, and `keep: best` may not be said.
        unsaid = {"keep": "last"} if validation is not None and not plain(validation) else {}
        filled = self.bodies.recipe(RECIPE[word], node, word, unsaid)
        return self.bodies.item(word, filled, "", *_some(self.root.key(word)))

    def _overlaid(self, word: str) -> Item | None:
        """`data` or `train` as the file has them, and the variant's laid over them."""
        key, node = self.root.key(word), laid_over(self.root.get(word), self._laid(word)[0])
        return None if node is None else self.bodies.item(word, self.bodies.copy(node), "", *_some(key))

    def _remains(self, word: str) -> list[str]:
        """The comments of a section that its long form has not taken, as lines."""
        key, node = self.root.key(word), self.root.get(word)
        if word == "variants" and self.over:
            chosen = entries(node) if self.over.variant else ()
            kept = [
                line for name, inner in chosen if name.text == self.over.variant for line in self._rest(name, inner)
            ]
            self._rest(key, node)
            return kept
        if word == "expect" and self.over.settings and self.spec.expect.model_fields_set:
            self._rest(key, node)
            names = " and ".join(f"`{name}`" for name in self.over.settings)
            return ["", f"# `expect` is lifted: with {names} set, this is another network"]
        return self._rest(key, node)

    def _rest(self, *nodes: Node | None) -> list[str]:
        return self.comments.rest(*nodes)

    def _laid(self, word: str, inner: str = "") -> tuple[Node | None, str]:
        """What the variant says of a section, or of an entry of it, and how that is told."""
        node = self.variant.get(word) if self.variant else None
        node = node.get(inner) if inner and isinstance(node, Mapping) else None if inner else node
        return node, f"variant {self.over.variant}, {line(node)}" if node is not None else ""

    def _doc(self, word: str) -> Item | None:
        key, node = self.root.key(word), self.root.get(word)
        laid, origin = self._laid(word)
        found = laid or node
        if not isinstance(found, Scalar):
            return None
        return self.bodies.item(word, prose(found), origin or line(found), *_some(key))

    def _inputs(self, word: str) -> Item | None:
        key, node = self.root.key(word), self.root.get(word)
        laid, origin = self._laid(word)
        if key is None or node is None:
            return None
        if laid is None:
            return self.bodies.entry(key, node)
        if word == "input":
            return self.bodies.item(word, self.bodies.copy(laid, origin), origin, key)
        return self.bodies.item(word, Group(tuple(self._merged(word, node))), "", key)

    def _merged(self, word: str, node: Node | None) -> Iterator[Item]:
        """The entries of a section with the variant's laid over them."""
        laid, _ = self._laid(word)
        for key, inner in entries(node):
            over, origin = self._laid(word, key.text)
            if over is None or plain(over) is None:
                yield self.bodies.entry(key, inner)
            else:
                yield self.bodies.item(key.text, self.bodies.copy(over, origin), origin, key)
        known = {key.text for key, _ in entries(node)}
        for key, inner in entries(laid):
            if key.text not in known:
                _, origin = self._laid(word, key.text)
                yield self.bodies.item(key.text, self.bodies.copy(inner, origin), origin)

    def _args(self, word: str) -> Item | None:
        key, node = self.root.key(word), self.root.get(word)
        if key is None:
            return None
        items = tuple(self._arg(inner, value) for inner, value in entries(node))
        return self.bodies.item(word, Group(items), "", key)

    def _arg(self, key: Scalar, node: Node) -> Item:
        arg = self.spec.args[key.text]
        laid, origin = self._laid("args", key.text)
        if key.text in self.over.settings:
            given, origin = self.over.settings[key.text], f"--set {key.text}"
            value = tree(_default(arg, given), origin)
        elif laid is not None:
            given = _default(arg, plain(laid))
            value = self.bodies.copy(laid, origin) if type(given) is type(plain(laid)) else tree(given, origin)
        else:
            return self.bodies.entry(key, node)
        return self.bodies.item(key.text, value, origin, key)

    def _variants(self, word: str) -> Item | None:
        key, node = self.root.key(word), self.root.get(word)
        if key is None or self.over:
            return None
        variants = tuple(
            self.bodies.item(name.text, Group(tuple(self._ordered(inner, VARIANT))), "", name)
            for name, inner in entries(node)
        )
        return self.bodies.item(word, Group(variants, open=True), "", key)

    def _ordered(self, node: Node, words: tuple[str, ...]) -> Iterator[Item]:
        for key, inner in sorted(entries(node), key=lambda entry: words.index(entry[0].text)):
            if key.text == "doc" and isinstance(inner, Scalar):
                yield self.bodies.item("doc", prose(inner), line(inner), key)
            else:
                yield self.bodies.entry(key, inner)

    def _defaults(self, word: str) -> Item | None:
        """What is left of `defaults`: what a projection is made of, where the file may have one."""
        if not projects(self.root):
            return None
        key, node = self.root.key(word), self.root.get(word)
        own = node.key("conv") if isinstance(node, Mapping) else None
        given = node.get("conv") if isinstance(node, Mapping) else None
        conv = self.bodies.item("conv", self.bodies.op(OPS["conv"], given, skip=_PROJECTED), "", *_some(own))
        found = self.bodies.item(word, Group((conv,), open=True), "", *_some(key))
        return found if key else replace(found, above=("",))

    def _layers(self, word: str) -> Item | None:
        key = self.root.key(word)
        if key is None or not self.layers:
            return None
        layers = (
            self.bodies.item(name.text, Group(tuple(self._layer(node)), open=True), "", name)
            for name, node in entries(self.root.get(word))
            if isinstance(node, Mapping)
        )
        return self.bodies.item(word, Group(tuple(layers), open=True), "", key)

    def _layer(self, node: Mapping) -> Iterator[Item]:
        for word in LAYER:
            key, inner = node.key(word), node.get(word)
            if word == "steps" and node.get("paths") is not None:
                bunch = Item("", Group(tuple(self.bodies.bunch(node)), open=True))
                yield Item("steps", Group((bunch,), listed=True, open=True))
            elif key is None or inner is None:
                continue
            elif word == "steps":
                yield self.bodies.item(word, self.bodies.body(inner), "", key)
            elif word == "doc" and isinstance(inner, Scalar):
                yield self.bodies.item(word, prose(inner), line(inner), key)
            else:
                yield self.bodies.entry(key, inner)

    def _expect(self, word: str) -> Item | None:
        key, node = self.root.key(word), self.root.get(word)
        if self.over.settings or (key is None and self._laid(word)[0] is None):
            return None
        return self.bodies.item(word, Group(tuple(self._merged(word, node))), "", *_some(key))


def _led(item: Item, lines: list[str]) -> Item:
    """An entry with more lines in front of it; blank ones stay in front of all."""
    blank = next((i for i, text in enumerate(item.above) if text), len(item.above))
    return replace(item, above=(*item.above[:blank], *lines, *item.above[blank:]))


def _is_type(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value in TYPES


def _some(key: Scalar | None) -> tuple[Scalar, ...]:
    return () if key is None else (key,)


def _default(arg: Arg, given: Any) -> Any:
    """A value as the default of an argument, which must go on giving the argument's type.

    Raises:
        ArchError: the value is text that means something else where a default stands.
    """
    given = arg.taken(given)
    if isinstance(given, str) and (given in TYPES or is_expression(given)):
        message = f"`{arg.name}` cannot have the default `{given}`: there it is no text"
        raise fail("ARCH203", message, arg.span, "expand the file without it, and give the value where you build")
    return float(given) if arg.type == "float" and type(given) is int else given
