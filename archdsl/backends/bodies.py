"""A layer's body as the statements of its methods: what is made, built, called, and its output's shape."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from archdsl.backends.layout import WIDTH, Bracket, Names, Source, before, lines, listed, quote
from archdsl.backends.shortcuts import Projection, projection, words_of
from archdsl.backends.stacks import (
    Place,
    inlined,
    loop_header,
    may_be_empty,
    number_name,
    op_call,
    stack_items,
    uses_channels,
)
from archdsl.errors import ArchError, fail
from archdsl.expr import Expression
from archdsl.ops import Op
from archdsl.spec import RESERVED, Bunch, Loop, Path, Step, Value


@dataclass
class Statements:
    """Lines of a method, with an indent that blocks raise."""

    text: list[str] = field(default_factory=list)
    indent: int = 8

    def add(self, *sources: Source) -> None:
        for source in sources:
            self.text += lines(source, self.indent)

    @contextmanager
    def block(self, head: Source) -> Iterator[None]:
        """What is added inside stands indented under the head; a block without lines is left out."""
        start = len(self.text)
        self.add(head)
        opened = len(self.text)
        self.indent += 4
        yield
        self.indent -= 4
        if len(self.text) == opened:
            del self.text[start:]


@dataclass
class Methods:
    """The four methods of a layer class while they are written."""

    place: Place
    """How names read in `__init__`."""
    late: Place
    """How names read in `build`."""
    taken: set[str]
    prefix: str = ""
    """What the attributes of a path that stands in the class itself begin with."""
    make: Statements = field(default_factory=Statements)
    make_late: Statements = field(default_factory=Statements)
    build: Statements = field(default_factory=Statements)
    call: Statements = field(default_factory=Statements)
    shape: Statements = field(default_factory=Statements)

    def attribute(self, name: str) -> str:
        """A free attribute name like this one, as `self.name`."""
        number, wanted = 1, self.prefix + name
        free = wanted
        while free in self.taken or free in RESERVED:
            number += 1
            free = f"{wanted}_layer" if number == 2 else f"{wanted}_layer_{number - 1}"
        self.taken.add(free)
        return f"self.{free}"

    def maker(self, steps: Sequence[Step]) -> tuple[Statements, Place]:
        """Where layers are made: in `build` where they depend on the input's channels, else in `__init__`."""
        return (self.make_late, self.late) if uses_channels(steps) else (self.make, self.place)


@dataclass(frozen=True)
class Flow:
    """What flows between two steps: a variable of `call`, and the shape as source in `build` and in `shape`."""

    x: str
    built: str
    shape: str


def write_steps(methods: Methods, steps: Sequence[Step], flow: Flow, label: str = "steps") -> Flow:
    """Writes steps in their order; rows of plain steps become one list of layers.

    Args:
        label: what such a list is called.
    """
    row: list[Step] = []
    for step in (*steps, None):
        if step is not None and not isinstance(step.action, Bunch):
            row.append(step)
            continue
        if row:
            flow = _write_row(methods, row, flow, label)
            row = []
        if step is not None:
            flow = _write_bunch_step(methods, step, flow)
    return flow


def keeps_shape(steps: Sequence[Step]) -> bool:
    """Whether all steps are ops that never change a shape."""
    return all(
        isinstance(step.action, tuple) and all(part.op.shape is Op.shape for part in step.action) for step in steps
    )


def single(steps: Sequence[Step]) -> bool:
    """Whether the steps are one layer, whatever the arguments are."""
    if len(steps) != 1 or isinstance(steps[0].action, Bunch) or steps[0].loop.many or steps[0].loop.when:
        return False
    action = steps[0].action
    return not isinstance(action, tuple) or len(inlined(action)) == 1


def _write_row(methods: Methods, row: Sequence[Step], flow: Flow, label: str) -> Flow:
    maker, place = methods.maker(row)
    if single(row):
        step = row[0]
        name = step.name or number_name(step.kind, place.numbers.offset(step.kind), "1")
        items = stack_items(row, place)
        own = methods.attribute(name if name.isidentifier() else step.kind)
        maker.add(before(f"{own} = ", items[0]))
        built = _variable(methods.build, flow.built)
        methods.build.add(f"{own}.build({built})")
        training = "" if isinstance(row[0].action, tuple) else ", training=training"
        methods.call.add(f"x = {own}({flow.x}{training})")
        if keeps_shape(row):
            return Flow("x", built, flow.shape)
        return Flow("x", f"{own}.compute_output_shape({built})", f"{own}.compute_output_shape({flow.shape})")
    own = methods.attribute(label)
    maker.add(before(f"{own} = ", listed(stack_items(row, place), open=True)))
    _loop_over(methods, own, flow, "x", keeps_shape(row))
    shape = flow.shape if keeps_shape(row) else "shape"
    return Flow("x", "shape", shape)


