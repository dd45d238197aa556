"""The model's body as a functional Keras graph in the constructor of its class."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

from archdsl.backends.bodies import Statements, sequential_call
from archdsl.backends.layout import WIDTH, Bracket, Names, Source, before, flat, lines, quote
from archdsl.backends.members import class_head, config, kept, signature
from archdsl.backends.shortcuts import Projection, projection, words_of
from archdsl.backends.stacks import Place, layer_calls, loop_header, may_be_empty, number_name, op_call, step_values
from archdsl.errors import ArchError, fail
from archdsl.ops import Call
from archdsl.spec import RESERVED, Bunch, Loop, Path, Spec, Step, Value


def write_model(spec: Spec) -> str:
    """The source of the model's class: a `keras.Model` that is functional."""
    args = list(spec.args.values())
    body = _Body(Statements(), _place(spec), {arg.name for arg in args})
    body.steps(spec.model)
    made = Statements()
    made.add("dtype = keras.dtype_policies.get(dtype)")
    made.add(before("inputs = ", Names({}).call(Call("keras.Input", (spec.input,), {"name": "input"}))))
    if any("channels" in value.names for step in spec.model for value in step_values(step)):
        made.add("channels = inputs.shape[-1]")
    made.text += body.out.text
    made.add(f"super().__init__(inputs=inputs, outputs={body.x}, **kwargs)", "self.dtype_policy = dtype")
    made.add(*(f"self.{arg.name} = {kept(arg)}" for arg in args))
    policy = '"dtype": keras.dtype_policies.serialize(self.dtype_policy)'
    blocks = [[*lines(signature(args, "dtype=None"), 4), *made.text], config(args, '"name": self.name', [policy])]
    head = class_head(spec, spec.name, spec.doc, "keras.Model")
    return "\n".join([*head, *("\n" + "\n".join(block) for block in blocks)])


def _place(spec: Spec) -> Place:
    types = {arg.name: arg.type for arg in spec.args.values()} | {"channels": "int"}
    return Place(spec, Names({name: name for name in types}), types)


