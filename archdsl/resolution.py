"""Typed spec -> graph: layers are expanded, arguments evaluated, shapes inferred, equal uses resolved once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from archdsl.errors import ArchError, Problem, Problems, Span, fail, nearest
from archdsl.graph import INPUT, Graph, Node, Totals, total
from archdsl.merging import merge_problem
from archdsl.ops import Op, OpError, Shape
from archdsl.ops.base import show, whole
from archdsl.spec import SHORTCUTS, Bunch, Fields, Layer, Loop, Part, Spec, Step, Use, Value
from archdsl.validation import faults, shown


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a network may become: nodes of the graph, layers inside one another, ops, parameters."""

    nodes: int = 50_000
    nested: int = 32
    layers: int = 1_000_000
    parameters: int = 10**11


def resolve(spec: Spec, bounds: Bounds = Bounds(), /, **arguments: Any) -> Graph:
    """The graph of a spec's model.

    Args:
        spec: what `archdsl.load` gives.
        arguments: the model's arguments, where they are not to be the file's own.

    Raises:
        ArchError: an argument, an expression or a shape does not fit; the first one that is met.
    """
    try:
        return _Resolver(spec, bounds).model(spec.values(arguments))
    except RecursionError:
        raise fail("ARCH024", "the layers are nested too deep", spec.span) from None


def check(spec: Spec, graph: Graph) -> None:
    """Holds a graph to the spec's `expect`.

    Raises:
        ArchError: with each number that differs.
    """
    problems = Problems()
    real: dict[str, Any] = {
        "parameters": graph.totals.parameters,
        "trainable": graph.totals.trainable,
        "macs": graph.totals.macs,
        "output": list(graph.shape),
    }
    for name, expected in spec.expect.model_dump(exclude_none=True).items():
        if expected != real[name]:
            if name == "output":
                message = f"the output {show(tuple(expected))} is expected, and the network gives {show(graph.shape)}"
            else:
                message = f"{expected:,} {name} are expected, and the network has {real[name]:,}"
            hint = "correct the network, or this line where it is the expectation that is wrong"
            problems.add("ARCH026", message, spec.expect_spans.get(name), hint)
    problems.stop()


@dataclass(frozen=True, slots=True)
class _Tensor:
    node: str
    shape: Shape


@dataclass
class _Body:
    """A body while it is built: the nodes so far, and the numbers that names go on from."""

    nodes: list[Node] = field(default_factory=list)
    numbers: Counter[tuple[str, str]] = field(default_factory=Counter)
    names: dict[str, Span | None] = field(default_factory=dict)

    def number(self, lane: str, kind: str) -> int:
        self.numbers[lane, kind] += 1
        return self.numbers[lane, kind]


