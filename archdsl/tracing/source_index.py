"""Where in its file a value is written: found by the keys that lead to it, and the other way round."""

from __future__ import annotations

from typing import TypeAlias

from archdsl import source
from archdsl.errors import Span
from archdsl.source import Mapping, Node, Scalar
from archdsl.spec import Spec

Keys: TypeAlias = tuple[str, ...]


class SourceIndex:
    """The values of a spec's file, by their place and by the keys that lead to them.

    Args:
        spec: what the file says; its text is read once more, for a spec keeps no YAML.
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
        """The keys that lead to the value at a place; none where there is no value."""
        return self.keys_at.get((span.line, span.column), ())

    def get(self, *keys: str) -> Node | None:
        """What some keys lead to."""
        node: Node | None = self.root
        for key in keys:
            node = node.get(key) if isinstance(node, Mapping) else None
        return node

    def entry(self, span: Span | None, key: str) -> Node | None:
        """An entry of the value of the key at a place: a step's `norm`."""
        value = self.value_at.get((span.line, span.column)) if span else None
        return value.get(key) if isinstance(value, Mapping) else None

    def section(self, span: Span) -> str:
        """The part of the file, other than a body, that holds a place: `defaults`, `args`, a variant; else nothing."""
        keys = self.keys(span)
        if keys[:1] == ("variants",) and len(keys) > 1:
            return f"variant {keys[1]}"
        if keys[:1] == ("layers",) and len(keys) > 2 and keys[2] in ("args", "with"):
            return f"`{keys[2]}` of {keys[1]}"
        return f"`{keys[0]}`" if keys[:1] in (("defaults",), ("args",)) else ""
