"""What an expression sees, and which of it has been used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace

from archdsl.expr import mentioned
from archdsl.names import copy_number, stem
from archdsl.source import Node, Scalar
from archdsl.spec import INPUT


@dataclass(frozen=True, slots=True)
class NamedStep:
    """A step that has a name.

    Args:
        outputs: of its layer, where they have names.
        ambiguous: whether two steps of the body have the name.
    """

    outputs: tuple[str, ...] = ()
    many: bool = False
    ambiguous: bool = False


@dataclass(frozen=True)
class Scope:
    """What a place in a body sees.

    Args:
        visible: the names that an expression sees, by their types.
        used: those that some expression has used.
        inputs: the names of the body's inputs.
        named: the steps above that have names, and the inputs.
        looped: the names of steps that stand in a loop, wherever it is.
        owner: the layer that the body is of, if it is of one.
        hidden: the model's arguments, which a layer does not see.
    """

    visible: Mapping[str, str]
    used: set[str] = field(default_factory=set)
    inputs: tuple[str, ...] = (INPUT,)
    named: dict[str, NamedStep] = field(default_factory=dict)
    looped: set[str] = field(default_factory=set)
    apart: bool = False
    owner: str = ""
    hidden: Set[str] = frozenset()

    @classmethod
    def of(cls, types: Mapping[str, str], inputs: tuple[str, ...]) -> Scope:
        """What a body with these arguments and inputs sees at its begin."""
        return cls({**types, "channels": "int"}, set(), inputs, dict.fromkeys((INPUT, *inputs), NamedStep()))

    def inner(self, names: Iterable[str], apart: bool = False) -> Scope:
        """The scope inside a `for`, whose columns hold whatever their lists hold.

        Args:
            apart: whether the names of steps inside are not seen from outside.
        """
        named = dict(self.named) if apart else self.named
        visible = {**self.visible, **dict.fromkeys(names, "any")}
        return Scope(visible, set(), self.inputs, named, self.looped, self.apart or apart, self.owner, self.hidden)

    def define(self, name: str, outputs: tuple[str, ...], many: bool) -> None:
        """Names a step, for what comes after it."""
        self.named[name] = NamedStep(outputs, many, name in self.named)
        if self.apart:
            self.looped.add(name)

    def find(self, name: str) -> NamedStep | None:
        """The step of a name; of what stands in a loop, each copy has a name too: `x_1`, `x_2`."""
        own, base = self.named.get(name), stem(name)
        looped = self.named.get(base)
        if looped is None or not looped.many or not copy_number(name, base):
            return own
        return looped if own is None else replace(own, ambiguous=True)

    def mention(self, node: Node) -> None:
        """Takes the names in what was refused for used, so that they are not reported too."""
        if isinstance(node, Scalar):
            self.used.update(mentioned(node.text))
        else:
            for item in node.items:
                self.mention(item[1] if isinstance(item, tuple) else item)
