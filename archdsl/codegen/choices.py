"""Norms, activations and merges that arguments choose: as conditions, or as the string that Keras takes."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from archdsl.codegen.expressions import ExpressionWriter
from archdsl.codegen.printer import Statements, quote
from archdsl.expr import Expression
from archdsl.ops import Call
from archdsl.resolution.words import chosen_words, every_step, known_by_name
from archdsl.spec import Spec
from archdsl.steps import Branches, Choice, OpCall, Step


def words_of(spec: Spec, choice: Choice) -> tuple[str, ...]:
    """The words of a choice for which the class needs code, in the order of the file."""
    return tuple(word for word in chosen_words(spec, choice) if word in choice.table or word == "none")


def keras_word(spec: Spec, choice: Choice) -> Any:
    """The activation as an argument of the layer before it, or None if Keras does not know all words by name."""
    words = words_of(spec, choice)
    if not all(known_by_name(choice.part("activation", word)) for word in words if word != "none"):
        return None
    content = choice.word.content
    return Call("unless_none", (content,)) if "none" in words else content


def chosen(tree: ast.expr, calls: Mapping[str, str], names: ExpressionWriter) -> str:
    """The source of the layer that an expression chooses.

    Args:
        tree: the expression.
        calls: the source of the layer for each of its words.
        names: the names in the scope.
    """
    if isinstance(tree, ast.Constant) and str(tree.value) in calls:
        return calls[str(tree.value)]
    if isinstance(tree, ast.IfExp):
        first = chosen(tree.body, calls, names)
        first = f"({first})" if isinstance(ast.parse(first, mode="eval").body, ast.IfExp) else first
        return f"{first} if {names.expression(tree.test)} else {chosen(tree.orelse, calls, names)}"
    source = names.expression(tree)
    *first_words, last = calls
    cases = [f"{calls[word]} if {source} == {quote(word)}" for word in first_words]
    return " else ".join([*cases, calls[last]])


def refused_words(spec: Spec, steps: Sequence[Step], arguments: Container[str]) -> dict[str, tuple[str, ...]]:
    """The arguments that are a choice in some steps, each with the words that it can have."""
    found: dict[str, tuple[str, ...]] = {}
    for choice in _choices(steps):
        tree = choice.word.content.tree if isinstance(choice.word.content, Expression) else None
        if isinstance(tree, ast.Name) and tree.id in arguments and keras_word(spec, choice) is None:
            found[tree.id] = words_of(spec, choice)
    return found


def _choices(steps: Sequence[Step]) -> Iterator[Choice]:
    for step in every_step(steps):
        parts: Sequence[OpCall] = step.action if isinstance(step.action, tuple) else ()
        if isinstance(step.action, Branches) and step.action.merge is not None:
            parts = (step.action.merge,)
        yield from (part.choice for part in parts if part.choice is not None)


def refuse_other_words(out: Statements, source: str, argument: str, words: Sequence[str]) -> None:
    """Write the lines that reject all other values of an argument that decides structure."""
    known = f"{', '.join(quote(word) for word in words)}{',' if len(words) == 1 else ''}"
    head = f"if {source} not in ({known}):"
    if any(line.strip() == head for line in out.text):
        return
    *first, last = (f"'{word}'" for word in words)
    either = f"{', '.join(first)} or {last}" if first else last
    with out.block(head):
        out.raise_value_error(f"`{argument}` must be {either}. ", f"Received: {argument}={{{argument}!r}}")
