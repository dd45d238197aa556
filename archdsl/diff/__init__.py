"""Two graphs -> what differs: steps, shapes, parameters and cost, and which weights carry over. Plain data."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from archdsl.diff.alignment import Alignment, align
from archdsl.diff.edits import ABSENT, Change, Field, changes_of, placed
from archdsl.diff.steps import Step, plain, steps_of, written
from archdsl.diff.weights import Tensor, Weights, total, weights_of
from archdsl.graph import Graph, StepName, Totals
from archdsl.ops import Shape
from archdsl.ops.base import show

__all__ = ["Change", "Comparison", "Field", "Row", "Tensor", "Weights", "compare", "total", "written"]


@dataclass(frozen=True, slots=True)
class Row:
    """A step whose shape or cost differs, or that only one network has.

    Args:
        name, was: its name in the second body and in the first; empty where it is not there.
        level: how many layers it stands in.
        shapes, totals: in the first network and in the second.
    """

    name: StepName
    was: StepName
    path: str
    level: int
    shapes: tuple[Shape | None, Shape | None]
    totals: tuple[Totals | None, Totals | None]


@dataclass(frozen=True)
class Comparison:
    """What differs between two networks.

    Args:
        before, after: the networks.
        arguments: of the model, that differ.
        changes: in the order of the second network.
        weights: which carry over.
    """

    before: Graph
    after: Graph
    arguments: tuple[Field, ...]
    changes: tuple[Change, ...]
    weights: Weights
    bodies: _Bodies

    @property
    def is_equal(self) -> bool:
        """Whether both are one network, however their files say it."""
        return not self.changes and not self.arguments and self.before.name == self.after.name

    def rows(self, depth: int) -> Iterator[Row]:
        """The steps whose shape or cost differs, those of layers down to `depth` levels."""
        return _rows(self.before, self.after, self.bodies, depth, 0, "")


def compare(before: Graph, after: Graph) -> Comparison:
    """What differs between two networks."""
    bodies = _Bodies()
    old, new = dict(before.arguments), dict(after.arguments)
    fields = [
        Field(name, plain(old.get(name, ABSENT)), plain(new.get(name, ABSENT))) for name in dict.fromkeys([*old, *new])
    ]
    arguments = tuple(field for field in fields if repr(field.before) != repr(field.after))
    changes = [*_ends(before, after), *bodies.grouped(before, after)]
    weights = weights_of(before, after, bodies.alignment)
    return Comparison(before, after, arguments, tuple(changes), weights, bodies)


class _Bodies:
    """What is known of pairs of bodies: equal uses of layers share one, which is compared once."""

    def __init__(self) -> None:
        self.alignments: dict[tuple[int, int], Alignment] = {}
        self.changes: dict[tuple[int, int], list[Change]] = {}
        self.equal: dict[tuple[int, int], bool] = {}
        self.kept: list[tuple[Graph, Graph]] = []

    def alignment(self, before: Graph, after: Graph) -> Alignment:
        key = id(before), id(after)
        if key not in self.alignments:
            self.kept.append((before, after))  # else another graph might get its place in memory, and so its key
            self.alignments[key] = align(before, after)
        return self.alignments[key]

    def own(self, before: Graph, after: Graph) -> list[Change]:
        """What differs in two bodies, and not inside their layers."""
        key = id(before), id(after)
        if key not in self.changes:
            self.changes[key] = changes_of(before, after, self.alignment(before, after))
        return self.changes[key]

    def is_equal(self, before: Graph, after: Graph) -> bool:
        """Whether two bodies do the same by the same names, inside their layers, too."""
        key = id(before), id(after)
        if key not in self.equal:
            inner = self.inner(before, after)
            self.equal[key] = not self.own(before, after) and all(self.is_equal(*graphs) for *_, graphs in inner)
        return self.equal[key]

    def inner(self, before: Graph, after: Graph) -> Iterator[tuple[Step, Step, tuple[Graph, Graph]]]:
        """The layers that both bodies have."""
        for pair in self.alignment(before, after).pairs:
            one, other = pair.before.main.body, pair.after.main.body
            if one is not None and other is not None:
                yield pair.before, pair.after, (one, other)

    def grouped(self, before: Graph, after: Graph) -> list[Change]:
        """Everything that differs: what one place of the file says is one change, however many steps have it."""
        found: dict[object, list[Change]] = {}
        for change in self._walk(before, after, "", ""):
            found.setdefault(change.key, []).append(change)
        return [_joined(changes) for changes in found.values()]

    def _walk(self, before: Graph, after: Graph, old: str, new: str) -> Iterator[Change]:
        if self.is_equal(before, after):
            return
        for change in self.own(before, after):
            yield placed(change, old, new)
        for one, other, graphs in self.inner(before, after):
            yield from self._walk(*graphs, f"{old}{one.name}/", f"{new}{other.name}/")


def _joined(changes: list[Change]) -> Change:
    """Equal changes as one."""
    uses = tuple(use for change in changes for use in change.uses)
    return replace(changes[0], uses=uses, parameters=sum(change.parameters for change in changes))


def _ends(before: Graph, after: Graph) -> Iterator[Change]:
    """Inputs that have another shape, and inputs and outputs that only one network has."""
    for name in dict.fromkeys([*before.inputs, *after.inputs]):
        old, new = before.inputs.get(name), after.inputs.get(name)
        if old != new:
            field = Field("shape", show(old) if old else ABSENT, show(new) if new else ABSENT)
            yield Change("input", "", name, (field,), (_use(name, old, new),))
    for name in dict.fromkeys([*before.outputs, *after.outputs]):
        one, other = name in before.outputs, name in after.outputs
        if one != other:
            yield Change("output", "", name, (), (_use(name, one, other),))


def _use(name: str, before: object, after: object) -> tuple[StepName, StepName]:
    return StepName(name if before else ""), StepName(name if after else "")


def _rows(before: Graph, after: Graph, bodies: _Bodies, depth: int, level: int, scope: str) -> Iterator[Row]:
    for one, other in _both(before, after, bodies):
        row = Row(
            other.name if other else StepName(""),
            one.name if one else StepName(""),
            scope + (other or one).name,  # type: ignore[union-attr]
            level,
            (one.shape if one else None, other.shape if other else None),
            (one.totals if one else None, other.totals if other else None),
        )
        if row.shapes[0] == row.shapes[1] and row.totals[0] == row.totals[1]:
            continue
        yield row
        if one and other and one.main.body and other.main.body and level + 1 < depth:
            yield from _rows(one.main.body, other.main.body, bodies, depth, level + 1, f"{row.path}/")


def _both(before: Graph, after: Graph, bodies: _Bodies) -> Iterator[tuple[Step | None, Step | None]]:
    """The steps of two bodies side by side, in the order of the second; what is gone stands where it stood."""
    alignment = bodies.alignment(before, after)
    removed = {step.name for step in alignment.removed}
    waiting = deque(steps_of(before))
    for step in steps_of(after):
        pair = alignment.of_after.get(step.main.name)
        if pair is None:
            yield None, step
            continue
        if not pair.crossed:
            while waiting and waiting[0].name != pair.before.name:
                gone = waiting.popleft()
                if gone.name in removed:
                    yield gone, None
            if waiting:
                waiting.popleft()
        yield pair.before, step
    for step in waiting:
        if step.name in removed:
            yield step, None
