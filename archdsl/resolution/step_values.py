"""The values of a step."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.steps import Branches, EachStep, LayerCall, OpCall, Share, Step, Value


def own_values(step: Step) -> Iterator[Value]:
    """Yield the values of a step, without those of the steps inside it."""
    action = step.action
    yield from step.loop.values()
    if isinstance(action, LayerCall):
        yield from action.arguments.values()
    elif isinstance(action, Branches):
        for branch in action.paths:
            yield from branch.loop.values()
        if isinstance(action.shortcut, Value):
            yield action.shortcut
        if action.merge is not None:
            yield from _part_values(action.merge)
    elif not isinstance(action, Share | EachStep):
        for part in action:
            yield from _part_values(part)


def _part_values(part: OpCall) -> Iterator[Value]:
    yield from part.fields.values()
    if part.choice is not None:
        yield part.choice.word


def reads_here(step: Step) -> bool:
    """Return whether a value of a step uses the shape of what arrives at it."""
    return any(value.reads_here for value in own_values(step))
