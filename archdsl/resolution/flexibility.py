"""Prove that a network with flexible axes has the same layers at any size, by resolving it at a second size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import Any, TypeAlias

from archdsl.errors import ArchError, Problem, Span, fail, shown
from archdsl.graph import Graph, Node
from archdsl.ops.base import show
from archdsl.resolution.body import Values
from archdsl.resolution.loops import SHORTCUT, Budget
from archdsl.resolution.resolver import Resolver, with_trail
from archdsl.spec import Input, Spec

# How it works. The second size is a multiple of the written one, so that strides divide it as well. Each axis has its
# own factor, so that a network that mixes up height and width differs. The two graphs must have equal nodes with equal
# ops, arguments and weights. Shortcuts whose stride the generated class computes from shapes are refused, because it
# knows no size when it is built.

_FACTORS = {"length": 2, "depth": 4, "height": 2, "width": 3}
"""The second size of an axis, as a multiple of the written one. Axes of one name grow alike, so they still match."""


Sizes: TypeAlias = Mapping[tuple[Span, str], set[Any]]
"""The sizes that expressions and shortcuts read, by place and name: see `Budget`."""


def check_flexible(spec: Spec, values: Values, graph: Graph, read: Sizes) -> None:
    """Check that a network has the same layers and weights at any size of its flexible axes.

    Args:
        spec: The spec.
        values: The values of the arguments of the model.
        graph: Its graph for these values, at the written size.
        read: The sizes that its expressions and shortcuts read.

    Raises:
        ArchError: For the first step that depends on a size (ARCH030).
    """
    if not graph.flexible:
        return
    larger = replace(spec, inputs={name: _larger(one) for name, one in spec.inputs.items()})
    size = " and ".join(show(one.shape) for one in larger.inputs.values() if one.flexible)
    budget = Budget(spec.limits, sizes={})
    try:
        again = Resolver(larger, budget).model(values)
    except ArchError as error:
        first = error.problems[0]
        message = f"with an input of {size}, {first.message}"
        raise ArchError(replace(first, code="ARCH030", message=message, hint=_WITHOUT)) from None
    for (place, name), sizes in read.items():
        if sizes != (budget.sizes or {}).get((place, name)):
            if name == SHORTCUT:
                message = "this shortcut gets its stride from the size of the input"
                hint = "write its steps, as in `shortcut: [{conv: {filters: 64, kernel: 1, stride: 2}}]`"
                raise fail("ARCH030", message, place, hint)
            message = f"`${name}` is unknown when the network is built: the axis is flexible"
            raise fail("ARCH030", message, place, "write a number, or remove the axis from `flexible`")
    _Comparison(tuple(show(one.shapes[name]) for one in (graph, again) for name in graph.flexible)).bodies(graph, again)


_WITHOUT = "remove `flexible`, or use steps that work at any size"


def _larger(one: Input) -> Input:
    sides = list(one.shape)
    for number, axis in enumerate(one.axes):
        sides[number] *= _FACTORS[axis] if axis in one.flexible else 1
    return replace(one, shape=tuple(sides))


class _Comparison:
    """Compares the bodies of a network at two sizes, each pair once.

    Args:
        sizes: The two sizes in words.
    """

    def __init__(self, sizes: tuple[str, ...]) -> None:
        half = len(sizes) // 2
        self.sizes = " and ".join(sizes[:half]), " and ".join(sizes[half:])
        self.seen: set[tuple[int, int]] = set()

    def bodies(self, one: Graph, other: Graph) -> None:
        """Compare a body at two sizes.

        Raises:
            ArchError: For the first step that differs.
        """
        if (id(one), id(other)) in self.seen:
            return
        self.seen.add((id(one), id(other)))
        for node, again in zip_longest(one.nodes, other.nodes):
            self._nodes(node, again)
            if node.body is not None and again.body is not None and node.span is not None:
                try:
                    self.bodies(node.body, again.body)
                except ArchError as error:
                    raise with_trail(error, node.kind, one.name, node.span, node.arguments) from None

    def _nodes(self, node: Node | None, again: Node | None) -> None:
        if node is None or again is None or (node.name, node.kind) != (again.name, again.kind):
            there = node or again
            assert there is not None
            facts = tuple(
                f"{size}: {f'`{one.name}`' if one is not None else 'no such step'}"
                for size, one in zip(self.sizes, (node, again), strict=True)
            )
            message = "which steps there are depends on the size of the input"
            raise ArchError(Problem("ARCH030", message, there.span, facts, hint=_WITHOUT))
        if node.weights != again.weights:
            raise self._weights(node, again)
        ours, theirs = _settings(node), _settings(again)
        for name, value in ours.items():
            if value != theirs.get(name):
                place = node.fields[name].span if name in node.fields else node.span
                facts = self._facts(shown(value), shown(theirs.get(name)))
                message = f"`{name}` of `{node.name}` depends on the size of the input"
                raise ArchError(Problem("ARCH030", message, place, facts, hint=_WITHOUT))

    def _weights(self, node: Node, again: Node) -> ArchError:
        names = [name for name, weight in node.weights.items() if weight != again.weights.get(name)]
        name = (names or [*again.weights])[0]
        shapes = (show(one.weights[name].shape) if name in one.weights else "none" for one in (node, again))
        facts = self._facts(*(f"`{name}` is {shape}" for shape in shapes))
        message = f"the weights of `{node.name}` depend on the size of the input"
        flat = node.op is not None and node.op.name == "dense"
        hint = "use a global pool instead of `flatten`, or remove `flexible`" if flat else _WITHOUT
        return ArchError(Problem("ARCH030", message, node.span, facts, hint=hint))

    def _facts(self, one: str, other: str) -> tuple[str, ...]:
        return tuple(f"{size} -> {fact}" for size, fact in zip(self.sizes, (one, other), strict=True))


def _settings(node: Node) -> Mapping[str, object]:
    """Return the values of the arguments of a node."""
    return dict(node.op) if node.op is not None else node.arguments
