"""The words that an expression can have, such as the name of a norm: all that the file passes to its arguments."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from archdsl.errors import Span
from archdsl.expr import Expression
from archdsl.ops import Op
from archdsl.ops.activation import Activation
from archdsl.ops.base import same
from archdsl.resolution.step_values import own_values
from archdsl.spec import Spec
from archdsl.steps import Branches, Choice, EachStep, LayerCall, OpCall, Step, Value


def every_step(steps: Sequence[Step]) -> Iterator[Step]:
    """The steps, including those in branches, shortcuts and `after`."""
    for step in steps:
        yield step
        if isinstance(step.action, Branches):
            branches = step.action
            for branch in branches.paths:
                yield from every_step(branch.steps)
            if not isinstance(branches.shortcut, Value):
                yield from every_step(branches.shortcut)
            yield from every_step(branches.after)
        elif isinstance(step.action, EachStep):
            yield from every_step(step.action.steps)


def known_by_name(part: OpCall) -> bool:
    """Whether the part is an activation that Keras knows by name: without arguments, and of the same shape."""
    fields = part.op.model_fields
    usual = all(same(value.template(), fields[name].default) for name, value in part.fields.items())
    complete = not any(field.is_required() for field in fields.values())
    return usual and complete and issubclass(part.op, Activation) and part.op.output is Op.output


def chosen_words(spec: Spec, choice: Choice) -> dict[str, Span | None]:
    """The words that a choice can have, each with the place that gives it.

    A model can be built with any activation that Keras knows by name; otherwise, only the file gives words.
    """
    free = [word for word in choice.table if known_by_name(choice.part("activation", word))]
    open_words = (*free, "none") if free else ()
    return possible_words(spec, choice.word, tuple(choice.table), open_words)


def possible_words(spec: Spec, value: Value, known: Sequence[str], open_words: Sequence[str]) -> dict[str, Span | None]:
    """The words that a value can have, over all values that the spec passes to its arguments.

    Args:
        spec: The spec.
        value: The value, in a step of the spec.
        known: All words, for an expression that could give any.
        open_words: The words that whoever builds the model may choose for an argument of the model.
    """
    return _Words(spec, known, open_words).of(_owner(spec, value), value.content, value.span)


def _owner(spec: Spec, value: Value) -> str:
    """The layer whose body has the value; empty for the model."""
    for layer in spec.layers.values():
        if any(own is value for step in every_step(layer.steps) for own in own_values(step)):
            return layer.name
    return ""


class _Words:
    def __init__(self, spec: Spec, known: Sequence[str], open_words: Sequence[str]) -> None:
        self.spec, self.known, self.open_words = spec, known, open_words
        self.seen: set[tuple[str, str]] = set()

    def of(self, owner: str, content: Any, span: Span | None) -> dict[str, Span | None]:
        match content:
            case Expression():
                return self.of(owner, content.tree, span)
            case ast.Constant():
                return {str(content.value): span}
            case ast.IfExp():
                return self.of(owner, content.body, span) | self.of(owner, content.orelse, span)
            case ast.Name() if (owner, content.id) in self.seen:
                return {}
            case ast.Name():
                self.seen.add((owner, content.id))
                return self._named(owner, content.id)
            case ast.expr():
                return dict.fromkeys(self.known)
        return {str(content): span}

    def _named(self, owner: str, name: str) -> dict[str, Span | None]:
        """The words of a column or an argument."""
        steps = self.spec.layers[owner].steps if owner else self.spec.model
        loops = [step.loop for step in every_step(steps)]
        actions = [step.action for step in every_step(steps)]
        loops += [path.loop for action in actions if isinstance(action, Branches) for path in action.paths]
        columns = [loop.columns[name] for loop in loops if name in loop.columns]
        if any(isinstance(column.content, Expression | int) for column in columns):
            return dict.fromkeys(self.known)
        words: dict[str, Span | None] = {}
        for item in (item for column in columns for item in column.items()):
            words |= self.of(owner, item.content, item.span)
        return words or (self._passed(owner, name) if owner else self._of_model(name))

    def _of_model(self, name: str) -> dict[str, Span | None]:
        words: dict[str, Span | None] = dict.fromkeys(self.open_words)
        for args in (self.spec.args, *(variant.args for variant in self.spec.variants.values())):
            default = args[name].default if name in args else None
            if default is not None:
                words[str(default.content)] = default.span
        return words or dict.fromkeys(self.known)

    def _passed(self, owner: str, name: str) -> dict[str, Span | None]:
        """The default of an argument of a layer, and the words that the spec passes for it."""
        if name not in self.spec.layers[owner].args:
            return dict.fromkeys(self.known)
        default = self.spec.layers[owner].args[name].default
        words: dict[str, Span | None] = {str(default.content): default.span} if default else {}
        likes = {owner}
        for layer in self.spec.layers.values():
            if layer.like in likes:
                likes.add(layer.name)
                words |= {str(layer.fixed[name]): layer.span} if name in layer.fixed else {}
        bodies = {layer.name: layer.steps for layer in self.spec.layers.values()} | {"": self.spec.model}
        for user, steps in bodies.items():
            for use in (step.action for step in every_step(steps) if isinstance(step.action, LayerCall)):
                if use.layer in likes and name in use.arguments:
                    given = use.arguments[name]
                    words |= self.of(user, given.content, given.span)
        return words
