"""Apply a variant and arguments to the tree of a file."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingType
from typing import Any

from archdsl.errors import Span, fail, nearest
from archdsl.expr import is_expression
from archdsl.parsing.interfaces import INPUT_KEYS
from archdsl.parsing.overriding import is_recipe_word
from archdsl.parsing.recipes import SECTIONS, laid_over
from archdsl.parsing.reshaping import WORDS
from archdsl.parsing.validation import plain
from archdsl.source import Mapping, Node, Scalar, Sequence, entries
from archdsl.spec import TYPES, Spec

_BRACKETS = Span("", 1, 1, 1, "{")
"""The place of values that are not in the file. They are written in brackets if they fit on a line."""


class Overlay:
    """The tree of a file with a variant and arguments applied.

    Attributes:
        file: The tree of the file.
        root: The resulting tree. It keeps `variants`, for its position, and omits `expect` if arguments are set.
        origins: The origins of nodes of `root` that come from elsewhere, by identity. Their comments stay with the
            variant.
    """

    def __init__(self, file: Mapping, spec: Spec, variant: str, settings: MappingType[str, Any]) -> None:
        """Apply a variant and arguments.

        Args:
            file: The tree of the file.
            spec: The spec of the file, with the variant applied.
            variant: The name of the variant, or an empty string.
            settings: Arguments of the model; the tree has the inputs and words of the recipe among them already.

        Raises:
            ArchError: If an argument is unknown, has the wrong type, or has a value that cannot be a default.
        """
        settings = {name: value for name, value in settings.items() if not is_recipe_word(name)}
        for name, value in settings.items():
            if name in WORDS:
                continue
            if name not in spec.args:
                message = f"unknown argument `{name}` for `{spec.name}`"
                raise fail("ARCH203", message, hint=nearest(name, spec.args))
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
        held = not (self.variant and self.spec.variants[self.variant].is_another_network)
        sections = []
        for word in words:
            node, laid = self.file.get(word) if held or word != "expect" else None, variant.get(word)
            key = self.file.key(word) or variant.key(word)
            section = laid_over(node, laid) if word in SECTIONS else self._section(word, node, laid)
            if key is not None and section is not None:
                sections.append((key, section))
        return Mapping(tuple(sections), self.file.span)

    def _section(self, word: str, node: Node | None, laid: Node | None) -> Node | None:
        if word == "expect" and node is None and laid is None:
            return None
        if word in ("args", "expect") or (word == "inputs" and laid is not None):
            merged = Mapping(tuple(self._merged(word, node, laid)), _BRACKETS)
            self.origins[id(merged)] = ""
            return merged
        if laid is None:
            return node
        return self._of_variant(self._input(node, laid) if word == "input" else laid)

    def _input(self, node: Node | None, laid: Node) -> Node:
        """Lay an input of a variant over that of the file: the variant's shape, or the keys that it has."""
        if not isinstance(node, Mapping) and not isinstance(laid, Mapping):
            return laid
        keys = {"shape": Scalar("shape", "shape", _BRACKETS)}
        parts: dict[str, Node] = {}
        for one in (node, laid):
            items = one.items if isinstance(one, Mapping) else ((keys["shape"], one),) if one else ()
            keys |= {key.text: key for key, _ in items}
            parts |= {key.text: inner for key, inner in items}
        return Mapping(tuple((keys[word], parts[word]) for word in INPUT_KEYS if word in parts), laid.span)

    def _merged(self, word: str, node: Node | None, laid: Node | None) -> Iterator[tuple[Scalar, Node]]:
        """Yield the entries of a section with the variant and the arguments applied."""
        given = {key.text: (key, inner) for key, inner in entries(laid)}
        for key, inner in entries(node):
            _, over = given.pop(key.text, (None, None))
            if word == "args" and key.text in self.settings:
                default = self._default(key.text, self.settings[key.text])
                yield key, self._node(default, f"--set {key.text}")
            elif over is None or plain(over) is None:
                yield key, inner
            elif word == "inputs":
                yield key, self._of_variant(self._input(inner, over))
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
        """Convert a value to a default of an argument, which must keep the type of the argument."""
        arg = self.spec.args[name]
        given = arg.taken(given)
        if isinstance(given, str) and (given in TYPES or is_expression(given)):
            message = f"`{given}` cannot be the default of `{arg.name}`: it would be read as a type or an expression"
            raise fail("ARCH203", message, arg.span, "expand the file without it, and set the value when you build")
        return float(given) if arg.type == "float" and type(given) is int else given

    def _node(self, value: Any, origin: str) -> Node:
        """Convert a Python value to a node."""
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
    """Return the line of a value in its file, as text."""
    return f"line {node.span.line}"
