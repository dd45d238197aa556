"""What differs between two bodies, as edits: steps inserted, removed, moved, renamed, updated, and inputs rewired."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeAlias

from archdsl.diff.alignment import Alignment, StepPair
from archdsl.diff.steps import ComparedStep, format_value
from archdsl.errors import Span
from archdsl.expr import Expression
from archdsl.graph import BranchPath, Graph, StepName, TensorRef

ABSENT = "—"
"""Stands for the value of an argument that a layer has on one side only."""

Use: TypeAlias = tuple[StepName, StepName]
"""A step in the first network and in the second, or an input or an output; empty where it is not there."""


@dataclass(frozen=True, slots=True)
class FieldEdit:
    """A field of a step that has another value.

    Args:
        follows: whether the file says the same on both sides, so that something further up made the difference.
        line: where the second file says it; 0 where it does not.
    """

    name: str
    before: Any
    after: Any
    follows: bool = False
    line: int = 0


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One thing that differs, at one place of the file, in all the uses that have it.

    Args:
        uses: where it differs.
        kind: of the step: an op's name or a layer's.
        label: the step in words; the name of an input or an output.
        spans: where the steps are written in the two files.
        parameters: of the steps, in all uses; of the second network where they are there.
    """

    word: ClassVar[str]
    """What `--json` calls the edit."""

    uses: tuple[Use, ...]
    kind: str = ""
    label: str = ""
    spans: tuple[Span | None, Span | None] = (None, None)
    parameters: int = 0

    @property
    def count(self) -> int:
        """How many steps of the networks have it."""
        return len(self.uses)

    @property
    def follows(self) -> bool:
        """Whether it only follows from a difference further up."""
        return False

    @property
    def path(self) -> str:
        """The first step that has it, in the second network where it is there."""
        return self.uses[0][1] or self.uses[0][0]

    @property
    def key(self) -> tuple[Any, ...]:
        """What equal edits have in common: all but the uses, the label and the parameters, which may differ."""
        varying = ("uses", "label", "parameters", "spans", "crossed")
        places = tuple((span.line, span.column) if span else None for span in self.spans)
        return type(self), places, *(repr(getattr(self, f.name)) for f in fields(self) if f.name not in varying)


@dataclass(frozen=True, kw_only=True)
class _OneSided(Edit):
    @property
    def key(self) -> tuple[Any, ...]:
        return *super().key, self.label


class Insert(_OneSided):
    """A step that only the second network has."""

    word = "added"


class Remove(_OneSided):
    """A step that only the first network has."""

    word = "removed"


@dataclass(frozen=True, kw_only=True)
class Update(Edit):
    """A step whose fields have other values."""

    word = "changed"
    fields: tuple[FieldEdit, ...]

    @property
    def follows(self) -> bool:
        return all(field.follows for field in self.fields)


@dataclass(frozen=True, kw_only=True)
class _Named(Edit):
    @property
    def key(self) -> tuple[Any, ...]:
        """Names count: each has a number of its own."""
        return *super().key, *(name.own for name in self.uses[0])


@dataclass(frozen=True, kw_only=True)
class Move(_Named):
    """A step whose number is another one, or that is elsewhere among its neighbors.

    Args:
        crossed: whether it is elsewhere among its neighbors.
    """

    word = "moved"
    crossed: bool = False


class Rename(_Named):
    """A step that has another name, or is in a branch of another name."""

    word = "renamed"


@dataclass(frozen=True, kw_only=True)
class Rewire(Edit):
    """A step that takes its inputs from elsewhere.

    Args:
        before: the refs that it took.
        after: the refs that it takes.
    """

    word = "rewired"
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class InputEdit(Edit):
    """An input of the model that has another shape, or that only one network has."""

    word = "input"
    fields: tuple[FieldEdit, ...]


@dataclass(frozen=True, kw_only=True)
class OutputEdit(Edit):
    """An output of the model that comes from elsewhere, or that only one network has."""

    word = "output"
    before: str = ""
    after: str = ""


def edits_of(before: Graph, after: Graph, alignment: Alignment) -> list[Edit]:
    """What differs in two bodies, not counting what is inside their layers. Names begin at the body."""
    edits: list[Edit] = []
    for pair in alignment.pairs:
        edits += _edits_of_pair(pair, alignment.branches)
    for step in alignment.removed:
        edits.append(Remove(uses=((step.name, StepName("")),), spans=(step.main.span, None), **_facts(step)))
    for step in alignment.added:
        edits.append(Insert(uses=((StepName(""), step.name),), spans=(None, step.main.span), **_facts(step)))
    edits += _rewired(before, after, alignment)
    order = {node.name: number for number, node in enumerate(after.nodes)}
    return sorted(edits, key=lambda edit: order.get(edit.uses[0][1], -1))


def _facts(step: ComparedStep) -> dict[str, Any]:
    return {"kind": step.kind, "label": step.label, "parameters": step.totals.parameters}


