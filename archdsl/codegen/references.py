"""Steps and values in a body, at any depth, and the names that it refers to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Sequence

from archdsl.resolution.step_values import own_values
from archdsl.resolution.words import every_step
from archdsl.spec import Spec
from archdsl.steps import Branches, Share, Step, StepRef, Tie, Value


def every_value(steps: Sequence[Step]) -> Iterator[Value]:
    """Every value in the steps: loops, arguments, fields of ops, and shortcuts."""
    for step in every_step(steps):
        yield from own_values(step)


def column_names(steps: Sequence[Step]) -> set[str]:
    """The names of the columns of every `for`, and of the loops in expressions."""
    found = {name for value in every_value(steps) for expression, _ in value.expressions() for name in expression.loops}
    for step in every_step(steps):
        branches = step.action.paths if isinstance(step.action, Branches) else ()
        found = found.union(step.loop.columns, *(branch.loop.columns for branch in branches))
    return found


def uses_input(steps: Sequence[Step]) -> bool:
    """Whether any expression uses the shape of the input, so the layers must be created in `build`."""
    return any(value.reads_input for value in every_value(steps))


def uses_here(steps: Sequence[Step]) -> bool:
    """Whether any expression uses the shape of what arrives at its step."""
    return any(value.reads_here for value in every_value(steps))


def has_masks(spec: Spec) -> bool:
    """Whether an op of the spec marks padding, so that tensors may have masks."""
    bodies = (spec.model, *(layer.steps for layer in spec.layers.values()))
    actions = (step.action for steps in bodies for step in every_step(steps))
    parts = (part for action in actions if isinstance(action, tuple) for part in action)
    return any(part.op.marks_padding({name: v.template() for name, v in part.fields.items()}) for part in parts)


def wanted_names(steps: Sequence[Step], outputs: Sequence[StepRef] = ()) -> Counter[str]:
    """The number of references to each name in `from` and `outputs`."""
    return Counter(ref.name for refs in (*(step.refs for step in every_step(steps)), outputs) for ref in refs)


def shared_names(steps: Sequence[Step]) -> frozenset[str]:
    """The names of the steps whose layers other steps use, with the number of the copy for a step in a loop."""
    every = list(every_step(steps))
    calls = {step.action.name for step in every if isinstance(step.action, Share)}
    return frozenset(calls | {tie.name for step in every for tie in ties_of(step)})


def ties_of(step: Step) -> list[Tie]:
    """The weights of other steps that a step uses in place of its own."""
    return [tie for part in step.action for tie in part.ties.values()] if isinstance(step.action, tuple) else []


def uses_other_layers(step: Step) -> bool:
    """Whether a step uses the layer of another step, or a weight of it."""
    return isinstance(step.action, Share) or bool(ties_of(step))


def outer_names(steps: Sequence[Step], known: Container[str]) -> list[str]:
    """The known names that the steps refer to, in order."""
    return list(dict.fromkeys(name for name in wanted_names(steps) if name in known))


def output_names(step: Step, spec: Spec) -> tuple[str, ...]:
    """The names of the outputs of the layer that a step uses, if any."""
    return spec.output_names(step)


def takes_flow(steps: Sequence[Step]) -> bool:
    """Whether the steps use the preceding tensor, rather than only those named by `from`."""
    if not steps:
        return True
    first = steps[0]
    is_sure_group = isinstance(first.action, Branches) and first.action.is_group and first.loop.never_empty
    return not first.refs and (not is_sure_group or takes_flow(first.action.after))  # type: ignore[union-attr]


def may_be_empty(steps: Sequence[Step]) -> bool:
    """Whether some arguments leave no step."""
    return all(step.loop.when is not None or step.loop.many for step in steps)
