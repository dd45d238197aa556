"""Where in its file a value stands, told by the keys that lead to it."""

from __future__ import annotations

from typing import TypeAlias

from archdsl import source
from archdsl.errors import Span
from archdsl.source import Mapping, Node, Scalar
from archdsl.spec import Spec

Keys: TypeAlias = tuple[str, ...]


class Places:
    """The values of a spec's file, by where they stand and by the keys that lead to them.

    Args:
        spec: what the file says; its text is read once more, for a spec keeps no YAML.
    """

    def __init__(self, spec: Spec) -> None:
        self.keys: dict[tuple[int, int], Keys] = {}
        self.inside: dict[tuple[int, int], Node] = {}
        self.root = source.read(source.LINE_END.sub("\n", spec.text), spec.file, spec.limits)
        self._enter(self.root, ())

    def _enter(self, node: Node, keys: Keys) -> None:
        self.keys.setdefault((node.span.line, node.span.column), keys)
        if isinstance(node, Scalar):
            return
        for number, item in enumerate(node.items):
            if isinstance(item, tuple):
                self.inside[item[0].span.line, item[0].span.column] = item[1]
                self._enter(item[1], (*keys, item[0].text))
            else:
                self._enter(item, (*keys, str(number)))

    def of(self, span: Span) -> Keys:
        """The keys that lead to the value at a place; none where no value stands there."""
        return self.keys.get((span.line, span.column), ())

    def at(self, *keys: str) -> Node | None:
        """What some keys lead to."""
        node: Node | None = self.root
        for key in keys:
            node = node.get(key) if isinstance(node, Mapping) else None
        return node

    def beside(self, span: Span | None, key: str) -> Node | None:
        """An entry of what stands behind the key at a place: a step's `norm`."""
        inside = self.inside.get((span.line, span.column)) if span else None
        return inside.get(key) if isinstance(inside, Mapping) else None

    def section(self, span: Span) -> str:
        """The part of the file that is no body and holds a place: `defaults`, `args`, a variant; else nothing."""
        keys = self.of(span)
        if keys[:1] == ("variants",) and len(keys) > 1:
            return f"variant {keys[1]}"
        if keys[:1] == ("layers",) and len(keys) > 2 and keys[2] in ("args", "with"):
            return f"`{keys[2]}` of {keys[1]}"
        return f"`{keys[0]}`" if keys[:1] in (("defaults",), ("args",)) else ""
