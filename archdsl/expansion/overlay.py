"""The tree of a file with one of its variants and set arguments laid over it."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingType
from typing import Any

from archdsl.errors import Span, fail, nearest
from archdsl.expr import is_expression
from archdsl.parsing.recipes import SECTIONS, laid_over
from archdsl.parsing.validation import plain
from archdsl.source import Mapping, Node, Scalar, Sequence, entries
from archdsl.spec import TYPES, Spec

_BRACKETS = Span("", 1, 1, 1, "{")
"""The position of values that are in no file: they are written in brackets where these fit on a line."""


class Overlay:
    """The tree of a file with one of its variants and set arguments laid over it.

    Attributes:
        file: the tree of the file itself.
        root: the tree with all laid over. `variants` stays, for its position; `expect` goes if arguments are set.
        origins: by the identity of a node of `root` that is not its place's own, where it came from; its comments
            stay with the variant.
    """

    def __init__(self, file: Mapping, spec: Spec, variant: str, settings: MappingType[str, Any]) -> None:
        """Lays over.

        Args:
            file: the tree of the file.
            spec: the same, read, with the variant laid over it.
            variant: the variant's name, or nothing.
            settings: arguments of the model.

        Raises:
            ArchError: an argument is unknown or has the wrong type, or its value is text that means something else
                where a default is.
        """
        for name, value in settings.items():
            if name not in spec.args:
                raise fail("ARCH203", f"{spec.name} has no argument `{name}`", hint=nearest(name, spec.args))
            if fault := spec.args[name].fault(spec.args[name].taken(value)):
                raise fail("ARCH203", fault, spec.args[name].span)
        self.file, self.spec, self.variant, self.settings = file, spec, variant, settings
        self.origins: dict[int, str] = {}
        variants = file.get("variants")
        laid = variants.get(variant) if isinstance(variants, Mapping) and variant else None
        self.root = self._laid_over(laid if isinstance(laid, Mapping) else Mapping((), _BRACKETS))

    def __bool__(self) -> bool:
        return bool(self.variant or self.settings)

    def _laid_over(self, variant: Mapping) -> Mapping:
        words = [key.text for key, _ in self.file.items]
        for word in ("doc", "expect", *SECTIONS):
            if word not in words and variant.get(word) is not None:
                words.insert(words.index("name") + 1 if word == "doc" else len(words), word)
                self.origins[id(variant.key(word))] = ""
        if self.settings and "expect" in words:
            words.remove("expect")
        sections = []
        for word in words:
            node, laid = self.file.get(word), variant.get(word)
            key = self.file.key(word) or variant.key(word)
            section = laid_over(node, laid) if word in SECTIONS else self._section(word, node, laid)
            if key is not None and section is not None:
                sections.append((key, section))
        return Mapping(tuple(sections), self.file.span)

    def _section(self, word: str, node: Node | None, laid: Node | None) -> Node | None:
        if word in ("args", "expect") or (word == "inputs" and laid is not None):
            merged = Mapping(tuple(self._merged(word, node, laid)), _BRACKETS)
            self.origins[id(merged)] = ""
            return merged
        return node if laid is None else self._of_variant(laid)

    def _merged(self, word: str, node: Node | None, laid: Node | None) -> Iterator[tuple[Scalar, Node]]:
        """The entries of a section, with the variant's and the set arguments laid over them."""
        given = {key.text: (key, inner) for key, inner in entries(laid)}
        for key, inner in entries(node):
            _, over = given.pop(key.text, (None, None))
            if word == "args" and key.text in self.settings:
                default = self._default(key.text, self.settings[key.text])
                yield key, self._node(default, f"--set {key.text}")
            elif over is None or plain(over) is None:
                yield key, inner
            elif word == "args" and type(default := self._default(key.text, plain(over))) is not type(plain(over)):
                yield key, self._node(default, f"variant {self.variant}, {line(over)}")
            else:
                yield key, self._of_variant(over)
        for key, over in given.values():
            self.origins[id(key)] = ""
            yield key, self._of_variant(over)

    def _of_variant(self, node: Node) -> Node:
        self.origins[id(node)] = f"variant {self.variant}, {line(node)}"
        return node

    def _default(self, name: str, given: Any) -> Any:
        """A value as the default of an argument, which must go on giving the argument's type."""
        arg = self.spec.args[name]
        given = arg.taken(given)
        if isinstance(given, str) and (given in TYPES or is_expression(given)):
            message = f"`{arg.name}` cannot have the default `{given}`: there it is no text"
            raise fail("ARCH203", message, arg.span, "expand the file without it, and give the value where you build")
        return float(given) if arg.type == "float" and type(given) is int else given

    def _node(self, value: Any, origin: str) -> Node:
        """A value of Python as a node."""
        node: Node
        if isinstance(value, list | tuple):
            node = Sequence(tuple(self._node(item, origin) for item in value), _BRACKETS)
        elif isinstance(value, dict):
            pairs = ((Scalar(key, key, _BRACKETS), self._node(item, origin)) for key, item in value.items())
            node = Mapping(tuple(pairs), _BRACKETS)
        else:
            node = Scalar(value, value if isinstance(value, str) else "", _BRACKETS)
        self.origins[id(node)] = origin
        return node


def line(node: Node) -> str:
    """Where a value is in its own file."""
    return f"line {node.span.line}"
