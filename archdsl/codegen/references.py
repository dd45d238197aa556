"""Which names of steps a body's own text asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Sequence

from archdsl.spec import Bunch, Step, Tap, Value


def every_step(steps: Sequence[Step]) -> Iterator[Step]:
    """The steps, and all inside their paths, shortcuts and what comes after."""
    for step in steps:
        yield step
        if isinstance(step.action, Bunch):
            bunch = step.action
            for path in bunch.paths:
                yield from every_step(path.steps)
            if not isinstance(bunch.shortcut, Value):
                yield from every_step(bunch.shortcut)
            yield from every_step(bunch.after)


def wanted_names(steps: Sequence[Step], outputs: Sequence[Tap] = ()) -> Counter[str]:
    """The names that some `from` or `outputs` names, and how often."""
    return Counter(tap.name for taps in (*(step.taps for step in every_step(steps)), outputs) for tap in taps)


def outer_names(steps: Sequence[Step], known: Container[str]) -> list[str]:
    """The names that stand outside of these steps and are named inside, in their order."""
    named = (tap.name for step in every_step(steps) for tap in step.taps)
    return list(dict.fromkeys(name for name in named if name in known))


def takes_flow(steps: Sequence[Step]) -> bool:
    """Whether steps may take what flows to them, and not only what their first one names."""
    if not steps:
        return True
    first = steps[0]
    return not first.taps or first.loop.many or first.loop.when is not None
