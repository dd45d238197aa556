"""Two graphs -> what differs: steps, shapes, parameters and cost, and which weights carry over. Plain data."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from archdsl.diff.alignment import Alignment, align
from archdsl.diff.edits import ABSENT, Edit, FieldEdit, InputEdit, OutputEdit, edits_of
from archdsl.diff.steps import ComparedStep, plain_value, steps_of
from archdsl.diff.weights import CarriedWeights, carried_weights
from archdsl.graph import Graph, StepName, Totals
from archdsl.ops import Shape
from archdsl.ops.base import show


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step whose shape or cost differs, or that only one network has.

    Args:
        name, was: its name in the second body and in the first; empty where it is not there.
        path: its name from the outside of the network.
        level: how many layers it is in.
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
        edits: in the order of the second network; what one place of the file says is one edit.
        weights: which carry over.
    """

    before: Graph
    after: Graph
    arguments: tuple[FieldEdit, ...]
    edits: tuple[Edit, ...]
    weights: CarriedWeights
    bodies: BodyPairs

    @property
    def is_equal(self) -> bool:
        """Whether both are one network, however their files say it."""
        return not self.edits and not self.arguments and self.before.name == self.after.name

    def rows(self, depth: int) -> Iterator[StepRow]:
        """The steps whose shape or cost differs, those of layers down to `depth` levels."""
        return self.bodies.rows(self.before, self.after, depth)


def compare(before: Graph, after: Graph) -> Comparison:
    """What differs between two networks."""
    bodies = BodyPairs()
    old, new = ({name: plain_value(value) for name, value in graph.arguments.items()} for graph in (before, after))
    arguments = tuple(
        FieldEdit(name, old.get(name, ABSENT), new.get(name, ABSENT))
        for name in dict.fromkeys([*old, *new])
        if repr(old.get(name, ABSENT)) != repr(new.get(name, ABSENT))
    )
    grouped: dict[object, list[Edit]] = {}
    for edit in bodies.edits(before, after):
        grouped.setdefault(edit.key, []).append(edit)
    edits = [*_input_and_output_edits(before, after), *map(_as_one, grouped.values())]
    weights = carried_weights(before, after, bodies.alignment)
    return Comparison(before, after, arguments, tuple(edits), weights, bodies)


def _as_one(edits: list[Edit]) -> Edit:
    uses = tuple(use for edit in edits for use in edit.uses)
    return replace(edits[0], uses=uses, parameters=sum(edit.parameters for edit in edits))


def _input_and_output_edits(before: Graph, after: Graph) -> Iterator[Edit]:
    """Inputs that have another shape, and inputs and outputs that only one network has."""

    def use(name: str, old: object, new: object) -> tuple[StepName, StepName]:
        return StepName(name if old else ""), StepName(name if new else "")

    for name in dict.fromkeys([*before.inputs, *after.inputs]):
        old, new = before.inputs.get(name), after.inputs.get(name)
        if old != new:
            shape = FieldEdit("shape", show(old) if old else ABSENT, show(new) if new else ABSENT)
            yield InputEdit(uses=(use(name, old, new),), label=name, fields=(shape,))
    for name in dict.fromkeys([*before.outputs, *after.outputs]):
        one, other = name in before.outputs, name in after.outputs
        if one != other:
            yield OutputEdit(uses=(use(name, one, other),), label=name)


class BodyPairs:
    """Pairs of bodies, each compared once: equal uses of layers share one body."""

    def __init__(self) -> None:
        self.alignments: dict[tuple[int, int], Alignment] = {}
        self.own_edits: dict[tuple[int, int], list[Edit]] = {}
        self.equal: dict[tuple[int, int], bool] = {}
        self.kept: list[tuple[Graph, Graph]] = []

    def alignment(self, before: Graph, after: Graph) -> Alignment:
        """Which step of one body is which of the other."""
        key = id(before), id(after)
        if key not in self.alignments:
            self.kept.append((before, after))  # else another graph might get its place in memory, and so its key
            self.alignments[key] = align(before, after)
        return self.alignments[key]

    def edits(self, before: Graph, after: Graph, old: str = "", new: str = "") -> Iterator[Edit]:
        """Everything that differs, inside layers too, with names from the outside of the networks.

        Args:
            before, after: the bodies.
            old, new: the nodes that lead to them, each with a `/` after it.
        """
        if self._is_equal(before, after):
            return
        for edit in self._own_edits(before, after):
            uses = tuple((one and one.within(old), other and other.within(new)) for one, other in edit.uses)
            yield replace(edit, uses=uses)
        for one, other, bodies in self._layers(before, after):
            yield from self.edits(*bodies, f"{old}{one.name}/", f"{new}{other.name}/")

    def rows(self, before: Graph, after: Graph, depth: int, level: int = 0, scope: str = "") -> Iterator[StepRow]:
        """The steps whose shape or cost differs, those of layers down to `depth` levels."""
        for one, other in self._side_by_side(before, after):
            row = StepRow(
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
                yield from self.rows(one.main.body, other.main.body, depth, level + 1, f"{row.path}/")

    def _own_edits(self, before: Graph, after: Graph) -> list[Edit]:
        """What differs in two bodies, and not inside their layers."""
        key = id(before), id(after)
        if key not in self.own_edits:
            self.own_edits[key] = edits_of(before, after, self.alignment(before, after))
        return self.own_edits[key]

    def _is_equal(self, before: Graph, after: Graph) -> bool:
        """Whether two bodies do the same by the same names, inside their layers too."""
        key = id(before), id(after)
        if key not in self.equal:
            layers = self._layers(before, after)
            self.equal[key] = not self._own_edits(before, after) and all(self._is_equal(*both) for *_, both in layers)
        return self.equal[key]

    def _layers(self, before: Graph, after: Graph) -> Iterator[tuple[ComparedStep, ComparedStep, tuple[Graph, Graph]]]:
        """The layers that both bodies have, with what is inside them."""
        for pair in self.alignment(before, after).pairs:
            one, other = pair.before.main.body, pair.after.main.body
            if one is not None and other is not None:
                yield pair.before, pair.after, (one, other)

    def _side_by_side(self, before: Graph, after: Graph) -> Iterator[tuple[ComparedStep | None, ComparedStep | None]]:
        """The steps of two bodies, in the order of the second; what is gone is where it was."""
        alignment = self.alignment(before, after)
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
