"""Two graphs -> their differences as plain data: steps, shapes, parameters, cost, and the weights that carry over."""

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
from archdsl.ops.base import FLOAT, show


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step whose shape or cost differs, or that only one network has.

    Args:
        name: its name in the second body, or empty.
        was: its name in the first body, or empty.
        path: its full path in the network.
        level: the number of layers around it.
        shapes: its shape in the first and in the second network.
        totals: its totals in the first and in the second network.
    """

    name: StepName
    was: StepName
    path: str
    level: int
    shapes: tuple[Shape | None, Shape | None]
    totals: tuple[Totals | None, Totals | None]


@dataclass(frozen=True)
class Comparison:
    """The differences between two networks.

    Args:
        before: the first network.
        after: the second network.
        arguments: the model arguments that differ.
        edits: the edits in the order of the second network; a change at one place in the file is one edit.
        weights: the weights that carry over, and those that do not.
        bodies: the pairs of bodies that were compared.
    """

    before: Graph
    after: Graph
    arguments: tuple[FieldEdit, ...]
    edits: tuple[Edit, ...]
    weights: CarriedWeights
    bodies: BodyPairs

    @property
    def is_equal(self) -> bool:
        """Whether the networks are identical, however their files are written."""
        return not self.edits and not self.arguments and self.before.name == self.after.name

    def rows(self, depth: int) -> Iterator[StepRow]:
        """Return the steps whose shape or cost differs, including steps in layers down to `depth` levels."""
        return self.bodies.rows(self.before, self.after, depth)


def compare(before: Graph, after: Graph) -> Comparison:
    """Compare two networks."""
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
    """Yield inputs with a changed shape, and inputs and outputs that only one network has."""

    def use(name: str, old: object, new: object) -> tuple[StepName, StepName]:
        return StepName(name if old else ""), StepName(name if new else "")

    for name in dict.fromkeys([*before.inputs, *after.inputs]):
        old, new = before.inputs.get(name), after.inputs.get(name)
        pairs = [("shape", show(old) if old else ABSENT, show(new) if new else ABSENT)]
        if old is not None and new is not None:
            axes, others = (", ".join(graph.flexible.get(name, ())) or ABSENT for graph in (before, after))
            dtypes = before.dtypes.get(name, FLOAT), after.dtypes.get(name, FLOAT)
            pairs += [("dtype", *dtypes), ("flexible", axes, others)]
        fields = [FieldEdit(word, one, other) for word, one, other in pairs if one != other]
        if fields:
            yield InputEdit(uses=(use(name, old, new),), label=name, fields=tuple(fields))
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
        """Return the alignment of two bodies, computing it at most once."""
        key = id(before), id(after)
        if key not in self.alignments:
            self.kept.append((before, after))  # otherwise another graph could reuse the same id
            self.alignments[key] = align(before, after)
        return self.alignments[key]

    def edits(self, before: Graph, after: Graph, old: str = "", new: str = "") -> Iterator[Edit]:
        """Yield all edits, including those inside layers, with full paths.

        Args:
            before: the first body.
            after: the second body.
            old: the path of the first body, with a `/` at the end.
            new: the path of the second body, with a `/` at the end.
        """
        if self._is_equal(before, after):
            return
        for edit in self._own_edits(before, after):
            uses = tuple((one and one.within(old), other and other.within(new)) for one, other in edit.uses)
            yield replace(edit, uses=uses)
        for one, other, bodies in self._layers(before, after):
            yield from self.edits(*bodies, f"{old}{one.name}/", f"{new}{other.name}/")

    def rows(self, before: Graph, after: Graph, depth: int, level: int = 0, scope: str = "") -> Iterator[StepRow]:
        """Yield the steps whose shape or cost differs, including steps in layers down to `depth` levels."""
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
        """The edits between two bodies, without those inside their layers."""
        key = id(before), id(after)
        if key not in self.own_edits:
            self.own_edits[key] = edits_of(before, after, self.alignment(before, after))
        return self.own_edits[key]

    def _is_equal(self, before: Graph, after: Graph) -> bool:
        """Whether two bodies are identical, including the inside of their layers."""
        key = id(before), id(after)
        if key not in self.equal:
            layers = self._layers(before, after)
            self.equal[key] = not self._own_edits(before, after) and all(self._is_equal(*both) for *_, both in layers)
        return self.equal[key]

    def _layers(self, before: Graph, after: Graph) -> Iterator[tuple[ComparedStep, ComparedStep, tuple[Graph, Graph]]]:
        """Yield the layers that both bodies have, with their inner bodies."""
        for pair in self.alignment(before, after).pairs:
            one, other = pair.before.main.body, pair.after.main.body
            if one is not None and other is not None:
                yield pair.before, pair.after, (one, other)

    def _side_by_side(self, before: Graph, after: Graph) -> Iterator[tuple[ComparedStep | None, ComparedStep | None]]:
        """Yield the steps of two bodies in the order of the second; removed steps keep their place."""
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
