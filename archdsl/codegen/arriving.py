"""Replace `$here.channels` and so on by variables, where the tensor itself is no longer at hand."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace

from archdsl.expr import AXES, HERE, Expression, axis_name, axis_of
from archdsl.steps import Branches, EachStep, Fields, LayerCall, Loop, OpCall, Share, Step, Value


def here_names(tensor: str) -> dict[str, str]:
    """The source of `$here.channels` and so on, for the source of the tensor that arrives."""
    return {f"{HERE}.{axis}": f"{tensor}.shape[{position}]" for axis, position in AXES.items()}


def here_axes(values: tuple[Value, ...]) -> list[str]:
    """The axes of the arriving tensor that some values use, such as `channels`."""
    names = dict.fromkeys(name for value in values for name in sorted(value.names))
    return [axis for tensor, axis in map(axis_of, names) if tensor == HERE]


@dataclass(frozen=True)
class Replacement:
    """Replaces axes of the arriving tensor by variables.

    Args:
        variables: the variable of each axis.
    """

    variables: Mapping[str, str]

    def value(self, value: Value) -> Value:
        """A value with the variables, or the value itself if it uses none of the axes."""
        if not value.reads_here:
            return value
        if isinstance(value.content, Expression):
            return replace(value, content=self._expression(value.content))
        if isinstance(value.content, dict):
            return replace(value, content=self.fields(value.content))
        return replace(value, content=tuple(map(self.value, value.content)))

    def fields(self, fields: Fields) -> dict[str, Value]:
        return {name: self.value(value) for name, value in fields.items()}

    def loop(self, loop: Loop) -> Loop:
        when, repeat = (None if at is None else self.value(at) for at in (loop.when, loop.repeat))
        return Loop(self.fields(loop.columns), when, repeat)

    def action(self, step: Step) -> Step:
        """A step with the variables everywhere but in its loop and in the steps inside its paths."""
        action = step.action
        if isinstance(action, LayerCall):
            return replace(step, action=replace(action, arguments=self.fields(action.arguments)))
        if isinstance(action, tuple):
            return replace(step, action=tuple(map(self.part, action)))
        return step if isinstance(action, Share | EachStep) else replace(step, action=self.branches(action))

    def part(self, part: OpCall) -> OpCall:
        choice = part.choice and replace(part.choice, word=self.value(part.choice.word))
        return replace(part, fields=self.fields(part.fields), choice=choice)

    def branches(self, branches: Branches) -> Branches:
        """Branches with the variables in their loops, their shortcut and their merge."""
        paths = tuple(replace(path, loop=self.loop(path.loop)) for path in branches.paths)
        shortcut, merge = branches.shortcut, branches.merge
        if isinstance(shortcut, Value):
            shortcut = self.value(shortcut)
        if merge is not None:
            merge = self.part(merge)
        return replace(branches, paths=paths, shortcut=shortcut, merge=merge)

    def _expression(self, expression: Expression) -> Expression:
        tree = _Rename(self.variables).visit(copy.deepcopy(expression.tree))
        others = {name for name in expression.names if axis_of(name)[0] != HERE}
        return Expression(ast.unparse(tree), tree, frozenset(others | set(self.variables.values())))


class _Rename(ast.NodeTransformer):
    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        tensor, axis = axis_of(axis_name(node))
        return ast.Name(self.variables[axis]) if tensor == HERE else node