def _loop_over(methods: Methods, own: str, flow: Flow, x: str, kept: bool) -> None:
    """Runs `x` and `shape` through a list of layers."""
    _assign(methods.build, "shape", flow.built)
    with methods.build.block(f"for layer in {own}:"):
        methods.build.add("layer.build(shape)", "shape = layer.compute_output_shape(shape)")
    _assign(methods.call, x, flow.x)
    with methods.call.block(f"for layer in {own}:"):
        methods.call.add(f"{x} = layer({x}, training=training)")
    if not kept:
        _assign(methods.shape, "shape", flow.shape)
        with methods.shape.block(f"for layer in {own}:"):
            methods.shape.add("shape = layer.compute_output_shape(shape)")


def _assign(statements: Statements, name: str, value: str) -> None:
    if name != value:
        statements.add(f"{name} = {value}")


def _variable(statements: Statements, source: str) -> str:
    """The source where it is a name, else `shape`, which is assigned first."""
    if source.isidentifier():
        return source
    statements.add(f"shape = {source}")
    return "shape"


def _write_bunch_step(methods: Methods, step: Step, flow: Flow) -> Flow:
    assert isinstance(step.action, Bunch)
    if step.loop.many:
        raise _put_in_layer(step, "repeated paths")
    if step.loop.when is None:
        return write_bunch(methods, step.action, flow)
    for statements, start in ((methods.build, flow.built), (methods.shape, flow.shape)):
        _assign(statements, "shape", start)
    _assign(methods.call, "x", flow.x)
    inside, after = methods.place.text(step.loop.when), methods.late.text(step.loop.when)
    with ExitStack() as blocks:
        blocks.enter_context(methods.make.block(f"if {inside}:"))
        for statements in (methods.make_late, methods.build, methods.call, methods.shape):
            blocks.enter_context(statements.block(f"if {after}:"))
        end = write_bunch(methods, step.action, Flow("x", "shape", "shape"))
        _assign(methods.build, "shape", end.built)
        _assign(methods.call, "x", end.x)
        _assign(methods.shape, "shape", end.shape)
    return Flow("x", "shape", "shape")


def _put_in_layer(step: Step | Path, what: str) -> ArchError:
    hint = "make them a layer of the file, and use it here"
    return fail("ARCH020", f"{what} cannot stand here", step.span, hint)


@dataclass
class _Parts:
    """The parts of a bunch, as items of lists: tensors in `call`, shapes in `build`, shapes for the output."""

    x: list[str] = field(default_factory=list)
    built: list[str] = field(default_factory=list)
    shape: list[str] = field(default_factory=list)
    shape_lines: list[tuple[int, int]] = field(default_factory=list)
    """The lines of `compute_output_shape` that a part alone needs."""

    def add(self, x: str, built: str, shape: str) -> None:
        self.shape_lines.append((0, 0))
        self.x.append(x)
        self.built.append(built)
        self.shape.append(shape)

    def beside(self, other: _Parts) -> list[tuple[list[Any], list[Any]]]:
        """Each of the lists beside the other's."""
        mine, theirs = ((p.x, p.built, p.shape, p.shape_lines) for p in (self, other))
        return list(zip(mine, theirs, strict=True))


def write_bunch(methods: Methods, bunch: Bunch, flow: Flow) -> Flow:
    """Writes paths side by side, the shortcut, the merge and what comes after."""
    built = _variable(methods.build, flow.built)
    shape = _variable(methods.shape, flow.shape)
    if built == "shape":
        built = _kept(methods.build)
    if shape == "shape":
        shape = _kept(methods.shape)
    start = Flow(flow.x if flow.x != "x" else _kept_x(methods), built, shape)
    parts = _Parts()
    for number, path in enumerate(bunch.paths, 1):
        _write_path(methods, path, number, start, parts)
    end = _write_merge(methods, bunch, start, parts)
    return write_steps(methods, bunch.after, end, "after")


