"""What a body shows to those who use it: its arguments, its inputs and its outputs."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingType
from typing import Any

from archdsl.errors import nearest, shown
from archdsl.names import RESERVED, name_fault
from archdsl.ops import Shape
from archdsl.parsing.scope import Scope
from archdsl.parsing.validation import plain
from archdsl.parsing.values import UNREAD, ValueReader
from archdsl.source import Mapping, Node, Scalar, Sequence, entries
from archdsl.spec import INPUT, OUTPUT, TYPES, Arg, StepRef

_OF_DEFAULT = {bool: "bool", int: "int", float: "float", str: "str", list: "list"}
_LARGEST = 65_536


class InterfaceReader(ValueReader):
    """Reads `args`, `input`, `inputs` and `outputs`, of the file and of layers."""

    def args(self, node: Node | None) -> dict[str, Arg]:
        """The arguments, each with a type or a default."""
        args = {}
        for key, inner in entries(self.mapping(node, "`args` is a mapping", "`args: {filters: int, stride: 1}`")):
            fault = name_fault(key.text, RESERVED) or ("it is a class of this file" if key.text in self.classes else "")
            if fault:
                self.problems.add("ARCH010", f"`{key.text}` cannot name an argument: {fault}", key.span)
            args[key.text] = self._arg(key, inner)
        return args

    def _arg(self, key: Scalar, node: Node) -> Arg:
        value = self.value(node, None)
        if isinstance(value.content, str) and value.content in TYPES:
            return Arg(key.text, value.content, None, key.span)
        kind = _OF_DEFAULT.get(type(value.template()))
        if kind is None and value.content is not UNREAD:
            hint = f"a type ({', '.join(TYPES)}), or a default that gives the type"
            self.problems.add("ARCH007", f"`{key.text}` has neither a type nor a default", node.span, hint)
        return Arg(key.text, kind or "int", value, key.span)

    def set_args(self, node: Node | None, args: MappingType[str, Arg], owner: str) -> dict[str, Any]:
        """Values for arguments that exist, as `with` and a variant's `args` give them."""
        values = {}
        for key, inner in entries(node):
            value = self.value(inner, None)
            if key.text not in args:
                free = args.keys() - {other.text for other, _ in entries(node)}
                hint = nearest(key.text, free) if args else f"`{owner}` has no arguments"
                self.problems.add("ARCH015", f"`{owner}` has no argument `{key.text}`", key.span, hint)
                continue
            values[key.text] = args[key.text].taken(value.template())
            if not value.names and (fault := args[key.text].fault(values[key.text])):
                self.problems.add("ARCH007", fault, inner.span)
        return values

    def file_inputs(self, root: Mapping) -> dict[str, Shape]:
        """The shapes of the network's inputs, by name."""
        one, several = root.get("input"), root.get("inputs")
        if one is not None and several is not None:
            key = root.key("inputs")
            self.problems.add(
                "ARCH005", "`inputs` stands beside `input`", key.span if key else None, "keep one of them"
            )
        if several is None:
            if one is not None:
                return {INPUT: self.shape(one, "input")}
            hint = "`input: [32, 32, 3]`: height, width, channels"
            self.problems.add("ARCH006", "`input` is missing", root.span, hint)
            return {INPUT: (1, 1, 1)}
        return dict(self.named_shapes(several))

    def named_shapes(self, node: Node) -> Iterator[tuple[str, Shape]]:
        """The entries of `inputs: {image: [64, 64, 3], facts: [12]}`."""
        if not isinstance(node, Mapping) or not node.items:
            hint = "`inputs: {image: [64, 64, 3], facts: [12]}`"
            self.problems.add("ARCH007", "`inputs` is a mapping of names to shapes", node.span, hint)
            yield INPUT, (1, 1, 1)
            return
        for key, inner in node.items:
            self._input_name(key.text, key)
            yield key.text, self.shape(inner, key.text)

    def shape(self, node: Node, name: str) -> Shape:
        """A tensor's shape without its batch axis."""
        shape = plain(node)
        sizes = isinstance(shape, list) and all(type(n) is int and 0 < n <= _LARGEST for n in shape)
        if sizes and len(shape) <= 4:
            return tuple(shape)
        hint = "`[32, 32, 3]` is height, width, channels; without the batch"
        message = f"`{name}` is a list of at most four whole numbers from 1 to {_LARGEST:,}"
        self.problems.add("ARCH007", message, node.span, hint)
        return (1, 1, 1)

    def layer_inputs(self, node: Node | None) -> tuple[str, ...]:
        """The names in a layer's `inputs`; `INPUT` alone where it has none."""
        names = tuple(self._words(node, "inputs", "`inputs: [left, right]`"))
        for word in names:
            self._input_name(word.text, word)
        return tuple(word.text for word in names) or (INPUT,)

    def _input_name(self, name: str, place: Scalar) -> None:
        fault = name_fault(name) or ("it is the word for all of them" if name == INPUT else "")
        if fault:
            self.problems.add("ARCH010", f"`{name}` cannot name an input: {fault}", place.span)

    def output_names(self, node: Node | None) -> tuple[str, ...]:
        """The names in `outputs`, before the body is read."""
        return tuple(word.text for word in _items(node) if isinstance(word, Scalar))

    def outputs(self, node: Node | None, scope: Scope) -> tuple[StepRef, ...]:
        """What a body gives by name; looked up among the names of its steps."""
        words = list(self._words(node, "outputs", "`outputs: [label, age]`, the names of steps"))
        return tuple(ref for word in words if (ref := self.output(word, scope)) is not None)

    def output(self, word: Scalar, scope: Scope) -> StepRef | None:
        """One word of `outputs`."""
        if "." in word.text:
            hint = "the name of a step alone, which becomes the output's name"
            self.problems.add("ARCH018", f"`{word.text}` cannot name an output", word.span, hint)
            return None
        if word.text == OUTPUT:
            message = f"`{OUTPUT}` is the word for an output without a name, and cannot name one"
            self.problems.add("ARCH010", message, word.span, "name what it is, as in `label`")
            return None
        return self.ref(word, scope)

    def _words(self, node: Node | None, key: str, hint: str) -> Iterator[Scalar]:
        if node is None:
            return
        if not _items(node):
            self.problems.add("ARCH007", f"`{key}` is a list of names", node.span, hint)
            return
        seen: set[str] = set()
        for word in _items(node):
            if not isinstance(word, Scalar) or not isinstance(word.value, str):
                self.problems.add("ARCH007", f"a name is due, and here is {shown(plain(word))}", word.span, hint)
                continue
            if word.text in seen:
                self.problems.add("ARCH010", f"`{word.text}` stands twice in `{key}`", word.span, "keep one of them")
            seen.add(word.text)
            yield word


def _items(node: Node | None) -> tuple[Node, ...]:
    return node.items if isinstance(node, Sequence) else ()
