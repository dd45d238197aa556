"""What differs between two bodies: steps added, removed, moved, changed, and what takes another input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from archdsl.diff.alignment import Alignment, Pair
from archdsl.diff.steps import Step, written
from archdsl.errors import Span
from archdsl.expr import Expression
from archdsl.graph import BranchPath, Graph, StepName, TensorRef

ABSENT = "—"
"""Stands for the value of an argument that a layer has on one side only."""

What: TypeAlias = Literal["added", "removed", "changed", "moved", "renamed", "rewired", "input", "output"]


@dataclass(frozen=True, slots=True)
class Field:
    """A word of a step that has another value.

    Args:
        follows: whether the file says the same on both sides, so that something further up made the difference.
        line: where the second file says it; 0 where it does not.
    """

    name: str
    before: Any
    after: Any
    follows: bool = False
    line: int = 0


@dataclass(frozen=True)
class Change:
    """One thing that differs, at one place of the file, in all the uses that have it.

    Args:
        kind: of the step.
        label: the step in words.
        fields: what has another value.
        uses: the step in the first network and in the second, or an input or an output; empty where it is not there.
        before, after: of what is rewired, where its inputs come from.
        crossed: of what was moved, whether it stands elsewhere among its neighbours.
        spans: where the steps stand in the two files.
        parameters: of the steps, in all uses; of the second network where they are there.
    """

    what: What
    kind: str
    label: str
    fields: tuple[Field, ...] = ()
    uses: tuple[tuple[StepName, StepName], ...] = ()
    before: str = ""
    after: str = ""
    crossed: bool = False
    spans: tuple[Span | None, Span | None] = (None, None)
    parameters: int = 0

    @property
    def count(self) -> int:
        """How many steps of the networks have it."""
        return len(self.uses)

    @property
    def follows(self) -> bool:
        """Whether it only follows from a difference further up."""
        return bool(self.fields) and all(field.follows for field in self.fields)

    @property
    def path(self) -> str:
        """The first step that has it, in the second network where it is there."""
        return self.uses[0][1] or self.uses[0][0]

    @property
    def key(self) -> tuple[Any, ...]:
        """What equal changes have in common. Names count for what moved: each has a number of its own."""
        fields = tuple((f.name, repr(f.before), repr(f.after), f.line) for f in self.fields)
        names = tuple(name.own for name in self.uses[0]) if self.what in ("moved", "renamed") else ()
        label = self.label if self.what in ("added", "removed") else ""
        places = tuple((span.line, span.column) if span else None for span in self.spans)
        return self.what, self.kind, label, fields, self.follows, names, self.before, self.after, places


def changes_of(before: Graph, after: Graph, alignment: Alignment) -> list[Change]:
    """What differs in two bodies, not counting what is inside their layers. Paths begin at the body."""
    found: list[Change] = []
    for pair in alignment.pairs:
        found += _of_pair(pair, alignment.branches)
    found += [_alone("removed", step) for step in alignment.removed]
    found += [_alone("added", step) for step in alignment.added]
    order = {node.name: number for number, node in enumerate(after.nodes)}
    found += _rewired(before, after, alignment)
    return sorted(found, key=lambda change: order.get(_ended(change), -1))


def _ended(change: Change) -> str:
    return change.uses[0][1]


def _alone(what: What, step: Step) -> Change:
    span = step.main.span
    gone = what == "removed"
    return Change(
        what,
        step.kind,
        step.label,
        uses=((step.name, StepName("")) if gone else (StepName(""), step.name),),
        spans=(span, None) if gone else (None, span),
        parameters=step.totals.parameters,
    )


def _of_pair(pair: Pair, branches: Mapping[BranchPath, BranchPath]) -> Iterator[Change]:
    one, other = pair.before, pair.after
    fields = (*_parts(one, other, branches), *_fields(one, other))
    # What follows from elsewhere differs from use to use, and would part what the file says once.
    fields = tuple(field for field in fields if not field.follows) or fields
    spans = one.main.span, other.main.span
    uses = ((one.name, other.name),)
    if fields:
        parameters = other.totals.parameters
        yield Change("changed", other.kind, other.label, fields, uses, spans=spans, parameters=parameters)
    if (one.name != other.name or pair.crossed) and one.kind == other.kind:
        is_moved = pair.crossed or (one.is_numbered and other.is_numbered and one.name.path == other.name.path)
        what: What = "moved" if is_moved else "renamed"
        moved = Change(what, other.kind, other.label, (), uses, crossed=pair.crossed, spans=spans)
        yield replace(moved, parameters=other.totals.parameters)


def _parts(one: Step, other: Step, branches: Mapping[BranchPath, BranchPath]) -> Iterator[Field]:
    """What a merge takes, where that differs by more than a path's name."""
    parts = [branches.get((*one.name.path, part), (part,))[-1] for part in one.main.parts]
    if one.main.role == other.main.role == "merge" and parts != list(other.main.parts):
        yield Field("parts", list(one.main.parts), list(other.main.parts))