def _kept(statements: Statements) -> str:
    statements.add("fork = shape")
    return "fork"


def _kept_x(methods: Methods) -> str:
    methods.call.add("fork = x")
    return "fork"


def _write_path(methods: Methods, path: Path, number: int, start: Flow, parts: _Parts) -> None:
    name = path.name or f"path_{number}"
    if not path.steps and not path.loop.many and path.loop.when is None:
        parts.add(start.x, start.built, start.shape)
    elif any(isinstance(step.action, Bunch) for step in path.steps) or may_be_empty(path.steps):
        if path.loop.many or path.loop.when is not None:
            raise _put_in_layer(path, "a loop over paths that fork again")
        _write_inner(methods, path, name, start, parts)
    else:
        _write_sequential(methods, path, name, start, parts)


def _write_inner(methods: Methods, path: Path, name: str, start: Flow, parts: _Parts) -> None:
    """A path that forks again, or that may be empty: its layers stand in the class itself, under a name scope."""
    scope = f"with keras.name_scope({quote(name)}):"
    variable = _local(name)
    prefix = f"{methods.prefix}{name}_"
    inner = replace(methods, place=_fresh(methods.place), late=_fresh(methods.late), prefix=prefix)
    start_of_shape = len(methods.shape.text)
    with methods.build.block(scope):
        end = write_steps(inner, path.steps, start)
        _assign(methods.build, f"{variable}_shape", end.built)
    _assign(methods.shape, f"{variable}_shape", end.shape)
    _assign(methods.call, variable, end.x)
    parts.add(variable, f"{variable}_shape", f"{variable}_shape")
    parts.shape_lines[-1] = (start_of_shape, len(methods.shape.text))


def _fresh(place: Place) -> Place:
    return Place(place.spec, place.names, place.types)


def _local(name: str) -> str:
    return f"{name}_path" if name in RESERVED else name


def _write_sequential(methods: Methods, path: Path, name: str, start: Flow, parts: _Parts) -> None:
    maker, place = methods.maker(path.steps)
    if any("channels" in value.names for value in (path.loop.when, path.loop.repeat) if value):
        maker, place = methods.make_late, methods.late
    own = methods.attribute(name)
    if not path.loop.many:
        sequential = sequential_call(path.steps, _fresh(place), quote(name))
        if path.loop.when is None:
            maker.add(before(f"{own} = ", sequential))
            methods.build.add(f"{own}.build({start.built})")
            parts.add(
                f"{own}({start.x}, training=training)",
                f"{own}.compute_output_shape({start.built})",
                f"{own}.compute_output_shape({start.shape})",
            )
            return
        condition = place.text(path.loop.when)
        items: tuple[Source, ...] = (Bracket("[", (sequential,), "]", "list"), f"if {condition}", "else []")
        maker.add(Bracket(f"{own} = (", items, ")", "comprehension"))
    else:
        header, inner, copy, _ = loop_header(path.loop, _fresh(place), name)
        clauses = [header, *([f"if {inner.text(path.loop.when)}"] if path.loop.when else [])]
        sequential = sequential_call(path.steps, _fresh(inner), f"f{quote(copy)}")
        maker.add(Bracket(f"{own} = [", (sequential, *clauses), "]", "comprehension"))
    with methods.build.block(f"for path in {own}:"):
        methods.build.add(f"path.build({start.built})")
    parts.add(
        f"*[path({start.x}, training=training) for path in {own}]",
        f"*[path.compute_output_shape({start.built}) for path in {own}]",
        f"*[path.compute_output_shape({start.shape}) for path in {own}]",
    )


def sequential_call(steps: Sequence[Step], place: Place, name: str) -> Bracket:
    """`keras.Sequential([...], name=...)`."""
    items = listed(stack_items(steps, place), open=True)
    return Bracket("keras.Sequential(", (items, f"name={name}"), ")")


