"""The body of a plain layer as the statements of `__init__`, `build`, `call` and `compute_output_shape`."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from archdsl.codegen.choices import refuse_other_words
from archdsl.codegen.expressions import ExpressionWriter, input_names
from archdsl.codegen.loops import loop_clauses
from archdsl.codegen.printer import Bracket, Statements, flat, list_literal, quote, surround
from archdsl.codegen.ranks import LayerClasses
from archdsl.codegen.references import (
    may_be_empty,
    output_names,
    uses_here,
    uses_input,
    uses_other_layers,
)
from archdsl.codegen.scope import SourceScope, module_names, name_literal
from archdsl.codegen.sequences import layer_list, merge_call, sequential_call
from archdsl.codegen.shortcuts import ShortcutChoice, possible_words
from archdsl.expr import Expression
from archdsl.names import RESERVED, free_name
from archdsl.ops import Op
from archdsl.resolution.words import every_step
from archdsl.spec import INPUT, Arg, Layer, Spec
from archdsl.steps import Branch, Branches, Loop, Step, Value

_PLAIN_WORDS = {"identity", "projection", "auto", "none"}
_GIVES_FIRST_SHAPE = ("add", "average", "maximum")
"""The merges whose output has the shape of their first input."""


def is_plain(spec: Spec, layer: Layer) -> bool:
    """Whether a body consists of sequences and branches of sequences, so its class can look handwritten."""
    steps = list(every_step(layer.steps))
    if any(uses_other_layers(step) for step in steps):
        return False
    if layer.inputs != (INPUT,) or layer.outputs or any(step.refs or output_names(step, spec) for step in steps):
        return False
    if uses_here(steps):
        return False
    return all(_are_plain(spec, step.loop, step.action) for step in steps if isinstance(step.action, Branches))


def _are_plain(spec: Spec, loop: Loop, branches: Branches) -> bool:
    rows = [branch.steps for branch in branches.paths if branch.steps or branch.loop != Loop()]
    if isinstance(branches.shortcut, Value):
        if not set(possible_words(spec, branches.shortcut)) <= _PLAIN_WORDS:
            return False
    elif branches.shortcut:
        rows.append(branches.shortcut)
    nested = any(isinstance(step.action, Branches) for row in rows for step in row)
    return loop == Loop() and not nested and not any(may_be_empty(row) for row in rows)


@dataclass(frozen=True)
class LayerTensor:
    """A tensor of a plain layer as source: itself in `call`, its shape in `build` and in `compute_output_shape`.

    It may also be a starred list of tensors.
    """

    call: str
    build: str
    shape: str

    @property
    def is_one(self) -> bool:
        return not self.call.startswith("*")

    def through(self, layer: str, training: bool = True) -> LayerTensor:
        """The output of a layer for this tensor."""
        return LayerTensor(
            f"{layer}({self.call}{', training=training' if training else ''})",
            f"{layer}.compute_output_shape({self.build})",
            f"{layer}.compute_output_shape({self.shape})",
        )


LAYER_INPUT = LayerTensor("inputs", "input_shape", "input_shape")


@dataclass(frozen=True)
class Construction:
    """The method that creates layers: `__init__` or `build`.

    Args:
        scope: the scope of expressions.
        statements: the lines that create the layers.
    """

    scope: SourceScope
    statements: Statements = field(default_factory=Statements)


class LayerBodyWriter:
    """A builder for the four methods of a plain layer.

    Each step adds lines to all of them: its layers are created in `__init__` (or in `build` if they depend on the
    channels), built in `build`, called in `call`, and asked for their shapes in `build` and `compute_output_shape`.
    """

    def __init__(self, spec: Spec, args: Sequence[Arg], classes: LayerClasses) -> None:
        names = ExpressionWriter({arg.name: arg.name for arg in args})
        late_names = ExpressionWriter({arg.name: f"self.{arg.name}" for arg in args} | input_names("input_shape"))
        types = {arg.name: "floats" if _has_float(arg) else arg.type for arg in args} | {"channels": "int"}
        self.classes = classes
        scope = SourceScope(spec, names, types, classes=classes)
        self.init = Construction(scope)
        self.late = Construction(replace(scope, names=late_names))
        self.build, self.call, self.shape = Statements(), Statements(), Statements()
        self.made_in_build: set[str] = set()
        self._attributes = {arg.name for arg in args}
        self._variables = module_names(spec)

    def steps(self, steps: Sequence[Step], x: LayerTensor, label: str = "steps") -> LayerTensor:
        """Write steps in order; a sequence of plain steps becomes one list of layers.

        Args:
            steps: the steps of a body.
            x: the input of the first step.
            label: the name of such a list.
        """
        for has_branches, group in itertools.groupby(steps, lambda step: isinstance(step.action, Branches)):
            row = list(group)
            if not has_branches:
                x = self._row(row, x, label)
                continue
            for step in row:
                assert isinstance(step.action, Branches)
                x = self._branches(step.action, x)
        return x

    def _attribute(self, name: str, where: Construction) -> str:
        """A free attribute, as `self.name`."""
        own = free_name(name, self._attributes | RESERVED, "layer")
        self._attributes.add(own)
        if where is self.late:
            self.made_in_build.add(own)
        return f"self.{own}"

    def _where(self, *kinds: str, steps: Sequence[Step] = ()) -> Construction:
        """The method that creates some layers: `build` if they or their numbers depend on the channels."""
        counts = [self.init.scope.counters.count(kind) for kind in kinds]
        numbered = any(re.search(r"\bchannels\b|\binput\.", count) for count in counts)
        late = uses_input(steps) or self.classes.varies(steps) or numbered
        return self.late if late else self.init

    def _row(self, row: Sequence[Step], x: LayerTensor, label: str) -> LayerTensor:
        where = self._where(*(step.base_name for step in row), steps=row)
        items = layer_list(row, where.scope)
        keeps_shape = all(
            isinstance(step.action, tuple) and all(part.op.output is Op.output for part in step.action) for step in row
        )
        if len(items) > 1 or flat(items[0]).startswith("*"):
            own = self._attribute(label, where)
            where.statements.add(surround(f"{own} = ", list_literal(items, one_per_line=True)))
            self._loop_over(own, x, keeps_shape)
            return LayerTensor("x", "shape", x.shape if keeps_shape else "shape")
        step = row[0]
        numbered = f"{step.kind}_{where.scope.counters.calls[step.kind]}"
        own = self._attribute(step.name or numbered, where)
        where.statements.add(surround(f"{own} = ", items[0]))
        if not x.build.isidentifier():
            self.build.add(f"shape = {x.build}")
            x = replace(x, build="shape")
        self.build.add(f"{own}.build({x.build})")
        end = x.through(own, training=not isinstance(step.action, tuple))
        self.call.add(f"x = {end.call}")
        return replace(x, call="x") if keeps_shape else replace(end, call="x")

    def _loop_over(self, own: str, x: LayerTensor, keeps_shape: bool) -> None:
        """Write the loops that pass `x` and `shape` through a list of layers."""
        self.build.assign("shape", x.build)
        with self.build.block(f"for layer in {own}:"):
            self.build.add("layer.build(shape)", "shape = layer.compute_output_shape(shape)")
        self.call.assign("x", x.call)
        with self.call.block(f"for layer in {own}:"):
            self.call.add("x = layer(x, training=training)")
        if not keeps_shape:
            self.shape.assign("shape", x.shape)
            with self.shape.block(f"for layer in {own}:"):
                self.shape.add("shape = layer.compute_output_shape(shape)")

    def _branches(self, branches: Branches, x: LayerTensor) -> LayerTensor:
        """Write branches, the shortcut, the merge and `after`."""
        if branches.is_group:
            return self.steps(branches.after, x)
        start = self._in_variables(x)
        parts = [self._branch(branch, start) for branch in branches.paths]
        return self.steps(branches.after, self._merge(branches, start, parts), "after")

    def _in_variables(self, x: LayerTensor) -> LayerTensor:
        """The tensor in variables that the branches do not change."""
        if x == LAYER_INPUT:
            return x
        fork = free_name("fork", self._variables, "inside")
        self._variables |= {fork, f"{fork}_shape"}
        variables = {}
        for method, untouched in vars(LAYER_INPUT).items():
            source = getattr(x, method)
            if source != untouched:
                getattr(self, method).add(f"{fork} = {source}")
            variables[method] = untouched if source == untouched else fork
        return LayerTensor(**variables)

    def _branch(self, branch: Branch, start: LayerTensor) -> LayerTensor:
        """Write the layers of the copies of a branch; returns their part of the merge."""
        if not branch.steps:
            self.init.scope.branch_name(loop_clauses(branch, self.late.scope).name)
            return start
        where = self._where(branch.base_name, *(step.base_name for step in branch.steps), steps=branch.steps)
        if any(value.reads_input for value in branch.loop.values()):
            where = self.late
        clauses = loop_clauses(branch, where.scope)
        name = name_literal(clauses.name) if branch.loop.many else where.scope.branch_name(clauses.name)
        own = self._attribute(branch.name or (clauses.name if clauses.name.isidentifier() else "paths"), where)
        sequential = sequential_call(branch.steps, clauses.scope, name)
        if not branch.loop.many and not clauses.condition:
            where.statements.add(surround(f"{own} = ", sequential))
            self.build.add(f"{own}.build({start.build})")
            return start.through(own)
        where.statements.add(clauses.assigned_list(own, sequential))
        with self.build.block(f"for path in {own}:"):
            self.build.add(f"path.build({start.build})")
        each = vars(start.through("path")).items()
        return LayerTensor(**{method: f"*[{source} for path in {own}]" for method, source in each})

    def _merge(self, branches: Branches, start: LayerTensor, parts: list[LayerTensor]) -> LayerTensor:
        """Write the merge of the branches and the shortcut.

        The parts are in the lists `parts` and `shapes`; one part is passed on, no part gives the input.
        """
        choice = self._sure_shortcut(branches, start, parts)
        merge = branches.merge_name
        word = branches.merge.choice.word if branches.merge is not None and branches.merge.choice else None
        where = self.late if word is not None and word.reads_input else self._where(merge)
        name = where.scope.next_name(merge) if merge else ""
        sure = sum(part.is_one for part in parts)
        least = sure + (choice is not None and "none" not in choice.outcomes)
        if choice is None and sure == len(parts) < 2:
            return parts[0] if parts else start
        own = self._attribute(name if name.isidentifier() else merge, where) if merge else ""
        gives_first = not merge or merge in _GIVES_FIRST_SHAPE
        known = parts[0].shape if gives_first and parts and parts[0].is_one else ""
        tensors = list_literal([part.call for part in parts])
        calls_list = choice is None and least > 1
        self.call.add(Bracket(f"x = {own}(", (tensors,), ")") if calls_list else surround("parts = ", tensors))
        self.build.add(surround("shapes = ", list_literal([part.build for part in parts])))
        if not known:
            self.shape.add(surround("shapes = ", list_literal([part.shape for part in parts])))
        if choice is not None:
            self._chosen_shortcut(choice, start, parts, bool(known))
        if branches.merge is not None:
            where.statements.add(surround(f"{own} = ", merge_call(branches.merge, where.scope, name)))
        if not least:
            self.call.add(f"parts = parts or [{start.call}]")
            self.build.add(f"shapes = shapes or [{start.build}]")
            if not known:
                self.shape.add(f"shapes = shapes or [{start.shape}]")
        if least > 1 and not calls_list:
            self.call.add(f"x = {own}(parts)")
        elif least < 2:
            self.call.add(f"x = {own}(parts) if len(parts) > 1 else parts[0]" if own else "x = parts[0]")
        merged = f"{own}.compute_output_shape(shapes)"
        if merge:
            with self.build.block("if len(shapes) > 1:" if least < 2 else ""):
                self.build.add(f"{own}.build(shapes)")
        if least < 2:
            merged = "shapes[0]" if gives_first else f"{merged} if len(shapes) > 1 else shapes[0]"
        return LayerTensor("x", merged, known or merged)

    def _sure_shortcut(self, branches: Branches, start: LayerTensor, parts: list[LayerTensor]) -> ShortcutChoice | None:
        """Add a shortcut to the parts if it does not depend on arguments or shapes; otherwise return it."""
        if not isinstance(branches.shortcut, Value):
            part = self._branch(Branch("shortcut", Loop(), branches.shortcut, branches.place), start)
        else:
            name = self.init.scope.branch_name("shortcut") if branches.may_have_steps else ""
            choice = ShortcutChoice.of(branches, self.init.scope, name)
            if choice.outcomes == ("none",):
                return None
            if choice.outcomes == ("identity",):
                part = start
            elif choice.outcomes == ("projection",) and choice.is_static:
                where = self.late if choice.is_late else self.init
                own = self._attribute("shortcut", where)
                where.statements.add(surround(f"{own} = ", choice.call("projection", where.scope)))
                self.build.add(f"{own}.build({start.build})")
                part = start.through(own)
            else:
                return choice
        parts.insert(0 if branches.shortcut_first else len(parts), part)
        return None

    def _chosen_shortcut(
        self, choice: ShortcutChoice, start: LayerTensor, parts: Sequence[LayerTensor], known_shape: bool
    ) -> None:
        """Write a shortcut that depends on arguments or shapes, after the lines that list the branches.

        Args:
            choice: its possible outcomes.
            start: its input.
            parts: the outputs of the branches.
            known_shape: whether `compute_output_shape` does not need it.
        """
        shortcut, scope = choice.branches.shortcut, self.init.scope
        assert isinstance(shortcut, Value)
        tree = shortcut.content.tree if isinstance(shortcut.content, Expression) else None
        argument = tree.id if isinstance(tree, ast.Name) and tree.id in scope.types else ""
        by_argument = bool(argument) and "auto" not in choice.words
        early = by_argument and choice.is_static and not choice.is_late
        has_projection = "projection" in choice.outcomes
        own = self._attribute("shortcut", self.init if early else self.late) if has_projection else ""
        if argument:
            refuse_other_words(self.init.statements, self.init.scope.read(argument), argument, choice.words)
        first = "shapes[0]" if any(part.is_one for part in parts) else f"(shapes or [{start.build}])[0]"
        kind = f"self.{argument}"
        if len(choice.outcomes) > 1 and not by_argument:
            kind = self._attribute("shortcut_kind", self.late)
            self._decide_kind(choice, kind, start, first)
        if own and early:
            with self.init.statements.block(f'if {scope.read(argument)} == "projection":'):
                self.init.statements.add(surround(f"{own} = ", choice.call("projection", scope)))
        heads = list(choice.heads(kind, exhaustive="none" not in choice.outcomes))
        for method in ("build", "call", *(() if known_shape else ("shape",))):
            statements: Statements = getattr(self, method)
            for word, head in heads:
                part = start.through(own) if word == "projection" else start
                with statements.block(head):
                    if word == "projection" and method == "build":
                        if not early:
                            self._late_projection(choice, own, start, first)
                        statements.add(f"{own}.build({start.build})")
                    put = "insert(0, " if choice.branches.shortcut_first else "append("
                    statements.add(f"{'parts' if method == 'call' else 'shapes'}.{put}{getattr(part, method)})")

    def _decide_kind(self, choice: ShortcutChoice, kind: str, start: LayerTensor, first: str) -> None:
        """Write the lines in `build` that choose the word of a shortcut."""
        assert isinstance(choice.branches.shortcut, Value)
        text = self.late.scope.write(choice.branches.shortcut)
        is_auto = text == quote("auto")
        if not is_auto:
            self.build.add(f"{kind} = {text}")
            if "auto" not in choice.words:
                return
        stride = choice.stride
        with self.build.block("" if is_auto else f'if {kind} == "auto":'):
            self.build.add(f"equal = tuple({first}) == tuple({start.build})")
            if stride is None or stride.content != 1:
                head, unknown = "equal and ", f"None in {start.build}[1:]"
                if stride is not None:
                    head = "" if type(stride.content) is int else f"{self.late.scope.write(stride)} != 1 and "
                with self.build.block(f"if {head}{unknown}:"):
                    if stride is not None:
                        self.build.add("equal = False")
                    else:
                        received = f"Received: input_shape={{{start.build}}}"
                        self.build.raise_value_error("`auto` requires a fixed input size. ", received)
            self.build.add(f'{kind} = "identity" if equal else "projection"')

    def _late_projection(self, choice: ShortcutChoice, own: str, start: LayerTensor, first: str) -> None:
        """Write the creation of a projection in `build`, with fields from the shapes if necessary."""
        if not choice.is_static:
            self.build.add(f"merged = {first}")
        if choice.stride is None:
            with self.build.block(f"if None in {start.build}[1:]:"):
                received = f"Received: input_shape={{{start.build}}}"
                self.build.raise_value_error("This projection requires a fixed input size. ", received)
            sides = f"zip({start.build}[1:-1], merged[1:-1])"
            self.build.add(f"strides = tuple(-(-before // after) for before, after in {sides})")
        self.build.add(surround(f"{own} = ", choice.call("projection", self.late.scope)))


def _has_float(arg: Arg) -> bool:
    value = arg.default.template() if arg.type == "list" and arg.default is not None else None
    return isinstance(value, list) and any(type(item) is float for item in value)
