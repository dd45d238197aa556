"""The typed steps of a body, with the place of each value. Nothing is evaluated here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from archdsl.errors import Span, fail
from archdsl.expr import HERE, INPUT, ExprError, Expression, Plain, axis_of
from archdsl.ops import Op

SHORTCUTS = {
    "identity": "the input itself; an error if the merge rejects its shape",
    "projection": "a 1x1 conv with the channels and stride of the paths (option C of He et al.)",
    "pad": "subsampling by the stride, with zero-padded channels (option A)",
    "pool_projection": "an average pool, then a 1x1 conv (ResNet-D)",
    "auto": "identity if the shapes match, otherwise projection (option B)",
    "none": "no shortcut",
}
"""The kinds of shortcut, each with a description."""

SHARE = "share"
"""The key of a step that calls the layers of an earlier step."""

EACH_STEP = "time_distributed"
"""The key of a step that calls other steps for each step of the first axis."""


@dataclass(frozen=True, slots=True)
class Value:
    """A scalar, an expression, a list or a name with arguments, and its place."""

    content: Any
    span: Span

    @property
    def names(self) -> frozenset[str]:
        """The names used in its expressions."""
        return frozenset().union(*(expression.names for expression, _ in self.expressions()))

    @property
    def is_computed(self) -> bool:
        """Whether it contains an expression, which may use no names."""
        return any(True for _ in self.expressions())

    @property
    def reads_input(self) -> bool:
        """Whether an expression in it uses the shape of the body's input."""
        return any(name == "channels" or axis_of(name)[0] == INPUT for name in self.names)

    @property
    def reads_here(self) -> bool:
        """Whether an expression in it uses the shape of what arrives at the step."""
        return any(axis_of(name)[0] == HERE for name in self.names)

    def expressions(self) -> Iterator[tuple[Expression, Span]]:
        if isinstance(self.content, Expression):
            yield self.content, self.span
        for item in self.items():
            yield from item.expressions()

    def items(self) -> tuple[Value, ...]:
        if isinstance(self.content, dict):
            return tuple(self.content.values())
        return self.content if isinstance(self.content, tuple) else ()

    def template(self) -> Any:
        """Return the value without evaluating it: scalars, `Expression` objects, and lists of these."""
        if isinstance(self.content, dict):
            return {key: item.template() for key, item in self.content.items()}
        return [item.template() for item in self.content] if isinstance(self.content, tuple) else self.content

    def evaluate(self, scope: Mapping[str, Plain]) -> Any:
        """Evaluate the value.

        Args:
            scope: The values of the names.

        Raises:
            ArchError: If an expression has no value.
        """
        if isinstance(self.content, dict):
            return {key: item.evaluate(scope) for key, item in self.content.items()}
        if isinstance(self.content, tuple):
            return [item.evaluate(scope) for item in self.content]
        if not isinstance(self.content, Expression):
            return self.content
        try:
            return self.content.evaluate(scope)
        except ExprError as error:
            raise fail("ARCH013", f"`{self.content.text}`: {error}", self.span, error.hint) from None


Fields: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Tie:
    """A weight of an earlier step that an op uses in place of its own.

    Args:
        name: The name of the step that creates the weight, with the number of the copy if it is in a loop.
        step: That step.
        weight: The name of its weight.
        transpose: Whether the op uses the transposed weight.
        span: The place of the name.
    """

    name: str
    step: Step
    weight: str
    transpose: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Choice:
    """An op that an expression chooses, such as `norm: $norm` or `merge: $how`.

    Args:
        word: The expression, whose value is the name of the op, or `none` except for a merge.
        table: The ops by name.
        defaults: The `defaults` of the file, by op.
    """

    word: Value
    table: Mapping[str, type[Op]]
    defaults: Mapping[str, Fields]

    def part(self, role: Any, word: str) -> OpCall:
        """Return the op for a word."""
        op = self.table[word]
        return OpCall(role, op, self.defaults.get(op.name, {}))


@dataclass(frozen=True, slots=True)
class OpCall:
    """An op of a step. A conv block has several: `pad`, the conv itself (`main`), `norm` and `activation`.

    `ties` are the weights of other steps that it uses in place of its own, by the names of its own. With a `choice`,
    `op` is only an example of the ops that it can be.
    """

    role: Literal["pad", "main", "norm", "activation", "merge"]
    op: type[Op]
    fields: Fields
    ties: Mapping[str, Tie] = field(default_factory=dict)
    choice: Choice | None = None

    @property
    def reads_here(self) -> bool:
        """Whether a value uses the shape of what arrives at the step."""
        return any(value.reads_here for value in [*self.fields.values(), *([self.choice.word] if self.choice else [])])


