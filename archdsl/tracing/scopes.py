"""A resolver that records the scope of each node, for tracing values."""

from __future__ import annotations

from typing import Any

from archdsl.graph import Graph, Node, StepName, Tensor
from archdsl.resolution.body import Body, StepContext, Tensors, Values
from archdsl.resolution.loops import Budget
from archdsl.resolution.resolver import Resolver
from archdsl.spec import Spec
from archdsl.steps import Loop, Step


class LoopScope(dict[str, Any]):
    """The scope in one iteration of a loop: values by name, and their origin.

    Args:
        loop: the loop.
        number: the iteration, counted from 0.
        row: the values of the loop variables.
        outer: the scope around the loop.
    """

    def __init__(self, loop: Loop, number: int, row: Values, outer: Values) -> None:
        super().__init__({**outer, **row})
        self.loop, self.number, self.row, self.outer = loop, number, row, outer


class HereScope(dict[str, Any]):
    """The scope of a step that reads the shape of what arrives at it.

    Args:
        values: the values by name.
        tensor: the tensor that arrives.
        outer: the scope around the step.
    """

    def __init__(self, values: Values, tensor: Tensor, outer: Values) -> None:
        super().__init__(values)
        self.tensor, self.outer = tensor, outer


class _TracingBudget(Budget):
    def arriving(self, scope: Values, tensor: Tensor) -> Values:
        return HereScope(super().arriving(scope, tensor), tensor, scope)

    def inside(self, loop: Loop, number: int, row: Values, scope: Values) -> Values:
        # Each iteration has its own scope, by which the resolver tells copies of one use apart.
        return LoopScope(loop, number, row, scope)


class TracingResolver(Resolver):
    """Resolves a spec and records the scope of each node.

    Attributes:
        scopes: the scopes by the id of the node; equal layers share theirs.
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec, _TracingBudget(spec.limits))
        self.scopes: dict[int, Values] = {}
        self.current: list[Values] = []

    def step(self, context: StepContext, step: Step, name: StepName, x: Tensors) -> Tensors:
        self.current.append(context.scope)
        try:
            return super().step(context, step, name, x)
        finally:
            self.current.pop()

    def called_for_each_step(self, graph: Graph, steps: int) -> Graph:
        found = super().called_for_each_step(graph, steps)
        self._copy_scopes(graph, found)
        return found

    def _copy_scopes(self, one_step: Graph, graph: Graph) -> None:
        for one, node in zip(one_step.nodes, graph.nodes, strict=True):
            if id(node) not in self.scopes:
                self.scopes[id(node)] = self.scopes[id(one)]
                if one.body is not None and node.body is not None:
                    self._copy_scopes(one.body, node.body)

    def append(self, body: Body, node: Node) -> Tensors:
        self.scopes[id(node)] = self.current[-1]
        return super().append(body, node)
