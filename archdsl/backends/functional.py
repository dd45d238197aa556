"""The model's body as a functional Keras graph in the constructor of its class."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace

from archdsl.backends.bodies import put_in_layer, sequential_call
from archdsl.backends.choices import Choice, projection_call
from archdsl.backends.layout import WIDTH, Bracket, Names, Source, before, flat, lines, listed
from archdsl.backends.members import class_head, config, kept, signature
from archdsl.backends.methods import Statements, free, globals_of
from archdsl.backends.shortcuts import FROM_SHAPES, loops, only_ops, path_kind, projection, segment
from archdsl.backends.stacks import (
    Place,
    copies,
    layer_calls,
    may_be_empty,
    name_literal,
    number_name,
    op_call,
    step_values,
)
from archdsl.ops import Call
from archdsl.spec import Bunch, Loop, Path, Spec, Step, Value


def write_model(spec: Spec) -> str:
    """The source of the model's class: a `keras.Model` that is functional."""
    args = list(spec.args.values())
    columns = {name for loop in loops(spec.model) for name in loop.columns}
    body = _Body(Statements(), _place(spec), globals_of(spec) | set(spec.args) | columns | {"inputs"})
    body.steps(spec.model)
    made = Statements()
    made.add("dtype = keras.dtype_policies.get(dtype)")
    made.add(before("inputs = ", Names({}).call(Call("keras.Input", (spec.input,), {"name": "input"}))))
    if any("channels" in value.names for step in spec.model for value in step_values(step)):
        made.add("channels = inputs.shape[-1]")
    made.text += body.out.text
    made.add(f"super().__init__(inputs=inputs, outputs={body.x}, name=name)", "self.dtype_policy = dtype")
    made.add(*(f"self.{arg.name} = {kept(arg)}" for arg in args))
    policy = '"dtype": keras.dtype_policies.serialize(self.dtype_policy)'
    head = signature(args, "name=None", "dtype=None")
    blocks = [[*lines(head, 4), *made.text], config(args, '"name": self.name', [policy])]
    return "\n".join(
        [*class_head(spec, spec.name, spec.doc, "keras.Model"), *("\n" + "\n".join(block) for block in blocks)]
    )


def _place(spec: Spec) -> Place:
    types = {arg.name: arg.type for arg in spec.args.values()} | {"channels": "int"}
    return Place(spec, Names({name: name for name in types}), types)


