"""A body as a functional Keras graph in source: any nesting of branches and loops, several inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from archdsl.codegen.graph_shortcut import list_of, write_shortcut
from archdsl.codegen.methods import Statements
from archdsl.codegen.numbering import name_literal, path_kind
from archdsl.codegen.printer import WIDTH, Bracket, Source, before, flat, listed, quote
from archdsl.codegen.references import every_step, outer_names, takes_flow, wanted_names
from archdsl.codegen.sequences import (
    Copies,
    Place,
    copies,
    grouped,
    layer_calls,
    may_be_empty,
    number_name,
    op_call,
    sequential_call,
    use_outputs,
)
from archdsl.names import copy_number
from archdsl.resolution.loops import certain
from archdsl.spec import Branch, Branches, Loop, Step, StepRef

Flow = tuple[str, ...]
"""The sources of the tensors that go from one step to the next."""


def called_with(flow: Flow) -> str:
    """What a layer is called with: one tensor, or a list."""
    return flow[0] if len(flow) == 1 else f"[{', '.join(flow)}]"


@dataclass
class Wiring:
    """The lines of a functional graph while they are written.

    Args:
        out: the lines.
        place: how the spec's names read there.
        taken: the names that no variable may have.
        wanted: the names that some `from` or `outputs` of the body names, and how often.
        named: the sources of the steps that have names, so far.
        outputs: the names of the outputs of those that are layers with several.
        var: the variable that holds the tensor so far.
        number: the variable that the next loop counts its copies in.
        fixed: whether heights and widths are known for certain when the lines run.
    """

    out: Statements
    place: Place
    taken: set[str]
    wanted: Mapping[str, int]
    named: dict[str, Flow]
    outputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    var: str = "x"
    number: str = "number"
    fixed: bool = True

    def steps(self, steps: Sequence[Step], flow: Flow) -> Flow:
        """Writes steps one behind the other; gives back what they end in."""
        for group in grouped(steps, self._joins):
            flow = self._step(group[0], flow) if len(group) == 1 else self._together(group, flow)
        return flow

    def _joins(self, step: Step) -> bool:
        """Whether a step can share its `if` with a neighbour."""
        return not (isinstance(step.action, Branches) or step.refs or use_outputs(step, self.place)) and (
            step.name not in self.wanted
        )

    def _together(self, steps: Sequence[Step], flow: Flow) -> Flow:
        """Writes neighbours that stand under the same condition."""
        target = (self.var,)
        self.assign(target, flow)
        made = [copies(step.loop, self.place, step.name or step.kind, step.name) for step in steps]
        with self.out.block(f"if {made[0].condition}:"):
            for step, copy in zip(steps, made, strict=True):
                self._layers(step, copy, target, self.var)
        return target

    def referenced(self, refs: Sequence[StepRef]) -> Flow:
        """The sources that `from` or `outputs` names."""
        found: list[str] = []
        for ref in refs:
            sources = self.named[ref.name]
            found += sources[self.outputs[ref.name].index(ref.output) :][:1] if ref.output else sources
        return tuple(found)

    def _step(self, step: Step, flow: Flow) -> Flow:
        start = self.referenced(step.refs) if step.refs else flow
        looped = step.loop.many or step.loop.when is not None
        if not looped:
            end = self._once(step, start, self._variable_of(step))
        elif isinstance(step.action, Branches):
            end = self._branches_in_loop(step, step.action, start, flow)
        else:
            copy = self._copies(step.loop, step.name or step.kind, step.name)
            with self._looped(copy, step, start, flow) as (source, end):
                self.assign(end, self._layers(step, copy, source, self.var))
        return self._keep(step, end, looped)

    def _variable_of(self, step: Step) -> str:
        """The variable that a step's tensor goes to: one of its own where it is named, and wanted later."""
        return self.local(step.name) if step.name in self.wanted and step.name else self.var

    def _keep(self, step: Step, end: Flow, looped: bool) -> Flow:
        """Keeps what a named step gives for those that name it."""
        if not step.name or step.name not in self.wanted:
            return end
        if looped and len(end) == 1:
            own = self.local(step.name)
            self.out.add(f"{own} = {end[0]}")
            end = (own,)
        self.named[step.name], self.outputs[step.name] = end, use_outputs(step, self.place)
        return end

    def local(self, name: str) -> str:
        """A free local variable like this one, with a number where it is taken."""
        number, found = 1, name
        while found in self.taken:
            number += 1
            found = f"{name}_{number}"
        self.taken.add(found)
        return found

    def segment(self, name: str) -> str:
        """A path's name among the names of weights, as source; one that is counted goes into a variable."""
        source = self.place.numbers.segment(name, self.place.read)
        if not source.endswith(f" else {quote(name)}"):
            return source
        own = self.local(f"{name}_name")
        self.out.add(f"{own} = {source}")
        return own

    def _once(self, step: Step, flow: Flow, variable: str) -> Flow:
        if isinstance(step.action, Branches):
            return self._branches(step.action, flow, variable)
        return self._layers(step, copies(step.loop, self.place, step.name or step.kind, step.name), flow, variable)

    def _layers(self, step: Step, copy: Copies, flow: Flow, variable: str) -> Flow:
        """Writes the layers of one copy of an op or of a layer's use; gives back what the last one gives."""
        *first, last = layer_calls(step, copy.place, copy.name)
        for call in first:
            self.called(self.var, call, flow)
            flow = (self.var,)
        outputs = use_outputs(step, self.place)
        own = self.local(step.name or step.kind.lower()) if outputs else variable
        self.called(own, last, flow)
        return tuple(f"{own}[{quote(output)}]" for output in outputs) or (own,)

    def called(self, variable: str, call: Source, flow: Flow) -> None:
        """A layer made and called at once where that fits on a line, else on two."""
        on = called_with(flow)
        whole = before(f"{variable} = ", call, f"({on})")
        forced = isinstance(whole, Bracket) and whole.forced
        if forced or self.out.indent + len(flat(whole)) > WIDTH:
            self.out.add(before("layer = ", call), f"{variable} = layer({on})")
        else:
            self.out.add(whole)

    @contextmanager
    def _looped(self, copy: Copies, step: Step, start: Flow, flow: Flow) -> Iterator[tuple[Flow, Flow]]:
        """The blocks of a loop: what a copy takes, and where what it gives goes.

        Where no copy is made, what flowed before flows on; `from` feeds the first copy that is.
        """
        many = len(use_outputs(step, self.place)) or 1
        target = (self.var,) if many == 1 else tuple(self.local(f"{self.var}_{i + 1}") for i in range(many))
        if certain(step.loop):
            flow = start
        if len(flow) == many:
            self.assign(target, flow)
        source = start if step.refs else target
        if step.refs and step.loop.many and flow != start:
            source = tuple(self.local(f"{self.var}_source") for _ in start)
            self.assign(source, start)
        elif step.refs and step.loop.many:
            source = target
        each = self.local(f"every_{step.name}") if any(self._copy_of(step, word) for word in self.wanted) else ""
        if each:
            self.out.add(f"{each} = []")
        with self._blocks(copy, each, target):
            yield source, target
            if source != target and step.loop.many:
                self.assign(source, target)
        for word in self.wanted if each else ():
            if number := self._copy_of(step, word):
                self.outputs[word] = use_outputs(step, self.place)
                chosen = f"{each}[{number - 1}]"
                self.named[word] = (chosen,) if many == 1 else tuple(f"{chosen}[{i}]" for i in range(many))

    def _copies(self, loop: Loop, kind: str, pinned: str | None) -> Copies:
        """The copies of a loop, numbered by a variable that no loop around it has."""
        return copies(loop, self.place, kind, pinned, self.number)

    def _copy_of(self, step: Step, word: str) -> int:
        """The number of the copy of a looped step that a word names, or 0."""
        return copy_number(word, step.name) if step.loop.many and step.name else 0

    @contextmanager
    def _blocks(self, copy: Copies, each: str, target: Flow) -> Iterator[None]:
        """The `for` and the `if` of a loop; each copy is kept where a name asks for it."""
        if copy.header:
            outer = self.number
            self.number = self.local("number")
            with self.out.block(f"{copy.header}:"):
                if copy.condition:
                    with self.out.block(f"if {copy.condition}:"):
                        yield
                else:
                    yield
                if each:
                    one = target[0] if len(target) == 1 else f"({', '.join(target)})"
                    self.out.add(f"{each}.append({one})")
            self.taken.discard(self.number)
            self.number = outer
        else:
            with self.out.block(f"if {copy.condition}:"):
                yield

    def assign(self, target: Flow, source: Flow) -> None:
        """An assignment, where it changes something."""
        if target != source:
            self.out.add(f"{', '.join(target)} = {', '.join(source)}")

    def _branches_in_loop(self, step: Step, branches: Branches, start: Flow, flow: Flow) -> Flow:
        """Paths that are repeated, or that are there under a condition: their numbers are counted as they are made."""
        numbers, many = self.place.numbers, step.loop.many
        before = {kind: list(terms) for kind, terms in numbers.counts.items()}
        if many:
            self.out.add(*numbers.counted(branches, self.local, self.place.read))
        copy = self._copies(step.loop, step.name or step.kind, step.name)
        with self._looped(copy, step, start, flow) as (source, target):
            place, named = self.place, dict(self.named)
            self.place = copy.place
            self.assign(target, self._branches(branches, source, self.var))
            if many:
                self.out.add(*numbers.caught_up(branches, copy.place.read))
            self.place = place
            self.named = named if many else self.named
        if not many and step.loop.when is not None:
            numbers.under(self.place.count(step.loop.when), before)
        return target

    def _branches(self, branches: Branches, flow: Flow, variable: str) -> Flow:
        """Writes paths side by side, the shortcut, the merge and what comes after; the end goes to the variable."""
        parts = [self._path(path, flow) for path in branches.paths]
        end = self._merge(branches, parts, flow, variable if not branches.after else self.var)
        if not branches.after:
            return end
        kept, self.var = self.var, variable
        end = self.steps(branches.after, end)
        self.var = kept
        return end

    def _path(self, path: Branch, flow: Flow) -> str:
        """Writes a path; the item of the merge's list that it is."""
        copy = self._copies(path.loop, path_kind(path), path.name)
        name = name_literal(copy.name) if path.loop.many else self.segment(copy.name)
        sure = not path.loop.many and not copy.condition
        if not path.steps and sure:
            return called_with(flow)
        label = path.name or (copy.name if copy.name.isidentifier() else "path")
        if not self.is_row(path.steps):
            return self._forked(path, copy, name, label, flow)
        sequential = sequential_call(path.steps, copy.place.fresh(), name)
        local = self.local(label if sure or path.name else "paths")
        if sure:
            self.called(local, sequential, flow)
            return local
        made = before("", sequential, f"({called_with(flow)})")
        if path.loop.many:
            self.out.add(Bracket(f"{local} = [", (made, *copy.clauses), "]", "comprehension"))
        else:
            one = Bracket("[", (made,), "]", "list")
            self.out.add(Bracket(f"{local} = ", (one, f"if {copy.condition}", "else []"), "", "operands"))
        return f"*{local}"

    def is_row(self, steps: Sequence[Step]) -> bool:
        """Whether a path is a row of layers, so that a `keras.Sequential` says it."""
        inside = list(every_step(steps))
        apart = any(isinstance(s.action, Branches) or s.refs or s.name in self.wanted for s in inside)
        return not apart and not may_be_empty(steps) and not any(use_outputs(s, self.place) for s in inside)

    def _forked(self, path: Branch, copy: Copies, name: str, label: str, flow: Flow) -> str:
        """A path that forks again, or whose tensors are named from outside: a model of its own, called at once."""
        if not path.loop.many and not copy.condition:
            own = self.local(label)
            self.model(path.steps, copy.place, name, own, flow)
            return own
        several, own = self.local(f"{label}_paths"), self.local(label)
        self.out.add(f"{several} = []")
        named = dict(self.named)
        with self._blocks(copy, "", ()):
            self.model(path.steps, copy.place, name, own, flow)
            self.out.add(f"{several}.append({own})")
        self.named = named if path.loop.many else self.named
        return f"*{several}"

    def model(self, steps: Sequence[Step], place: Place, name: str, own: str, flow: Flow) -> None:
        """Writes a `keras.Model` of a path's steps, called on what the path takes; its tensor goes to `own`."""
        outer = outer_names(steps, self.named)
        feeds = [*(flow if takes_flow(steps) else ()), *(source for word in outer for source in self.named[word])]
        feeds = list(dict.fromkeys(feeds))
        inputs = {
            source: self.local(f"{own}_input" if i == 0 else f"{own}_input_{i + 1}") for i, source in enumerate(feeds)
        }
        for source, variable in inputs.items():
            self.out.add(f"{variable} = keras.Input({source}.shape[1:], dtype={source}.dtype)")
        inside = {word: tuple(inputs.get(s, s) for s in sources) for word, sources in self.named.items()}
        inner = replace(self, place=place.fresh(), named=dict(inside), var=own)
        with self.out.block(Bracket("with keras.name_scope(", (name,), "):")):
            end = inner.steps(steps, tuple(inputs.get(source, source) for source in flow))
        within = wanted_names(steps)
        defined = {w: s for w, s in inner.named.items() if inside.get(w) != s and self.wanted[w] > within[w]}
        given = list(dict.fromkeys([*end, *(s for sources in defined.values() for s in sources)]))
        targets = [
            own,
            *(s if s.isidentifier() and s not in inputs.values() else self.local(f"{own}_tap") for s in given[1:]),
        ]
        takes = "[" + ", ".join(inputs.values()) + "]" if len(inputs) != 1 else next(iter(inputs.values()))
        gives = given[0] if len(given) == 1 else f"[{', '.join(given)}]"
        call = Bracket("keras.Model(", (takes, gives, f"name={name}"), ")")
        self.called(", ".join(targets), call, tuple(inputs))
        renamed = dict(zip(given, targets, strict=True))
        self.named |= {word: tuple(renamed[s] for s in sources) for word, sources in defined.items()}

    def _merge(self, branches: Branches, parts: list[str], flow: Flow, variable: str) -> Flow:
        merge = branches.merge
        chosen = write_shortcut(self, branches, parts, flow)
        name = number_name(merge.op.name, self.place) if merge is not None else ""
        sure = sum(not part.startswith("*") for part in parts)
        if not chosen and sure == len(parts) < 2:
            return (parts[0],) if parts else flow
        call = op_call(merge, {}, self.place, name) if merge is not None else ""
        if not chosen and sure > 1:
            self.called(variable, call, (flat(listed(parts)),))
            return (variable,)
        least = sure + (bool(chosen) and "none" not in chosen)
        listed_parts, alone = list_of(parts), not chosen and len(parts) == 1
        if not chosen:
            self.out.add(before("parts = ", listed_parts, f" or [{called_with(flow)}]" if alone and not least else ""))
        if not least and not alone:
            self.out.add(f"parts = parts or [{called_with(flow)}]")
        if merge is not None and least > 1:
            self.called(variable, call, ("parts",))
            return (variable,)
        if merge is not None:
            with self.out.block("if len(parts) > 1:"):
                whole = before("parts = [", call, "(parts)]")
                if self.out.indent + len(flat(whole)) <= WIDTH:
                    self.out.add(whole)
                else:
                    self.out.add(before("layer = ", call), "parts = [layer(parts)]")
        self.out.add(f"{variable} = parts[0]")
        return (variable,)
