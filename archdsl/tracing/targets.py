"""Parsing of paths such as `ResidualLayer_2/wide/conv_2.kernel`, with suggestions for unknown ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from archdsl.errors import ArchError, fail, nearest
from archdsl.graph import Graph, Node
from archdsl.names import beginnings

SHAPE = "shape"
"""The field name for the output shape of a node."""

SHOWN = 12
"""The number of known names listed in a message."""


@dataclass(frozen=True, slots=True)
class Target:
    """The node, field or weight that a path names.

    Args:
        nodes: the layers on the path, and the node itself.
        bodies: the body that contains each of them.
        field: a field, an argument or `SHAPE`; empty for the node itself.
        weight: a weight of the node, or empty.
    """

    nodes: tuple[Node, ...]
    bodies: tuple[Graph, ...]
    field: str = ""
    weight: str = ""

    @property
    def node(self) -> Node:
        return self.nodes[-1]

    @property
    def body(self) -> Graph:
        """The body that contains the node."""
        return self.bodies[-1]

    def first_call(self) -> Target:
        """Return the same place in the first call of the layers on the path, which has the arguments and weights."""
        nodes: list[Node] = []
        bodies = [self.bodies[0]]
        for one in self.nodes:
            name = one.shares or one.name
            nodes.append(next(node for node in bodies[-1].nodes if node.name == name))
            bodies += [nodes[-1].body] if nodes[-1].body is not None else []
        return replace(self, nodes=tuple(nodes), bodies=tuple(bodies[: len(nodes)]))

    def path(self, level: int = -1) -> str:
        """Return the path of the node at a level, by default of the last node."""
        nodes = self.nodes if level == -1 else self.nodes[: level + 1]
        return "/".join(node.name for node in nodes)


def find(graph: Graph, path: str) -> Target:
    """Find the target of a path in a network.

    Raises:
        ArchError: the path is unknown; the message suggests the nearest names.
    """
    nodes: list[Node] = []
    bodies: list[Graph] = []
    body: Graph | None = graph
    rest = path.strip("/")
    while body is not None:
        names = {node.name: node for node in body.nodes}
        name = next((name for name in beginnings(rest) if name in names), None)
        if name is None:
            raise _unknown(path, rest, body, nodes)
        nodes.append(names[name])
        bodies.append(body)
        rest, body = rest[len(name) :], names[name].body
        if not rest.startswith("/"):
            break
        rest = rest[1:]
    return _field_or_weight(path, rest, Target(tuple(nodes), tuple(bodies)))


def _field_or_weight(path: str, rest: str, target: Target) -> Target:
    """Parse the rest of a path after the last node: nothing, a field after a dot, or a weight."""
    node = target.node
    known = fields_of(node)
    word = rest.removeprefix(".")
    if not rest:
        return target
    if rest.startswith(".") and word in (*known, SHAPE):
        return Target(target.nodes, target.bodies, field=word)
    if not rest.startswith(".") and rest in node.weights:
        return Target(target.nodes, target.bodies, weight=rest)
    if rest.startswith("."):
        message = f"`{target.path()}` has no `{word}`" if word else f"`{path}` ends in a dot"
        there = (*dict.fromkeys([*node.fields, *known]), SHAPE)
        raise fail("ARCH203", message, node.span, _hint(word, there, f"fields of {node.kind}:"))
    message = f"`{target.path()}` has no weight `{rest}`"
    if rest in node.tied:
        raise fail("ARCH203", f"{message} of its own", node.span, f"it uses `{node.tied[rest]}`")
    hint = _hint(rest, node.weights, "its weights are") if node.weights else "it has no weights"
    raise fail("ARCH203", message, node.span, hint)


def fields_of(node: Node) -> tuple[str, ...]:
    """Return the fields of an op, or the arguments of a layer; `merge` first if an expression chooses the merge."""
    fields = tuple(type(node.op).model_fields if node.op is not None else node.arguments)
    return ("merge", *fields) if node.role == "merge" and "merge" in node.fields else fields


def _unknown(path: str, rest: str, body: Graph, nodes: list[Node]) -> ArchError:
    where = f"`{'/'.join(node.name for node in nodes)}`" if nodes else f"`{body.name}`"
    names = [node.name for node in body.nodes]
    message = f"unknown path `{path}`: {where} has no `{rest}`" if rest else f"the path `{path}` names no step"
    for typed in beginnings(rest):
        hint = nearest(typed, {node.name for node in body.nodes if len(node.path) == typed.count("/")})
        if hint.startswith("did you mean"):
            return fail("ARCH203", message, nodes[-1].span if nodes else None, hint)
    return fail("ARCH203", message, nodes[-1].span if nodes else None, _hint("", names, "its steps are"))


def _hint(word: str, known: Iterable[str], what: str) -> str:
    known = list(known)
    hint = nearest(word, known) if word else ""
    if hint.startswith("did you mean"):
        return hint
    return f"{what} {', '.join(known[:SHOWN])}" + (f", and {len(known) - SHOWN} more" if len(known) > SHOWN else "")
