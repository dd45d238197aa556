"""Parse the interface of a body: its arguments, inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingType
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from archdsl.errors import nearest
from archdsl.names import RESERVED, RESERVED_HINT, name_fault
from archdsl.ops import Shape
from archdsl.ops.base import DTYPES, FLOAT, show
from archdsl.parsing.scope import Scope
from archdsl.parsing.validation import MISSING, got, plain
from archdsl.parsing.values import UNREAD, ValueReader
from archdsl.source import Mapping, Node, Scalar, Sequence, entries
from archdsl.spec import AXES, INPUT, OUTPUT, TYPES, Arg, Input
from archdsl.steps import StepRef

_OF_DEFAULT = {bool: "bool", int: "int", float: "float", str: "str", list: "list"}
_LARGEST = 65_536
_UNREAD = Input((1, 1, 1))
"""A placeholder for an input that cannot be read."""

INPUT_KEYS = ("shape", "dtype", "flexible")
"""The keys of an input that is more than a shape."""


class InterfaceReader(ValueReader):
    """Parses `args`, `input`, `inputs` and `outputs` of the file and of layers."""

    def args(self, node: Node | None) -> dict[str, Arg]:
        """Return the arguments, each with a type or a default."""
        args = {}
        hint = "map each name to a type or a default, as in `args: {filters: int, stride: 1}`"
        for key, inner in entries(self.mapping(node, "`args`", hint)):
            fault = name_fault(key.text, RESERVED) or ("it is a class in this file" if key.text in self.classes else "")
            if fault:
                reserved = RESERVED_HINT if key.text in RESERVED else ""
                self.problems.add("ARCH010", f"invalid argument name `{key.text}`: {fault}", key.span, reserved)
            args[key.text] = self._arg(key, inner)
        return args

    def _arg(self, key: Scalar, node: Node) -> Arg:
        value = self.value(node, None)
        if isinstance(value.content, str) and value.content in TYPES:
            return Arg(key.text, value.content, None, key.span)
        kind = _OF_DEFAULT.get(type(value.template()))
        if kind is None and value.content is not UNREAD:
            hint = f"give it a type ({', '.join(TYPES)}) or a default value"
            self.problems.add("ARCH007", f"the argument `{key.text}` has no type and no default", node.span, hint)
        return Arg(key.text, kind or "int", value, key.span)

    def set_args(self, node: Node | None, args: MappingType[str, Arg], owner: str) -> dict[str, Any]:
        """Return values for existing arguments, from `with` or from the `args` of a variant."""
        values = {}
        for key, inner in entries(node):
            value = self.value(inner, None)
            if key.text not in args:
                free = args.keys() - {other.text for other, _ in entries(node)}
                hint = nearest(key.text, free) if args else f"`{owner}` takes no arguments"
                self.problems.add("ARCH015", f"unknown argument `{key.text}` for `{owner}`", key.span, hint)
                continue
            values[key.text] = args[key.text].taken(value.template())
            if not value.is_computed and (fault := args[key.text].fault(values[key.text])):
                self.problems.add("ARCH007", fault, inner.span)
        return values

    def file_inputs(self, root: Mapping) -> dict[str, Input]:
        """Return the inputs of the network, by name."""
        one, several = root.get("input"), root.get("inputs")
        if one is not None and several is not None:
            key = root.key("inputs")
            message = "`inputs` cannot be combined with `input`"
            self.problems.add("ARCH005", message, key.span if key else None, "keep one of them")
        if several is None:
            if one is not None:
                return {INPUT: self.input(one, "input")}
            hint = "add the shape of the input, such as `input: [32, 32, 3]` for height, width and channels"
            self.problems.add("ARCH006", f"{MISSING} `input`", root.span, hint)
            return {INPUT: _UNREAD}
        return dict(self.named_inputs(several))

    def named_inputs(
        self, node: Node, known: MappingType[str, Input] = MappingProxyType({})
    ) -> Iterator[tuple[str, Input]]:
        """Yield the entries of `inputs: {image: [64, 64, 3], text: {shape: [128], dtype: int32}}`.

        Args:
            node: The node of `inputs`.
            known: The inputs of the file that a variant overrides.
        """
        if not isinstance(node, Mapping) or not node.items:
            hint = "map each name to a shape, as in `inputs: {image: [64, 64, 3], facts: [12]}`"
            self.problems.add("ARCH007", f"`inputs` must be a mapping, got {got(node)}", node.span, hint)
            yield INPUT, _UNREAD
            return
        for key, inner in node.items:
            self._input_name(key.text, key)
            yield key.text, self.input(inner, key.text, known.get(key.text))

    def input(self, node: Node, name: str, known: Input | None = None) -> Input:
        """Return an input: a shape, or a mapping with `shape`, `dtype` and `flexible`.

        Args:
            node: The node of the input.
            name: Its name.
            known: The input of the file whose keys a variant overrides.
        """
        own = known or Input(())
        if not isinstance(node, Mapping):
            own = replace(own, shape=self.shape(node, name))
            return self._with_axes(own, node, name)
        self.unknown(node, INPUT_KEYS)
        shape, dtype, flexible = (node.get(word) for word in INPUT_KEYS)
        if shape is not None:
            own = replace(own, shape=self.shape(shape, name))
        elif known is None:
            hint = "add it without the batch size, such as `shape: [32, 32, 3]` for height, width and channels"
            self.problems.add("ARCH006", f"{MISSING} `shape`", node.span, hint)
            return _UNREAD
        if dtype is not None:
            own = replace(own, dtype=self._dtype(dtype))
        if flexible is not None:
            hint = "list names of axes, as in `flexible: [height, width]`"
            own = replace(own, flexible=tuple(word.text for word in self._words(flexible, "flexible", hint)))
        return self._with_axes(own, flexible or node, name)

    def _dtype(self, node: Node) -> str:
        dtype = plain(node)
        if isinstance(dtype, str) and dtype in DTYPES:
            return dtype
        hint = nearest(dtype, DTYPES) if isinstance(dtype, str) else f"known: {', '.join(DTYPES)}"
        self.problems.add("ARCH007", f"unknown dtype {got(node)}", node.span, hint)
        return FLOAT

    def _with_axes(self, own: Input, place: Node, name: str) -> Input:
        """Return the input if it has the flexible axes, else without them."""
        for axis in own.flexible:
            if axis not in own.axes:
                word = next((word for word in _items(place) if plain(word) == axis), place)
                hint = nearest(axis, own.axes) if own.axes else "remove `flexible`: only the batch size is open"
                shape = show(own.shape) if own.shape else "a single number"
                message = f"the `shape` of `{name}` is {shape}, and has no axis `{axis}` that can be flexible"
                self.problems.add("ARCH007", message, word.span, hint)
                return replace(own, flexible=())
        return own

    def shape(self, node: Node, name: str) -> Shape:
        """Return the shape of a tensor without the batch."""
        shape = plain(node)
        wrong = [i for i, n in enumerate(shape) if not _is_size(n)] if isinstance(shape, list) else []
        if isinstance(shape, list) and len(shape) <= 4 and not wrong:
            return tuple(shape)
        hint = "write the shape without the batch size, such as `[32, 32, 3]` for height, width and channels"
        message = f"`{name}` must be a list of at most four integers from 1 to {_LARGEST:,}"
        place = _items(node)[wrong[0]].span if wrong else node.span
        if wrong and wrong[-1] > 0 and all(shape[i] in (None, -1) for i in wrong):
            axes = [axis for i, axis in enumerate(AXES.get(len(shape), ())) if i in wrong]
            if len(axes) == len(wrong):  # not the channels
                flexible = f"`{{shape: [...], flexible: [{', '.join(axes)}]}}`"
                hint = f"for any size, write a typical one and name the axis: {flexible}"
        self.problems.add("ARCH007", message, place, hint)
        return _UNREAD.shape

    def layer_inputs(self, node: Node | None) -> tuple[str, ...]:
        """Return the names in the `inputs` of a layer; only `INPUT` if it has none."""
        names = tuple(self._words(node, "inputs", "list the names of the inputs, as in `inputs: [left, right]`"))
        for word in names:
            self._input_name(word.text, word)
        return tuple(word.text for word in names) or (INPUT,)

    def _input_name(self, name: str, place: Scalar) -> None:
        fault = name_fault(name) or ("it is reserved for a single input" if name == INPUT else "")
        if fault:
            self.problems.add("ARCH010", f"invalid input name `{name}`: {fault}", place.span)

    def output_names(self, node: Node | None) -> tuple[str, ...]:
        """Return the names in `outputs`, before the body is parsed."""
        return tuple(word.text.rpartition(".")[2] for word in _items(node) if isinstance(word, Scalar))

    def outputs(self, node: Node | None, scope: Scope) -> tuple[StepRef, ...]:
        """Return the steps that `outputs` refers to. Each gives its name to an output, and `a.high` the name `high`."""
        words = list(self._words(node, "outputs", "list the names of steps, as in `outputs: [label, age]`"))
        refs = [ref for word in words if (ref := self.output(word, scope)) is not None]
        seen: set[str] = set()
        for ref in refs:
            if ref.label in seen and ref.output:
                message = f"two outputs have the name `{ref.label}`"
                hint = "the name after the dot becomes the name of the output; rename it in one of the layers"
                self.problems.add("ARCH010", message, ref.span, hint)
            seen.add(ref.label)
        return tuple(refs)

    def output(self, word: Scalar, scope: Scope) -> StepRef | None:
        """Return the step that a name in `outputs` refers to."""
        if word.text.rpartition(".")[2] == OUTPUT:
            message = f"invalid output name `{OUTPUT}`: it is reserved for an unnamed output"
            self.problems.add("ARCH010", message, word.span, "choose a descriptive name, such as `label`")
            return None
        return self.ref(word, scope)

    def _words(self, node: Node | None, key: str, hint: str) -> Iterator[Scalar]:
        if node is None:
            return
        if not _items(node):
            self.problems.add("ARCH007", f"`{key}` must be a list of names, got {got(node)}", node.span, hint)
            return
        seen: set[str] = set()
        for word in _items(node):
            if not isinstance(word, Scalar) or not isinstance(word.value, str):
                self.problems.add("ARCH007", f"expected a name, got {got(word)}", word.span, hint)
                continue
            if word.text in seen:
                message = f"duplicate name `{word.text}` in `{key}`"
                self.problems.add("ARCH010", message, word.span, "remove one of them")
            seen.add(word.text)
            yield word


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 < value <= _LARGEST


def _items(node: Node | None) -> tuple[Node, ...]:
    return node.items if isinstance(node, Sequence) else ()