@dataclass
class _Body:
    """The constructor's lines while they are written, and the variable that holds the tensor so far."""

    out: Statements
    place: Place
    taken: set[str]
    x: str = "inputs"

    def steps(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if isinstance(step.action, Bunch):
                self._looped_bunch(step, step.action)
            else:
                self._step(step)

    def _set(self, value: str) -> None:
        if value != "x":
            self.out.add(f"x = {value}")
        self.x = "x"

    def _step(self, step: Step) -> None:
        kind = step.name or step.kind
        offset = self.place.numbers.offset(kind)
        if not step.loop.many:
            name = step.name or number_name(kind, offset, "1")
            self.place.numbers.advance(kind, "1")
            if step.loop.when is None:
                self._apply(step, self.place, name)
                return
            self._set(self.x)
            with self.out.block(f"if {self.place.text(step.loop.when)}:"):
                self._apply(step, self.place, name)
            return
        header, inner, name, count = loop_header(step.loop, self.place, kind)
        self.place.numbers.advance(kind, count)
        self._set(self.x)
        with self.out.block(before("", header, ":")):
            when = step.loop.when
            with self.out.block(f"if {inner.text(when)}:") if when else nullcontext():
                self._apply(step, inner, name)

    def _apply(self, step: Step, place: Place, name: str) -> None:
        for call in layer_calls(step, place, name):
            self._called("x", call)
            self.x = "x"

    def _called(self, variable: str, call: Source, on: str = "") -> None:
        """A layer made and called at once where that fits on a line, else on two."""
        on = on or self.x
        whole = before(f"{variable} = ", call, f"({on})")
        if isinstance(whole, Bracket) and (whole.forced or self.out.indent + len(flat(whole)) > WIDTH):
            self.out.add(before("layer = ", call), f"{variable} = layer({on})")
        else:
            self.out.add(whole)

    def _looped_bunch(self, step: Step, bunch: Bunch) -> None:
        if step.loop.many:
            raise put_in_layer(step, "repeated paths")
        if step.loop.when is None:
            self._bunch(bunch)
            return
        self._set(self.x)
        with self.out.block(f"if {self.place.text(step.loop.when)}:"):
            self._bunch(bunch)
            self._set(self.x)

    def _bunch(self, bunch: Bunch) -> None:
        parts = [self._path(path, number) for number, path in enumerate(bunch.paths, 1)]
        self._merge(bunch, parts)
        self.steps(bunch.after)

    def _local(self, name: str) -> str:
        taken = name in self.taken or name in RESERVED or name == "x"
        return f"{name}_path" if taken else name

    def _path(self, path: Path, number: int) -> str:
        """Writes a path; the item of the merge's list that it is."""
        name = path.name or f"path_{number}"
        if not path.steps:
            return self.x
        if any(isinstance(step.action, Bunch) for step in path.steps) or may_be_empty(path.steps):
            raise put_in_layer(path, "a path that forks again, or that may be empty,")
        local = self._local(name)
        place = replace(self.place, numbers=type(self.place.numbers)())
        if not path.loop.many:
            sequential = sequential_call(path.steps, place, quote(name))
            if path.loop.when is None:
                self._called(local, sequential)
                return local
            made: Source = before("", sequential, f"({self.x})")
            clauses = (Bracket("[", (made,), "]", "list"), f"if {place.text(path.loop.when)}", "else []")
            self.out.add(Bracket(f"{local} = (", clauses, ")", "comprehension"))
            return f"*{local}"
        header, inner, copy, _ = loop_header(path.loop, place, name)
        inner = replace(inner, numbers=type(self.place.numbers)())
        made = before("", sequential_call(path.steps, inner, f"f{quote(copy)}"), f"({self.x})")
        when = [f"if {inner.text(path.loop.when)}"] if path.loop.when else []
        self.out.add(Bracket(f"{local} = [", (made, header, *when), "]", "comprehension"))
        return f"*{local}"

    def _merge(self, bunch: Bunch, parts: list[str]) -> None:
        if bunch.merge is None:
            self._set(parts[0] if parts else self.x)
            return
        ahead = bool(getattr(bunch.merge.op, "shortcut_first", False))
        certain = self._shortcut(bunch, parts, ahead)
        if len(parts) < 2 and certain and not any(part.startswith("*") for part in parts):
            self._set(parts[0] if parts else self.x)
            return
        name = number_name(bunch.merge.op.name, self.place.numbers.offset(bunch.merge.op.name), "1")
        self.place.numbers.advance(bunch.merge.op.name, "1")
        call = op_call(bunch.merge, {}, self.place, name)
        if certain and sum(not part.startswith("*") for part in parts) > 1:
            self._called("x", call, f"[{', '.join(parts)}]")
        else:
            if certain:
                self.out.add(f"parts = [{', '.join(parts)}]")
            with self.out.block("if len(parts) > 1:"):
                self.out.add(before("parts = [", call, "(parts)]"))
            self.out.add("x = parts[0]")
        self.x = "x"

    def _shortcut(self, bunch: Bunch, parts: list[str], ahead: bool) -> bool:
        """Adds a shortcut that is certain to the parts; writes one that is not, and says so."""
        shortcut = bunch.shortcut
        at = 0 if ahead else len(parts)
        if not isinstance(shortcut, Value):
            parts.insert(at, self._path(Path("shortcut", Loop(), shortcut, bunch.paths[0].span), 0))
            return True
        words = words_of(self.place.spec, shortcut)
        if words == ("identity",):
            parts.insert(at, self.x)
        elif words == ("projection",) and projection(bunch).known:
            local = self._local("shortcut")
            self._called(local, self._projection(bunch))
            parts.insert(at, local)
        elif words != ("none",):
            self._choice(bunch, shortcut, words, parts, ahead)
            return False
        return True

    def _choice(self, bunch: Bunch, shortcut: Value, words: tuple[str, ...], parts: list[str], ahead: bool) -> None:
        self.out.add(f"parts = [{', '.join(parts)}]", f"kind = {self.place.text(shortcut)}")
        put = "parts.insert(0, " if ahead else "parts.append("
        if "auto" in words:
            with self.out.block('if kind == "auto":'):
                same = f"parts[0].shape == {self.x}.shape"
                self.out.add(f'kind = "identity" if {same} else "projection"')
        with self.out.block('if kind == "identity":'):
            self.out.add(f"{put}{self.x})")
        with self.out.block('elif kind == "projection":'):
            if not projection(bunch).known:
                self.out.add("merged = parts[0].shape")
                clause = f"for before, after in zip({self.x}.shape[1:3], merged[1:3])"
                self.out.add(Bracket("strides = tuple(", ("-(-before // after)", clause), ")", "comprehension"))
            self.out.add(before(put, self._projection(bunch), f"({self.x}))"))
        with self.out.block('elif kind != "none":'):
            self.out.add('raise ValueError(f"No such shortcut. Received: {kind!r}")')

    def _projection(self, bunch: Bunch) -> Bracket:
        known = projection(bunch)
        names = self.place.names
        if not known.known:
            known = Projection(None, None)
            names = Names({**names.by_name, "filters": "merged[-1]", "stride": "strides"})
        parts = known.parts(bunch)
        step = Step("conv", parts, Loop(), None, parts[0].fields["kernel"].span)
        place = replace(self.place, names=names, numbers=type(self.place.numbers)())
        return sequential_call([step], place, quote("shortcut"))


def put_in_layer(step: Step | Path, what: str) -> ArchError:
    """The error for a form that has source only inside a layer of its own."""
    hint = "make it a layer of the file, and use it here"
    return fail("ARCH020", f"{what} cannot stand here", step.span, hint)
