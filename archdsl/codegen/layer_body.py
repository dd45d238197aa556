"""A layer's body as the statements of its methods: what is made, built, called, and its output's shape."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.codegen.methods import Flow, Item, Methods, Statements, assign
from archdsl.codegen.numbering import name_literal, path_kind
from archdsl.codegen.printer import Bracket, Source, before, listed
from archdsl.codegen.projection import words_of
from archdsl.codegen.references import every_step
from archdsl.codegen.sequences import (
    copies,
    inlined,
    loop_values,
    may_be_empty,
    number_name,
    op_call,
    sequential_call,
    stack_items,
    use_outputs,
)
from archdsl.codegen.shortcut_choice import Choice
from archdsl.ops import Op
from archdsl.spec import INPUT, Branch, Branches, Layer, Loop, Step, Value

_WORDS = {"identity", "projection", "auto", "none"}


def is_plain(methods: Methods, layer: Layer) -> bool:
    """Whether a body is rows of layers, and branches that are rows: then its class reads as if made by hand."""
    inside = list(every_step(layer.steps))
    if (
        layer.inputs != (INPUT,)
        or layer.outputs
        or any(step.refs or use_outputs(step, methods.place) for step in inside)
    ):
        return False
    return all(_are_plain(methods, step) for step in inside if isinstance(step.action, Branches))


def _are_plain(methods: Methods, step: Step) -> bool:
    branches = step.action
    assert isinstance(branches, Branches)
    if step.loop != Loop():
        return False
    rows = [path.steps for path in branches.paths if path.steps or path.loop != Loop()]
    if isinstance(branches.shortcut, Value):
        if not set(words_of(methods.place.spec, branches.shortcut)) <= _WORDS:
            return False
    elif branches.shortcut:
        rows.append(branches.shortcut)
    return not any(may_be_empty(row) or any(isinstance(inner.action, Branches) for inner in row) for row in rows)


def write_steps(methods: Methods, steps: Sequence[Step], flow: Flow, label: str = "steps") -> Flow:
    """Writes steps in their order; rows of plain steps become one list of layers.

    Args:
        label: what such a list is called.
    """
    row: list[Step] = []
    for step in (*steps, None):
        if step is not None and not isinstance(step.action, Branches):
            row.append(step)
            continue
        if row:
            flow = _write_row(methods, row, flow, label)
            row = []
        if step is not None and isinstance(step.action, Branches):
            flow = write_branches(methods, step.action, flow)
    return flow


def keeps_shape(steps: Sequence[Step]) -> bool:
    """Whether all steps are ops that never change a shape."""
    return all(
        isinstance(step.action, tuple) and all(part.op.output is Op.output for part in step.action) for step in steps
    )


def single(steps: Sequence[Step]) -> bool:
    """Whether the steps are one layer, whatever the arguments are."""
    if len(steps) != 1 or isinstance(steps[0].action, Branches) or steps[0].loop.many or steps[0].loop.when:
        return False
    action = steps[0].action
    return not isinstance(action, tuple) or len(inlined(action)) == 1


def _write_row(methods: Methods, row: Sequence[Step], flow: Flow, label: str) -> Flow:
    maker, place = methods.maker(row)
    late = place is methods.late
    items = stack_items(row, place)
    kept = keeps_shape(row)
    if not single(row):
        own = methods.attribute(label, late)
        maker.add(before(f"{own} = ", listed(items, open=True)))
        _loop_over(methods, own, flow, kept)
        return Flow("x", "shape", flow.shape if kept else "shape")
    step = row[0]
    numbered = f"{step.kind}_{len(place.numbers.counts.get(step.kind, ()))}"
    own = methods.attribute(step.name or numbered, late)
    maker.add(before(f"{own} = ", items[0]))
    built = _variable(methods.build, flow.built)
    methods.build.add(f"{own}.build({built})")
    methods.call.add(f"x = {own}({flow.x}{'' if isinstance(step.action, tuple) else ', training=training'})")
    if kept:
        return Flow("x", built, flow.shape)
    return Flow("x", f"{own}.compute_output_shape({built})", f"{own}.compute_output_shape({flow.shape})")


def _loop_over(methods: Methods, own: str, flow: Flow, kept: bool) -> None:
    """Runs `x` and `shape` through a list of layers."""
    assign(methods.build, "shape", flow.built)
    with methods.build.block(f"for layer in {own}:"):
        methods.build.add("layer.build(shape)", "shape = layer.compute_output_shape(shape)")
    assign(methods.call, "x", flow.x)
    with methods.call.block(f"for layer in {own}:"):
        methods.call.add("x = layer(x, training=training)")
    if not kept:
        assign(methods.shape, "shape", flow.shape)
        with methods.shape.block(f"for layer in {own}:"):
            methods.shape.add("shape = layer.compute_output_shape(shape)")


def _variable(statements: Statements, source: str) -> str:
    """The source where it is a name, else `shape`, which is assigned first."""
    if source.isidentifier():
        return source
    statements.add(f"shape = {source}")
    return "shape"


def write_branches(methods: Methods, branches: Branches, flow: Flow) -> Flow:
    """Writes paths side by side, the shortcut, the merge and what comes after."""
    start = _forked(methods, flow)
    items = [_write_path(methods, path, start) for path in branches.paths]
    return write_steps(methods, branches.after, _write_merge(methods, branches, start, items), "after")


def _forked(methods: Methods, flow: Flow) -> Flow:
    """The flow in variables that the paths leave alone."""
    if flow == Flow("inputs", "input_shape", "input_shape"):
        return flow
    fork = methods.variable("fork", "inside")
    given = ((methods.call, flow.x, "inputs"), (methods.build, flow.built, "input_shape"))
    kept = []
    for statements, source, untouched in (*given, (methods.shape, flow.shape, "input_shape")):
        if source != untouched:
            statements.add(f"{fork} = {source}")
        kept.append(untouched if source == untouched else fork)
    return Flow(*kept)


def _write_path(methods: Methods, path: Branch, start: Flow) -> Item:
    if not path.steps:
        copy = copies(path.loop, methods.late, path_kind(path), path.name)
        methods.place.numbers.segment(copy.name, methods.place.read)
        return Item(start.x, start.built, start.shape)
    maker, place = methods.maker(path.steps)
    numbered = methods.making(path_kind(path))[1]
    if numbered is methods.late or any("channels" in value.names for value in loop_values(path.loop)):
        maker, place = methods.make_late, methods.late
    copy = copies(path.loop, place, path_kind(path), path.name)
    name = name_literal(copy.name) if path.loop.many else place.numbers.segment(copy.name, place.read)
    own = methods.attribute(path.name or (copy.name if copy.name.isidentifier() else "paths"), place is methods.late)
    sequential = sequential_call(path.steps, copy.place.fresh(), name)
    if not path.loop.many and not copy.condition:
        maker.add(before(f"{own} = ", sequential))
        methods.build.add(f"{own}.build({start.built})")
        built, shape = (f"{own}.compute_output_shape({shape})" for shape in (start.built, start.shape))
        return Item(f"{own}({start.x}, training=training)", built, shape)
    if path.loop.many:
        maker.add(Bracket(f"{own} = [", (sequential, *copy.clauses), "]", "comprehension"))
    else:
        listed_one = Bracket("[", (sequential,), "]", "list")
        maker.add(Bracket(f"{own} = ", (listed_one, f"if {copy.condition}", "else []"), "", "operands"))
    with methods.build.block(f"for path in {own}:"):
        methods.build.add(f"path.build({start.built})")
    built, shape = (f"*[path.compute_output_shape({shape}) for path in {own}]" for shape in (start.built, start.shape))
    return Item(f"*[path({start.x}, training=training) for path in {own}]", built, shape, sure=False)


def _write_merge(methods: Methods, branches: Branches, start: Flow, items: list[Item]) -> Flow:
    choice = _add_shortcut(methods, branches, start, items)
    merge = branches.merge
    make, place = methods.making(merge.op.name if merge is not None else "")
    name = number_name(merge.op.name, place) if merge is not None else ""
    sure = sum(item.sure for item in items)
    least = sure + (choice is not None and "none" not in choice.words)
    if choice is None and sure == len(items) < 2:
        only = items[0] if items else Item(start.x, start.built, start.shape)
        return Flow(only.x, only.built, only.shape)
    own = ""
    if merge is not None:
        own = methods.attribute(name if name.isidentifier() else merge.op.name)
    first = merge is None or merge.op.name in _FIRST_SHAPE
    known = items[0].shape if first and items and items[0].sure else ""
    called = choice is None and least > 1
    methods.call.add(
        Bracket(f"x = {own}(", (_listed(items, "x"),), ")") if called else before("parts = ", _listed(items, "x"))
    )
    methods.build.add(before("shapes = ", _listed(items, "built")))
    if not known:
        methods.shape.add(before("shapes = ", _listed(items, "shape")))
    if choice is not None:
        choice.write(methods, start, items, bool(known))
    if merge is not None:
        make.add(before(f"{own} = ", op_call(merge, {}, place, name)))
    if not called:
        _write_parts(methods, own, start, least, bool(known))
    return _end(methods, own, least, first, known)


_FIRST_SHAPE = ("add", "average", "maximum")
"""The merges that give the shape of their first part."""


def _listed(items: Sequence[Item], word: str) -> Source:
    return listed([getattr(item, word) for item in items])


def _write_parts(methods: Methods, own: str, start: Flow, least: int, known: bool) -> None:
    """Writes the merge of the list `parts`; a merge of one part is that part, and of none what goes in."""
    if not least:
        methods.call.add(f"parts = parts or [{start.x}]")
        methods.build.add(f"shapes = shapes or [{start.built}]")
        if not known:
            methods.shape.add(f"shapes = shapes or [{start.shape}]")
    if least > 1:
        methods.call.add(f"x = {own}(parts)")
    else:
        methods.call.add(f"x = {own}(parts) if len(parts) > 1 else parts[0]" if own else "x = parts[0]")


def _end(methods: Methods, own: str, least: int, first: bool, known: str) -> Flow:
    """Writes the building of a merge, and what flows behind it."""
    merged = f"{own}.compute_output_shape(shapes)"
    if least > 1:
        methods.build.add(f"{own}.build(shapes)")
        return Flow("x", merged, known or merged)
    if own:
        with methods.build.block("if len(shapes) > 1:"):
            methods.build.add(f"{own}.build(shapes)")
    alone = "shapes[0]" if first else f"{merged} if len(shapes) > 1 else shapes[0]"
    return Flow("x", alone, known or alone)


def _add_shortcut(methods: Methods, branches: Branches, start: Flow, items: list[Item]) -> Choice | None:
    """Adds a shortcut that is sure to the parts; gives back one that is not."""
    ahead = bool(getattr(branches.merge and branches.merge.op, "shortcut_first", False))
    if not isinstance(branches.shortcut, Value):
        span = branches.place
        item = _write_path(methods, Branch("shortcut", Loop(), branches.shortcut, span), start)
    else:
        choice = Choice.of(methods.place, branches, branches.shortcut, ahead)
        if choice.words == ("none",):
            return None
        found = choice.sure(methods, start)
        if found is None:
            return choice
        item = found
    items.insert(0 if ahead else len(items), item)
    return None
