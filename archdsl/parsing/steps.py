"""Parse the steps of a body: ops with their parts, layer calls, paths and loops."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, replace
from typing import Any

from archdsl.errors import Span, nearest, shown
from archdsl.expr import Expression, is_expression
from archdsl.names import name_fault
from archdsl.ops import OPS, Op, find
from archdsl.parsing.each_step import each_step
from archdsl.parsing.interfaces import InterfaceReader
from archdsl.parsing.scope import Scope
from archdsl.parsing.validation import MISSING, faults, field_places, got, is_empty, is_null, plain
from archdsl.parsing.values import LOOP_KEYS, STEP_KEYS, UNREAD, kinds_of
from archdsl.source import Mapping, Node, Scalar, Sequence
from archdsl.spec import INPUT, Signature
from archdsl.steps import (
    EACH_STEP,
    SHARE,
    SHORTCUTS,
    Branch,
    Branches,
    Choice,
    EachStep,
    Fields,
    LayerCall,
    Loop,
    OpCall,
    Share,
    Step,
    Tie,
    Value,
)

PATHS_KEYS = ("shortcut", "merge", "after")
"""The keys next to `paths`."""

TIE_KEYS = (SHARE, "transpose")
"""The keys of a weight that is shared."""

PROJECTION: dict[str, int | str] = {
    "filters": 1,
    "kernel": 1,
    "stride": 1,
    "padding": "valid",
    "dilation": 1,
    "groups": 1,
    "activation": "none",
}
"""The fields of a projection, a 1x1 conv whose filters and stride depend on where it is used."""

_PATH = ("steps", "from")
"""The keys of a path or a shortcut, besides those of its loop."""

_BODIES = ("paths", "steps", EACH_STEP)
"""The keys of steps that contain steps."""

NORMS = OPS.of_kind("norm", suffix="_norm")
ACTIVATIONS = OPS.of_kind("activation")
MERGES = OPS.of_kind("merge")


@dataclass(frozen=True)
class StepReader(InterfaceReader):
    """Parses bodies, based on the interfaces of all layers.

    Args:
        signatures: The arguments, inputs and outputs of each layer of the file.
        defaults: The `defaults` of the file, by op.
    """

    signatures: MappingType[str, Signature]
    defaults: MappingType[str, Fields]

    def body(self, node: Node, scope: Scope) -> tuple[Step, ...]:
        """Parse a list of steps or a single step."""
        nodes = node.items if isinstance(node, Sequence) else (node,)
        return tuple(step for inner in nodes if (step := self._step(inner, scope)) is not None)

    def _step(self, node: Node, scope: Scope) -> Step | None:
        if isinstance(node, Scalar):
            if node.value is None:
                self.problems.add("ARCH014", "empty step", node.span, "write an op or a layer, as in `- relu`")
                return None
            node = Mapping(((node, Mapping((), node.span)),), node.span)
        if isinstance(node, Sequence):
            hint = "remove the inner brackets, or use `paths` for parallel branches"
            self.problems.add("ARCH007", "expected a step, got a list", node.span, hint)
            scope.mention(node)
            return None
        own = self._own(node, scope)
        if own is None:
            scope.mention(node)
            if (named := self.name(node.get("name"), scope)) is not None:
                scope.define(named, (), False, None)
            return None
        key, given = own
        refs = self.refs(node.get("from"), scope)
        loop, inner = self.loop(node, scope)
        action = self._action(key, given, node, inner)
        self.close(node, loop, inner, scope)
        name = self.name(node.get("name"), scope)
        step = None if action is None else Step(key.text, action, loop, name, key.span, refs)
        if name is not None:
            scope.define(name, self._outputs(action), loop.many, step)
        return step

    def _outputs(self, action: tuple[OpCall, ...] | LayerCall | Branches | Share | EachStep | None) -> tuple[str, ...]:
        """Return the names of the outputs of a layer, or of the last layer of a group."""
        if isinstance(action, Branches):
            return self._outputs(action.after[-1].action) if action.is_group and action.after else ()
        if isinstance(action, Share):
            return self._outputs(action.step.action)
        return self.signatures[action.layer].outputs if isinstance(action, LayerCall) else ()

    def _own(self, node: Mapping, scope: Scope) -> tuple[Scalar, Node] | None:
        """Return the key of the op, layer, `paths` or `steps` of a step."""
        words = {*STEP_KEYS, *(PATHS_KEYS if node.get("paths") else ())}
        own = [(key, value) for key, value in node.items if key.text not in words]
        known = [(key, value) for key, value in own if self._is_known(key)]
        if len(own) == 1:
            return own[0]
        if not own:
            hint = "put these keys in one mapping with the op or layer: `{relu: {}, name: x}`"
            self.problems.add("ARCH014", "a step needs an op, a layer, `paths` or `steps`", node.span, hint)
        elif not known and all(isinstance(value, Sequence) for _, value in own):
            hint = "for parallel branches, write `- paths: {...}` with a `merge`"
            self.problems.add("ARCH007", "expected a step, got a mapping of lists", own[0][0].span, hint)
        elif len(known) > 1:
            hint = "start each step with `- `"
            message = f"two steps in one list item: `{known[0][0].text}` and `{known[1][0].text}`"
            self.problems.add("ARCH005", message, known[1][0].span, hint)
        else:
            inside = self._fields_of(known[0][0].text) if known else set()
            for key, value in own:
                if known and key is known[0][0]:
                    continue
                hint = nearest(key.text, words, fixed=True)
                if known and known[0][0].text == SHARE:
                    hint = f"remove `{key.text}`: a shared layer keeps the arguments of its first call"
                elif is_null(value) and scope.find(key.text) is not None:
                    hint = f"write a list, as in `from: [..., {key.text}]`"
                elif key.text in inside:
                    hint = f"move it into the arguments: `{known[0][0].text}: {{{key.text}: ...}}`"
                elif key.text in PATHS_KEYS:
                    hint = f"use `{key.text}` only next to `paths`"
                self.problems.add("ARCH005", f"unknown key `{key.text}`", key.span, hint)
        return None

    def _is_known(self, key: Scalar) -> bool:
        return key.text in self.signatures or key.text in (*_BODIES, SHARE) or find(key.text, key.span) is not None

    def _fields_of(self, word: str) -> set[str]:
        if word in OPS:
            return {*OPS[word].model_fields, *OPS[word].tied_layers}
        return set(self.signatures[word].args if word in self.signatures else ())

    def _action(
        self, key: Scalar, given: Node, step: Mapping, scope: Scope
    ) -> tuple[OpCall, ...] | LayerCall | Branches | Share | EachStep | None:
        if key.text == "paths":
            return self.branches(step, scope)
        if key.text == SHARE:
            return self._share(given, scope)
        if key.text == "steps":
            if is_empty(given):
                self.problems.add("ARCH006", "`steps` is empty", given.span, "add a step, as in `steps: [relu]`")
                return None
            return self._group(self.body(given, scope), step.span)
        if key.text == EACH_STEP:
            return each_step(self.body(given, replace(scope, named=dict(scope.named))), given, self.problems)
        if key.text not in self.signatures and find(key.text, key.span) is None:
            message = f"unknown op or layer {shown(key.value)}"
            self.problems.add("ARCH014", message, key.span, self._nearest_step(key.text, scope))
            scope.mention(given)
            return None
        fields = self.fields(key.text, given, scope)
        if fields is None:
            scope.mention(given)
            return None
        known = len(self.problems.collected)
        if key.text in OPS:
            ties = self._ties(OPS[key.text], fields, given, scope)
            action: tuple[OpCall, ...] | LayerCall = self.block(OPS[key.text], fields, key.span, ties, scope)
        else:
            action = self._use(key, fields)
        self._suggest_arguments(known, fields, scope)
        return action

    def _ties(self, op: type[Op], fields: dict[str, Value], given: Node, scope: Scope) -> dict[str, Tie]:
        """Take the weights of other steps out of the fields of an op: `kernel: {share: tokens.embeddings}`."""
        ties = {}
        for word in op.tied_layers.keys() & fields.keys():
            del fields[word]
            tie = self._tie(word, given.get(word), scope) if isinstance(given, Mapping) else None
            if tie is not None:
                ties[word] = tie
            for name in [name for name in fields if name.startswith(f"{word}_")]:
                hint = f"remove `{name}`: the step that creates the weight sets it"
                self.problems.add(
                    "ARCH005", f"`{name}` cannot be combined with a shared `{word}`", fields[name].span, hint
                )
        return ties

    def _tie(self, word: str, node: Node | None, scope: Scope) -> Tie | None:
        """Parse the weight of another step: `{share: tokens.embeddings, transpose: true}`."""
        place = node.get(SHARE) if isinstance(node, Mapping) else None
        if isinstance(node, Mapping) and place is None and any(key.text not in TIE_KEYS for key, _ in node.items):
            self.unknown(node, TIE_KEYS)
            return None
        if not isinstance(node, Mapping) or not isinstance(place, Scalar) or "." not in place.text:
            hint = f"write `{word}: {{{SHARE}: STEP.WEIGHT}}`, with the name of an earlier step and of its weight"
            found, at = (place, place.span) if place is not None else (node, node.span if node else None)
            told = got(found) if found is not None else "nothing"
            self.problems.add("ARCH007", f"`{word}` must be a weight of another step, got {told}", at, hint)
            return None
        self.unknown(node, TIE_KEYS)
        flag = node.get("transpose")
        transpose = plain(flag) if flag is not None else False
        if not isinstance(transpose, bool) and flag is not None:
            hint = "write `transpose: true`"
            self.problems.add("ARCH007", f"`transpose` must be a boolean, got {got(flag)}", flag.span, hint)
        name, _, weight = place.text.partition(".")
        share = self._share(Scalar(name, name, place.span), scope, f".{weight}")
        return Tie(share.name, share.step, weight, transpose is True, place.span) if share is not None else None

    def _share(self, node: Node, scope: Scope, ending: str = "") -> Share | None:
        """Parse the name of the step whose layers a step with `share` calls. A share of a share means the first.

        Args:
            node: The name.
            scope: The names in scope.
            ending: The rest of the name of a weight, for messages.
        """
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            hint = "write the name of an earlier step, as in `share: encoder`; a shared layer keeps its arguments"
            self.problems.add("ARCH007", f"`{SHARE}` takes the name of a step, got {got(node)}", node.span, hint)
            scope.mention(node)
            return None
        if node.text in self.signatures and scope.find(node.text) is None:
            calls = (name for name, named in scope.named.items() if named.step and named.step.kind == node.text)
            call = next(calls, "")
            hint = f"write `{SHARE}: {call}`" if call else f"give that step a `name`, and write `{SHARE}: NAME`"
            self.problems.add("ARCH018", f"`{node.text}` is a layer: share a step that calls it", node.span, hint)
            return None
        if node.text in scope.looped and scope.find(node.text) is None:
            hint = "share it inside the loop, or write its first call outside"
            self.problems.add("ARCH018", f"the step `{node.text}` is visible only inside its loop", node.span, hint)
            return None
        known = len(self.problems.collected)
        ref = self.ref(node, scope)
        if ref is None or len(self.problems.collected) > known:
            return None
        named = scope.find(ref.name)
        first = named.step if named is not None else None
        if ref.name in (INPUT, *scope.inputs):
            message, hint = f"`{ref.name}` is an input, not a step", "name an earlier step with weights"
        elif named is None or first is None:  # it has problems of its own
            return None
        elif ref.output:
            hint = f"write `{SHARE}: {ref.name}`"
            self.problems.add("ARCH018", "a step is shared with all its outputs", node.span, hint)
            return Share(ref.name, first, node.span)
        elif isinstance(first.action, Branches):
            inner = "steps" if first.action.is_group else "paths"
            message = f"`{ref.name}` has {inner}: only an op or a layer can be shared"
            hint = f"put the {inner} in a layer of their own, and share the step with that layer"
        elif isinstance(first.action, EachStep):
            message = f"`{ref.name}` has `{EACH_STEP}`: only an op or a layer can be shared"
            hint = f"put the step with `{EACH_STEP}` in a layer, and share the step with that layer"
        elif isinstance(first.action, Share):
            original = scope.find(first.action.name)
            if original is not None and original.step is first.action.step and not original.ambiguous:
                return replace(first.action, span=node.span)
            message, hint = f"`{ref.name}` shares `{first.action.name}`, whose name is ambiguous", "rename one of them"
        elif named.many and ref.name in scope.named:
            message = f"`{ref.name}` is in a loop, and has several copies"
            hint = f"name one copy, as in `{SHARE}: {ref.name}_1{ending}`, or put the loop in a layer and share that"
        elif named.many and first.loop.when is not None:
            message = f"`{ref.name}` is in a loop with `when`, and may not exist"
            hint = "put the step in a layer without `when`, or write the shared step outside the loop"
        else:
            return Share(ref.name, first, node.span)
        self.problems.add("ARCH018", message, node.span, hint)
        return None

    def _suggest_arguments(self, known: int, fields: Fields, scope: Scope) -> None:
        """In the problems after the first `known`, suggest a `$` if a value is the name of an argument."""
        words = {
            v.span: v.content for v in fields.values() if isinstance(v.content, str) and v.content in scope.visible
        }
        for index, problem in enumerate(self.problems.collected[known:], known):
            if problem.span in words:
                hint = f"did you mean `${words[problem.span]}`?"
                self.problems.collected[index] = replace(problem, hint=hint)
                scope.used.add(words[problem.span])

    def _nearest_step(self, word: str, scope: Scope) -> str:
        if scope.find(word) is not None:
            return f"`{word}` is an earlier step: write `from: {word}` next to the op that takes it"
        hint = nearest(word, {*OPS, *self.signatures, *_BODIES, SHARE})
        if hint.startswith("did you mean"):
            return hint
        layers = ", ".join(f"`{name}`" for name in self.signatures)
        return "run `archdsl ops` to list all ops" + (f"; layers in this file: {layers}" if layers else "")

    def fields(self, owner: str, node: Node, scope: Scope | None) -> dict[str, Value] | None:
        """Return the arguments of an op or a layer, or None if they are not a mapping."""
        if isinstance(node, Scalar) and node.value is None:
            return {}
        short = OPS[owner].short if owner in OPS else ""
        if short and isinstance(node, Scalar):
            return {short: self.value(node, scope)}
        if not isinstance(node, Mapping):
            hint = self._example(owner, node)
            if isinstance(node, Sequence) and scope is not None and all(_is_step(item, scope) for item in node.items):
                hint = f"write `{owner}: {{}}` with `from: [{', '.join(str(plain(item)) for item in node.items)}]`"
            message = f"expected a mapping of arguments, got {got(node)}"
            self.problems.add("ARCH007", message, node.span, hint)
            return None
        sizes = OPS[owner].sizes_by_name if owner in OPS else ""
        known = self._fields_of(owner) - {sizes}
        further = self._further_arguments(owner, node) if sizes else frozenset()
        for key, value in node.items:
            if key.text not in known | further:
                free = known - {other.text for other, _ in node.items}
                hint = nearest(key.text, free | further) if known else f"`{owner}` takes no arguments"
                hint = f"move `{key.text}` out of the arguments, next to `{owner}`" if key.text in STEP_KEYS else hint
                self.problems.add("ARCH015", f"unknown argument `{key.text}` for `{owner}`", key.span, hint)
                if scope is not None:
                    scope.mention(value)
        fields = {key.text: self.value(value, scope) for key, value in node.items if key.text in known}
        more = {key.text: self.value(value, scope) for key, value in node.items if key.text in further - known}
        return {**fields, sizes: Value(more, node.span)} if more else fields

    def _further_arguments(self, owner: str, node: Mapping) -> frozenset[str]:
        """Return the names of arguments that the values of others define, such as the axes of a pattern."""
        texts = {key.text: value.value for key, value in node.items if isinstance(value, Scalar)}
        if any(is_expression(texts.get(field)) for field in OPS[owner].model_fields):
            return frozenset(key.text for key, _ in node.items if not name_fault(key.text))
        return OPS[owner].free_names(texts)

    def _example(self, owner: str, given: Node) -> str:
        """Return a hint with the required arguments of an op or a layer, or with any argument.

        Args:
            given: What the file has in place of the arguments: the value of a single required one.
        """
        if owner in OPS:
            needed = [name for name, field in OPS[owner].model_fields.items() if field.is_required()]
        else:
            needed = [name for name, arg in self.signatures[owner].args.items() if arg.default is None]
        known = sorted(self._fields_of(owner))
        names = needed or [name for name in known if isinstance(given, Scalar) and name == given.text] or known[:1]
        value = given.text if isinstance(given, Scalar) and len(needed) == 1 else "..."
        arguments = ", ".join(f"{name}: {value}" for name in sorted(names))
        return f"write `{owner}: {{{arguments}}}`" if names else f"`{owner}` takes no arguments"

    def _use(self, key: Scalar, fields: dict[str, Value]) -> LayerCall:
        args = self.signatures[key.text].args
        for name, value in fields.items():
            if not value.is_computed and (fault := args[name].fault(args[name].taken(value.template()))):
                self.problems.add("ARCH007", fault, value.span, args[name].doubt)
        missing = [name for name, arg in args.items() if arg.default is None and name not in fields]
        if missing:
            arguments = "argument" + "s" * (len(missing) > 1) + " " + " and ".join(f"`{name}`" for name in missing)
            hint = f"add `{', '.join(f'{name}: ...' for name in missing)}`"
            self.problems.add("ARCH016", f"missing required {arguments} for `{key.text}`", key.span, hint)
        return LayerCall(key.text, fields)

    def block(
        self,
        op: type[Op],
        given: Fields,
        span: Span,
        ties: MappingType[str, Tie] | None = None,
        scope: Scope | None = None,
    ) -> tuple[OpCall, ...]:
        """Return an op with the defaults of the file, split into padding, op, norm and activation."""
        ties = ties or {}
        shared = self.defaults.get(op.name, {}).items()
        # A default such as `kernel_initializer` is for kernels that the op creates.
        fields = {name: value for name, value in shared if name.partition("_")[0] not in ties}
        fields |= given
        self.check(op, fields, span)
        parts = [OpCall("main", op, fields, ties)]
        for role, table in (("norm", NORMS), ("activation", ACTIVATIONS)):
            if role in op.block_fields and role in op.model_fields:
                parts += self._norm_or_activation(role, table, fields.pop(role, None))
        padding = fields.get("padding")
        if op.pad_with and padding is not None and padding.content == 0 and type(padding.content) is int:
            fields["padding"] = padding = Value("valid", padding.span)
        is_word = padding is not None and self._is_word(padding, scope.visible if scope is not None else {})
        if op.pad_with and padding is not None and not is_word and padding.content is not None:
            del fields["padding"]
            parts.insert(0, OpCall("pad", OPS[op.pad_with], {"padding": padding}))
        return tuple(parts)

    def _is_word(self, padding: Value, types: MappingType[str, str]) -> bool:
        """Return whether a `padding` is a word such as `same`, or an expression for one."""
        if not isinstance(padding.content, Expression):
            return isinstance(padding.content, str)
        kinds = set(kinds_of(padding.content.tree, types))
        if len(kinds) > 1:
            hint = "write one step per kind, each with a `when`"
            self.problems.add("ARCH007", "`padding` is a word in one case and a number in another", padding.span, hint)
        return "str" in kinds

    def check(self, op: type[Op], fields: Fields, span: Span, complete: bool = True) -> None:
        """Collect the problems of an op's fields that can be found without evaluating expressions."""
        known = op.model_fields
        literal = {name: value.template() for name, value in fields.items() if not value.is_computed}
        skip = [] if complete else [name for name in known if name not in fields]
        skip += [name for name, value in fields.items() if value.is_computed]
        self.problems.collected += faults(op, literal, field_places(fields, span), skip)

    def _norm_or_activation(self, role: Any, table: MappingType[str, type[Op]], value: Value | None) -> list[OpCall]:
        """Return the part for `norm: batch` or `activation: {leaky_relu: {slope: 0.1}}`."""
        if value is None or value.content in ("none", UNREAD):
            return []
        if isinstance(value.content, Expression):
            choice = Choice(value, table, self.defaults)
            # The only activation that changes the shape; so no code relies on the shape.
            op = table["glu" if role == "activation" else "batch"]
            return [OpCall(role, op, {}, choice=choice)]
        word, fields = value.content, {}
        if isinstance(word, dict) and len(word) == 1:
            word, inner = next(iter(word.items()))
            fields = inner.content if isinstance(inner.content, dict) else {}
            if not isinstance(inner.content, dict | None) and inner.content is not UNREAD:
                first = next(iter(table[word].model_fields), "") if word in table else ""
                hint = f"write `{{{word}: {{{first}: {inner.content}}}}}`" if first else f"write `{word}`"
                message = f"expected a mapping of arguments, got {shown(inner.template())}"
                self.problems.add("ARCH007", message, inner.span, hint)
            table_fields = table[word].model_fields if word in table else {}
            for name in fields.keys() - table_fields:
                free = table_fields.keys() - fields.keys()
                hint = nearest(name, free) if table_fields else f"`{word}` takes no arguments"
                self.problems.add(
                    "ARCH015", f"unknown argument `{name}` for `{word}`", _of_key(name, fields[name].span), hint
                )
            fields = {name: item for name, item in fields.items() if name in table_fields}
        if not isinstance(word, str) or word not in table:
            is_word = isinstance(word, str)
            hint = nearest(word, [*table, "none"]) if is_word else f"write a name, as in `{role}: {next(iter(table))}`"
            text = f"unknown {role} `{word}`" if is_word else f"`{role}` must be a name"
            self.problems.add("ARCH007", text, value.span, hint)
            return []
        op = table[word]
        fields = {**self.defaults.get(op.name, {}), **fields}
        self.check(op, fields, value.span)
        return [OpCall(role, op, fields)]

    def branches(self, node: Mapping, scope: Scope) -> Branches:
        """Parse `paths` and the keys `shortcut`, `merge` and `after`."""
        paths = tuple(self._paths(node.get("paths"), scope))
        shortcut = self._shortcut(node.get("shortcut"), scope, node.span)
        merge, after = node.get("merge"), node.get("after")
        several = len(paths) > 1 or any(path.loop.many for path in paths)
        alone = isinstance(shortcut, Value) and shortcut.content == "none" and not several
        if merge is None and not alone:
            key = node.key("paths")
            place = key.span if key else node.span
            self.problems.add("ARCH006", f"{MISSING} `merge`", place, "add a merge, such as `merge: add`")
        part = self._merge(merge, scope) if merge is not None else None
        steps = self.body(after, scope) if after is not None else ()
        return Branches(paths, shortcut, part, steps, self._projection(node.span))

    def _projection(self, span: Span) -> tuple[OpCall, ...]:
        own = {name: Value(content, span) for name, content in PROJECTION.items()}
        return self.block(OPS["conv"], own, span)

    def _group(self, steps: tuple[Step, ...], span: Span) -> Branches:
        """Return steps as a group, which has no paths and adds nothing to the names of its steps."""
        return Branches((), Value("none", span), None, steps, self._projection(span))

    def _steps_from(self, node: Mapping, outer: Scope, inner: Scope) -> tuple[Step, ...]:
        """Return the `steps` of a path or a shortcut, which begin with the tensors under its `from`, if any."""
        start, body = node.get("from"), node.get("steps")
        refs = self.refs(start, outer)
        steps = self.body(body, inner) if body is not None else ()
        if start is None:
            return steps
        return (Step("steps", self._group(steps, start.span), Loop(), None, start.span, refs),)

    def _paths(self, node: Node | None, scope: Scope) -> Iterator[Branch]:
        if node is not None and not isinstance(node, Scalar) and not node.items:
            self.problems.add("ARCH006", "`paths` is empty", node.span, "add a path, as in `paths: {main: [...]}`")
        elif isinstance(node, Mapping):
            for key, inner in node.items:
                fault = name_fault(key.text) or ("it is reserved for the shortcut" if key.text == "shortcut" else "")
                if fault:
                    self.problems.add("ARCH010", f"invalid path name `{key.text}`: {fault}", key.span)
                yield self._path(key.text, inner, scope)
        elif isinstance(node, Sequence):
            for inner in node.items:
                yield self._path(None, inner, scope)
        elif node is not None:
            hint = "write one list of steps per path, as in `paths: {wide: [...], narrow: [...]}`"
            self.problems.add("ARCH007", f"`paths` must be a mapping or a list, got {got(node)}", node.span, hint)

    def _path(self, name: str | None, node: Node, scope: Scope) -> Branch:
        if isinstance(node, Sequence):
            return Branch(name, Loop(), self.body(node, scope), node.span)
        if not isinstance(node, Mapping) or all(node.get(word) is None for word in _PATH):
            keys = [key for key, _ in node.items] if isinstance(node, Mapping) else []
            unknown = [key for key in keys if key.text not in LOOP_KEYS]
            if len(unknown) == 1 and len(keys) > 1:
                hint = nearest(unknown[0].text, _PATH)
                self.problems.add("ARCH005", f"unknown key `{unknown[0].text}`", unknown[0].span, hint)
            elif near := [key for key in keys if nearest(key.text, _PATH).startswith("did you mean")]:
                message = f"unknown key `{near[0].text}`"
                self.problems.add("ARCH005", message, near[0].span, nearest(near[0].text, _PATH))
            else:
                hint = "write a list of steps, or `{steps: [...]}` with `repeat`, `for` or `when`"
                if isinstance(node, Scalar) and scope.find(node.text) is not None:
                    hint = f"write `{{from: {node.text}}}`"
                self.problems.add("ARCH007", f"expected a path, got {got(node)}", node.span, hint)
            scope.mention(node)
            return Branch(name, Loop(), (), node.span)
        self._unknown_of_path(node, (*_PATH, *LOOP_KEYS))
        loop, inner = self.loop(node, scope)
        steps = self._steps_from(node, scope, inner)
        self.close(node, loop, inner, scope)
        return Branch(name, loop, steps, node.span)

    def _unknown_of_path(self, node: Mapping, words: tuple[str, ...]) -> None:
        """Collect a problem for each unknown key of a path or a shortcut, which may be a step."""
        unknown = [key for key, _ in node.items if key.text not in words]
        step = next((key.text for key in unknown if self._is_known(key)), "")
        hint = f"write a list of steps: `steps: [{step}: ...]`" if step else ""
        if loop := next((key.text for key in unknown if key.text in LOOP_KEYS), ""):
            hint = f"put the loop in a group: `steps: [{{steps: [...], {loop}: ...}}]`"
        self.unknown(node, words, hint)

    def _shortcut(self, node: Node | None, scope: Scope, span: Span) -> Value | tuple[Step, ...]:
        if node is None:
            return Value("none", span)
        if isinstance(node, Sequence):
            return self.body(node, scope)
        if isinstance(node, Mapping) and any(node.get(word) is not None for word in _PATH):
            self._unknown_of_path(node, _PATH)
            return self._steps_from(node, scope, scope)
        value = self.value(node, scope)
        # The content may be a mapping, which is not hashable.
        if not value.is_computed and value.content not in tuple(SHORTCUTS):
            if isinstance(node, Scalar):
                message, hint = f"unknown shortcut {got(node)}", nearest(str(value.content), SHORTCUTS)
                if scope.find(node.text) is not None:
                    hint = f"write `shortcut: {{from: {node.text}}}`"
            else:
                if isinstance(node, Mapping) and len(node.items) == 1:
                    key = node.items[0][0]
                    if (near := nearest(key.text, _PATH)).startswith("did you mean"):
                        self.problems.add("ARCH005", f"unknown key `{key.text}`", key.span, near)
                        return Value("none", span)
                message, hint = f"expected a shortcut, got {got(node)}", "write the steps of the shortcut as a list"
            self.problems.add("ARCH007", message, node.span, hint)
            return Value("none", span)
        return value

    def _merge(self, node: Node, scope: Scope) -> OpCall | None:
        word, given = node, Mapping((), node.span)
        if isinstance(node, Mapping) and len(node.items) == 1:
            word, given = node.items[0]  # type: ignore[assignment]
        if isinstance(word, Scalar):
            find(word.text, word.span)
        merges = OPS.merges()
        if not isinstance(word, Scalar) or word.text not in merges:
            if isinstance(word, Scalar) and is_expression(word.value):
                value = self.value(word, scope)
                if word is node:  # the only merge that puts the shortcut first; so no code relies on the order
                    return OpCall("merge", OPS["concat"], {}, choice=Choice(value, MERGES, self.defaults))
                message, hint = f"a chosen merge takes no arguments, got {got(node)}", f"write `merge: {word.text}`"
            elif isinstance(word, Scalar):
                message, hint = f"unknown merge {got(word)}", nearest(str(word.text), merges)
            else:
                message, hint = f"expected a merge, got {got(node)}", "write its name, as in `merge: add`"
            self.problems.add("ARCH007", message, node.span, hint)
            return None
        fields = self.fields(word.text, given, scope)
        return None if fields is None else self.block(OPS[word.text], fields, node.span)[0]


def _is_step(node: Node, scope: Scope) -> bool:
    return isinstance(node, Scalar) and scope.find(node.text.partition(".")[0]) is not None


def _of_key(key: str, value: Span) -> Span:
    """Return the place of a key that precedes a value on the same line, or that of the value."""
    column = value.text.rfind(key, 0, value.column - 1)
    return replace(value, column=column + 1, width=len(key)) if column >= 0 else value
