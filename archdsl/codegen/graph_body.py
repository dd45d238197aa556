"""The source of a body as a functional Keras graph, with nested branches and loops, several inputs and outputs."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

from archdsl.codegen.arriving import Replacement, here_axes
from archdsl.codegen.expressions import ExpressionWriter, input_names, total
from archdsl.codegen.loops import LoopClauses, count_copy, count_if, kinds_once, loop_clauses, start_counting
from archdsl.codegen.printer import WIDTH, Bracket, Source, Statements, flat, list_literal, quote, surround
from archdsl.codegen.ranks import BodyRanks, LayerClasses
from archdsl.codegen.references import (
    column_names,
    every_value,
    may_be_empty,
    outer_names,
    output_names,
    shared_names,
    takes_flow,
    ties_of,
    uses_here,
    uses_other_layers,
    wanted_names,
)
from archdsl.codegen.scope import SourceScope, module_names, name_literal
from archdsl.codegen.sequences import grouped, layer_calls, layer_words, main_place, merge_call, sequential_call
from archdsl.codegen.shortcuts import ShortcutChoice
from archdsl.expr import AXES, HERE
from archdsl.names import copy_number, free_name
from archdsl.resolution.step_values import own_values
from archdsl.spec import INPUT, Spec
from archdsl.steps import Branch, Branches, LayerCall, Loop, Share, Step, StepRef, Value

Tensors: TypeAlias = tuple[str, ...]
"""The sources of the tensors that are passed from one step to the next."""

_LOCALS = {"inputs", "merged", "sides", "strides", "input_shape"}

# The code of a graph runs while the class is built, so each layer is created and called on one line, and loops are
# Python loops. The current tensor is `x`. A step that `from` or `outputs` refers to gets its own variable. A branch
# that is a sequence of layers becomes a `keras.Sequential`. A branch that forks again, or whose steps are referred to
# from outside, becomes a `keras.Model` with its own inputs; this way, its weights also have the name of the branch.


def _called_with(x: Tensors) -> str:
    """The argument that a layer is called with: one tensor or a list."""
    return x[0] if len(x) == 1 else f"[{', '.join(x)}]"


class GraphSource(NamedTuple):
    """A functional graph as source.

    Args:
        inputs: the variables of its inputs, which the class assigns before the statements.
        statements: the lines that build it.
        outputs: its output, a tensor or a dict of tensors.
    """

    inputs: Tensors
    statements: list[str]
    outputs: Source


def write_graph(
    spec: Spec,
    steps: Sequence[Step],
    inputs: Sequence[str],
    outputs: Sequence[StepRef],
    names: Mapping[str, str],
    types: Mapping[str, str],
    ranks: BodyRanks,
    fixed_sizes: bool = True,
) -> GraphSource:
    """Write the body of a layer or a model.

    Args:
        spec: the spec.
        steps: the steps of the body.
        inputs: the names of its inputs.
        outputs: its named outputs; if empty, the output of the last step.
        names: the names of its arguments in the method.
        types: the types of its arguments.
        ranks: the ranks of its steps.
        fixed_sizes: whether heights and widths are always known when the lines run.
    """
    columns = column_names(steps)
    rows = {f"{column}_row" for column in columns & {*types, "channels"}}
    taken = module_names(spec) | set(types) | {"channels"} | columns | rows | _LOCALS
    first = "inputs" if tuple(inputs) == (INPUT,) else free_name(inputs[0], taken)
    classes = LayerClasses(ranks, f"len({first}.shape)", taken)
    scope = SourceScope(spec, ExpressionWriter(names), {**types, "channels": "int"}, classes=classes)
    wanted, shared = wanted_names(steps, outputs), shared_names(steps)
    writer = GraphBodyWriter(Statements(), scope, taken, wanted, shared, fixed_sizes=fixed_sizes)
    x = ("inputs",) if tuple(inputs) == (INPUT,) else tuple(writer.local(name) for name in inputs)
    writer.named = {name: (variable,) for name, variable in zip(inputs, x, strict=True)} | {INPUT: x}
    known = {**names, **input_names(f"{x[0]}.shape")}
    writer.scope = replace(scope, names=ExpressionWriter(known))
    if any({"channels", f"{INPUT}.channels"} & value.names for value in every_value(steps)):
        writer.out.add(f"channels = {x[0]}.shape[-1]")
    head = len(writer.out.text)
    ends = writer.steps(steps, x)
    end: Source = ends[0]
    writer.out.text[head:head] = classes.lines(writer.out.indent)
    if outputs:
        ends = writer.referenced(outputs) if outputs[0].name else ends
        items = [surround(f"{quote(ref.label)}: ", source) for ref, source in zip(outputs, ends, strict=True)]
        end = Bracket("{", tuple(items), "}", "list")
    return GraphSource(x, writer.out.text, end)


@dataclass
class GraphBodyWriter:
    """A builder for the lines of a functional graph.

    Args:
        out: the lines.
        scope: the scope of expressions.
        taken: the names that variables must not have.
        wanted: the number of references to each name in `from` and `outputs` of the body.
        shared: the names of the steps whose layers are called again.
        layers: the variables of the layers of these steps, by name.
        named: the tensors of the named steps so far.
        outputs: the names of the outputs of named layers with several outputs.
        variable: the variable of the current tensor.
        number: the variable that counts the copies of the next loop.
        fixed_sizes: whether heights and widths are always known when the lines run.
    """

    out: Statements
    scope: SourceScope
    taken: set[str]
    wanted: Mapping[str, int]
    shared: frozenset[str] = frozenset()
    layers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    named: dict[str, Tensors] = field(default_factory=dict)
    outputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    variable: str = "x"
    number: str = "number"
    fixed_sizes: bool = True

    def steps(self, steps: Sequence[Step], x: Tensors) -> Tensors:
        """Write steps in order; returns the outputs of the last one."""
        for group in grouped(steps, self._can_share_if):
            x = self._step(group[0], x) if len(group) == 1 else self._under_one_if(group, x)
        return x

    def _can_share_if(self, step: Step) -> bool:
        apart = bool(isinstance(step.action, Branches) or step.refs or output_names(step, self.scope.spec))
        apart = apart or any(value.reads_here for value in step.loop.values())
        return not apart and step.name not in self.wanted and step.name not in self.shared

    def _under_one_if(self, steps: Sequence[Step], x: Tensors) -> Tensors:
        """Write neighbors with the same condition."""
        target = (self.variable,)
        self._assign(target, x)
        clauses = [loop_clauses(step, self.scope) for step in steps]
        with self.out.block(f"if {clauses[0].condition}:"):
            for step, own in zip(steps, clauses, strict=True):
                self._layers(step, own, target, self.variable)
        return target

    def referenced(self, refs: Sequence[StepRef]) -> Tensors:
        """The tensors that `from` or `outputs` refers to."""
        tensors: list[str] = []
        for ref in refs:
            sources = self.named[ref.name]
            tensors += [sources[self.outputs[ref.name].index(ref.output)]] if ref.output else sources
        return tuple(tensors)

    def _step(self, step: Step, x: Tensors) -> Tensors:
        start = self.referenced(step.refs) if step.refs else x
        wanted = step.name if step.name and step.name in self.wanted else ""
        looped = step.loop.many or step.loop.when is not None
        if looped:
            end = self._looped_step(step, start)
        else:
            variable = self.local(wanted) if wanted else self.variable
            step = self._with_known_shape(step, start)
            if isinstance(step.action, Branches):
                end = self._branches(step.action, start, variable)
            else:
                end = self._layers(step, loop_clauses(step, self.scope), start, variable)
        if not wanted:
            return end
        if looped and len(end) == 1:
            own = self.local(wanted)
            self.out.add(f"{own} = {end[0]}")
            end = (own,)
        self.named[wanted], self.outputs[wanted] = end, output_names(step, self.scope.spec)
        return end

    def _with_known_shape(self, step: Step, x: Tensors) -> Step:
        """A step whose values can be written at any place: variables hold the shape of what arrives, if necessary.

        Only the first layer of a step is written while the variable of the tensor still has it.
        """
        action = step.action
        if isinstance(action, LayerCall | Share) or (
            isinstance(action, tuple) and not any(p.reads_here for p in action[1:])
        ):
            return step
        values = tuple(own_values(replace(step, loop=Loop())))
        return self._replacement(values, x).action(step)

    def _replacement(self, values: tuple[Value, ...], x: Tensors) -> Replacement:
        """Write the variables for the axes of the arriving tensor that some values use."""
        variables = {}
        for axis in here_axes(values):
            variables[axis] = self.local(f"{x[0] if x[0].isidentifier() else HERE}_{axis}")
            self.out.add(f"{variables[axis]} = {x[0]}.shape[{AXES[axis]}]")
        return Replacement(variables)

    def local(self, name: str) -> str:
        """A free local variable, with a number if the name is taken."""
        own = free_name(name, self.taken)
        self.taken.add(own)
        return own

    def _branch_name(self, name: str) -> str:
        """The name of a branch in weight names, as source; a numbered name is assigned to a variable."""
        source = self.scope.branch_name(name)
        if not source.endswith(f" else {quote(name)}"):
            return source
        own = self.local(f"{name}_name")
        self.out.add(f"{own} = {source}")
        return own

    def _layers(self, step: Step, clauses: LoopClauses, x: Tensors, variable: str) -> Tensors:
        """Write the layers of one copy of an op or layer; returns the outputs of the last one."""
        *first, last = self._calls(step, clauses, x)
        for call in first:
            self._call(self.variable, call, x)
            x = (self.variable,)
        outputs = output_names(step, self.scope.spec)
        own = self.local(step.name or step.kind.lower()) if outputs else variable
        self._call(own, last, x)
        return tuple(f"{own}[{quote(output)}]" for output in outputs) or (own,)

    def _calls(self, step: Step, clauses: LoopClauses, x: Tensors) -> Sequence[Source]:
        """The layers of one copy of a step: constructor calls, or the variables of layers that are called twice."""
        if isinstance(step.action, Share):
            return self.layers[step.action.name]
        calls = layer_calls(self._with_variables(step), clauses.scope.at(x[0]), clauses.name, len(x))
        if step.name is None or not self._copies_shared(step):
            return calls
        words = layer_words(step, self.scope.spec)
        if step.name not in self.wanted and isinstance(step.action, tuple):
            words[main_place(step, self.scope.spec)] = step.name
        variables = tuple(self.local(word) for word in words)
        for variable, call in zip(variables, calls, strict=True):
            self.out.add(surround(f"{variable} = ", call))
        self.layers[step.name] = variables
        return variables

    def _with_variables(self, step: Step) -> Step:
        """A step that names the variables of the layers whose weights it uses."""
        if not isinstance(step.action, tuple) or not ties_of(step):
            return step
        parts = []
        for part in step.action:
            owners = {
                word: self.layers[tie.name][main_place(tie.step, self.scope.spec)] for word, tie in part.ties.items()
            }
            ties = {word: replace(tie, name=owners[word]) for word, tie in part.ties.items()}
            parts.append(replace(part, ties=ties))
        return replace(step, action=tuple(parts))

    def _copies_shared(self, step: Step) -> dict[str, int]:
        """The names by which a step is shared, each with the number of the copy; 0 for a step without a loop."""
        if step.name is None or not step.loop.many:
            return {step.name: 0} if step.name in self.shared else {}
        numbers = {word: copy_number(word, step.name) for word in sorted(self.shared)}
        return {word: number for word, number in numbers.items() if number}

    def _call(self, variable: str, layer: Source, x: Tensors) -> None:
        """Write the creation and call of a layer, on one line if it fits, else on two."""
        whole = surround(f"{variable} = ", layer, f"({_called_with(x)})")
        forced = isinstance(whole, Bracket) and whole.forced
        is_chosen = isinstance(layer, str) and " else " in layer
        if forced or is_chosen or self.out.indent + len(flat(whole)) > WIDTH:
            self.out.add(surround("layer = ", layer), f"{variable} = layer({_called_with(x)})")
        else:
            self.out.add(whole)

    def _assign(self, target: Tensors, source: Tensors) -> None:
        self.out.assign(", ".join(target), ", ".join(source))

    def _looped_step(self, step: Step, start: Tensors) -> Tensors:
        """Write a step under a `for` or an `if`."""
        loop = self._replacement(tuple(step.loop.values()), start)
        step = replace(step, loop=loop.loop(step.loop))
        if not isinstance(step.action, Branches):
            clauses = loop_clauses(step, self.scope, self.number)
            copies = self._copies_shared(step) if step.loop.many else {}
            lists = [self.local(f"every_{word}") for word in layer_words(step, self.scope.spec)] if copies else []
            self.out.add(*(f"{every} = []" for every in lists))
            with self._loop(clauses, step, start) as target:
                step = self._with_known_shape(step, target)
                self._assign(target, self._layers(step, clauses, target, self.variable))
                for every, layer in zip(lists, self.layers.get(step.name or "", ()), strict=False):
                    self.out.add(f"{every}.append({layer})")
            self.layers |= {word: tuple(f"{every}[{n - 1}]" for every in lists) for word, n in copies.items()}
            return target
        counters, many = self.scope.counters, step.loop.many
        before = {kind: terms.copy() for kind, terms in counters.terms.items()}
        alike = kinds_once(step, self.scope)
        if many and not alike:
            self.out.add(*start_counting(step.action, self.scope, self.local))
        clauses = loop_clauses(step, self.scope, self.number)
        with self._loop(clauses, step, start) as target:
            scope, named = self.scope, dict(self.named)
            number = clauses.name.partition("{")[2][:-1] if alike else ""
            is_numbered = scope.numbered or (many and step.action.is_group)
            self.scope = replace(clauses.scope, numbered=is_numbered, number=number)
            step = self._with_known_shape(step, target)
            assert isinstance(step.action, Branches)
            self._assign(target, self._branches(step.action, target, self.variable))
            if many and not alike:
                self.out.add(*count_copy(step.action, clauses.scope))
            for kind in alike:
                added = counters.terms[step.base_name] - before.get(step.base_name, Counter())
                counters.advance(kind, total(added))
            self.scope = scope
            self.named = named if many else self.named
        if not many and step.loop.when is not None:
            count_if(step, self.scope, before)
        return target

    @contextmanager
    def _loop(self, clauses: LoopClauses, step: Step, start: Tensors) -> Iterator[Tensors]:
        """The blocks of the loop of a step; yields the variables for the inputs and outputs of a copy.

        Without a copy, they pass on what the first one would have taken.
        """
        variable, many = self.variable, len(start)
        target = (variable,) if many == 1 else tuple(self.local(f"{variable}_{i + 1}") for i in range(many))
        self._assign(target, start)
        copies = {}
        if step.loop.many and step.name:
            numbers = {word: copy_number(word, step.name) for word in self.wanted}
            copies = {word: number for word, number in numbers.items() if number}
        every = self.local(f"every_{step.name}") if copies else ""
        if every:
            self.out.add(f"{every} = []")
        with self._blocks(clauses, every, target):
            yield target
        for word, number in copies.items():
            self.outputs[word] = output_names(step, self.scope.spec)
            copy = f"{every}[{number - 1}]"
            self.named[word] = (copy,) if many == 1 else tuple(f"{copy}[{i}]" for i in range(many))

    @contextmanager
    def _blocks(self, clauses: LoopClauses, every: str = "", target: Tensors = ()) -> Iterator[None]:
        """The `for` and `if` of a loop; each copy is appended to the list `every`, if given."""
        condition = f"if {clauses.condition}:" if clauses.condition else ""
        if not clauses.header:
            with self.out.block(condition):
                yield
            return
        outer = self.number
        self.number = self.local("number")
        with self.out.block(f"{clauses.header}:"):
            with self.out.block(condition):
                yield
            if every:
                one = target[0] if len(target) == 1 else f"({', '.join(target)})"
                self.out.add(f"{every}.append({one})")
        self.taken.discard(self.number)
        self.number = outer

    def _branches(self, branches: Branches, x: Tensors, variable: str) -> Tensors:
        """Write branches, the shortcut, the merge and `after`; the result is assigned to the variable."""
        parts = [self._branch(branch, x) for branch in branches.paths]
        end = self._merge(branches, parts, x, variable if not branches.after else self.variable)
        if not branches.after:
            return end
        outer, self.variable = self.variable, variable
        end = self.steps(branches.after, end)
        self.variable = outer
        return end

    def _branch(self, branch: Branch, x: Tensors) -> str:
        """Write a branch; returns its item in the list of the merge, starred for a list of copies."""
        x, steps = self._start(branch.steps, x)
        clauses = loop_clauses(branch, self.scope, self.number)
        name = name_literal(clauses.name) if branch.loop.many else self._branch_name(clauses.name)
        sure = not branch.loop.many and not clauses.condition
        if not steps and sure:
            return _called_with(x)
        label = branch.name or (clauses.name if clauses.name.isidentifier() else "path")
        if steps and not self._is_row(steps):
            return self._branch_as_model(branch, steps, clauses, name, label, x)
        layers: Source = _called_with(x)
        if steps:
            sequential = sequential_call(steps, clauses.scope.at(x[0]), name)
            layers = surround("", sequential, f"({_called_with(x)})")
        own = self.local(label if sure or branch.name else "paths")
        if sure:
            self._call(own, sequential, x)
            return own
        self.out.add(clauses.assigned_list(own, layers))
        return f"*{own}"

    def _start(self, steps: Sequence[Step], x: Tensors) -> tuple[Tensors, Sequence[Step]]:
        """The input and the steps of a branch or shortcut, which may begin with a named tensor."""
        first = steps[0] if len(steps) == 1 else None
        if first is None or not isinstance(first.action, Branches) or not first.action.is_group:
            return x, steps
        if not first.refs or first.name in self.wanted or not first.loop.never_empty or first.loop.many:
            return x, steps
        return self.referenced(first.refs), first.action.after

    def _is_row(self, steps: Sequence[Step]) -> bool:
        """Whether the steps of a branch can be a `keras.Sequential`."""
        if uses_here(steps[1:]) or (uses_here(steps[:1]) and steps[0].loop != Loop()):
            return False
        return not may_be_empty(steps) and not any(
            isinstance(step.action, Branches)
            or uses_other_layers(step)
            or step.refs
            or step.name in self.wanted
            or self._copies_shared(step)
            or output_names(step, self.scope.spec)
            for step in steps
        )

    def _branch_as_model(
        self, branch: Branch, steps: Sequence[Step], clauses: LoopClauses, name: str, label: str, x: Tensors
    ) -> str:
        """Write a branch that forks again, or whose tensors are referred to from outside."""
        if not branch.loop.many and not clauses.condition:
            own = self.local(label)
            self._model(steps, clauses.scope, name, own, x)
            return own
        several, own = self.local(f"{label}_paths"), self.local(label)
        self.out.add(f"{several} = []")
        named = dict(self.named)
        with self._blocks(clauses):
            self._model(steps, clauses.scope, name, own, x)
            self.out.add(f"{several}.append({own})")
        self.named = named if branch.loop.many else self.named
        return f"*{several}"

    def _model(self, steps: Sequence[Step], scope: SourceScope, name: str, own: str, x: Tensors) -> None:
        """Write a `keras.Model` of some steps and its call; the output is assigned to the variable `own`.

        Its inputs are the preceding tensors and the outer tensors that its steps refer to. Its outputs are those of its
        last step, and the tensors that are referred to from outside.
        """
        outer = outer_names(steps, self.named)
        feeds = [*(x if takes_flow(steps) else ()), *(source for word in outer for source in self.named[word])]
        names = (f"{own}_input_{number}" if number > 1 else f"{own}_input" for number in itertools.count(1))
        inputs = {source: self.local(name) for source, name in zip(dict.fromkeys(feeds), names, strict=False)}
        for source, variable in inputs.items():
            self.out.add(f"{variable} = keras.Input({source}.shape[1:], dtype={source}.dtype)")
        inside = {word: tuple(inputs.get(s, s) for s in sources) for word, sources in self.named.items()}
        inner = replace(self, scope=scope.numbered_anew(), named=dict(inside), variable=own)
        with self.out.block(Bracket("with keras.name_scope(", (name,), "):")):
            end = inner.steps(steps, tuple(inputs.get(source, source) for source in x))
        within = wanted_names(steps)
        defined = {w: s for w, s in inner.named.items() if inside.get(w) != s and self.wanted[w] > within[w]}
        results = list(dict.fromkeys([*end, *(s for sources in defined.values() for s in sources)]))
        targets = [own]
        for source in results[1:]:
            is_variable = source.isidentifier() and source not in inputs.values()
            targets.append(source if is_variable else self.local(f"{own}_tap"))
        ends = _called_with(tuple(inputs.values())), _called_with(tuple(results))
        call = Bracket("keras.Model(", (*ends, f"name={name}"), ")")
        self._call(", ".join(targets), call, tuple(inputs))
        renamed = dict(zip(results, targets, strict=True))
        self.named |= {word: tuple(renamed[s] for s in sources) for word, sources in defined.items()}

    def _merge(self, branches: Branches, parts: list[str], x: Tensors, variable: str) -> Tensors:
        """Write the merge of the branches and the shortcut: one part is passed on, no part gives the input."""
        choice = self._shortcut(branches, parts, x)
        merge = branches.merge
        name = self.scope.next_name(branches.merge_name) if merge is not None else ""
        sure = sum(not part.startswith("*") for part in parts)
        if not choice and sure == len(parts) < 2:
            return (parts[0],) if parts else x
        call = merge_call(merge, self.scope, name) if merge is not None else ""
        if not choice and sure > 1:
            self._call(variable, call, (flat(list_literal(parts)),))
            return (variable,)
        least = sure + (choice is not None and "none" not in choice.outcomes)
        alone = not choice and len(parts) == 1
        otherwise = f" or [{_called_with(x)}]"
        if not choice:
            self.out.add(surround("parts = ", list_literal(parts), otherwise if alone and not least else ""))
        if not least and not alone:
            self.out.add(f"parts = parts{otherwise}")
        if merge is not None and least > 1:
            self._call(variable, call, ("parts",))
            return (variable,)
        if merge is not None:
            with self.out.block("if len(parts) > 1:"):
                whole = surround("parts = [", call, "(parts)]")
                if self.out.indent + len(flat(whole)) <= WIDTH:
                    self.out.add(whole)
                else:
                    self.out.add(surround("layer = ", call), "parts = [layer(parts)]")
        self.out.add(f"{variable} = parts[0]")
        return (variable,)

    def _shortcut(self, branches: Branches, parts: list[str], x: Tensors) -> ShortcutChoice | None:
        """Add a shortcut to the parts if it does not depend on arguments or shapes.

        Returns:
            A shortcut that does, which is added to the list `parts` at run time.
        """
        name = self._branch_name("shortcut") if branches.may_have_steps else ""
        if not isinstance(branches.shortcut, Value):
            part = self._shortcut_steps(branches.shortcut, name, x)
        else:
            choice = ShortcutChoice.of(branches, self.scope, name)
            if choice.outcomes == ("none",):
                return None
            if choice.outcomes == ("identity",):
                part = x[0]
            elif len(choice.outcomes) == 1 and choice.is_static:
                part = self.local("shortcut")
                self._call(part, choice.call(choice.outcomes[0], self.scope), x)
            else:
                self.out.add(surround("parts = ", list_literal(parts)))
                first = "parts[0]" if any(not part.startswith("*") for part in parts) else f"(parts or [{x[0]}])[0]"
                self._chosen_shortcut(choice, x[0], first)
                return choice
        parts.insert(0 if branches.shortcut_first else len(parts), part)
        return None

    def _shortcut_steps(self, steps: Sequence[Step], name: str, x: Tensors) -> str:
        """Write a shortcut that consists of steps."""
        x, steps = self._start(steps, x)
        if not steps:
            return x[0]
        own = self.local("shortcut")
        if self._is_row(steps):
            self._call(own, sequential_call(steps, self.scope.at(x[0]), name), x)
        else:
            self._model(steps, self.scope, name, own, x)
        return own

    def _chosen_shortcut(self, choice: ShortcutChoice, x: str, first: str) -> None:
        """Write a shortcut that depends on arguments or shapes, after the line that lists the branches.

        Args:
            choice: its possible outcomes.
            x: its input.
            first: the output of the first branch, or `x` without branches.
        """
        out, kind = self.out, self.local("kind")
        assert isinstance(choice.branches.shortcut, Value)
        text = self.scope.write(choice.branches.shortcut)
        is_auto, sure = text == quote("auto"), len(choice.outcomes) == 1
        if not is_auto and not sure:
            out.add(f"{kind} = {text}")
        if "auto" in choice.words:
            with out.block("" if is_auto else f'if {kind} == "auto":'):
                equal, stride = f"{first}.shape == {x}.shape", choice.stride
                if stride is None:
                    self._refuse_unknown_size(x, "`auto`")
                elif type(stride.content) is not int:
                    equal = f"({self.scope.write(stride)} == 1 or None not in {x}.shape[1:]) and {equal}"
                elif stride.content != 1:
                    equal = f"None not in {x}.shape[1:] and {equal}"
                out.add(f'{kind} = "identity" if {equal} else "projection"')
        for word, head in choice.heads(kind, exhaustive=is_auto):
            with out.block(head):
                part: Source = x
                if word != "identity":
                    self._fields_from_shapes(choice, x, first)
                    part = surround("", choice.call(word, self.scope), f"({x})")
                if choice.branches.shortcut_first:
                    out.add(Bracket("parts.insert(", ("0", part), ")"))
                else:
                    out.add(Bracket("parts.append(", (part,), ")"))
        if not sure and not is_auto:
            with out.block(f'elif {kind} != "none":'):
                out.raise_value_error("Unknown shortcut. ", f"Received: {{{kind}!r}}")
        self.taken.discard(kind)

    def _fields_from_shapes(self, choice: ShortcutChoice, x: str, first: str) -> None:
        """Write the fields of a shortcut that follow from the shapes, if the branches do not determine them."""
        if not choice.is_static:
            self.out.add(f"merged = {first}.shape")
        if choice.stride is None:
            self._refuse_unknown_size(x, "This shortcut")
            self.out.add(f"sides = zip({x}.shape[1:-1], merged[1:-1])")
            self.out.add("strides = tuple(-(-before // after) for before, after in sides)")

    def _refuse_unknown_size(self, x: str, what: str) -> None:
        """Write the lines that reject a tensor with an axis of unknown length."""
        if not self.fixed_sizes:
            with self.out.block(f"if None in {x}.shape[1:]:"):
                self.out.raise_value_error(f"{what} requires a fixed input size. ", f"Received: {{{x}.shape}}")