def _fields(one: Step, other: Step) -> Iterator[Field]:
    """The words that differ. What only one side has follows from a word of both, such as `norm`."""
    if one.kind != other.kind:
        word = "merge" if one.main.role == "merge" else "layer" if one.main.body else "op"
        yield Field(word, one.kind, other.kind, line=other.main.span.line if other.main.span else 0)
    names = [*one.told, *(name for name in other.told if name not in one.told)]
    for name in names:
        before, after = one.told.get(name, ABSENT), other.told.get(name, ABSENT)
        both = name in one.told and name in other.told
        if before != after and (both or (one.main.body is not None and one.kind == other.kind)):
            said, now = one.said(name), other.said(name)
            line = now.span.line if now is not None else 0
            yield Field(name, before, after, _says_the_same(said, now) or (_is_made(said) and _is_made(now)), line)


def _says_the_same(one: Any, other: Any) -> bool:
    """Whether both files have the same expression there, so that the names in it have other values."""
    return one is not None and other is not None and bool(one.names) and _text(one) == _text(other)


def _text(value: Any) -> str:
    template = value.template()
    return template.text if isinstance(template, Expression) else repr(template)


def _is_made(value: Any) -> bool:
    """Whether no file says the number: a projection has the filters and the stride that its paths have."""
    if value is None or isinstance(value.content, Expression | str | dict):
        return False
    span = value.span
    there = span.text[span.column - 1 : span.column - 1 + span.width].strip()
    return bool(there) and not there.startswith(("[", written(value.content)[:1]))


def _rewired(before: Graph, after: Graph, alignment: Alignment) -> Iterator[Change]:
    """The steps, and the outputs, that take something else than they took.

    What is new, gone or crossed does not count as something else: its neighbours took each other before or after it.
    """
    old = _Sources(before, alignment.of_before)
    new = _Sources(after, alignment.of_after)
    for pair in alignment.pairs:
        one, other = pair.before.nodes[0], pair.after.nodes[0]
        if pair.crossed or any(_parts(pair.before, pair.after, alignment.branches)):
            continue
        if not _agree([old.of(ref) for ref in one.inputs], [new.of(ref) for ref in other.inputs]):
            uses, spans = ((pair.before.name, pair.after.name),), (one.span, other.span)
            told = ", ".join(one.inputs), ", ".join(other.inputs)
            yield Change("rewired", pair.after.kind, pair.after.label, (), uses, *told, spans=spans)
    for name in sorted(before.outputs.keys() & after.outputs.keys()):
        one_end, other_end = before.outputs[name].ref, after.outputs[name].ref
        if not _agree([old.of(one_end)], [new.of(other_end)]):
            yield Change("output", "", name, (), ((StepName(name), StepName(name)),), one_end, other_end)


class _Sources:
    """Which steps that both bodies have the tensors of one body come from, by the names of the second.

    Args:
        graph: the body.
        known: the pairs by the names of its nodes.
    """

    def __init__(self, graph: Graph, known: Mapping[str, Pair]) -> None:
        self.inputs = {node.name: node.inputs for node in graph.nodes}
        self.known = known

    def of(self, ref: TensorRef) -> TensorRef | None:
        """Where a tensor comes from; None where several meet in something new."""
        while ref.node in self.inputs and (ref.node not in self.known or self.known[ref.node].crossed):
            if len(self.inputs[ref.node]) != 1:
                return None
            ref = self.inputs[ref.node][0]
        return TensorRef(self.known[ref.node].after.name, ref.output) if ref.node in self.known else ref


def _agree(olds: Sequence[str | None], news: Sequence[str | None]) -> bool:
    return None in olds or None in news or olds == news


def placed(change: Change, before: str, after: str) -> Change:
    """The change with its paths in the whole networks."""
    uses = tuple((old and old.within(before), new and new.within(after)) for old, new in change.uses)
    return replace(change, uses=uses)
