"""Steps as constructor calls, and sequences as lists: `[layers.Conv2D(...), *[Block(...) for number in ...]]`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from archdsl.codegen.choices import chosen, keras_word, words_of
from archdsl.codegen.expressions import Verbatim
from archdsl.codegen.loops import loop_clauses
from archdsl.codegen.printer import Bracket, Source, flat, list_literal, quote, surround
from archdsl.codegen.scope import SourceScope, name_literal
from archdsl.errors import Span
from archdsl.ops import Call
from archdsl.resolution.each_step import group_of
from archdsl.resolution.words import known_by_name
from archdsl.spec import Spec
from archdsl.steps import EachStep, LayerCall, OpCall, Step


def op_call(
    part: OpCall,
    scope: SourceScope,
    name: str,
    more: Mapping[str, Any] | None = None,
    inputs: int = 1,
    span: Span | None = None,
) -> Source:
    """The constructor call of one op.

    Args:
        part: the op and its fields.
        scope: the scope of the call.
        name: the name of the layer, with an expression in braces if its number is known only at run time.
        more: further arguments.
        inputs: the number of input tensors.
        span: the place of the step.
    """
    values = {}
    for field, value in part.fields.items():
        template = value.template()
        values[field] = scope.integer(template) if _takes_int(part.op.model_fields[field].annotation) else template
    call = scope.classes.call(part.op.model_construct(**values), span, inputs, scope.types)
    for word, tie in part.ties.items():
        own = {word: Verbatim(f"{tie.name}.{tie.weight}"), **({"transpose": True} if tie.transpose else {})}
        call = Call(part.op.tied_layers[word], call.positional, {**own, **call.keywords})
    call = Call(call.target, call.positional, {**call.keywords, **(more or {})})
    return scope.names.call(call, ["dtype=dtype", f"name={name_literal(name)}"])


def _takes_int(annotation: Any) -> bool:
    return annotation is int or any(_takes_int(inner) for inner in get_args(annotation))


def _layer_call(use: LayerCall, scope: SourceScope, name: str) -> Source:
    """The constructor call of a layer of the spec: required arguments by position, the others by name."""
    args = scope.spec.layers[use.layer].args
    keywords = {
        argument: scope.integer(value.template()) if args[argument].type == "int" else value.template()
        for argument, value in use.arguments.items()
    }
    positional = []
    for argument, arg in args.items():
        if arg.default is not None or argument not in keywords:
            break
        positional.append(keywords.pop(argument))
    call = Call(use.layer, tuple(positional), keywords)
    return scope.names.call(call, ["dtype=dtype", f"name={name_literal(name)}"])


def layer_calls(step: Step, scope: SourceScope, name: str, inputs: int = 1) -> list[Source]:
    """The constructor calls of one copy of a step: the op, and its padding, norm and activation.

    Args:
        step: a step with an op or a layer of the spec.
        scope: the scope of the calls.
        name: the name of the step, with an expression in braces if its number is known only at run time.
        inputs: the number of input tensors.
    """
    if isinstance(step.action, LayerCall):
        return [_layer_call(step.action, scope, name)]
    if isinstance(step.action, EachStep):
        return [_each_step(step.action, scope, name)]
    assert isinstance(step.action, tuple)
    return [
        _part(part, scope, name if part.role == "main" else f"{name}_{part.role}", more, inputs, step.span)
        for part, more in _fused(step.action, scope.spec)
    ]


def _each_step(each: EachStep, scope: SourceScope, name: str) -> Source:
    """The constructor call of `TimeDistributed` around a layer, or around several in a `keras.Sequential`."""
    if group := group_of(each):
        inner: Source = sequential_call(each.steps, scope, quote(group))
    else:
        (inner,) = layer_list(each.steps, scope.numbered_anew())
    return Bracket("layers.TimeDistributed(", (inner, "dtype=dtype", f"name={name_literal(name)}"), ")")


def merge_call(merge: OpCall, scope: SourceScope, name: str) -> Source:
    """The constructor call of a merge, or of the one that its word chooses."""
    return _part(merge, scope, name, {}, 2, None)


def _part(
    part: OpCall, scope: SourceScope, name: str, more: Mapping[str, Any], inputs: int, span: Span | None
) -> Source:
    """The constructor call of one op, or of the one that its word chooses."""
    if part.choice is None:
        return op_call(part, scope, name, more, inputs, span)
    word = keras_word(scope.spec, part.choice)
    if word is not None and part.role == "activation":
        return scope.names.call(Call("layers.Activation", (word,)), ["dtype=dtype", f"name={name_literal(name)}"])
    identity = scope.names.call(Call("layers.Identity"), ["dtype=dtype", f"name={name_literal(name)}"])
    calls = {
        word: identity if word == "none" else op_call(part.choice.part(part.role, word), scope, name, {}, inputs, span)
        for word in words_of(scope.spec, part.choice) or part.choice.table
    }
    flat_calls = {word: flat(call) for word, call in calls.items()}
    return chosen(part.choice.word.content.tree, flat_calls, scope.names)


def layer_words(step: Step, spec: Spec) -> list[str]:
    """A word for each of `layer_calls`, to name variables after."""
    if isinstance(step.action, LayerCall):
        return [re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", step.action.layer).lower()]
    if isinstance(step.action, EachStep):
        return [step.kind]
    assert isinstance(step.action, tuple)
    return [part.role if part.choice else part.op.name for part, _ in _fused(step.action, spec)]


def main_place(step: Step, spec: Spec) -> int:
    """The place of the step's own op among `layer_calls`."""
    assert isinstance(step.action, tuple)
    return [part.role for part, _ in _fused(step.action, spec)].index("main")