def _write_merge(methods: Methods, bunch: Bunch, start: Flow, parts: _Parts) -> Flow:
    if bunch.merge is None:
        return Flow(parts.x[0], parts.built[0], parts.shape[0]) if parts.x else start
    merge = bunch.merge
    choice = _Choice.of(methods, bunch, start, parts)
    certain = sum(not x.startswith("*") for x in parts.x)
    if choice is None and len(parts.x) == certain == 1:
        return Flow(parts.x[0], parts.built[0], parts.shape[0])
    number = number_name(merge.op.name, methods.place.numbers.offset(merge.op.name), "1")
    own = methods.attribute(number)
    methods.make.add(before(f"{own} = ", op_call(merge, {}, methods.place, number)))
    for place in (methods.place, methods.late):
        place.numbers.advance(merge.op.name, "1")
    first = parts.shape[0] if parts.shape and certain else ""
    same = merge.op.name in _FIRST_SHAPE and bool(first)
    if same:
        for first_line, end_line in reversed(parts.shape_lines[1:]):
            del methods.shape.text[first_line:end_line]
    x, built, shape = (listed(items) for items in (parts.x, parts.built, parts.shape))
    if choice is None and certain > 1:
        methods.call.add(before(f"x = {own}(", x, ")"))
    else:
        methods.call.add(before("parts = ", x))
    methods.build.add(before("shapes = ", built))
    if not same:
        methods.shape.add(before("shapes = ", shape))
    if choice is not None:
        choice.write(methods, start, certain, same)
    methods.build.add(f"{own}.build(shapes)")
    if choice is not None or certain < 2:
        lonely = certain < 2 and (choice is None or "none" in choice.words or not certain)
        methods.call.add(f"x = {own}(parts) if len(parts) > 1 else parts[0]" if lonely else f"x = {own}(parts)")
    merged = f"{own}.compute_output_shape(shapes)"
    return Flow("x", merged, first if same else merged)


_FIRST_SHAPE = ("add", "average", "maximum")


