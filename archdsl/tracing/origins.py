"""Where a value comes from: from a field through expressions, loops and uses of layers, up to what is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from archdsl.diff.steps import format_value, plain_value
from archdsl.errors import Span
from archdsl.expr import Expression
from archdsl.graph import Graph, Node
from archdsl.ops.base import show
from archdsl.source import Node as Written
from archdsl.source import Scalar
from archdsl.spec import Spec, Value
from archdsl.tracing.places import Places
from archdsl.tracing.scopes import Seen, Tracer
from archdsl.tracing.targets import Target

How: TypeAlias = Literal["written", "expression", "loop", "setting", "default", "shape", "shortcut"]


@dataclass(frozen=True, slots=True)
class Origin:
    """One step of the way back.

    Args:
        name: what has the value: a field, an argument as `$filters`, or a step whose shape it is.
        value: as a spec writes it.
        how: `written` and `setting` are ends of the way; so are `default`, an op's own, and `shape` and `shortcut`,
            what the network's shapes say. `expression` and `loop` have causes where names are in them.
        told: what it is, in words.
        text: the expression.
        causes: what the names in the expression are from.
    """

    name: str
    value: Any
    how: How
    told: str
    text: str = ""
    span: Span | None = None
    causes: tuple[Origin, ...] = ()

    def ends(self) -> Iterator[Origin]:
        """Where all ways from here end."""
        if not self.causes:
            yield self
        for cause in self.causes:
            yield from cause.ends()


class Origins:
    """Asks a resolution that remembers where values are from.

    Args:
        spec: what was resolved.
        tracer: which remembers.
        settings: the model's arguments that were set.
    """

    def __init__(self, spec: Spec, tracer: Tracer, settings: Mapping[str, Any]) -> None:
        self.spec, self.tracer, self.settings = spec, tracer, settings
        self.places = Places(spec)

    def field(self, target: Target, name: str) -> Origin:
        """Where a field of a node, or an argument of a layer, is from."""
        node, level = target.node, len(target.nodes) - 1
        if node.op is None:
            return self._argument(target, name, level + 1)
        value = plain_value(getattr(node.op, name))
        if name in node.fields:
            return self._value(target, level, name, node.fields[name], value)
        beside = self._beside(target, name)
        return beside or Origin(name, value, "default", f"the default of {node.kind}")

    def _beside(self, target: Target, name: str) -> Origin | None:
        """Where a norm, an activation or a padding is from, of which a node of its own is made."""
        node = target.node
        role = "pad" if name == "padding" else name
        part = next((one for one in target.body.nodes if one.step == node.step and one.role == role), None)
        if node.role != "main" or name not in ("norm", "activation", "padding"):
            return None
        if part is not None and role == "pad":
            inner = Target((*target.nodes[:-1], part), target.bodies)
            return self._value(
                inner, len(target.nodes) - 1, name, part.fields[name], plain_value(getattr(part.op, name))
            )
        value = part.kind.removesuffix("_norm") if part is not None else plain_value(getattr(node.op, name))
        if name == "activation" and self._is_made(node):
            return self._made(node, name, value)
        found = self._said(node, name)
        if found is None:
            return None if part is None else Origin(name, value, "written", f"`{part.name}` does it", span=part.span)
        told = "written here" if found[1] else "`defaults`"
        more = f"; `{part.name}` does it" if part is not None else ""
        word = found[0].text if isinstance(found[0], Scalar) else value
        return Origin(name, value, "written", told + more, str(word), found[0].span)

    def _said(self, node: Node, name: str) -> tuple[Written, bool] | None:
        """What the file says of a word of a step, and whether the step itself says it."""
        own = self.places.beside(node.span, name)
        shared = self.places.at("defaults", node.kind, name)
        return (own, True) if own is not None else None if shared is None else (shared, False)

    def _argument(self, target: Target, name: str, level: int) -> Origin:
        """Where an argument is from, of the layer that the nodes before `level` lead into; of the model at 0."""
        if level == 0:
            return self._model_argument(name)
        user = target.nodes[level - 1]
        owner = self.spec.layers[user.kind]
        path = target.path(level - 1)
        value = plain_value(self._values(user)[name])
        while owner.like is not None:
            if name in owner.fixed:
                node = self.places.at("layers", owner.name, "with", name)
                return Origin(name, value, "written", f"`with` of {owner.name}", span=node.span if node else owner.span)
            owner = self.spec.layers[owner.like]
        if name in user.fields:
            inner = self._value(target, level - 1, name, user.fields[name], value)
            told = f"an argument of {user.kind}, which {path} gives"
            return Origin(name, value, inner.how, told, inner.text, inner.span, inner.causes)
        default = owner.args[name].default
        told = f"the default of {owner.name}"
        return Origin(name, value, "written", told, span=default.span if default else owner.args[name].span)

    def _values(self, user: Node) -> Mapping[str, Any]:
        """The arguments that a layer's body sees, those that `with` fixes among them."""
        return user.arguments if user.body is None else user.body.arguments

    def _model_argument(self, name: str) -> Origin:
        arg = self.spec.args[name]
        if name in self.settings:
            value = plain_value(arg.taken(self.settings[name]))
            return Origin(name, value, "setting", f"`--set {name}={format_value(value)}`")
        default = arg.default
        span = default.span if default else arg.span
        value = plain_value(default.template()) if default else None
        variant = self.places.section(span)
        told = variant if variant.startswith("variant") else f"an argument of {self.spec.name}"
        return Origin(name, value, "written", told, span=span)

    def _value(self, target: Target, level: int, name: str, value: Value, real: Any) -> Origin:
        """Where a value of the file is from, that stands at the node of a level."""
        node = target.nodes[level]
        if self._is_made(node) and not self.places.section(value.span):
            return self._made(node, name, real)
        names = _in_order(value)
        scope = self.tracer.scopes[id(node)]
        causes = tuple(self._name(target, level, used, scope) for used in names)
        if not any(True for _ in value.expressions()):
            section = self.places.section(value.span)
            return Origin(name, real, "written", section or "written here", span=value.span)
        return Origin(name, real, "expression", "", _text(value), value.span, causes)

    def _is_made(self, node: Node) -> bool:
        """Whether a shortcut's word stands for the node, of whose fields the file says nothing but `defaults`."""
        return node.span is not None and self.places.of(node.span)[-1:] == ("shortcut",)

    def _made(self, node: Node, name: str, real: Any) -> Origin:
        """Where a field of a shortcut is from that is a word."""
        told = {
            "filters": "as many as the paths give",
            "stride": "what the paths stride in all",
            "size": "what the paths stride in all",
        }.get(name, "so it is in such a shortcut")
        return Origin(name, real, "shortcut", told, span=node.span)

    def _name(self, target: Target, level: int, name: str, scope: Any) -> Origin:
        """Where a name of an expression is from, that stands in the body of the node of a level."""
        while isinstance(scope, Seen):
            if name in scope.row:
                return self._column(target, level, name, scope)
            scope = scope.outer
        body = target.bodies[level]
        if name == "channels":
            return self._channels(target, level, body)
        found = self._argument(target, name, level)
        return Origin(f"${name}", found.value, found.how, found.told, found.text, found.span, found.causes)

    def _column(self, target: Target, level: int, name: str, scope: Seen) -> Origin:
        """Where a column of a loop has a row's value from."""
        column, value = scope.loop.columns[name], plain_value(scope.row[name])
        told = f"row {scope.number + 1} of the `for`"
        if isinstance(column.content, tuple):
            item = column.content[scope.number]
            inner = self._value(target, level, f"${name}", item, value) if not item.names else None
            if inner is not None:
                return Origin(f"${name}", value, "loop", told, span=item.span)
            causes = tuple(self._name(target, level, used, scope.outer) for used in _in_order(item))
            return Origin(f"${name}", value, "loop", told, _text(item), item.span, causes)
        if not column.names:
            return Origin(f"${name}", value, "loop", f"{told}, counted from 0", span=column.span)
        causes = tuple(self._name(target, level, used, scope.outer) for used in _in_order(column))
        text = _text(column)
        return Origin(f"${name}", value, "loop", f"{told} over {text}", text, column.span, causes)

    def _channels(self, target: Target, level: int, body: Graph) -> Origin:
        """The channels of a body's input, and which step gives them."""
        shape = body.input
        told = f"the channels of {body.name}'s input, {show(shape)}"
        span = None
        if level:
            user, outside = target.nodes[level - 1], target.bodies[level - 1]
            source = next((one for one in outside.nodes if one.name == user.inputs[0].node), None)
            scope = "".join(f"{node.name}/" for node in target.nodes[: level - 1])
            told += f", from {scope}{source.name}" if source is not None else f", from {scope}{user.inputs[0]}"
            span = source.span if source is not None else None
        else:
            node = self.places.at("input") or self.places.at("inputs")
            span = node.span if node is not None else None
        return Origin("$channels", shape[-1] if shape else None, "shape", told, span=span)


def _text(value: Value) -> str:
    """A value with its expressions as they are written."""
    if isinstance(value.content, Expression):
        return value.content.text
    if isinstance(value.content, dict):
        return "{" + ", ".join(f"{key}: {_text(item)}" for key, item in value.content.items()) + "}"
    if isinstance(value.content, tuple):
        return "[" + ", ".join(map(_text, value.content)) + "]"
    return format_value(value.content)


def _in_order(value: Value) -> list[str]:
    """The names that a value's expressions use, as they stand in it."""
    found: dict[str, None] = {}
    for expression, _ in value.expressions():
        words = re.findall(r"\$([A-Za-z_]\w*)", expression.text)
        found |= dict.fromkeys(word for word in words if word in expression.names)
    return list(found)
