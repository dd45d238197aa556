"""Expand the layers of a spec, evaluate arguments and infer shapes. Identical calls are resolved once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from math import prod
from typing import Any, NamedTuple, TypeAlias

from pydantic import ValidationError

from archdsl.errors import ArchError, Problem, Span, fail, nearest, shown
from archdsl.expr import shape_names
from archdsl.graph import Graph, Node, Role, Shortcut, StepName, Tensor, Totals, total
from archdsl.limits import ELEMENTS
from archdsl.ops import OPS, Op, OpError, RankError, Shape, Weight
from archdsl.ops.base import DTYPES, show
from archdsl.ops.each_step import each_step
from archdsl.parsing.validation import faults, field_places
from archdsl.resolution.body import Body, StepContext, Tensors, Values
from archdsl.resolution.dtypes import check_dtypes
from archdsl.resolution.each_step import EachStepBodies, group_of
from archdsl.resolution.loops import BODY_STEPS, INTEGER_DIVISION, SHORTCUT, Budget
from archdsl.resolution.merge_errors import WHEN_PER_MERGE, merge_problem
from archdsl.resolution.op_errors import earlier_hint, name_them, place_of, select_one, with_expression
from archdsl.resolution.sharing import Difference, SharedBodies, different_layers, tied_weight
from archdsl.resolution.shortcuts import shortcut_of, shortcut_steps, shortcut_stride, sized_shortcut
from archdsl.resolution.step_values import reads_here
from archdsl.resolution.tensor_counts import check_copy, check_optional
from archdsl.resolution.words import chosen_words
from archdsl.spec import INPUT, OUTPUT, Layer, Spec
from archdsl.steps import (
    EACH_STEP,
    SHORTCUTS,
    Branch,
    Branches,
    Choice,
    EachStep,
    LayerCall,
    OpCall,
    Share,
    Step,
    StepRef,
    Value,
)

TensorKinds: TypeAlias = tuple[tuple[Shape, str], ...]
"""The shapes and dtypes of some tensors."""


def _kinds(xs: Tensors) -> TensorKinds:
    """Return the shapes and dtypes of some tensors."""
    return tuple((x.shape, x.dtype) for x in xs)


class _Cost(NamedTuple):
    """The output shape, its dtype, the weights and the totals of an op for given inputs."""

    shape: Shape
    dtype: str
    weights: Mapping[str, Weight]
    totals: Totals


class _LastCall(NamedTuple):
    """The most recently resolved layer call, because most copies of a call are identical.

    Each row of a loop has its own scope, so calls with the same scope are copies of the same call.
    """

    scope: Values
    kinds: TensorKinds
    values: dict[str, Any]
    graph: Graph


class Resolver:
    """Resolves a spec.

    Layers are often called with the same arguments and shapes, so graphs, ops and costs are cached and shared.

    Args:
        spec: The spec to resolve.
        budget: The budget, which may be shared with other specs.
    """

    def __init__(self, spec: Spec, budget: Budget) -> None:
        self.spec = spec
        self.budget = budget
        self._graphs: dict[Any, Graph] = {}
        self._ops: dict[Any, Op] = {}
        self._here: dict[int, bool] = {}
        self._words: dict[int, dict[str, Span | None]] = {}
        self._costs: dict[tuple[int, TensorKinds], _Cost] = {}
        self._last: _LastCall | None = None
        self._open_layers: list[str] = []
        self._shared_bodies = SharedBodies()
        self._each_step_bodies = EachStepBodies()
        self._dtypes: dict[str, tuple[tuple[str, ...], Span]] = {}

    def model(self, values: Values) -> Graph:
        """Return the graph of the model for given values of its arguments.

        Raises:
            ArchError: For the first invalid expression or shape.
        """
        spec = self.spec
        shapes = {name: one.shape for name, one in spec.inputs.items()}
        body = Body(spec.name, shapes, {name: one.dtype for name, one in spec.inputs.items()})
        graph = self._body_graph(body, spec.doc, spec.model, spec.outputs, values, spec.span)
        flexible = {name: one.flexible for name, one in spec.inputs.items() if one.flexible}
        return replace(graph, flexible=flexible) if flexible else graph

    def _body_graph(
        self, body: Body, doc: str, steps: tuple[Step, ...], outputs: tuple[StepRef, ...], values: Values, span: Span
    ) -> Graph:
        """Return the graph of the model's body, or of a layer's body for given arguments and shapes."""
        x = body.input_tensors
        body.named.update({tensor.ref: (tensor,) for tensor in x} | {INPUT: x})
        channels = x[0].shape[-1] if x[0].shape else None
        scope = {**values, "channels": channels, **shape_names(INPUT, x[0].shape)}
        context = StepContext(body, scope, ())
        ends = self._steps(context, steps, x)
        if outputs and not outputs[0].name:
            given = {ref.label: end for ref, end in zip(outputs, ends, strict=True)}
        elif outputs:
            given = {}
            for ref in outputs:
                x = body.referenced([ref])
                given[ref.label] = self._one(x, f"the output `{ref.label}`", ref.span, name_them(x, ref.name))
        else:
            last = steps[-1] if steps else None
            place, hint = last.span if last else span, name_them(ends, last.name if last else None)
            given = {OUTPUT: self._one(ends, f"the output of `{body.owner}`", place, hint)}
        body.check_used(tuple(given.values()), span)
        totals = total(body.nodes)
        self._afford(f"`{body.owner}`", totals, span)
        inputs, dtypes = dict(body.inputs), dict(body.dtypes)
        return Graph(body.owner, doc, dict(values), inputs, tuple(body.nodes), given, totals, span, dtypes)

    def _afford(self, what: str, totals: Totals, span: Span) -> None:
        """Raise an error if a step or a body exceeds a limit."""
        for name, number in (("ops", totals.layers), ("parameters", totals.parameters)):
            if number > (most := getattr(self.spec.limits, name)):
                message = f"{what} has {number:,} {name}, and the limit is {most:,}"
                raise self.spec.limits.exceeded(name, message, span, needed=number)

    def _one(self, x: Tensors, what: str, span: Span, hint: str = "") -> Tensor:
        """Return the only tensor of `x`."""
        if len(x) == 1:
            return x[0]
        raise fail("ARCH022", f"{what} must be a single tensor, got {len(x)}", span, hint or select_one(x))

    def _steps(self, context: StepContext, steps: tuple[Step, ...], x: Tensors) -> Tensors:
        for step in steps:
            x = self._copies(context, step, x)
        return x

    def _copies(self, context: StepContext, step: Step, x: Tensors) -> Tensors:
        """Resolve all copies of a step in sequence, without those whose `when` is false.

        A step without copies passes on what it would have taken.
        """
        body, many = context.body, step.loop.many
        is_group = isinstance(step.action, Branches) and step.action.is_group
        self.budget.spend(len(step.refs), step.span)
        start = end = body.referenced(step.refs) if step.refs else x
        check_optional(self.spec, step, len(start))
        made: list[Tensors] = []
        reads_here = self._reads_here(step)
        context = self._arriving(context, start) if reads_here else context
        for inner, name in self.budget.copies(step, context):
            begin = len(body.nodes)
            if inner is not None:
                taken, inner = end, inner._replace(numbered=inner.numbered or (many and is_group))
                inner = self._arriving(inner, taken) if reads_here else inner
                with body.own_names() if many and isinstance(step.action, Branches) else nullcontext():
                    end = self.step(inner, step, name, taken)
                if many:
                    check_copy(step, len(taken), len(end))
            made.append(end)
            if step.name and not isinstance(step.action, Branches):
                body.shareable[f"{step.name}_{len(made)}" if many else step.name] = tuple(body.nodes[begin:])
        if step.name:
            body.named[step.name] = end
            if many:
                body.named.update({f"{step.name}_{number}": copy for number, copy in enumerate(made, 1)})
        return end

    def _reads_here(self, step: Step) -> bool:
        if id(step) not in self._here:  # the spec keeps each step alive, so its id is unique
            self._here[id(step)] = reads_here(step)
        return self._here[id(step)]

    def _arriving(self, context: StepContext, taken: Tensors) -> StepContext:
        """Return the context of a step that takes these tensors."""
        return context._replace(scope=self.budget.arriving(context.scope, taken[0]))

    def step(self, context: StepContext, step: Step, name: StepName, x: Tensors) -> Tensors:
        """Resolve one copy of a step and return its outputs."""
        if isinstance(step.action, Branches):
            return self._branches(context, step.action, step.span, x)
        if isinstance(step.action, LayerCall):
            return self._layer_call(context, step, step.action, name, x)
        if isinstance(step.action, Share):
            return self._shared(context, step, step.action, name, x)
        if isinstance(step.action, EachStep):
            return self._each_step(context, step.action, name, x, step.span)
        for part in step.action:
            call = part if part.choice is None else self._chosen(part, part.choice, context.scope)
            if call is None:
                continue
            if call.op.without_input:
                if step.refs:
                    raise fail("ARCH022", f"`{call.op.name}` takes no tensor", step.refs[0].span, "remove the `from`")
                x = ()
            self._check_one(call.op, x, step.span)
            x = (self._op_call(context, call, name, x, step.span),)
        return (self._one(x, f"`{name}`", step.span),)

    def _each_step(self, context: StepContext, each: EachStep, name: StepName, x: Tensors, span: Span) -> Tensors:
        """Resolve steps that are called for each step of the first axis of their input."""
        start = self._one(x, f"the input of `{name}`", span)
        if len(start.shape) - context.each < 2:
            message = f"`{EACH_STEP}` expects steps x channels, or more axes, got {show(start.shape[context.each :])}"
            hint = earlier_hint(EACH_STEP, context.body, start) or f"write the steps without `{EACH_STEP}`"
            raise fail("ARCH020", message, span, hint)
        context.body.take(name, span)
        inner = context.inside(name.own)._replace(each=context.each + 1)
        group = group_of(each)
        end = self._one(self._steps(inner.inside(group) if group else inner, each.steps, x), f"`{name}`", span)
        if DTYPES[end.dtype] != "float":
            hint = "convert it after this step, or before, instead of inside"
            raise fail("ARCH028", f"`{EACH_STEP}` returns floats, got {end.dtype}", span, hint)
        return (end,)

    def _chosen(self, part: OpCall, choice: Choice, scope: Values) -> OpCall | None:
        """Return the op that an expression chooses, or None for the word `none`, which a merge cannot have."""
        word = self.budget.value(choice.word, scope)
        if id(choice) not in self._words:  # the spec keeps each choice alive, so its id is unique
            self._words[id(choice)] = chosen_words(self.spec, choice)
        words = self._words[id(choice)]
        known = [*choice.table, *(() if part.role == "merge" else ("none",))]
        if not isinstance(word, str) or word not in known:
            span = words.get(word) if isinstance(word, str) else None
            hint = WHEN_PER_MERGE if part.role == "merge" and word in OPS.merges() else nearest(str(word), known)
            raise fail("ARCH013", f"unknown {part.role} {shown(word)}", span or choice.word.span, hint)
        if word not in words:
            used = ", ".join(f"`{other}`" for other in words)
            hint = f"use {used}, or add a variant that uses `{word}`"
            raise fail("ARCH013", f"this file does not use the {part.role} `{word}`", choice.word.span, hint)
        return None if word == "none" else choice.part(part.role, word)

    def _check_one(self, op: Op | type[Op], x: Tensors, span: Span) -> None:
        if len(x) != 1 and not op.many and not op.without_input:
            raise fail("ARCH022", f"`{op.name}` takes one tensor, got {len(x)}", span, select_one(x))

    def _shared(self, context: StepContext, step: Step, share: Share, name: StepName, x: Tensors) -> Tensors:
        """Add another call of the layers of an earlier step, with the same weights."""
        layers = context.body.shareable.get(share.name, ())
        if not layers:
            raise context.body.absent(share.name, share.name, share.span, "give this step the same `when`")
        if layers[0].op is not None and layers[0].op.without_input:
            hint = f"use its tensor: write `from: {share.name}` in the step that takes it"
            raise fail("ARCH018", f"`{share.name}` takes no tensor, so it cannot be called again", share.span, hint)
        if not any(layer.weights or layer.body for layer in layers):
            hint = f"write the step again: `{layers[0].kind}`"
            raise fail("ARCH018", f"`{share.name}` has no weights to share", share.span, hint)
        for first in layers:
            x = self._called_again(context, step, share, first, name, x)
        return x

    def _called_again(
        self, context: StepContext, step: Step, share: Share, first: Node, name: StepName, x: Tensors
    ) -> Tensors:
        """Add another call of one layer. Its fields keep their values, and its input may have another shape."""
        body = context.body
        shapes, refs = tuple(tensor.shape for tensor in x), tuple(tensor.ref for tensor in x)
        own = str(name) if first.role in ("main", "layer") else f"{name}_{first.role}"
        before = tuple(body.shapes[ref] for ref in first.inputs)
        several = " and ".join(map(show, before)), " and ".join(map(show, shapes))
        graph, outputs = None, first.outputs
        if first.op is not None:
            self._check_one(first.op, x, step.span)
            call = OpCall("main", type(first.op), first.fields)
            shape, dtype, weights, totals = self._cost(first.op, call, own, x, step.span, body)
            same = weights == first.op.weights(*before)
            found = None if same else Difference(first.name, first, replace(first, weights=weights))
        else:
            assert first.body is not None
            layer = self.spec.layers[first.kind]
            self._check_inputs(layer, x, step.span)
            again = self._layer_graph(layer, dict(first.arguments), _kinds(x), step.span)
            self.budget.spend(len(again.nodes), step.span)
            found = self._shared_bodies.difference(first.body, again, f"{first.name}/")
            graph, shape, totals = self._shared_bodies.marked(again), again.shape, again.totals
            dtype = next(iter(again.outputs.values())).dtype
            outputs = {} if OUTPUT in again.outputs else {word: end.shape for word, end in again.outputs.items()}
            if found is None and before != shapes and not self._shared_bodies.is_row(first.body):
                message = f"the layer of `{share.name}` takes an input of {several[0]}, got {several[1]}"
                hint = "share a layer with paths or `from` only between inputs of one shape"
                raise fail("ARCH020", message, share.span, hint)
        if found is not None:
            raise different_layers(share, found, *several)
        more: dict[str, Any] = {"totals": totals.without_weights(), "span": step.span, "outputs": outputs}
        node = replace(
            first.sharing(first.name, graph), name=own, step=name, inputs=refs, shape=shape, dtype=dtype, **more
        )
        return self.append(body, node)

    def _check_inputs(self, layer: Layer, x: Tensors, span: Span) -> None:
        if len(x) != len(layer.inputs):
            several = f"{len(layer.inputs)} tensors ({', '.join(layer.inputs)})"
            takes = "one tensor" if len(layer.inputs) == 1 else several
            hint = "select its inputs with `from: [...]`"
            raise fail("ARCH022", f"`{layer.name}` takes {takes}, got {len(x)}", span, hint)

    def _op_call(
        self, context: StepContext, call: OpCall, step: StepName, xs: Tensors, span: Span, **merge: Any
    ) -> Tensor:
        """Add the node of an op.

        Args:
            context: The context of the step.
            call: The op and its fields.
            step: The name of the step.
            xs: The inputs.
            span: The place of the step.
            merge: The `parts` and the `shortcut` of a merge.
        """
        op = self._op(call, context.scope, span, context.each)
        name = str(step) if call.role in ("main", "merge") else f"{step}_{call.role}"
        shape, dtype, weights, totals = self._cost(op, call, name, xs, span, context.body)
        tied = {word: tied_weight(context.body, word, tie, weights[word]) for word, tie in call.ties.items()}
        if tied:
            totals = totals.without(weights[word] for word in tied)
            weights = {word: weight for word, weight in weights.items() if word not in tied}
        role: Role = "merge" if merge else call.role
        refs = tuple(x.ref for x in xs)
        more: dict[str, Any] = {
            "weights": weights,
            "fields": {**call.fields, call.role: call.choice.word} if call.choice else call.fields,
            "span": span,
            "dtype": dtype,
            "tied": tied,
            "each_step": context.each > 0,
            **merge,
        }
        return self.append(context.body, Node(name, step, op.name, role, refs, shape, totals, op, **more))[0]

    def _cost(self, op: Op, call: OpCall, name: str, xs: Tensors, span: Span, body: Body) -> _Cost:
        """Return the shape, weights and totals of an op, computed once for all identical calls."""
        shapes = tuple(x.shape for x in xs)
        key = id(op), _kinds(xs)  # `_ops` keeps each op alive, so its id is unique
        if key in self._costs:
            return self._costs[key]
        check_dtypes(op, xs, span, body.inputs if body.owner == self.spec.name else ())
        try:
            shape, weights = op.output(*shapes), op.weights(*shapes)
        except OpError as error:
            at = place_of(error, call.fields, span)
            facts = tuple(f"{x.ref} -> {show(x.shape)}" for x in xs) if len(xs) > 1 else ()
            hint = (earlier_hint(op.name, body, xs[0]) if isinstance(error, RankError) else "") or error.hint
            raise ArchError(Problem("ARCH020", str(error), at, facts, hint=hint)) from None
        if prod(shape) > ELEMENTS:
            message = f"the output of `{name}` is too large: {show(shape)} exceeds {ELEMENTS:,} numbers"
            raise fail("ARCH025", message, span)
        totals = Totals(
            sum(w.size for w in weights.values()),
            sum(w.size for w in weights.values() if w.trainable),
            len(weights),
            op.macs(*shapes),
            1,
        )
        self._afford(f"`{name}`", totals, span)
        return self._costs.setdefault(key, _Cost(shape, op.gives(*(x.dtype for x in xs)), weights, totals))

    def append(self, body: Body, node: Node) -> Tensors:
        """Add a node to a body and return its outputs."""
        self.budget.nodes += 1
        self.budget.afford(0, node.span)
        self.budget.spend(5 * len(node.inputs), node.span)
        return body.append(node)

    def _op(self, call: OpCall, scope: Values, span: Span, each: int = 0) -> Op:
        """Return the op with evaluated and validated fields; `each` is the number of `time_distributed` around it."""
        values = {name: self.budget.value(value, scope) for name, value in call.fields.items()}
        key = call.op, repr(values), each
        if key not in self._ops:
            try:
                op = call.op.model_validate(values)
                for _ in range(each):
                    op = each_step(op)
                self._ops[key] = op
            except ValidationError:
                problems = faults(call.op, values, field_places(call.fields, span))
                raise ArchError(*(with_expression(problem, call.fields, values) for problem in problems)) from None
        return self._ops[key]

    def _layer_call(self, context: StepContext, step: Step, call: LayerCall, name: StepName, x: Tensors) -> Tensors:
        """Add the node of a layer with its graph. Identical consecutive copies share the graph."""
        layer = self.spec.layers[call.layer]
        self._check_inputs(layer, x, step.span)
        scope, kinds = context.scope, tuple((one.shape[context.each :], one.dtype) for one in x)
        if self._last is None or self._last.scope is not scope or self._last.kinds != kinds:
            values = self._layer_arguments(layer, call, scope)
            self._last = _LastCall(scope, kinds, values, self._layer_graph(layer, values, kinds, step.span))
        values, graph = self._last.values, self._last.graph
        for steps in reversed(x[0].shape[: context.each]):
            graph = self.called_for_each_step(graph, steps)
        outputs = {} if OUTPUT in graph.outputs else {name: end.shape for name, end in graph.outputs.items()}
        refs = tuple(tensor.ref for tensor in x)
        more: dict[str, Any] = {"arguments": values, "fields": call.arguments, "span": step.span, "outputs": outputs}
        more["each_step"] = context.each > 0
        more["dtype"] = next(iter(graph.outputs.values())).dtype
        node = Node(str(name), name, layer.name, "layer", refs, graph.shape, graph.totals, None, graph, **more)
        return self.append(context.body, node)

    def called_for_each_step(self, graph: Graph, steps: int) -> Graph:
        """Return the body of a layer that is called for each of some steps."""
        self.budget.spend(len(graph.nodes), graph.span)
        return self._each_step_bodies.of(graph, steps)

    def _layer_arguments(self, layer: Layer, call: LayerCall, scope: Values) -> dict[str, Any]:
        values = {}
        for name, arg in layer.args.items():
            given = call.arguments.get(name)
            value = self.budget.value(given or arg.default, scope)  # type: ignore[arg-type]
            value = arg.taken(value)
            if given is not None and (fault := arg.fault(value)):
                hint = INTEGER_DIVISION if isinstance(value, float) else arg.doubt
                raise fail("ARCH007", fault, given.span, hint)
            values[name] = value
        return values

    def _layer_graph(self, layer: Layer, values: dict[str, Any], kinds: TensorKinds, span: Span) -> Graph:
        key = layer.name, repr(values), kinds
        if key not in self._graphs:
            self._check_same_dtypes(layer, tuple(dtype for _, dtype in kinds), span)
            deepest = self.spec.limits.recursion
            if len(self._open_layers) >= deepest:
                raise self._too_deep(f"layers are nested more than {deepest} levels deep", span)
            self.budget.nodes += BODY_STEPS
            base, scope = layer, dict(values)
            while base.like is not None:
                scope |= base.fixed
                base = self.spec.layers[base.like]
            self._open_layers.append(layer.name)
            try:
                named = dict(zip(layer.inputs, kinds, strict=True))
                shapes = {name: shape for name, (shape, _) in named.items()}
                body = Body(layer.name, shapes, {name: dtype for name, (_, dtype) in named.items()})
                self._graphs[key] = self._body_graph(body, layer.doc, base.steps, base.outputs, scope, layer.span)
            except ArchError as error:
                caller = self._open_layers[-2] if len(self._open_layers) > 1 else self.spec.name
                raise with_trail(error, layer.name, caller, span, values) from None
            finally:
                self._open_layers.pop()
        return self._graphs[key]

    def _check_same_dtypes(self, layer: Layer, dtypes: tuple[str, ...], span: Span) -> None:
        """Raise an error if another use of a layer has other dtypes: its class has inputs of one dtype."""
        base = layer.name
        while (like := self.spec.layers[base].like) is not None:
            base = like
        first, place = self._dtypes.setdefault(base, (dtypes, span))
        if first != dtypes:
            had, has = (", ".join(one) for one in (first, dtypes))
            message = f"`{layer.name}` takes {has} here, but {had} on line {place.line}"
            raise fail("ARCH028", message, span, "convert the input before the layer, or define a second layer")

    def _too_deep(self, message: str, span: Span) -> ArchError:
        hint = "end the recursion with a `when`"
        more = self.spec.limits.exceeded("recursion", message, span, "ARCH024").problems[0]
        allowed = more.hint.removeprefix("to allow it, ")
        return ArchError(replace(more, hint=f"{hint}, or {allowed}" if allowed else hint))

    def _branches(self, context: StepContext, branches: Branches, span: Span, x: Tensors) -> Tensors:
        """Resolve branches, their shortcut, their merge and the steps after it. A merge of one part is that part."""
        body, path = context.body, context.path
        begin = len(body.nodes)
        parts: dict[str, Tensor] = {}
        for branch in branches.paths:
            parts |= self._branch(context, branch, x)
        nodes = body.nodes[begin:]
        own = body.branch_name(path, "shortcut", branches.place) if branches.may_have_steps else ""
        end = self._shortcut(context.inside(own), branches, parts, nodes, x)
        shortcut = None
        if end is not None:
            shortcut = shortcut_of(own, end.ref, x, body.nodes[begin + len(nodes) :], parts, nodes, len(path))
            parts = {"shortcut": end, **parts} if branches.shortcut_first else {**parts, "shortcut": end}
        merge, ends = self._merge(context, branches, shortcut), tuple(parts.values())
        merged = ends[:1] or x
        if merge is not None:
            name = StepName(branches.merge_name, body.next_number(path, branches.merge_name), path)
            if len(parts) > 1:
                try:
                    merged = (self._op_call(context, merge, name, ends, span, parts=tuple(parts), shortcut=shortcut),)
                except ArchError as error:
                    if error.problems[0].code != "ARCH020":
                        raise
                    place = branches.shortcut.span if isinstance(branches.shortcut, Value) else span
                    broadcast = getattr(self._op(merge, context.scope, span), "broadcast", False)
                    problem = merge_problem(
                        error.problems[0], body.nodes, begin, parts, x[0].ref, context.scope, place, broadcast
                    )
                    raise ArchError(problem) from None
        return self._steps(context, branches.after, merged)

    def _merge(self, context: StepContext, branches: Branches, shortcut: Shortcut | None) -> OpCall | None:
        """Return the merge of branches, which an expression may choose."""
        merge = branches.merge
        if merge is None or merge.choice is None:
            return merge
        chosen = self._chosen(merge, merge.choice, context.scope)
        if chosen is not None and shortcut is not None and getattr(chosen.op, "shortcut_last", False):
            message = f"`{chosen.op.name}` takes the shortcut last, a chosen merge first"
            raise fail("ARCH013", message, merge.choice.word.span, WHEN_PER_MERGE)
        return chosen and replace(chosen, choice=merge.choice)

    def _branch(self, context: StepContext, branch: Branch, x: Tensors) -> dict[str, Tensor]:
        """Return the outputs of the copies of a branch, by name."""
        parts = {}
        for inner, name in self.budget.copies(branch, context):
            own = context.body.branch_name(context.path, name.own, branch.span)
            if inner is None:
                continue
            with context.body.own_names() if branch.loop.many else nullcontext():
                end = self._steps(inner.inside(own), branch.steps, x)
            parts[own] = self._one(end, f"the output of the path `{own}`", branch.span)
        return parts

    def _shortcut(
        self,
        context: StepContext,
        branches: Branches,
        parts: Mapping[str, Tensor],
        nodes: Sequence[Node],
        x: Tensors,
    ) -> Tensor | None:
        """Return the output of the shortcut, or None if there is no shortcut.

        Args:
            context: The context inside the branch of the shortcut.
            branches: The parallel branches.
            parts: The outputs of the branches.
            nodes: The nodes of the branches.
            x: The input.
        """
        shortcut, place = branches.shortcut, branches.place
        if not isinstance(shortcut, Value):
            return self._one(self._steps(context, shortcut, x), "the output of the shortcut", place)
        word = self.budget.value(shortcut, context.scope)
        if word not in tuple(SHORTCUTS):
            hint = nearest(str(word), SHORTCUTS)
            raise fail("ARCH013", f"unknown shortcut {shown(word)}", shortcut.span, hint)
        if word == "none":
            return None
        start = self._one(x, f"the input of the shortcut `{word}`", shortcut.span)
        name, end = next(iter(parts.items()), ("", start))
        if word != "identity" and (sized := sized_shortcut(branches)) is not None:
            self.budget.note(sized, SHORTCUT, start.shape)
        if word == "identity" or (word in ("auto", "pad") and end.shape == start.shape):
            return start
        first = [node for node in nodes if node.path[: len(context.path)] == (*context.path[:-1], name)]
        stride = shortcut_stride(branches, first, start.shape, end.shape)
        filters = Value(end.shape[-1] if end.shape else 1, shortcut.span)
        pooled = word == "pool_projection" and any(side.content != 1 for side in stride)
        word = word if pooled or word == "pad" else "projection"
        steps = shortcut_steps(word, branches.projection, filters, Value(stride, shortcut.span))
        return self._one(self._steps(context, steps, x), "the output of the shortcut", place)


def with_trail(error: ArchError, layer: str, caller: str, span: Span, values: Mapping[str, Any]) -> ArchError:
    """Add the layer call in which an error occurred to its trail."""
    arguments = ", ".join(f"{name}={shown(value).strip('`')}" for name, value in values.items())
    line = f"in {layer}, from {caller} at line {span.line}" + (f" ({arguments})" if arguments else "")
    return ArchError(*(replace(problem, trail=(*problem.trail, line)) for problem in error.problems))
