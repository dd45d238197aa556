"""The origin of a value: from a field through expressions, loops and uses of layers to a literal in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from archdsl.diff.steps import format_value, plain_value
from archdsl.errors import Span
from archdsl.expr import AXES, HERE, INPUT, Expression, axis_of, is_expression, parse
from archdsl.graph import Node, Tensor
from archdsl.ops.base import show
from archdsl.source import Scalar
from archdsl.spec import Spec
from archdsl.steps import Value
from archdsl.tracing.scopes import HereScope, LoopScope, TracingResolver
from archdsl.tracing.source_index import SourceIndex
from archdsl.tracing.targets import Target

OriginKind: TypeAlias = Literal["written", "expression", "loop", "setting", "default", "shape", "shortcut"]


@dataclass(frozen=True, slots=True)
class Origin:
    """One step on the way from a value back to its origin.

    Args:
        name: the owner of the value: a field, an argument as in `$filters`, or a step whose shape it is.
        value: the value, in the form used in a spec.
        kind: `written` and `setting` end the way, and so do `default` (of an op), `shape` and `shortcut` (inferred from
            the shapes in the network). `expression` and `loop` have causes if they contain names.
        description: a description in words.
        text: the expression.
        span: the place in the file.
        causes: the origins of the names in the expression.
    """

    name: str
    value: Any
    kind: OriginKind
    description: str
    text: str = ""
    span: Span | None = None
    causes: tuple[Origin, ...] = ()

    def ends(self) -> Iterator[Origin]:
        """Yield the origins at which all ways from here end."""
        if not self.causes:
            yield self
        for cause in self.causes:
            yield from cause.ends()


class Origins:
    """Finds the origins of values in a resolved network.

    Args:
        spec: the spec that was resolved.
        resolver: the resolver that recorded the scopes.
        settings: the model arguments that were set on the command line.
    """

    def __init__(self, spec: Spec, resolver: TracingResolver, settings: Mapping[str, Any]) -> None:
        self.spec, self.resolver, self.settings = spec, resolver, settings
        self.source = SourceIndex(spec)

    def field(self, target: Target, name: str) -> Origin:
        """Find the origin of a field of a node, or of an argument of a layer."""
        target = target.first_call()
        node, level = target.node, len(target.nodes) - 1
        if node.op is None:
            return self._argument(target, name, level + 1)
        value = node.kind if name == node.role == "merge" else plain_value(getattr(node.op, name))
        if name in node.fields:
            return self._value(target, level, name, node.fields[name], value)
        part = self._step_part(target, name)
        return part or Origin(name, value, "default", f"default of {node.kind}")

    def _step_part(self, target: Target, name: str) -> Origin | None:
        """The origin of a normalization, activation or padding, which may be a separate node."""
        node = target.node
        if node.role != "main" or node.op is None or name not in ("padding", *node.op.block_fields):
            return None
        role = "pad" if name == "padding" else name
        part = next((one for one in target.body.nodes if one.step == node.step and one.role == role), None)
        if part is not None and role == "pad":
            inner = Target((*target.nodes[:-1], part), target.bodies)
            padding = plain_value(getattr(part.op, name))
            return self._value(inner, len(target.nodes) - 1, name, part.fields[name], padding)
        value = part.kind.removesuffix("_norm") if part is not None else plain_value(getattr(node.op, name))
        if name == "activation" and self._is_shortcut_word(node):
            return self._shortcut_field(node, name, value)
        own, shared = self.source.entry(node.span, name), self.source.get("defaults", node.kind, name)
        written = own if own is not None else shared
        if written is None:
            return None if part is None else Origin(name, value, "written", f"applied by `{part.name}`", span=part.span)
        description = "set here" if own is not None else "set in `defaults`"
        description += f", applied by `{part.name}`" if part is not None else ""
        text = written.text if isinstance(written, Scalar) else str(value)
        if is_expression(text):
            return self._value(target, len(target.nodes) - 1, name, Value(parse(text), written.span), value)
        return Origin(name, value, "written", description, text, written.span)

    def _argument(self, target: Target, name: str, level: int) -> Origin:
        """The origin of an argument of the layer that the nodes before `level` lead into; of the model at level 0."""
        if level == 0:
            return self._model_argument(name)
        user = target.nodes[level - 1]
        owner = self.spec.layers[user.kind]
        # A body also has the arguments that `with` fixes.
        value = plain_value((user.arguments if user.body is None else user.body.arguments)[name])
        while owner.like is not None:
            if name in owner.fixed:
                node = self.source.get("layers", owner.name, "with", name)
                span = node.span if node else owner.span
                return Origin(name, value, "written", f"set in `with` of {owner.name}", span=span)
            owner = self.spec.layers[owner.like]
        if name in user.fields:
            inner = self._value(target, level - 1, name, user.fields[name], value)
            return replace(inner, description=f"argument of {user.kind}, passed by {target.path(level - 1)}")
        default = owner.args[name].default
        description = f"default of {owner.name}"
        return Origin(name, value, "written", description, span=default.span if default else owner.args[name].span)

    def _model_argument(self, name: str) -> Origin:
        arg = self.spec.args[name]
        if name in self.settings:
            value = plain_value(arg.taken(self.settings[name]))
            return Origin(name, value, "setting", f"`--set {name}={format_value(value)}`")
        default = arg.default
        span = default.span if default else arg.span
        value = plain_value(default.template()) if default else None
        variant = self.source.section(span)
        description = f"set in {variant}" if variant.startswith("variant") else f"argument of {self.spec.name}"
        return Origin(name, value, "written", description, span=span)

    def _value(self, target: Target, level: int, name: str, value: Value, real: Any) -> Origin:
        """The origin of a value in the file, at the node of a level."""
        node = target.nodes[level]
        if self._is_shortcut_word(node) and not self.source.section(value.span):
            return self._shortcut_field(node, name, real)
        if not any(True for _ in value.expressions()):
            section = self.source.section(value.span)
            return Origin(name, real, "written", f"set in {section}" if section else "set here", span=value.span)
        scope = self.resolver.scopes[id(node)]
        causes = tuple(self._named_value(target, level, used, scope) for used in _names_in(value))
        return Origin(name, real, "expression", "", _text(value), value.span, causes)

    def _is_shortcut_word(self, node: Node) -> bool:
        """Whether the node comes from the keyword of a shortcut, so only `defaults` can set its fields."""
        return node.span is not None and self.source.keys(node.span)[-1:] == ("shortcut",)

    def _shortcut_field(self, node: Node, name: str, real: Any) -> Origin:
        """The origin of a field of a shortcut that is a keyword."""
        description = {
            "filters": "output channels of the paths",
            "stride": "total stride of the paths",
            "size": "total stride of the paths",
        }.get(name, "implied by the shortcut")
        return Origin(name, real, "shortcut", description, span=node.span)

    def _named_value(self, target: Target, level: int, name: str, scope: Any) -> Origin:
        """The origin of a name in an expression, in the body of the node of a level."""
        tensor, axis = axis_of(name)
        while isinstance(scope, LoopScope | HereScope):
            if isinstance(scope, HereScope) and tensor == HERE:
                return self._arriving_axis(target, level, name, scope.tensor)
            if isinstance(scope, LoopScope) and name in scope.row:
                return self._loop_column(target, level, name, scope)
            scope = scope.outer
        if name == "channels" or tensor == INPUT:
            return self._input_axis(target, level, name, axis or name)
        return replace(self._argument(target, name, level), name=f"${name}")

    def _loop_column(self, target: Target, level: int, name: str, scope: LoopScope) -> Origin:
        """The origin of a loop variable in one iteration."""
        column, description = scope.loop.columns[name], f"iteration {scope.number + 1} of the loop"
        source = column.content[scope.number] if isinstance(column.content, tuple) else column
        text = _text(source) if source.is_computed else ""
        if source is column:
            description += f" over {text}" if text else ", counting from 0"
        causes = tuple(self._named_value(target, level, used, scope.outer) for used in _names_in(source))
        return Origin(f"${name}", plain_value(scope.row[name]), "loop", description, text, source.span, causes)

    def _arriving_axis(self, target: Target, level: int, name: str, tensor: Tensor) -> Origin:
        """An axis of what arrives at a step, and the step that outputs it."""
        axis = axis_of(name)[1]
        source = next((one for one in target.bodies[level].nodes if one.name == tensor.ref.node), None)
        scope = "".join(f"{node.name}/" for node in target.nodes[:level])
        description = f"{axis} of what arrives here, {show(tensor.shape)}, from {scope}{tensor.ref}"
        span = source.span if source is not None else None
        return Origin(f"${name}", tensor.shape[AXES[axis]], "shape", description, span=span)

    def _input_axis(self, target: Target, level: int, name: str, axis: str) -> Origin:
        """An axis of the input of a body, and the step that outputs it."""
        body = target.bodies[level]
        shape = body.input
        description = f"{axis} of the input of {body.name}, {show(shape)}"
        span = None
        if level:
            user, outside = target.nodes[level - 1], target.bodies[level - 1]
            source = next((one for one in outside.nodes if one.name == user.inputs[0].node), None)
            scope = "".join(f"{node.name}/" for node in target.nodes[: level - 1])
            description += f", from {scope}{source.name}" if source is not None else f", from {scope}{user.inputs[0]}"
            span = source.span if source is not None else None
        else:
            node = self.source.get("input") or self.source.get("inputs")
            span = node.span if node is not None else None
        return Origin(f"${name}", shape[AXES[axis]] if shape else None, "shape", description, span=span)


def _text(value: Value) -> str:
    """A value with its expressions as in the file."""
    if isinstance(value.content, Expression):
        return value.content.text
    if isinstance(value.content, dict):
        return "{" + ", ".join(f"{key}: {_text(item)}" for key, item in value.content.items()) + "}"
    if isinstance(value.content, tuple):
        return "[" + ", ".join(map(_text, value.content)) + "]"
    return format_value(value.content)


def _names_in(value: Value) -> list[str]:
    """The names in the expressions of a value, in order."""
    found: dict[str, None] = {}
    for expression, _ in value.expressions():
        words = re.findall(r"\$([A-Za-z_]\w*(?:\.\w+)?)", expression.text)
        found |= dict.fromkeys(word for word in words if word in expression.names)
    return list(found)