@dataclass(frozen=True)
class _Choice:
    """A shortcut that is one thing or another, by an argument or by the shapes.

    Args:
        words: what it may be, `auto` already told apart.
        kind: the source of the word in `build` and `call`.
        own: the attribute of its projection.
        late: whether that is made in `build`.
    """

    bunch: Bunch
    words: tuple[str, ...]
    kind: str
    own: str
    late: bool
    auto: str
    ahead: bool

    @classmethod
    def of(cls, methods: Methods, bunch: Bunch, start: Flow, parts: _Parts) -> _Choice | None:
        """The choice, where there is one; what is certain becomes one of the parts."""
        shortcut, ahead = bunch.shortcut, bool(getattr(bunch.merge and bunch.merge.op, "shortcut_first", False))
        own_parts = _Parts()
        if not isinstance(shortcut, Value):
            _write_path(methods, Path("shortcut", Loop(), shortcut, bunch.paths[0].span), 0, start, own_parts)
        else:
            words = words_of(methods.place.spec, shortcut)
            known = projection(bunch).known and not _late(bunch)
            if words == ("identity",):
                own_parts.add(start.x, start.built, start.shape)
            elif words == ("projection",) and known:
                own = methods.attribute("shortcut")
                methods.make.add(before(f"{own} = ", _projection_call(methods.place, bunch)))
                methods.build.add(f"{own}.build({start.built})")
                calls = (f"{own}.compute_output_shape({s})" for s in (start.built, start.shape))
                own_parts.add(f"{own}({start.x}, training=training)", *calls)
            elif words != ("none",):
                return cls._chosen(methods, bunch, shortcut, words, not known, ahead)
        for mine, items in own_parts.beside(parts):
            items[0 if ahead else len(items) :] = [*mine, *(items if ahead else ())]
        return None

    @classmethod
    def _chosen(
        cls, methods: Methods, bunch: Bunch, shortcut: Value, words: tuple[str, ...], late: bool, ahead: bool
    ) -> _Choice:
        auto = "auto" in words
        told = tuple(w for w in ("projection", "identity", "none") if w in words or (auto and w != "none"))
        bare = isinstance(shortcut.content, Expression) and isinstance(shortcut.content.tree, ast.Name)
        argument = shortcut.content.tree.id if bare and not auto else ""
        if argument and argument in methods.place.types:
            _refuse_others(methods.make, argument, words)
            own = methods.attribute("shortcut") if "projection" in told else ""
            choice = cls(bunch, told, f"self.{argument}", own, late, "", ahead)
            if own and not late:
                with methods.make.block(f'if {argument} == "projection":'):
                    methods.make.add(before(f"{own} = ", _projection_call(methods.place, bunch)))
            return choice
        own = methods.attribute("shortcut") if "projection" in told else ""
        kind = methods.attribute("shortcut_kind")
        return cls(bunch, told, kind, own, True, methods.late.text(shortcut), ahead)

    def write(self, methods: Methods, start: Flow, certain: int, same: bool) -> None:
        """The shortcut's lines in `build`, `call` and `compute_output_shape`."""
        if self.auto:
            self._write_kind(methods, start, certain)
        branches = [word for word in self.words if word != "none"]
        for index, word in enumerate(branches):
            last = index == len(branches) - 1 and "none" not in self.words
            head = "else:" if last and index else f'{"el" if index else ""}if {self.kind} == "{word}":'
            if last and not index:
                head = "if True:"
            for statements in (methods.build, methods.call, *(() if same else (methods.shape,))):
                with statements.block(head) if head != "if True:" else nullcontext():
                    self._write_branch(statements, methods, word, start)

    def _write_kind(self, methods: Methods, start: Flow, certain: int) -> None:
        first = "shapes[0]" if certain else f"[*shapes, {start.built}][0]"
        equal = f'"identity" if tuple({first}) == tuple({start.built}) else "projection"'
        if self.auto == '"auto"':
            methods.build.add(Bracket(f"{self.kind} = (", (equal,), ")", "comprehension"))
            return
        methods.build.add(f"{self.kind} = {self.auto}")
        if '"auto"' in self.auto or "self." in self.auto:
            with methods.build.block(f'if {self.kind} == "auto":'):
                methods.build.add(Bracket(f"{self.kind} = (", (equal,), ")", "comprehension"))

    def _write_branch(self, statements: Statements, methods: Methods, word: str, start: Flow) -> None:
        put = "insert(0, " if self.ahead else "append("
        shape = start.built if statements is methods.build else start.shape
        if statements is methods.call:
            x = start.x if word == "identity" else f"{self.own}({start.x}, training=training)"
            statements.add(Bracket(f"parts.{put}", (x,), ")"))
            return
        if word == "projection" and statements is methods.build:
            if self.late:
                self._make_late(methods, start)
            statements.add(f"{self.own}.build({shape})")
        made = shape if word == "identity" else f"{self.own}.compute_output_shape({shape})"
        statements.add(Bracket(f"shapes.{put}", (made,), ")"))

    def _make_late(self, methods: Methods, start: Flow) -> None:
        known = projection(self.bunch)
        names = {**methods.late.names.by_name, "filters": "merged[-1]", "stride": "strides"}
        if not known.known:
            methods.build.add("merged = shapes[0]")
            sides = f"zip({start.built}[1:3], merged[1:3])"
            items = ("-(-before // after)", f"for before, after in {sides}")
            methods.build.add(Bracket("strides = tuple(", items, ")", "comprehension"))
        place = methods.late if known.known else replace(methods.late, names=Names(names))
        methods.build.add(before(f"{self.own} = ", _projection_call(place, self.bunch)))


def _late(bunch: Bunch) -> bool:
    """Whether the projection reads `$channels`."""
    return any("channels" in v.names for part in projection(bunch).parts(bunch) for v in part.fields.values())


def _projection_call(place: Place, bunch: Bunch) -> Bracket:
    known = projection(bunch)
    if not known.known:
        known = Projection(None, None)
    parts = known.parts(bunch)
    step = Step("conv", parts, Loop(), None, parts[0].fields["kernel"].span)
    return sequential_call([step], _fresh(place), quote("shortcut"))


def _refuse_others(make: Statements, argument: str, words: tuple[str, ...]) -> None:
    """The lines that refuse every other value of an argument that decides structure."""
    told = " or ".join(f"'{word}'" for word in words)
    values = ", ".join(quote(word) for word in words)
    with make.block(f"if {argument} not in ({values}{',' if len(words) == 1 else ''}):"):
        due, received = f"`{argument}` must be {told}. ", f"Received: {argument}={{{argument}!r}}"
        fits = make.indent + len(f'f"{due}{received}"') + 4 <= WIDTH
        message = (f'f"{due}{received}"',) if fits else (f'"{due}"', f'f"{received}"')
        make.add(Bracket("raise ValueError(", message, ")", "comprehension"))
