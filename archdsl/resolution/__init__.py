"""Typed spec -> graph: layers are expanded, arguments evaluated, shapes inferred, equal uses resolved once."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from math import prod
from typing import Any, NamedTuple

from pydantic import ValidationError

from archdsl.errors import ArchError, Problem, Span, fail, nearest, shown
from archdsl.graph import BranchPath, Graph, Node, Role, Shortcut, StepName, Tensor, Totals, total
from archdsl.limits import ELEMENTS
from archdsl.ops import Op, OpError, Shape, Weight
from archdsl.ops.base import show
from archdsl.parsing.validation import faults
from archdsl.resolution import recipes
from archdsl.resolution.body import Body, Flow
from archdsl.resolution.loops import BODY, Budget, Values, certain
from archdsl.resolution.merging import merge_problem
from archdsl.resolution.shortcuts import plain_parts, shortcut_of, shortcut_steps
from archdsl.spec import (
    INPUT,
    OUTPUT,
    SHORTCUTS,
    Branch,
    Branches,
    Fields,
    Layer,
    LayerCall,
    OpCall,
    Spec,
    Step,
    StepRef,
    Value,
)
from archdsl.text import quantity


def resolve(spec: Spec, /, **arguments: Any) -> Graph:
    """The graph of a spec's model.

    Args:
        spec: what `archdsl.load` gives.
        arguments: the model's arguments, where they are not to be the file's own.

    Raises:
        ArchError: an argument, an expression or a shape does not fit; the first one that is met.
    """
    try:
        with _uncollected():
            graph = _Resolver(spec).model(spec.values(arguments))
    except RecursionError:
        raise fail("ARCH024", "the layers are nested too deep", spec.span) from None
    recipes.hold(spec, graph)
    return graph


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keeps Python from looking for garbage: all nodes are kept, and among many it would look half of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Cost(NamedTuple):
    """What an op gives and takes where its inputs have some shapes."""

    shape: Shape
    weights: Mapping[str, Weight]
    totals: Totals


class _Last(NamedTuple):
    """The call of a layer that was resolved last: its copies are mostly equal.

    Each row of a loop has a scope of its own, so that what has the same scope is a copy of the same call.
    """

    scope: Values
    shapes: tuple[Shape, ...]
    values: dict[str, Any]
    graph: Graph


class _Resolver:
    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.budget = Budget(spec.limits)
        self.known: dict[Any, Graph] = {}
        self.ops: dict[Any, Op] = {}
        self.costs: dict[tuple[int, tuple[Shape, ...]], _Cost] = {}
        self.last: _Last | None = None
        self.open: list[str] = []

    def model(self, values: Values) -> Graph:
        spec = self.spec
        return self._graph(Body(spec.name, spec.inputs), spec.doc, spec.model, spec.outputs, values, spec.span)

    def _graph(
        self, body: Body, doc: str, steps: tuple[Step, ...], outputs: tuple[StepRef, ...], values: Values, span: Span
    ) -> Graph:
        flow = body.flow
        body.named.update({tensor.ref: (tensor,) for tensor in flow} | {INPUT: flow})
        scope = {**values, "channels": flow[0].shape[-1] if flow[0].shape else None}
        ends = self._steps(body, steps, scope, (), flow)
        given = {ref.name: self._one(body.referenced([ref]), f"the output `{ref.name}`", ref.span) for ref in outputs}
        given = given or {OUTPUT: self._one(ends, f"`{body.owner}`", span)}
        body.hold_used(tuple(given.values()), span)
        totals = total(body.nodes)
        self._afford(f"`{body.owner}`", totals, span)
        return Graph(body.owner, doc, dict(values), dict(body.inputs), tuple(body.nodes), given, totals, span)

    def _afford(self, what: str, totals: Totals, span: Span) -> None:
        """Raises where a step or a body has more than its limit."""
        for name, number in (("ops", totals.layers), ("parameters", totals.parameters)):
            if number > (most := getattr(self.spec.limits, name)):
                message = f"{what} has {number:,} {name}, and the limit is {most:,}"
                raise self.spec.limits.exceeded(name, message, span)

    def _one(self, flow: Flow, what: str, span: Span) -> Tensor:
        """The one tensor of a flow."""
        if len(flow) == 1:
            return flow[0]
        hint = "merge them, or give several by name with `outputs`"
        raise fail("ARCH022", f"{what} is one tensor, and here are {len(flow)}", span, hint)

    def _steps(self, body: Body, steps: tuple[Step, ...], scope: Values, path: BranchPath, x: Flow) -> Flow:
        for step in steps:
            x = self._looped(body, step, scope, path, x)
        return x

    def _looped(self, body: Body, step: Step, scope: Values, path: BranchPath, x: Flow) -> Flow:
        """All copies of a step, one behind the other; a copy that fails its `when` is as if it did not stand there."""
        made: list[Flow] = []
        end: Flow | None = None
        kind = step.name or step.kind
        for inner, name in self.budget.copies(step.loop, scope, body.numbers, path, step.name, step.kind, step.span):
            if inner is not None:
                self.budget.spend(len(step.refs), step.span)
                taken = end or (body.referenced(step.refs) if step.refs else x)
                with body.apart() if step.loop.many and isinstance(step.action, Branches) else nullcontext():
                    end = self._step(body, step, inner, name, taken)
                if step.loop.many and len(end) != len(taken):
                    message = f"`{kind}` takes {quantity(len(taken), 'tensor')}, and gives its next copy {len(end)}"
                    raise fail("ARCH022", message, step.span, "what is repeated gives as many tensors as it takes")
            made.append(end or x)
        if end is not None and len(end) != len(x) and not certain(step.loop):
            message = f"`{kind}` gives {quantity(len(end), 'tensor')}, and {len(x)} would flow on where it is not there"
            hint = "what may not be there gives as many tensors as flow past it: merge before it, or in a path"
            raise fail("ARCH022", message, step.span, hint)
        end = end or x
        if step.name:
            body.named[step.name] = end
            if step.loop.many:
                body.named.update({f"{step.name}_{number}": copy for number, copy in enumerate(made, 1)})
        return end

    def _step(self, body: Body, step: Step, scope: Values, name: StepName, x: Flow) -> Flow:
        if isinstance(step.action, Branches):
            return self._branches(body, step.action, scope, name.path, step.span, x)
        if isinstance(step.action, LayerCall):
            return self._layer_call(body, step, step.action, scope, name, x)
        return self._op_calls(body, step.action, scope, name, x, step.span)

    def _op_calls(
        self, body: Body, calls: tuple[OpCall, ...], scope: Values, name: StepName, x: Flow, span: Span
    ) -> tuple[Tensor]:
        for call in calls:
            if len(x) != 1 and not call.op.many:
                hint = "choose one with `from`, or merge them first"
                raise fail("ARCH022", f"`{call.op.name}` takes one tensor, and gets {len(x)}", span, hint)
            x = (self._op(body, call, scope, name, x, span),)
        return (self._one(x, f"`{name}`", span),)

    def _op(
        self, body: Body, call: OpCall, scope: Values, step: StepName, xs: Flow, span: Span, **merge: Any
    ) -> Tensor:
        """Adds the node of an op.

        Args:
            merge: the `parts` and the `shortcut` of a merge.
        """
        op = self._built(call, scope, span)
        name = str(step) if call.role == "main" else f"{step}_{call.role}"
        shape, weights, totals = self._cost(op, call, name, xs, span)
        role: Role = "merge" if merge else call.role
        refs = tuple(x.ref for x in xs)
        more: dict[str, Any] = {"weights": weights, "fields": call.fields, "span": span, **merge}
        return self._append(body, Node(name, step, op.name, role, refs, shape, totals, op, **more))[0]

    def _cost(self, op: Op, call: OpCall, name: str, xs: Flow, span: Span) -> _Cost:
        """An op's shape, weights and sums, computed once for all equal uses."""
        shapes = tuple(x.shape for x in xs)
        key = id(op), shapes  # `ops` keeps each op, so that no other gets its id
        if key in self.costs:
            return self.costs[key]
        try:
            shape, weights = op.output(*shapes), op.weights(*shapes)
        except OpError as error:
            at = call.fields[error.field].span if error.field in call.fields else span
            facts = tuple(f"{x.ref} -> {show(x.shape)}" for x in xs) if len(xs) > 1 else ()
            raise ArchError(Problem("ARCH020", str(error), at, facts, hint=error.hint)) from None
        if prod(shape) > ELEMENTS:
            raise fail("ARCH025", f"`{name}` gives {show(shape)}, and a tensor has at most {ELEMENTS:,} numbers", span)
        totals = Totals(
            sum(w.size for w in weights.values()),
            sum(w.size for w in weights.values() if w.trainable),
            len(weights),
            op.macs(*shapes),
            1,
        )
        self._afford(f"`{name}`", totals, span)
        return self.costs.setdefault(key, _Cost(shape, weights, totals))

    def _append(self, body: Body, node: Node) -> Flow:
        self.budget.nodes += 1
        self.budget.afford(0, node.span)
        self.budget.spend(5 * len(node.inputs), node.span)
        return body.append(node)

    def _built(self, call: OpCall, scope: Values, span: Span) -> Op:
        values = {name: self.budget.value(value, scope) for name, value in call.fields.items()}
        key = call.op, repr(values)
        if key not in self.ops:
            try:
                self.ops[key] = call.op.model_validate(values)
            except ValidationError:
                problems = faults(call.op, values, lambda n: call.fields[n].span if n in call.fields else span)
                raise ArchError(*(_told(problem, call.fields, values) for problem in problems)) from None
        return self.ops[key]

    def _layer_call(self, body: Body, step: Step, call: LayerCall, scope: Values, name: StepName, x: Flow) -> Flow:
        layer = self.spec.layers[call.layer]
        if len(x) != len(layer.inputs):
            takes = "one tensor" if len(layer.inputs) == 1 else f"{len(layer.inputs)} ({', '.join(layer.inputs)})"
            hint = "choose them with `from: [...]`"
            raise fail("ARCH022", f"`{layer.name}` takes {takes}, and gets {len(x)}", step.span, hint)
        values, graph = self._called(layer, step, call, scope, x)
        outputs = {} if OUTPUT in graph.outputs else {name: end.shape for name, end in graph.outputs.items()}
        refs = tuple(tensor.ref for tensor in x)
        more: dict[str, Any] = {"arguments": values, "fields": call.arguments, "span": step.span, "outputs": outputs}
        node = Node(str(name), name, layer.name, "layer", refs, graph.shape, graph.totals, None, graph, **more)
        return self._append(body, node)

    def _called(
        self, layer: Layer, step: Step, call: LayerCall, scope: Values, x: Flow
    ) -> tuple[dict[str, Any], Graph]:
        """The arguments of a call, and its graph; those of the copy before it, where nothing is different."""
        shapes = tuple(tensor.shape for tensor in x)
        if self.last is None or self.last.scope is not scope or self.last.shapes != shapes:
            values = self._arguments(layer, call, scope)
            self.last = _Last(scope, shapes, values, self._layer(layer, values, x, step))
        return self.last.values, self.last.graph

    def _arguments(self, layer: Layer, call: LayerCall, scope: Values) -> dict[str, Any]:
        values = {}
        for name, arg in layer.args.items():
            given = call.arguments.get(name)
            value = self.budget.value(given or arg.default, scope)  # type: ignore[arg-type]
            value = arg.taken(value)
            if given is not None and (fault := arg.fault(value)):
                hint = "use `//` to divide without rest" if isinstance(value, float) else arg.doubt
                raise fail("ARCH007", fault, given.span, hint)
            values[name] = value
        return values

    def _layer(self, layer: Layer, values: dict[str, Any], x: Flow, step: Step) -> Graph:
        shapes = dict(zip(layer.inputs, (tensor.shape for tensor in x), strict=True))
        key = layer.name, repr(values), tuple(shapes.values())
        if key not in self.known:
            deepest = self.spec.limits.recursion
            if len(self.open) >= deepest:
                raise self._too_deep(f"layers stand more than {deepest} deep in one another", step.span)
            self.budget.nodes += BODY
            base, everything = layer, dict(values)
            while base.like is not None:
                everything |= base.fixed
                base = self.spec.layers[base.like]
            self.open.append(layer.name)
            try:
                body = Body(layer.name, shapes)
                self.known[key] = self._graph(body, layer.doc, base.steps, base.outputs, everything, layer.span)
            except ArchError as error:
                caller = self.open[-2] if len(self.open) > 1 else self.spec.name
                raise _trailed(error, layer.name, caller, step.span, values) from None
            finally:
                self.open.pop()
        return self.known[key]

    def _too_deep(self, message: str, span: Span) -> ArchError:
        hint = "a layer that contains itself needs a `when` that ends it; "
        more = self.spec.limits.exceeded("recursion", message, span, "ARCH024").problems[0]
        return ArchError(replace(more, hint=hint + more.hint if more.hint else hint.removesuffix("; ")))

    def _branches(self, body: Body, branches: Branches, scope: Values, path: BranchPath, span: Span, x: Flow) -> Flow:
        begin = len(body.nodes)
        parts: dict[str, Tensor] = {}
        for branch in branches.paths:
            parts |= self._path(body, branch, scope, path, x)
        nodes = body.nodes[begin:]
        own = body.segment(path, "shortcut", branches.place) if branches.may_have_steps else ""
        end = self._shortcut(body, branches, scope, (*path, own), parts, nodes, x)
        shortcut = None
        if end is not None:
            shortcut = shortcut_of(own, end.ref, body.nodes[begin + len(nodes) :], parts, nodes, len(path))
            ahead = branches.merge is not None and getattr(branches.merge.op, "shortcut_first", False)
            parts = {"shortcut": end, **parts} if ahead else {**parts, "shortcut": end}
        merged = self._merged(body, branches, scope, path, span, parts, shortcut, x)
        return self._steps(body, branches.after, scope, path, merged)

    def _path(self, body: Body, branch: Branch, scope: Values, path: BranchPath, x: Flow) -> dict[str, Tensor]:
        """What the copies of a path end in, by the name of each."""
        parts = {}
        for inner, name in self.budget.copies(branch.loop, scope, body.numbers, path, branch.name, "path", branch.span):
            segment = body.segment(path, name.own, branch.span)
            if inner is None:
                continue
            with body.apart() if branch.loop.many else nullcontext():
                end = self._steps(body, branch.steps, inner, (*path, segment), x)
            parts[segment] = self._one(end, f"the path `{segment}`", branch.span)
        return parts

    def _merged(
        self,
        body: Body,
        branches: Branches,
        scope: Values,
        path: BranchPath,
        span: Span,
        parts: dict[str, Tensor],
        shortcut: Shortcut | None,
        x: Flow,
    ) -> Flow:
        merge = branches.merge
        ends = tuple(parts.values())
        if merge is None:
            return ends[:1] or x
        name = StepName(merge.op.name, body.numbers.next(path, merge.op.name), path)
        if len(parts) < 2:
            return ends or x
        try:
            return (self._op(body, merge, scope, name, ends, span, parts=tuple(parts), shortcut=shortcut),)
        except ArchError as error:
            if error.problems[0].code != "ARCH020":
                raise
            place = branches.shortcut.span if isinstance(branches.shortcut, Value) else span
            start = x[0].ref
            raise ArchError(merge_problem(error.problems[0], body.nodes, parts, start, scope, place)) from None

    def _shortcut(
        self,
        body: Body,
        branches: Branches,
        scope: Values,
        own: BranchPath,
        parts: Mapping[str, Tensor],
        nodes: Sequence[Node],
        x: Flow,
    ) -> Tensor | None:
        """What the shortcut gives; None where there is none.

        Args:
            own: the branch of its steps.
            parts, nodes: what the paths end in, and their nodes.
        """
        shortcut, place = branches.shortcut, branches.place
        if not isinstance(shortcut, Value):
            ends = self._steps(body, shortcut, scope, own, x)
            return self._one(ends, "the shortcut", place)
        word = self.budget.value(shortcut, scope)
        if word not in SHORTCUTS:
            hint = nearest(str(word), SHORTCUTS)
            raise fail("ARCH013", f"{shown(word)} is no shortcut", shortcut.span, hint)
        if word == "none":
            return None
        start = self._one(x, f"what the shortcut `{word}` takes", shortcut.span)
        name, end = next(iter(parts.items()), ("", start))
        if word == "identity" or (word in ("auto", "pad") and end.shape == start.shape):
            return start
        first = [node for node in nodes if node.path[: len(own)] == (*own[:-1], name)]
        stride = self._stride(branches, first, start.shape, end.shape)
        filters = Value(end.shape[-1] if end.shape else 1, shortcut.span)
        pooled = word == "pool_projection" and any(side.content != 1 for side in stride)
        word = word if pooled or word == "pad" else "projection"
        steps = shortcut_steps(word, branches.projection, filters, Value(stride, shortcut.span))
        return self._one(self._steps(body, steps, scope, own, x), "the shortcut", place)

    def _stride(self, branches: Branches, first: list[Node], x: Shape, end: Shape) -> tuple[Value, ...]:
        """The product of the strides along the first path where that is plain ops, and else what the shapes say."""
        span = self.spec.span
        if len(x) != 3 or len(end) != 3:
            return (Value(1, span), Value(1, span))
        if not branches.paths or plain_parts(branches.paths[0]) is None:
            return tuple(Value(-(-before // after), span) for before, after in zip(x[:2], end[:2], strict=True))
        product = [1, 1]
        for node in first:
            stride = getattr(node.op, "stride", None) or getattr(node.op, "size", None) or (1, 1)
            product = [product[0] * stride[0], product[1] * stride[1]]
        return tuple(Value(side, span) for side in product)


def _told(problem: Problem, fields: Fields, values: Mapping[str, Any]) -> Problem:
    """A problem of an evaluated field, with the expression that gave the value."""
    for name, value in fields.items():
        if value.span == problem.span and value.names:
            text, number = next(value.expressions())[0].text, values[name]
            hint = "use `//` to divide without rest" if isinstance(number, float) else problem.hint
            return replace(problem, facts=(f"`{name}` is {text} = {shown(number).strip('`')}",), hint=hint)
    return problem


def _trailed(error: ArchError, layer: str, caller: str, span: Span, values: Mapping[str, Any]) -> ArchError:
    told = ", ".join(f"{name}={shown(value).strip('`')}" for name, value in values.items())
    line = f"in {layer}, from {caller} at line {span.line}" + (f" ({told})" if told else "")
    return ArchError(*(replace(problem, trail=(*problem.trail, line)) for problem in error.problems))
