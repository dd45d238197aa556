"""Lookup of values in a file by their keys, and of keys by their place."""

from __future__ import annotations

from typing import TypeAlias

from archdsl import source
from archdsl.errors import Span
from archdsl.source import Mapping, Node, Scalar
from archdsl.spec import Spec

Keys: TypeAlias = tuple[str, ...]


class SourceIndex:
    """The values in the file of a spec, by place and by keys.

    Args:
        spec: the spec; its text is parsed again, because a spec does not keep the YAML tree.
    """

    def __init__(self, spec: Spec) -> None:
        self.keys_at: dict[tuple[int, int], Keys] = {}
        self.value_at: dict[tuple[int, int], Node] = {}
        self.root = source.read(source.LINE_END.sub("\n", spec.text), spec.file, spec.limits)
        self._enter(self.root, ())

    def _enter(self, node: Node, keys: Keys) -> None:
        self.keys_at.setdefault((node.span.line, node.span.column), keys)
        if isinstance(node, Scalar):
            return
        for number, item in enumerate(node.items):
            if isinstance(item, tuple):
                self.value_at[item[0].span.line, item[0].span.column] = item[1]
                self._enter(item[1], (*keys, item[0].text))
            else:
                self._enter(item, (*keys, str(number)))

    def keys(self, span: Span) -> Keys:
        """Return the keys that lead to the value at a place; empty if there is no value."""
        return self.keys_at.get((span.line, span.column), ())

    def get(self, *keys: str) -> Node | None:
        """Return the value that some keys lead to."""
        node: Node | None = self.root
        for key in keys:
            node = node.get(key) if isinstance(node, Mapping) else None
        return node

    def entry(self, span: Span | None, key: str) -> Node | None:
        """Return an entry of the mapping at a place, such as the `norm` of a step."""
        value = self.value_at.get((span.line, span.column)) if span else None
        return value.get(key) if isinstance(value, Mapping) else None

    def section(self, span: Span) -> str:
        """Return the part of the file that contains a place: `defaults`, `args`, a variant, or empty for a body."""
        keys = self.keys(span)
        if keys[:1] == ("variants",) and len(keys) > 1:
            return f"variant {keys[1]}"
        if keys[:1] == ("layers",) and len(keys) > 2 and keys[2] in ("args", "with"):
            return f"`{keys[2]}` of {keys[1]}"
        return f"`{keys[0]}`" if keys[:1] in (("defaults",), ("args",)) else ""