class _Resolver:
    def __init__(self, spec: Spec, bounds: Bounds) -> None:
        self.spec, self.bounds = spec, bounds
        self.known: dict[Any, Graph] = {}
        self.ops: dict[Any, Op] = {}
        self.open: list[str] = []
        self.count = self.turns = 0

    def model(self, values: Mapping[str, Any]) -> Graph:
        spec = self.spec
        return self._graph(spec.name, spec.doc, spec.model, values, spec.input, spec.span)

    def _graph(
        self, name: str, doc: str, steps: tuple[Step, ...], values: Mapping[str, Any], x: Shape, span: Span
    ) -> Graph:
        body = _Body()
        scope = {**values, "channels": x[-1]}
        end = self._steps(body, steps, scope, "", _Tensor(INPUT, x))
        totals = total(body.nodes)
        if totals.layers > self.bounds.layers or totals.parameters > self.bounds.parameters:
            counts = f"{totals.layers:,} ops and {totals.parameters:,} parameters"
            raise fail("ARCH025", f"`{name}` has {counts}, which is more than the limits allow", span)
        return Graph(name, doc, dict(values), x, tuple(body.nodes), end.node, end.shape, totals, span)

    def _steps(self, body: _Body, steps: tuple[Step, ...], scope: Mapping[str, Any], lane: str, x: _Tensor) -> _Tensor:
        for step in steps:
            for inner, name in self._copies(body, step.loop, scope, lane, step.name or step.kind, step.name, step.span):
                if inner is not None:
                    x = self._step(body, step, inner, lane, name, x)
        return x

    def _copies(
        self, body: _Body, loop: Loop, scope: Mapping[str, Any], lane: str, kind: str, pinned: str | None, span: Span
    ) -> Iterator[tuple[Mapping[str, Any] | None, str]]:
        """Each copy's scope (None where its `when` fails) and name: kind and number, or the one that is pinned."""
        rows = self._rows(loop, scope)
        self._afford(len(rows), next(iter(loop.columns.values())).span if loop.columns else span)
        for row in rows:
            inner = {**scope, **row}
            there = loop.when is None or self._truth(loop.when, inner)
            times = self._times(loop.repeat, inner) if there and loop.repeat is not None else 1
            self.turns += max(1, times)  # a turn that leaves no node costs its time too
            self._afford(0, span)
            for _ in range(times):
                number = body.number(lane, kind)
                yield inner if there else None, pinned if pinned and not loop.many else f"{kind}_{number}"

    def _rows(self, loop: Loop, scope: Mapping[str, Any]) -> list[dict[str, Any]]:
        if not loop.columns:
            return [{}]
        columns = {}
        for name, value in loop.columns.items():
            column = whole(value.evaluate(scope))
            if type(column) is int and column >= 0:
                self._afford(column, value.span)
                column = list(range(column))
            if not isinstance(column, list):
                message = f"the column `{name}` is {shown(column)}"
                raise fail("ARCH023", message, value.span, "a list, or a whole number n for 0 .. n-1")
            columns[name] = column
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"`{name}` {length}" for name, length in lengths.items())
            odd = list(lengths)[-1]
            raise fail("ARCH023", f"columns of one `for` are equally long: {told}", loop.columns[odd].span)
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def _truth(self, value: Value, scope: Mapping[str, Any]) -> bool:
        truth = value.evaluate(scope)
        if not isinstance(truth, bool):
            hint = "compare, as in `$stride > 1`"
            raise fail("ARCH013", f"`when` is true or false, and here it is {shown(truth)}", value.span, hint)
        return truth

    def _times(self, value: Value, scope: Mapping[str, Any]) -> int:
        times = whole(value.evaluate(scope))
        if type(times) is not int or times < 0:
            hint = "use `//` to divide without rest" if isinstance(times, float) else ""
            raise fail("ARCH023", f"`repeat` is a whole number, and here it is {shown(times)}", value.span, hint)
        self._afford(times, value.span)
        return times

    def _afford(self, nodes: int, span: Span | None) -> None:
        if max(self.count, self.turns) + nodes > self.bounds.nodes:
            raise fail("ARCH025", f"the network has more than {self.bounds.nodes:,} steps", span)

    def _step(self, body: _Body, step: Step, scope: Mapping[str, Any], lane: str, name: str, x: _Tensor) -> _Tensor:
        if isinstance(step.action, Bunch):
            return self._bunch(body, step.action, scope, lane, step.span, x)
        if isinstance(step.action, Use):
            return self._use(body, step, step.action, scope, lane + name, x)
        return self._parts(body, step.action, scope, lane + name, x, step.span)

    def _parts(
        self, body: _Body, parts: tuple[Part, ...], scope: Mapping[str, Any], name: str, x: _Tensor, span: Span
    ) -> _Tensor:
        for part in parts:
            own = name if part.role == "main" else f"{name}_{part.role}"
            x = self._op(body, part, scope, own, (x,), span)
        return x

    def _op(
        self,
        body: _Body,
        part: Part,
        scope: Mapping[str, Any],
        name: str,
        xs: tuple[_Tensor, ...],
        span: Span,
        **more: Any,
    ) -> _Tensor:
        op = self._built(part, scope, span)
        shapes = tuple(x.shape for x in xs)
        try:
            shape = op.shape(*shapes)
        except OpError as error:
            at = part.fields[error.field].span if error.field in part.fields else span
            raise fail("ARCH020", str(error), at, error.hint) from None
        weights = op.weights(*shapes)
        totals = Totals(
            sum(w.size for w in weights.values()),
            sum(w.size for w in weights.values() if w.trainable),
            len(weights),
            op.macs(*shapes),
            1,
        )
        role = "merge" if more else part.role
        inputs = tuple(x.node for x in xs)
        node = Node(name, op.name, role, inputs, shape, totals, op, None, {}, weights, fields=part.fields, span=span)
        return self._append(body, replace(node, **more) if more else node)

    def _append(self, body: _Body, node: Node) -> _Tensor:
        self.count += 1
        self._afford(0, node.span)
        self._take(body, node.name, node.span)
        body.nodes.append(node)
        return _Tensor(node.name, node.shape)

    def _take(self, body: _Body, name: str, span: Span | None) -> None:
        """Takes a name of the body, of a step or of a path."""
        if name in body.names:
            first = body.names[name]
            where = f" on line {first.line}" if first else ""
            message = f"`{name}` is the name of another step{where}"
            raise fail("ARCH010", message, span, "choose another `name:` for one of them")
        body.names[name] = span

    def _built(self, part: Part, scope: Mapping[str, Any], span: Span) -> Op:
        values = {name: value.evaluate(scope) for name, value in part.fields.items()}
        key = part.op, repr(values)
        if key not in self.ops:
            try:
                self.ops[key] = part.op.model_validate(values)
            except ValidationError:
                problems = faults(part.op, values, lambda n: part.fields[n].span if n in part.fields else span)
                raise ArchError(*(_told(problem, part.fields, values) for problem in problems)) from None
        return self.ops[key]

    def _use(self, body: _Body, step: Step, use: Use, scope: Mapping[str, Any], name: str, x: _Tensor) -> _Tensor:
        layer = self.spec.layers[use.layer]
        values = self._arguments(layer, use, scope)
        graph = self._layer(layer, values, x.shape, step)
        given = use.arguments
        node = Node(name, layer.name, "layer", (x.node,), graph.shape, graph.totals, None, graph, values, fields=given)
        return self._append(body, replace(node, span=step.span))

    def _arguments(self, layer: Layer, use: Use, scope: Mapping[str, Any]) -> dict[str, Any]:
        values = {}
        for name, arg in layer.args.items():
            given = use.arguments.get(name)
            value = (given or arg.default).evaluate(scope)  # type: ignore[union-attr]
            value = arg.taken(value)
            if given is not None and (fault := arg.fault(value)):
                hint = "use `//` to divide without rest" if isinstance(value, float) else ""
                raise fail("ARCH007", fault, given.span, hint)
            values[name] = value
        return values

    def _layer(self, layer: Layer, values: dict[str, Any], x: Shape, step: Step) -> Graph:
        key = layer.name, repr(values), x
        if key not in self.known:
            if len(self.open) >= self.bounds.nested:
                hint = "a layer that contains itself needs a `when` that ends it"
                raise fail(
                    "ARCH024", f"layers stand more than {self.bounds.nested} deep in one another", step.span, hint
                )
            base, everything = layer, dict(values)
            while base.like is not None:
                everything |= base.fixed
                base = self.spec.layers[base.like]
            self.open.append(layer.name)
            try:
                self.known[key] = self._graph(layer.name, layer.doc, base.steps, everything, x, layer.span)
            except ArchError as error:
                caller = self.open[-2] if len(self.open) > 1 else self.spec.name
                raise _trailed(error, layer.name, caller, step.span, values) from None
            finally:
                self.open.pop()
        return self.known[key]

    def _bunch(self, body: _Body, bunch: Bunch, scope: Mapping[str, Any], lane: str, span: Span, x: _Tensor) -> _Tensor:
        parts: dict[str, _Tensor] = {}
        for path in bunch.paths:
            copies = self._copies(body, path.loop, scope, lane, path.name or "path", path.name, path.span)
            for inner, name in copies:
                segment = self._segment(body, lane, name, path.span)
                if inner is not None:
                    parts[segment] = self._steps(body, path.steps, inner, f"{lane}{segment}/", x)
        first = next(iter(parts), None)
        shortcut = self._shortcut(body, bunch, scope, lane, parts[first] if first else x, f"{lane}{first}/", x)
        if shortcut is not None:
            alone = {"shortcut": shortcut}
            ahead = bunch.merge is not None and getattr(bunch.merge.op, "shortcut_first", False)
            parts = alone | parts if ahead else parts | alone
        end = self._merged(body, bunch, scope, lane, span, parts, x)
        return self._steps(body, bunch.after, scope, lane, end)

    def _segment(self, body: _Body, lane: str, name: str, span: Span) -> str:
        """The path's name among the names of weights; the second `main` of a body is `main_2`.

        It is taken whether or not there is a shortcut in the end, so that no name hangs on shapes.
        """
        number = body.number(lane, f"/{name}")
        segment = name if number == 1 else f"{name}_{number}"
        self._take(body, f"{lane}{segment}", span)
        return segment

    def _merged(
        self,
        body: _Body,
        bunch: Bunch,
        scope: Mapping[str, Any],
        lane: str,
        span: Span,
        parts: dict[str, _Tensor],
        x: _Tensor,
    ) -> _Tensor:
        merge = bunch.merge
        if merge is None:
            return next(iter(parts.values()), x)
        name = f"{lane}{merge.op.name}_{body.number(lane, merge.op.name)}"
        if len(parts) < 2:
            return next(iter(parts.values()), x)
        try:
            return self._op(body, merge, scope, name, tuple(parts.values()), span, parts=tuple(parts))
        except ArchError as error:
            if error.problems[0].code != "ARCH020":
                raise
            shapes = {part: (t.node, t.shape) for part, t in parts.items()}
            place = bunch.shortcut.span if isinstance(bunch.shortcut, Value) else span
            raise ArchError(merge_problem(error.problems[0], body.nodes, shapes, x.node, scope, place)) from None

    def _shortcut(
        self, body: _Body, bunch: Bunch, scope: Mapping[str, Any], lane: str, end: _Tensor, first: str, x: _Tensor
    ) -> _Tensor | None:
        shortcut = bunch.shortcut
        nameless = isinstance(shortcut, Value) and shortcut.content in ("none", "identity")
        segment = "" if nameless else self._segment(body, lane, "shortcut", bunch.projection[0].fields["kernel"].span)
        if isinstance(shortcut, Value):
            word = shortcut.evaluate(scope)
            if word not in SHORTCUTS:
                message = f"{shown(word)} is no shortcut"
                raise fail("ARCH013", message, shortcut.span, nearest(str(word), SHORTCUTS))
            if word == "none":
                return None
            if word == "identity" or (word == "auto" and end.shape == x.shape):
                return x
        inside = f"{lane}{segment}/"
        if not isinstance(shortcut, Value):
            return self._steps(body, shortcut, scope, inside, x)
        stride = self._stride(body, first, x.shape, end.shape)
        place = shortcut.span
        own = {"filters": Value(end.shape[-1], place), "stride": Value(stride, place)}
        parts = tuple(Part(p.role, p.op, {**p.fields, **own}) if p.role == "main" else p for p in bunch.projection)
        number = body.number(inside, "conv")
        return self._parts(body, parts, scope, f"{inside}conv_{number}", x, place)

    def _stride(self, body: _Body, lane: str, x: Shape, end: Shape) -> tuple[Value, ...]:
        """The product of the strides along a path of ops; behind a layer or a merge, what the shapes say."""
        nodes = [node for node in body.nodes if node.name.startswith(lane)]
        span = self.spec.span
        if len(x) != 3 or len(end) != 3:
            return (Value(1, span), Value(1, span))
        if any(node.role in ("layer", "merge") for node in nodes):
            return tuple(Value(-(-before // after), span) for before, after in zip(x[:2], end[:2], strict=True))
        product = [1, 1]
        for node in nodes:
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