def _edits_of_pair(pair: StepPair, branches: Mapping[BranchPath, BranchPath]) -> Iterator[Edit]:
    one, other = pair.before, pair.after
    changed = (*_parts(one, other, branches), *_changed_fields(one, other))
    # What follows from elsewhere differs from use to use, and would divide what the file says once.
    changed = tuple(field for field in changed if not field.follows) or changed
    common: dict[str, Any] = {"uses": ((one.name, other.name),), "spans": (one.main.span, other.main.span)}
    if changed:
        yield Update(fields=changed, **common, **_facts(other))
    if (one.name != other.name or pair.crossed) and one.kind == other.kind:
        if pair.crossed or (one.is_numbered and other.is_numbered and one.name.path == other.name.path):
            yield Move(crossed=pair.crossed, **common, **_facts(other))
        else:
            yield Rename(**common, **_facts(other))


def _parts(one: ComparedStep, other: ComparedStep, branches: Mapping[BranchPath, BranchPath]) -> Iterator[FieldEdit]:
    """What a merge takes, where that differs by more than a branch's name."""
    parts = [branches.get((*one.name.path, part), (part,))[-1] for part in one.main.parts]
    if one.main.role == other.main.role == "merge" and parts != list(other.main.parts):
        yield FieldEdit("parts", list(one.main.parts), list(other.main.parts))


def _changed_fields(one: ComparedStep, other: ComparedStep) -> Iterator[FieldEdit]:
    """The fields that differ. What only one side has follows from a field of both, such as `norm`."""
    if one.kind != other.kind:
        word = "merge" if one.main.role == "merge" else "layer" if one.main.body else "op"
        yield FieldEdit(word, one.kind, other.kind, line=other.main.span.line if other.main.span else 0)
    for name in dict.fromkeys([*one.settings, *other.settings]):
        before, after = one.settings.get(name, ABSENT), other.settings.get(name, ABSENT)
        both = name in one.settings and name in other.settings
        if before != after and (both or (one.main.body is not None and one.kind == other.kind)):
            old, new = one.value_of(name), other.value_of(name)
            line = new.span.line if new is not None else 0
            yield FieldEdit(name, before, after, _same_text(old, new) or (_is_derived(old) and _is_derived(new)), line)


def _same_text(one: Any, other: Any) -> bool:
    """Whether both files have the same expression there, so that the names in it have other values."""

    def text(value: Any) -> str:
        template = value.template()
        return template.text if isinstance(template, Expression) else repr(template)

    return one is not None and other is not None and bool(one.names) and text(one) == text(other)


def _is_derived(value: Any) -> bool:
    """Whether no file says the number: a projection has the filters and the stride of the branches beside it."""
    if value is None or isinstance(value.content, Expression | str | dict):
        return False
    span = value.span
    written = span.text[span.column - 1 : span.column - 1 + span.width].strip()
    return bool(written) and not written.startswith(("[", format_value(value.content)[:1]))


def _rewired(before: Graph, after: Graph, alignment: Alignment) -> Iterator[Edit]:
    """The steps, and the outputs, that take something else than they took.

    What is new, gone or crossed does not count as something else: its neighbors took each other before or after it.
    """
    old = _Sources(before, alignment.of_before)
    new = _Sources(after, alignment.of_after)
    for pair in alignment.pairs:
        one, other = pair.before.nodes[0], pair.after.nodes[0]
        if pair.crossed or any(_parts(pair.before, pair.after, alignment.branches)):
            continue
        if not _agree([old.of(ref) for ref in one.inputs], [new.of(ref) for ref in other.inputs]):
            yield Rewire(
                uses=((pair.before.name, pair.after.name),),
                kind=pair.after.kind,
                label=pair.after.label,
                spans=(one.span, other.span),
                before=", ".join(one.inputs),
                after=", ".join(other.inputs),
            )
    for name in sorted(before.outputs.keys() & after.outputs.keys()):
        one_end, other_end = before.outputs[name].ref, after.outputs[name].ref
        if not _agree([old.of(one_end)], [new.of(other_end)]):
            yield OutputEdit(uses=((StepName(name), StepName(name)),), label=name, before=one_end, after=other_end)


class _Sources:
    """Which steps that both bodies have the tensors of one body come from, by the names of the second.

    Args:
        graph: the body.
        pairs: by the names of its nodes.
    """

    def __init__(self, graph: Graph, pairs: Mapping[str, StepPair]) -> None:
        self.inputs = {node.name: node.inputs for node in graph.nodes}
        self.pairs = pairs

    def of(self, ref: TensorRef) -> TensorRef | None:
        """Where a tensor comes from; None where several meet in something new."""
        while ref.node in self.inputs and (ref.node not in self.pairs or self.pairs[ref.node].crossed):
            if len(self.inputs[ref.node]) != 1:
                return None
            ref = self.inputs[ref.node][0]
        return TensorRef(self.pairs[ref.node].after.name, ref.output) if ref.node in self.pairs else ref


def _agree(olds: Sequence[str | None], news: Sequence[str | None]) -> bool:
    return None in olds or None in news or olds == news