@dataclass(frozen=True, slots=True)
class Loop:
    """The loop of a step or a path: `for` is applied first, then `when` for each row, then `repeat`."""

    columns: Fields = field(default_factory=dict)
    when: Value | None = None
    repeat: Value | None = None

    @property
    def many(self) -> bool:
        """Whether it can create several copies."""
        return bool(self.columns) or self.repeat is not None

    @property
    def never_empty(self) -> bool:
        """Whether the spec guarantees at least one copy for all arguments."""
        lengths = [len(v.content) if isinstance(v.content, tuple) else v.content for v in self.columns.values()]
        rows = not lengths or any(type(length) is int and length > 0 for length in lengths)
        times = self.repeat.content if self.repeat is not None else 1
        return self.when is None and rows and type(times) is int and times > 0

    def values(self) -> Iterator[Value]:
        """Yield the values of its columns, of `when` and of `repeat`."""
        yield from self.columns.values()
        yield from (value for value in (self.when, self.repeat) if value is not None)


@dataclass(frozen=True, slots=True)
class LayerCall:
    """A call of a layer defined in the file, with its arguments."""

    layer: str
    arguments: Fields


@dataclass(frozen=True, slots=True)
class Branch:
    """One of several parallel branches. `name` is None for an unnamed branch."""

    name: str | None
    loop: Loop
    steps: tuple[Step, ...]
    span: Span

    @property
    def base_name(self) -> str:
        """Its name, or the word to number it by."""
        return self.name or "path"


@dataclass(frozen=True, slots=True)
class Branches:
    """Parallel branches from one input, with a shortcut, a merge, and the steps after it; a group has only these steps.

    `shortcut` is a kind, an expression for a kind, or a list of steps. `projection` is the conv block of a projection,
    without its filters and its stride.
    """

    paths: tuple[Branch, ...]
    shortcut: Value | tuple[Step, ...]
    merge: OpCall | None
    after: tuple[Step, ...]
    projection: tuple[OpCall, ...]

    @property
    def merge_name(self) -> str:
        """The word to number the merge by: it does not depend on what an expression chooses. Empty without a merge."""
        return "" if self.merge is None else "merge" if self.merge.choice else self.merge.op.name

    @property
    def place(self) -> Span:
        """The place of the shortcut, or of the paths."""
        return self.projection[0].fields["kernel"].span

    @property
    def is_group(self) -> bool:
        """Whether it is a group of steps, or only a named tensor."""
        return not self.paths and self.merge is None

    @property
    def may_have_steps(self) -> bool:
        """Whether the shortcut may consist of steps. These have their own branch, independent of shapes."""
        return not (isinstance(self.shortcut, Value) and self.shortcut.content in ("none", "identity"))

    @property
    def shortcut_first(self) -> bool:
        """Whether the shortcut is the first operand of the merge."""
        return self.merge is not None and bool(getattr(self.merge.op, "shortcut_first", False))


@dataclass(frozen=True, slots=True)
class StepRef:
    """A name in `from` or `outputs`: a step, an input, or one output of a layer (`stage.high`).

    `name` is empty for an output of the last step of a body.
    """

    name: str
    output: str
    span: Span

    @property
    def label(self) -> str:
        """The name that it gives to an output of a body."""
        return self.output or self.name


@dataclass(frozen=True, slots=True)
class Share:
    """Another call of the layers of an earlier step, with the same weights.

    Args:
        name: The name of the step that creates the layers, with the number of the copy if it is in a loop.
        step: That step.
        span: The place of the name.
    """

    name: str
    step: Step
    span: Span


@dataclass(frozen=True, slots=True)
class EachStep:
    """Steps that are called for each step of the first axis, with the same weights: ops, layer calls, or `EachStep`."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a body: the parts of an op, a layer call, branches, an earlier step called again, or `EachStep`.

    Args:
        refs: The names in `from`; empty if the step takes the output of the previous step.
    """

    kind: str
    action: tuple[OpCall, ...] | LayerCall | Branches | Share | EachStep
    loop: Loop
    name: str | None
    span: Span
    refs: tuple[StepRef, ...] = ()

    @property
    def base_name(self) -> str:
        """Its name, or the kind to number it by."""
        return self.name or self.kind
