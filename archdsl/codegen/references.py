"""Which names of steps a body's own text asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Sequence

from archdsl.spec import Branches, Step, StepRef, Value


def every_step(steps: Sequence[Step]) -> Iterator[Step]:
    """The steps, and all inside their paths, shortcuts and what comes after."""
    for step in steps:
        yield step
        if isinstance(step.action, Branches):
            branches = step.action
            for path in branches.paths:
                yield from every_step(path.steps)
            if not isinstance(branches.shortcut, Value):
                yield from every_step(branches.shortcut)
            yield from every_step(branches.after)


def wanted_names(steps: Sequence[Step], outputs: Sequence[StepRef] = ()) -> Counter[str]:
    """The names that some `from` or `outputs` names, and how often."""
    return Counter(ref.name for refs in (*(step.refs for step in every_step(steps)), outputs) for ref in refs)


def outer_names(steps: Sequence[Step], known: Container[str]) -> list[str]:
    """The names that stand outside of these steps and are named inside, in their order."""
    named = (ref.name for step in every_step(steps) for ref in step.refs)
    return list(dict.fromkeys(name for name in named if name in known))


def takes_flow(steps: Sequence[Step]) -> bool:
    """Whether steps may take what flows to them, and not only what their first one names."""
    if not steps:
        return True
    first = steps[0]
    return not first.refs or first.loop.many or first.loop.when is not None
