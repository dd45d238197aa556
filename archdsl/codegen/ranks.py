"""The Keras layers of ops that work at several ranks: `layers.Conv1D`, `layers.Conv2D` or `layers.Conv3D`."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from archdsl.codegen.expressions import expression_type
from archdsl.codegen.printer import Bracket, Source, lines, surround
from archdsl.errors import ArchError, Span
from archdsl.expr import Expression
from archdsl.names import free_name
from archdsl.ops import Call, Op
from archdsl.ops.each_step import EachStep
from archdsl.resolution import resolve
from archdsl.resolution.loops import Budget
from archdsl.resolution.words import every_step
from archdsl.spec import Spec
from archdsl.steps import Branches, Step

# How it works. A spec names no ranks, and Keras has a layer for each. So the spec is resolved, and with it each variant
# with the same inputs, to find the ranks at which each step is used. Usually it is one, and the generated code names
# its layer. A layer of the spec that is used at several ranks chooses the class in `build`, by the rank of its input.
# If nothing resolves, because an argument has no default or the input is too small for the defaults, all steps get the
# rank of the first input. All variants share one budget, as in `check`; those that exceed it are not looked at.

WITHOUT_LISTS = {"layers.ZeroPadding1D", "layers.Cropping1D", "layers.UpSampling1D"}
"""The Keras layers for sequences that do not take a list with an entry per axis."""

BodyRanks: TypeAlias = Mapping[Span, Mapping[int, int]]
"""For the steps of a body, by their places: the rank of a step for each rank of the body's first input."""


def ranks_of(spec: Spec) -> Mapping[str, BodyRanks]:
    """The ranks of the steps of each layer and of the model, by the names of their classes."""
    if not _has_ranks(spec):
        return {}
    found: dict[str, dict[Span, dict[int, int]]] = {}
    budget = Budget(spec.limits)
    alike = (spec.varied(name) for name, variant in spec.variants.items() if not spec.variant and not variant.inputs)
    for one in (spec, *alike):
        try:
            graph = resolve(one, budget)
        except ArchError:
            if budget.is_spent:
                break
            continue
        for body in graph.bodies():
            while body.one_step is not None:
                body = body.one_step
            owner, shapes = body.name, body.shapes
            while owner in spec.layers and spec.layers[owner].like is not None:
                owner = str(spec.layers[owner].like)
            steps = found.setdefault(owner, {})
            for node in body.nodes:
                op, rank = node.op, len(shapes[node.inputs[0]]) - 1 if node.inputs else 0
                while isinstance(op, EachStep):
                    op, rank = op.inner, rank - 1
                if op is not None and len(op.ranks) > 1 and node.span is not None:
                    steps.setdefault(node.span, {}).setdefault(len(body.input) - 1, rank)
    return found or _of_first_input(spec)


def _has_ranks(spec: Spec) -> bool:
    """Whether some op of the spec may have a Keras layer for each rank."""
    bodies = (spec.model, *(layer.steps for layer in spec.layers.values()))
    return any(_may_be_of_ranks(step) for steps in bodies for step in every_step(steps))


def _may_be_of_ranks(step: Step) -> bool:
    if isinstance(step.action, Branches):
        return step.action.may_have_steps
    calls = step.action if isinstance(step.action, tuple) else ()
    ops = (op for call in calls for op in (call.op, *(call.choice.table.values() if call.choice else ())))
    return any(len(op.ranks) > 1 for op in ops)


def _of_first_input(spec: Spec) -> Mapping[str, BodyRanks]:
    """The ranks of all steps if they are that of the spec's first input; empty for a vector."""
    rank = len(next(iter(spec.inputs.values())).shape) - 1
    bodies = {spec.name: spec.model, **{name: layer.steps for name, layer in spec.layers.items()}}
    return {name: {step.span: {rank: rank} for step in every_step(steps)} for name, steps in bodies.items() if rank}


@dataclass(frozen=True)
class LayerClasses:
    """The Keras classes of the ops in a body.

    Args:
        ranks: the ranks of its steps.
        length: the source of the number of axes of its first input, including the batch.
        taken: the names that variables must not have.
        chosen: the variables of the classes that depend on the rank, by their sources.
    """

    ranks: BodyRanks = field(default_factory=dict)
    length: str = "len(input_shape)"
    taken: set[str] = field(default_factory=set)
    chosen: dict[Source, str] = field(default_factory=dict)

    def varies(self, steps: Iterable[Step]) -> bool:
        """Whether any of some steps is used at several ranks, so the class is known only in `build`."""
        return any(len({*self.ranks.get(step.span, {}).values()}) > 1 for step in steps)

    def call(self, op: Op, span: Span | None, inputs: int, types: Mapping[str, str]) -> Call:
        """The constructor call of an op with a number of inputs, in the step at some place.

        Args:
            types: the types of the names in its expressions.
        """
        ranks = self.ranks.get(span, {}) if span else {}
        if len(op.ranks) < 2 or not ranks:
            return op.keras_of(inputs)
        if 1 in ranks.values() and op.keras_of_rank(1).target in WITHOUT_LISTS:
            op = _with_entries(op, types, only=len({*ranks.values()}) == 1)
        calls = {body: op.keras_of_rank(rank) for body, rank in sorted(ranks.items())}
        first = next(iter(calls.values()))
        if len({call.target for call in calls.values()}) == 1:
            return first
        classes = Bracket(
            "{", tuple(f"{body + 2}: {call.target}" for body, call in calls.items()), f"}}[{self.length}]", "list"
        )
        if classes not in self.chosen:
            self.chosen[classes] = free_name(op.name, self.taken, "layer")
            self.taken.add(self.chosen[classes])
        return Call(self.chosen[classes], first.positional, first.keywords)

    def lines(self, indent: int) -> list[str]:
        """The assignments of the variables."""
        return [
            line for classes, name in self.chosen.items() for line in lines(surround(f"{name} = ", classes), indent)
        ]


def _with_entries(op: Op, types: Mapping[str, str], only: bool) -> Op:
    """An op with the entry of each list of one that an expression gives.

    Args:
        op: the op, with values or expressions in its fields.
        types: the types of the names.
        only: whether the op is used for sequences only, so that a list has one entry.
    """
    fields = dict(op)
    for name, value in fields.items():
        if isinstance(value, Expression):
            text = ast.unparse(_entry(value.tree, types, only))
            fields[name] = Expression(text, ast.parse(text, mode="eval").body, value.names, value.loops)
    return op.model_construct(**fields)


def _entry(value: ast.expr, types: Mapping[str, str], only: bool) -> ast.expr:
    if isinstance(value, ast.IfExp):
        return ast.IfExp(value.test, _entry(value.body, types, only), _entry(value.orelse, types, only))
    kind = expression_type(value, types)
    if kind not in ("list", "floats", "any"):
        return value
    entry = ast.Subscript(value, ast.Constant(0), ast.Load())
    tests = [*(["isinstance(value, list | tuple)"] * (kind == "any")), *(["len(value) == 1"] * (not only))]
    if not tests:
        return entry
    return ast.IfExp(_Filled(value).visit(ast.parse(" and ".join(tests), mode="eval").body), entry, value)


class _Filled(ast.NodeTransformer):
    """Puts an expression in the place of `value`."""

    def __init__(self, value: ast.expr) -> None:
        self.value = value

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.value if node.id == "value" else node
