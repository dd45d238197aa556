"""The names visible to expressions, and which of them are used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace

from archdsl.expr import AXES, HERE, mentioned
from archdsl.names import copy_number, stem
from archdsl.source import Node, Scalar
from archdsl.spec import INPUT
from archdsl.steps import Step


@dataclass(frozen=True, slots=True)
class NamedStep:
    """A step with a name.

    Args:
        outputs: The names of its outputs, if it is a layer with named outputs.
        many: Whether it is in a loop and can have several copies.
        ambiguous: Whether two steps of the body have this name.
        step: The step; None for an input, and for a step with errors.
    """

    outputs: tuple[str, ...] = ()
    many: bool = False
    ambiguous: bool = False
    step: Step | None = None


@dataclass(frozen=True)
class Scope:
    """The names visible at a place in a body.

    Args:
        visible: The types of the names that expressions can use.
        used: The names that expressions have used.
        inputs: The names of the inputs of the body.
        named: The inputs and the earlier steps with names.
        looped: The names of steps inside loops.
        apart: Whether names of steps are not visible outside.
        owner: The name of the layer, if the body belongs to a layer.
        hidden: The names of the model's arguments, which a layer cannot use.
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
        """Return the scope at the start of a body with these arguments and inputs."""
        axes = {f"{tensor}.{axis}": "int" for tensor in (INPUT, HERE) for axis in AXES}
        visible = {**types, "channels": "int", **axes}
        return cls(visible, set(), inputs, dict.fromkeys((INPUT, *inputs), NamedStep()))

    def inner(self, names: Iterable[str], apart: bool = False) -> Scope:
        """Return the scope inside a `for`, whose columns can have any type.

        Args:
            names: The names of the columns.
            apart: Whether names of steps inside are not visible outside.
        """
        named = dict(self.named) if apart else self.named
        visible = {**self.visible, **dict.fromkeys(names, "any")}
        return Scope(visible, set(), self.inputs, named, self.looped, self.apart or apart, self.owner, self.hidden)

    def define(self, name: str, outputs: tuple[str, ...], many: bool, step: Step | None) -> None:
        """Make the name of a step visible to later steps."""
        self.named[name] = NamedStep(outputs, many, name in self.named, step)
        if self.apart:
            self.looped.add(name)

    def find(self, name: str) -> NamedStep | None:
        """Return the step with a name. Copies of a step in a loop have names, too: `x_1`, `x_2`."""
        own, base = self.named.get(name), stem(name)
        looped = self.named.get(base)
        if looped is None or not looped.many or not copy_number(name, base):
            return own
        return looped if own is None else replace(own, ambiguous=True)

    def mention(self, node: Node) -> None:
        """Mark the names in a rejected node as used, so that they are not reported as well."""
        if isinstance(node, Scalar):
            self.used.update(mentioned(node.text))
        else:
            for item in node.items:
                self.mention(item[1] if isinstance(item, tuple) else item)
