"""What an expression sees, and which of it has been used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from archdsl.expr import mentioned
from archdsl.source import Node, Scalar


@dataclass(frozen=True)
class Scope:
    """The names that an expression sees, by their types, and those that some expression has used."""

    visible: Mapping[str, str]
    used: set[str] = field(default_factory=set)

    def inner(self, names: Iterable[str]) -> Scope:
        """The scope inside a `for`, whose columns hold whatever their lists hold."""
        return Scope({**self.visible, **dict.fromkeys(names, "any")})

    def mention(self, node: Node) -> None:
        """Takes the names in what was refused for used, so that nobody is told of them too."""
        if isinstance(node, Scalar):
            self.used.update(mentioned(node.text))
        else:
            for item in node.items:
                self.mention(item[1] if isinstance(item, tuple) else item)