def _fused(parts: Sequence[OpCall], spec: Spec) -> list[tuple[OpCall, dict[str, Any]]]:
    """The parts with their arguments; an activation that Keras knows by name is passed to the layer before it."""
    result: list[tuple[OpCall, dict[str, Any]]] = []
    for part in parts:
        last = result[-1][0] if result else None
        word = keras_word(spec, part.choice) if part.choice is not None else None
        if part.choice is not None:
            if word is not None and last and last.role == "main":
                result[-1] = last, {"activation": word}
            else:
                result.append((part, {}))
            continue
        if part.role == "activation" and last and last.role == "main" and known_by_name(part):
            result[-1] = last, {"activation": part.op.function}  # type: ignore[attr-defined]
        else:
            result.append((part, {}))
    return result


def sequential_call(steps: Sequence[Step], scope: SourceScope, name: str) -> Bracket:
    """`keras.Sequential([...], name=...)`; the steps are numbered from 1.

    Args:
        steps: a sequence of layers.
        scope: the scope of the call.
        name: the name as source.
    """
    items = list_literal(layer_list(steps, scope.numbered_anew()), one_per_line=True)
    return Bracket("keras.Sequential(", (items, f"name={name}"), ")")


def grouped(steps: Sequence[Step], can_share: Callable[[Step], bool] = lambda _: True) -> Iterator[list[Step]]:
    """Group the steps: neighbors without a loop and with the same `when` share one `if`.

    Args:
        steps: the steps of a body.
        can_share: whether a step may be grouped with others.
    """
    group: list[Step] = []
    for step in steps:
        if group and step.loop.when is not None and group[0].loop.when is not None:
            same_when = step.loop.when.template() == group[0].loop.when.template()
            alike = not step.loop.many and group[0].loop == replace(step.loop, when=group[0].loop.when)
            if same_when and alike and can_share(step) and can_share(group[0]):
                group.append(step)
                continue
        if group:
            yield group
        group = [step]
    if group:
        yield group


def layer_list(steps: Sequence[Step], scope: SourceScope) -> list[Source]:
    """The items of a list of layers: calls, and starred lists for loops and conditions."""
    items: list[Source] = []
    for group in grouped(steps):
        clauses = [loop_clauses(step, scope) for step in group]
        first = clauses[0]
        pairs = zip(group, clauses, strict=True)
        calls = [call for step, own in pairs for call in layer_calls(step, own.scope, own.name)]
        if group[0].loop.many:
            element: Source = calls[0] if len(calls) == 1 else "layer"
            more = [] if len(calls) == 1 else [surround("for layer in ", Bracket("(", tuple(calls), ")", "list"))]
            items.append(Bracket("*[", (element, *first.of_comprehension, *more), "]", "comprehension"))
        elif first.condition:
            row = Bracket("[", tuple(calls), "]", "list")
            items.append(Bracket("*(", (row, f"if {first.condition}", "else []"), ")", "comprehension"))
        else:
            items += calls
    return items
