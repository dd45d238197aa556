"""A resolution that remembers what each step saw. It is made only where somebody asks where a value comes from."""

from __future__ import annotations

from typing import Any

from archdsl.graph import Graph, Node, StepName
from archdsl.resolution.body import Body, StepContext, Tensors, Values
from archdsl.resolution.loops import Budget
from archdsl.resolution.resolver import Resolver
from archdsl.spec import Loop, Spec, Step


class Seen(dict[str, Any]):
    """What is seen in one row of a loop: values by names, and where they are from.

    Args:
        loop, number: the row, counted from 0.
        row: the values of the loop's columns.
        outer: what is seen around the loop.
    """

    def __init__(self, loop: Loop, number: int, row: Values, outer: Values) -> None:
        super().__init__({**outer, **row})
        self.loop, self.number, self.row, self.outer = loop, number, row, outer


class _Budget(Budget):
    def inside(self, loop: Loop, number: int, row: Values, scope: Values) -> Values:
        # Each row has a scope of its own, which is how a resolution knows copies of one use.
        return Seen(loop, number, row, scope)


class Tracer(Resolver):
    """Resolves a spec, and keeps what each of its nodes saw.

    Attributes:
        scopes: by the id of a node; what equal layers share is kept once.
        steps: the step that each node is of.
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.budget = _Budget(spec.limits)
        self.scopes: dict[int, Values] = {}
        self.steps: dict[int, Step] = {}
        self.current: list[tuple[Step, Values]] = []

    def traced(self, arguments: Values) -> Graph:
        """The graph of the model with these arguments."""
        return self.model(self.spec.values(arguments))

    def step(self, context: StepContext, step: Step, name: StepName, x: Tensors) -> Tensors:
        self.current.append((step, context.scope))
        try:
            return super().step(context, step, name, x)
        finally:
            self.current.pop()

    def append(self, body: Body, node: Node) -> Tensors:
        self.steps[id(node)], self.scopes[id(node)] = self.current[-1]
        return super().append(body, node)
