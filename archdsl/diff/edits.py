"""The edits between two bodies: steps inserted, removed, moved, renamed or updated, and inputs rewired."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeAlias

from archdsl.diff.alignment import Alignment, StepPair
from archdsl.diff.steps import ComparedStep, format_value
from archdsl.errors import Span
from archdsl.expr import Expression
from archdsl.graph import BranchPath, Graph, StepName, TensorRef
from archdsl.steps import SHARE

ABSENT = "—"
"""The value of an argument that the layer has only in the other network."""

Use: TypeAlias = tuple[StepName, StepName]
"""The names of a step, input or output in the first and in the second network; empty if only one has it."""


@dataclass(frozen=True, slots=True)
class FieldEdit:
    """A field of a step whose value changed.

    Args:
        name: the name of the field.
        before: the old value.
        after: the new value.
        follows: whether the file has the same expression on both sides, so the change is a result of another one.
        line: its line in the second file, or 0.
    """

    name: str
    before: Any
    after: Any
    follows: bool = False
    line: int = 0


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One change at one place in the file, with all uses that it affects.

    Args:
        uses: the affected steps, inputs or outputs.
        kind: the name of the op or layer.
        label: a description of the step, or the name of the input or output.
        spans: the places of the step in the two files.
        parameters: the parameters of the steps in all uses, in the second network if it has them.
    """

    word: ClassVar[str]
    """The name of the edit in `--json`."""

    uses: tuple[Use, ...]
    kind: str = ""
    label: str = ""
    spans: tuple[Span | None, Span | None] = (None, None)
    parameters: int = 0

    @property
    def count(self) -> int:
        """The number of affected steps."""
        return len(self.uses)

    @property
    def follows(self) -> bool:
        """Whether it is only a result of another change."""
        return False

    @property
    def path(self) -> str:
        """The path of the first affected step, in the second network if it has it."""
        return self.uses[0][1] or self.uses[0][0]

    @property
    def key(self) -> tuple[Any, ...]:
        """The key by which equal edits are grouped: everything except uses, label and parameters."""
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
    """A step with changed fields."""

    word = "changed"
    fields: tuple[FieldEdit, ...]

    @property
    def follows(self) -> bool:
        return all(field.follows for field in self.fields)


@dataclass(frozen=True, kw_only=True)
class _Named(Edit):
    @property
    def key(self) -> tuple[Any, ...]:
        """Includes the names, because each has its own number."""
        return *super().key, *(name.own for name in self.uses[0])


@dataclass(frozen=True, kw_only=True)
class Move(_Named):
    """A step whose number changed, or whose position among its neighbors changed.

    Args:
        crossed: whether its position among its neighbors changed.
    """

    word = "moved"
    crossed: bool = False


class Rename(_Named):
    """A step that was renamed, or is in a renamed branch."""

    word = "renamed"


@dataclass(frozen=True, kw_only=True)
class Rewire(Edit):
    """A step with different inputs.

    Args:
        before: the old inputs.
        after: the new inputs.
    """

    word = "rewired"
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class InputEdit(Edit):
    """A model input with a changed shape, or one that only one network has."""

    word = "input"
    fields: tuple[FieldEdit, ...]


@dataclass(frozen=True, kw_only=True)
class OutputEdit(Edit):
    """A model output with a different source, or one that only one network has."""

    word = "output"
    before: str = ""
    after: str = ""


def edits_of(before: Graph, after: Graph, alignment: Alignment) -> list[Edit]:
    """Return the edits between two bodies, without those inside their layers. Names are relative to the body."""
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
    # Resulting changes differ from use to use, and would split one change in the file into several edits.
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
    """Yield the changed inputs of a merge, ignoring renamed branches."""
    parts = [branches.get((*one.name.path, part), (part,))[-1] for part in one.main.parts]
    if one.main.role == other.main.role == "merge" and parts != list(other.main.parts):
        yield FieldEdit("parts", list(one.main.parts), list(other.main.parts))


def _changed_fields(one: ComparedStep, other: ComparedStep) -> Iterator[FieldEdit]:
    """Yield the changed fields. Fields on only one side result from a field on both sides, such as `norm`."""
    if one.kind != other.kind:
        word = "merge" if one.main.role == "merge" else "layer" if one.main.body else "op"
        yield FieldEdit(word, one.kind, other.kind, line=other.main.span.line if other.main.span else 0)
    own = {SHARE, *one.main.tied, *other.main.tied}
    for name in dict.fromkeys([*one.settings, *other.settings]):
        before, after = one.settings.get(name, ABSENT), other.settings.get(name, ABSENT)
        both = (name in one.settings and name in other.settings) or name in own
        if before != after and (both or (one.main.body is not None and one.kind == other.kind)):
            old, new = one.value_of(name), other.value_of(name)
            line = new.span.line if new is not None else 0
            yield FieldEdit(name, before, after, _same_text(old, new) or (_is_derived(old) and _is_derived(new)), line)


def _same_text(one: Any, other: Any) -> bool:
    """Whether both files have the same expression, so only the values of its names differ."""

    def text(value: Any) -> str:
        template = value.template()
        return template.text if isinstance(template, Expression) else repr(template)

    return one is not None and other is not None and bool(one.names) and text(one) == text(other)


def _is_derived(value: Any) -> bool:
    """Whether the value is inferred, as the filters and the stride of a projection are."""
    if value is None or isinstance(value.content, Expression | str | dict):
        return False
    span = value.span
    written = span.text[span.column - 1 : span.column - 1 + span.width].strip()
    return bool(written) and not written.startswith(("[", format_value(value.content)[:1]))


def _rewired(before: Graph, after: Graph, alignment: Alignment) -> Iterator[Edit]:
    """Yield the steps and outputs with different inputs.

    Added, removed and reordered steps are skipped when inputs are compared, because their neighbors are then connected
    to each other in one of the networks.
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
    """Finds the source of a tensor among the steps that both bodies have, with the names of the second body.

    Args:
        graph: the body.
        pairs: the pairs by the names of its nodes.
    """

    def __init__(self, graph: Graph, pairs: Mapping[str, StepPair]) -> None:
        self.inputs = {node.name: node.inputs for node in graph.nodes}
        self.pairs = pairs

    def of(self, ref: TensorRef) -> TensorRef | None:
        """Return the source of a tensor, or None if an added step merges several."""
        while ref.node in self.inputs and (ref.node not in self.pairs or self.pairs[ref.node].crossed):
            if len(self.inputs[ref.node]) != 1:
                return None
            ref = self.inputs[ref.node][0]
        return TensorRef(self.pairs[ref.node].after.name, ref.output) if ref.node in self.pairs else ref


def _agree(olds: Sequence[str | None], news: Sequence[str | None]) -> bool:
    return None in olds or None in news or olds == news