QUOTED_AUTO = '"auto"'


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
                self._bunch_step(step, step.action)
            else:
                self._step(step)

    def _set(self, value: str) -> None:
        if value != "x":
            self.out.add(f"x = {value}")
        self.x = "x"

    def _step(self, step: Step) -> None:
        if step.loop.many or step.loop.when is not None:
            self._set(self.x)
        copy = copies(step.loop, self.place, step.name or step.kind, step.name)
        with ExitStack() as blocks:
            for head in (copy.header, copy.condition and f"if {copy.condition}"):
                blocks.enter_context(self.out.block(f"{head}:") if head else nullcontext())
            for call in layer_calls(step, copy.place, copy.name):
                self._called("x", call)
                self.x = "x"

    def _called(self, variable: str, call: Source, on: str = "") -> None:
        """A layer made and called at once where that fits on a line, else on two."""
        on = on or self.x
        whole = before(f"{variable} = ", call, f"({on})")
        forced = isinstance(whole, Bracket) and whole.forced
        if forced or self.out.indent + len(flat(whole)) > WIDTH:
            self.out.add(before("layer = ", call), f"{variable} = layer({on})")
        else:
            self.out.add(whole)

    def _bunch_step(self, step: Step, bunch: Bunch) -> None:
        if step.loop.many:
            raise put_in_layer(step, "repeated paths")
        if step.loop.when is None:
            self._bunch(bunch)
            return
        self._set(self.x)
        counts = {kind: list(terms) for kind, terms in self.place.numbers.counts.items()}
        with self.out.block(f"if {self.place.text(step.loop.when)}:"):
            self._bunch(bunch)
            self._set(self.x)
        self.place.numbers.under(self.place.count(step.loop.when), counts)

    def _bunch(self, bunch: Bunch) -> None:
        taken = set(self.taken)
        parts = [self._path(path) for path in bunch.paths]
        self._merge(bunch, parts)
        self.taken = taken
        self.steps(bunch.after)

    def _local(self, name: str) -> str:
        found = free(name, self.taken, "path")
        self.taken.add(found)
        return found

    def _path(self, path: Path) -> str:
        """Writes a path; the item of the merge's list that it is."""
        forks = any(isinstance(step.action, Bunch) for step in path.steps)
        copy = copies(path.loop, self.place, path_kind(path), path.name)
        name = copy.name if path.loop.many else segment(self.place, copy.name, path.span)
        if not path.steps and not path.loop.many and not copy.condition:
            return self.x
        if forks or may_be_empty(path.steps):
            raise put_in_layer(path, "a path that forks again, or that may be empty,")
        local = self._local(path.name or (name if name.isidentifier() else "paths"))
        sequential = sequential_call(path.steps, copy.place.fresh(), name_literal(name))
        if not path.loop.many and not copy.condition:
            self._called(local, sequential)
            return local
        made = before("", sequential, f"({self.x})")
        if path.loop.many:
            self.out.add(Bracket(f"{local} = [", (made, *copy.clauses), "]", "comprehension"))
        else:
            one = Bracket("[", (made,), "]", "list")
            self.out.add(Bracket(f"{local} = ", (one, f"if {copy.condition}", "else []"), "", "operands"))
        return f"*{local}"

    def _merge(self, bunch: Bunch, parts: list[str]) -> None:
        choice = self._shortcut(bunch, parts)
        merge = bunch.merge
        name = number_name(merge.op.name, self.place) if merge is not None else ""
        sure = sum(not part.startswith("*") for part in parts)
        if choice is None and sure == len(parts) < 2:
            self._set(parts[0] if parts else self.x)
            return
        call = op_call(merge, {}, self.place, name) if merge is not None else ""
        if choice is None and sure > 1:
            self._called("x", call, flat(listed(parts)))
            self.x = "x"
            return
        self.out.add(before("parts = ", _list(parts)))
        if choice is not None:
            self._choice(choice)
        if not sure:
            self.out.add(f"parts = parts or [{self.x}]")
        if merge is not None:
            with self.out.block("if len(parts) > 1:"):
                if self.out.indent + len(flat(call)) + len("parts = [(parts)]") <= WIDTH:
                    self.out.add(before("parts = [", call, "(parts)]"))
                else:
                    self.out.add(before("layer = ", call), "parts = [layer(parts)]")
        self.out.add("x = parts[0]")
        self.x = "x"

    def _shortcut(self, bunch: Bunch, parts: list[str]) -> Choice | None:
        """Adds a shortcut that is sure to the parts; gives back one that is not."""
        ahead = bool(getattr(bunch.merge and bunch.merge.op, "shortcut_first", False))
        at = 0 if ahead else len(parts)
        if not isinstance(bunch.shortcut, Value):
            span = bunch.projection[0].fields["kernel"].span
            parts.insert(at, self._path(Path("shortcut", Loop(), bunch.shortcut, span)))
            return None
        choice = Choice.of(self.place, bunch, bunch.shortcut, ahead)
        known = projection(bunch, self.place.types)
        if choice.words == ("identity",):
            parts.insert(at, self.x)
        elif choice.words == ("projection",) and known.known:
            local = self._local("shortcut")
            self._called(local, projection_call(self.place, bunch, known, choice.name))
            parts.insert(at, local)
        elif choice.words != ("none",):
            return choice
        return None

    def _choice(self, choice: Choice) -> None:
        """Writes a shortcut that is one thing or another behind the line that puts the paths into `parts`."""
        same = f'"identity" if (parts or [{self.x}])[0].shape == {self.x}.shape else "projection"'
        text = self.place.text(choice.shortcut)
        if len(choice.words) > 1 or choice.auto:
            self.out.add(f"kind = {same if text == QUOTED_AUTO else text}")
        if choice.auto and text != QUOTED_AUTO:
            with self.out.block(f"if kind == {QUOTED_AUTO}:"):
                self.out.add(f"kind = {same}")
        for word, head in choice.heads("kind"):
            with self.out.block(head) if head else nullcontext():
                part = before("", self._projection(choice), f"({self.x})") if word == "projection" else self.x
                items: tuple[Source, ...] = ("0", part) if choice.ahead else (part,)
                self.out.add(Bracket("parts.insert(" if choice.ahead else "parts.append(", items, ")"))

    def _projection(self, choice: Choice) -> Bracket:
        known = projection(choice.bunch, self.place.types)
        if not known.known:
            self.out.add(f"merged = (parts or [{self.x}])[0].shape")
        if known.stride is None:
            first = choice.bunch.paths[0] if choice.bunch.paths else None
            if first is not None and first.steps and only_ops(first):
                raise put_in_layer(first, "a projection beside strides in a loop")
            sides = f"zip({self.x}.shape[1:3], merged[1:3])"
            self.out.add(f"strides = tuple(-(-before // after) for before, after in {sides})")
        place = replace(self.place, names=Names({**self.place.names.by_name, **FROM_SHAPES}))
        return projection_call(place, choice.bunch, known, choice.name)


def _list(parts: list[str]) -> Source:
    """The list of the parts; of one list alone, that list."""
    if len(parts) == 1 and parts[0].startswith("*"):
        return parts[0].removeprefix("*")
    return listed(parts)
